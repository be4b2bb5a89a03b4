#include "base/log.h"
#include "base/world.h"
#include "build_id.h"
#include "node/parent_parts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BEAT_MS = 1000,
    DRAIN_MAX = 256, // messages of one room at once
    RESTART_WINDOW_S = 60, // five falls of one room within it stop the node
};

static int64_t now_us(void) {
    struct world world = world_real(-1);
    return world.monotonic_us(world.self);
}

// The first failure is the node's; the rest follows from it.
static void parent_fail(struct parent *parent, enum sk_code code) {
    if (parent->failure != SK_OK) return;
    parent->failure = code;
    snprintf(parent->failure_text, sizeof parent->failure_text, "%s", fail_text());
    parent->loop.stopping = true;
}

enum room parent_next(const struct parent *parent, enum room room) {
    do room++;
    while (room < ROOM_COUNT && !parent->wanted[room]);
    return room;
}

static const enum room drain_order[] = {ROOM_GATE,  ROOM_BORDER, ROOM_ENGINE,
                                        ROOM_FERRY, ROOM_DIAL,   ROOM_LEDGER};

// Tells the next room that still runs to drain; when there is none the node has stopped.
static void drain_next(struct parent *parent) {
    for (size_t i = 0; i < sizeof drain_order / sizeof *drain_order; i++) {
        enum room room = drain_order[i];
        if (parent->children[room].stage == CHILD_NONE) continue;
        if (parent->draining == room) return; // told already
        parent->draining = room;
        struct msg stop = {.type = MSG_stop, .descriptor = -1};
        if (parent_send(parent, room, &stop) != SK_OK) kill(parent->children[room].pid, SIGKILL);
        return;
    }
    parent->loop.stopping = true;
}

static void drain_begin(struct parent *parent) {
    if (parent->stopping++ > 0 || !parent->serving) {
        parent->loop.stopping = true;
        return;
    }
    log_line(LOG_INFO, "stopping", "drain_ms=%llu", (unsigned long long)parent->conf->drain_ms);
    parent_notify("STOPPING=1");
    parent->drain_until_us = now_us() + (int64_t)parent->conf->drain_ms * 1000;
    drain_next(parent);
}

static void announce(struct parent *parent) {
    struct msg go = {.type = MSG_go, .descriptor = -1};
    enum sk_code code = parent->serving ? parent_level_send(parent) : parent_level_raise(parent);
    if (code == SK_OK) code = parent_send(parent, ROOM_GATE, &go);
    if (code != SK_OK) {
        parent_fail(parent, code);
        return;
    }
    if (parent->serving) return;
    parent->serving = true;
    int64_t ms = (now_us() - parent->started_us) / 1000;
    log_line(LOG_INFO, "serving", "port=%u ms=%lld", parent->port, (long long)ms);
    char host[64];
    uint16_t port;
    if (!parent->options.quiet && conf_listen(parent->conf, host, &port) == SK_OK) {
        bool six = strchr(host, ':') != NULL;
        printf("serving %s on http://%s%s%s:%u/v1\n", parent->conf->models[0].id,
               six ? "[" : "", host, six ? "]" : "", parent->port);
        fflush(stdout);
    }
    parent_notify("READY=1");
}

static void ready_arrives(struct parent *parent, enum room room, const struct msg_ready *ready) {
    struct child *child = &parent->children[room];
    if (!view_is(ready->build, SEKISHO_BUILD)) {
        parent_fail(parent, FAIL(SK_DENIED, "%s is of build %.*s, not of %s: install again",
                                 room_name(room), (int)ready->build.len, ready->build.at,
                                 SEKISHO_BUILD));
        return;
    }
    child->level = (enum cage_level)ready->level;
    snprintf(child->cage, sizeof child->cage, "%.*s", (int)ready->cage.len, ready->cage.at);
    child->stage = CHILD_READY;
    child->link.state = LINK_LIVE;
    enum sk_code code = parent_level_room(parent, room);
    if (code != SK_OK) {
        parent_fail(parent, code);
        return;
    }
    EACH_ROOM(other)
        if (parent->children[other].stage != CHILD_READY) return;
    announce(parent);
}

static void message_arrives(struct parent *parent, enum room room, const struct msg *msg) {
    switch (msg->type) {
    case MSG_ready: ready_arrives(parent, room, &msg->as.ready); break;
    case MSG_stopped: parent->children[room].stage = CHILD_STOPPED; break;
    case MSG_trouble:
        // During setup its text is the answer to "why does the node not start".
        if (!parent->serving)
            parent_fail(parent, FAIL((enum sk_code)msg->as.trouble.code, "%s: %.*s",
                                     room_name(room), (int)msg->as.trouble.text.len,
                                     msg->as.trouble.text.at));
        break;
    default: break;
    }
}

static void child_receive(struct parent *parent, enum room room) {
    struct link *link = &parent->children[room].link;
    for (int i = 0; i < DRAIN_MAX; i++) { // bounded: a talker must not keep us from signals
        struct msg msg;
        enum sk_code code = link_receive(link, parent->storage, &msg);
        if (code == SK_BUSY) return;
        if (code != SK_OK) { // what follows from it is told by the pidfd
            if (code == SK_CORRUPT) kill(parent->children[room].pid, SIGKILL);
            loop_remove(&parent->loop, link->socket);
            link_close(link);
            return;
        }
        message_arrives(parent, room, &msg);
        if (msg.descriptor >= 0) close(msg.descriptor);
    }
}

static bool may_restart(struct child *child) {
    size_t count = sizeof child->restarts / sizeof *child->restarts;
    int64_t now = now_us(), oldest = child->restarts[0];
    memmove(child->restarts, child->restarts + 1, (count - 1) * sizeof *child->restarts);
    child->restarts[count - 1] = now;
    return oldest == 0 || now - oldest > (int64_t)RESTART_WINDOW_S * 1000000;
}

static enum sk_code child_restart(struct parent *parent, enum room room) {
    TRY(parent_spawn(parent, room));
    TRY(parent_send_edges(parent, room));
    return parent_send_slice(parent, room);
}

// The process is gone, or told to be: nothing of it is left. Gives its wait status.
static int child_bury(struct parent *parent, enum room room) {
    struct child *child = &parent->children[room];
    int status = 0;
    waitpid(child->pid, &status, 0);
    loop_remove(&parent->loop, child->pidfd);
    close(child->pidfd);
    loop_remove(&parent->loop, child->link.socket);
    link_close(&child->link);
    child->pidfd = -1;
    return status;
}

static void child_ended(struct parent *parent, enum room room) {
    struct child *child = &parent->children[room];
    child_receive(parent, room); // its last words
    int status = child_bury(parent, room);
    bool drained = parent->stopping && child->stage == CHILD_STOPPED;
    bool replaceable = room != ROOM_BORDER && room != ROOM_LEDGER;
    const char *how = WIFSIGNALED(status) ? "signal" : "exit";
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    child->stage = CHILD_NONE;
    if (parent->loop.stopping) return;
    if (!drained) log_line(LOG_ERROR, "fell", "room=%s %s=%d", room_name(room), how, number);
    if (parent->stopping && (drained || replaceable)) {
        drain_next(parent);
        return;
    }
    if (!parent->serving || !replaceable || !may_restart(child)) {
        parent_fail(parent, FAIL(SK_GONE, "%s fell (%s %d)", room_name(room), how, number));
        return;
    }
    enum sk_code code = child_restart(parent, room);
    if (code != SK_OK) parent_fail(parent, code);
}

void child_event(void *self, int descriptor, unsigned events) {
    struct parent *parent = self;
    EACH_ROOM(room) {
        struct child *child = &parent->children[room];
        if (descriptor == child->pidfd) {
            child_ended(parent, room);
            return;
        }
        if (descriptor != child->link.socket) continue;
        if (events & LOOP_WRITE) {
            link_flush(&child->link);
            if (!link_waits(&child->link)) loop_change(&parent->loop, descriptor, LOOP_READ);
        }
        if (events & (LOOP_READ | LOOP_HANGUP)) child_receive(parent, room);
        return;
    }
}

static bool ports_same(const struct parent *parent) {
    uint16_t ports[CAGE_PORTS_MAX];
    uint32_t len = parent_places_ports(parent->policy, ports);
    return len == parent->ports_len && memcmp(ports, parent->ports, len * sizeof *ports) == 0;
}

// The ways out follow the policy. A dial room's ports are its walls': with others it is another.
static enum sk_code ways_apply(struct parent *parent) {
    bool begin = parent_places_any(parent->policy) && !parent->wanted[ROOM_DIAL];
    if (!begin && !parent->wanted[ROOM_DIAL]) return SK_OK;
    if (begin) {
        parent->wanted[ROOM_FERRY] = parent->wanted[ROOM_DIAL] = true;
        TRY(child_restart(parent, ROOM_FERRY));
        return child_restart(parent, ROOM_DIAL);
    }
    TRY(parent_send_ferry(parent));
    if (ports_same(parent)) return parent_send_dial(parent);
    struct child *dial = &parent->children[ROOM_DIAL];
    if (dial->stage == CHILD_NONE) return SK_OK;
    kill(dial->pid, SIGKILL);
    child_bury(parent, ROOM_DIAL);
    dial->stage = CHILD_NONE;
    return child_restart(parent, ROOM_DIAL);
}

// The fort first: what a new policy takes back is refused before border knows of it.
static enum sk_code policy_applies(struct parent *parent) {
    TRY(parent_level_raise(parent));
    TRY(ways_apply(parent));
    return parent_send_policy(parent);
}

// Keys, limits and what is kept change at once; what cannot is named in the log.
static void reload(struct parent *parent) {
    static struct conf fresh;
    static struct conf kept;
    char fixed[256] = "";
    parent_notify("RELOADING=1");
    enum sk_code code = conf_read(parent->options.config, &fresh);
    if (code == SK_OK) code = conf_keep_fixed(parent->conf, &fresh, fixed, sizeof fixed);
    if (fixed[0]) log_line(LOG_WARN, "reload", "restart_needed_for=\"%s\"", fixed);
    if (code != SK_OK) {
        log_line(LOG_ERROR, "reload", "kept=old text=\"%s\"", fail_text());
    } else {
        kept = fresh;
        parent->conf = &kept;
        code = parent_send_keys(parent);
        if (code == SK_OK) code = parent_send_keep(parent);
        if (code == SK_OK) code = parent_send_witness(parent);
        if (code == SK_OK) code = parent_send_gate(parent);
        if (code == SK_OK && parent_policy_reload(parent)) code = policy_applies(parent);
        if (code != SK_OK) parent_fail(parent, code);
        log_line(LOG_INFO, "reload", "keys=%u", fresh.keys_len);
    }
    parent_notify("READY=1");
}

static void signal_event(void *self, int descriptor, unsigned events) {
    (void)events;
    struct parent *parent = self;
    struct signalfd_siginfo info;
    while (read(descriptor, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP && parent->serving) reload(parent);
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) drain_begin(parent);
    }
}

// Below what is configured: no client is answered from now on; border and ledger finish, so that
// the fall is on record (I8 blind-is-said).
static void level_fell(struct parent *parent, enum sk_code code) {
    parent_fail(parent, code);
    parent->loop.stopping = false;
    drain_begin(parent);
    if (parent->children[ROOM_GATE].stage != CHILD_NONE)
        kill(parent->children[ROOM_GATE].pid, SIGKILL);
}

static void parent_beat(struct parent *parent) {
    int64_t now = now_us();
    if (parent->stopping && now > parent->drain_until_us) {
        log_line(LOG_WARN, "stopping", "drain_ms is over: running answers are dropped");
        parent->loop.stopping = true;
    }
    if (parent->serving && !parent->stopping) parent_policy_beat(parent);
    if (parent->serving && !parent->stopping && now > parent->probe_at_us && cage_supported()) {
        enum sk_code code = parent_level_round(parent);
        if (code != SK_OK) level_fell(parent, code);
        parent->probe_at_us = now_us() + (int64_t)parent->conf->probe_s * 1000000;
    }
}

static enum sk_code parent_start(struct parent *parent) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    parent->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (parent->signals < 0) return FAIL(SK_IO, "signalfd: %s", strerror(errno));
    struct loop_watch signals = {parent->signals, LOOP_READ, signal_event, parent};
    TRY(loop_add(&parent->loop, signals));
    EACH_ROOM(room) {
        TRY(parent_spawn(parent, room));
        TRY(parent_send_edges(parent, room));
    }
    EACH_ROOM(room) TRY(parent_send_slice(parent, room));
    return SK_OK;
}

static void children_kill(struct parent *parent) {
    for (int i = ROOM_GATE; i < ROOM_COUNT; i++) {
        struct child *child = &parent->children[i];
        if (child->stage == CHILD_NONE) continue;
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        close(child->pidfd);
        link_close(&child->link);
    }
}

enum sk_code parent_run(const struct conf *conf, struct parent_options options) {
    static struct parent parent;
    parent = (struct parent){.conf = conf, .options = options, .started_us = now_us()};
    parent.probe_at_us = parent.started_us + (int64_t)conf->probe_s * 1000000;
    log_open("parent", LOG_INFO);
    enum sk_code code = parent_open(&parent);
    if (code == SK_OK) code = parent_start(&parent);
    if (code != SK_OK) parent_fail(&parent, code);
    while (!parent.loop.stopping) {
        if (loop_turn(&parent.loop, BEAT_MS) != SK_OK) parent_fail(&parent, SK_IO);
        parent_beat(&parent);
    }
    children_kill(&parent);
    parent_close(&parent);
    if (parent.failure == SK_OK) return SK_OK;
    return FAIL(parent.failure, "%s", parent.failure_text);
}
