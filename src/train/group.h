// Group: processes that take each step of one run together, each with a share of its rows
// (data-parallel): what a run needs of them, whatever carries it (src/ring).
//
// All ranks call the same functions in the same order with the same lengths. Promises: what comes
// out of a sum is the same on all ranks, bit for bit.
#pragma once
#include <stdint.h>

#include "base/hash.h"

struct run_group {
    uint32_t rank, ranks;
    void *self;
    // Each number becomes its sum over all ranks; waits for them. Nothing begun is under way.
    enum sk_code (*sum)(void *self, double *at, uint32_t len);
    // Begins the same for floats, which are left alone until `finish`, and returns at once.
    void (*begin)(void *self, float *at, uint64_t floats);
    // Waits for all that was begun. SK_GONE: a rank has left.
    enum sk_code (*finish)(void *self);
};

// The digest becomes that of rank 0. All ranks wait for it.
enum sk_code group_first(const struct run_group *group, uint8_t digest[HASH_LEN]);
