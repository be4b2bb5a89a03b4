// Results: what is written is what learned: read back, gone on from, quantised with pairs beside
// it, and computed by the engine to the same losses.
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "specimen.h"
#include "train/convert.h"
#include "train/result.h"
#include "train_data_make.h"

#define SHAPE "model: {layers: 2, width: 64, heads: 4, heads_kv: 2, ff: 96, context: 64}\n"
#define DATA                                                                                       \
    "data: {sources: [{name: a, files: [a], licence: MIT}, {name: b, files: [b], licence: "        \
    "CC-BY-4.0}]}\n"
#define WHOLE "name: x\noutput: o\nseed: 3\nsteps: 5\ntokenizer: {file: t}\n" SHAPE DATA
#define CONTINUED "name: x\noutput: o\nseed: 3\nsteps: 5\nbase: b\n" DATA
#define PAIRS CONTINUED "lora: {rank: 4, targets: [attn_q, ffn_down]}\n"

enum { FILE_BYTES = 1 << 22, IDS = 24, VOCABULARY = 325 };

struct made {
    struct sources sources;
    struct arena arena;
    struct recipe recipe;
    struct gguf tokens, whole;
    struct view tokens_view, whole_view;
    struct learner learner;
    struct snapshot state;
    struct buf file;
};

static enum sk_code put(void *self, const void *bytes, size_t len) {
    buf_put(self, bytes, len);
    return buf_check(self, "file");
}

static void take(struct made *m, const char *text) {
    if (recipe_read(view_of(text), "r", &m->arena, &m->recipe) != SK_OK) fail_msg("%s", fail_text());
}

static void write_whole(struct made *m) {
    struct result result = {.recipe = &m->recipe,
                            .learner = &m->learner,
                            .state = &m->state,
                            .tokens = &m->tokens,
                            .context = 64,
                            .data = {0xab, 0xcd}};
    if (result_write(&result, (struct gguf_sink){put, &m->file}) != SK_OK)
        fail_msg("%s", fail_text());
    m->whole_view = buf_view(&m->file);
    if (gguf_open(&m->whole, &m->whole_view, 1) != SK_OK) fail_msg("%s", fail_text());
}

static void made_open(struct made *m) {
    static const struct source_file files[] = {{0}};
    memset(m, 0, sizeof *m);
    sources_open(&m->sources, files, NULL);
    m->tokens_view = buf_view(&m->sources.make.file);
    assert_int_equal(gguf_open(&m->tokens, &m->tokens_view, 1), SK_OK);
    assert_int_equal(arena_open(&m->arena, "recipe", 1 << 24), SK_OK);
    assert_int_equal(buf_open(&m->file, FILE_BYTES), SK_OK);
    take(m, WHOLE);
    struct net_shape shape = m->recipe.shape;
    shape.vocabulary = VOCABULARY;
    if (learner_open(&m->learner, &m->recipe, &shape, NULL) != SK_OK) fail_msg("%s", fail_text());
    for (uint64_t i = 0; i < m->learner.tensors.floats; i++)
        m->learner.adam.parameters[i] *= 4; // so that the losses tell something
    write_whole(m);
}

static void made_close(struct made *m) {
    learner_close(&m->learner);
    gguf_close(&m->whole);
    gguf_close(&m->tokens);
    buf_close(&m->file);
    arena_close(&m->arena);
    sources_close(&m->sources);
}

static int32_t first_id = 262; // of 60, which the vocabulary has

static void ids_make(int32_t *ids) {
    uint64_t seed = 9;
    for (int i = 0; i < IDS; i++) ids[i] = first_id + (int32_t)(chance_next(&seed) % 60);
}

static void losses_of(const struct learner *learner, float *losses) {
    int32_t ids[IDS], targets[IDS];
    uint32_t segments[IDS] = {0};
    struct net_room *room;
    struct net_options options = {.threads = 1, .tokens_max = IDS, .len_max = IDS};
    ids_make(ids);
    for (int i = 0; i < IDS; i++) targets[i] = i + 1 < IDS ? ids[i + 1] : NET_IGNORED;
    struct net_batch batch = {ids, targets, segments, 1, IDS};
    assert_int_equal(net_room_open(&room, &learner->net, &options), SK_OK);
    net_losses(room, &learner->net, &batch, losses);
    net_room_close(room);
}

// The engine rounds activations where weights are quantised: `part` of the losses.
static void assert_engine(struct view model, const struct engine_adapter *adapter,
                          const float *losses, float part) {
    int32_t ids[IDS];
    float logprobs[IDS];
    struct engine *engine;
    struct engine_options options = {.slots = 1,
                                     .threads = 1,
                                     .adapters = adapter,
                                     .adapters_len = adapter ? 1 : 0};
    ids_make(ids);
    if (engine_open_file(&engine, model, options) != SK_OK) fail_msg("%s", fail_text());
    if (engine_score_adapted(engine, adapter ? 1 : 0, ids, IDS, logprobs) != SK_OK)
        fail_msg("%s", fail_text());
    for (int i = 1; i < IDS; i++)
        if (fabsf(logprobs[i] + losses[i - 1]) > part * (1 + losses[i - 1]))
            fail_msg("token %d: %g by the engine, %g by the net", i, (double)-logprobs[i],
                     (double)losses[i - 1]);
    engine_close(engine);
}

static void engine_computes_the_same_losses(void **state) {
    (void)state;
    static struct made m;
    float losses[IDS];
    made_open(&m);
    losses_of(&m.learner, losses);
    assert_engine(m.whole_view, NULL, losses, 1e-3f);
    struct view text;
    assert_int_equal(gguf_text(&m.whole, "general.license", GGUF_MUST_BE, &text), SK_OK);
    assert_true(view_is(text, "MIT AND CC-BY-4.0"));
    assert_int_equal(gguf_text(&m.whole, "sekisho.train.data", GGUF_MUST_BE, &text), SK_OK);
    assert_true(text.len == 64 && view_starts(text, VIEW("abcd00")));
    made_close(&m);
}

static void assert_licence(const char *one, const char *two, const char *want) {
    struct recipe_source sources[] = {{.licence = view_of(one)}, {.licence = view_of(two)}};
    struct recipe recipe = {.data = {.sources = sources, .sources_len = two[0] ? 2 : 1}};
    char text[128];
    struct buf out = buf_over(text, sizeof text);
    result_licence(&recipe, &out);
    assert_true(view_is(buf_view(&out), want));
}

static void licences_are_joined(void **state) {
    (void)state;
    assert_licence("MIT OR Apache-2.0", "", "MIT OR Apache-2.0");
    assert_licence("MIT", "MIT", "MIT");
    assert_licence("MIT OR Apache-2.0", "CC0-1.0", "(MIT OR Apache-2.0) AND CC0-1.0");
    assert_licence("CC0-1.0", "MIT OR Apache-2.0", "CC0-1.0 AND (MIT OR Apache-2.0)");
}

static void learns_on_from_a_file(void **state) {
    (void)state;
    static struct made m;
    struct learner again;
    struct net_shape shape;
    uint32_t context;
    made_open(&m);
    take(&m, CONTINUED);
    assert_int_equal(learner_shape(&m.whole, &shape, &context), SK_OK);
    assert_int_equal(context, 64);
    assert_memory_equal(&shape, &m.learner.net.shape, sizeof shape);
    if (learner_open(&again, &m.recipe, &shape, &m.whole) != SK_OK) fail_msg("%s", fail_text());
    assert_memory_equal(again.adam.parameters, m.learner.adam.parameters,
                        again.tensors.floats * sizeof(float));
    learner_close(&again);
    made_close(&m);
}

static void convert_to(struct made *m, const char *name, struct buf *out, struct gguf *gguf,
                       struct view *view) {
    struct pool pool;
    struct convert convert = {.from = &m->whole, .pool = &pool};
    assert_int_equal(convert_find(name, &convert.type), SK_OK);
    assert_int_equal(pool_open(&pool, 1), SK_OK);
    assert_int_equal(buf_open(out, FILE_BYTES), SK_OK);
    if (convert_run(&convert, (struct gguf_sink){put, out}) != SK_OK) fail_msg("%s", fail_text());
    pool_close(&pool);
    *view = buf_view(out);
    assert_int_equal(gguf_open(gguf, view, 1), SK_OK);
}

static void check_pairs(struct made *m, const struct gguf *base, const struct net_shape *shape,
                        struct view view, float part) {
    struct learner pairs;
    struct buf adapter = {0};
    float before[IDS], after[IDS];
    take(m, PAIRS);
    if (learner_open(&pairs, &m->recipe, shape, base) != SK_OK)
        fail_msg("%s", fail_text());
    assert_int_equal(pairs.tensors.len, 8);
    losses_of(&pairs, before);
    assert_engine(view, NULL, before, part); // B is 0: nothing is added yet
    uint64_t seed = 4;
    for (uint64_t i = 0; i < pairs.tensors.floats; i++)
        pairs.adam.parameters[i] += (float)(chance_next(&seed) % 2001) * 2e-4f - 0.2f;
    losses_of(&pairs, after);
    assert_true(fabsf(after[3] - before[3]) > 0.05f);
    struct result result = {.recipe = &m->recipe, .learner = &pairs, .state = &m->state};
    assert_int_equal(buf_open(&adapter, FILE_BYTES), SK_OK);
    if (result_adapter(&result, QUANT_F32, (struct gguf_sink){put, &adapter}) != SK_OK)
        fail_msg("%s", fail_text());
    struct engine_adapter one = {.file = buf_view(&adapter), .name = VIEW("a"), .scale = 1};
    assert_engine(view, &one, after, part);
    learner_close(&pairs);
    buf_close(&adapter);
}

static void pairs_learn_beside_a_file(void **state) {
    (void)state;
    static struct made m;
    struct buf quantised = {0};
    struct learner none;
    struct gguf base;
    struct view view;
    made_open(&m);
    const struct net_shape *shape = &m.learner.net.shape;
    check_pairs(&m, &m.whole, shape, m.whole_view, 1e-3f);
    convert_to(&m, "Q8_0", &quantised, &base, &view);
    check_pairs(&m, &base, shape, view, 0.05f);
    take(&m, CONTINUED);
    assert_int_equal(learner_open(&none, &m.recipe, shape, &base), SK_UNSUPPORTED);
    assert_non_null(strstr(fail_text(), "is Q8_0: to learn whole it must be F32"));
    gguf_close(&base);
    buf_close(&quantised);
    made_close(&m);
}

// Bases of which all else than llama's plain parts stays as it is.
static void pairs_learn_beside_others(void **state) {
    (void)state;
    static const char *const families[] = {"qwen2", "llama3"};
    static struct made m;
    made_open(&m);
    first_id = 60;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        struct make make = {.chance = 5};
        struct view view = specimen_make(&make, specimen_find(families[i]), weight_type_find("F32"),
                                         false, 64);
        struct learner whole;
        struct gguf base;
        struct net_shape shape;
        uint32_t context;
        assert_int_equal(gguf_open(&base, &view, 1), SK_OK);
        if (learner_shape(&base, &shape, &context) != SK_OK) fail_msg("%s", fail_text());
        check_pairs(&m, &base, &shape, view, 5e-3f);
        take(&m, CONTINUED);
        assert_int_equal(learner_open(&whole, &m.recipe, &shape, &base), SK_UNSUPPORTED);
        assert_non_null(strstr(fail_text(), "learns beside it only: give `lora`"));
        gguf_close(&base);
        make_free(&make);
    }
    first_id = 262;
    made_close(&m);
}

static void unknown_targets_are_named(void **state) {
    (void)state;
    static struct made m;
    struct learner pairs;
    made_open(&m);
    take(&m, CONTINUED "lora: {rank: 4, targets: [wq]}\n");
    assert_int_equal(learner_open(&pairs, &m.recipe, &m.learner.net.shape, &m.whole), SK_INPUT);
    assert_non_null(strstr(fail_text(), "lora.targets: 'wq'"));
    made_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_computes_the_same_losses),
        cmocka_unit_test(licences_are_joined),
        cmocka_unit_test(learns_on_from_a_file),
        cmocka_unit_test(pairs_learn_beside_a_file),
        cmocka_unit_test(pairs_learn_beside_others),
        cmocka_unit_test(unknown_targets_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
