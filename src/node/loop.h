// Loop: one epoll, one thread, callbacks. Every room and the parent run on it.
//
// Holds at most LOOP_WATCH_MAX descriptors and one timer beat. Promises: a callback may remove any
// watch, its own included; events of a removed watch are not delivered.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4, LOOP_WATCH_MAX = 4096 };
enum {
    LOOP_EDGE = 8,  // wanted too: told when it happens, not as long as it lasts
    LOOP_GONE = 16, // told with HANGUP when both directions are closed, not only the peer's
};

typedef void loop_call(void *self, int descriptor, unsigned events);

struct loop_watch {
    int descriptor;
    unsigned wants;
    loop_call *call;
    void *self;
};

struct loop {
    int epoll;
    bool stopping;
    struct loop_watch *watches; // indexed by descriptor
};

enum sk_code loop_open(struct loop *loop);
void loop_close(struct loop *loop);

// Watches `descriptor` (borrowed) for `wants`; HANGUP is always told. One watch per descriptor.
enum sk_code loop_add(struct loop *loop, struct loop_watch watch);
void loop_change(struct loop *loop, int descriptor, unsigned wants);
bool loop_watches(const struct loop *loop, int descriptor);
void loop_remove(struct loop *loop, int descriptor); // before closing it; fine when absent

// Delivers what is ready, waiting at most wait_ms (-1: as long as it takes, 0: not at all).
enum sk_code loop_turn(struct loop *loop, int wait_ms);
