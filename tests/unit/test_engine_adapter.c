// Adapters: what one adds is what adding it to the weights gives; any mix of them in a step gives
// each job the bits it has alone (I9); pages are not shared between them; what is refused by name.
#include "cmocka_all.h"

#include <math.h>

#include "adapter_make.h"
#include "engine/engine.h"
#include "engine/kernels.h"
#include "specimen.h"

enum { CONTEXT = 96, TEXT = 70, TOKENS = 24, ADAPTERS = 2, SLOTS = 6 };

static int32_t text_ids[CONTEXT];

static void make_text_ids(void) {
    for (uint32_t i = 0; i < CONTEXT; i++) text_ids[i] = 10 + (int32_t)(i * i * 7 + i * 3) % 110;
}

static struct engine *open_engine(struct view model, const struct engine_adapter *adapters,
                                  uint32_t len, struct engine_options options) {
    struct engine *engine;
    options.adapters = adapters;
    options.adapters_len = len;
    options.context = CONTEXT;
    if (engine_open_file(&engine, model, options) == SK_OK) return engine;
    if (!strstr(fail_text(), "CPU lacks")) fail_msg("%s", fail_text());
    return NULL;
}

static struct engine_options few(void) {
    return (struct engine_options){.slots = 1, .threads = 1};
}

static double furthest(const float *a, const float *b) {
    double most = 0;
    for (uint32_t i = 1; i < TEXT; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

// ---- an adapter is its merged weights ----

static void assert_merged(const char *family, struct make_adapter adapter, float wanted) {
    float plain[TEXT], adapted[TEXT], merged[TEXT], again[TEXT];
    struct make make = {.chance = 5};
    struct view model = specimen_make(&make, specimen_find(family), weight_type_find("F32"), false,
                                      64);
    struct view file = make_adapter_file(&adapter, model);
    struct engine_adapter one = {file, VIEW("polite"), wanted};
    struct engine *engine = open_engine(model, &one, 1, few());
    assert_int_equal(engine_score(engine, text_ids, TEXT, plain), SK_OK);
    assert_int_equal(engine_score_adapted(engine, 1, text_ids, TEXT, adapted), SK_OK);
    assert_int_equal(engine_score(engine, text_ids, TEXT, again), SK_OK);
    assert_memory_equal(plain, again, sizeof plain);
    engine_close(engine);
    engine = open_engine(model, NULL, 0, few());
    assert_int_equal(engine_score(engine, text_ids, TEXT, again), SK_OK);
    assert_memory_equal(plain, again, sizeof plain); // as if there were no adapter
    engine_close(engine);
    make_merge(model, file, adapter.alpha, (double)wanted);
    engine = open_engine(model, NULL, 0, few());
    assert_int_equal(engine_score(engine, text_ids, TEXT, merged), SK_OK);
    engine_close(engine);
    if (furthest(plain, merged) < 0.05 || furthest(adapted, merged) > 0.005)
        fail_msg("%s: the adapter moves a logprob by %g, and is %g from its merged weights", family,
                 furthest(plain, merged), furthest(adapted, merged));
    make_free(&adapter.make);
    make_free(&make);
}

static void an_adapter_is_its_merged_weights(void **state) {
    (void)state;
    static const char *const families[] = {"llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3",
                                           "phi2", "gptneox", "olmo2", "granite", "mixtral"};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        assert_merged(families[i], (struct make_adapter){.rank = 5, .alpha = 0.5f}, 1);
    // One kind of matrix at a time, other ranks, F16, no alpha, a scale of one's own.
    static const char *const names[] = {"attn_q.", "attn_k.", "attn_v.", "attn_output", "ffn_gate.",
                                        "ffn_up", "ffn_down"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_merged("llama", (struct make_adapter){.rank = 1 + (uint32_t)i * 11, .alpha = 3,
                                                     .only = names[i], .type = QUANT_F16 + 1}, -0.5f);
    assert_merged("qwen2", (struct make_adapter){.rank = 300, .only = "output.weight"}, 0.01f);
}

// ---- beside others ----

struct answer {
    uint32_t tokens, cached;
    int32_t token[TOKENS];
    float logprob[TOKENS];
};

static struct engine_job job_of(uint32_t slot, bool one_by_one) {
    return (struct engine_job){.tokens_max = TOKENS,
                               .logprobs = 1,
                               .adapter = slot % (ADAPTERS + 1),
                               .one_by_one = one_by_one,
                               .sampling = {.temperature = slot < 3 ? 0 : 0.7f, .seed = slot}};
}

static void take(struct answer *answer, const struct engine_event *event) {
    assert_true(event->kind != ENGINE_FAILED);
    if (event->kind <= ENGINE_PREFILL) return;
    answer->cached = event->prompt_cached;
    answer->token[answer->tokens] = event->token;
    answer->logprob[answer->tokens++] = event->logprob;
}

static void run_alone(struct engine *engine, const struct engine_job *job, struct answer *answer) {
    struct engine_event event;
    *answer = (struct answer){0};
    if (engine_start(engine, 0, job, text_ids, 40) != SK_OK) fail_msg("%s", fail_text());
    do {
        engine_step(engine, &(uint32_t){0}, 1, &event);
        take(answer, &event);
    } while (event.kind <= ENGINE_TEXT);
}

// All slots in every step, each in its turn the first of it.
static void run_together(struct engine *engine, struct answer *answers) {
    uint32_t running[SLOTS], len = SLOTS;
    struct engine_event events[SLOTS];
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct engine_job job = job_of(i, false);
        running[i] = i;
        answers[i] = (struct answer){0};
        if (engine_start(engine, i, &job, text_ids, 40) != SK_OK) fail_msg("%s", fail_text());
    }
    while (len > 0) {
        uint32_t left = 0, first = running[0];
        memmove(running, running + 1, (len - 1) * sizeof *running);
        running[len - 1] = first;
        engine_step(engine, running, len, events);
        for (uint32_t i = 0; i < len; i++) {
            take(&answers[running[i]], &events[i]);
            if (events[i].kind <= ENGINE_TEXT) running[left++] = running[i];
        }
        len = left;
    }
}

static void assert_same(const struct answer *a, const struct answer *b) {
    assert_int_equal(a->tokens, b->tokens);
    assert_memory_equal(a->token, b->token, sizeof a->token);
    assert_memory_equal(a->logprob, b->logprob, sizeof a->logprob);
}

static void bits_do_not_depend_on_company(void **state) {
    (void)state;
    static const char *const types[] = {"F32", "Q8_0", "Q4_0"};
    for (size_t type = 0; type < 3; type++) {
        struct make make = {.chance = 5};
        struct make_adapter files[ADAPTERS] = {{.rank = 8, .alpha = 1, .make = {.chance = 1}},
                                               {.rank = 3, .alpha = 1, .make = {.chance = 2},
                                                .type = QUANT_F16 + 1, .only = "ffn"}};
        struct view model = specimen_make(&make, specimen_find("llama"),
                                          weight_type_find(types[type]), false, 64);
        struct engine_adapter adapters[ADAPTERS];
        for (size_t i = 0; i < ADAPTERS; i++)
            adapters[i] = (struct engine_adapter){make_adapter_file(&files[i], model), VIEW("a"), 1};
        struct engine_options options = {.slots = 1, .threads = 1, .kernels = ENGINE_SCALAR};
        struct engine *engine = open_engine(model, adapters, ADAPTERS, options);
        struct answer alone[SLOTS], beside[SLOTS];
        for (uint32_t i = 0; i < SLOTS; i++) {
            struct engine_job job = job_of(i, true);
            run_alone(engine, &job, &alone[i]);
        }
        engine_close(engine);
        for (uint32_t i = 1; i < 3; i++) // so that a test which tests nothing fails
            assert_memory_not_equal(alone[i].logprob, alone[i - 1].logprob, sizeof alone->logprob);
        options.slots = SLOTS;
        for (enum engine_kernels k = ENGINE_SCALAR; k < ENGINE_KERNELS_END; k++) {
            options.kernels = k;
            options.threads = 1 + k % 3;
            engine = open_engine(model, adapters, ADAPTERS, options);
            if (!engine) continue;
            run_together(engine, beside);
            for (uint32_t i = 0; i < SLOTS; i++) assert_same(&alone[i], &beside[i]);
            engine_close(engine);
        }
        for (size_t i = 0; i < ADAPTERS; i++) make_free(&files[i].make);
        make_free(&make);
    }
}

// Keys and values of one adapter, or of none, are not another's.
static void pages_are_found_by_adapter(void **state) {
    (void)state;
    struct make make = {.chance = 5};
    struct make_adapter file = {.rank = 4, .alpha = 1};
    struct view model = specimen_make(&make, specimen_find("llama"), weight_type_find("F32"), false,
                                      64);
    struct view bytes = make_adapter_file(&file, model);
    struct engine_adapter adapters[] = {{bytes, VIEW("a"), 1}, {bytes, VIEW("b"), 1}};
    struct engine_options options = {.slots = 4, .threads = 1}; // so that all pages are kept
    struct engine *engine = open_engine(model, adapters, 2, options);
    static const uint32_t order[] = {0, 1, 2, 0, 1, 2}, cached[] = {0, 0, 0, 32, 32, 32};
    struct answer first[3], again;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        struct engine_job job = {.tokens_max = TOKENS, .logprobs = 1, .tenant = 9,
                                 .adapter = order[i]};
        run_alone(engine, &job, i < 3 ? &first[i] : &again);
        assert_int_equal((i < 3 ? &first[i] : &again)->cached, cached[i]);
        if (i >= 3) assert_same(&first[order[i]], &again);
    }
    assert_same(&first[1], &first[2]); // one file twice
    engine_close(engine);
    make_free(&file.make);
    make_free(&make);
}

// The score of a prompt's tokens, as jobs have it, is that of the text.
static void prompts_are_scored_with_it(void **state) {
    (void)state;
    struct make make = {.chance = 5};
    struct make_adapter file = {.rank = 4, .alpha = 1};
    struct view model = specimen_make(&make, specimen_find("llama"), weight_type_find("F32"), false,
                                      64);
    struct engine_adapter one = {make_adapter_file(&file, model), VIEW("a"), 1};
    struct engine *engine = open_engine(model, &one, 1, few());
    struct engine_job job = {.prompt_only = true, .score_from = 1, .adapter = 1};
    struct engine_event event;
    float want[TEXT];
    assert_int_equal(engine_score_adapted(engine, 1, text_ids, TEXT, want), SK_OK);
    assert_int_equal(engine_start(engine, 0, &job, text_ids, TEXT), SK_OK);
    do {
        engine_step(engine, &(uint32_t){0}, 1, &event);
        for (uint32_t i = 0; i < event.scores_len; i++)
            assert_memory_equal(&event.scores[i].logprob, &want[event.scores_at + i], sizeof *want);
    } while (event.kind <= ENGINE_TEXT);
    struct engine_shape shape = engine_shape(engine), look;
    struct engine_options options = few();
    options.context = CONTEXT;
    options.adapters = &one;
    options.adapters_len = 1;
    assert_int_equal(engine_look(&model, 1, options, &look), SK_OK);
    assert_int_equal(look.state_bytes, shape.state_bytes);
    assert_int_equal(look.weights_bytes, shape.weights_bytes);
    options.adapters_len = 0;
    assert_int_equal(engine_look(&model, 1, options, &look), SK_OK);
    assert_int_equal(look.weights_bytes, shape.weights_bytes - one.file.len);
    assert_true(look.state_bytes < shape.state_bytes);
    engine_close(engine);
    make_free(&file.make);
    make_free(&make);
}

// ---- refusals ----

#define Q "blk.0.attn_q.weight"

static void adapters_are_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *family;
        struct make_adapter file;
        enum sk_code code;
        const char *text;
    } cases[] = {
        {"llama", {.make = {.drop = "general.type"}}, SK_CORRUPT, "key general.type: missing"},
        {"llama", {.make = {.key = "general.type", .kind = 8, .text = "model"}}, SK_UNSUPPORTED,
         "key general.type: \"model\", not \"adapter\""},
        {"llama", {.make = {.key = "adapter.type", .kind = 8, .text = "loha"}}, SK_UNSUPPORTED,
         "key adapter.type: \"loha\", not \"lora\""},
        {"llama", {.make = {.key = "adapter.lora.alpha", .kind = 6, .value = 0x7fc00000}},
         SK_CORRUPT, "key adapter.lora.alpha: "},
        {"llama", {.make = {.key = "adapter.alora.invocation_tokens", .kind = 9}}, SK_UNSUPPORTED,
         "key adapter.alora.invocation_tokens: "},
        {"llama", {.architecture = "qwen2"}, SK_UNSUPPORTED,
         "trained over a qwen2 model, this one is llama"},
        {"llama", {.make = {.drop = Q ".lora_a"}}, SK_CORRUPT, "tensor " Q ".lora_a: missing"},
        {"llama", {.make = {.drop = Q ".lora_b"}}, SK_CORRUPT, "tensor " Q ".lora_b: missing"},
        {"llama", {.make = {.tensor = Q ".lora_a", .shape = {32, 4}}}, SK_CORRUPT,
         "tensor " Q ": the pair is for 32 x 64, the model's is 64 x 64"},
        {"llama", {.make = {.tensor = Q ".lora_b", .shape = {4, 32}}}, SK_CORRUPT,
         "tensor " Q ": the pair is for 64 x 32, the model's is 64 x 64"},
        {"llama", {.make = {.tensor = Q ".lora_b", .shape = {2, 64}}}, SK_CORRUPT,
         "tensor " Q ".lora_b: rank 2, but 4 of .lora_a"},
        {"llama", {.make = {.tensor = Q ".lora_b", .dims = 3, .shape = {4, 16, 4}}}, SK_UNSUPPORTED,
         "tensor " Q ".lora_b: 3 dimensions"},
        {"llama", {.make = {.poison = Q ".lora_b"}}, SK_CORRUPT,
         "tensor " Q ".lora_b: holds NaN or infinity"},
        {"llama", {.only = "none of them"}, SK_CORRUPT, "an adapter without tensors"},
        {"bert", {.rank = 4}, SK_UNSUPPORTED, "adapter polite: not computed for bert models"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct make make = {.chance = 5};
        struct make_adapter file = cases[i].file;
        struct view model = specimen_make(&make, specimen_find(cases[i].family),
                                          weight_type_find("F32"), false, 64);
        file.rank = 4;
        file.alpha = 8;
        struct make_adapter good = {.rank = 2, .only = "attn_v.weight"};
        struct engine_adapter both[] = {{make_adapter_file(&good, model), VIEW("good"), 1},
                                        {make_adapter_file(&file, model), VIEW("polite"), 1}};
        uint32_t failed = 9, bad = i + 1 < sizeof cases / sizeof *cases; // not bert's
        struct engine_options options = few();
        struct engine *engine;
        options.adapters = both + !bad;
        options.adapters_len = 1 + bad;
        options.adapter_failed = &failed;
        enum sk_code code = engine_open_file(&engine, model, options);
        if (code != cases[i].code || !strstr(fail_text(), "adapter polite: ") ||
            !strstr(fail_text(), cases[i].text) || failed != 1 + bad)
            fail_msg("case %zu: %s: %s", i, fail_name(code), fail_text());
        make_free(&good.make);
        make_free(&file.make);
        make_free(&make);
    }
}

// Pairs that nothing computes: of a table, of norms, of another model.
static void pairs_must_be_used(void **state) {
    (void)state;
    static const struct {
        const char *tensor, *half, *text;
    } cases[] = {
        {"token_embd.weight", ".lora_a", "tensor token_embd.weight.lora_a: this build does not adapt"},
        {"blk.9.attn_q.weight", ".lora_a", "tensor blk.9.attn_q.weight.lora_a: the model has no such"},
        {"blk.0.attn_norm.weight", "", "tensor blk.0.attn_norm.weight: neither .lora_a nor .lora_b"},
    };
    struct make make = {.chance = 5};
    struct view model = specimen_make(&make, specimen_find("llama"), weight_type_find("F32"), false,
                                      64);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct make_adapter file = {.rank = 4, .only = "none of them"};
        char name[64];
        make_adapter_file(&file, model);
        file.make.file.len = 0;
        snprintf(name, sizeof name, "%s%s", cases[i].tensor, cases[i].half);
        make_tensor(&file.make, name, QUANT_F32, 64, 4);
        snprintf(name, sizeof name, "%s.lora_b", cases[i].tensor);
        if (*cases[i].half) make_tensor(&file.make, name, QUANT_F32, 4, 64);
        struct engine_adapter one = {make_join(&file.make), VIEW("polite"), 1};
        struct engine_options options = few();
        struct engine *engine;
        options.adapters = &one;
        options.adapters_len = 1;
        assert_int_equal(engine_open_file(&engine, model, options), SK_UNSUPPORTED);
        if (!strstr(fail_text(), cases[i].text)) fail_msg("%s", fail_text());
        make_free(&file.make);
    }
    make_free(&make);
}

int main(void) {
    make_text_ids();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_adapter_is_its_merged_weights),
        cmocka_unit_test(bits_do_not_depend_on_company),
        cmocka_unit_test(pages_are_found_by_adapter),
        cmocka_unit_test(prompts_are_scored_with_it),
        cmocka_unit_test(adapters_are_refused_by_name),
        cmocka_unit_test(pairs_must_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
