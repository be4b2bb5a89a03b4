// Characters of folded text, for the families that go through it: well-formed UTF-8 by promise of
// the fold, so no checks but the end.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

static inline uint32_t char_len(char first) {
    uint8_t byte = (uint8_t)first;
    return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

// The character at `at`, 0 at the end; *len its bytes.
static inline uint32_t char_at(struct view text, size_t at, uint32_t *len) {
    *len = 0;
    if (at >= text.len) return 0;
    uint32_t want = char_len(text.at[at]), c = (uint8_t)text.at[at];
    if (text.len - at < want) return 0;
    *len = want;
    if (want == 1) return c;
    c &= 0x7fu >> want;
    for (uint32_t i = 1; i < want; i++)
        c = c << 6 | ((uint8_t)text.at[at + i] & 0x3f);
    return c;
}

static inline bool is_digit(uint32_t c) {
    return c - '0' < 10;
}
static inline bool is_letter(uint32_t c) {
    return (c | 32) - 'a' < 26;
}
static inline bool is_word(uint32_t c) {
    return is_digit(c) || is_letter(c);
}
static inline bool is_hiragana(uint32_t c) {
    return c >= 0x3041 && c <= 0x309f;
}
static inline bool is_katakana(uint32_t c) {
    return c >= 0x30a1 && c <= 0x30ff && c != 0x30fb;
}
// 々, 〆 and 〇 too.
static inline bool is_kanji(uint32_t c) {
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
           (c >= 0x3005 && c <= 0x3007) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0x20000 && c <= 0x3ffff);
}
