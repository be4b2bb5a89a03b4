// Penalty: logits changed by what was already said.
//
// Repetition (Keskar et al. 2019, arXiv:1909.05858) looks at prompt and answer, as llama.cpp does;
// presence and frequency at the answer only, as OpenAI does. Promises: results stay finite, within
// PENALTY_LOGIT_MAX of 0; `counts` is all zero again afterwards.
#pragma once
#include <stdint.h>

#include "engine/engine.h"

#define PENALTY_LOGIT_MAX 1e30f

// The tokens so far: `len` of which the first `prompt` were given; and scratch beside them.
struct past {
    const int32_t *ids;
    uint32_t len, prompt;
    uint32_t *counts; // one for each token of the vocabulary, all zero
};

// The last n tokens, 0 = all: where they begin.
static inline uint32_t past_from(const struct past *past, uint32_t last_n) {
    return last_n && last_n < past->len ? past->len - last_n : 0;
}

// In place of a logit that was changed in double: rounded once.
static inline float penalty_round(double logit) {
    double most = (double)PENALTY_LOGIT_MAX;
    return (float)(logit > most ? most : logit < -most ? -most : logit);
}

void penalty_apply(const struct engine_sampling *as, const struct past *past, float *logits);
