// A scan: windows and steps change nothing, the arena keeps only findings.
#include <stdio.h>

#include "cmocka_chance.h"
#include "scan_fixture.h"

static const char *const texts[] = {
#define X(detectors, text) (text),
#include "identifiers.def"
#undef X
};
enum { TEXTS = sizeof texts / sizeof *texts, LONG_MAX = 1 << 20, FINDINGS_MAX = 4000 };
static char long_text[LONG_MAX];
static struct finding expected[FINDINGS_MAX];

static void an_empty_text_has_nothing(void **state) {
    (void)state;
    struct scan scan = scan_all(VIEW(""));
    assert_int_equal(scan.findings_len, 0);
}

static void a_detector_without_its_file_fails_closed(void **state) {
    (void)state;
    struct scan scan;
    struct detector_set wanted = {1ull << DETECTOR_PERSON};
    arena_reset(&scan_arena);
    enum sk_code code = scan_begin(&scan, scan_detectors, &wanted, VIEW("x"), &scan_arena);
    assert_int_equal(code, SK_CORRUPT);
    assert_non_null(strstr(fail_text(), "names.skdt"));
}

static void what_is_not_wanted_is_not_reported(void **state) {
    (void)state;
    struct scan scan;
    struct detector_set wanted = {1ull << DETECTOR_EMAIL};
    struct view text = VIEW("a@example.jp 090-1234-5678");
    bool done = false;
    arena_reset(&scan_arena);
    assert_int_equal(scan_begin(&scan, scan_detectors, &wanted, text, &scan_arena), SK_OK);
    while (!done)
        assert_int_equal(scan_step(&scan, &done), SK_OK);
    assert_int_equal(scan.findings_len, 1);
    assert_int_equal(scan.findings[0].detector, DETECTOR_EMAIL);
}

// Prose without labels, so long that no word of another text is around.
static size_t put_prose(char *out) {
    static const char sentence[] = "今日は良い天気でしたので、公園まで歩いてみることにしました。\n";
    size_t len = 0, times = 8 + chance_next(&chance_state) % 40;
    for (size_t i = 0; i < times; i++, len += sizeof sentence - 1)
        memcpy(out + len, sentence, sizeof sentence - 1);
    return len;
}

// Texts far from each other in one long text: what each has alone, wherever windows end.
static void windows_change_nothing(void **state) {
    (void)state;
    for (int round = 0; round < 3; round++) {
        size_t len = 0;
        uint32_t wanted = 0;
        while (len < LONG_MAX - 10000 && wanted < FINDINGS_MAX - 100) {
            const char *text = texts[chance_next(&chance_state) % TEXTS];
            struct scan alone = scan_all(view_of(text));
            len += put_prose(long_text + len);
            for (uint32_t i = 0; i < alone.findings_len; i++) {
                expected[wanted] = alone.findings[i];
                expected[wanted++].at += (uint32_t)len;
            }
            memcpy(long_text + len, text, strlen(text));
            len += strlen(text);
            long_text[len++] = '\n';
        }
        struct scan scan = scan_all((struct view){long_text, len});
        for (uint32_t i = 0; i < wanted && i < scan.findings_len; i++) {
            if (scan.findings[i].at == expected[i].at && scan.findings[i].len == expected[i].len &&
                scan.findings[i].detector == expected[i].detector)
                continue;
            fail_msg("at %u, expected %u: %.80s", scan.findings[i].at, expected[i].at,
                     long_text + expected[i].at);
        }
        assert_int_equal(scan.findings_len, wanted);
    }
}

static void a_long_table_keeps_its_heads(void **state) {
    (void)state;
    enum { ROWS = 3000 };
    size_t len = (size_t)snprintf(long_text, LONG_MAX, "氏名,個人番号,連絡先,備考\n");
    for (int i = 0; i < ROWS; i++)
        len += (size_t)snprintf(long_text + len, LONG_MAX - len,
                                "山田太郎,123456789018,0312345678,%d件\n", i);
    struct scan scan = scan_all((struct view){long_text, len});
    assert_int_equal(scan.findings_len, 2 * ROWS);
    for (uint32_t i = 0; i < scan.findings_len; i++)
        assert_int_equal(scan.findings[i].score, 100); // said by the head of its column
}

static void the_arena_keeps_only_findings(void **state) {
    (void)state;
    arena_reset(&scan_arena);
    size_t before = scan_arena.used;
    memset(long_text, 'x', LONG_MAX);
    struct scan scan = scan_all((struct view){long_text, LONG_MAX});
    assert_int_equal(scan.findings_len, 0);
    assert_true(scan_arena.used - before < 4096);
}

static int setup(void **state) {
    chance_seed(state);
    return scan_setup(state);
}

// Values in JSON within a text, in HTML, in a URL: found, and all of what stands for them.
static void escapes_hide_nothing(void **state) {
    (void)state;
    static const struct {
        const char *text, *found;
    } cases[] = {
        {"{\"個人番号\": \"a\\n123456789018\"}", "123456789018"},
        {"{\\\"個人番号\\\": \\\"\\\\n123456789018\\\"}", "123456789018"},
        {"\\u500b\\u4eba\\u756a\\u53f7 1234-5678-\\uff19018", "1234-5678-\\uff19018"},
        {"mailto:taro%40example.jp", "taro%40example.jp"},
        {"https://x.example/a/taro@example.jp", "taro@example.jp"},
        {"<b>1234&#45;5678&#x2d;9018</b>", "1234&#45;5678&#x2d;9018"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scan scan = scan_all(view_of(cases[i].text));
        bool found = false;
        for (uint32_t k = 0; k < scan.findings_len; k++)
            found |=
                view_is((struct view){cases[i].text + scan.findings[k].at, scan.findings[k].len},
                        cases[i].found);
        if (!found) print_message("not found: %s\n", cases[i].text);
        assert_true(found);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_text_has_nothing),
        cmocka_unit_test(a_detector_without_its_file_fails_closed),
        cmocka_unit_test(what_is_not_wanted_is_not_reported),
        cmocka_unit_test(windows_change_nothing),
        cmocka_unit_test(a_long_table_keeps_its_heads),
        cmocka_unit_test(the_arena_keeps_only_findings),
        cmocka_unit_test(escapes_hide_nothing),
    };
    return cmocka_run_group_tests(tests, setup, scan_teardown);
}
