// A view: bytes somebody else owns, with their length. Never NUL-terminated by promise.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct view {
    const char *at;
    size_t len;
};

#define VIEW(literal) ((struct view){"" literal, sizeof(literal) - 1})

static inline struct view view_of(const char *text) {
    return (struct view){text, text ? strlen(text) : 0};
}

static inline bool view_same(struct view a, struct view b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool view_is(struct view a, const char *text) { return view_same(a, view_of(text)); }

static inline bool view_starts(struct view a, struct view with) {
    return a.len >= with.len && memcmp(a.at, with.at, with.len) == 0;
}

// `a` from byte `from` on; empty when from is past the end.
static inline struct view view_from(struct view a, size_t from) {
    return from >= a.len ? (struct view){a.at, 0} : (struct view){a.at + from, a.len - from};
}

// Whether `with` stands at byte `at` of `a`.
static inline bool view_starts_at(struct view a, size_t at, const char *with) {
    return view_starts(view_from(a, at), view_of(with));
}

// Cuts `text` at its first `c`: *before is what comes first, `text` becomes what follows. False,
// with nothing changed, when there is no `c`.
static inline bool view_cut(struct view *text, char c, struct view *before) {
    const char *at = text->len ? (const char *)memchr(text->at, c, text->len) : NULL;
    if (!at) return false;
    *before = (struct view){text->at, (size_t)(at - text->at)};
    *text = view_from(*text, before->len + 1);
    return true;
}

// Takes the next of a list whose members are parted by `c`; false: the list is at its end.
static inline bool view_next(struct view *list, char c, struct view *member) {
    if (!list->len) return false;
    *member = *list;
    if (!view_cut(list, c, member)) *list = view_from(*list, list->len);
    return true;
}

// Without the spaces and tabs at both ends.
static inline struct view view_trim(struct view a) {
    while (a.len && (a.at[0] == ' ' || a.at[0] == '\t'))
        a = view_from(a, 1);
    while (a.len && (a.at[a.len - 1] == ' ' || a.at[a.len - 1] == '\t'))
        a.len--;
    return a;
}
