#include "ring/ring.h"

#include <mpi.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SPANS_MAX = 256,    // begun and not finished: one for each layer and two
    SUM_MAX = 16,       // numbers of one sum
    PART_MAX = 1 << 18, // floats of a part that travel at once: 1 MiB
    LOOKS = 64,         // for what is to come, before sleeping
    SLEEP_NS = 20000,
};

struct span {
    float *at;
    uint64_t floats;
};

struct ring {
    MPI_Comm ranks;
    struct run_group group;
    struct world world;
    double *sums; // [ranks][SUM_MAX]
    float *come;  // [2][PART_MAX]
    pthread_t thread;
    bool thread_runs;
    pthread_mutex_t lock; // of all below
    pthread_cond_t changed;
    struct span span[SPANS_MAX];
    uint32_t begun, done;
    bool ends;
    enum sk_code code; // the thread's first failure, and its text
    char text[256];
    struct ring_use use;
};

// ---- messages ----

static enum sk_code checked(int error) {
    char text[MPI_MAX_ERROR_STRING];
    int len;
    if (error == MPI_SUCCESS) return SK_OK;
    if (MPI_Error_string(error, text, &len) != MPI_SUCCESS) snprintf(text, sizeof text, "?");
    return FAIL(SK_GONE, "the other ranks cannot be reached: %s", text);
}

// MPI's own waits would keep a core busy.
static enum sk_code all_wait(MPI_Request *requests, int len) {
    const struct timespec nap = {.tv_nsec = SLEEP_NS};
    for (int looks = 0;; looks++) {
        int there = 0;
        TRY(checked(MPI_Testall(len, requests, &there, MPI_STATUSES_IGNORE)));
        if (there) return SK_OK;
        if (looks < LOOKS) sched_yield();
        else nanosleep(&nap, NULL);
    }
}

static enum sk_code ring_sum(void *self, double *at, uint32_t len) {
    struct ring *ring = self;
    must(len <= SUM_MAX && ring->begun == ring->done);
    MPI_Request request;
    int n = (int)len;
    TRY(checked(MPI_Iallgather(at, n, MPI_DOUBLE, ring->sums, n, MPI_DOUBLE, ring->ranks,
                               &request)));
    TRY(all_wait(&request, 1));
    for (uint32_t i = 0; i < len; i++) {
        at[i] = 0;
        for (uint32_t rank = 0; rank < ring->group.ranks; rank++)
            at[i] += ring->sums[rank * len + i];
    }
    return SK_OK;
}

// ---- the ring ----

// Part `n` of a span, counted round.
static struct span part_of(const struct ring *ring, const struct span *span, uint32_t n) {
    uint64_t ranks = ring->group.ranks, at = n % ranks;
    uint64_t from = span->floats * at / ranks, to = span->floats * (at + 1) / ranks;
    return (struct span){span->at + from, to - from};
}

// The n-th piece of a part that travels at once; of no floats when there are no more.
static struct span piece_of(const struct span *part, uint64_t n) {
    uint64_t from = n * PART_MAX < part->floats ? n * PART_MAX : part->floats;
    uint64_t left = part->floats - from;
    return (struct span){part->at + from, left < PART_MAX ? left : PART_MAX};
}

static enum sk_code piece_begin(const struct ring *ring, const struct span *out, float *in,
                                uint64_t in_floats, MPI_Request requests[2]) {
    int ranks = (int)ring->group.ranks, rank = (int)ring->group.rank;
    TRY(checked(MPI_Irecv(in, (int)in_floats, MPI_FLOAT, (rank + ranks - 1) % ranks, 0,
                          ring->ranks, &requests[0])));
    return checked(MPI_Isend(out->at, (int)out->floats, MPI_FLOAT, (rank + 1) % ranks, 0,
                             ring->ranks, &requests[1]));
}

// Sends a part to the next rank while that of the one before comes in: added to what is here, or in
// its place. The piece after is on its way while one is added.
static enum sk_code part_pass(const struct ring *ring, const struct span *out,
                              const struct span *in, uint64_t pieces, bool add) {
    MPI_Request requests[2][2];
    for (uint64_t n = 0; n <= pieces; n++) {
        struct span to = piece_of(out, n), from = piece_of(in, n);
        float *come = add ? ring->come + n % 2 * PART_MAX : from.at;
        if (n < pieces) TRY(piece_begin(ring, &to, come, from.floats, requests[n % 2]));
        if (n == 0) continue;
        TRY(all_wait(requests[(n - 1) % 2], 2));
        from = piece_of(in, n - 1);
        come = ring->come + (n - 1) % 2 * PART_MAX;
        for (uint64_t i = 0; add && i < from.floats; i++) from.at[i] += come[i];
    }
    return SK_OK;
}

static enum sk_code span_carry(const struct ring *ring, const struct span *span) {
    uint32_t ranks = ring->group.ranks, rank = ring->group.rank;
    uint64_t pieces = span->floats / ranks / PART_MAX + 1; // of the longest part
    for (uint32_t round = 0; round < 2 * (ranks - 1); round++) {
        bool add = round < ranks - 1;
        uint32_t last = rank + 2 * ranks - round; // what came in the round before; at first its own
        struct span out = part_of(ring, span, last), in = part_of(ring, span, last - 1);
        TRY(part_pass(ring, &out, &in, pieces, add));
    }
    return SK_OK;
}

static double now_s(const struct ring *ring) {
    return (double)ring->world.monotonic_us(ring->world.self) * 1e-6;
}

static void *thread_main(void *self) {
    struct ring *ring = self;
    pthread_mutex_lock(&ring->lock);
    for (;;) {
        while (ring->done == ring->begun && !ring->ends)
            pthread_cond_wait(&ring->changed, &ring->lock);
        if (ring->done == ring->begun) break;
        struct span span = ring->span[ring->done % SPANS_MAX];
        bool goes_on = ring->code == SK_OK;
        pthread_mutex_unlock(&ring->lock);
        double began = now_s(ring);
        enum sk_code code = goes_on ? span_carry(ring, &span) : SK_OK;
        double took = now_s(ring) - began;
        pthread_mutex_lock(&ring->lock);
        if (code != SK_OK) {
            ring->code = code;
            snprintf(ring->text, sizeof ring->text, "%s", fail_text());
        }
        ring->use.carried_s += took;
        ring->use.bytes += span.floats * sizeof(float);
        ring->done++;
        pthread_cond_broadcast(&ring->changed);
    }
    pthread_mutex_unlock(&ring->lock);
    return NULL;
}

static void ring_begin(void *self, float *at, uint64_t floats) {
    struct ring *ring = self;
    pthread_mutex_lock(&ring->lock);
    must(ring->begun - ring->done < SPANS_MAX);
    ring->span[ring->begun++ % SPANS_MAX] = (struct span){at, floats};
    pthread_cond_broadcast(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
}

static enum sk_code ring_finish(void *self) {
    struct ring *ring = self;
    double began = now_s(ring);
    pthread_mutex_lock(&ring->lock);
    while (ring->done != ring->begun) pthread_cond_wait(&ring->changed, &ring->lock);
    ring->use.waited_s += now_s(ring) - began;
    enum sk_code code = ring->code;
    pthread_mutex_unlock(&ring->lock);
    return code == SK_OK ? SK_OK : FAIL(code, "%s", ring->text);
}

// ---- open and close ----

static enum sk_code thread_open(struct ring *ring) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); // signals are the main thread's
    int error = pthread_create(&ring->thread, NULL, thread_main, ring);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ring->thread_runs = error == 0;
    return error ? FAIL(SK_LIMIT, "cannot start a thread: %s", strerror(error)) : SK_OK;
}

static enum sk_code ranks_join(struct ring *ring) {
    int given, rank, ranks;
    TRY(checked(MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &given)));
    if (given < MPI_THREAD_SERIALIZED)
        return FAIL(SK_UNSUPPORTED, "this MPI is not made for threads (MPI_THREAD_SERIALIZED)");
    TRY(checked(MPI_Comm_dup(MPI_COMM_WORLD, &ring->ranks)));
    TRY(checked(MPI_Comm_set_errhandler(ring->ranks, MPI_ERRORS_RETURN)));
    TRY(checked(MPI_Comm_rank(ring->ranks, &rank)));
    TRY(checked(MPI_Comm_size(ring->ranks, &ranks)));
    ring->group = (struct run_group){(uint32_t)rank, (uint32_t)ranks, ring,
                                     ring_sum, ring_begin, ring_finish};
    ring->sums = calloc((size_t)ranks, SUM_MAX * sizeof *ring->sums);
    ring->come = calloc(2 * PART_MAX, sizeof *ring->come);
    return ring->sums && ring->come ? thread_open(ring) : FAIL(SK_LIMIT, "memory: none left");
}

enum sk_code ring_open(struct ring **out) {
    struct ring *ring = *out = calloc(1, sizeof *ring);
    if (!ring) return FAIL(SK_LIMIT, "memory: none left");
    ring->world = world_real(-1);
    must(pthread_mutex_init(&ring->lock, NULL) == 0);
    must(pthread_cond_init(&ring->changed, NULL) == 0);
    return ranks_join(ring);
}

void ring_close(struct ring *ring) {
    if (!ring) return;
    pthread_mutex_lock(&ring->lock);
    ring->ends = true;
    pthread_cond_broadcast(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
    if (ring->thread_runs) pthread_join(ring->thread, NULL);
    MPI_Finalize();
    pthread_mutex_destroy(&ring->lock);
    pthread_cond_destroy(&ring->changed);
    free(ring->sums);
    free(ring->come);
    free(ring);
}

void ring_abort(void) {
    MPI_Abort(MPI_COMM_WORLD, 1);
    abort();
}

const struct run_group *ring_group(const struct ring *ring) { return &ring->group; }
struct ring_use ring_use(const struct ring *ring) { return ring->use; }
