// The special-care lexicon: roles of its words, and what it finds in a text. Internal to care*.c
// and its tests.
#pragma once
#include "base/arena.h"
#include "base/view.h"
#include "border/scan.h"

enum care_role {
    CARE_TERM = 1,   // a disease, a conviction, a creed; KIND is its detector
    CARE_PERSON = 2, // a word for a person
    CARE_SAYS = 4,   // a predicate of one
    CARE_LABEL = 8,  // of a field of a record; counts with ':' behind it
    CARE_PROSE = 16, // speaks of a subject
    CARE_FOUND = 32, // no word: a finding of another detector
};
enum { CARE_ROWS_MAX = 1 << 16, CARE_ROW_LEN = 4 };

// Terms in folded `text` that are somebody's, ascending. `found` is what other detectors found in
// it: names and numbers of persons. `payload` is a checked one.
struct care_found {
    struct finding *at;
    uint32_t len;
};
enum sk_code care_find(struct view payload, struct view text, const struct care_found *found,
                       struct arena *arena, struct care_found *out);
