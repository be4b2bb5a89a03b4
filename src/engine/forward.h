// Forward: token ids through the network to logits.
//
// Up to KERNEL_COLUMNS_MAX positions at a time, of any mix of sequences, with keys and values in
// pages of F16. Promises: the logits of a position are the same bits however its sequence was cut
// into runs, whatever else is in the run, and for any number of threads: threads share out output
// rows, heads and positions, and every sum is one thread's (I9).
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
    uint32_t context, threads; // tokens of a sequence at most; threads of the pool
    size_t head_stride; // floats or halves of one head, padded
    uint16_t *pages;    // [page][layer][key, value][head_kv][KERNEL_PAGE][head_stride]
    // Scratch; rows of KERNEL_COLUMNS_MAX positions, each padded.
    float *state, *normed, *query, *key, *value, *turned, *mixed, *gate, *up;
    float *cosines, *sines; // rope_dims / 2 for each position
    float *scores;          // context for each thread
};

// One token of one sequence. pages[i] holds the sequence's positions KERNEL_PAGE i ..
struct forward_column {
    int32_t id;
    uint32_t position;
    const uint32_t *pages;
};

// Sets sizes and takes scratch and pages; the fields up to `threads` are to be set
// by the caller.
void forward_lay(struct forward *forward, struct lay *lay, uint32_t pages);

// Runs the columns and stores their keys and values. What lies before a column in its sequence must
// be stored already or be among them; a page that a column writes belongs to its sequence alone.
void forward_run(struct forward *forward, const struct forward_column *columns, uint32_t count);

// Logits of columns wanted[0 .. len) of the last run, kernel_pad(vocabulary) floats for each.
void forward_logits(struct forward *forward, const uint32_t *wanted, uint32_t len, float *logits);
