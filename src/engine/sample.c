#include "engine/sample.h"

#include <math.h>
#include <string.h>

#include "engine/cut.h"

enum sk_code sampler_init(struct sampler *sampler, const struct engine_sampling *as,
                          const struct vocab *vocab) {
    TRY(engine_sampling_check(as));
    for (uint32_t i = 0; i < as->logit_bias_len; i++) {
        if ((uint32_t)as->logit_bias[i].token >= vocab->len)
            return FAIL(SK_INPUT, "logit_bias: token %d is not in the vocabulary of %u",
                        as->logit_bias[i].token, vocab->len);
        sampler->biases[i] = as->logit_bias[i];
    }
    sampler->as = *as;
    sampler->as.logit_bias = NULL;
    sampler->as.dry_breakers = NULL;
    sampler->state = as->seed;
    dry_init(&sampler->dry, as, vocab);
    return SK_OK;
}

void choice_lay(struct choice *choice, struct lay *lay, uint32_t n, uint32_t context) {
    size_t padded = kernel_pad(n);
    choice->n = n;
    choice->adjusted = lay_take(lay, padded, sizeof *choice->adjusted);
    choice->weights = lay_take(lay, padded, sizeof *choice->weights);
    choice->packed = lay_take(lay, padded, sizeof *choice->packed);
    choice->order = lay_take(lay, padded, sizeof *choice->order);
    choice->sorted = lay_take(lay, 2 * padded, sizeof *choice->sorted);
    choice->past.counts = lay_take(lay, padded, sizeof *choice->past.counts);
    choice->matches = lay_take(lay, context, sizeof *choice->matches);
}

// In [0, 1), by 53 bits.
static double draw(struct sampler *sampler) {
    uint64_t z = (sampler->state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static enum sk_code best(const float *logits, uint32_t n, int32_t *out) {
    float most = -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        if (!isfinite(logits[i]))
            return FAIL(SK_CORRUPT, "the logit of token %u is not finite: damaged weights", i);
        if (logits[i] > most) {
            most = logits[i];
            *out = (int32_t)i;
        }
    }
    return SK_OK;
}

// The logits after bias, penalties and DRY.
static const float *adjust(struct sampler *sampler, const struct choice *c) {
    const struct engine_sampling *as = &sampler->as;
    bool punished = as->repetition_penalty > 0 || as->presence_penalty != 0 ||
                    as->frequency_penalty != 0;
    bool dry = as->dry_multiplier > 0;
    if (as->logit_bias_len == 0 && !punished && !dry) return c->logits;
    memcpy(c->adjusted, c->logits, c->n * sizeof *c->adjusted);
    for (uint32_t i = 0; i < as->logit_bias_len; i++) {
        float *logit = &c->adjusted[sampler->biases[i].token];
        *logit = penalty_round((double)*logit + (double)sampler->biases[i].bias);
    }
    if (punished) penalty_apply(as, &c->past, c->adjusted);
    if (dry) dry_apply(&sampler->dry, &c->past, c->matches, c->adjusted);
    return c->adjusted;
}

// packed[i] = e^((logit of left->ids[i] - the largest of them) x scale).
static void weigh(const struct kernels *kernels, const struct choice *c,
                  const struct candidates *left, const float *logits, float scale) {
    for (uint32_t i = 0; i < left->n; i++) c->packed[i] = logits[left->ids[i]];
    kernels->softmax(c->packed, left->n, scale);
}

// Keeps the most typical ones; their keys are written where nothing is packed just now.
static void cut_untypical(struct candidates *left, const struct choice *c, const float *logits,
                          double share) {
    double mean = 0, all = 0;
    for (uint32_t i = 0; i < left->n; i++) {
        double weight = (double)c->weights[left->ids[i]];
        mean += weight * (double)logits[left->ids[i]];
        all += weight;
    }
    mean /= all;
    for (uint32_t i = 0; i < left->n; i++)
        c->packed[left->ids[i]] = -(float)fabs((double)logits[left->ids[i]] - mean);
    cut_to_share(left, c->packed, c->weights, share);
}

// All tokens, or those that the grammar allows, in the order of their ids.
static enum sk_code allow(const struct choice *c, struct candidates *left) {
    const uint64_t *mask;
    *left = (struct candidates){c->order, 0, c->sorted};
    if (!c->grammar) {
        for (; left->n < c->n; left->n++) left->ids[left->n] = left->n;
        return SK_OK;
    }
    TRY(grammar_run_mask(c->grammar, &mask));
    for (uint32_t from = 0; from < c->n; from += 64)
        for (uint64_t bits = mask[from / 64]; bits; bits &= bits - 1)
            left->ids[left->n++] = from + (uint32_t)__builtin_ctzll(bits);
    return SK_OK;
}

// The largest logit that is allowed, `*out` being the largest of all.
static enum sk_code best_allowed(const struct choice *c, const float *logits, int32_t *out) {
    bool allowed;
    struct candidates left;
    TRY(grammar_run_allows(c->grammar, *out, &allowed));
    if (allowed) return SK_OK;
    TRY(allow(c, &left));
    *out = (int32_t)left.ids[0];
    for (uint32_t i = 1; i < left.n; i++)
        if (logits[left.ids[i]] > logits[*out]) *out = (int32_t)left.ids[i];
    return SK_OK;
}

// The tokens of those left that may be drawn.
static void cut(struct candidates *left, const struct engine_sampling *as,
                const struct kernels *kernels, const struct choice *c, const float *logits) {
    if (as->top_k && as->top_k < left->n) cut_to_most(left, logits, as->top_k);
    bool typical = as->typical_p > 0 && as->typical_p < 1, top = as->top_p > 0 && as->top_p < 1;
    if (!typical && !top && !(as->min_p > 0)) return;
    weigh(kernels, c, left, logits, 1);
    for (uint32_t i = 0; i < left->n; i++) c->weights[left->ids[i]] = c->packed[i];
    if (typical) cut_untypical(left, c, logits, (double)as->typical_p);
    if (top) cut_to_top(left, logits, c->weights, (double)as->top_p);
    if (as->min_p > 0) cut_to_weight(left, c->weights, (double)as->min_p);
}

enum sk_code sampler_pick(struct sampler *sampler, const struct kernels *kernels,
                          const struct choice *c, int32_t *out) {
    TRY(best(c->logits, c->n, out));
    const float *logits = adjust(sampler, c);
    if (sampler->as.temperature < SAMPLE_COLD) {
        if (logits != c->logits) TRY(best(logits, c->n, out));
        return c->grammar ? best_allowed(c, logits, out) : SK_OK;
    }
    struct candidates left;
    TRY(allow(c, &left));
    cut(&left, &sampler->as, kernels, c, logits);
    weigh(kernels, c, &left, logits, 1 / sampler->as.temperature);
    double total = 0;
    for (uint32_t i = 0; i < left.n; i++) total += (double)c->packed[i];
    double rest = draw(sampler) * total;
    for (uint32_t i = 0; i < left.n; i++) {
        *out = (int32_t)left.ids[i];
        rest -= (double)c->packed[i];
        if (rest < 0) break;
    }
    return SK_OK;
}
