#include "base/utf8.h"

#include <endian.h>
#include <string.h>

#include "base/fail.h"

// Bytes of the character that begins with `lead`, or 0 when none does (RFC 3629 section 4).
static size_t utf8_want(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

// How many of the first `len` bytes agree with a character of `want` bytes. The second byte alone
// carries the narrower ranges: no overlong form, no surrogate, nothing over U+10FFFF.
static size_t utf8_agree(const unsigned char *at, size_t len, size_t want) {
    if (len > want) len = want;
    if (len < 2) return len;
    unsigned char low = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) return 1;
    size_t n = 2;
    while (n < len && (at[n] & 0xc0) == 0x80) n++;
    return n;
}

size_t utf8_take(struct view text, uint32_t *codepoint) {
    const unsigned char *at = (const unsigned char *)text.at;
    size_t want = utf8_want(at[0]);
    if (want == 0 || utf8_agree(at, text.len, want) != want) return 0;
    uint32_t value = want == 1 ? at[0] : at[0] & (0x7fu >> want);
    for (size_t i = 1; i < want; i++) value = value << 6 | (at[i] & 0x3fu);
    *codepoint = value;
    return want;
}

size_t utf8_wide(struct view text) {
    size_t n = 0;
    uint32_t codepoint, word;
    while (n < text.len && (unsigned char)text.at[n] >= 0x80) {
        // Three-byte characters, nearly all of Japanese, in one look: lead and continuation bits,
        // then the ranges of the second byte after e0 (no overlong form) and ed (no surrogate).
        if (text.len - n >= sizeof word) {
            memcpy(&word, text.at + n, sizeof word);
            word = le32toh(word);
            uint32_t range = word & 0x200f;
            if ((word & 0xc0c0f0) == 0x8080e0 && range != 0 && range != 0x200d) {
                n += 3;
                continue;
            }
        }
        size_t step = utf8_take(view_from(text, n), &codepoint);
        if (step == 0) break;
        n += step;
    }
    return n;
}

bool utf8_check(struct view text) {
    while (text.len > 0) {
        size_t n = 0;
        uint64_t word;
        while (text.len - n >= sizeof word) { // eight ASCII bytes at once
            memcpy(&word, text.at + n, sizeof word);
            if (word & 0x8080808080808080u) break;
            n += sizeof word;
        }
        while (n < text.len && (unsigned char)text.at[n] < 0x80) n++;
        size_t wide = utf8_wide(view_from(text, n));
        if (wide == 0 && n < text.len) return false;
        text = view_from(text, n + wide);
    }
    return true;
}

size_t utf8_put(uint32_t codepoint, char *out) {
    must(codepoint <= 0x10ffff && (codepoint < 0xd800 || codepoint > 0xdfff));
    if (codepoint < 0x80) {
        out[0] = (char)codepoint;
        return 1;
    }
    size_t len = codepoint < 0x800 ? 2 : codepoint < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (codepoint & 0x3f));
        codepoint >>= 6;
    }
    out[0] = (char)((0xf00u >> len & 0xf0) | codepoint);
    return len;
}

size_t utf8_tail(struct view text) {
    size_t most = text.len < 3 ? text.len : 3;
    for (size_t n = 1; n <= most; n++) {
        const unsigned char *at = (const unsigned char *)text.at + text.len - n;
        if ((*at & 0xc0) == 0x80) continue;
        size_t want = utf8_want(*at);
        return n < want && utf8_agree(at, n, want) == n ? n : 0;
    }
    return 0;
}
