// Room: the skeleton every room process shares, from fd 3 to exit.
//
//   main: room_begin   reads the parent's setup messages until the room's own setup has come,
//                      then puts up the walls (cage.h): namespaces, uid, Landlock
//         …            the room prepares: maps, threads, libraries
//         room_ready   locks the filter, probes itself, tells the parent level and build
//         room_run     delivers messages until told to stop, the parent leaves, or it gives up
//
// The handler gets each message with views valid during the call and owns msg->descriptor only when
// it sets it to -1 (otherwise it is closed after the call).
#pragma once
#include "node/cage.h"
#include "node/link.h"
#include "node/loop.h"

struct room_self;

struct room_calls {
    void (*receive)(struct room_self *room, enum room from, struct msg *msg);
    void (*lost)(struct room_self *room, enum room peer); // NULL: losing a peer ends the room
    void (*stop)(struct room_self *room);                 // told to drain; call room_stopped when done
    // Work between messages: true while there is more to do now (the loop then does not wait).
    bool (*work)(struct room_self *room); // may be NULL
    int beat_ms;                          // work is called at least this often; 0: no beat
};

struct room_self {
    enum room room;
    struct loop loop;
    struct link links[ROOM_COUNT]; // by peer; socket -1 when absent
    struct room_calls calls;
    void *state; // the room's own
    bool done;
    char storage[MSG_MAX];
};

enum { ROOM_FD = 3 };

// Ends the process with a log line and `trouble` to the parent when anything fails.
void room_begin(struct room_self *room, enum room which, struct room_calls calls, void *state);
void room_ready(struct room_self *room);
int room_run(struct room_self *room); // the exit status

// Tells the parent that the room drained, and ends room_run.
void room_stopped(struct room_self *room);

// Sends to a peer; on failure the link is dropped and `lost` is called from the loop, never from
// here. Fine to call for an absent peer (the message is dropped, false).
bool room_send(struct room_self *room, enum room to, const struct msg *msg);

// Gives up: log line, `trouble` to the parent, exit.
_Noreturn void room_fail(struct room_self *room, enum sk_code code);

// The descriptor of this room's own directory from its setup message, for the walls (ledger only);
// set by the receive handler during room_begin.
void room_directory(struct room_self *room, int descriptor);
