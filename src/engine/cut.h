// Cut: which tokens may be drawn at all. A list of candidates, made shorter.
//
// Promises: of equal keys the lowest id comes first; sums are in double in the order of the list.
// No full sort: one pass over the list, O(log kept) for each that comes or goes, or a radix sort of
// those kept and few more. Of equal keys the ids of a list always ascend.
#pragma once
#include <stdint.h>

struct candidates {
    uint32_t *ids; // changed in place
    uint32_t n;
    uint64_t *scratch; // 2 n, for cut_to_share and cut_to_top
};

// Keeps those with the largest keys (by id), largest first, at most `most` of them.
void cut_to_most(struct candidates *left, const float *keys, uint32_t most);

// The same, only so many that together they have at least `share` of the weight (by id) of all.
void cut_to_share(struct candidates *left, const float *keys, const float *weights, double share);

// The same where a larger key never weighs less, and share < 1: most are found too light at once.
void cut_to_top(struct candidates *left, const float *keys, const float *weights, double share);

// Keeps those that weigh at least `part` of the heaviest.
void cut_to_weight(struct candidates *left, const float *weights, double part);
