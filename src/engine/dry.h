// DRY ("don't repeat yourself", p-e-w 2024): what would go on repeating a run of tokens is made
// unlikely, the more so the longer the run.
//
// When the last n tokens stand earlier in the text too, followed by a token t, then t loses
// multiplier x base^(n - allowed_length), of all such places by the longest, once n reaches
// allowed_length. A run does not reach across a breaker: one of given texts, found in the text of
// the tokens (so across their borders too), or a control token. Tokens that hold a breaker, and
// control tokens, lose nothing: an answer must be able to end. Promises: time linear in the tokens
// looked at; `counts` of the past is all zero again afterwards.
#pragma once
#include "base/fail.h"
#include "engine/penalty.h"
#include "engine/vocab.h"

struct dry {
    float multiplier, base; // multiplier 0: off
    uint32_t allowed, last_n;
    char breakers[ENGINE_BREAKERS_MAX][ENGINE_BREAKER_LEN_MAX];
    uint32_t breaker_lens[ENGINE_BREAKERS_MAX], breakers_len;
    const struct vocab *vocab;
    // The text as followed so far: tokens, those after the last breaker, and the end of its bytes.
    uint32_t followed, run, tail_len;
    char tail[ENGINE_BREAKER_LEN_MAX];
};

// The settings were checked. The vocabulary is borrowed.
void dry_init(struct dry *dry, const struct engine_sampling *as, const struct vocab *vocab);

// `matches` is scratch, as long as the past. The past only grows between two calls.
void dry_apply(struct dry *dry, const struct past *past, uint32_t *matches, float *logits);
