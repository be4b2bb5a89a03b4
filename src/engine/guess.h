// Guess: tokens that an answer may go on with, looked up in its own prompt and answer (prompt
// lookup, Saxena 2023). A step computes them behind the last token that is known; each is kept as
// long as the one that is drawn in its place is the same (speculation, Leviathan et al. 2023,
// arXiv:2211.17192, but with draws that the seed decides), so answers are what they are without.
//
// What is expected next is what followed the longest earlier occurrence of the last tokens (two at
// least, of equals the latest). That is looked up and compared with what comes all the time, which
// costs nothing beside a step: how often it was right, for short, middle and long occurrences, says
// how many tokens are worth computing.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { GUESS_MAX = 7, GUESS_KINDS = 3 };

struct guess {
    uint32_t from;    // ids[from] is expected next; 0: nothing is
    uint32_t kind;    // of that occurrence
    float right[GUESS_KINDS]; // how likely what is expected comes
    // What the last run computed: tokens, of which the first `kept` came, and where their logits
    // are: in row `row` those before the first guess, then one row after each.
    int32_t ids[GUESS_MAX];
    uint32_t len, kept, row;
    uint64_t run;
};

void guess_begin(struct guess *guess);

// A token came: ids[len - 1], len >= 2.
void guess_learn(struct guess *guess, const int32_t *ids, uint32_t len);

// What a step has for it: columns that nobody needs, beside so many that make a token each.
struct guess_room {
    uint32_t columns, beside;
};

// Fills guess->ids with tokens that are worth a column and says how many.
uint32_t guess_make(struct guess *guess, const int32_t *ids, uint32_t len, struct guess_room room);
