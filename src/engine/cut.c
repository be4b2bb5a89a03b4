#include "engine/cut.h"

#include <stdbool.h>

// ---- a heap of ids: the largest key is its top, or with `low` the smallest ----

struct heap {
    const float *keys;
    uint32_t *ids;
    bool low;
};

static bool larger(const float *keys, uint32_t a, uint32_t b) {
    return keys[a] > keys[b] || (!(keys[a] < keys[b]) && a < b);
}

static bool above(const struct heap *heap, uint32_t a, uint32_t b) {
    return larger(heap->keys, a, b) != heap->low; // ids are all different
}

static void sift(const struct heap *heap, uint32_t at, uint32_t n) {
    uint32_t *ids = heap->ids, id = ids[at];
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && above(heap, ids[child + 1], ids[child])) child++;
        if (!above(heap, ids[child], id)) break;
        ids[at] = ids[child];
    }
    ids[at] = id;
}

static void heap_make(const struct heap *heap, uint32_t n) {
    for (uint32_t i = n / 2; i-- > 0;) sift(heap, i, n);
}

// Moves the top of ids[0 .. n) to ids[n - 1] and returns it.
static uint32_t heap_pop(const struct heap *heap, uint32_t n) {
    uint32_t top = heap->ids[0];
    heap->ids[0] = heap->ids[n - 1];
    heap->ids[n - 1] = top;
    sift(heap, 0, n - 1);
    return top;
}

// ---- cuts ----

void cut_to_most(struct candidates *left, const float *keys, uint32_t most) {
    uint32_t *ids = left->ids, kept = most < left->n ? most : left->n;
    struct heap heap = {keys, ids, true}; // the largest so far, the smallest of them on top
    heap_make(&heap, kept);
    for (uint32_t i = kept; i < left->n && kept > 0; i++) {
        if (!larger(keys, ids[i], ids[0])) continue;
        ids[0] = ids[i];
        sift(&heap, 0, kept);
    }
    for (uint32_t n = kept; n > 1; n--) heap_pop(&heap, n);
    left->n = kept;
}

static double weigh_all(const struct candidates *left, const float *weights) {
    double all = 0;
    for (uint32_t i = 0; i < left->n; i++) all += (double)weights[left->ids[i]];
    return all;
}

// Keeps the largest keys, as many as it takes to have `enough` weight.
static void take(struct candidates *left, const float *keys, const float *weights, double enough) {
    struct heap heap = {keys, left->ids, false};
    double sum = 0;
    uint32_t kept = 0;
    heap_make(&heap, left->n);
    while (kept < left->n && !(sum >= enough))
        sum += (double)weights[heap_pop(&heap, left->n - kept++)];
    left->ids += left->n - kept; // popped from the end on: the first is last
    left->n = kept;
    for (uint32_t i = 0; i < kept / 2; i++) {
        uint32_t other = left->ids[i];
        left->ids[i] = left->ids[kept - 1 - i];
        left->ids[kept - 1 - i] = other;
    }
}

static void drop_lighter(struct candidates *left, const float *weights, double least) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < left->n; i++)
        if ((double)weights[left->ids[i]] >= least) left->ids[kept++] = left->ids[i];
    left->n = kept;
}

void cut_to_share(struct candidates *left, const float *keys, const float *weights, double share) {
    take(left, keys, weights, share * weigh_all(left, weights));
}

void cut_to_top(struct candidates *left, const float *keys, const float *weights, double share) {
    double all = weigh_all(left, weights);
    // All that are lighter than this have, together, less than what may be left out.
    drop_lighter(left, weights, (1 - share) * all / (double)left->n);
    take(left, keys, weights, share * all);
}

void cut_to_weight(struct candidates *left, const float *weights, double part) {
    float most = 0;
    for (uint32_t i = 0; i < left->n; i++)
        if (weights[left->ids[i]] > most) most = weights[left->ids[i]];
    drop_lighter(left, weights, part * (double)most);
}
