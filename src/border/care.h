// Roles of the words of the special-care lexicon. Internal to care*.c.
#pragma once

enum care_role {
    CARE_TERM = 1,   // a disease, a conviction, a creed; KIND is its detector
    CARE_PERSON = 2, // a word for a person
    CARE_SAYS = 4,   // a predicate of one
    CARE_LABEL = 8,  // of a field of a record; counts with ':' behind it
    CARE_PROSE = 16, // speaks of a subject
    CARE_FOUND = 32, // no word: a finding of another detector
};
enum { CARE_ROWS_MAX = 1 << 16, CARE_ROW_LEN = 4 };
