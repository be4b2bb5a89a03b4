#include "engine/logprob.h"

#include "base/fail.h"
#include "engine/exact.h"

double logprob_total(const float *logits, uint32_t n) {
    must(n > 0);
    float most = logits[0];
    for (uint32_t i = 1; i < n; i++) most = logits[i] > most ? logits[i] : most;
    double sum = 0, terms[256];
    for (uint32_t from = 0; from < n; from += 256) {
        uint32_t len = n - from < 256 ? n - from : 256;
        exact_exps(logits + from, (double)most, len, terms);
        for (uint32_t i = 0; i < len; i++) sum += terms[i];
    }
    return (double)most + exact_log(sum);
}

// A list kept in order: most tokens are compared with its last only.
uint32_t logprob_top(const float *logits, uint32_t n, double total, struct engine_candidate *top,
                     uint32_t len) {
    uint32_t held = 0;
    for (uint32_t i = 0; i < n && len > 0; i++) {
        if (held == len && !(logits[i] > logits[top[len - 1].token])) continue;
        uint32_t at = held < len ? held++ : len - 1;
        for (; at > 0 && logits[i] > logits[top[at - 1].token]; at--) top[at] = top[at - 1];
        top[at].token = (int32_t)i;
    }
    for (uint32_t i = 0; i < held; i++) top[i].logprob = logprob_of(logits, total, top[i].token);
    return held;
}
