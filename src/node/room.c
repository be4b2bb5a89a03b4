#include "node/room.h"

#include "base/log.h"
#include "build_id.h"

#include <time.h>
#include <unistd.h>

enum { DRAIN_MAX = 256, FILES_MAX = 4096 };

static void room_event(void *self, int descriptor, unsigned events);

void room_fail(struct room_self *room, enum sk_code code) {
    log_line(LOG_ERROR, "fail", "code=%s text=\"%s\"", fail_name(code), fail_text());
    struct msg msg = {.type = MSG_trouble, .descriptor = -1};
    struct view text = view_of(fail_text());
    msg.as.trouble = (struct msg_trouble){.code = (uint8_t)code, .text = text};
    struct link *parent = &room->links[ROOM_PARENT];
    if (link_alive(parent) && link_send(parent, &msg) == SK_OK) link_flush(parent);
    _exit(1);
}

static void room_attach(struct room_self *room, enum room peer, int socket) {
    struct link *link = &room->links[peer];
    enum link_state state = peer == ROOM_PARENT ? LINK_SETUP : LINK_LIVE;
    struct loop_watch watch = {socket, LOOP_READ, room_event, room};
    enum sk_code code = link_open(link, socket, room->room, peer, state);
    if (code == SK_OK) code = loop_add(&room->loop, watch);
    if (code != SK_OK) room_fail(room, code);
}

static void room_detach(struct room_self *room, enum room peer) {
    struct link *link = &room->links[peer];
    loop_remove(&room->loop, link->socket);
    link_close(link);
    room->broken[peer] = false;
    if (peer == ROOM_PARENT) _exit(0); // nobody is left to answer to
    log_line(LOG_INFO, "lost", "peer=%s", room_name(peer));
    if (room->calls.lost) room->calls.lost(room, peer);
}

static enum msg_type room_setup_type(enum room room) {
    switch (room) {
    case ROOM_GATE: return MSG_gate_setup;
    case ROOM_BORDER: return MSG_border_setup;
    case ROOM_ENGINE: return MSG_engine_setup;
    case ROOM_FERRY: return MSG_ferry_setup;
    case ROOM_DIAL: return MSG_dial_setup;
    default: return MSG_ledger_setup;
    }
}

static void room_link_arrives(struct room_self *room, struct msg *msg) {
    enum room peer = (enum room)msg->as.link.peer;
    must(peer > ROOM_PARENT && peer < ROOM_COUNT && peer != room->room);
    if (link_alive(&room->links[peer])) room_detach(room, peer);
    room_attach(room, peer, msg->descriptor);
    msg->descriptor = -1;
}

static void room_deliver(struct room_self *room, enum room from, struct msg *msg) {
    if (msg->type == MSG_link) {
        room_link_arrives(room, msg);
    } else if (msg->type == MSG_stop) {
        room->calls.stop(room);
    } else {
        room->calls.receive(room, from, msg);
        if (msg->type == room_setup_type(room->room)) room->setup = true;
    }
    if (msg->descriptor >= 0) close(msg->descriptor);
}

// Takes what is there, bounded so that one peer cannot starve the others.
static void room_receive(struct room_self *room, enum room peer) {
    struct link *link = &room->links[peer];
    for (int i = 0; i < DRAIN_MAX && link_alive(link) && !room->broken[peer]; i++) {
        struct msg msg;
        int socket = link->socket;
        enum sk_code code = link_receive(link, room->storage, &msg);
        if (code == SK_BUSY) return;
        if (code != SK_OK) {
            if (code == SK_CORRUPT) log_line(LOG_ERROR, "link", "text=\"%s\"", fail_text());
            room_detach(room, peer);
            return;
        }
        room_deliver(room, peer, &msg);
        if (link->socket != socket) return; // replaced by a `link` message
    }
}

static void room_event(void *self, int descriptor, unsigned events) {
    struct room_self *room = self;
    for (int i = 0; i < ROOM_COUNT; i++) {
        enum room peer = (enum room)i;
        struct link *link = &room->links[peer];
        if (link->socket != descriptor) continue;
        if (events & LOOP_WRITE) {
            if (link_flush(link) != SK_OK) room->broken[peer] = true;
            if (!link_waits(link)) loop_change(&room->loop, descriptor, LOOP_READ);
        }
        if (events & (LOOP_READ | LOOP_HANGUP)) room_receive(room, peer);
        return;
    }
}

bool room_send(struct room_self *room, enum room to, const struct msg *msg) {
    struct link *link = &room->links[to];
    if (!link_alive(link) || room->broken[to]) return false;
    if (link_send(link, msg) != SK_OK) {
        log_line(LOG_ERROR, "send", "message=%s text=\"%s\"", msg_name(msg->type), fail_text());
        room->broken[to] = true;
        return false;
    }
    if (link_waits(link)) loop_change(&room->loop, link->socket, LOOP_READ | LOOP_WRITE);
    return true;
}

void room_drop(struct room_self *room, enum room peer, const char *why) {
    log_line(LOG_ERROR, "drop", "peer=%s text=\"%s\"", room_name(peer), why);
    room->broken[peer] = true;
}

static struct cage_plan room_plan(const struct room_self *room) {
    static const int keep[] = {ROOM_LINK_FD};
    return (struct cage_plan){.room = (enum cage_room)(room->room - ROOM_GATE),
                              .directory = room->room == ROOM_LEDGER ? ROOM_DIRECTORY_FD : -1,
                              .keep = keep,
                              .keep_len = 1,
                              .files_max = FILES_MAX,
                              .scratch = room->calls.scratch,
                              .ports = room->calls.ports,
                              .ports_len = room->calls.ports_len};
}

static struct cage_report room_report;

void room_begin(struct room_self *room, enum room which, struct room_calls calls, void *state) {
    *room = (struct room_self){.room = which, .calls = calls, .state = state};
    for (int i = 0; i < ROOM_COUNT; i++) room->links[i].socket = -1;
    log_open(room_name(which), LOG_INFO);
    tzset(); // reads its file now: the log prints times
    struct cage_plan plan = room_plan(room);
    enum sk_code code = cage_walls(&plan, &room_report);
    if (code == SK_OK) code = loop_open(&room->loop);
    if (code != SK_OK) room_fail(room, code);
    room_attach(room, ROOM_PARENT, ROOM_LINK_FD);
    while (!room->setup) {
        if (loop_turn(&room->loop, -1) != SK_OK) room_fail(room, SK_IO);
    }
}

void room_ready(struct room_self *room) {
    struct cage_plan plan = room_plan(room);
    enum sk_code code = cage_lock(&plan, &room_report);
    if (code != SK_OK) room_fail(room, code);
    struct msg msg = {.type = MSG_ready, .descriptor = -1};
    msg.as.ready = (struct msg_ready){.build = VIEW(SEKISHO_BUILD),
                                      .level = (uint8_t)room_report.level,
                                      .cage = view_of(room_report.text)};
    room_send(room, ROOM_PARENT, &msg);
    room->links[ROOM_PARENT].state = LINK_LIVE;
    log_line(LOG_INFO, "ready", "%s", room_report.text);
}

int room_run(struct room_self *room) {
    bool more = room->calls.work && room->calls.work(room);
    while (!room->done) {
        int wait_ms = more ? 0 : room->calls.beat_ms > 0 ? room->calls.beat_ms : -1;
        if (loop_turn(&room->loop, wait_ms) != SK_OK) room_fail(room, SK_IO);
        more = room->calls.work && room->calls.work(room);
        for (int i = 0; i < ROOM_COUNT; i++) {
            if (!room->broken[i]) continue;
            room_detach(room, (enum room)i);
            more = true; // what the loss left to do
        }
    }
    link_flush(&room->links[ROOM_PARENT]);
    return 0;
}

void room_stopped(struct room_self *room) {
    if (room->done) return;
    room->done = true;
    struct msg msg = {.type = MSG_stopped, .descriptor = -1};
    room_send(room, ROOM_PARENT, &msg);
}
