// Words: a set of texts with a number each, found at a place of a text in one walk.
//
// The set is one array of 32-bit units, used in place as it lies in a detector file: a state has a
// base b, and its child by byte c is unit b ^ c when the low 8 bits of that unit are c. Words that
// end alike share their ends. Promises: a walk never leaves the array, whatever it holds, and reads
// at most WORD_MAX bytes of the text. Refuses: the byte 0 in a word, empty words.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

enum { WORD_MAX = 255, WORDS_MAX = 1 << 20, WORDS_UNITS_MAX = 1 << 23 };

// What is known of a word: bits that say of which kinds it is (at least one), and a number.
struct word_is {
    uint8_t kinds;
    uint16_t number;
};
struct words_entry {
    struct view word;
    struct word_is is;
};

struct words {
    const char *units; // little-endian, any alignment
    uint32_t units_len, word_max;
    bool caseless; // texts' ASCII letters are read in lower case; set by who reads
};

// Takes a set from the front of `bytes` and moves it past it. SK_CORRUPT: cut, sizes that cannot
// be, a base outside, a number that is not below `numbers`.
enum sk_code words_take(struct view *bytes, uint32_t numbers, struct words *out);
// As words_take for bytes that it accepted before: no checks.
struct words words_over(struct view *bytes);

// The longest word `text` begins with that is of one of `kinds`: its length, 0 for none.
uint32_t words_longest(const struct words *words, struct view text, uint8_t kinds,
                       struct word_is *is);

// The smallest set of these words, appended. `entries` are sorted in place; a word that is there
// twice is of both kinds. SK_INPUT names the word: empty, over WORD_MAX bytes, with a byte 0, or
// twice with two numbers. SK_LIMIT: too many, or `arena` is too small (64 bytes a byte of words
// do).
enum sk_code words_put(struct words_entry *entries, uint32_t len, struct arena *arena,
                       struct buf *out);
