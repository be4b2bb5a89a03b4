#include "border/limit.h"

// A rate of one per minute fills one unit per microsecond: no fractions anywhere. 2^33 tokens are
// 2^59 units.
static const int64_t units = 60000000;

// Spent as of now. Without a rate nothing is owed.
static void budget_refresh(struct border_budget *budget, uint32_t rate, int64_t now_us) {
    int64_t elapsed = now_us > budget->at_us ? now_us - budget->at_us : 0;
    budget->at_us = now_us;
    if (rate == 0 || elapsed > budget->spent / rate)
        budget->spent = 0;
    else
        budget->spent -= elapsed * rate;
}

// Units that are missing for `count` more; 0 or less: they fit.
static int64_t budget_lacks(const struct border_budget *budget, uint32_t rate, uint64_t count) {
    return rate == 0 ? 0 : budget->spent + ((int64_t)count - rate) * units;
}

static uint64_t fill_ms(int64_t lacking, uint32_t rate) {
    int64_t us = (lacking + rate - 1) / rate;
    return (uint64_t)(us + 999) / 1000;
}

static void budget_add(struct border_budget *budget, uint32_t rate, int64_t count) {
    if (rate == 0) return;
    budget->spent += count * units;
    if (budget->spent < 0) budget->spent = 0;
}

enum border_fit border_limit_take(const struct border_limits *limits, struct border_use *use,
                                  struct border_share *share, uint64_t tokens, int64_t now_us,
                                  uint64_t *wait_ms) {
    *wait_ms = 0;
    *share = (struct border_share){0};
    budget_refresh(&use->requests, limits->requests, now_us);
    budget_refresh(&use->tokens, limits->tokens, now_us);
    if (limits->tokens && tokens > limits->tokens) return BORDER_NEVER;
    if (limits->parallel && use->running >= limits->parallel) return BORDER_OVER_PARALLEL;
    int64_t lacks = budget_lacks(&use->requests, limits->requests, 1);
    if (lacks > 0) {
        *wait_ms = fill_ms(lacks, limits->requests);
        return BORDER_OVER_REQUESTS;
    }
    lacks = budget_lacks(&use->tokens, limits->tokens, tokens ? tokens : 1);
    if (lacks > 0) {
        *wait_ms = fill_ms(lacks, limits->tokens);
        return BORDER_OVER_TOKENS;
    }
    budget_add(&use->requests, limits->requests, 1);
    budget_add(&use->tokens, limits->tokens, (int64_t)tokens);
    *share = (struct border_share){.taken = true, .reserved = limits->tokens ? tokens : 0};
    use->running++;
    return BORDER_FITS;
}

enum border_fit border_limit_reserve(const struct border_limits *limits, struct border_use *use,
                                     struct border_share *share, const struct border_need *need,
                                     int64_t now_us, uint64_t *wait_ms) {
    *wait_ms = 0;
    budget_refresh(&use->tokens, limits->tokens, now_us);
    if (limits->tokens == 0) return BORDER_FITS;
    if (need->tokens > limits->tokens) return BORDER_NEVER;
    uint64_t more = need->tokens > share->reserved ? need->tokens - share->reserved : 0;
    int64_t lacks = budget_lacks(&use->tokens, limits->tokens, more);
    if (lacks > 0) {
        *wait_ms = fill_ms(lacks, limits->tokens);
        return BORDER_OVER_TOKENS;
    }
    uint64_t left = share->reserved + (uint64_t)-lacks / (uint64_t)units + more;
    uint64_t all = need->tokens_max < left ? need->tokens_max : left;
    budget_add(&use->tokens, limits->tokens, (int64_t)all - (int64_t)share->reserved);
    share->reserved = all;
    return BORDER_FITS;
}

void border_limit_settle(const struct border_limits *limits, struct border_use *use,
                         struct border_share *share, uint64_t tokens, int64_t now_us) {
    budget_refresh(&use->tokens, limits->tokens, now_us);
    budget_add(&use->tokens, limits->tokens, (int64_t)tokens - (int64_t)share->reserved);
    if (share->taken) use->running--;
    *share = (struct border_share){0};
}

static struct border_rate rate_now(struct border_budget *budget, uint32_t rate, int64_t now_us) {
    budget_refresh(budget, rate, now_us);
    if (rate == 0) return (struct border_rate){0};
    int64_t left = (int64_t)rate * units - budget->spent;
    return (struct border_rate){.limit = rate,
                                .remaining = left > 0 ? (uint32_t)(left / units) : 0,
                                .reset_ms = fill_ms(budget->spent, rate)};
}

struct border_rate border_limit_requests(const struct border_limits *limits, struct border_use *use,
                                         int64_t now_us) {
    return rate_now(&use->requests, limits->requests, now_us);
}

struct border_rate border_limit_tokens(const struct border_limits *limits, struct border_use *use,
                                       int64_t now_us) {
    return rate_now(&use->tokens, limits->tokens, now_us);
}
