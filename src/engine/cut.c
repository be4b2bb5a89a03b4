#include "engine/cut.h"

#include <stdbool.h>

// ---- a heap of ids, the largest key first ----

static bool before(const float *keys, uint32_t a, uint32_t b) {
    return keys[a] > keys[b] || (!(keys[a] < keys[b]) && a < b);
}

static void sift(const float *keys, uint32_t *heap, uint32_t at, uint32_t n) {
    uint32_t id = heap[at];
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && before(keys, heap[child + 1], heap[child])) child++;
        if (!before(keys, heap[child], id)) break;
        heap[at] = heap[child];
    }
    heap[at] = id;
}

static void heap_make(const struct candidates *all, const float *keys) {
    for (uint32_t i = all->n / 2; i-- > 0;) sift(keys, all->ids, i, all->n);
}

// Moves the first of heap[0 .. n) to heap[n - 1] and returns it.
static uint32_t heap_pop(const float *keys, uint32_t *heap, uint32_t n) {
    uint32_t first = heap[0];
    heap[0] = heap[n - 1];
    heap[n - 1] = first;
    sift(keys, heap, 0, n - 1);
    return first;
}

// The last `kept`, popped one after another, become the list in that order.
static void keep_popped(struct candidates *left, uint32_t kept) {
    left->ids += left->n - kept;
    left->n = kept;
    for (uint32_t i = 0; i < kept / 2; i++) {
        uint32_t other = left->ids[i];
        left->ids[i] = left->ids[kept - 1 - i];
        left->ids[kept - 1 - i] = other;
    }
}

void cut_to_most(struct candidates *left, const float *keys, uint32_t most) {
    uint32_t kept = 0;
    heap_make(left, keys);
    for (; kept < most && kept < left->n; kept++) heap_pop(keys, left->ids, left->n - kept);
    keep_popped(left, kept);
}

void cut_to_share(struct candidates *left, const float *keys, const float *weights, double share) {
    double all = 0, sum = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < left->n; i++) all += (double)weights[left->ids[i]];
    heap_make(left, keys);
    while (kept < left->n && !(sum >= share * all))
        sum += (double)weights[heap_pop(keys, left->ids, left->n - kept++)];
    keep_popped(left, kept);
}

void cut_to_weight(struct candidates *left, const float *weights, float part) {
    float most = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < left->n; i++)
        if (weights[left->ids[i]] > most) most = weights[left->ids[i]];
    for (uint32_t i = 0; i < left->n; i++)
        if ((double)weights[left->ids[i]] >= (double)part * (double)most)
            left->ids[kept++] = left->ids[i];
    left->n = kept;
}
