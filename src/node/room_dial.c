// The dial room: connects to the places it was told, and to nothing else; hands each connection to
// ferry and keeps none.
//
// Holds addresses and ports. Sees no text, no name, no credential, no byte of what is sent.
// Promises: a socket that is handed over is connected to a listed address of the place that was
// asked for, as the kernel says after it is. Its ports are arguments, because its walls need them
// first: other ports after a reload are another process.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "base/world.h"
#include "node/room.h"

enum {
    PLACES_MAX = 64,
    ADDRESSES_MAX = 16, // of a place
    ADDRESS_LEN = 16,
    DIALS_MAX = 256,
    BEAT_MS = 50,
    KEEP_IDLE_S = 30, // then a probe every KEEP_STEP_S, and after KEEP_TRIES it is dead
    KEEP_STEP_S = 10,
    KEEP_TRIES = 3,
};

struct place {
    uint8_t name[HASH_LEN]; // policy_place_digest
    uint16_t port;
    uint8_t addresses[ADDRESSES_MAX][ADDRESS_LEN]; // IPv4 as ::ffff:a.b.c.d
    uint32_t len, next;                            // the address to begin with
    uint32_t timeout_ms;                           // of one address
};

// One connection that ferry waits for.
struct dial {
    bool used;
    uint64_t id;
    struct place *place;
    uint32_t at, tried; // the address that is tried; how many were before
    int socket;
    int64_t until_us;
};

static struct {
    struct room_self room;
    struct place places[PLACES_MAX];
    uint32_t places_len;
    struct dial dials[DIALS_MAX];
    uint32_t running;
} dialler;

static int64_t now_us(void) {
    struct world world = world_real(-1);
    return world.monotonic_us(world.self);
}

// ---- addresses ----
static bool is_four(const uint8_t *address) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address, mapped, sizeof mapped) == 0;
}

static socklen_t address_of(const struct place *place, uint32_t at, struct sockaddr_storage *out) {
    const uint8_t *address = place->addresses[at];
    memset(out, 0, sizeof *out);
    if (is_four(address)) {
        struct sockaddr_in *four = (struct sockaddr_in *)out;
        four->sin_family = AF_INET;
        four->sin_port = htons(place->port);
        memcpy(&four->sin_addr, address + 12, 4);
        return sizeof *four;
    }
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(place->port);
    memcpy(&six->sin6_addr, address, ADDRESS_LEN);
    return sizeof *six;
}

static bool peer_is(int socket, const struct place *place, uint32_t at) {
    struct sockaddr_storage wanted, got = {0};
    socklen_t len = sizeof got, wanted_len = address_of(place, at, &wanted);
    if (getpeername(socket, (struct sockaddr *)&got, &len) != 0) return false;
    return len == wanted_len && memcmp(&got, &wanted, len) == 0;
}

// ---- one connection ----
static void dial_close(struct dial *dial) {
    if (dial->socket < 0) return;
    loop_remove(&dialler.room.loop, dial->socket);
    close(dial->socket);
    dial->socket = -1;
}

static void dial_free(struct dial *dial) {
    dial_close(dial);
    *dial = (struct dial){.socket = -1};
    dialler.running--;
}

static void dial_refuse(uint64_t id, const char *text) {
    struct msg msg = {.type = MSG_undialled, .id = id, .descriptor = -1};
    msg.as.undialled.text = view_of(text);
    room_send(&dialler.room, ROOM_FERRY, &msg);
}

static void dial_give(struct dial *dial) {
    static const struct {
        int level, option, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_STEP_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEP_TRIES},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        setsockopt(dial->socket, options[i].level, options[i].option, &options[i].value,
                   sizeof options[i].value);
    struct msg msg = {.type = MSG_dialled, .id = dial->id, .descriptor = dial->socket};
    msg.as.dialled.address =
        (struct view){(const char *)dial->place->addresses[dial->at], ADDRESS_LEN};
    room_send(&dialler.room, ROOM_FERRY, &msg);
    dial_free(dial);
}

static void dial_event(void *self, int descriptor, unsigned events);

// Begins with the next address that takes a beginning; 0, or the errno of the last.
static int dial_begin(struct dial *dial) {
    struct sockaddr_storage to;
    socklen_t len = address_of(dial->place, dial->at, &to);
    dial->socket = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (dial->socket < 0) return errno;
    dial->until_us = now_us() + (int64_t)dial->place->timeout_ms * 1000;
    if (connect(dial->socket, (struct sockaddr *)&to, len) != 0 && errno != EINPROGRESS)
        return errno;
    struct loop_watch watch = {dial->socket, LOOP_WRITE, dial_event, dial};
    return loop_add(&dialler.room.loop, watch) == SK_OK ? 0 : EMFILE;
}

// The address that is tried did not take the connection: the next, until all had their turn.
static void dial_next(struct dial *dial, int error) {
    const struct place *place = dial->place;
    while (error) {
        dial_close(dial);
        if (++dial->tried == place->len) {
            char text[200];
            snprintf(text, sizeof text, "none of %u addresses at port %u: %s", place->len,
                     place->port, strerror(error));
            dial_refuse(dial->id, text);
            dial_free(dial);
            return;
        }
        dial->at = (dial->at + 1) % place->len;
        error = dial_begin(dial);
    }
}

static void dial_event(void *self, int descriptor, unsigned events) {
    (void)events;
    struct dial *dial = self;
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &len) != 0) error = errno;
    if (!error && !peer_is(descriptor, dial->place, dial->at)) error = ENOTCONN;
    if (error)
        dial_next(dial, error);
    else
        dial_give(dial);
}

// ---- messages ----
static void dial_arrives(uint64_t id, const uint8_t name[HASH_LEN]) {
    struct dial *dial = NULL;
    struct place *place = NULL;
    for (uint32_t i = 0; i < dialler.places_len; i++)
        if (memcmp(dialler.places[i].name, name, HASH_LEN) == 0) place = &dialler.places[i];
    for (size_t i = 0; i < DIALS_MAX && !dial; i++)
        if (!dialler.dials[i].used) dial = &dialler.dials[i];
    if (!place || !dial) {
        dial_refuse(id, place ? "too many connections are being made" : "no such place");
        return;
    }
    *dial = (struct dial){.used = true, .id = id, .place = place, .at = place->next, .socket = -1};
    place->next = (place->next + 1) % place->len;
    dialler.running++;
    dial_next(dial, dial_begin(dial));
}

// Connections under way were asked for under the old list.
static void places_begin(void) {
    for (size_t i = 0; i < DIALS_MAX; i++) {
        struct dial *dial = &dialler.dials[i];
        if (!dial->used) continue;
        dial_refuse(dial->id, "the list of places changed");
        dial_free(dial);
    }
    dialler.places_len = 0;
}

static bool may_connect(uint16_t port) {
    const struct room_calls *calls = &dialler.room.calls;
    for (uint32_t i = 0; i < calls->ports_len; i++)
        if (calls->ports[i] == port) return true;
    return false;
}

static void place_arrives(const struct msg_dial_place *fields) {
    must(dialler.places_len < PLACES_MAX && may_connect(fields->port));
    must(fields->addresses.len > 0 && fields->addresses.len % ADDRESS_LEN == 0);
    struct place *place = &dialler.places[dialler.places_len++];
    *place = (struct place){.port = fields->port,
                            .len = (uint32_t)(fields->addresses.len / ADDRESS_LEN),
                            .timeout_ms = fields->timeout_ms};
    memcpy(place->name, fields->place, HASH_LEN);
    memcpy(place->addresses, fields->addresses.at, fields->addresses.len);
}

static void receive(struct room_self *room, enum room from, struct msg *msg) {
    (void)room, (void)from;
    switch (msg->type) {
    case MSG_dial_places:
        places_begin();
        break;
    case MSG_dial_place:
        place_arrives(&msg->as.dial_place);
        break;
    case MSG_dial:
        dial_arrives(msg->id, msg->as.dial.place);
        break;
    default:
        break;
    }
}

// Nobody waits any more.
static void lost(struct room_self *room, enum room peer) {
    (void)room;
    for (size_t i = 0; i < DIALS_MAX && peer == ROOM_FERRY; i++)
        if (dialler.dials[i].used) dial_free(&dialler.dials[i]);
}

static void stop(struct room_self *room) {
    room_stopped(room);
}

static bool work(struct room_self *room) {
    room->calls.beat_ms = dialler.running ? BEAT_MS : 0;
    if (!dialler.running) return false;
    int64_t now = now_us();
    for (size_t i = 0; i < DIALS_MAX; i++) {
        struct dial *dial = &dialler.dials[i];
        if (dial->used && now > dial->until_us) dial_next(dial, ETIMEDOUT);
    }
    return false;
}

int main(int count, char **arguments) {
    static uint16_t ports[CAGE_PORTS_MAX];
    struct room_calls calls = {
        .receive = receive, .lost = lost, .stop = stop, .work = work, .ports = ports};
    for (int i = 1; i < count; i++) {
        uint64_t port;
        if (calls.ports_len == CAGE_PORTS_MAX) return 2;
        if (!decimal_take(view_of(arguments[i]), &port) || !port || port > UINT16_MAX) return 2;
        ports[calls.ports_len++] = (uint16_t)port;
    }
    for (size_t i = 0; i < DIALS_MAX; i++)
        dialler.dials[i].socket = -1;
    room_begin(&dialler.room, ROOM_DIAL, calls, NULL);
    room_ready(&dialler.room);
    return room_run(&dialler.room);
}
