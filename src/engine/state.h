// State: what an open engine holds. Inside the engine only.
#pragma once
#include "engine/chat.h"
#include "engine/engine.h"
#include "engine/forward.h"
#include "engine/sample.h"
#include "engine/spout.h"
#include "engine/tokenize.h"

enum { ENGINE_SLOTS_MAX = 64 };

// One generation: ids[0 .. done) are in the cache, [done .. len) are known and not run yet.
struct slot {
    bool running;
    struct sampler sampler;
    struct spout spout;
    int32_t *ids;    // `context` of them
    uint32_t *pages; // of its keys and values
    uint32_t prompt, len, done, len_max;
};

struct engine {
    struct model model;
    struct vocab vocab;
    struct chat chat;
    struct tokenizer tokenizer;
    struct forward forward;
    struct pool pool;
    const struct kernels *kernels;
    struct slot *slots;
    struct buf run; // text of a prompt
    char *run_bytes;
    float *logits; // padded vocabulary
    struct choice choice;
    uint32_t slots_len, context;
    uint64_t file_bytes, state_bytes;
    void *state; // the one block
};
