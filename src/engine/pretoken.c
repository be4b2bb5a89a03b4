#include "engine/pretoken.h"

#include "base/fail.h"
#include "base/utf8.h"
#include "engine/unicode_classes.h"

static enum unicode_class class_of(uint32_t codepoint) {
    size_t low = 0, high = sizeof unicode_ranges / sizeof *unicode_ranges;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (codepoint > unicode_ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == sizeof unicode_ranges / sizeof *unicode_ranges) return UNICODE_OTHER;
    return codepoint >= unicode_ranges[low].first ? unicode_ranges[low].class : UNICODE_OTHER;
}

// One character: its class, code point and bytes; bytes 0 at the end of the text.
struct character {
    enum unicode_class class;
    uint32_t codepoint;
    size_t bytes;
};

static struct character character_at(struct view text, size_t at) {
    struct character c = {0};
    if (at >= text.len) return c;
    c.bytes = utf8_take(view_from(text, at), &c.codepoint);
    must(c.bytes > 0);
    c.class = class_of(c.codepoint);
    return c;
}

static bool is_break(struct character c) { return c.codepoint == '\r' || c.codepoint == '\n'; }

// Where the run of `class` from `at` on ends.
static size_t run_end(struct view text, size_t at, enum unicode_class class) {
    for (;;) {
        struct character c = character_at(text, at);
        if (c.bytes == 0 || c.class != class) return at;
        at += c.bytes;
    }
}

// 's 't 'm 'd 're 've 'll: bytes, or 0.
static size_t contraction(struct view text, bool any_case) {
    static const char *const ends[] = {"s", "t", "m", "d", "re", "ve", "ll"};
    if (text.len < 2 || text.at[0] != '\'') return 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct view end = view_of(ends[i]);
        size_t same = 0;
        while (same < end.len && same + 1 < text.len) {
            char c = text.at[same + 1];
            if (any_case && c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
            if (c != end.at[same]) break;
            same++;
        }
        if (same == end.len) return 1 + end.len;
    }
    return 0;
}

// \s+(?!\S)|\s+ : the spaces, without the last one when a word follows and others remain.
static size_t spaces(struct view text) {
    size_t at = 0, last = 0;
    for (;;) {
        struct character c = character_at(text, at);
        if (c.bytes == 0) return at;
        if (c.class != UNICODE_SPACE) return last ? last : at;
        last = at;
        at += c.bytes;
    }
}

static size_t next_gpt2(struct view text) {
    size_t n = contraction(text, false);
    if (n) return n;
    size_t start = text.at[0] == ' ';
    struct character c = character_at(text, start);
    if (c.bytes && c.class != UNICODE_SPACE) return run_end(text, start, c.class);
    return spaces(text);
}

// A number stands alone, and the spaces before it are no longer before a word.
static size_t next_smollm(struct view text) {
    struct character c = character_at(text, 0);
    if (c.class == UNICODE_NUMBER) return c.bytes;
    size_t end = run_end(text, 0, UNICODE_SPACE);
    return end && character_at(text, end).class == UNICODE_NUMBER ? end : next_gpt2(text);
}

// \s*[\r\n]+ : up to the last line break of the leading spaces; 0 when they hold none.
static size_t breaks(struct view text) {
    size_t at = 0, end = 0;
    for (struct character c; (c = character_at(text, at)).bytes && c.class == UNICODE_SPACE;) {
        at += c.bytes;
        if (is_break(c)) end = at;
    }
    return end;
}

static size_t next_llama3(struct view text, size_t numbers_max) {
    size_t n = contraction(text, true);
    if (n) return n;
    struct character first = character_at(text, 0), second = character_at(text, first.bytes);
    if (first.class == UNICODE_LETTER) return run_end(text, 0, UNICODE_LETTER);
    if (first.class != UNICODE_NUMBER && !is_break(first) && second.bytes &&
        second.class == UNICODE_LETTER)
        return run_end(text, first.bytes, UNICODE_LETTER);
    if (first.class == UNICODE_NUMBER) {
        size_t at = first.bytes;
        for (size_t i = 1; i < numbers_max && second.bytes && second.class == UNICODE_NUMBER; i++) {
            at += second.bytes;
            second = character_at(text, at);
        }
        return at;
    }
    size_t start = text.at[0] == ' ';
    struct character c = character_at(text, start);
    if (c.bytes && c.class == UNICODE_OTHER) {
        size_t end = run_end(text, start, UNICODE_OTHER);
        while (end < text.len && (text.at[end] == '\r' || text.at[end] == '\n')) end++;
        return end;
    }
    n = breaks(text);
    return n ? n : spaces(text);
}

size_t pretoken_next(enum pretoken kind, struct view text) {
    switch (kind) {
    case PRETOKEN_SMOLLM: return next_smollm(text);
    case PRETOKEN_LLAMA3: return next_llama3(text, 3);
    case PRETOKEN_QWEN2: return next_llama3(text, 1);
    default: return next_gpt2(text);
    }
}
