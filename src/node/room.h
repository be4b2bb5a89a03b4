// Room: the skeleton every room process shares, from fd 3 to exit.
//
//   main: library inits that read files
//         room_begin   puts up the walls (cage.h), then reads the parent's setup messages: links,
//                      and last the room's own setup
//         …            the room prepares: maps, threads, libraries
//         room_ready   locks the filter, attacks itself, tells the parent level and build
//         room_run     delivers messages until told to stop, the parent leaves, or it gives up
//
// The handler gets each message with views valid during the call. It owns msg->descriptor only when
// it sets it to -1; otherwise it is closed after the call.
#pragma once
#include "node/cage.h"
#include "node/link.h"
#include "node/loop.h"

struct room_self;

struct room_calls {
    void (*receive)(struct room_self *room, enum room from, struct msg *msg);
    void (*lost)(struct room_self *room, enum room peer); // NULL: losing a peer is fine
    void (*stop)(struct room_self *room); // told to drain; call room_stopped when done
    // After each turn of the loop: true while there is more to do now. May be NULL.
    bool (*work)(struct room_self *room);
    int beat_ms; // the loop turns at least this often; 0: only on events
    int scratch;           // engine: the file it may write (cage.h), set before room_ready; 0: none
    const uint16_t *ports; // dial: what it may connect to, for the walls
    uint32_t ports_len;
};

struct room_self {
    enum room room;
    struct loop loop;
    struct link links[ROOM_COUNT]; // by peer; socket -1 when absent
    bool broken[ROOM_COUNT];       // a send failed, or dropped: told as lost after this turn
    struct room_calls calls;
    void *state; // the room's own
    bool setup, done;
    char storage[MSG_MAX];
};

// What the parent leaves open at exec besides 0, 1, 2.
enum { ROOM_LINK_FD = 3, ROOM_DIRECTORY_FD = 4 }; // the directory: ledger only

// These end the process, with a log line and `trouble` to the parent, when anything fails.
void room_begin(struct room_self *room, enum room which, struct room_calls calls, void *state);
void room_ready(struct room_self *room);
int room_run(struct room_self *room); // the exit status

// A peer that breaks its promises in well-formed messages: its link is closed after this turn, and
// nothing more is taken from it. A room that loses border ends; the parent starts a new one.
void room_drop(struct room_self *room, enum room peer, const char *why);

// Tells the parent that the room drained, and ends room_run after this turn.
void room_stopped(struct room_self *room);

// Sends to a peer. False when the peer is absent or gone: `lost` is then called after this turn,
// never from here.
bool room_send(struct room_self *room, enum room to, const struct msg *msg);

// Gives up: log line, `trouble` to the parent, exit. The text is fail_text().
_Noreturn void room_fail(struct room_self *room, enum sk_code code);
