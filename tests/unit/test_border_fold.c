// The fold: what characters become, and that every folded byte knows where it came from.
#include "cmocka_chance.h"

#include "base/utf8.h"
#include "border/scan_parts.h"

static struct arena arena;

static int setup(void **state) {
    chance_seed(state);
    return arena_open(&arena, "fold", 8 << 20) == SK_OK ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    arena_close(&arena);
    return 0;
}

static struct fold folded(struct view raw) {
    struct fold fold;
    arena_reset(&arena);
    assert_int_equal(fold_make(raw, &arena, &fold), SK_OK);
    return fold;
}

static void characters_become_one(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"plain text", "plain text"},
        {"漢字とカナ、サーバー。", "漢字とカナ、サーバー。"},
        {"０９０－１２３４－５６７８", "090-1234-5678"},
        {"０９０ー１２３４ー５６７８", "090-1234-5678"},
        {"090‐1234–5678", "090-1234-5678"},
        {"090−1234─5678", "090-1234-5678"},
        {"090一1234一5678", "090-1234-5678"},
        {"〇九〇ー一二三四ー五六七八", "090-1234-5678"},
        {"〇三　一二三四　五六七八", "03 1234 5678"},
        {"一二三四五六七八九〇一八", "123456789018"},
        {"⓪⑨⓪①②③④⑤⑥⑦⑧", "09012345678"},
        {"①090-1234", "①090-1234"},
        {"三四郎と一二三さん、五十嵐", "三四郎と一二三さん、五十嵐"},
        {"第三者は十一月に", "第三者は十一月に"},
        {"二〇二六年", "2026年"},
        {"一－二－三", "1-2-3"},
        {"ｙａｍａｄａ＠ｅｘａｍｐｌｅ．ｊｐ", "yamada@example.jp"},
        {"ﾔﾏﾀﾞ ﾀﾛｳ ﾊﾟﾋﾟ ｳﾞ", "ヤマダ タロウ パピ ヴ"},
        {"か\u3099は\u309a", "がぱ"},
        {"髙橋 﨑山 渡邉 渡邊 齋藤", "高橋 崎山 渡辺 渡辺 斎藤"},
        {"神\U000e0100奈\u200b川\ufeff", "神奈川"},
        {"㋿元年㍻㍼", "令和元年平成昭和"},
        {"1\u00a02\u30003\u20094", "1 2 3 4"},
        {"℡ № 𠮷野", "TEL No 吉野"},
        {"𝟎𝟗𝟎 ٠٩٠", "090 090"},
        {"é ü Привет", "é ü Привет"},
        {"😀🇯🇵", "😀🇯🇵"},
        // of other formats
        {"{\"n\": \"\\u5c71\\u7530\\uD842\\uDFB7\"}", "{\"n\": \"山田吉\"}"},
        {"\\\\u5c71 \\\\\\\\uD842\\\\\\\\uDFB7", "山 吉"},
        {"\\uff11\\u4e8c3\\uFF0d4", "123-4"},
        {"a\\n1234\\\\t山 \\text \\nabla C:\\x", "a\n1234\t山 \\text \\nabla C:\\x"},
        {"\\ud842 \\ud842\\u5c71 \\u12 \\u0000 \\", "\\ud842 \\ud842山 \\u12   \\"},
        {"&#23665;&#x7530;&#xd800; &#9999999; &amp; &#; &#x;",
         "山田&#xd800; &#9999999; &amp; &#; &#x;"},
        {"?q=%E5%B1%B1%e7%94%b0&m=taro%40example.jp", "?q=山田&m=taro@example.jp"},
        {"%E5%B1 %ff 50%25 %41 %", "%E5%B1 %ff 50%25 %41 %"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fold fold = folded(view_of(cases[i][0]));
        if (!view_is(fold.folded, cases[i][1]))
            fail_msg("%s became %.*s", cases[i][0], (int)fold.folded.len, fold.folded.at);
    }
}

// Characters of all kinds, those that change more often than others.
static size_t any_text(char *out, size_t max) {
    static const uint32_t bases[] = {
        '0',    ' ',    '\n',    '-',     0xff10,  0x3007, 0x4e00, 0x30fc,  0x2460, 0xff70,
        0xff76, 0xff9e, 0x3099,  0x304b,  0x200b,  0xfe0f, 0xa0,   0x2010,  0x9ad9, 0xfa11,
        0x32ff, 0x337c, 0x1d7ce, 0xe0100, 0x20bb7, 0x3000, 0xe9,   0x1f600, 0x660,  0x3231};
    size_t len = 0;
    while (len + 4 <= max) {
        uint64_t pick = chance_next(&chance_state);
        uint32_t code = bases[pick % (sizeof bases / sizeof *bases)] + (uint32_t)(pick >> 32) % 12;
        if (pick % 7 == 0) code = (uint32_t)(pick >> 16) % 0x110000;
        if (code >= 0xd800 && code <= 0xdfff) code = 'x';
        len += utf8_put(code, out + len);
        if (pick >> 60 == 0) break;
    }
    return len;
}

static void every_byte_knows_where_it_came_from(void **state) {
    (void)state;
    char raw[600];
    for (int round = 0; round < 20000; round++) {
        struct view text = {raw, any_text(raw, sizeof raw)};
        struct fold fold = folded(text);
        assert_true(utf8_check(fold.folded));
        assert_int_equal(fold.map[fold.folded.len], text.len);
        for (size_t i = 0; i < fold.folded.len; i++) {
            assert_true(fold.map[i] <= fold.map[i + 1]);
            assert_true(fold.map[i] < text.len);
            bool inside = ((uint8_t)fold.folded.at[i] & 0xc0) == 0x80;
            // a folded character begins where a character began
            if (!inside) assert_true(((uint8_t)raw[fold.map[i]] & 0xc0) != 0x80);
        }
    }
}

static void what_is_not_utf8_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {"\x80", "a\xc0\x80", "\xe3\x81", "\xed\xa0\x80", "\xf8"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fold fold;
        arena_reset(&arena);
        assert_int_equal(fold_make(view_of(cases[i]), &arena, &fold), SK_INPUT);
    }
}

static void each_byte_is_checked(void **state) {
    (void)state;
    char raw[600];
    for (int round = 0; round < 50000; round++) {
        struct view text = {raw, any_text(raw, sizeof raw)};
        struct fold fold;
        if (text.len > 40) text.len = 40;
        uint64_t pick = chance_next(&chance_state);
        if (text.len && pick & 1) raw[pick % 4096 % text.len] = (char)(uint8_t)(pick >> 32);
        arena_reset(&arena);
        assert_int_equal(fold_make(text, &arena, &fold), utf8_check(text) ? SK_OK : SK_INPUT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_become_one),
        cmocka_unit_test(every_byte_knows_where_it_came_from),
        cmocka_unit_test(what_is_not_utf8_is_refused),
        cmocka_unit_test(each_byte_is_checked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
