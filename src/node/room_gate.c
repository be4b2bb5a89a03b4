// The gate room: clients in, messages out. Holds the listening socket and its clients' sockets; no
// file, no key, no other network. When it falls it is restarted and its clients are dropped.
#include "node/room_gate.h"

#include <stdio.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

enum { BEAT_MS = 100, SEND_BUFFER = 65536 };

static struct gate gate;

int64_t gate_now_ms(const struct gate *self) {
    return self->world.monotonic_us(self->world.self) / 1000;
}

// Accepted sockets inherit both: tokens leave at once, and the kernel holds little for a slow
// client (its buffer would otherwise grow to megabytes, and credits would mean nothing).
static void listener_prepare(int listener) {
    int yes = 1, len = SEND_BUFFER;
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &len, sizeof len);
}

// libmicrohttpd calls these: nothing else in this room goes by their names.
ssize_t recv(int descriptor, void *to, size_t max, int flags) {
    (void)flags;
    return http_read(&gate, descriptor, to, max);
}

ssize_t send(int descriptor, const void *bytes, size_t len, int flags) {
    (void)flags;
    return http_write(&gate, descriptor, bytes, len);
}

static void setup_limit(struct gate *self, const char *what, uint32_t value, uint32_t max) {
    if (value > 0 && value <= max) return;
    room_fail(&self->room, FAIL(SK_LIMIT, "%s: %u, must be 1 to %u", what, value, max));
}

// A reload repeats the message: the limits are new, the listener is the old one.
static void setup_arrives(struct gate *self, struct msg *msg) {
    const struct msg_gate_setup *setup = &msg->as.gate_setup;
    setup_limit(self, "connections", setup->connections_max, CONNECTIONS_MAX);
    setup_limit(self, "header length", setup->header_len_max, HEAD_LEN_MAX);
    setup_limit(self, "body length", setup->body_len_max, BODY_LEN_MAX);
    must(setup->hosts.len < sizeof self->hosts && setup->origins.len < sizeof self->origins);
    self->setup = *setup;
    memcpy(self->hosts, setup->hosts.at, setup->hosts.len);
    memcpy(self->origins, setup->origins.at, setup->origins.len);
    self->setup.hosts.at = self->hosts;
    self->setup.origins.at = self->origins;
    if (self->listener >= 0) return;
    self->listener = msg->descriptor;
    msg->descriptor = -1;
    listener_prepare(self->listener);
}

static void receive(struct room_self *room, enum room from, struct msg *msg) {
    struct gate *self = room->state;
    if (from == ROOM_BORDER) {
        request_message(self, msg);
    } else if (msg->type == MSG_gate_setup) {
        setup_arrives(self, msg);
    } else if (msg->type == MSG_go) {
        self->listening = !self->stopping; // it is said again when the engine was replaced
        visits_listen(self);
    }
}

static void stop(struct room_self *room) {
    struct gate *self = room->state;
    self->listening = false;
    self->stopping = true;
    visits_listen(self);
}

static void lost(struct room_self *room, enum room peer) {
    if (peer != ROOM_BORDER) return;
    requests_lost(room->state);
    stop(room);
}

static bool work(struct room_self *room) {
    struct gate *self = room->state;
    visits_beat(self);
    bool more = http_run(self);
    if (self->stopping && self->visits_len == 0) room_stopped(room);
    return more;
}

int main(void) {
    tzset(); // libmicrohttpd writes dates; the zone file is out of reach later
    gate.listener = -1;
    TAILQ_INIT(&gate.idle);
    gate.world = world_real(-1);
    struct room_calls calls = {
        .receive = receive, .lost = lost, .stop = stop, .work = work, .beat_ms = BEAT_MS};
    room_begin(&gate.room, ROOM_GATE, calls, &gate);
    enum sk_code code = http_open(&gate);
    if (code == SK_OK) code = arena_open(&gate.arena, "request", ARENA_MAX);
    if (code == SK_OK) code = buf_open(&gate.page, PAGE_MAX);
    if (code != SK_OK) room_fail(&gate.room, code);
    room_ready(&gate.room);
    return room_run(&gate.room);
}
