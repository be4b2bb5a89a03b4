// GBNF being read: the text, where we are in it, and what is half built. For grammar_read.c and
// grammar_chars.c only.
#pragma once
#include "engine/grammar_parts.h"

#define GBNF_NONE UINT32_MAX
enum { GBNF_RANGES_MAX = 4096, GBNF_NAME_SLOTS = 2 * GRAMMAR_RULES_MAX };

// One open group, or the rule itself.
struct gbnf_level {
    struct grammar_piece sequence, element; // start GBNF_NONE: empty; element: what * would repeat
    uint32_t start;                         // of the alternatives so far, or GBNF_NONE
    uint32_t fork;                          // the last of them, whose `other` is open, or GBNF_NONE
    uint32_t join;                          // where all of them end
};

struct gbnf {
    struct grammar *grammar;
    const struct vocab *vocab; // may be NULL
    struct view text;
    size_t at;
    struct gbnf_level levels[GRAMMAR_GROUPS_MAX + 1];
    uint32_t depth;
    uint32_t names[GBNF_NAME_SLOTS]; // rules by hash of their names, + 1
    struct grammar_range ranges[GBNF_RANGES_MAX];
    uint32_t ranges_len;
};

// The byte that stands `ahead` of here, or -1.
static inline int gbnf_peek_at(const struct gbnf *r, size_t ahead) {
    return r->text.len - r->at > ahead ? (uint8_t)r->text.at[r->at + ahead] : -1;
}
static inline int gbnf_peek(const struct gbnf *r) {
    return gbnf_peek_at(r, 0);
}
static inline bool gbnf_is_digit(int c) {
    return c >= '0' && c <= '9';
}

// SK_INPUT or SK_LIMIT with line and column of `at`.
enum sk_code gbnf_refuse(const struct gbnf *r, enum sk_code code, size_t at, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

uint32_t gbnf_node(struct gbnf *r, enum grammar_kind kind, uint32_t next, uint32_t other);
void gbnf_join(struct gbnf *r, struct grammar_piece *to, struct grammar_piece piece);
// A node that takes nothing.
struct grammar_piece gbnf_pass(struct gbnf *r);
// One more element; the one before can be repeated no more.
void gbnf_put(struct gbnf *r, struct grammar_piece element);

// grammar_chars.c: the element that begins here.
enum sk_code gbnf_literal(struct gbnf *r);
enum sk_code gbnf_class(struct gbnf *r);
enum sk_code gbnf_any(struct gbnf *r);
