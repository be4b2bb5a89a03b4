// Grams: which strings of characters occur again and again in counted strings, and how often.
//
// Level by level, as a string can only be frequent if the two one shorter within it are (Agrawal &
// Srikant 1994): a table never holds more than the positions still alive, and is filled part by
// part where it would be too large. The frequent strings form a trie: each begins with another.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"

#define GRAM_NONE UINT32_MAX

enum { LETTERS_LEN_MAX = 32, LETTERS_ALPHABET_MAX = UINT16_MAX };

// Strings over characters 0 .. alphabet-1, one after another, each with how often it occurs.
struct letters {
    uint16_t *at;
    uint8_t *lens; // 1 .. LETTERS_LEN_MAX
    uint64_t *counts;
    uint32_t len, alphabet;
    size_t at_len; // all lengths together
};

struct gram {
    uint64_t count, longer; // longer: the highest count of one with a character more at either end
    uint32_t before;        // without its last character; GRAM_NONE: it is one character
    uint32_t places;        // in the strings, each counted once
    uint16_t last;
    uint8_t len;
};

struct grams {
    struct gram *at; // 0 .. alphabet-1: the characters
    uint32_t len, max;
    uint32_t *children; // number + 1, by what it is one character longer than; 0: empty
    uint32_t children_len;
};

// Room for `max` of them, the arena's. SK_LIMIT: it has not so much.
enum sk_code grams_take(struct grams *grams, uint32_t max, struct arena *arena);

// Finds those of up to `len_max` characters that occur `least` times, and all single characters.
// SK_LIMIT: there are more than grams->max, or `scratch` is too small.
enum sk_code grams_find(struct grams *grams, const struct letters *letters, uint64_t least,
                        uint32_t len_max, struct arena *scratch);

// The gram that is `gram` and `last`, or GRAM_NONE.
uint32_t grams_child(const struct grams *grams, uint32_t gram, uint16_t last);
