#include "engine/unicode.h"

#include <utf8proc.h>

#include "base/fail.h"

size_t unicode_take(struct view text, uint32_t *codepoint) {
    const uint8_t *at = (const uint8_t *)text.at;
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t value = len == 1 ? at[0] : at[0] & (0x7fu >> len);
    if (len > text.len || at[0] > 0xf7) len = 0;
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) len = 0;
        value = value << 6 | (at[i] & 0x3f);
    }
    bool whole = len && value <= 0x10ffff;
    *codepoint = whole ? value : UNICODE_WRONG;
    return whole ? len : 1;
}

size_t unicode_put(uint32_t codepoint, char *out) {
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t len = codepoint < 0x80 ? 1 : codepoint < 0x800 ? 2 : codepoint < 0x10000 ? 3 : 4;
    for (size_t i = len; --i > 0; codepoint >>= 6) out[i] = (char)(0x80 | (codepoint & 0x3f));
    out[0] = (char)(lead[len] | codepoint);
    return len;
}

// Assigned in Unicode 15.1: the ideographs of extension I, and five description characters.
static enum unicode_kind newer_kind(uint32_t codepoint) {
    if (codepoint >= 0x2ebf0 && codepoint <= 0x2ee5d) return UNICODE_LETTER;
    if ((codepoint >= 0x2ffc && codepoint <= 0x2fff) || codepoint == 0x31ef) return UNICODE_SYMBOL;
    return UNICODE_OTHER;
}

enum unicode_kind unicode_kind(uint32_t codepoint) {
    static const uint8_t kinds[] = {
        [UTF8PROC_CATEGORY_LU] = UNICODE_LETTER,      [UTF8PROC_CATEGORY_LL] = UNICODE_LETTER,
        [UTF8PROC_CATEGORY_LT] = UNICODE_LETTER,      [UTF8PROC_CATEGORY_LM] = UNICODE_LETTER,
        [UTF8PROC_CATEGORY_LO] = UNICODE_LETTER,      [UTF8PROC_CATEGORY_MN] = UNICODE_MARK,
        [UTF8PROC_CATEGORY_MC] = UNICODE_MARK,        [UTF8PROC_CATEGORY_ME] = UNICODE_MARK,
        [UTF8PROC_CATEGORY_ND] = UNICODE_NUMBER,      [UTF8PROC_CATEGORY_NL] = UNICODE_NUMBER,
        [UTF8PROC_CATEGORY_NO] = UNICODE_NUMBER,      [UTF8PROC_CATEGORY_PC] = UNICODE_PUNCTUATION,
        [UTF8PROC_CATEGORY_PD] = UNICODE_PUNCTUATION, [UTF8PROC_CATEGORY_PS] = UNICODE_PUNCTUATION,
        [UTF8PROC_CATEGORY_PE] = UNICODE_PUNCTUATION, [UTF8PROC_CATEGORY_PI] = UNICODE_PUNCTUATION,
        [UTF8PROC_CATEGORY_PF] = UNICODE_PUNCTUATION, [UTF8PROC_CATEGORY_PO] = UNICODE_PUNCTUATION,
        [UTF8PROC_CATEGORY_SM] = UNICODE_SYMBOL,      [UTF8PROC_CATEGORY_SC] = UNICODE_SYMBOL,
        [UTF8PROC_CATEGORY_SK] = UNICODE_SYMBOL,      [UTF8PROC_CATEGORY_SO] = UNICODE_SYMBOL,
        [UTF8PROC_CATEGORY_ZS] = UNICODE_SPACE,       [UTF8PROC_CATEGORY_ZL] = UNICODE_SPACE,
        [UTF8PROC_CATEGORY_ZP] = UNICODE_SPACE,       [UTF8PROC_CATEGORY_CC] = UNICODE_CONTROL,
        [UTF8PROC_CATEGORY_CF] = UNICODE_CONTROL,     [UTF8PROC_CATEGORY_CS] = UNICODE_CONTROL,
        [UTF8PROC_CATEGORY_CO] = UNICODE_CONTROL,
    };
    if ((codepoint >= '\t' && codepoint <= '\r') || codepoint == 0x85) return UNICODE_SPACE;
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)codepoint);
    return category == UTF8PROC_CATEGORY_CN ? newer_kind(codepoint) : kinds[category];
}

uint32_t unicode_lower(uint32_t codepoint) {
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)codepoint);
}

size_t unicode_decompose(uint32_t codepoint, uint32_t parts[UNICODE_PARTS_MAX]) {
    utf8proc_ssize_t len = utf8proc_decompose_char(
        (utf8proc_int32_t)codepoint, (utf8proc_int32_t *)parts, UNICODE_PARTS_MAX,
        UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE, &(int){0});
    must(len > 0 && len <= UNICODE_PARTS_MAX); // Unicode's longest have 18
    return (size_t)len;
}

size_t unicode_compose(uint32_t *parts, size_t len) {
    return (size_t)utf8proc_normalize_utf32((utf8proc_int32_t *)parts, (utf8proc_ssize_t)len,
                                            UTF8PROC_STABLE | UTF8PROC_COMPOSE);
}

uint32_t unicode_base(uint32_t codepoint) {
    enum { PARTS_MAX = 8 }; // canonical decompositions have up to 4
    utf8proc_int32_t parts[PARTS_MAX];
    utf8proc_ssize_t len = utf8proc_decompose_char((utf8proc_int32_t)codepoint, parts, PARTS_MAX,
                                                   UTF8PROC_DECOMPOSE, &(int){0});
    return len > 0 ? (uint32_t)parts[0] : codepoint;
}
