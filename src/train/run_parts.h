// Parts of a run: its state, evaluation and checkpoints (run_state.c), its group (run_group.c).
#pragma once
#include "train/run.h"
#include "train/schedule.h"

struct run {
    struct run_options options;
    struct learner learner;
    struct net_room *room;
    struct snapshot state; // between two steps
    struct schedule schedule;
    struct arena arena;
    uint32_t warm_up;     // steps
    uint32_t rows, len;   // of a step
    uint32_t own, batch;  // of these rows: this rank's, at once
    uint64_t steps, most; // 0: the hours decide; what the data has
    int32_t *ids, *targets;
    uint32_t *segments;
    double pace; // seconds of a step
    uint64_t saved; // step of the newest checkpoint
};

struct data_row run_row(const struct run *run, uint32_t at);
struct net_batch run_batch(const struct run *run, uint32_t from, uint32_t rows);
enum sk_code run_tell(struct run *run, struct run_event *event);

// Alone: rank 0 of 1, and a sum is what it was.
struct run_group run_group(const struct run *run);
enum sk_code run_sum(const struct run *run, double *at, uint32_t len);
// Gradients are summed over the group as the next batch gives them, layer by layer, until the end.
void run_sum_begin(struct run *run);
enum sk_code run_sum_end(struct run *run);

// The loss of validation, if anything was held back.
enum sk_code run_evaluate(struct run *run);
enum sk_code run_save(struct run *run);
// From the newest checkpoint, if there is one.
enum sk_code run_resume(struct run *run);
