// Characters as a text writes them that holds a piece of another format: JSON (\u5c71, \n before
// what is no small letter; with several backslashes where it is JSON in JSON), HTML (&#23665;,
// &#x5c71;) and URLs (%E5%B1%B1, %40). Whoever reads such a text reads the character.
#include "base/utf8.h"
#include "border/scan_parts.h"

enum { BACKSLASHES_MAX = 8, NUMBER_MAX = 7 };

static int hex_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// `digits` hexadecimal ones at text.at[at].
static bool hex_take(struct view text, size_t at, unsigned digits, uint32_t *out) {
    *out = 0;
    for (size_t end = at + digits; at < end; at++) {
        int digit = at < text.len ? hex_of(text.at[at]) : -1;
        if (digit < 0) return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

// What may stand in a text: controls are spaces, surrogates and what is too high is nothing.
static size_t character(uint32_t code, size_t len, uint32_t *out) {
    *out = code < ' ' || code == 0x7f ? ' ' : code;
    return code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : len;
}

static size_t json_take(struct view text, uint32_t *out) {
    size_t at = 1;
    while (at < BACKSLASHES_MAX && at < text.len && text.at[at] == '\\')
        at++;
    if (at == text.len) return 0;
    if (text.at[at] == 'n' || text.at[at] == 'r' || text.at[at] == 't') {
        *out = text.at[at] == 't' ? '\t' : '\n';
        char next = at + 1 < text.len ? text.at[at + 1] : 0;
        return next >= 'a' && next <= 'z' ? 0 : at + 1; // \text and \nabla are words
    }
    uint32_t high, low;
    if (text.at[at] != 'u' || !hex_take(text, at + 1, 4, &high)) return 0;
    size_t len = at + 5;
    if (high < 0xd800 || high > 0xdbff) return character(high, len, out);
    bool pair = text.len - len > at && memcmp(text.at + len, text.at, at + 1) == 0;
    if (!pair || !hex_take(text, len + at + 1, 4, &low) || low < 0xdc00 || low > 0xdfff) return 0;
    return character(0x10000 + (high - 0xd800) * 0x400 + low - 0xdc00, 2 * len, out);
}

static size_t html_take(struct view text, uint32_t *out) {
    if (text.len < 4 || text.at[1] != '#') return 0;
    bool hex = (text.at[2] | 32) == 'x';
    uint32_t code = 0;
    size_t at = hex ? 3 : 2, first = at;
    for (; at < text.len && at - first < NUMBER_MAX && text.at[at] != ';'; at++) {
        int digit = hex_of(text.at[at]);
        if (digit < 0 || (!hex && digit > 9)) return 0;
        code = code * (hex ? 16 : 10) + (uint32_t)digit;
    }
    if (at == first || at == text.len || text.at[at] != ';') return 0;
    return character(code, at + 1, out);
}

// Only what is not a plain text's own: 50%20 stays, unless it is a space, an @, + - or :.
static size_t url_take(struct view text, uint32_t *out) {
    char bytes[4];
    size_t len = 0;
    uint32_t byte;
    while (len < sizeof bytes && 3 * len < text.len && text.at[3 * len] == '%' &&
           hex_take(text, 3 * len + 1, 2, &byte)) {
        bytes[len++] = (char)(uint8_t)byte;
        if (byte < 0x80) break;
    }
    if (len == 0) return 0;
    if ((uint8_t)bytes[0] < 0x80) {
        *out = (uint8_t)bytes[0];
        return memchr(" @+-:", bytes[0], 5) ? 3 : 0;
    }
    return 3 * utf8_take((struct view){bytes, len}, out);
}

size_t escape_take(struct view text, uint32_t *code) {
    switch (text.at[0]) {
    case '\\':
        return json_take(text, code);
    case '&':
        return html_take(text, code);
    case '%':
        return url_take(text, code);
    default:
        return 0;
    }
}
