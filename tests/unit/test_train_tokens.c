// Vocabularies learned from text: of the size that was asked for, the same with any number of
// threads, every text cut and put together again by the engine; and what is refused, by its cause.
#include "cmocka_chance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "train/tokens.h"

enum { TEXT_MAX = 1 << 20, FILE_MAX = 1 << 22 };

struct bytes {
    char at[FILE_MAX];
    size_t len;
};

static enum sk_code put(void *self, const void *bytes, size_t len) {
    struct bytes *out = self;
    if (len > FILE_MAX - out->len) return FAIL(SK_LIMIT, "the disk is full");
    memcpy(out->at + out->len, bytes, len);
    out->len += len;
    return SK_OK;
}

static const char *const words[] = {
    "東京", "都", "は", "日本", "の", "首都", "です", "。", "私", "が", "行き", "ます", "、", "忙しい",
    "ところ", "恐れ入り", "ますが", "ご確認", "ください", "コンピューター", "を", "使う", "hello", " world",
    " 2026", "年", "\n", "食べる", "食べた", "――", "é", " a", "𠮟る", "\n\n", "「", "」", "\t", "  ",
};
enum { WORDS = sizeof words / sizeof *words };

struct text {
    char at[TEXT_MAX];
    size_t len, from;
};

static void write_text(struct text *text, size_t len, uint64_t seed) {
    text->len = text->from = 0;
    while (text->len + 32 < len) {
        uint64_t chance = chance_next(&seed);
        const char *word = words[chance % WORDS < chance / WORDS % WORDS ? chance % WORDS
                                                                       : chance / WORDS % WORDS];
        memcpy(text->at + text->len, word, strlen(word));
        text->len += strlen(word);
    }
}

static enum sk_code next(void *self, struct view *part) {
    struct text *text = self;
    size_t left = text->len - text->from;
    const char *end = left ? memchr(text->at + text->from, '\n', left) : NULL;
    *part = (struct view){text->at + text->from, end ? (size_t)(end + 1 - text->at) - text->from
                                                     : left};
    text->from += part->len;
    return SK_OK;
}

static const struct view control = {"<|im_start|>", 12}, user = {"<tool>", 6};

static struct tokens_options options_of(uint32_t vocabulary) {
    return (struct tokens_options){.vocabulary = vocabulary,
                                   .threads = 1,
                                   .memory_max = TOKENS_MEMORY_MIN,
                                   .controls = &control,
                                   .users = &user,
                                   .controls_len = 1,
                                   .users_len = 1,
                                   .piece_max = 16,
                                   .coverage = 1,
                                   .byte_fallback = true,
                                   .split_digits = true};
}

static enum sk_code make(struct tokens_made *made, const struct tokens_options *options,
                         struct text *text) {
    text->from = 0;
    return tokens_make(made, options, &(struct tokens_source){next, text}, NULL);
}

static void write_gguf(const struct tokens_made *made, struct bytes *out) {
    struct gguf_writer writer;
    out->len = 0;
    assert_int_equal(gguf_writer_open(&writer, (struct gguf_sink){put, out}), SK_OK);
    gguf_put_text(&writer, "general.architecture", VIEW("llama"));
    assert_int_equal(tokens_put(made, &writer), SK_OK);
    assert_int_equal(gguf_write_head(&writer), SK_OK);
    assert_int_equal(gguf_write_end(&writer), SK_OK);
    gguf_writer_close(&writer);
}

static struct text text;
static struct bytes file, other;

static void comes_back(const struct engine *engine, struct view given) {
    static int32_t ids[TEXT_MAX];
    static char out[TEXT_MAX];
    struct buf back = buf_over(out, sizeof out);
    size_t len;
    assert_int_equal(engine_tokenize(engine, given, false, ids, TEXT_MAX, &len), SK_OK);
    for (size_t i = 0; i < len; i++) engine_detokenize(engine, ids[i], &back);
    if (!view_same(buf_view(&back), given))
        fail_msg("\"%.*s\" came back as \"%.*s\"", (int)given.len, given.at, (int)back.len, back.at);
}

static void all_come_back(struct tokens_options options) {
    struct tokens_made made;
    write_text(&text, 200000, 7);
    assert_int_equal(make(&made, &options, &text), SK_OK);
    assert_int_equal(made.len, 400);
    write_gguf(&made, &file);
    tokens_close(&made);
    struct engine *engine;
    struct view view = {file.at, file.len};
    assert_int_equal(engine_open_file(&engine, view, (struct engine_options){.tokens_only = true}),
                     SK_OK);
    int32_t id;
    size_t len;
    assert_int_equal(engine_tokenize(engine, VIEW("<tool>"), false, &id, 1, &len), SK_OK);
    assert_int_equal(len, 1);
    assert_int_equal(engine_tokenize(engine, control, true, &id, 1, &len), SK_OK);
    assert_int_equal(len, 1);
    comes_back(engine, VIEW("知らない字 羴鱻 \U0001f600\n\ttab  two\r\n<|im_start|>"));
    for (int i = 0; i < chance_rounds(50); i++) {
        write_text(&text, 40 + chance_next(&chance_state) % 3000, chance_next(&chance_state));
        comes_back(engine, (struct view){text.at, text.len});
    }
    engine_close(engine);
}

static void every_text_comes_back(void **state) {
    (void)state;
    struct tokens_options options = options_of(400);
    all_come_back(options);
    options.model = TOKENS_BPE;
    static const char *const pres[] = {"gpt-2", "qwen2", "llama-bpe", "default", "deepseek-v3"};
    for (size_t i = 0; i < sizeof pres / sizeof *pres; i++) {
        options.pre = view_of(pres[i]);
        all_come_back(options);
    }
}

static void threads_change_no_bit(void **state) {
    (void)state;
    struct tokens_options options = options_of(500);
    struct tokens_made made;
    write_text(&text, 300000, chance_next(&chance_state));
    assert_int_equal(make(&made, &options, &text), SK_OK);
    write_gguf(&made, &file);
    tokens_close(&made);
    for (uint32_t threads = 2; threads < 6; threads++) {
        options.threads = threads;
        assert_int_equal(make(&made, &options, &text), SK_OK);
        write_gguf(&made, &other);
        tokens_close(&made);
        assert_int_equal(other.len, file.len);
        assert_memory_equal(other.at, file.at, file.len);
    }
}

// Words that occur always together become one token, whatever else there is.
static void frequent_words_are_tokens(void **state) {
    (void)state;
    static const char *const wanted[] = {"コンピューター", "恐れ入り", "ください", "忙しい", "hello",
                                         "\u2581world"};
    struct tokens_options options = options_of(400);
    struct tokens_made made;
    write_text(&text, 200000, chance_next(&chance_state));
    assert_int_equal(make(&made, &options, &text), SK_OK);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        bool found = false;
        for (uint32_t j = 0; j < made.len; j++) found |= view_is(made.pieces[j].text, wanted[i]);
        if (!found) fail_msg("%s is no token", wanted[i]);
    }
    for (uint32_t i = 0; i < made.len; i++) // of digits and scripts
        assert_false(view_starts(made.pieces[i].text, VIEW("20")));
    tokens_close(&made);
}

// Little more than the characters, of which there may be one.
static void few_tokens_are_enough(void **state) {
    (void)state;
    struct tokens_options options = options_of(6);
    options.controls_len = options.users_len = 0;
    options.byte_fallback = false;
    struct tokens_made made;
    memset(text.at, 'a', 3000);
    text.len = 3000;
    for (uint32_t more = 0; more < 3; more++) {
        options.vocabulary = 4 + more;
        assert_int_equal(make(&made, &options, &text), SK_OK);
        assert_int_equal(made.len, 4 + more);
        tokens_close(&made);
    }
}

// Of normalised text the same is learned as of the text that it is normally, and all is cut so.
static void the_normal_form_is_learned_and_cut(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"ｶﾞｲﾄﾞ", "ガイド"}, {"Ａ１", "A1"}, {"①㍿", "1株式会社"},
                                           {"か\u3099", "が"},   {" ", "\u3000"}};
    static struct bytes files[2];
    struct tokens_options options = options_of(400);
    options.nfkc = true;
    for (int side = 0; side < 2; side++) {
        struct tokens_made made;
        uint64_t seed = 5;
        text.len = 0;
        for (int i = 0; i < 10000; i++) {
            const char *word = pairs[chance_next(&seed) % 5][side];
            if (chance_next(&seed) % 3) word = words[chance_next(&seed) % 20];
            memcpy(text.at + text.len, word, strlen(word));
            text.len += strlen(word);
        }
        text.at[text.len++] = '\n';
        assert_int_equal(make(&made, &options, &text), SK_OK);
        write_gguf(&made, &files[side]);
        tokens_close(&made);
    }
    assert_int_equal(files[0].len, files[1].len);
    assert_memory_equal(files[0].at, files[1].at, files[0].len);
    struct engine *engine;
    struct view view = {files[0].at, files[0].len};
    assert_int_equal(engine_open_file(&engine, view, (struct engine_options){.tokens_only = true}),
                     SK_OK);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        int32_t ids[2][32];
        size_t len[2];
        for (int side = 0; side < 2; side++)
            assert_int_equal(engine_tokenize(engine, view_of(pairs[i][side]), false, ids[side], 32,
                                             &len[side]), SK_OK);
        assert_int_equal(len[0], len[1]);
        assert_memory_equal(ids[0], ids[1], len[0] * sizeof **ids);
    }
    engine_close(engine);
    options.model = TOKENS_BPE;
    options.pre = VIEW("qwen2");
    struct tokens_made none;
    assert_int_equal(make(&none, &options, &text), SK_UNSUPPORTED);
    tokens_close(&none);
}

static void refused(const struct tokens_options *options, enum sk_code code, const char *why) {
    struct tokens_made made;
    assert_int_equal(make(&made, options, &text), code);
    if (!strstr(fail_text(), why)) fail_msg("\"%s\" lacks \"%s\"", fail_text(), why);
    tokens_close(&made);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    struct tokens_options options = options_of(400);
    write_text(&text, 100000, 3);
    memcpy(text.at + 5000, "\n\xff\n", 3);
    text.at[4999] = text.at[4998] = text.at[4997] = 'a';
    refused(&options, SK_INPUT, "not UTF-8 at byte");
    text.len = 0;
    refused(&options, SK_INPUT, "the text is empty");
    write_text(&text, 100000, 3);
    options = options_of(60000);
    refused(&options, SK_INPUT, "too large for this text: at most");
    // What it says is possible is.
    options.vocabulary = (uint32_t)strtoul(strstr(fail_text(), "at most ") + 8, NULL, 10);
    struct tokens_made made;
    assert_int_equal(make(&made, &options, &text), SK_OK);
    tokens_close(&made);
    options = options_of(270);
    refused(&options, SK_INPUT, "vocabulary 270 is too small");
    options = options_of(60000);
    options.model = TOKENS_BPE;
    options.pre = VIEW("gpt-2");
    refused(&options, SK_INPUT, "too large for this text: at most");
    options.vocabulary = (uint32_t)strtoul(strstr(fail_text(), "at most ") + 8, NULL, 10);
    assert_int_equal(make(&made, &options, &text), SK_OK);
    assert_int_equal(tokens_write_spm(&made, (struct gguf_sink){put, &file}), SK_UNSUPPORTED);
    tokens_close(&made);
    options.pre = VIEW("nobody's");
    refused(&options, SK_UNSUPPORTED, "nobody's");
    options.pre = VIEW("gemma4");
    refused(&options, SK_UNSUPPORTED, "not of bytes");
    options = options_of(400);
    options.users = &control;
    refused(&options, SK_INPUT, "is there already");
    static const struct view kana = {"です", 6};
    options = options_of(400);
    options.users = &kana;
    refused(&options, SK_INPUT, "only ASCII");
    // What the text becomes anyway is no symbol: a character, a byte.
    static const struct view stop = {"。", 3}, letter = {"a", 1};
    options = options_of(400);
    options.controls = &stop;
    refused(&options, SK_INPUT, "symbol \"。\": the text becomes this token without it");
    options.model = TOKENS_BPE;
    options.pre = VIEW("gpt-2");
    options.controls = &letter;
    refused(&options, SK_INPUT, "symbol \"a\": the text becomes");
    options = options_of(400);
    options.coverage = 0.5;
    refused(&options, SK_LIMIT, "coverage");
    options = options_of(400);
    options.memory_max = 1000;
    refused(&options, SK_LIMIT, "memory");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_comes_back),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(frequent_words_are_tokens),
        cmocka_unit_test(few_tokens_are_enough),
        cmocka_unit_test(the_normal_form_is_learned_and_cut),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
