// Two ranks (mpirun -n 2, one thread each): the ring beside MPI_Allreduce over 48 MB; and steps of
// the 12 M llama whose gradients are summed beside the backward pass, after it, or not at all.
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "engine/pages.h"
#include "peak.h"
#include "ring/ring.h"

enum { FLOATS = 12 << 20, ROUNDS = 9, STEPS = 5, RANKS_MAX = 2, ROWS = 4, LEN = 256 };

static const struct net_shape shape = {.layers = 8, .width = 320, .heads = 8, .heads_kv = 4,
                                       .head_len = 40, .ff = 864, .vocabulary = 8192,
                                       .rope_base = 10000, .epsilon = 1e-5f, .tied = true};

struct bench {
    struct ring *ring;
    const struct run_group *group;
    struct net net;
    struct net_room *room;
    struct net_batch batch;
    struct net_tensors tensors;
    float *gradients;
};

static void good(enum sk_code code) {
    if (code == SK_OK) return;
    fprintf(stderr, "bench: %s\n", fail_text());
    ring_abort();
}

static void together(const struct run_group *group) {
    double none = 0;
    good(group->sum(group->self, &none, 1));
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static double middle(double *values, size_t len) {
    qsort(values, len, sizeof *values, compare);
    return values[len / 2];
}

// ---- sums alone ----

static double sum_once(const struct bench *b, float *at, bool ours) {
    for (size_t i = 0; i < FLOATS; i++) at[i] = (float)(i % 1000) * 1e-3f;
    together(b->group);
    struct peak_time began = peak_now();
    if (ours) {
        b->group->begin(b->group->self, at, FLOATS);
        good(b->group->finish(b->group->self));
    } else {
        MPI_Allreduce(MPI_IN_PLACE, at, FLOATS, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    }
    together(b->group);
    double took = peak_since(began).wall;
    for (size_t i = 0; i < FLOATS; i += 997)
        must(at[i] == (float)b->group->ranks * ((float)(i % 1000) * 1e-3f));
    return took;
}

static void sums(const struct bench *b) {
    double ring[ROUNDS], theirs[ROUNDS], mb = (double)FLOATS * sizeof(float) / 1e6;
    float *at = pages_take(FLOATS * sizeof *at);
    must(at);
    for (int i = 0; i < ROUNDS; i++) {
        theirs[i] = sum_once(b, at, false);
        ring[i] = sum_once(b, at, true);
    }
    pages_give(at, FLOATS * sizeof *at);
    double r = middle(ring, ROUNDS), t = middle(theirs, ROUNDS);
    if (b->group->rank) return;
    printf("RESULT train_mpi_ring %.2f GB/s goal - %.0f MB in %.0f ms (least %.0f)\n", mb / 1e3 / r,
           mb, r * 1e3, ring[0] * 1e3);
    printf("RESULT train_mpi_allreduce %.2f GB/s goal - %.0f ms (least %.0f): MPI's own, the same bytes\n",
           mb / 1e3 / t, t * 1e3, theirs[0] * 1e3);
}

// ---- sums beside a step ----

static void layer_done(void *self, uint32_t layer) {
    const struct bench *b = self;
    uint32_t first = layer == UINT32_MAX ? 0 : 1 + 9 * layer; // the order of net_list
    uint32_t end = layer == UINT32_MAX ? 1 : first + 9;
    if (end > b->tensors.len) end = b->tensors.len;
    uint64_t from = b->tensors.tensor[first].at;
    uint64_t to = end < b->tensors.len ? b->tensors.tensor[end].at : b->tensors.floats;
    b->group->begin(b->group->self, b->gradients + from, to - from);
}

static void net_make(struct bench *b) {
    uint64_t state = 1 + b->group->rank, bytes;
    b->tensors = (struct net_tensors){.max = NET_TENSORS_MAX};
    b->tensors.tensor = calloc(NET_TENSORS_MAX, sizeof *b->tensors.tensor);
    must(b->tensors.tensor);
    net_list(&shape, &b->tensors);
    bytes = b->tensors.floats * sizeof(float);
    float *parameters = pages_take(bytes);
    b->gradients = pages_take(bytes);
    int32_t *ids = malloc((ROWS * LEN + 1) * sizeof *ids);
    uint32_t *segments = calloc(ROWS * LEN, sizeof *segments);
    must(parameters && b->gradients && ids && segments);
    net_draw(&shape, 1, parameters);
    net_over(&shape, parameters, b->gradients, &b->net);
    for (int i = 0; i <= ROWS * LEN; i++)
        ids[i] = (int32_t)((chance_next(&state) >> 32) % shape.vocabulary);
    b->batch = (struct net_batch){ids, ids + 1, segments, ROWS, LEN};
    good(net_room_open(&b->room, &b->net,
                       &(struct net_options){1, ROWS * LEN, LEN, false, false}));
}

enum how { NONE, BESIDE, AFTER, HOWS };

// What the last rank to finish its pass waits: what the sum adds to the step. *wall: of all of it.
static double step_once(struct bench *b, enum how how, double *wall) {
    double waited[RANKS_MAX] = {0}, before = ring_use(b->ring).waited_s;
    memset(b->gradients, 0, b->tensors.floats * sizeof *b->gradients);
    net_room_watch(b->room, how == BESIDE ? layer_done : NULL, b);
    together(b->group);
    struct peak_time began = peak_now();
    net_run(b->room, &b->net, &(struct net_step){.batch = &b->batch, .scale = 1e-3f});
    if (how == AFTER) b->group->begin(b->group->self, b->gradients, b->tensors.floats);
    good(b->group->finish(b->group->self));
    together(b->group);
    *wall = peak_since(began).wall;
    waited[b->group->rank] = ring_use(b->ring).waited_s - before;
    good(b->group->sum(b->group->self, waited, b->group->ranks));
    double least = waited[0];
    for (uint32_t i = 1; i < b->group->ranks; i++) least = waited[i] < least ? waited[i] : least;
    return least;
}

static void steps(struct bench *b) {
    double wall[HOWS][STEPS], waited[HOWS][STEPS];
    net_make(b);
    for (int i = 0; i < STEPS; i++)
        for (enum how how = NONE; how < HOWS; how++)
            waited[how][i] = step_once(b, how, &wall[how][i]);
    double beside = middle(waited[BESIDE], STEPS), after = middle(waited[AFTER], STEPS);
    if (b->group->rank) return;
    printf("RESULT train_mpi_hidden %.0f %% goal - of the sum: %.1f ms of it after the pass, %.1f "
           "where all is begun then\n",
           100 * (1 - beside / after), beside * 1e3, after * 1e3);
    printf("RESULT train_mpi_step %.0f ms goal - %d x %d tokens a rank; without sums %.0f, with sums "
           "after the pass %.0f\n",
           middle(wall[BESIDE], STEPS) * 1e3, ROWS, LEN, middle(wall[NONE], STEPS) * 1e3,
           middle(wall[AFTER], STEPS) * 1e3);
}

int main(void) {
    struct bench b = {0};
    good(ring_open(&b.ring));
    b.group = ring_group(b.ring);
    must(b.group->ranks <= RANKS_MAX);
    sums(&b);
    steps(&b);
    ring_close(b.ring);
    return 0;
}
