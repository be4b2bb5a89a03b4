// The ferry room: its messages and its loop.
#include "node/room_ferry.h"

#include "base/log.h"
#include "base/world.h"

enum { BEAT_MS = 50 };

struct ferry_state ferry;

int64_t ferry_now_us(void) {
    struct world world = world_real(-1);
    return world.monotonic_us(world.self);
}

static void receive(struct room_self *room, enum room from, struct msg *msg) {
    (void)room, (void)from;
    switch (msg->type) {
    case MSG_ferry_places:
        ferry_places_begin();
        break;
    case MSG_ferry_place:
        ferry_place_arrives(msg);
        break;
    case MSG_ferry_setup:
        ferry.wait_ms = msg->as.ferry_setup.wait_ms;
        break;
    case MSG_run:
        ferry_run(msg);
        break;
    case MSG_post:
        ferry_post_arrives(msg);
        break;
    case MSG_grant:
        ferry_grant(msg->id, msg->as.grant.pieces);
        break;
    case MSG_cancel:
        ferry_cancel(msg->id);
        break;
    case MSG_dialled:
        ferry_dialled(msg);
        break;
    case MSG_undialled:
        ferry_undialled(msg);
        break;
    default:
        break;
    }
}

static void lost(struct room_self *room, enum room peer) {
    if (peer == ROOM_DIAL) ferry_dial_lost();
    if (peer == ROOM_BORDER) room_stopped(room); // nobody is left to work for
}

static void stop(struct room_self *room) {
    (void)room;
    ferry.stopping = true;
}

// The loop turns again when libcurl wants it to, and now and then while answers have deadlines.
static bool work(struct room_self *room) {
    int64_t now = ferry_now_us();
    ferry_post_work(now);
    if (ferry.running && now >= ferry.beat_us) {
        ferry.beat_us = now + (int64_t)BEAT_MS * 1000;
        ferry_deadlines(now);
    }
    if (ferry.stopping && !ferry.running) room_stopped(room);
    int64_t wait_us = ferry.timer_us == INT64_MAX ? INT64_MAX : ferry.timer_us - now;
    if (wait_us <= 0) return true;
    int beat_ms = ferry.running ? BEAT_MS : 0;
    if (wait_us < 1000 * 1000 && (!beat_ms || wait_us / 1000 < beat_ms))
        beat_ms = (int)(wait_us / 1000) + 1;
    room->calls.beat_ms = beat_ms;
    return false;
}

int main(void) {
    struct room_calls calls = {.receive = receive, .lost = lost, .stop = stop, .work = work};
    for (size_t i = 0; i < FERRY_ANSWERS_MAX; i++)
        ferry.answers[i].socket = -1;
    enum sk_code code = ferry_post_open(); // libcurl and OpenSSL read their files now, not later
    room_begin(&ferry.room, ROOM_FERRY, calls, &ferry);
    if (code != SK_OK) room_fail(&ferry.room, code);
    room_ready(&ferry.room);
    return room_run(&ferry.room);
}
