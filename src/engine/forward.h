// Forward: token ids through the network to logits.
//
// Up to KERNEL_COLUMNS_MAX positions of one sequence at a time, with a cache of keys and values in
// F16. Promises: the logits of a position are the same bits however its prompt was cut into runs,
// and for any number of threads: threads share out output rows, heads and positions, and every sum
// is one thread's (I9).
#pragma once
#include <stdint.h>

#include "engine/kernels.h"
#include "engine/lay.h"
#include "engine/model.h"
#include "engine/pool.h"

struct forward {
    const struct model *model;
    const struct kernels *kernels;
    struct pool *pool;
    uint32_t context;
    size_t head_stride; // floats or halves of one head, padded
    // Scratch; rows of KERNEL_COLUMNS_MAX positions, each padded.
    float *state, *normed, *query, *key, *value, *turned, *mixed, *gate, *up;
    float *cosines, *sines; // rope_dims / 2 for each position
    float *scores;          // context for each thread
};

// Keys and values of one sequence: [layer][head_kv][position][head_stride].
struct cache {
    uint16_t *keys, *values;
};

// Sets sizes and takes the scratch; model, kernels and pool are to be set by the caller.
void forward_lay(struct forward *forward, struct lay *lay, uint32_t threads);
struct cache cache_lay(const struct forward *forward, struct lay *lay);

// Runs ids[0 .. count) at positions `position` .. and fills the cache. With `logits` (vocabulary
// floats, padded) also those of the last one.
void forward_run(struct forward *forward, const struct cache *cache, const int32_t *ids,
                 uint32_t count, uint32_t position, float *logits);
