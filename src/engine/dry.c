#include "engine/dry.h"

#include <string.h>

#include "engine/tokenize.h"

void dry_init(struct dry *dry, const struct engine_sampling *as, const struct vocab *vocab) {
    *dry = (struct dry){.multiplier = as->dry_multiplier,
                        .base = as->dry_base > 0 ? as->dry_base : 1.75f,
                        .allowed = as->dry_allowed_length ? as->dry_allowed_length : 2,
                        .last_n = as->dry_penalty_last_n,
                        .breakers_len = as->dry_breakers_len,
                        .vocab = vocab};
    for (uint32_t i = 0; i < as->dry_breakers_len; i++) {
        struct view breaker = as->dry_breakers[i];
        must(breaker.len > 0 && breaker.len <= ENGINE_BREAKER_LEN_MAX);
        memcpy(dry->breakers[i], breaker.at, breaker.len);
        dry->breaker_lens[i] = (uint32_t)breaker.len;
    }
}

// True when a breaker ends in the text after its first `before` bytes.
static bool holds_breaker(const struct dry *dry, struct view text, size_t before) {
    for (uint32_t i = 0; i < dry->breakers_len; i++) {
        struct view breaker = {dry->breakers[i], dry->breaker_lens[i]};
        size_t at = before >= breaker.len ? before - breaker.len + 1 : 0;
        for (; at + breaker.len <= text.len; at++)
            if (view_starts(view_from(text, at), breaker)) return true;
    }
    return false;
}

static bool is_control(const struct dry *dry, int32_t token) {
    const struct vocab_token *is = &dry->vocab->tokens[token];
    return is->kind == VOCAB_CONTROL || is->end;
}

// Takes one more token of the text.
static void follow(struct dry *dry, int32_t token) {
    char bytes[ENGINE_BREAKER_LEN_MAX + VOCAB_PIECE_MAX];
    struct buf text = buf_over(bytes, sizeof bytes);
    buf_put(&text, dry->tail, dry->tail_len);
    detokenize(dry->vocab, token, &text);
    must(!text.over);
    bool control = is_control(dry, token);
    bool broken = control || holds_breaker(dry, buf_view(&text), dry->tail_len);
    dry->run = broken ? 0 : dry->run + 1;
    size_t kept = control ? 0 : text.len;
    if (kept > sizeof dry->tail) kept = sizeof dry->tail;
    memcpy(dry->tail, bytes + text.len - kept, kept);
    dry->tail_len = (uint32_t)kept;
    dry->followed++;
}

// matches[k], 0 < k < n: how many tokens at the end equal those that end k before it. The Z
// algorithm, from the end (Gusfield 1997, section 1.4).
static void match(const int32_t *ids, uint32_t n, uint32_t *matches) {
    const int32_t *end = ids + n - 1;
    for (uint32_t k = 1, left = 0, right = 0; k < n; k++) { // [left, right): matched furthest
        uint32_t m = k < right ? matches[k - left] : 0;
        if (k < right && m > right - k) m = right - k;
        if (k + m >= right)
            while (k + m < n && end[-(ptrdiff_t)m] == end[-(ptrdiff_t)(k + m)]) m++;
        matches[k] = m;
        if (k + m > right) {
            left = k;
            right = k + m;
        }
    }
}

static double power(double base, uint32_t exponent) {
    double result = 1;
    for (; exponent; exponent /= 2, base *= base)
        if (exponent % 2) result *= base;
    return result;
}

static bool may_lose(const struct dry *dry, int32_t token) {
    char bytes[VOCAB_PIECE_MAX];
    struct buf text = buf_over(bytes, sizeof bytes);
    detokenize(dry->vocab, token, &text);
    must(!text.over);
    return !is_control(dry, token) && !holds_breaker(dry, buf_view(&text), 0);
}

void dry_apply(struct dry *dry, const struct past *past, uint32_t *matches, float *logits) {
    while (dry->followed < past->len) follow(dry, past->ids[dry->followed]);
    uint32_t from = past_from(past, dry->last_n), n = past->len - from;
    if (n < 2 || dry->run < dry->allowed) return;
    const int32_t *ids = past->ids + from;
    match(ids, n, matches);
    for (uint32_t k = 1; k < n; k++) { // the token after the place k before the end
        uint32_t *longest = &past->counts[ids[n - k]];
        uint32_t length = matches[k] < dry->run ? matches[k] : dry->run;
        if (length >= dry->allowed && length > *longest) *longest = length;
    }
    for (uint32_t k = 1; k < n; k++) {
        int32_t token = ids[n - k];
        uint32_t length = past->counts[token];
        past->counts[token] = 0;
        if (length == 0 || !may_lose(dry, token)) continue;
        double loss = (double)dry->multiplier * power((double)dry->base, length - dry->allowed);
        logits[token] = penalty_round((double)logits[token] - loss);
    }
}
