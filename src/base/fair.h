// Fair: whose turn it is among several that share something, each by its weight.
//
// Start-time fair queueing (Goyal, Vin, Cheng 1996): each has a time of its own, which all it is
// charged moves on by cost / weight, and whose time is least is served next. Who comes back begins
// at the time of the one served last, or at its own when that is later: what was not used is not
// saved up. Promises: of two that wait all the time, what they were charged over their weights
// differs by no more than what was charged between two turns of each; nobody waits for ever.
// Integers only: the same calls give the same turns.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { FAIR_WEIGHT_MAX = 100 };

struct fair {
    int64_t now; // time of the one served last
};

struct fair_flow {
    int64_t time;
    uint32_t weight; // 0 is 1
};

// It waits for a turn, and did not before.
static inline void fair_wake(const struct fair *fair, struct fair_flow *flow) {
    if (flow->time < fair->now) flow->time = fair->now;
}

static inline bool fair_before(const struct fair_flow *a, const struct fair_flow *b) {
    return a->time < b->time;
}

// Of two requests, numbered as they came: at the same time, as those of one flow are, the older.
static inline bool fair_older(const struct fair_flow *a, uint64_t a_order,
                              const struct fair_flow *b, uint64_t b_order) {
    return a->time == b->time ? a_order < b_order : fair_before(a, b);
}

// What it uses, or gives back: also while it does not wait.
static inline void fair_charge(struct fair_flow *flow, int64_t cost) {
    flow->time += cost * (1 << 20) / (flow->weight ? flow->weight : 1);
}

// It is its turn.
static inline void fair_serve(struct fair *fair, struct fair_flow *flow, int64_t cost) {
    if (fair->now < flow->time) fair->now = flow->time;
    fair_charge(flow, cost);
}
