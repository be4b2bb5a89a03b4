// UTF-8: every character there and back, and every malformed shape refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool surrogate(uint32_t c) { return c >= 0xd800 && c <= 0xdfff; }

static void every_character_returns(void **state) {
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        if (surrogate(c)) continue;
        char out[5] = {0, 0, 0, 0, 'x'};
        size_t len = utf8_put(c, out);
        uint32_t back = UINT32_MAX;
        if (utf8_take((struct view){out, sizeof out}, &back) != len || back != c) {
            fail_msg("U+%04X", c);
        }
        out[len] = 'x'; // ends a run
        if (utf8_wide((struct view){out, len + 1}) != (c < 0x80 ? 0 : len)) fail_msg("U+%04X", c);
    }
}

// What is accepted of all sequences is counted: exactly as many as there are characters.
static void nothing_else_is_taken(void **state) {
    (void)state;
    size_t taken[5] = {0};
    uint32_t c;
    unsigned char at[5] = "";
    for (unsigned i = 0; i < 1u << 16; i++) {
        at[0] = (unsigned char)(i >> 8);
        at[1] = (unsigned char)i;
        size_t n = utf8_take((struct view){(char *)at, 2}, &c);
        taken[n] += n == 2;
    }
    assert_int_equal(taken[2], 0x800 - 0x80);
    for (unsigned i = 0; i < 1u << 20; i++) {
        at[0] = (unsigned char)(0xe0 | i >> 16);
        at[1] = (unsigned char)(i >> 8);
        at[2] = (unsigned char)i;
        at[3] = 'x';
        size_t n = utf8_take((struct view){(char *)at, 3}, &c);
        taken[n] += n == 3;
        if (utf8_wide((struct view){(char *)at, 4}) != n) fail_msg("e0 and on: %05x", i);
    }
    assert_int_equal(taken[3], 0x10000 - 0x800 - 0x800);
    // Four bytes: lead, second and third whole, the last at the edges of its range.
    static const unsigned char last[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    for (unsigned i = 0; i < 1u << 20; i++) {
        at[0] = (unsigned char)(0xf0 | i >> 16);
        at[1] = (unsigned char)(i >> 8);
        at[2] = (unsigned char)i;
        for (size_t k = 0; k < sizeof last; k++) {
            at[3] = last[k];
            size_t n = utf8_take((struct view){(char *)at, 4}, &c);
            taken[n] += n == 4;
        }
    }
    assert_int_equal(taken[4], 0x100000 / 64 * 2);
}

static const char *const well_formed[] = {
    "",
    "plain ASCII that is longer than eight bytes",
    "\xc2\x80",
    "\xdf\xbf",
    "\xe0\xa0\x80",
    "\xed\x9f\xbf",
    "\xee\x80\x80",
    "\xef\xbf\xbf",
    "\xf0\x90\x80\x80",
    "\xf4\x8f\xbf\xbf",
    "\xef\xbb\xbfwith a byte order mark",
    "関所は、ことばの通り道に立つ。",
    "1234567関12345678所",
    "mixed: é, ю, 山, 𠮷, 🏯, e\xcc\x81",
};

static const char *const malformed[] = {
    "\x80",                 // a continuation alone
    "\xbf",
    "\xc0\xaf",             // '/' in two bytes
    "\xc1\xbf",
    "\xe0\x80\xaf",         // and in three
    "\xe0\x9f\xbf",
    "\xf0\x80\x80\xaf",     // and in four
    "\xf0\x8f\xbf\xbf",
    "\xed\xa0\x80",         // surrogates
    "\xed\xbf\xbf",
    "\xed\xa0\x80\xed\xb0\x80", // a pair of them (CESU-8)
    "\xf4\x90\x80\x80",     // over U+10FFFF
    "\xf5\x80\x80\x80",
    "\xf8\x88\x80\x80\x80", // five and six bytes
    "\xfc\x84\x80\x80\x80\x80",
    "\xfe",
    "\xff",
    "\xc2",                 // cut
    "\xe3\x81",
    "\xf0\x9f\x8f",
    "\xc2z",             // interrupted
    "\xe3\x81z",
    "\xe3z\x81",
    "\xf0\x9f\x8fz",
    "\xe3\x81\xe3\x81\x82",
};

static void texts_are_checked_at_every_offset(void **state) {
    (void)state;
    for (size_t pad = 0; pad < 20; pad++) {
        for (size_t i = 0; i < COUNT(well_formed) + COUNT(malformed); i++) {
            bool good = i < COUNT(well_formed);
            const char *text = good ? well_formed[i] : malformed[i - COUNT(well_formed)];
            size_t len = strlen(text);
            char *exact = malloc(2 * pad + len + 1);
            memset(exact, 'p', 2 * pad + len);
            memcpy(exact + pad, text, len);
            assert_int_equal(utf8_check((struct view){exact, pad + len}), good);
            assert_int_equal(utf8_check((struct view){exact, 2 * pad + len}), good);
            free(exact);
        }
    }
}

static void nul_is_a_character(void **state) {
    (void)state;
    uint32_t c = 1;
    assert_true(utf8_check((struct view){"a\0b\0\0\0\0\0\0", 9}));
    assert_int_equal(utf8_take((struct view){"\0", 1}, &c), 1);
    assert_int_equal(c, 0);
}

static void wide_runs_end_at_ascii_and_malformed(void **state) {
    (void)state;
    assert_int_equal(utf8_wide(VIEW("")), 0);
    assert_int_equal(utf8_wide(VIEW("a関")), 0);
    assert_int_equal(utf8_wide(VIEW("関所a")), 6);
    assert_int_equal(utf8_wide(VIEW("é関🏯\x80")), 9);
    assert_int_equal(utf8_wide(VIEW("関\xed\xa0\x80 and more")), 3);
    assert_int_equal(utf8_wide(VIEW("関\xe0\x9f\xbf and more")), 3);
    assert_int_equal(utf8_wide(VIEW("関\xe9")), 3);
}

static void tail_is_what_may_still_be_completed(void **state) {
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c += c < 0x900 ? 1 : 7) {
        if (surrogate(c)) continue;
        char text[8] = "x\xe3\x81\x82";
        size_t len = utf8_put(c, text + 4);
        for (size_t cut = 1; cut < len; cut++) {
            assert_int_equal(utf8_tail((struct view){text, 4 + cut}), cut);
            assert_int_equal(utf8_tail((struct view){text + 4, cut}), cut);
        }
        assert_int_equal(utf8_tail((struct view){text, 4 + len}), 0);
    }
    static const char *const hopeless[] = {
        "",         "a",        "\x80",     "a\x80",        "\x80\x80",         "\x80\x80\x80",
        "\xc0",     "\xc1",     "\xe0\x80", "\xe0\x9f",     "\xed\xa0",         "\xf0\x8f",
        "\xf4\x90", "\xf5",     "\xff",     "\xf0\x8f\x80", "\xf4\x90\x80",     "\xe3\x81\x82\x80",
        "\xc2\x80", "\xc2\x80\x80", "\xf0\x9f\x8f\xaf", "\xf0\x9f\x8f\xaf\x80"};
    for (size_t i = 0; i < COUNT(hopeless); i++) {
        assert_int_equal(utf8_tail(view_of(hopeless[i])), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_returns),
        cmocka_unit_test(nothing_else_is_taken),
        cmocka_unit_test(texts_are_checked_at_every_offset),
        cmocka_unit_test(nul_is_a_character),
        cmocka_unit_test(wide_runs_end_at_ascii_and_malformed),
        cmocka_unit_test(tail_is_what_may_still_be_completed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
