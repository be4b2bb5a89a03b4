#include "base/text.h"

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void hex_put(struct buf *out, const void *bytes, size_t len) {
    const uint8_t *at = bytes;
    char *to = buf_room(out, 2 * len);
    for (size_t i = 0; to && i < len; i++) {
        *to++ = "0123456789abcdef"[at[i] >> 4];
        *to++ = "0123456789abcdef"[at[i] & 15];
    }
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

bool hex_take(struct view text, uint8_t *out, size_t len) {
    if (text.len != 2 * len) return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text.at[2 * i]), low = hex_digit(text.at[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void base64_put(struct buf *out, const void *bytes, size_t len) {
    const uint8_t *at = bytes;
    char *to = buf_room(out, (len + 2) / 3 * 4);
    for (size_t i = 0; to && i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)at[i] << 16;
        if (n > 1) bits |= (uint32_t)at[i + 1] << 8;
        if (n > 2) bits |= at[i + 2];
        *to++ = base64_alphabet[bits >> 18 & 63];
        *to++ = base64_alphabet[bits >> 12 & 63];
        *to++ = n > 1 ? base64_alphabet[bits >> 6 & 63] : '=';
        *to++ = n > 2 ? base64_alphabet[bits & 63] : '=';
    }
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return -1;
}

bool base64_take(struct view text, uint8_t *out, size_t max, size_t *len) {
    if (text.len % 4 != 0) return false;
    size_t pad = 0;
    if (text.len && text.at[text.len - 1] == '=') pad = text.at[text.len - 2] == '=' ? 2 : 1;
    size_t want = text.len / 4 * 3 - pad;
    if (want > max) return false;
    size_t n = 0;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t digits = i + 4 == text.len ? 4 - pad : 4;
        uint32_t bits = 0;
        for (size_t j = 0; j < 4; j++) {
            int digit = j < digits ? base64_digit(text.at[i + j]) : 0;
            if (digit < 0) return false;
            bits = bits << 6 | (uint32_t)digit;
        }
        // Pad bits must be zero, or one value would have many texts.
        if ((digits == 2 && (bits & 0xffff)) || (digits == 3 && (bits & 0xff))) return false;
        for (size_t j = 0; j + 1 < digits; j++) out[n++] = (uint8_t)(bits >> (16 - 8 * j));
    }
    *len = n;
    return true;
}

bool decimal_take(struct view text, uint64_t *out) {
    if (text.len == 0 || (text.at[0] == '0' && text.len > 1)) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') return false;
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)(text.at[i] - '0'), &value)) return false;
    }
    *out = value;
    return true;
}

char text_shown(struct view text, size_t at) {
    unsigned char c = (unsigned char)text.at[at];
    // C1: U+0080 to U+009F, which is 0xc2, then 0x80 to 0x9f.
    bool second = c >= 0x80 && c < 0xa0 && at > 0 && (unsigned char)text.at[at - 1] == 0xc2;
    return c < 0x20 || c == 0x7f || second ? '?' : (char)c;
}
