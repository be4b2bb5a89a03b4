// The normal form's map: what libutf8proc makes of every character, of what is joined, of texts.
#include "cmocka_chance.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "engine/charsmap.h"
#include "train/nfkc.h"

enum { TEXT_MAX = 1 << 12 };

static struct buf map;

static int setup(void **state) {
    if (buf_open(&map, NFKC_BYTES_MAX) != SK_OK || nfkc_put(&map) != SK_OK) return -1;
    return chance_seed(state);
}

static int teardown(void **state) {
    (void)state;
    buf_close(&map);
    return 0;
}

static struct view by_map(struct view text, char *out) {
    struct buf as = buf_over(out, 16 * TEXT_MAX);
    while (text.len) {
        uint32_t codepoint;
        struct view piece = {text.at, utf8_take(text, &codepoint)};
        size_t len = charsmap_find(buf_view(&map), text, &piece);
        text = view_from(text, len ? len : piece.len);
        buf_put_view(&as, piece);
    }
    assert_false(as.over);
    return buf_view(&as);
}

static void assert_form(struct view text) {
    static char out[16 * TEXT_MAX];
    utf8proc_uint8_t *want;
    utf8proc_ssize_t len =
        utf8proc_map((const utf8proc_uint8_t *)text.at, (utf8proc_ssize_t)text.len, &want,
                     UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    assert_true(len >= 0);
    struct view got = by_map(text, out);
    if (got.len != (size_t)len || memcmp(got.at, want, got.len) != 0)
        fail_msg("%.*s became %.*s, not %.*s", (int)text.len, text.at, (int)got.len, got.at,
                 (int)len, (const char *)want);
    free(want);
}

static void assert_characters(const utf8proc_int32_t *characters, size_t len) {
    char text[64];
    size_t at = 0;
    for (size_t i = 0; i < len; i++) at += utf8_put((uint32_t)characters[i], text + at);
    assert_form((struct view){text, at});
}

static bool stays(utf8proc_int32_t codepoint) {
    utf8proc_int32_t parts[32];
    utf8proc_ssize_t len = utf8proc_decompose_char(
        codepoint, parts, 32, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &(int){0});
    return len == 1 && parts[0] == codepoint;
}

static void every_character_is_written_so(void **state) {
    (void)state;
    for (utf8proc_int32_t codepoint = 1; codepoint <= 0x10ffff; codepoint++) {
        utf8proc_int32_t parts[8];
        if (codepoint == 0xd800) codepoint = 0xe000;
        assert_characters(&codepoint, 1);
        utf8proc_ssize_t len =
            utf8proc_decompose_char(codepoint, parts, 8, UTF8PROC_DECOMPOSE, &(int){0});
        // ϓ, say, is ϒ and a mark, and ϒ is another letter's form: what follows it is not joined.
        if (len > 1 && stays(parts[0])) assert_characters(parts, (size_t)len);
    }
}

static void widths_are_joined(void **state) {
    (void)state;
    assert_form(VIEW("ﾊﾝｶｸｶﾞﾊﾟ ｶ\u3099 カﾞ ウﾞ"));
    assert_form(VIEW("Ａｂｃ１２ＡＢ Ｅ\u0301 a\u0302\u0301 \u00ea\u0301 e\u0301"));
    assert_form(VIEW("㍿①ﬁ㌔ ㈱ ﷺ … ゛\u3000｡｢｣"));
    assert_form(VIEW("\u1100\u1161\u11a8 \uac00\u11a8 각 \u03b1\u0313\u0300\u0345 \u1f02\u0345"));
    assert_form(VIEW("変わらない文 plain text, \t\x01 \U0001f600"));
}

// Of characters that stand in texts, with at most one mark after each.
static void texts_are_written_so(void **state) {
    (void)state;
    static const uint32_t ranges[][2] = {{0x20, 0x7e},     {0xa0, 0x17f},    {0x3041, 0x3096},
                                         {0x30a1, 0x30fe}, {0x4e00, 0x4fff}, {0xff01, 0xff9d},
                                         {0x2460, 0x24ff}, {0x3300, 0x33ff}, {0xac00, 0xad00}};
    static const uint32_t marks[] = {0x3099, 0xff9e, 0xff9f, 0x0301, 0x0308};
    for (int i = 0; i < chance_rounds(300); i++) {
        char text[TEXT_MAX];
        size_t len = 0;
        for (uint64_t n = chance_next(&chance_state) % 200; n; n--) {
            const uint32_t *range = ranges[chance_next(&chance_state) % 9];
            uint32_t of = range[1] - range[0] + 1;
            len += utf8_put(range[0] + (uint32_t)(chance_next(&chance_state) % of), text + len);
            uint64_t mark = chance_next(&chance_state) % 20;
            bool plain = range[0] == 0x30a1 || range[0] == 0x3041 || range[0] == 0x20;
            if (plain && mark < 5) len += utf8_put(marks[mark], text + len);
        }
        assert_form((struct view){text, len});
    }
}

// As large maps of others have it: an offset that counts 256 entries.
static void far_offsets_are_read(void **state) {
    (void)state;
    uint32_t units[2 * 256] = {1u << 10 | 1u << 9}, size = sizeof units;
    char storage[sizeof units + 16];
    struct buf far = buf_over(storage, sizeof storage);
    struct view as;
    units[256 ^ 'a'] = (256u ^ 'a' ^ 3) << 10 | 1u << 8 | 'a';
    units[3] = 1u << 31;
    buf_put(&far, &size, sizeof size);
    buf_put(&far, units, sizeof units);
    buf_put(&far, "bc", 3);
    assert_int_equal(charsmap_find(buf_view(&far), VIEW("ax"), &as), 1);
    assert_true(view_is(as, "bc"));
}

static void it_is_the_same_again(void **state) {
    (void)state;
    struct buf again;
    assert_int_equal(buf_open(&again, NFKC_BYTES_MAX), SK_OK);
    assert_int_equal(nfkc_put(&again), SK_OK);
    assert_true(view_same(buf_view(&map), buf_view(&again)));
    print_message("%zu bytes\n", again.len);
    buf_close(&again);
    assert_int_equal(buf_open(&again, 1000), SK_OK);
    assert_int_equal(nfkc_put(&again), SK_LIMIT);
    buf_close(&again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_written_so),
        cmocka_unit_test(widths_are_joined),
        cmocka_unit_test(texts_are_written_so),
        cmocka_unit_test(far_offsets_are_read),
        cmocka_unit_test(it_is_the_same_again),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
