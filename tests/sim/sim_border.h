// The border room alone, between rooms that are made up: what it sends is queued for them.
//
// Stands in for node/room.c and the machine's clock and chance. A message that the real link would
// refuse (msg.h) ends the run.
#pragma once
#include "node/room_border.h"

struct sent {
    enum room to;
    struct msg msg; // texts stand in `bytes`; the descriptor is its own
    char *bytes;
    // When it was sent: the level of the node; whether its ask was decided by the newest policy.
    enum border_level level;
    bool newest;
};

struct stage {
    uint64_t seed, chance;
    int64_t clock_ms;
    const char *at;    // step, for the report
    bool memory_fails; // sealed files cannot be made
};
extern struct stage stage;

uint64_t stage_chance(uint64_t below);
_Noreturn void stage_broken(const char *what);
// Starts the room with `policy` (YAML); it lives as long as the process.
void stage_open(const char *policy);
struct border_state *stage_border(void);
// The next message to `room`, or to any (ROOM_COUNT); false when none waits.
bool stage_take(enum room room, struct sent *out);
void stage_done(struct sent *sent); // frees what it holds
bool stage_dropped(enum room room); // the border broke with it since the last look
// Delivers; what the border does not take over is closed.
void stage_send(enum room from, struct msg *msg);
void stage_lose(enum room room);
bool stage_work(void); // a turn of its loop: whether there is more
void stage_policy(const char *policy);
void stage_level(enum cage_level level);
