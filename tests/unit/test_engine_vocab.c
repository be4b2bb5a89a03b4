// Vocabularies of every model: what is cut out first, how texts are made normal, and that crafted
// ones cost no more than their bounds.
#include "cmocka_all.h"

#include <time.h>

#include "engine/engine.h"
#include "engine/tokenize.h"
#include "vocab_make.h"

static struct engine *open_vocab(struct vocab_make *v) {
    struct engine *engine;
    struct engine_options options = {.tokens_only = true, .text_max = 1 << 16};
    enum sk_code code = engine_open_file(&engine, vocab_make_file(v), options);
    if (code != SK_OK) fail_msg("%s", fail_text());
    return engine;
}

static void close_vocab(struct vocab_make *v, struct engine *engine) {
    engine_close(engine);
    make_free(&v->make);
}

// The ids as "3 7 1".
static void assert_ids(const struct engine *engine, const char *text, const char *want) {
    char got[512];
    int32_t ids[128];
    size_t len;
    struct buf out = buf_over(got, sizeof got);
    assert_int_equal(engine_tokenize(engine, view_of(text), true, ids, 128, &len), SK_OK);
    for (size_t i = 0; i < len; i++) buf_print(&out, i ? " %d" : "%d", ids[i]);
    buf_put_char(&out, 0);
    assert_string_equal(got, want);
}

#define MARK "\xe2\x96\x81"

static void wordpiece_takes_the_longest_from_the_left(void **state) {
    (void)state;
    static const struct grown given[] = {
        {"[PAD]", 3, 0},      {"[UNK]", 3, 0}, {"[CLS]", 3, 0}, {"[SEP]", 3, 0}, {MARK "un", 1, 0},
        {"aff", 1, 0},        {"able", 1, 0},  {MARK "a", 1, 0}, {MARK ",", 1, 0}, {MARK "東", 1, 0},
        {MARK "京", 1, 0},    {"京", 1, 0},    {MARK "resume", 1, 0}, {"s", 1, 0}, {MARK "É", 1, 0},
    };
    static struct vocab_make v = {.model = MAKE_BERT, .given = given, .given_len = 15};
    struct engine *engine = open_vocab(&v);
    assert_ids(engine, "unaffable", "4 5 6");
    assert_ids(engine, "UNaffABLE a", "4 5 6 7");
    assert_ids(engine, "unaffablex a", "1 7"); // all of a word, or nothing
    assert_ids(engine, "a,a", "7 8 7");
    assert_ids(engine, "東京a", "9 10 7"); // each ideograph is a word
    assert_ids(engine, "Résumés", "12 13");
    assert_ids(engine, "re\u0301sume\u0301", "12");
    assert_ids(engine, "\xff" "a\x01 a\u200b", "7 7"); // wrong bytes and controls are dropped
    assert_ids(engine, "a[SEP]a", "7 3 7");
    close_vocab(&v, engine);
    v.cased = true;
    engine = open_vocab(&v);
    assert_ids(engine, "É résumé", "14 1"); // not lower, and so with its accents
    close_vocab(&v, engine);
}

static void unigram_takes_the_best_way(void **state) {
    (void)state;
    static const struct grown given[] = {
        {"<pad>", 3, 0},    {"</s>", 3, 0},        {"<unk>", 2, 0}, {MARK, 1, -2},
        {MARK "he", 1, -3}, {"llo", 1, -3},        {"l", 1, -4},    {"lo", 1, -4},
        {MARK "hel", 1, -1}, {"x", 4, -9},         {"ガ", 1, -1},   {"(", 1, -1},
        {"株", 1, -1},      {")", 1, -1},          {"A", 1, -1},    {"e", 1, -5},
    };
    static struct vocab_make v = {.model = MAKE_T5, .given = given, .given_len = 16,
                                  .add_space = true, .merge_spaces = true, .charsmap = true};
    struct engine *engine = open_vocab(&v);
    assert_ids(engine, "hello", "8 7");      // -5 is better than -6
    assert_ids(engine, "  hello \t hello ", "8 7 8 7");
    assert_ids(engine, "hexhe", "4 9 4"); // a user-defined token costs nothing, and cuts the text
    assert_ids(engine, "??", "3 2");        // unknown ones side by side are one
    assert_ids(engine, "㈱Ａｶﾞé", "3 11 12 13 14 10 15");
    assert_ids(engine, "", "");
    close_vocab(&v, engine);
    v.merge_spaces = v.charsmap = false;
    engine = open_vocab(&v);
    assert_ids(engine, " hello ", "3 8 7 3");
    close_vocab(&v, engine);
}

// ---- specials ----

static void assert_cuts(const char *const texts[], uint32_t len, const char *text,
                        const char *want) {
    static char memory[1 << 16] __attribute__((aligned(64)));
    struct lay lay = {.base = memory};
    struct specials specials = {0};
    struct cutter cutter;
    char got[256];
    struct buf out = buf_over(got, sizeof got);
    specials_lay(&specials, &lay, len);
    cutter_lay(&cutter, &lay, 256);
    for (uint32_t i = 0; i < len; i++)
        specials_add(&specials, (struct special){.text = view_of(texts[i]),
                                                 .id = (int32_t)i,
                                                 .strip_after = texts[i][0] == '>',
                                                 .strip_before = texts[i][0] == '['});
    specials_end(&specials);
    specials_cut(&specials, &cutter, view_of(text), NULL, false);
    for (size_t i = 0, at = 0; i <= cutter.len; i++) {
        size_t next = i < cutter.len ? cutter.cuts[i].at : strlen(text);
        for (; at < next; at++)
            if (!cutter.len || !cutter.claimed[at]) buf_put_char(&out, text[at]);
        if (i == cutter.len) break;
        const struct special *cut = &specials.at[cutter.cuts[i].special];
        buf_print(&out, "|%.*s|", (int)cut->text.len, cut->text.at);
        at += cut->text.len;
    }
    buf_put_char(&out, 0);
    assert_string_equal(got, want);
}

static void longer_specials_are_cut_first(void **state) {
    (void)state;
    static const char *const texts[] = {"abc", "bcde", "ab", "b", "  ", "    ", ">x", "[m]"};
    assert_cuts(texts, 8, "abcde", "a|bcde|"); // not "abc": longer ones first, wherever
    assert_cuts(texts, 8, "abcd", "|abc|d");
    assert_cuts(texts, 8, "ababc", "|ab||abc|");
    assert_cuts(texts, 8, "xbcdex", "x|bcde|x");
    assert_cuts(texts, 8, "       .", "|    ||  | .");
    assert_cuts(texts, 8, "q\t>x \n q", "q\t|>x|q");
    assert_cuts(texts, 8, "q \n [m] q", "q|[m]| q");
    assert_cuts(texts, 8, "q  [m]", "q|[m]|"); // its white space is not cut again
    assert_cuts(texts, 8, "", "");
    assert_cuts(texts, 8, "xyz", "xyz");
}

// Of specials that all begin each other the longest is cut, from the first place on.
static void nested_specials_are_cut_longest_first(void **state) {
    (void)state;
    enum { LEN = 1 << 18 };
    static char memory[LEN * 16] __attribute__((aligned(64))), text[LEN];
    struct lay lay = {.base = memory};
    struct specials specials = {0};
    struct cutter cutter;
    memset(text, 'a', LEN);
    specials_lay(&specials, &lay, SPECIALS_LEN_MAX);
    cutter_lay(&cutter, &lay, LEN);
    assert_true(lay.used <= sizeof memory);
    for (int32_t i = 0; i < SPECIALS_LEN_MAX; i++)
        specials_add(&specials, (struct special){
                                    .text = {text, (size_t)i + 1}, .id = i, .control = true});
    specials_end(&specials);
    specials_cut(&specials, &cutter, (struct view){text, LEN}, NULL, false);
    assert_int_equal(cutter.len, 0);
    specials_cut(&specials, &cutter, (struct view){text, LEN}, NULL, true);
    assert_int_equal(cutter.len, LEN / SPECIALS_LEN_MAX);
}

// Data becomes neither control tokens nor user-defined ones that are markers, but any other.
static void markers_are_not_cut_out_of_data(void **state) {
    (void)state;
    static const struct grown given[] = {
        {"<unk>", 2, 0},          {"<s>", 3, 0},         {"</s>", 3, 0}, {"<|user|>", 4, 0},
        {"<|channel|>", 1, 0},    {"<tool_call>", 4, 0}, {"  ", 4, 0},   {"<|x", 4, 0},
        {"<start_of_turn>", 4, 0}, {"[INST]", 4, 0},     {"x", 1, 0},    {"<\uff5cU\uff5c>", 4, 0},
    };
    static const struct {
        const char *text, *marks, *want; // '#': data
    } cases[] = {
        {"<|user|><|user|>", "########........", "0 3"},
        {"<|user|>x", "..#......", "0 10"},
        {"<|user|><tool_call>  ", "........#############", "3 5 6"},
        {"<|channel|><|channel|>", "...........########...", "4 0"},
        {"<|x<start_of_turn>", "###...............", "7 8"},
        {"<start_of_turn>x", "##############..", "0 10"},
        {"[INST]x[INST]", ".....##......", "0 10 9"},
        {"</s><\uff5cU\uff5c></s>", "....#########....", "2 0 2"},
    };
    static struct vocab_make v = {.model = MAKE_LLAMA, .given = given, .given_len = 12};
    static char memory[1 << 18] __attribute__((aligned(64)));
    struct view file = vocab_make_file(&v);
    struct lay lay = {.base = memory};
    struct vocab vocab;
    struct tokenizer tokenizer = {.vocab = &vocab};
    static struct gguf gguf;
    assert_int_equal(gguf_open(&gguf, &file, 1), SK_OK);
    assert_int_equal(vocab_read(&vocab, &gguf), SK_OK);
    vocab_lay(&vocab, &lay);
    tokenizer_lay(&tokenizer, &lay, 256);
    assert_true(lay.used <= sizeof memory);
    assert_int_equal(vocab_fill(&vocab, &gguf), SK_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t marks[64];
        int32_t at[64];
        char got[256];
        struct ids ids = {at, 64, 0};
        struct buf out = buf_over(got, sizeof got);
        size_t len = strlen(cases[i].text);
        for (size_t j = 0; j < len; j++) marks[j] = cases[i].marks[j] == '#';
        assert_int_equal(tokenize(&tokenizer, view_of(cases[i].text), marks, true, true, &ids),
                         SK_OK);
        for (size_t j = 0; j < ids.len; j++) // unknown ones in a row as one
            if (j == 0 || at[j] || at[j - 1]) buf_print(&out, j ? " %d" : "%d", at[j]);
        buf_put_char(&out, 0);
        assert_string_equal(got, cases[i].want);
    }
    gguf_close(&gguf);
    make_free(&v.make);
}

// ---- any vocabulary ----

static void random_vocabularies_cut_every_text(void **state) {
    (void)state;
    static struct vocab_make v;
    static int32_t ids[4096];
    static char joined[8192];
    uint64_t seed = (uint64_t)time(NULL);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned model = 0; model < MAKE_MODELS; model++) {
        v = (struct vocab_make){.model = (enum vocab_model_make)model, .raw = true, .seed = seed};
        struct engine *engine = open_vocab(&v);
        for (int i = 0; i < GROWN_POOL; i++) {
            struct buf out = buf_over(joined, sizeof joined);
            struct view text = view_of(grown_pool[i]);
            size_t len;
            assert_int_equal(engine_tokenize(engine, text, false, ids, 4096, &len), SK_OK);
            assert_true(len > 0);
            for (size_t j = 0; j < len; j++) engine_detokenize(engine, ids[j], &out);
            if (model == MAKE_GPT2 || model == MAKE_GEMMA4)
                assert_true(view_same(buf_view(&out), text));
            if (model == MAKE_LLAMA && out.len == text.len + 1) // with the space before it
                assert_true(view_same(view_from(buf_view(&out), 1), text));
        }
        assert_int_equal(engine_shape(engine).vocabulary, v.len);
        close_vocab(&v, engine);
    }
}

// Nested specials and nested tokens over one long run: the worst a small file can ask for.
static void crafted_vocabularies_stay_in_bounds(void **state) {
    (void)state;
    enum { LEN = 20000 };
    static struct grown given[3 + 2 * (GROWN_LEN_MAX - 2)];
    static char text[LEN];
    static int32_t ids[LEN];
    static struct vocab_make v;
    uint32_t count = 0;
    static const char *const first[] = {"<pad>", "</s>", "<unk>"};
    for (; count < 3; count++) {
        given[count].kind = count == 2 ? 2 : 3;
        memcpy(given[count].text, first[count], strlen(first[count]) + 1);
    }
    for (int i = 1; i < GROWN_LEN_MAX - 1; i++) {
        given[count].kind = 4;
        memset(given[count++].text, 'a', (size_t)i);
        given[count].kind = 1;
        memset(given[count].text, 'b', (size_t)i);
        given[count++].score = -(float)(i * i);
    }
    for (unsigned model = 0; model < 2; model++) {
        v = (struct vocab_make){.model = (enum vocab_model_make)model, .given = given,
                                .given_len = count};
        struct engine *engine = open_vocab(&v);
        for (size_t i = 0; i < LEN; i++) text[i] = i % 1000 == 999 ? 'c' : i < LEN / 2 ? 'a' : 'b';
        size_t len;
        struct view view = {text, LEN};
        assert_int_equal(engine_tokenize(engine, view, true, ids, LEN, &len), SK_OK);
        close_vocab(&v, engine);
    }
}

// A trie that leads from "a" to "a" and replaces nothing.
static void crafted_charsmaps_stay_in_bounds(void **state) {
    (void)state;
    enum { LEN = 60000 };
    static const struct grown given[] = {{"<pad>", 3, 0}, {"</s>", 3, 0}, {"<unk>", 2, 0},
                                         {"a", 1, -1}};
    static struct vocab_make v = {.model = MAKE_T5, .given = given, .given_len = 4,
                                  .charsmap = true, .circle = true};
    static char text[LEN];
    static int32_t ids[LEN];
    struct engine *engine = open_vocab(&v);
    size_t len;
    memset(text, 'a', LEN);
    struct view view = {text, LEN};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(engine_tokenize(engine, view, false, ids, LEN, &len), SK_OK);
        assert_int_equal(len, LEN);
    }
    close_vocab(&v, engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wordpiece_takes_the_longest_from_the_left),
        cmocka_unit_test(unigram_takes_the_best_way),
        cmocka_unit_test(longer_specials_are_cut_first),
        cmocka_unit_test(markers_are_not_cut_out_of_data),
        cmocka_unit_test(nested_specials_are_cut_longest_first),
        cmocka_unit_test(random_vocabularies_cut_every_text),
        cmocka_unit_test(crafted_vocabularies_stay_in_bounds),
        cmocka_unit_test(crafted_charsmaps_stay_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
