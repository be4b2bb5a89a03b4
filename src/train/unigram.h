// Unigram: the pieces of a unigram language model and their probabilities, learned from counted
// strings (Kudo 2018, "Subword regularization").
//
// From many frequent strings, by turns: expectation and maximisation over all ways to cut the text
// (with the digamma of SentencePiece, which takes from rare pieces), then the pieces go whose
// absence costs the text least likelihood, a quarter at a time.
// Promises: exactly as many pieces as are asked for, every character among them; the same bits with
// any number of threads: what threads sum are integers.
#pragma once
#include "base/arena.h"
#include "engine/pool.h"
#include "train/grams.h"

struct unigram_search {
    const struct letters *letters;
    uint32_t pieces;  // to be found, at least the characters
    uint32_t len_max; // characters of one, up to 31
    void (*tell)(void *self, uint32_t pieces); // after each round; or NULL
    void *self;
};

struct unigram {
    struct grams grams;
    uint32_t *gram; // of each piece; the first `letters->alphabet` are the characters
    double *log;    // of its probability, natural
    uint32_t len;
};

// Memory is the arena's. SK_INPUT: the text has not so many (says how many); SK_LIMIT: memory.
enum sk_code unigram_find(struct unigram *unigram, const struct unigram_search *search,
                          struct pool *pool, struct arena *arena);

// The characters of a piece into out[LETTERS_LEN_MAX]; how many.
uint32_t unigram_letters(const struct unigram *unigram, uint32_t piece, uint16_t *out);
