// Rerankers and shortened embeddings: the pair as trained, one score for any kernels and threads,
// what is refused. That the scores are right is tests/parity's to show.
#include "cmocka_all.h"

#include <math.h>
#include <string.h>

#include "engine/engine.h"
#include "specimen.h"
#include "vocab_make.h"

#define MARK "\xe2\x96\x81"

enum { WIDTH = 64, CONTEXT = 96, IDS = 32 };

static struct engine *open_specimen(struct make *make, const char *name, enum engine_kernels kernels) {
    struct engine *engine;
    struct engine_options options = {.context = CONTEXT, .slots = 1, .threads = 2,
                                     .kernels = kernels};
    struct view file = specimen_make(make, specimen_find(name), weight_type_find("Q8_0"), false,
                                     WIDTH);
    if (engine_open(&engine, &file, 1, options) == SK_OK) return engine;
    assert_non_null(strstr(fail_text(), "CPU lacks"));
    return NULL;
}

static void one_score_for_any_kernels(void **state) {
    (void)state;
    static const char *const names[] = {"bert-rank", "bert-rank-direct", "modern-bert-rank"};
    static const int32_t ids[] = {2, 17, 40, 3, 99, 101, 55, 3}, others[] = {2, 17, 40, 3, 99, 3};
    for (size_t i = 0; i < 3; i++) {
        float score[ENGINE_KERNELS_END], other;
        bool ran[ENGINE_KERNELS_END] = {false};
        for (int kernels = ENGINE_SCALAR; kernels < ENGINE_KERNELS_END; kernels++) {
            struct make make = {0};
            struct engine *engine = open_specimen(&make, names[i], (enum engine_kernels)kernels);
            if (engine) {
                assert_true(engine_shape(engine).encoder && engine_shape(engine).ranks);
                assert_int_equal(engine_rank(engine, others, 6, &other), SK_OK);
                assert_int_equal(engine_rank(engine, ids, 8, &score[kernels]), SK_OK);
                assert_true(other != score[kernels]);
                ran[kernels] = true;
            }
            engine_close(engine);
            make_free(&make);
            if (ran[kernels])
                assert_memory_equal(&score[kernels], &score[ENGINE_SCALAR], sizeof *score);
        }
        assert_true(ran[ENGINE_SCALAR]);
    }
}

static void what_does_not_rank_says_so(void **state) {
    (void)state;
    static const int32_t ids[CONTEXT + 1] = {2, 17, 3};
    float out[WIDTH];
    struct make make = {0};
    struct engine *engine = open_specimen(&make, "bert-rank", ENGINE_AUTO);
    assert_int_equal(engine_embed(engine, ids, 3, out), SK_UNSUPPORTED);
    assert_non_null(strstr(fail_text(), "reranker"));
    assert_int_equal(engine_rank(engine, ids, 0, out), SK_INPUT);
    assert_int_equal(engine_rank(engine, ids, CONTEXT + 1, out), SK_LIMIT);
    assert_int_equal(engine_rank(engine, &(int32_t){-1}, 1, out), SK_INPUT);
    engine_close(engine);
    make_free(&make);
    static const char *const names[] = {"bert", "llama"};
    for (size_t i = 0; i < 2; i++) {
        make = (struct make){0};
        engine = open_specimen(&make, names[i], ENGINE_AUTO);
        assert_false(engine_shape(engine).ranks);
        assert_int_equal(engine_rank(engine, ids, 3, out), SK_UNSUPPORTED);
        engine_close(engine);
        make_free(&make);
    }
}

static void damaged_heads_are_seen(void **state) {
    (void)state;
    static const char *const tensors[] = {"cls.weight", "cls.output.weight"};
    for (size_t i = 0; i < 2; i++) {
        struct make make = {.poison = tensors[i]};
        struct engine *engine = open_specimen(&make, "bert-rank", ENGINE_AUTO);
        float score;
        assert_int_equal(engine_rank(engine, (int32_t[]){2, 17, 3}, 3, &score), SK_CORRUPT);
        engine_close(engine);
        make_free(&make);
    }
}

// ---- pairs ----

static void assert_pair(struct make make, const char *name, const int32_t *want, size_t want_len) {
    int32_t ids[IDS];
    size_t len;
    struct engine *engine = open_specimen(&make, name, ENGINE_AUTO);
    assert_int_equal(engine_pair(engine, VIEW("hello"), VIEW("the world"), ids, IDS, &len), SK_OK);
    assert_int_equal(len, want_len);
    for (size_t i = 0; i < len; i++)
        if (want[i] >= 0) assert_int_equal(ids[i], want[i]);
    assert_int_equal(engine_pair(engine, VIEW("hello"), VIEW("the world"), ids, 3, &len), SK_LIMIT);
    assert_int_equal(len, want_len);
    assert_int_equal(engine_pair(engine, VIEW("\xff"), VIEW("the"), ids, IDS, &len), SK_INPUT);
    assert_non_null(strstr(fail_text(), "query"));
    // What stands in a text is text.
    assert_int_equal(engine_pair(engine, VIEW("hello"), VIEW("[SEP]"), ids, IDS, &len), SK_OK);
    for (size_t i = want_len - 3; i + 1 < len; i++) assert_true(ids[i] != 3);
    engine_close(engine);
    make_free(&make);
}

static void pairs_are_as_trained(void **state) {
    (void)state;
    // CLS hello SEP the world SEP, whatever a converter thought of SEP.
    static const int32_t words[] = {2, 6, 3, 5, 7, 3};
    assert_pair((struct make){0}, "bert-rank", words, 6);
    assert_pair((struct make){.key = "tokenizer.ggml.add_sep_token", .kind = 7, .value = 1},
                "bert-rank", words, 6);
    assert_pair((struct make){.key = "tokenizer.ggml.add_eos_token", .kind = 7, .value = 0},
                "bert-rank", words, 6);
}

// XLM-RoBERTa's: A </s></s> B </s> (<s> before it where the file says so), also of files that do
// not tell of the second end.
static void pairs_of_unigram_models_have_two_ends_between(void **state) {
    (void)state;
    static const struct grown given[] = {{"<s>", 3, 0},    {"</s>", 3, 0},     {"<unk>", 2, 0},
                                         {MARK "a", 1, -1}, {MARK "b", 1, -1}};
    static const int32_t want[] = {3, 1, 1, 4, 1};
    static struct vocab_make v = {.model = MAKE_T5, .given = given, .given_len = 5,
                                  .add_space = true};
    int32_t ids[IDS];
    size_t len;
    struct engine *engine;
    struct engine_options options = {.tokens_only = true, .text_max = 1 << 10};
    if (engine_open_file(&engine, vocab_make_file(&v), options) != SK_OK)
        fail_msg("%s", fail_text());
    assert_int_equal(engine_pair(engine, VIEW("a"), VIEW("b"), ids, IDS, &len), SK_OK);
    assert_int_equal(len, 5);
    assert_memory_equal(ids, want, sizeof want);
    engine_close(engine);
    make_free(&v.make);
}

// Others have what their file says.
static void other_pairs_have_the_separator_that_is_asked_for(void **state) {
    (void)state;
    for (uint64_t asked = 0; asked < 2; asked++) {
        struct make make = {.key = "tokenizer.ggml.add_sep_token", .kind = 7, .value = asked};
        struct engine *engine = open_specimen(&make, "modern-bert-rank", ENGINE_AUTO);
        int32_t ids[IDS];
        size_t first, second, both;
        assert_int_equal(engine_tokenize(engine, VIEW("he"), false, ids, IDS, &first), SK_OK);
        assert_int_equal(engine_tokenize(engine, VIEW("ll"), false, ids, IDS, &second), SK_OK);
        assert_int_equal(engine_pair(engine, VIEW("he"), VIEW("ll"), ids, IDS, &both), SK_OK);
        assert_int_equal(both, first + asked + second);
        engine_close(engine);
        make_free(&make);
    }
}

static void vectors_are_cut_to_length_one(void **state) {
    (void)state;
    float vector[] = {2, -3, 6, 100}, whole[] = {2, -3, 6, 100}, zero[] = {0, 0};
    assert_int_equal(engine_embed_cut(vector, 4, 3), SK_OK);
    assert_true(fabsf(vector[0] - 2.0f / 7) < 1e-6f && fabsf(vector[1] + 3.0f / 7) < 1e-6f);
    assert_int_equal(engine_embed_cut(whole, 4, 4), SK_OK);
    assert_true(whole[3] == 100); // it is of length 1 already
    assert_int_equal(engine_embed_cut(zero, 2, 1), SK_OK);
    assert_true(zero[0] == 0);
    assert_int_equal(engine_embed_cut(whole, 4, 0), SK_INPUT);
    assert_non_null(strstr(fail_text(), "dimensions: 0 is not in 1..4"));
    assert_int_equal(engine_embed_cut(whole, 4, 5), SK_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_score_for_any_kernels),
        cmocka_unit_test(what_does_not_rank_says_so),
        cmocka_unit_test(damaged_heads_are_seen),
        cmocka_unit_test(pairs_are_as_trained),
        cmocka_unit_test(pairs_of_unigram_models_have_two_ends_between),
        cmocka_unit_test(other_pairs_have_the_separator_that_is_asked_for),
        cmocka_unit_test(vectors_are_cut_to_length_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
