// Speed: one test of an open engine and its seconds, for `sekisho bench` and bench/engine.
//
// Promises: every round of a test reads and makes the same number of tokens: one that ends an
// answer is learned and forbidden, and the round is run again. Refuses: a model whose every answer
// ends.
#pragma once
#include "base/world.h"
#include "engine/engine.h"

enum { SPEED_BATCH_MAX = 64, SPEED_ENDS_MAX = 16 };

struct speed_test {
    uint32_t prompt, made; // tokens of each sequence; made 0: one, which does not count
    uint32_t batch;        // sequences at once
};

struct speed {
    struct engine *engine;
    struct world world;
    int32_t *ids; // of prompts
    // Tokens that ended an answer.
    struct engine_bias ends[SPEED_ENDS_MAX];
    uint32_t ends_len;
};

struct speed_time {
    double seconds;      // of everything
    double made_seconds; // of these, after the last prompt had been read
    uint64_t made;       // tokens made in them
};

// For prompts of up to `prompt_max` tokens; the engine is borrowed.
enum sk_code speed_open(struct speed *speed, struct engine *engine, uint32_t prompt_max);
void speed_close(struct speed *speed);
// One round. The engine has at least `batch` slots, none of them in use, with room for the tokens.
enum sk_code speed_round(struct speed *speed, const struct speed_test *test,
                         struct speed_time *time);
