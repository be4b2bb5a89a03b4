// Literals and classes of characters in GBNF.
#include <stdlib.h>

#include "base/utf8.h"
#include "engine/grammar_gbnf.h"

static enum sk_code read_hex(struct gbnf *r, size_t digits, uint32_t *out) {
    *out = 0;
    for (size_t i = 0; i < digits; i++, r->at++) {
        int c = gbnf_peek(r), low = c | 0x20;
        if (!gbnf_is_digit(c) && !(low >= 'a' && low <= 'f'))
            return gbnf_refuse(r, SK_INPUT, r->at, "an escape needs more hexadecimal digits");
        *out = *out << 4 | (uint32_t)(gbnf_is_digit(c) ? c - '0' : low - 'a' + 10);
    }
    return SK_OK;
}

// One character or escape of a literal or class.
static enum sk_code read_char(struct gbnf *r, uint32_t *out) {
    static const char named[] = "t\tr\rn\n\\\\\"\"[[]]--";
    static const char hex[] = "x\2u\4U\10";
    size_t from = r->at;
    if (gbnf_peek(r) < 0)
        return gbnf_refuse(r, SK_INPUT, r->at, "a literal or class is not closed");
    if (gbnf_peek(r) != '\\') {
        r->at += utf8_take(view_from(r->text, r->at), out);
        return SK_OK;
    }
    int c = gbnf_peek_at(r, 1);
    r->at += 2;
    for (size_t i = 0; named[i]; i += 2) {
        *out = (uint8_t)named[i + 1];
        if (c == named[i]) return SK_OK;
    }
    for (size_t i = 0; hex[i]; i += 2) {
        if (c != hex[i]) continue;
        TRY(read_hex(r, (size_t)hex[i + 1], out));
        return *out <= 0x10ffff ? SK_OK : gbnf_refuse(r, SK_INPUT, from, "no character is this");
    }
    r->at = from;
    return gbnf_refuse(r, SK_INPUT, r->at, "an unknown escape");
}

enum sk_code gbnf_literal(struct gbnf *r) {
    struct grammar_piece literal = {GBNF_NONE, GBNF_NONE};
    r->at++;
    while (gbnf_peek(r) != '"') {
        size_t from = r->at;
        uint32_t codepoint;
        char bytes[4];
        TRY(read_char(r, &codepoint));
        if (codepoint >= 0xd800 && codepoint <= 0xdfff)
            return gbnf_refuse(r, SK_INPUT, from, "half a surrogate pair is no character");
        size_t len = utf8_put(codepoint, bytes);
        for (size_t i = 0; i < len; i++) {
            uint32_t node = gbnf_node(r, GRAMMAR_BYTE, 0, 0);
            r->grammar->nodes[node].low = r->grammar->nodes[node].high = (uint8_t)bytes[i];
            gbnf_join(r, &literal, (struct grammar_piece){node, node});
        }
    }
    r->at++;
    gbnf_put(r, literal.start == GBNF_NONE ? gbnf_pass(r) : literal);
    return SK_OK;
}

static int range_order(const void *a, const void *b) {
    const struct grammar_range *x = a, *y = b;
    return x->low < y->low ? -1 : x->low > y->low;
}

// Sorts them and joins those that touch; negated: what lies between.
static void tidy_ranges(struct gbnf *r, bool negated) {
    struct grammar_range *ranges = r->ranges;
    uint32_t len = 0, from = 0;
    qsort(ranges, r->ranges_len, sizeof *ranges, range_order);
    for (uint32_t i = 0; i < r->ranges_len; i++) {
        if (len && ranges[i].low <= ranges[len - 1].high + 1) {
            if (ranges[i].high > ranges[len - 1].high) ranges[len - 1].high = ranges[i].high;
        } else {
            ranges[len++] = ranges[i];
        }
    }
    r->ranges_len = len;
    if (!negated) return;
    r->ranges_len = 0;
    for (uint32_t i = 0; i < len; i++) {
        struct grammar_range range = ranges[i];
        if (range.low > from) ranges[r->ranges_len++] = (struct grammar_range){from, range.low - 1};
        from = range.high + 1;
    }
    if (from <= 0x10ffff) ranges[r->ranges_len++] = (struct grammar_range){from, 0x10ffff};
}

static enum sk_code put_class(struct gbnf *r, size_t from) {
    struct grammar_piece piece;
    if (!grammar_class_add(r->grammar, r->ranges, r->ranges_len, &piece))
        return gbnf_refuse(r, SK_INPUT, from, "a class without a character");
    gbnf_put(r, piece);
    return SK_OK;
}

enum sk_code gbnf_class(struct gbnf *r) {
    size_t from = r->at++;
    bool negated = gbnf_peek(r) == '^';
    if (negated) r->at++;
    for (r->ranges_len = 0; gbnf_peek(r) != ']';) {
        struct grammar_range range;
        size_t here = r->at;
        if (r->ranges_len + 1 == GBNF_RANGES_MAX)
            return gbnf_refuse(r, SK_INPUT, here, "a class has too many parts");
        TRY(read_char(r, &range.low));
        range.high = range.low;
        if (gbnf_peek(r) == '-' && gbnf_peek_at(r, 1) != ']') {
            r->at++;
            TRY(read_char(r, &range.high));
        }
        if (range.low > range.high) return gbnf_refuse(r, SK_INPUT, here, "a range runs backwards");
        r->ranges[r->ranges_len++] = range;
    }
    r->at++;
    if (r->ranges_len == 0) return gbnf_refuse(r, SK_INPUT, from, "an empty class");
    tidy_ranges(r, negated);
    return put_class(r, from);
}

enum sk_code gbnf_any(struct gbnf *r) {
    r->ranges[0] = (struct grammar_range){0, 0x10ffff};
    r->ranges_len = 1;
    return put_class(r, r->at++);
}
