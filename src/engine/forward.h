// Forward: token ids through the network to logits, or to the states an embedding is made of.
//
// Decoders run up to KERNEL_COLUMNS_MAX positions at a time, of any mix of sequences, with keys and
// values in pages. Promises: the logits of a position are the same bits however its sequence
// was cut into runs, whatever else is in the run, and for any number of threads: threads share out
// output rows, heads and positions, and every sum is one thread's (I9). Encoders, whose positions
// see what comes after them too, run one whole text, layer by layer.
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
    uint32_t context, threads;
    enum engine_cache cache;
    size_t head_stride; // floats of one head, padded
    uint16_t *pages; // [page][layer][key, value][head_kv][kernel_page_halves]
    uint64_t page_bytes; // of one, all layers
    // Scratch: rows of the positions of a run, each padded. The first line is as long as a text in
    // encoders, whose layers are run one after another.
    float *state, *turned, *angles[2]; // angles: cosines, sines; of RoPE and of its local form
    float *normed, *brought, *query, *key, *value, *mixed, *gate, *up;
    float *scores; // context for each thread
    struct kernel_codes *codes; // of the columns of a product
    float *routes, *chosen, *expert; // of mixtures
    uint32_t *own_pages;             // of encoders: 0, 1, 2 …
    uint32_t adapters[KERNEL_COLUMNS_MAX]; // of the columns of the run
    bool adapted;                          // one of them has one
    float *low;                            // struct product
};

// One token of one sequence. pages[i] holds the sequence's positions KERNEL_PAGE i ..
struct forward_column {
    int32_t id;
    uint32_t position;
    const uint32_t *pages;
    uint32_t adapter; // of the model's, from 1 on; 0: none
};

// Sets sizes and takes scratch and pages; model, kernels, pool, context and threads are to be set
// by the caller. Encoders take pages for one text, whatever `pages` says.
void forward_lay(struct forward *forward, struct lay *lay, uint32_t pages);

// Runs the columns and stores their keys and values. What lies before a column in its sequence must
// be stored already or be among them; a page that a column writes belongs to its sequence alone.
void forward_run(struct forward *forward, const struct forward_column *columns, uint32_t count);

// Logits of columns wanted[0 .. len) of the last run, kernel_pad(vocabulary) floats for each.
void forward_logits(struct forward *forward, const uint32_t *wanted, uint32_t len, float *logits);

// Runs a text of 1 to `context` tokens through an encoder. Gives the state of each position,
// kernel_pad(width) floats apart, until the next run.
const float *forward_encode(struct forward *forward, const int32_t *ids, uint32_t len);

// The score that a reranker's head makes of a state, or of the mean of all: `width` floats.
float forward_rank(struct forward *forward, const float *state);
