// Logprob: natural logs of probability, log-softmax of the logits as the model gave them, before
// any bias, penalty, cut or temperature (as OpenAI gives them).
//
// Promises: sums are in double and in the order of the ids, by functions of exact.h, so the same
// logits give the same bits everywhere. Logits are finite (sampler_pick has looked).
#pragma once
#include <stdint.h>

#include "engine/engine.h"

// ln of the sum of e^logit over all n >= 1 tokens.
double logprob_total(const float *logits, uint32_t n);

static inline float logprob_of(const float *logits, double total, int32_t token) {
    return (float)((double)logits[token] - total);
}

// The `len` likeliest tokens, the likeliest first, of equals the lowest id first. Returns how many
// were written: less than len only when n is.
uint32_t logprob_top(const float *logits, uint32_t n, double total, struct engine_candidate *top,
                     uint32_t len);
