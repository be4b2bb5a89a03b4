// Merge: byte-pair merging of one word in O(n log n), by scores or by ranks.
//
// A word is a list of nodes; always the best pair of neighbours is joined next: the highest score,
// of equal ones the leftmost. Each node owns the pair with the node after it, in one heap, so
// memory is fixed by the number of nodes.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"
#include "engine/lay.h"

struct merge_node {
    uint32_t start, len; // bytes of the word
    uint32_t before, after;
    float score;    // of its pair
    uint32_t place; // of its pair in the heap
};

struct merge {
    struct merge_node *nodes;
    uint32_t *heap;
    uint32_t len, max, heap_len;
};

#define MERGE_END UINT32_MAX

// The score of joining two neighbours; false when they do not join. They lie side by side.
typedef bool merge_pair(const void *with, struct view left, struct view right, float *score);

void merge_lay(struct merge *merge, struct lay *lay, uint32_t max);

// Starts a word; then its pieces are added in order. merge->max is the caller's to respect.
void merge_begin(struct merge *merge);
void merge_add(struct merge *merge, size_t start, size_t len);

// Joins until nothing joins. What is left: from node 0 along `after` to MERGE_END.
void merge_run(struct merge *merge, struct view word, merge_pair *pair, const void *with);
