// Sample: logits to one token.
//
// Greedy below SAMPLE_COLD; otherwise temperature, then top-k, then top-p, then one draw. Promises:
// the same logits, settings and seed give the same token; of equal logits the lowest id comes
// first. The draws are splitmix64 of the seed (Steele, Lea, Flood 2014), one for each token.
#pragma once
#include <stdint.h>

#include "base/fail.h"
#include "engine/engine.h"
#include "engine/kernels.h"

#define SAMPLE_COLD 1e-4f

struct sampler {
    float temperature, top_p;
    uint32_t top_k;
    uint64_t state;
};

// SK_INPUT when a value is out of the range that engine.h says.
enum sk_code sampler_init(struct sampler *sampler, const struct engine_sampling *as);

// The logits of one step, and scratch beside them.
struct choice {
    const float *logits; // n
    uint32_t n;
    float *weights;  // scratch, kernel_pad(n)
    uint32_t *order; // scratch, n
};

// SK_CORRUPT when a logit is not finite: the weights of the model are damaged.
enum sk_code sampler_pick(struct sampler *sampler, const struct kernels *kernels,
                          const struct choice *choice, int32_t *out);
