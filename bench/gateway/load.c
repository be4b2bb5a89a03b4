// A client of many requests at once, over the road that is measured.
#include "gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS_MAX = 64, ANSWER_MAX = 1 << 16, EVENTS_MAX = 64, SYNCS_MAX = 256 };
// What the ledger writes for an open leaf and for a close leaf with their frames, in the mean.
enum { SYNC_LEN = 1100 };

static const char done_mark[] = "data: [DONE]", last_chunk[] = "\r\n0\r\n\r\n";

int sync_socket = -1;
struct samples sync_samples;

// Where a request stands: sealed before, under way, sealed after.
enum stage { IDLE, SEALING, ASKING, CONCLUDING };

struct slot {
    enum stage stage;
    int fd; // -1: none
    double began_us, sync_us, answered_us;
    char in[ANSWER_MAX];
    size_t len;
};

static struct {
    const struct road *road;
    int epoll;
    double until_us;
    int running;
    struct slot slots[SLOTS_MAX];
    struct load *out;
} load;

// ---- the ledger's part ----
static _Noreturn void sync_run(int file, int socket) {
    static struct sync_ask asks[SYNCS_MAX];
    static char bytes[SYNCS_MAX * SYNC_LEN];
    double last_us = 0;
    for (;;) {
        size_t count = 0;
        ssize_t n = recv(socket, &asks[count], sizeof *asks, 0);
        if (n != sizeof *asks) _exit(0);
        do
            count++;
        while (count < SYNCS_MAX &&
               recv(socket, &asks[count], sizeof *asks, MSG_DONTWAIT) == sizeof *asks);
        double began = now_us();
        if (write(file, bytes, count * SYNC_LEN) < 0) give_up("write");
        double written = now_us();
        if (fdatasync(file) != 0) give_up("fdatasync");
        double ended = now_us();
        for (size_t i = 0; i < count; i++) {
            double from = asks[i].asked_us < last_us ? asks[i].asked_us : began;
            struct sync_told told = {asks[i].slot, ended - from, ended - written};
            if (send(socket, &told, sizeof told, 0) < 0) _exit(0);
        }
        last_us = ended;
    }
}

int sync_start(const char *path, pid_t *pid) {
    int ends[2], file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        give_up("sync file");
    *pid = fork();
    if (*pid == 0) {
        close(ends[0]);
        sync_run(file, ends[1]);
    }
    close(ends[1]);
    close(file);
    return ends[0];
}

static void sync_ask(struct slot *slot, enum stage stage) {
    struct sync_ask ask = {(int)(slot - load.slots), now_us()};
    slot->stage = stage;
    if (send(sync_socket, &ask, sizeof ask, 0) < 0) give_up("the process that syncs is gone");
}

// ---- one request ----
static bool ended(const char *in, size_t len) {
    size_t tail = sizeof last_chunk - 1;
    return len >= tail && memcmp(in + len - tail, last_chunk, tail) == 0;
}

static void slot_close(struct slot *slot) {
    if (slot->fd >= 0) close(slot->fd);
    slot->fd = -1;
}

static void slot_send(struct slot *slot) {
    const struct road *road = load.road;
    slot->stage = ASKING;
    slot->len = 0;
    slot->began_us = now_us();
    if (slot->fd < 0) {
        slot->fd = dial_loopback(road->port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = slot};
        if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, slot->fd, &event) != 0) give_up("epoll");
    }
    ssize_t n = send(slot->fd, road->request, road->request_len, MSG_NOSIGNAL);
    if (n != (ssize_t)road->request_len) give_up("a request did not leave");
}

static void slot_begin(struct slot *slot) {
    if (now_us() >= load.until_us) {
        slot->stage = IDLE;
        return;
    }
    load.running++;
    slot->sync_us = 0;
    if (load.road->seals)
        sync_ask(slot, SEALING);
    else
        slot_send(slot);
}

static void slot_end(struct slot *slot, bool whole) {
    load.running--;
    if (whole) {
        samples_add(&load.out->latency, slot->answered_us - slot->began_us + slot->sync_us);
    } else {
        load.out->failed++;
        size_t max = sizeof load.out->failure - 1, from = slot->len > max ? slot->len - max : 0;
        snprintf(load.out->failure, max + 1, "%.*s", (int)(slot->len - from), slot->in + from);
    }
    if (!whole) slot_close(slot);
    slot_begin(slot);
}

static void slot_read(struct slot *slot) {
    ssize_t n = recv(slot->fd, slot->in + slot->len, sizeof slot->in - slot->len, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n > 0) slot->len += (size_t)n;
    bool good = slot->len > 12 && memcmp(slot->in, "HTTP/1.1 200", 12) == 0;
    bool marked = good && memmem(slot->in, slot->len, done_mark, sizeof done_mark - 1);
    if (marked && slot->answered_us < slot->began_us) slot->answered_us = now_us();
    if (n <= 0) {
        slot_end(slot, false);
        return;
    }
    if (!marked || !ended(slot->in, slot->len)) return;
    if (load.road->seals)
        sync_ask(slot, CONCLUDING);
    else
        slot_end(slot, true);
}

static void sync_read(void) {
    struct sync_told told;
    while (recv(sync_socket, &told, sizeof told, MSG_DONTWAIT) == sizeof told) {
        struct slot *slot = &load.slots[told.slot];
        slot->sync_us += told.took_us;
        samples_add(&sync_samples, told.alone_us);
        if (slot->stage == SEALING)
            slot_send(slot);
        else
            slot_end(slot, true);
    }
}

// ---- many ----
static void load_open(const struct road *road, struct load *out) {
    load.road = road;
    load.out = out;
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (road->seals && epoll_ctl(load.epoll, EPOLL_CTL_ADD, sync_socket, &event) != 0)
        give_up("epoll");
    for (int i = 0; i < SLOTS_MAX; i++)
        load.slots[i].fd = -1;
}

static void load_turn(void) {
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(load.epoll, events, EVENTS_MAX, 10000);
    if (count == 0) give_up("nothing happened for ten seconds");
    for (int i = 0; i < count; i++) {
        struct slot *slot = events[i].data.ptr;
        if (!slot)
            sync_read();
        else if (slot->fd >= 0)
            slot_read(slot);
    }
}

void load_run(const struct road *road, int at_once, int ms, struct load *out) {
    load_open(road, out);
    out->failed = out->latency.len = 0;
    double began = now_us();
    load.until_us = began + ms * 1e3;
    for (int i = 0; i < at_once; i++)
        slot_begin(&load.slots[i]);
    while (load.running > 0)
        load_turn();
    out->per_second = (double)out->latency.len / ((now_us() - began) / 1e6);
    for (int i = 0; i < at_once; i++)
        slot_close(&load.slots[i]);
    close(load.epoll);
}

// ---- pieces ----
static void paced_read(struct slot *slot, struct samples *out) {
    ssize_t n = recv(slot->fd, slot->in, sizeof slot->in, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    bool over = n <= 0 || memmem(slot->in, (size_t)n, done_mark, sizeof done_mark - 1);
    double now = now_us();
    if (!over && !memmem(slot->in, (size_t)n, "\"content\":\"\xe3", 12)) return;
    if (!over && slot->answered_us > 0) samples_add(out, now - slot->answered_us);
    slot->answered_us = now;
    if (!over) return;
    load.running--;
    slot_close(slot);
}

void load_paced(const struct road *road, int at_once, struct samples *out) {
    load_open(road, NULL);
    load.running = at_once;
    for (int i = 0; i < at_once; i++) {
        load.slots[i].answered_us = 0;
        slot_send(&load.slots[i]);
        usleep(PACE_MS * 1000 / 8); // not all in step
    }
    while (load.running > 0) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(load.epoll, events, EVENTS_MAX, 10000);
        if (count == 0) give_up("no piece for ten seconds");
        for (int i = 0; i < count; i++) {
            struct slot *slot = events[i].data.ptr;
            if (slot->fd >= 0) paced_read(slot, out);
        }
    }
    close(load.epoll);
}

void load_forever(const struct road *road) {
    static char in[ANSWER_MAX];
    int fd = dial_loopback(road->port);
    for (;;) {
        size_t len = 0;
        for (size_t at = 0; at < road->request_len;) {
            ssize_t n = send(fd, road->request + at, road->request_len - at, MSG_NOSIGNAL);
            if (n <= 0) give_up("the long request did not leave");
            at += (size_t)n;
        }
        ssize_t n;
        while (!ended(in, len) && (n = recv(fd, in + len, sizeof in - len, 0)) > 0)
            len += (size_t)n;
        if (!memmem(in, len, done_mark, sizeof done_mark - 1)) {
            fprintf(stderr, "%.*s\n", (int)len, in);
            give_up("the long request was not answered");
        }
    }
}
