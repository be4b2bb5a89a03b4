// Limits of keys at the border: who is over one is told which, where it stands, and when it passes.
#include "node/result.h"
#include "node/room_border.h"

#include <stdio.h>

static const struct refusal refusal_rate = {429, 1, "rate_limit_error", "rate_limit_exceeded", ""};
static const struct refusal refusal_never = {400, 0, "invalid_request_error", "tokens_over_limit",
                                             "max_tokens"};

void limits_tell(struct border_state *state, uint64_t gate_id, struct border_key *key) {
    if (!key->limits.requests && !key->limits.tokens) return;
    int64_t now_us = border_clock_us();
    struct border_rate requests = border_limit_requests(&key->limits, &key->use, now_us),
                       tokens = border_limit_tokens(&key->limits, &key->use, now_us);
    struct msg msg = {.type = MSG_rates, .id = gate_id, .descriptor = -1};
    msg.as.rates = (struct msg_rates){.requests_limit = requests.limit,
                                      .requests_left = requests.remaining,
                                      .requests_reset_ms = requests.reset_ms,
                                      .tokens_limit = tokens.limit,
                                      .tokens_left = tokens.remaining,
                                      .tokens_reset_ms = tokens.reset_ms};
    room_send(&state->room, ROOM_GATE, &msg);
}

// What the client reads: the limit, where it stands, what helps.
static void limit_text(const struct border_key *key, enum border_fit fit, uint64_t tokens,
                       struct buf *out) {
    const struct border_limits *limits = &key->limits;
    if (fit == BORDER_OVER_PARALLEL)
        buf_print(out,
                  "%u requests of this API key are in progress, which is the limit "
                  "(limits.parallel_per_key). Try again when one has ended.",
                  key->use.running);
    else if (fit == BORDER_OVER_REQUESTS)
        buf_print(out,
                  "The limit of this API key is %u requests per minute "
                  "(limits.requests_per_minute) and none is left. Try again later.",
                  limits->requests);
    else if (fit == BORDER_OVER_TOKENS)
        buf_print(out,
                  "The limit of this API key is %u tokens per minute (limits.tokens_per_minute); "
                  "this request needs %llu, more than are left now. Try again later, or lower "
                  "max_tokens.",
                  limits->tokens, (unsigned long long)(tokens ? tokens : 1));
    else
        buf_print(out,
                  "This request may take %llu tokens and the limit of this API key is %u per "
                  "minute (limits.tokens_per_minute): it never fits. Lower max_tokens or shorten "
                  "the prompt, or have the limit raised.",
                  (unsigned long long)tokens, limits->tokens);
    buf_put_char(out, 0);
}

struct limit_refusal {
    struct refusal refusal;
    char text[512];
};

static struct limit_refusal limit_refusal(const struct border_key *key, enum border_fit fit,
                                          uint64_t tokens, uint64_t wait_ms) {
    struct limit_refusal out = {.refusal = fit == BORDER_NEVER ? refusal_never : refusal_rate};
    if (wait_ms > 1000) out.refusal.retry_after_s = (uint32_t)((wait_ms + 999) / 1000);
    struct buf text = buf_over(out.text, sizeof out.text);
    limit_text(key, fit, tokens, &text);
    must(!text.over);
    return out;
}

static void limit_refuse(struct border_state *state, uint64_t gate_id, struct border_key *key,
                         const struct limit_refusal *refusal) {
    limits_tell(state, gate_id, key);
    border_refuse(state, gate_id, refusal->refusal, refusal->text);
}

bool limits_take(struct border_state *state, const struct msg *msg, struct border_key *key,
                 const struct border_model *model, struct border_share *share) {
    uint64_t wait_ms, tokens = msg->as.ask.tokens_max;
    if (model && model->told && tokens > model->card.context) tokens = model->card.context;
    int64_t now_us = border_clock_us();
    enum border_fit fit;
    if (msg->as.ask.choice > 0) { // several answers are one request
        struct border_need need = {tokens, tokens};
        *share = (struct border_share){0};
        fit = border_limit_reserve(&key->limits, &key->use, share, &need, now_us, &wait_ms);
    } else {
        fit = border_limit_take(&key->limits, &key->use, share, tokens, now_us, &wait_ms);
    }
    if (fit == BORDER_FITS) return true;
    struct limit_refusal refusal = limit_refusal(key, fit, tokens, wait_ms);
    limit_refuse(state, msg->id, key, &refusal);
    return false;
}

bool limits_reserve(struct border_state *state, struct ask *ask) {
    uint64_t wait_ms, prompt = ask->prompt_tokens, all = prompt + ask->tokens_max;
    if (all > ask->model->card.context) all = ask->model->card.context;
    struct border_need need = {all, all};
    if (result_gives(ask->operation)) // makes no tokens
        need = (struct border_need){prompt, prompt};
    else if (ask->tokens_max == 0) // up to the end of its context, but it can do with less
        need = (struct border_need){prompt + 1, ask->model->card.context};
    struct border_key *key = ask->key;
    enum border_fit fit = border_limit_reserve(&key->limits, &key->use, &ask->share, &need,
                                               border_clock_us(), &wait_ms);
    if (fit == BORDER_FITS) return true;
    struct limit_refusal refusal = limit_refusal(key, fit, need.tokens, wait_ms);
    limit_refuse(state, ask->gate_id, key, &refusal);
    return false;
}

void limits_settle(struct border_key *key, struct border_share *share, uint64_t tokens) {
    border_limit_settle(&key->limits, &key->use, share, tokens, border_clock_us());
}
