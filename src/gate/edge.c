#include "gate/edge.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdio.h>
#include <time.h>

// What scripts may read beside the few fields that they always may.
static const char exposed[] =
    "x-request-id, request-id, retry-after, sekisho-receipt, idempotent-replayed, "
    "x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "
    "x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens, "
    "anthropic-ratelimit-requests-limit, anthropic-ratelimit-requests-remaining, "
    "anthropic-ratelimit-requests-reset, anthropic-ratelimit-tokens-limit, "
    "anthropic-ratelimit-tokens-remaining, anthropic-ratelimit-tokens-reset";

struct putter {
    gate_put_header put;
    void *self;
};

static void put_text(const struct putter *to, const char *name, const char *value) {
    to->put(to->self, name, value);
}

static void put_number(const struct putter *to, const char *name, uint64_t number) {
    char value[24];
    snprintf(value, sizeof value, "%llu", (unsigned long long)number);
    put_text(to, name, value);
}

void gate_edge_begin(struct gate_edge *edge, const uint8_t chance[GATE_REQUEST_ID_CHANCE]) {
    *edge = (struct gate_edge){0};
    struct buf id = buf_over(edge->id, GATE_REQUEST_ID_LEN);
    buf_put_text(&id, "req_");
    hex_put(&id, chance, GATE_REQUEST_ID_CHANCE);
}

// As OpenAI writes a length of time: 12ms, 1s, 6m0s, 1h0m0s.
static void put_duration(const struct putter *to, const char *name, uint64_t ms) {
    char value[48];
    unsigned long long s = ms / 1000, rest = ms % 1000;
    if (ms < 1000)
        snprintf(value, sizeof value, "%llums", rest);
    else if (s < 60 && rest)
        snprintf(value, sizeof value, "%llu.%03llus", s, rest);
    else if (s < 60)
        snprintf(value, sizeof value, "%llus", s);
    else if (s < 3600)
        snprintf(value, sizeof value, "%llum%llus", s / 60, s % 60);
    else
        snprintf(value, sizeof value, "%lluh%llum%llus", s / 3600, s / 60 % 60, s % 60);
    put_text(to, name, value);
}

// RFC 3339, as Anthropic writes a point of time.
static void put_time(const struct putter *to, const char *name, int64_t at_s) {
    char value[48];
    struct tm at;
    time_t time = (time_t)at_s;
    if (!gmtime_r(&time, &at) || !strftime(value, sizeof value, "%Y-%m-%dT%H:%M:%SZ", &at)) return;
    put_text(to, name, value);
}

// The three fields of a limit, in both spellings.
static const struct rate_names {
    const char *limit, *left, *reset;
} requests_names[2] = {
    {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"},
    {"anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining",
     "anthropic-ratelimit-requests-reset"},
}, tokens_names[2] = {
    {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"},
    {"anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining",
     "anthropic-ratelimit-tokens-reset"},
};

void gate_put_date(int64_t now_s, struct buf *out) {
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm now;
    time_t time = (time_t)now_s;
    if (!gmtime_r(&time, &now)) return;
    buf_print(out, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[now.tm_wday], now.tm_mday,
              months[now.tm_mon], now.tm_year + 1900, now.tm_hour, now.tm_min, now.tm_sec);
}

static void put_rate(const struct putter *to, const struct gate_rate *rate,
                     const struct rate_names *names, const int64_t *now_s) {
    if (rate->limit == 0) return;
    put_number(to, names->limit, rate->limit);
    put_number(to, names->left, rate->left);
    if (now_s) // Anthropic's
        put_time(to, names->reset, *now_s + (int64_t)(rate->reset_ms + 999) / 1000);
    else
        put_duration(to, names->reset, rate->reset_ms);
}

void gate_edge_headers(const struct gate_edge *edge, int64_t now_s, gate_put_header put,
                       void *self) {
    const struct putter to = {put, self};
    put_text(&to, edge->anthropic ? "request-id" : "x-request-id", edge->id);
    const int64_t *clock = edge->anthropic ? &now_s : NULL;
    put_rate(&to, &edge->requests, &requests_names[edge->anthropic], clock);
    put_rate(&to, &edge->tokens, &tokens_names[edge->anthropic], clock);
    if (edge->vary) put_text(&to, "Vary", "Origin");
    if (!edge->origin[0]) return;
    put_text(&to, "Access-Control-Allow-Origin", edge->origin);
    put_text(&to, "Access-Control-Expose-Headers", exposed);
}
