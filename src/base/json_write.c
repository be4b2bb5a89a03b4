#include <endian.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"

static void put_escaped(struct buf *out, struct view text);

static bool in_object(const struct json_writer *w) {
    return w->depth > 0 && w->levels[w->depth - 1].object;
}

static void comma(struct json_writer *w) {
    if (w->levels[w->depth - 1].many) buf_put_char(w->out, ',');
    w->levels[w->depth - 1].many = true;
}

// Before any value: the comma, and the rule that members have names and elements have none.
static void value_begin(struct json_writer *w) {
    bool member = in_object(w);
    must(member == w->named);
    w->named = false;
    if (w->depth > 0 && !member) comma(w);
}

void json_open(struct json_writer *w, char bracket) {
    must(bracket == '{' || bracket == '[');
    value_begin(w);
    must(w->depth < JSON_WRITE_DEPTH_MAX);
    w->levels[w->depth].many = false;
    w->levels[w->depth++].object = bracket == '{';
    buf_put_char(w->out, bracket);
}

void json_close(struct json_writer *w, char bracket) {
    must(w->depth > 0 && !w->named);
    must(bracket == (in_object(w) ? '}' : ']'));
    w->depth--;
    buf_put_char(w->out, bracket);
}

static void put_name(struct json_writer *w, struct view name) {
    must(in_object(w) && !w->named);
    comma(w);
    json_escape(w->out, name);
    buf_put_char(w->out, ':');
    w->named = true;
}

void json_name(struct json_writer *w, const char *name) { put_name(w, view_of(name)); }
void json_name_view(struct json_writer *w, struct view name) { put_name(w, name); }

void json_put_string(struct json_writer *w, struct view text) {
    value_begin(w);
    json_escape(w->out, text);
}

void json_string_begin(struct json_writer *w) {
    value_begin(w);
    buf_put_char(w->out, '"');
}

void json_string_more(struct json_writer *w, struct view text) { put_escaped(w->out, text); }

void json_string_end(struct json_writer *w) { buf_put_char(w->out, '"'); }

void json_put_text(struct json_writer *w, const char *text) { json_put_string(w, view_of(text)); }

void json_put_hex(struct json_writer *w, const void *bytes, size_t len) {
    json_string_begin(w);
    hex_put(w->out, bytes, len);
    json_string_end(w);
}

void json_put_base64(struct json_writer *w, const void *bytes, size_t len) {
    json_string_begin(w);
    base64_put(w->out, bytes, len);
    json_string_end(w);
}

void json_put_i64(struct json_writer *w, int64_t number) {
    value_begin(w);
    buf_put_i64(w->out, number);
}

void json_put_u64(struct json_writer *w, uint64_t number) {
    value_begin(w);
    buf_put_u64(w->out, number);
}

void json_put_bool(struct json_writer *w, bool value) {
    value_begin(w);
    buf_put_text(w->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *w) {
    value_begin(w);
    buf_put_text(w->out, "null");
}

void json_put_raw(struct json_writer *w, struct view json) {
    value_begin(w);
    buf_put_view(w->out, json);
}

void json_put_members(struct json_writer *w, struct view members) {
    must(in_object(w) && !w->named);
    if (members.len == 0) return;
    comma(w);
    buf_put_view(w->out, members);
}

// The fewest significant digits that read back equal: value = 0.digits x 10^point. Any 15 digits
// survive the way through a normal double, so no count below 15 needs a try of its own there: its
// zeros are cut off. Subnormals are less precise and start at one digit.
static size_t shortest_digits(double number, char digits[17], int *point) {
    char text[32];
    int count = number < DBL_MIN ? 1 : 15;
    for (;; count++) {
        snprintf(text, sizeof text, "%.*e", count - 1, number);
        if (count == 17 || strtod(text, NULL) == number) break;
    }
    size_t n = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at != '.') digits[n++] = *at;
    }
    while (n > 1 && digits[n - 1] == '0') n--;
    *point = (int)strtol(at + 1, NULL, 10) + 1;
    return n;
}

static void put_zeros(struct buf *out, int count) {
    while (count-- > 0) buf_put_char(out, '0');
}

// ECMA-262 section 6.1.6.1.20 (Number::toString), which RFC 8785 takes over.
void json_put_f64(struct json_writer *w, double number) {
    must(isfinite(number));
    value_begin(w);
    struct buf *out = w->out;
    if (number == 0) {
        buf_put_char(out, '0');
        return;
    }
    if (number < 0) buf_put_char(out, '-');
    char digits[17];
    int point, n = (int)shortest_digits(fabs(number), digits, &point);
    if (n <= point && point <= 21) { // 1200
        buf_put(out, digits, (size_t)n);
        put_zeros(out, point - n);
    } else if (0 < point && point <= 21) { // 12.34
        buf_put(out, digits, (size_t)point);
        buf_put_char(out, '.');
        buf_put(out, digits + point, (size_t)(n - point));
    } else if (-6 < point && point <= 0) { // 0.0012
        buf_put_text(out, "0.");
        put_zeros(out, -point);
        buf_put(out, digits, (size_t)n);
    } else { // 1.2e+30
        buf_put_char(out, digits[0]);
        if (n > 1) buf_put_char(out, '.');
        buf_put(out, digits + 1, (size_t)(n - 1));
        buf_put_text(out, point > 0 ? "e+" : "e-");
        buf_put_u64(out, (uint64_t)abs(point - 1));
    }
}

// A tree is written in document order; `left` counts what each open container still wants.
void json_put_node(struct json_writer *w, const struct json_node *node) {
    uint32_t left[JSON_DEPTH_MAX + 1] = {1};
    const struct json_node *open[JSON_DEPTH_MAX + 1] = {NULL};
    unsigned depth = 0;
    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0) return;
            json_close(w, open[depth]->type == JSON_OBJECT ? '}' : ']');
            depth--;
        }
        left[depth]--;
        if (json_is(open[depth], JSON_OBJECT)) put_name(w, json_view(node++));
        switch (node->type) {
        case JSON_NULL: json_put_null(w); break;
        case JSON_FALSE: json_put_bool(w, false); break;
        case JSON_TRUE: json_put_bool(w, true); break;
        case JSON_NUMBER: json_put_raw(w, json_view(node)); break;
        case JSON_STRING: json_put_string(w, json_view(node)); break;
        case JSON_ARRAY:
        case JSON_OBJECT:
            must(depth < JSON_DEPTH_MAX);
            json_open(w, node->type == JSON_OBJECT ? '{' : '[');
            open[++depth] = node;
            left[depth] = node->len;
            break;
        }
        node++;
    }
}

void json_member_string(struct json_writer *w, const char *name, struct view text) {
    json_name(w, name);
    json_put_string(w, text);
}

void json_member_text(struct json_writer *w, const char *name, const char *text) {
    json_name(w, name);
    json_put_text(w, text);
}

void json_member_hex(struct json_writer *w, const char *name, const void *bytes, size_t len) {
    json_name(w, name);
    json_put_hex(w, bytes, len);
}

void json_member_base64(struct json_writer *w, const char *name, const void *bytes, size_t len) {
    json_name(w, name);
    json_put_base64(w, bytes, len);
}

void json_member_i64(struct json_writer *w, const char *name, int64_t number) {
    json_name(w, name);
    json_put_i64(w, number);
}

void json_member_u64(struct json_writer *w, const char *name, uint64_t number) {
    json_name(w, name);
    json_put_u64(w, number);
}

void json_member_bool(struct json_writer *w, const char *name, bool value) {
    json_name(w, name);
    json_put_bool(w, value);
}

// The high bit of each byte of `word` that is a quote, a backslash, a control character or not
// ASCII. Borrows make marks above the lowest one unreliable; the lowest is exact.
static uint64_t string_marks(uint64_t word) {
    const uint64_t ones = 0x0101010101010101u, highs = ones << 7;
    uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
    uint64_t found = ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
    return (found | ((word - ones * 0x20) & ~word) | word) & highs;
}

// Eight bytes at a time, on every machine alike: 16 by SSE2 made bench/json 8 % faster, which is
// not worth a second path.
static size_t ascii_plain(struct view text) {
    size_t n = 0;
    uint64_t word;
    for (; text.len - n >= sizeof word; n += sizeof word) {
        memcpy(&word, text.at + n, sizeof word);
        uint64_t marks = string_marks(le64toh(word));
        if (marks) return n + (size_t)__builtin_ctzll(marks) / 8;
    }
    for (; n < text.len; n++) {
        unsigned char c = (unsigned char)text.at[n];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') break;
    }
    return n;
}

size_t json_plain(struct view text) {
    size_t n = 0;
    for (;;) {
        n += ascii_plain(view_from(text, n));
        if (n == text.len || (unsigned char)text.at[n] < 0x80) return n;
        size_t wide = utf8_wide(view_from(text, n));
        if (wide == 0) return n;
        n += wide;
    }
}

static void put_escape(struct buf *out, unsigned char c) {
    static const char short_form[32] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (c >= 0x80) {
        buf_put_text(out, "\xef\xbf\xbd"); // U+FFFD
    } else if (c == '"' || c == '\\' || short_form[c & 31]) {
        buf_put_char(out, '\\');
        buf_put_char(out, c < 0x20 ? short_form[c] : (char)c);
    } else {
        buf_print(out, "\\u%04x", c);
    }
}

static void put_escaped(struct buf *out, struct view text) {
    while (text.len > 0) {
        size_t n = json_plain(text);
        buf_put(out, text.at, n);
        text = view_from(text, n);
        if (text.len == 0) break;
        put_escape(out, (unsigned char)*text.at);
        text = view_from(text, 1);
    }
}

void json_escape(struct buf *out, struct view text) {
    buf_put_char(out, '"');
    put_escaped(out, text);
    buf_put_char(out, '"');
}
