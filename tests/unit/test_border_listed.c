// The operator's words and rules, from lines to findings; lines that are wrong are named.
#include "cmocka_all.h"

#include "lexicon_fixture.h"

static struct buf payload, file;

static enum sk_code make(const char *words, const char *secrets) {
    arena_reset(&arena);
    buf_reset(&payload);
    return words_make(TABLE_LISTED, view_of(words), view_of(secrets), &arena, &payload);
}

static void load(const char *words, const char *secrets) {
    assert_int_equal(make(words, secrets), SK_OK);
    buf_reset(&file);
    const struct table table = {TABLE_LISTED, VIEW("{}"), buf_view(&payload)};
    assert_int_equal(table_write(&table, &file), SK_OK);
    detectors_close(detectors);
    assert_int_equal(detectors_open(&detectors), SK_OK);
    assert_int_equal(detectors_add(detectors, buf_view(&file)), SK_OK);
}

static void words_of_the_operator(void **state) {
    (void)state;
    load("# customers\n山田 太郎\n髙橋商店\nProject Kestrel\nKes\n\nｱｵﾊﾞ\r\n", "");
    static const struct sample samples[] = {
        {"山田太郎様と山田　太郎", "[listed 山田太郎][listed 山田　太郎]"},
        {"高橋商店、髙橋商店", "[listed 高橋商店][listed 髙橋商店]"},
        {"the PROJECT KESTREL plan", "[listed PROJECT KESTREL]"},
        {"project kestrels, kes", "[listed kes]"},
        {"アオバ駅", "[listed アオバ]"},
        {"山田花子", ""},
    };
    SAMPLES_CHECK(samples);
}

static void rules_of_the_operator(void **state) {
    (void)state;
    load("", "badge\tlisted\tprefix\tEMP-\t0\t0-9\t6\t0\n"
             "vault\tlisted\tnear\t社内鍵\t0\tA-Za-z0-9\t8-12\t0\n");
    static const struct sample samples[] = {
        {"社員証EMP-482913と", "[listed EMP-482913]"},
        {"EMP-48291, EMP-4829134, XEMP-482913", ""},
        {"社内鍵：abcd1234", "[listed abcd1234]"},
    };
    SAMPLES_CHECK(samples);
}

static void wrong_lines_are_named(void **state) {
    (void)state;
    static const char *const rules[] = {
        "a\n", "a\tnone\tprefix\tx\t0\ta-z\t3\t0\n", "a\tlisted\tsuffix\tx\t0\ta-z\t3\t0\n",
        "a\tlisted\tprefix\tx\t0\tz-a\t3\t0\n", "a\tlisted\tprefix\tx\t0\ta-z\t9-3\t0\n",
        "a\tlisted\tprefix\tx\t0\ta-z\t3\t9.1\n", "a\tlisted\tprefix\t\t0\ta-z\t3\t0\n"};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        assert_int_equal(make("x\n", rules[i]), SK_INPUT);
        if (i < 6) assert_non_null(strstr(fail_text(), "line 1"));
    }
    assert_int_equal(make("ok\na\tb\n", ""), SK_INPUT);
    assert_non_null(strstr(fail_text(), "line 2"));
}

int main(void) {
    static const char *const none[] = {NULL}, *const wants[] = {"listed", NULL};
    detectors_begin(none, wants);
    assert_int_equal(buf_open(&payload, 1 << 20), SK_OK);
    assert_int_equal(buf_open(&file, 1 << 20), SK_OK);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_the_operator),
        cmocka_unit_test(rules_of_the_operator),
        cmocka_unit_test(wrong_lines_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
