// Families: the same bits for any kernels, threads and runs (I9); what positions see; what is
// refused by name; embeddings. That the numbers are right is tests/parity's to show.
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/forward.h"
#include "bits.h"
#include "specimen.h"

enum { WIDTH = 64, CONTEXT = 96, TEXT = 70, PAGES = CONTEXT / KERNEL_PAGE, VOCABULARY = 150 };

// A network without its vocabulary.
struct network {
    struct make make;
    struct view file;
    struct gguf gguf;
    struct model model;
    struct pool pool;
    struct forward forward;
    void *state;
};

static void network_lay(struct network *n, struct lay *lay) {
    model_lay(&n->model, lay);
    forward_lay(&n->forward, lay, 2 * PAGES);
}

static void network_open(struct network *n, const char *specimen, const char *key, uint32_t value) {
    *n = (struct network){.make = {.key = key, .kind = 4, .value = value}};
    n->file = specimen_make(&n->make, specimen_find(specimen), weight_type_find("F32"), false,
                            WIDTH);
    if (gguf_open(&n->gguf, &n->file, 1) != SK_OK || model_read(&n->model, &n->gguf) != SK_OK)
        fail_msg("%s: %s", specimen, fail_text());
    n->model.vocabulary = VOCABULARY;
    n->forward = (struct forward){
        .model = &n->model, .pool = &n->pool, .context = CONTEXT, .threads = 3};
    struct lay lay = {0};
    network_lay(n, &lay);
    n->state = aligned_alloc(LAY_ALIGN, lay.used);
    assert_non_null(n->state);
    memset(n->state, 0, lay.used);
    lay = (struct lay){.base = n->state};
    network_lay(n, &lay);
    if (model_bind(&n->model, &n->gguf, CONTEXT) != SK_OK) fail_msg("%s: %s", specimen, fail_text());
}

static void network_close(struct network *n) {
    free(n->state);
    gguf_close(&n->gguf);
    make_free(&n->make);
}

// How a text is run: kernels, threads, columns at a time.
struct way {
    enum engine_kernels kernels;
    uint32_t threads, columns;
};

static void ids_fill(int32_t *ids) {
    for (int32_t i = 0; i < TEXT; i++) ids[i] = 5 + (i * 37 + i * i) % 140;
}

// The logits after the text, or an encoder's last state. False: the CPU lacks the kernels.
static bool network_run(struct network *n, const int32_t *ids, struct way way, float *out) {
    static const uint32_t pages[PAGES] = {4, 1, 0, 5, 2, 3};
    if (kernels_choose(way.kernels, &n->forward.kernels) != SK_OK) return false;
    assert_int_equal(pool_open(&n->pool, way.threads), SK_OK);
    if (n->model.family->encoder) {
        const float *states = forward_encode(&n->forward, ids, TEXT);
        memcpy(out, states + (TEXT - 1) * WIDTH, WIDTH * sizeof *out);
    } else {
        uint32_t count = 0;
        for (uint32_t first = 0; first < TEXT; first += count) {
            struct forward_column columns[KERNEL_COLUMNS_MAX];
            count = TEXT - first < way.columns ? TEXT - first : way.columns;
            for (uint32_t i = 0; i < count; i++)
                columns[i] = (struct forward_column){ids[first + i], first + i, pages, 0};
            forward_run(&n->forward, columns, count);
        }
        forward_logits(&n->forward, &(uint32_t){count - 1}, 1, out);
    }
    pool_close(&n->pool);
    return true;
}

static void every_way_gives_the_same_bits(void **state) {
    (void)state;
    static const struct way ways[] = {{ENGINE_SCALAR, 3, 1},  {ENGINE_AVX2, 1, 32},
                                      {ENGINE_AVX2, 3, 5},    {ENGINE_AVX512, 1, 7},
                                      {ENGINE_AVX512, 3, 32}, {ENGINE_AVXVNNI, 3, 7},
                                      {ENGINE_NEON, 1, 32},   {ENGINE_NEON, 3, 5},
                                      {ENGINE_NEONDOT, 1, 7}, {ENGINE_NEONDOT, 3, 32}};
    static float want[VOCABULARY + 16], got[VOCABULARY + 16];
    int32_t ids[TEXT];
    ids_fill(ids);
    for (const struct specimen *s = specimens; s->name; s++) {
        struct network n;
        network_open(&n, s->name, NULL, 0);
        assert_true(network_run(&n, ids, (struct way){ENGINE_SCALAR, 1, 32}, want));
        float most = 0;
        for (size_t i = 0; i < WIDTH; i++) most = fabsf(want[i]) > most ? fabsf(want[i]) : most;
        assert_true(isfinite(most) && most > 0.1f);
        bits_add_floats(want, VOCABULARY + 16);
        bits_say(s->name);
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
            if (network_run(&n, ids, ways[w], got) && memcmp(got, want, sizeof want) != 0)
                fail_msg("%s: way %zu", s->name, w);
        network_close(&n);
    }
}

// The text, and its reverse in between: the logits after the first.
static void run_in_company(struct network *n, const int32_t *ids, float *out) {
    static const uint32_t pages[2][PAGES] = {{4, 1, 0, 5, 2, 3}, {11, 8, 7, 6, 9, 10}};
    assert_int_equal(kernels_choose(ENGINE_AUTO, &n->forward.kernels), SK_OK);
    assert_int_equal(pool_open(&n->pool, 2), SK_OK);
    for (uint32_t first = 0, count; first < TEXT; first += count) {
        struct forward_column columns[KERNEL_COLUMNS_MAX];
        count = TEXT - first < 13 ? TEXT - first : 13;
        for (uint32_t i = 0; i < 2 * count; i++) {
            uint32_t at = first + i / 2;
            columns[i] = (struct forward_column){ids[i % 2 ? TEXT - 1 - at : at], at, pages[i % 2], 0};
        }
        forward_run(&n->forward, columns, 2 * count);
        forward_logits(&n->forward, &(uint32_t){2 * count - 2}, 1, out);
    }
    pool_close(&n->pool);
}

static void company_changes_nothing(void **state) {
    (void)state;
    static float want[VOCABULARY + 16], got[VOCABULARY + 16];
    int32_t ids[TEXT];
    ids_fill(ids);
    for (const struct specimen *s = specimens; s->name; s++) {
        struct network n;
        network_open(&n, s->name, NULL, 0);
        if (!n.model.family->encoder) {
            network_run(&n, ids, (struct way){ENGINE_AUTO, 1, 32}, want);
            run_in_company(&n, ids, got);
            if (memcmp(got, want, sizeof want) != 0) fail_msg("%s", s->name);
        }
        network_close(&n);
    }
}

// A text whose states overflow, in rows that are no whole sixteens: the next text does not notice.
static void what_overflows_leaves_nothing_behind(void **state) {
    (void)state;
    enum { ODD_WIDTH = 72, LARGE_ID = 9 };
    static const char *const names[] = {"gemma2", "gemma3", "granitemoe"};
    static const float large = 5e37f; // x sqrt(72) or 12 is too large
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct make make = {0};
        struct gguf gguf;
        struct engine *engine;
        struct engine_options options = {.context = CONTEXT, .slots = 1, .threads = 1};
        struct view file = specimen_make(&make, specimen_find(names[i]), weight_type_find("F32"),
                                         false, ODD_WIDTH);
        assert_int_equal(gguf_open(&gguf, &file, 1), SK_OK);
        const struct gguf_tensor *t = gguf_tensor(&gguf, "token_embd.weight");
        memcpy(make.file.at + t->offset + LARGE_ID * ODD_WIDTH * sizeof large, &large,
               sizeof large);
        gguf_close(&gguf);
        if (engine_open(&engine, &file, 1, options) != SK_OK) fail_msg("%s", fail_text());
        float want[TEXT], got[TEXT];
        int32_t ids[TEXT];
        ids_fill(ids);
        for (size_t j = 0; j < TEXT; j++) ids[j] += ids[j] == LARGE_ID;
        if (engine_score(engine, ids, TEXT, want) != SK_OK) fail_msg("%s", fail_text());
        ids[3] = LARGE_ID;
        assert_int_equal(engine_score(engine, ids, TEXT, got), SK_CORRUPT);
        ids[3] = LARGE_ID + 1;
        if (engine_score(engine, ids, TEXT, got) != SK_OK)
            fail_msg("%s afterwards: %s", names[i], fail_text());
        assert_memory_equal(got, want, 3 * sizeof *got);
        engine_close(engine);
        make_free(&make);
    }
}

// ---- what a position sees ----

// Whether the last position's result hangs on token `changed`.
static bool sees(struct network *n, uint32_t changed) {
    static float want[VOCABULARY + 16], got[VOCABULARY + 16];
    struct way way = {ENGINE_AUTO, 1, 32};
    int32_t ids[TEXT];
    ids_fill(ids);
    network_run(n, ids, way, want);
    ids[changed]++;
    network_run(n, ids, way, got);
    return memcmp(got, want, sizeof want) != 0;
}

// Two layers: twice what one window reaches back. An encoder's window reaches half its width.
static void windows_end_where_they_say(void **state) {
    (void)state;
    enum { LAST = TEXT - 1, WINDOW = 8 };
    struct network n;
    network_open(&n, "mistral", "llama.attention.sliding_window", WINDOW);
    assert_true(sees(&n, LAST - 2 * (WINDOW - 1)));
    assert_false(sees(&n, LAST - 2 * (WINDOW - 1) - 1));
    network_close(&n);
    network_open(&n, "mistral", "llama.attention.sliding_window", 0);
    assert_true(sees(&n, 0));
    network_close(&n);
    network_open(&n, "phi3", "phi3.attention.sliding_window", WINDOW); // ignored
    assert_true(sees(&n, 0));
    network_close(&n);
    network_open(&n, "gemma2", "gemma2.attention.sliding_window_pattern", 0); // all three layers
    n.model.window = WINDOW;
    assert_true(sees(&n, LAST - 3 * (WINDOW - 1)));
    assert_false(sees(&n, LAST - 3 * (WINDOW - 1) - 1));
    network_close(&n);
    network_open(&n, "modern-bert", "modern-bert.attention.sliding_window_pattern", 0);
    n.model.window = WINDOW;
    assert_true(sees(&n, LAST - 4 * WINDOW / 2));
    assert_false(sees(&n, LAST - 4 * WINDOW / 2 - 1));
    network_close(&n);
}

static void encoders_see_what_comes_after(void **state) {
    (void)state;
    struct network n;
    network_open(&n, "bert", NULL, 0);
    float first[2];
    int32_t ids[TEXT];
    ids_fill(ids);
    assert_int_equal(pool_open(&n.pool, 1), SK_OK);
    assert_int_equal(kernels_choose(ENGINE_AUTO, &n.forward.kernels), SK_OK);
    first[0] = forward_encode(&n.forward, ids, TEXT)[0];
    ids[TEXT - 1]++;
    first[1] = forward_encode(&n.forward, ids, TEXT)[0];
    assert_true(first[0] != first[1]);
    pool_close(&n.pool);
    network_close(&n);
}

// phi3's second set of factors is for contexts longer than the one it was trained with before.
static void long_contexts_have_factors_of_their_own(void **state) {
    (void)state;
    struct network n;
    double rate[2];
    for (uint32_t i = 0; i < 2; i++) {
        network_open(&n, "phi3", "phi3.rope.scaling.original_context_length", CONTEXT - i);
        rate[i] = n.model.rope.rates[1];
        network_close(&n);
    }
    assert_true(rate[0] > rate[1]);
}

// ---- refusals ----

struct lie {
    const char *specimen;
    struct make make;
    enum sk_code code;
    const char *names;
};

#define U32(name, number) .key = name, .kind = 4, .value = number
#define F32(name, bits) .key = name, .kind = 6, .value = bits // 2.0 is 0x40000000
#define TEXT_KEY(name, string) .key = name, .kind = 8, .text = string

static const struct lie lies[] = {
    {"llama", {F32("llama.expert_weights_scale", 0x40000000)}, SK_OK, ""}, // there are none
    {"mixtral", {F32("llama.expert_weights_scale", 0)}, SK_OK, ""},
    {"llama", {F32("llama.final_logit_softcapping", 0x40000000)}, SK_UNSUPPORTED, "softcapping"},
    {"llama", {F32("llama.logit_scale", 0x40000000)}, SK_UNSUPPORTED, "logit_scale"},
    {"llama", {F32("llama.attention.temperature_scale", 0x40000000)}, SK_UNSUPPORTED, "temperature"},
    {"llama", {F32("llama.attention.clamp_kqv", 0x40000000)}, SK_UNSUPPORTED, "clamp_kqv"},
    {"llama", {TEXT_KEY("llama.rope.scaling.type", "dynamic")}, SK_UNSUPPORTED, "\"dynamic\""},
    {"llama", {TEXT_KEY("llama.rope.scaling.type", "none")}, SK_OK, ""},
    {"llama", {F32("llama.rope.scaling.factor", 0x3f000000)}, SK_CORRUPT, "below 1"},
    {"llama", {F32("llama.attention.scale", 0x7fc00000)}, SK_CORRUPT, "attention.scale"},
    {"llama", {.key = "llama.attention.causal", .kind = 7}, SK_UNSUPPORTED, "attention.causal"},
    {"llama", {U32("llama.attention.value_length", 8)}, SK_UNSUPPORTED, "differs from key_length"},
    {"llama", {U32("llama.expert_count", 4)}, SK_CORRUPT, "expert_used_count"},
    {"llama", {.tensor = "blk.0.ffn_up.weight", .dims = 3, .shape = {0, 0, 2}}, SK_CORRUPT, "ffn_up"},
    {"llama-yarn", {F32("llama.rope.scaling.yarn_beta_fast", 0)}, SK_CORRUPT, "beta_fast"},
    {"mixtral", {U32("llama.expert_used_count", 5)}, SK_CORRUPT, "expert_used_count"},
    {"mixtral", {U32("llama.expert_count", 3)}, SK_CORRUPT, "ffn_gate_inp"},
    {"mixtral", {F32("llama.expert_weights_scale", 0x40000000)}, SK_UNSUPPORTED, "weights_scale"},
    {"mixtral", {F32("llama.expert_weights_scale", 0x3f800000)}, SK_OK, ""},
    {"mixtral", {U32("llama.expert_gating_func", 2)}, SK_UNSUPPORTED, "gating_func"},
    {"mixtral", {U32("llama.expert_group_count", 0x101)}, SK_UNSUPPORTED, "group_count"},
    {"granitemoe", {U32("granitemoe.expert_shared_feed_forward_length", 1)}, SK_UNSUPPORTED, "shared"},
    {"llama", {.key = "llama.attention.head_count", .kind = 9}, SK_CORRUPT, "not one number per"},
    {"granite4", {.drop = "granite.attention.head_count"}, SK_CORRUPT, "head_count: missing"},
    {"bert", {.key = "bert.attention.head_count_kv", .kind = 9}, SK_CORRUPT, "head_count_kv: not"},
    {"qwen2", {U32("qwen2.attention.sliding_window", 16)}, SK_UNSUPPORTED, "sliding_window"},
    {"qwen2", {U32("qwen2.attention.sliding_window", 1 << 20)}, SK_OK, ""},
    {"qwen2", {U32("qwen2.expert_count", 4)}, SK_UNSUPPORTED, "expert_count"},
    {"gptneox", {.drop = "gptneox.use_parallel_residual"}, SK_CORRUPT, "use_parallel_residual"},
    {"gptneox", {.drop = "blk.0.attn_qkv.bias"}, SK_CORRUPT, "attn_qkv.bias: missing"},
    {"gptneox", {.drop = "blk.1.ffn_norm.bias"}, SK_CORRUPT, "ffn_norm.bias: missing"},
    {"phi3-long", {.drop = "rope_factors_short.weight"}, SK_CORRUPT, "factors_short.weight: miss"},
    {"gemma3", {.key = "gemma3.attention.sliding_window_pattern", .kind = 9}, SK_CORRUPT, "pattern"},
    {"gemma3", {.drop = "blk.2.post_ffw_norm.weight"}, SK_CORRUPT, "post_ffw_norm"},
    {"granite", {F32("granite.logit_scale", 0)}, SK_CORRUPT, "logit_scale"},
    {"modern-bert", {U32("modern-bert.pooling_type", 5)}, SK_UNSUPPORTED, "pooling_type: 5"},
    {"modern-bert", {U32("modern-bert.pooling_type", 4)}, SK_CORRUPT, "cls.output.weight: missing"},
    {"bert-rank", {U32("bert.pooling_type", 1)}, SK_OK, ""}, // embeddings do not pass the head
    {"bert-rank", {.drop = "cls.output.bias"}, SK_OK, ""},
    {"bert-rank", {.drop = "cls.weight"}, SK_UNSUPPORTED, "cls.bias"},
    {"bert-rank", {.tensor = "cls.output.weight", .shape = {0, 2}}, SK_CORRUPT, "cls.output.weight"},
    {"bert-rank", {.key = "bert.classifier.output_labels", .kind = 4}, SK_CORRUPT, "output_labels"},
    {"modern-bert", {TEXT_KEY("modern-bert.hidden_activation", "relu")}, SK_UNSUPPORTED, "\"relu\""},
    {"modern-bert", {TEXT_KEY("modern-bert.hidden_activation", "silu")}, SK_OK, ""},
    {"modern-bert", {.drop = "blk.1.attn_norm.weight"}, SK_CORRUPT, "attn_norm.weight: missing"},
};

static enum sk_code open_specimen(struct engine **engine, const char *name, struct make *make) {
    struct engine_options options = {.context = CONTEXT, .slots = 1, .threads = 1};
    const struct weight_type *type = weight_type_find("Q8_0");
    struct view file = specimen_make(make, specimen_find(name), type, false, WIDTH);
    enum sk_code code = engine_open(engine, &file, 1, options);
    return code;
}

static void what_is_not_computed_is_refused_by_name(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct make make = lies[i].make;
        struct engine *engine = NULL;
        enum sk_code code = open_specimen(&engine, lies[i].specimen, &make);
        if (code != lies[i].code || (code && !strstr(fail_text(), lies[i].names)))
            fail_msg("lie %zu (%s %s): %s %s", i, lies[i].specimen, lies[i].names, fail_name(code),
                     code ? fail_text() : "");
        engine_close(engine);
        make_free(&make);
    }
}

// ---- embeddings ----

static void embeddings_have_length_one(void **state) {
    (void)state;
    struct make make = {0};
    struct engine *engine;
    float out[WIDTH], again[WIDTH];
    int32_t ids[TEXT];
    ids_fill(ids);
    assert_int_equal(open_specimen(&engine, "modern-bert", &make), SK_OK);
    assert_true(engine_shape(engine).encoder);
    assert_int_equal(engine_embed(engine, ids, TEXT, out), SK_OK);
    double squares = 0;
    for (size_t i = 0; i < WIDTH; i++) squares += (double)out[i] * (double)out[i];
    assert_true(fabs(squares - 1) < 1e-6);
    assert_int_equal(engine_embed(engine, ids, 1, again), SK_OK); // another text in between
    assert_int_equal(engine_embed(engine, ids, TEXT, again), SK_OK);
    assert_memory_equal(again, out, sizeof out);
    assert_int_equal(engine_embed(engine, ids, 0, out), SK_INPUT);
    assert_int_equal(engine_embed(engine, &(int32_t){1 << 20}, 1, out), SK_INPUT);
    assert_int_equal(engine_embed(engine, ids, CONTEXT + 1, out), SK_LIMIT);
    struct engine_job job = {.tokens_max = 1};
    assert_int_equal(engine_start(engine, 0, &job, ids, 3), SK_UNSUPPORTED);
    engine_close(engine);
    make_free(&make);
    make = (struct make){0};
    assert_int_equal(open_specimen(&engine, "qwen2", &make), SK_OK);
    assert_false(engine_shape(engine).encoder);
    assert_int_equal(engine_embed(engine, ids, 3, out), SK_UNSUPPORTED);
    engine_close(engine);
    make_free(&make);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_gives_the_same_bits),
        cmocka_unit_test(company_changes_nothing),
        cmocka_unit_test(what_overflows_leaves_nothing_behind),
        cmocka_unit_test(windows_end_where_they_say),
        cmocka_unit_test(encoders_see_what_comes_after),
        cmocka_unit_test(long_contexts_have_factors_of_their_own),
        cmocka_unit_test(what_is_not_computed_is_refused_by_name),
        cmocka_unit_test(embeddings_have_length_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
