#include "engine/sample.h"

#include <math.h>
#include <string.h>

enum sk_code sampler_init(struct sampler *sampler, const struct engine_sampling *as) {
    if (!(as->temperature >= 0 && as->temperature <= 100))
        return FAIL(SK_INPUT, "temperature %g is not in 0..100", (double)as->temperature);
    if (!(as->top_p >= 0 && as->top_p <= 1))
        return FAIL(SK_INPUT, "top_p %g is not in 0..1", (double)as->top_p);
    *sampler = (struct sampler){as->temperature, as->top_p > 0 ? as->top_p : 1, as->top_k,
                                as->seed};
    return SK_OK;
}

// In [0, 1), by 53 bits.
static double draw(struct sampler *sampler) {
    uint64_t z = (sampler->state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static enum sk_code best(const float *logits, uint32_t n, int32_t *out) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!isfinite(logits[i]))
            return FAIL(SK_CORRUPT, "the logit of token %u is not finite: damaged weights", i);
        if (logits[i] > logits[most]) most = i;
    }
    *out = (int32_t)most;
    return SK_OK;
}

// ---- a heap of ids, the largest logit first ----

static bool before(const float *logits, uint32_t a, uint32_t b) {
    return logits[a] > logits[b] || (!(logits[a] < logits[b]) && a < b);
}

static void sift(const float *logits, uint32_t *heap, uint32_t at, uint32_t n) {
    uint32_t id = heap[at];
    for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && before(logits, heap[child + 1], heap[child])) child++;
        if (!before(logits, heap[child], id)) break;
        heap[at] = heap[child];
    }
    heap[at] = id;
}

// Moves the largest of heap[0 .. n) to heap[n - 1].
static void pop(const float *logits, uint32_t *heap, uint32_t n) {
    uint32_t top = heap[0];
    heap[0] = heap[n - 1];
    heap[n - 1] = top;
    sift(logits, heap, 0, n - 1);
}

// The likeliest tokens that top_k and top_p leave, ending at order[n - 1], in O(n + kept log n).
// Returns how many; *total is their weight.
static uint32_t keep(const struct sampler *sampler, const struct choice *c, double *total) {
    uint32_t n = c->n, most = sampler->top_k && sampler->top_k < n ? sampler->top_k : n, kept = 0;
    for (uint32_t i = 0; i < n; i++) c->order[i] = i;
    for (uint32_t i = n / 2; i-- > 0;) sift(c->logits, c->order, i, n);
    double all = 0, sum = 0;
    for (uint32_t i = 0; most == n && i < n; i++) all += (double)c->weights[i];
    for (uint32_t i = 0; most < n && i < most; i++) {
        pop(c->logits, c->order, n - i);
        all += (double)c->weights[c->order[n - 1 - i]];
    }
    while (kept < most && !(sum >= (double)sampler->top_p * all)) {
        if (most == n) pop(c->logits, c->order, n - kept);
        sum += (double)c->weights[c->order[n - 1 - kept++]];
    }
    *total = sum;
    return kept;
}

enum sk_code sampler_pick(struct sampler *sampler, const struct kernels *kernels,
                          const struct choice *c, int32_t *out) {
    TRY(best(c->logits, c->n, out));
    if (sampler->temperature < SAMPLE_COLD) return SK_OK;
    memcpy(c->weights, c->logits, c->n * sizeof *c->weights);
    kernels->softmax(c->weights, c->n, 1 / sampler->temperature);
    double total = 0;
    uint32_t kept = c->n;
    bool all = sampler->top_k == 0 && sampler->top_p >= 1;
    if (!all) kept = keep(sampler, c, &total);
    for (uint32_t i = 0; all && i < c->n; i++) total += (double)c->weights[i];
    double left = draw(sampler) * total;
    for (uint32_t i = 0; i < kept; i++) {
        uint32_t id = all ? i : c->order[c->n - 1 - i];
        *out = (int32_t)id;
        left -= (double)c->weights[id];
        if (left < 0) break;
    }
    return SK_OK;
}
