// Limits of one API key: requests and tokens per minute, requests at once.
//
// A budget is a bucket of one minute's worth that fills evenly; all arithmetic is in integers over
// the caller's monotonic clock. Tokens are reserved before they are made and settled to what they
// were, so a burst cannot pass what one minute allows. Promises: what is told to wait fits at the
// moment it was told (when nobody else takes it). A use that is all zero is full.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// 0: no limit.
struct border_limits {
    uint32_t requests, tokens; // per minute
    uint32_t parallel;
};

struct border_budget {
    int64_t spent; // in 1/60,000,000 of one; may be more than the bucket: a debt
    int64_t at_us; // spent is as of then
};

// What a key has used of its limits.
struct border_use {
    struct border_budget requests, tokens;
    uint32_t running;
};

// One request's part in it.
struct border_share {
    bool taken;        // counted in `running`
    uint64_t reserved; // tokens
};

// One limit as a client is shown it; limit 0: there is none.
struct border_rate {
    uint32_t limit, remaining;
    uint64_t reset_ms; // until the bucket is full
};

enum border_fit {
    BORDER_FITS,
    BORDER_OVER_REQUESTS, // per minute
    BORDER_OVER_TOKENS,   // per minute
    BORDER_OVER_PARALLEL,
    BORDER_NEVER, // more tokens than a whole minute allows
};

// Of a request whose prompt is known: prompt and answer together.
struct border_need {
    uint64_t tokens;     // what it cannot do without
    uint64_t tokens_max; // what it may come to use
};

// Takes one request, and reserves `tokens` for it; tokens 0 when they are not known yet, which
// needs one to be left. Else nothing is taken, and *wait_ms is when it would fit (0 for PARALLEL
// and NEVER, which no time mends).
enum border_fit border_limit_take(const struct border_limits *limits, struct border_use *use,
                                  struct border_share *share, uint64_t tokens, int64_t now_us,
                                  uint64_t *wait_ms);

// Reserves need->tokens instead of what was, and of need->tokens_max as many as are left. Not
// BORDER_FITS: the reservation is as it was. A zeroed share is a further answer of a request that
// was taken already.
enum border_fit border_limit_reserve(const struct border_limits *limits, struct border_use *use,
                                     struct border_share *share, const struct border_need *need,
                                     int64_t now_us, uint64_t *wait_ms);

// The request is over, and used that many tokens: 0 of one that was refused.
void border_limit_settle(const struct border_limits *limits, struct border_use *use,
                         struct border_share *share, uint64_t tokens, int64_t now_us);

struct border_rate border_limit_requests(const struct border_limits *limits, struct border_use *use,
                                         int64_t now_us);
struct border_rate border_limit_tokens(const struct border_limits *limits, struct border_use *use,
                                       int64_t now_us);
