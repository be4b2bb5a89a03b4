// Sample: the logits of one step to one token.
//
// What the grammar of an answer does not allow is left out first: all that follows, penalties, cuts
// and draw, is as if its logits were minus infinity from the beginning. (The greedy way looks at
// the largest logit before it asks for the whole mask: where that one is allowed it is the largest
// allowed one too.)
// The order, llama.cpp's: bias, penalties, DRY; below SAMPLE_COLD the largest logit then wins;
// otherwise the cuts top-k, typical, top-p, min-p, then temperature and one draw. Bias comes first,
// so that penalties see what the caller made of the logits. Temperature comes last, so that the
// cuts judge the model's own probabilities and heat never lets in what they left out; each cut
// judges what those before it left. Promises: the same logits, past, settings and seed give the
// same token, with any kernels; of equal logits the lowest id comes first. The draws are splitmix64
// of the seed (Steele, Lea, Flood 2014), one for each token.
//
// Typical (Meister et al. 2023, arXiv:2202.00666) ranks by |-ln p - entropy|, which is the distance
// of the logit from the mean logit (the mean by p): no logarithm is needed.
#pragma once
#include <stdint.h>

#include "base/fail.h"
#include "engine/dry.h"
#include "engine/engine.h"
#include "engine/grammar.h"
#include "engine/kernels.h"
#include "engine/lay.h"
#include "engine/penalty.h"

#define SAMPLE_COLD 1e-4f

struct sampler {
    struct engine_sampling as; // its lists are those here
    struct engine_bias biases[ENGINE_BIASES_MAX];
    struct dry dry;
    uint64_t state;
};

// SK_INPUT or SK_LIMIT when a value is out of the range that engine.h says or a biased token is not
// in the vocabulary, which is borrowed.
enum sk_code sampler_init(struct sampler *sampler, const struct engine_sampling *as,
                          const struct vocab *vocab);

// One step: the model's logits and the tokens so far; and scratch for all samplers of an engine.
struct choice {
    const float *logits; // n
    uint32_t n;
    struct past past;
    struct grammar_run *grammar; // NULL: any token may come
    float *adjusted, *weights, *packed; // scratch, kernel_pad(n)
    uint32_t *order;                    // scratch, n
    uint64_t *sorted;                   // scratch, twice n
    uint32_t *matches;                  // scratch, as long as the past can grow
};

// Takes the scratch, for a vocabulary of n and a context.
void choice_lay(struct choice *choice, struct lay *lay, uint32_t n, uint32_t context);

// SK_CORRUPT when a logit is not finite: the weights of the model are damaged; else errors of
// grammar_run_mask.
enum sk_code sampler_pick(struct sampler *sampler, const struct kernels *kernels,
                          const struct choice *choice, int32_t *out);
