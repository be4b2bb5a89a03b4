// Records: one text for one record, there and back; every missing or wrong field is named.
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"

#include "record_make.h"

enum { TEXT_MAX = 1 << 16 };
static char storage[TEXT_MAX], second[TEXT_MAX];
static struct train_record made, back;
static struct arena arena;

static struct view text_of(const struct train_record *record, char *at) {
    struct buf out = buf_over(at, TEXT_MAX);
    if (record_write(record, &out) != SK_OK) fail_msg("%s", fail_text());
    return buf_view(&out);
}

static void comes_back(void **state) {
    (void)state;
    for (int full = 0; full < 2; full++) {
        (full ? record_full : record_least)(&made);
        struct view text = text_of(&made, storage);
        arena_reset(&arena);
        if (record_read(text, &arena, &back) != SK_OK) fail_msg("%s", fail_text());
        assert_true(view_same(text, text_of(&back, second)));
        assert_int_equal(back.sources_len, made.sources_len);
        assert_int_equal(back.ended_ms, made.ended_ms);
        assert_true(view_same(back.sources[0].licence, made.sources[0].licence));
        assert_memory_equal(back.outputs[0].sha256, made.outputs[0].sha256, HASH_LEN);
    }
}

static void the_text_is_canonical(void **state) {
    (void)state;
    record_least(&made);
    made.recipe_sha256[31] = 0xff;
    struct view text = text_of(&made, storage);
    static const char begin[] = "{\"architecture\":\"llama\",\"build\":\"0.1.0+abc\",\"cpu_ms\":7000000,"
                                "\"data_sha256\":\"0202";
    static const char end[] = ",\"started_ms\":1795400000000,\"steps\":1000,\"tokens\":2048000,"
                              "\"trained_parameters\":5000000,\"v\":\"sekisho-training/1\"}";
    assert_memory_equal(text.at, begin, sizeof begin - 1);
    assert_memory_equal(text.at + text.len - (sizeof end - 1), end, sizeof end - 1);
}

static void refuse(enum sk_code code, const char *names) {
    struct buf out = buf_over(storage, TEXT_MAX);
    assert_int_equal(record_write(&made, &out), code);
    if (!strstr(fail_text(), names)) fail_msg("%s: %s", names, fail_text());
    assert_int_equal(out.len, 0);
    record_full(&made);
}

static void bad_fields_are_named(void **state) {
    (void)state;
    static char long_text[2048];
    memset(long_text, 'a', sizeof long_text);
    record_full(&made);
    made.name = VIEW("");
    refuse(SK_INPUT, "name: missing");
    made.sources[1].licence = VIEW("");
    refuse(SK_INPUT, "sources.licence: missing");
    made.sources[0].use = VIEW("fun");
    refuse(SK_INPUT, "sources.use: none of its words");
    memset(made.outputs[0].sha256, 0, HASH_LEN);
    refuse(SK_INPUT, "outputs.sha256: missing");
    made.name = VIEW("a\nb");
    refuse(SK_INPUT, "name: not UTF-8, or control");
    made.limits = VIEW("\xff");
    refuse(SK_INPUT, "limits: not UTF-8");
    made.description = (struct view){long_text, 1025};
    refuse(SK_LIMIT, "description: too long");
    made.tokens = UINT64_MAX;
    refuse(SK_LIMIT, "tokens: over 2^53");
    made.sources_len = RECORD_SOURCES_MAX + 1;
    refuse(SK_LIMIT, "sources: too many");
    memset(made.base_sha256, 0, HASH_LEN);
    refuse(SK_INPUT, "base_name and base_sha256");
    made.outputs[0].name = VIEW("../keigo.gguf");
    refuse(SK_INPUT, "outputs.name: a directory");
    made.ended_ms = made.started_ms - 1;
    refuse(SK_INPUT, "ended_ms is before");
    static const char *const numbers[] = {"", "-", "1.", ".5", "1e", "1.5e+", "nan", "0x1", "1 ",
                                          "1,5", "111111111111111111111111111111111"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        made.metrics[1].value = view_of(numbers[i]);
        refuse(SK_INPUT, "metrics.value: ");
    }
    static const char *const good[] = {"0", "-1", "1.5", "1e9", "-1.25e-05", "3E+2"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        made.metrics[1].value = view_of(good[i]);
        text_of(&made, storage);
    }
    for (uint32_t i = 0; i < RECORD_SOURCES_MAX; i++) made.sources[i] = made.sources[0];
    made.sources_len = RECORD_SOURCES_MAX;
    refuse(SK_LIMIT, "at most 15360: name fewer sources");
}

static void other_texts_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *names;
    } changes[] = {
        {"\"steps\":1000", "\"steps\":1e3", "one form"},
        {"\"steps\":1000", "\"steps\": 1000", "one form"},
        {"\"steps\":1000", "\"steps\":-1", "steps: not of its kind"},
        {"\"steps\":1000", "\"stepz\":1000", "stepz: no such field"},
        {"\"steps\":1000,", "", "one form"},
        {"training/1", "training/2", "v: not of its kind"},
        {"\"use\":\"training\"", "\"use\":7", "sources.use: not of its kind"},
        {"\"sources\":[", "\"sources\":[[],", "sources: must be an object"},
        {"\"name\":\"keigo\",", "\"name\":\"\",", "name: not of its kind"},
        {"0303030303", "030303030", "sources.sha256: not of its kind"},
        {"{\"architecture", "[\"architecture", "json: byte"},
    };
    record_least(&made);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char text[TEXT_MAX];
        struct view good = text_of(&made, storage);
        const char *at = memmem(good.at, good.len, changes[i].from, strlen(changes[i].from));
        assert_non_null(at);
        int len = snprintf(text, sizeof text, "%.*s%s%.*s", (int)(at - good.at), good.at,
                           changes[i].to,
                           (int)(good.len - (size_t)(at - good.at) - strlen(changes[i].from)),
                           at + strlen(changes[i].from));
        arena_reset(&arena);
        assert_int_not_equal(record_read((struct view){text, (size_t)len}, &arena, &back), SK_OK);
        if (!strstr(fail_text(), changes[i].names)) fail_msg("%zu: %s", i, fail_text());
    }
}

static int setup(void **state) {
    (void)state;
    return arena_open(&arena, "record", 1 << 20) == SK_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    arena_close(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(the_text_is_canonical),
        cmocka_unit_test(bad_fields_are_named),
        cmocka_unit_test(other_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
