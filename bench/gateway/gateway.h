// The parts of bench/gateway.c: a mock of a model server, and a client that asks many at once.
//
// Both are single-threaded processes over epoll, so that they cost little of the machine that they
// measure. Only bench/gateway.c prints.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "../node.h"

enum { UPSTREAM_MS = 20, PACE_MS = 10, PACED_PIECES = 150, SAMPLES_MAX = 1 << 16 };

struct samples {
    double values[SAMPLES_MAX];
    size_t len;
};
void samples_add(struct samples *samples, double value);
double samples_at(struct samples *samples, double quantile); // sorts them

// Serves on `listener` for ever. A model called "paced" sends a piece each PACE_MS; any other sends
// its whole answer, UPSTREAM_MS after the last byte of the request.
_Noreturn void mock_run(int listener);

// Where requests go, and what one is.
struct road {
    const char *name;
    int port;
    bool seals;    // stands for a ledger: two writes with their fdatasync around each request
    char *request; // head and body
    size_t request_len;
};
struct load {
    struct samples latency; // microseconds, of answers that were whole
    size_t failed;
    char failure[256]; // how the last that was not ended
    double per_second;
};
// Keeps `at_once` requests under way, each on a connection that serves again, until `ms` are over,
// then waits for the last of them.
void load_run(const struct road *road, int at_once, int ms, struct load *out);
// Gaps between the pieces of `at_once` paced answers, in microseconds, into `out`.
void load_paced(const struct road *road, int at_once, struct samples *out);
// Asks again and again until it is killed.
_Noreturn void load_forever(const struct road *road);

// Sealing as a ledger does, in a process of its own: what arrives together is one write at the end
// of a file, and one fdatasync.
int sync_start(const char *path, pid_t *pid); // the socket to talk to it
struct sync_ask {
    int slot;
    double asked_us;
};
struct sync_told {
    int slot;
    double took_us;  // what the disk cost this one: its own sync, and waiting for the one before
    double alone_us; // fdatasync alone
};
extern int sync_socket;
extern struct samples sync_samples;
