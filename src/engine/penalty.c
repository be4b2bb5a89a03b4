#include "engine/penalty.h"

static float punish(const struct engine_sampling *as, float logit, uint32_t made) {
    double x = (double)logit, repetition = (double)as->repetition_penalty;
    if (repetition > 0) x = x > 0 ? x / repetition : x * repetition;
    if (made > 0)
        x -= (double)as->presence_penalty + (double)made * (double)as->frequency_penalty;
    return penalty_round(x);
}

void penalty_apply(const struct engine_sampling *as, const struct past *past, float *logits) {
    uint32_t from = past_from(past, as->penalty_last_n);
    // 1 for a token that was seen, and 2 for each time it was made.
    for (uint32_t i = from; i < past->len; i++) {
        uint32_t *count = &past->counts[past->ids[i]];
        *count = (*count | 1) + (i >= past->prompt ? 2 : 0);
    }
    for (uint32_t i = from; i < past->len; i++) {
        uint32_t *count = &past->counts[past->ids[i]];
        if (*count) logits[past->ids[i]] = punish(as, logits[past->ids[i]], *count / 2);
        *count = 0;
    }
}
