#include "engine/cut.h"

#include <stdbool.h>
#include <string.h>

// ---- a heap of ids: the smallest key is its top ----

struct heap {
    const float *keys;
    uint32_t *ids;
};

static bool larger(const float *keys, uint32_t a, uint32_t b) {
    return keys[a] > keys[b] || (!(keys[a] < keys[b]) && a < b);
}

static bool above(const struct heap *heap, uint32_t a, uint32_t b) {
    return larger(heap->keys, b, a);
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
    struct heap heap = {keys, ids}; // the largest so far
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

// Floats as integers whose order is the other way round: the largest key is the least.
static uint32_t rank_of(float key) {
    uint32_t bits;
    key += 0.0f; // -0 is 0
    memcpy(&bits, &key, sizeof bits);
    return bits >> 31 ? bits : ~bits & 0x7fffffff;
}

enum { DIGITS = 1 << 11, DIGIT_BITS = 11 };

static uint32_t digit(uint64_t entry, uint32_t pass) {
    return entry >> (32 + pass * DIGIT_BITS) & (DIGITS - 1);
}

// By rank, the upper half of an entry; those of equal rank stay in order. Three passes between the
// two; the result is in `b`.
static void sort(uint64_t *a, uint64_t *b, uint32_t n) {
    for (uint32_t pass = 0; pass < 3; pass++) {
        uint32_t at[DIGITS] = {0}, sum = 0;
        for (uint32_t i = 0; i < n; i++) at[digit(a[i], pass)]++;
        for (uint32_t i = 0; i < DIGITS; i++) {
            uint32_t count = at[i];
            at[i] = sum;
            sum += count;
        }
        for (uint32_t i = 0; i < n; i++) b[at[digit(a[i], pass)]++] = a[i];
        uint64_t *other = a;
        a = b;
        b = other;
    }
}

// Keeps the largest keys, as many as it takes to have `enough` weight. Only those are sorted whose
// first bits are among the largest that surely have it together.
static void take(struct candidates *left, const float *keys, const float *weights, double enough) {
    double by_top[DIGITS] = {0}, sum = 0;
    uint64_t *entries = left->scratch, *sorted = left->scratch + left->n;
    uint32_t top = 0, n = 0, kept = 0;
    for (uint32_t i = 0; i < left->n; i++)
        by_top[rank_of(keys[left->ids[i]]) >> 21] += (double)weights[left->ids[i]];
    // What these sums and the one below are off by is far less than a millionth.
    while ((sum += by_top[top]) <= enough + enough * 1e-6 && top < DIGITS - 1) top++;
    for (uint32_t i = 0; i < left->n; i++) {
        uint64_t rank = rank_of(keys[left->ids[i]]);
        if (rank >> 21 <= top) entries[n++] = rank << 32 | left->ids[i];
    }
    sort(entries, sorted, n);
    for (sum = 0; kept < n && !(sum >= enough); kept++) {
        left->ids[kept] = (uint32_t)sorted[kept];
        sum += (double)weights[left->ids[kept]];
    }
    left->n = kept;
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
