// The settings of a sampler: ranges, and the text that goes into receipts.
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

static char page[ENGINE_SAMPLING_TEXT_MAX];
static struct arena arena;

static const char *text_of(const struct engine_sampling *as) {
    struct buf out = buf_over(page, sizeof page - 1);
    if (engine_sampling_write(as, &out) != SK_OK) fail_msg("%s", fail_text());
    page[out.len] = 0;
    return page;
}

static enum sk_code read_text(const char *text, struct engine_sampling *out) {
    static char copy[ENGINE_SAMPLING_TEXT_MAX];
    size_t len = strlen(text);
    assert_true(len < sizeof copy);
    memcpy(copy, text, len);
    arena_reset(&arena);
    return engine_sampling_read(copy, len, &arena, out);
}

static const struct view breakers[] = {{"\n", 1}, {"。\"", 4}};
static const struct engine_bias biases[] = {{0, -100}, {7, 0.1f}, {INT32_MAX, 1e-7f}};

static void only_what_is_not_off_is_written(void **state) {
    (void)state;
    struct engine_sampling as = {0};
    assert_string_equal(text_of(&as), "{}");
    as = (struct engine_sampling){.temperature = 0.7f, .top_p = 0.95f, .seed = UINT64_MAX};
    assert_string_equal(text_of(&as),
                        "{\"temperature\":0.7,\"top_p\":0.95,\"seed\":18446744073709551615}");
    as = (struct engine_sampling){1,    40,    1,     0.05f,    0.5f, 1.1f,   -2, 1.5f, 64,
                                  0.8f, 1.75f, 3,     1024,     breakers, 2, biases, 3, 5};
    assert_string_equal(
        text_of(&as),
        "{\"temperature\":1,\"top_k\":40,\"top_p\":1,\"min_p\":0.05,\"typical_p\":0.5,"
        "\"repetition_penalty\":1.1,\"presence_penalty\":-2,\"frequency_penalty\":1.5,"
        "\"penalty_last_n\":64,\"dry_multiplier\":0.8,\"dry_base\":1.75,"
        "\"dry_allowed_length\":3,\"dry_penalty_last_n\":1024,"
        "\"dry_sequence_breakers\":[\"\\n\",\"。\\\"\"],"
        "\"logit_bias\":{\"0\":-100,\"7\":0.1,\"2147483647\":1e-7},\"seed\":5}");
    struct engine_sampling got;
    assert_int_equal(read_text(page, &got), SK_OK);
    assert_memory_equal(&got, &as,
                        offsetof(struct engine_sampling, dry_penalty_last_n) + 4); // then padding
    assert_int_equal(got.logit_bias_len, 3);
    assert_memory_equal(got.logit_bias, biases, sizeof biases);
    assert_true(got.dry_breakers_len == 2 && view_same(got.dry_breakers[1], breakers[1]));
    assert_true(got.seed == 5);
}

// Every float comes back as it was: all shapes of digits, fresh ones each time.
static void floats_come_back_exactly(void **state) {
    (void)state;
    struct engine_sampling as = {0}, got;
    uint32_t bits = 12345;
    for (int i = 0; i < 20000; i++) {
        bits = bits * 1664525 + 1013904223;
        uint32_t small = bits % 0x3f800000; // 0 <= value < 1
        memcpy(&as.temperature, &small, sizeof small);
        as.min_p = as.typical_p = as.temperature;
        as.top_k = bits;
        char before[256];
        strcpy(before, text_of(&as));
        assert_int_equal(read_text(before, &got), SK_OK);
        assert_memory_equal(&got, &as, sizeof got.temperature);
        assert_true(got.min_p == as.min_p && got.top_k == as.top_k);
        assert_string_equal(text_of(&got), before);
    }
}

static void the_longest_text_fits(void **state) {
    (void)state;
    static struct engine_bias many[ENGINE_BIASES_MAX];
    static struct view long_ones[ENGINE_BREAKERS_MAX];
    static char zeros[ENGINE_BREAKER_LEN_MAX]; // \u0000 each
    for (int i = 0; i < ENGINE_BIASES_MAX; i++)
        many[i] = (struct engine_bias){INT32_MAX - ENGINE_BIASES_MAX + i, -1.17549449e-38f};
    for (int i = 0; i < ENGINE_BREAKERS_MAX; i++)
        long_ones[i] = (struct view){zeros, sizeof zeros};
    struct engine_sampling as = {.dry_breakers = long_ones,
                                 .dry_breakers_len = ENGINE_BREAKERS_MAX,
                                 .logit_bias = many,
                                 .logit_bias_len = ENGINE_BIASES_MAX};
    assert_true(strlen(text_of(&as)) < sizeof page - 1000);
}

static void what_is_out_of_range_is_named(void **state) {
    (void)state;
    static const struct engine_bias low[] = {{3, -101}}, back[] = {{3, 1}, {3, 1}},
                                    minus[] = {{-1, 1}}, none[] = {{3, NAN}};
    static const struct view empty = {"", 0}, bad = {"\xff", 1};
    static const struct {
        struct engine_sampling as;
        const char *names;
    } rows[] = {
        {{.temperature = -1}, "temperature"},
        {{.temperature = NAN}, "temperature"},
        {{.temperature = 101}, "temperature 101 is not in 0..100"},
        {{.top_p = 1.5f}, "top_p"},
        {{.top_p = -0.5f}, "top_p"},
        {{.min_p = 2}, "min_p"},
        {{.typical_p = NAN}, "typical_p"},
        {{.repetition_penalty = -1}, "repetition_penalty"},
        {{.presence_penalty = 2.5f}, "presence_penalty 2.5 is not in -2..2"},
        {{.frequency_penalty = -3}, "frequency_penalty"},
        {{.dry_multiplier = INFINITY}, "dry_multiplier"},
        {{.dry_base = 0.5f}, "dry_base 0.5 is not in 1..100"},
        {{.dry_breakers = breakers, .dry_breakers_len = 17}, "dry_sequence_breakers: 17 > 16"},
        {{.dry_breakers = &empty, .dry_breakers_len = 1}, "dry_sequence_breakers: 0 bytes"},
        {{.dry_breakers = &bad, .dry_breakers_len = 1}, "dry_sequence_breakers: 0 is not UTF-8"},
        {{.logit_bias = low, .logit_bias_len = 1}, "logit_bias: -101 of token 3"},
        {{.logit_bias = none, .logit_bias_len = 1}, "logit_bias"},
        {{.logit_bias = back, .logit_bias_len = 2}, "logit_bias: token 3 after 3"},
        {{.logit_bias = minus, .logit_bias_len = 1}, "logit_bias"},
        {{.logit_bias = low, .logit_bias_len = 301}, "logit_bias: 301 tokens > 300"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = buf_over(page, sizeof page);
        assert_int_not_equal(engine_sampling_check(&rows[i].as), SK_OK);
        if (!strstr(fail_text(), rows[i].names)) fail_msg("%s", fail_text());
        assert_int_not_equal(engine_sampling_write(&rows[i].as, &out), SK_OK);
        assert_int_equal(out.len, 0);
    }
}

static void only_settings_are_read(void **state) {
    (void)state;
    struct engine_sampling got;
    assert_int_equal(read_text(" { } ", &got), SK_OK);
    assert_int_equal(read_text("{\"seed\":9,\"top_k\":1e2}", &got), SK_OK);
    assert_true(got.seed == 9 && got.top_k == 100);
    static const char *const wrong[] = {
        "", "[]", "{\"heat\":1}", "{\"temperature\":\"1\"}", "{\"temperature\":1e999}",
        "{\"temperature\":101}", "{\"top_k\":-1}", "{\"top_k\":4294967296}", "{\"top_k\":1.5}",
        "{\"seed\":-1}", "{\"seed\":18446744073709551616}", "{\"seed\":\"1\"}",
        "{\"logit_bias\":[]}", "{\"logit_bias\":{\"a\":1}}", "{\"logit_bias\":{\"01\":1}}",
        "{\"logit_bias\":{\"4294967296\":1}}", "{\"logit_bias\":{\"1\":101}}",
        "{\"logit_bias\":{\"2\":1,\"1\":1}}", "{\"logit_bias\":{\"1\":null}}",
        "{\"dry_sequence_breakers\":{}}", "{\"dry_sequence_breakers\":[1]}",
        "{\"dry_sequence_breakers\":[\"\"]}", "{\"dry_base\":0.5}", "{\"min_p\":null}",
        "{\"top_p\":1,\"top_p\":1}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (read_text(wrong[i], &got) == SK_OK) fail_msg("read: %s", wrong[i]);
}

static int setup(void **state) {
    (void)state;
    return arena_open(&arena, "sampling", 1 << 20) == SK_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_not_off_is_written),
        cmocka_unit_test(floats_come_back_exactly),
        cmocka_unit_test(the_longest_text_fits),
        cmocka_unit_test(what_is_out_of_range_is_named),
        cmocka_unit_test(only_settings_are_read),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
