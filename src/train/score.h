// Score: how well texts were made and chosen, each figure with its interval.
//
// Lengths and distances count code points; what is not UTF-8 counts each byte. Promises: the same
// figures for the same input; no random source but the seed. Refuses: texts over SCORE_TEXT_MAX.
// Sources: Levenshtein 1966; Popović 2015 and 2017 (chrF2, as sacreBLEU computes it over a corpus:
// orders 1 to 6, beta 2, spaces left out); Wilson 1927; Efron 1979 (bootstrap, percentiles).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"

enum {
    SCORE_TEXT_MAX = 4096, // code points of one text
    SCORE_ORDERS = 6,
    SCORE_RESAMPLES = 1000,
};

struct score_interval {
    double low, high; // 95 %
};

// Scratch for distances and n-grams.
struct score_room {
    uint32_t a[SCORE_TEXT_MAX], b[SCORE_TEXT_MAX], row[SCORE_TEXT_MAX + 1];
    uint64_t grams[2][SCORE_TEXT_MAX];
};

// Code points to be put in, taken out or exchanged to make one text of the other, and how many the
// reference has. SK_LIMIT: a text is too long.
enum sk_code score_distance(struct score_room *room, struct view text, struct view reference,
                            uint32_t *distance, uint32_t *len);

// n-grams of a text, of its reference, and common to both, for n = 1 … 6. Figures of texts add up.
struct score_chrf {
    uint64_t made[SCORE_ORDERS], wanted[SCORE_ORDERS], common[SCORE_ORDERS];
};
// Adds those of one text. SK_LIMIT as above.
enum sk_code score_chrf_add(struct score_room *room, struct view text, struct view reference,
                            struct score_chrf *sum);
double score_chrf_value(const struct score_chrf *sum); // 0 … 100

// Of `hits` in `trials` (Wilson's score interval); 0 … 1 when there was no trial.
struct score_interval score_wilson(uint64_t hits, uint64_t trials);

// Of a figure over items: `value` is asked for SCORE_RESAMPLES draws of len items out of len, with
// replacement, by the seed. `picked` is room for len.
typedef double score_value(void *self, const uint32_t *picked, uint32_t len);
struct score_interval score_bootstrap(score_value *value, void *self, uint32_t *picked,
                                      uint32_t len, uint64_t seed);
