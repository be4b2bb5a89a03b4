// Pool: threads that share out the items of one job at a time; the caller works too.
//
// Promises: every item runs exactly once and pool_run returns after the last one; a thread that is
// late, or not scheduled at all, delays nothing but the item it holds (so a shared machine slows
// the pool down and never stalls it). Neighbouring items are one thread's as long as it keeps up,
// so that memory they read in turn is one stream. Threads spin briefly, then sleep on a futex.
// Refuses: reductions across threads. What an item computes must not depend on who runs it (I9).
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"

enum { POOL_THREADS_MAX = 64, POOL_ITEMS_MAX = (1 << 20) - 1 };

// Runs one item; `thread` < threads is the same for all items a thread runs.
typedef void pool_task(void *job, uint32_t item, uint32_t thread);

struct pool {
    // What is left of each thread's items: round (24 bits), end (20), next (20): one word, so that
    // taking an item and being in the right round are one step.
    struct pool_range {
        _Alignas(64) _Atomic uint64_t ticket;
    } range[POOL_THREADS_MAX];
    _Alignas(64) _Atomic uint32_t done;  // items of the round finished
    _Atomic uint32_t caller_sleeps;
    _Alignas(64) _Atomic uint32_t round; // what sleepers wait on
    _Atomic uint32_t sleepers;
    _Atomic bool stop;
    pool_task *task;
    void *job;
    uint32_t items;
    uint32_t threads; // the caller included
    struct pool_thread {
        struct pool *pool;
        pthread_t id;
        uint32_t index;
    } thread[POOL_THREADS_MAX];
};

// Starts threads - 1 threads, with every signal blocked.
enum sk_code pool_open(struct pool *pool, uint32_t threads);
void pool_close(struct pool *pool); // fine on a zeroed one

// Runs items 0 .. items-1 of `task`; items <= POOL_ITEMS_MAX.
void pool_run(struct pool *pool, pool_task *task, void *job, uint32_t items);
