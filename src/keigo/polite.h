// How polite sentences end: the predicate in its polite form, and what may follow it.
#pragma once
#include "keigo/parts.h"

enum predicate_kind {
    PREDICATE_VERB,     // 行きます, 行きました, 行きません
    PREDICATE_STATE,    // です behind an adjective or a noun
    PREDICATE_REQUEST,  // ください
    PREDICATE_VOLITION, // ましょう, でしょう
    PREDICATE_PHRASE,   // a set phrase, or polite already: nothing is done
};

struct predicate {
    enum predicate_kind kind;
    uint32_t from;          // the first word that is written anew
    uint32_t noun_end;      // behind a noun, which takes な before の; 0: it ends otherwise
    struct buf text, other; // the form, and a second one where there are two (else empty)
    char storage[2][256];
};
// Of the words from..end of a segment, which are not empty.
void predicate_read(const struct keigo_sentence *s, uint32_t from, uint32_t end,
                    struct predicate *out);

// Of a verb's 連用形 before な, which is told to be done: 食べてください. False: it is none.
bool predicate_bids(const struct keigo_sentence *s, uint32_t end, struct predicate *out);
// Of a verb before な, which is told not to be done: 食べないでください. False: it is a sigh.
bool predicate_forbids(const struct keigo_sentence *s, uint32_t end, struct predicate *out);

// A way to end: 'P' the polite predicate, 'Q' its second form, 'K' the plain one; then text,
// or '=': the tail as it was.
struct ending_way {
    const char *text;
    float prior;
};
enum { ENDING_WAYS_MAX = 6 };
struct ending {
    const char *tail; // what stands behind the plain predicate, lists parted by spaces; "-": none
    bool asks;        // the sentence ends with ？
    struct ending_way ways[ENDING_WAYS_MAX];
};
// The ways of a tail; never NULL.
const struct ending *ending_find(struct view tail, bool asks, enum predicate_kind kind);
