// Run: a recipe carried out on built data: steps, evaluations, checkpoints; and going on after an
// abrupt end.
//
// Promises: a run that was interrupted goes on from its newest whole checkpoint and gives the same
// losses and parameters, bit for bit, as one that was not, at any number of threads (a recipe of
// `hours` excepted: the clock decides there). Of a group each rank takes every so many-th row of a
// step, and all come to the same bits; they differ from those of one process only by the order in
// which floats are summed. A loss or gradient that is no number stops it at that step, before
// anything is changed. Refuses: to go on with a changed recipe, other data or another base, naming
// the field.
#pragma once
#include <signal.h>

#include "train/group.h"
#include "train/learner.h"
#include "train/snapshot.h"

enum run_kind {
    RUN_BEGINS, // at `step`: 0, or that of the checkpoint
    RUN_STEP,
    RUN_EVALUATED,
    RUN_SAVED,
};

struct run_event {
    enum run_kind kind;
    uint64_t step, steps;  // done; of the whole run, 0 where hours decide
    uint64_t tokens;       // all so far
    double loss;           // STEP: mean of the step's targets, in nats; EVALUATED: of validation
    double bits_per_byte;  // EVALUATED: of the texts held back; 0: none
    double rate, norm;     // STEP: of learning; of the gradients before clipping
    double tokens_per_s;   // STEP
    double seconds, left;  // computed so far; left, as it goes now
    bool best;             // EVALUATED
    uint64_t bytes;        // BEGINS: memory of parameters and activations
};

struct run_options {
    const struct recipe *recipe;
    const struct world *world; // the output directory, and time
    const struct data *data;
    struct net_shape shape;    // with its vocabulary
    const struct gguf *base;   // NULL: none
    uint8_t base_digest[HASH_LEN];
    uint32_t threads;
    const struct run_group *group;     // NULL: alone. Only rank 0 is told and writes
    bool fresh;                        // what a checkpoint has is not looked at
    // Looked at between two steps, of any rank; may be NULL.
    const volatile sig_atomic_t *stop;
    // Told of each event; an error ends the run.
    enum sk_code (*told)(void *self, const struct run_event *event);
    void *self;
};

struct run;
// Takes all memory, reads the checkpoint. SK_INPUT: a changed recipe.
enum sk_code run_open(struct run **run, const struct run_options *options);
// Until its last step, which *ended tells, or a stop; either way a checkpoint is written.
// SK_INPUT: a loss or norm that is no number; the checkpoint before stands.
enum sk_code run_go(struct run *run, bool *ended);
// That all ranks of the group have the same recipe, base, step and parameters: their digest.
// SK_INPUT: some have not.
enum sk_code run_alike(const struct run *run, uint8_t digest[HASH_LEN]);
const struct learner *run_learner(const struct run *run);
// What it came to: steps, tokens, seconds, best.
const struct snapshot *run_state(const struct run *run);
void run_close(struct run *run); // fine on NULL
