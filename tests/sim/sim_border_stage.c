#include "sim_border.h"

#include "base/log.h"
#include "base/world.h"
#include "chance.h"
#include "node/sealed.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SENT_MAX = 4096 };
struct stage stage;

static struct room_self *room;
static struct room_calls calls;
static struct sent queue[SENT_MAX];
static size_t queue_first, queue_len;
static bool dropped[ROOM_COUNT];
static const char *first_policy;

int border_main(void); // main() of room_border.c

uint64_t stage_chance(uint64_t below) {
    return chance_next(&stage.chance) % below;
}

void stage_broken(const char *what) {
    printf("seed %llu, %s: %s (%s)\n", (unsigned long long)stage.seed, stage.at, what, fail_text());
    exit(1);
}

// ---- the machine ----

static int64_t sim_clock(void *self) {
    (void)self;
    return stage.clock_ms;
}

static int64_t sim_monotonic(void *self) {
    (void)self;
    return stage.clock_ms * 1000;
}

static enum sk_code sim_random(void *self, void *out, size_t len) {
    (void)self;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)stage_chance(256);
    return SK_OK;
}

struct world world_real(int directory) {
    (void)directory;
    return (struct world){
        .clock_ms = sim_clock, .monotonic_us = sim_monotonic, .random = sim_random};
}

int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags) {
    return stage.memory_fails ? -1 : __real_memfd_create(name, flags);
}

void log_line(enum log_level level, const char *event, const char *format, ...) {
    (void)level, (void)event, (void)format;
}

// ---- the room's skeleton ----

void room_begin(struct room_self *self, enum room which, struct room_calls given, void *state) {
    *self = (struct room_self){.room = which, .calls = given, .state = state};
    room = self;
    calls = given;
    struct msg setup = {.type = MSG_border_setup, .descriptor = -1};
    struct msg model = {.type = MSG_border_model, .descriptor = -1};
    struct msg keys = {.type = MSG_border_keys, .descriptor = -1, .as.border_keys.keyless = 1};
    struct msg keep = {.type = MSG_border_keep, .descriptor = -1};
    keep.as.border_keep = (struct msg_border_keep){.seconds = 60, .bytes = 1 << 20};
    model.as.border_model = (struct msg_border_model){.id = VIEW("here"), .jobs_max = 2};
    setup.as.border_setup =
        (struct msg_border_setup){.origin = VIEW("sim.example"), .queue_max = 60};
    stage_send(ROOM_PARENT, &keys);
    stage_send(ROOM_PARENT, &keep);
    stage_send(ROOM_PARENT, &model);
    stage_policy(first_policy);
    stage_send(ROOM_PARENT, &setup);
    self->setup = true;
}

void room_ready(struct room_self *self) {
    (void)self;
}
int room_run(struct room_self *self) {
    return self->done;
}
void room_stopped(struct room_self *self) {
    self->done = true;
}
void room_drop(struct room_self *self, enum room peer, const char *why) {
    (void)self;
    (void)why;
    dropped[peer] = true;
}
void room_fail(struct room_self *self, enum sk_code code) {
    (void)self;
    (void)code;
    stage_broken("the border gave up");
}

bool room_send(struct room_self *self, enum room to, const struct msg *msg) {
    if (dropped[to]) return false;
    struct sent *sent = &queue[(queue_first + queue_len) % SENT_MAX];
    if (queue_len++ == SENT_MAX) stage_broken("too many messages wait");
    struct border_state *border = self->state;
    const struct ask *ask = ask_of_job(border, msg->id);
    *sent = (struct sent){.to = to, .bytes = malloc(MSG_MAX), .level = border->level_now};
    sent->newest = ask && ask->decision.rules == border->now && border->fresh < 0;
    struct buf out = buf_over(sent->bytes, MSG_MAX);
    struct msg_edge edge = {ROOM_BORDER, to, LINK_LIVE};
    if (!sent->bytes || msg_put(msg, &out) != SK_OK ||
        msg_take(buf_view(&out), edge, msg->descriptor >= 0, &sent->msg) != SK_OK)
        stage_broken("a message that the link refuses");
    sent->msg.descriptor = msg->descriptor >= 0 ? dup(msg->descriptor) : -1;
    return true;
}

// ---- the stage ----

void stage_open(const char *policy) {
    first_policy = policy;
    border_main();
    struct msg recalled = {.type = MSG_recalled, .descriptor = -1};
    stage_send(ROOM_LEDGER, &recalled);
    stage_level(CAGE_WALLED);
}

void stage_level(enum cage_level level) {
    struct msg msg = {.type = MSG_border_level, .descriptor = -1};
    msg.as.border_level.level = (uint8_t)level;
    stage_send(ROOM_PARENT, &msg);
}

struct border_state *stage_border(void) {
    return room->state;
}

bool stage_take(enum room to, struct sent *out) {
    for (size_t i = 0; i < queue_len; i++) {
        struct sent *sent = &queue[(queue_first + i) % SENT_MAX];
        if (to != ROOM_COUNT && sent->to != to) continue;
        *out = *sent;
        for (; i > 0; i--)
            queue[(queue_first + i) % SENT_MAX] = queue[(queue_first + i - 1) % SENT_MAX];
        queue_first = (queue_first + 1) % SENT_MAX;
        queue_len--;
        return true;
    }
    return false;
}

void stage_done(struct sent *sent) {
    if (sent->msg.descriptor >= 0) close(sent->msg.descriptor);
    free(sent->bytes);
}

bool stage_dropped(enum room peer) {
    return dropped[peer];
}

void stage_send(enum room from, struct msg *msg) {
    calls.receive(room, from, msg);
    if (msg->descriptor >= 0) close(msg->descriptor);
}

void stage_lose(enum room peer) {
    struct sent sent;
    while (stage_take(peer, &sent))
        stage_done(&sent);
    dropped[peer] = false;
    calls.lost(room, peer);
}

bool stage_work(void) {
    return calls.work(room);
}

void stage_policy(const char *policy) {
    static struct arena arena;
    static struct policy made;
    static char wire[1 << 20];
    if (!arena.base && arena_open(&arena, "policy", 8 << 20) != SK_OK) stage_broken("no memory");
    arena_reset(&arena);
    struct policy_sources sources = {.policy = {view_of(policy), "sim.yaml"}};
    struct buf out = buf_over(wire, sizeof wire);
    if (policy_read(&sources, stage.clock_ms / 86400000, &arena, &made) != SK_OK ||
        policy_put(&made, &out) != SK_OK)
        stage_broken("the policy does not load");
    struct msg msg = {.type = MSG_border_policy, .descriptor = -1};
    struct view all = buf_view(&out);
    bool fails = stage.memory_fails;
    stage.memory_fails = false;
    if (sealed_make(&all, 1, &msg.descriptor) != SK_OK) stage_broken("no sealed file");
    stage.memory_fails = fails;
    msg.as.border_policy.len = (uint32_t)all.len;
    stage_send(ROOM_PARENT, &msg);
}
