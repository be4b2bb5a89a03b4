// Fort: the two layers that hold destinations from outside the rooms, where root starts the node.
//
// nftables by uid, and BPF hooks on a cgroup of the node's own: dial may connect to the listed
// addresses and ports, every other room to nothing. An empty list is held as well: nobody connects.
// Promises: each layer is read back and attacked alone, now and in every round, by a child that
// only this layer can stop; a layer that is lost is said before it is put up again; the table dies
// with the parent and nobody else can change it. What a machine does not give is named in the
// report and lowers the level. Refuses: best effort in silence.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/fail.h"

enum { FORT_PLACES_MAX = 1024, FORT_WHY_MAX = 96, FORT_NAME_MAX = 24, FORT_PATH_MAX = 512 };

// Where dial may connect, by TCP. IPv4 as ::ffff:a.b.c.d.
struct fort_place {
    uint8_t address[16];
    uint16_t port;
};
struct fort_list {
    struct fort_place rows[FORT_PLACES_MAX];
    uint32_t len;
};
// Adds one, once. SK_LIMIT: more than FORT_PLACES_MAX.
enum sk_code fort_list_add(struct fort_list *list, const uint8_t address[16], uint16_t port);

enum fort_state {
    FORT_ABSENT, // this machine or user does not have it: it is not tried again
    FORT_HELD,   // up, reads as it was loaded, refused every attack
    FORT_LOST,   // it was held and is not any more, or was put up and is passed
};
const char *fort_state_name(enum fort_state state); // "held"
struct fort_layer {
    enum fort_state state;
    char why[FORT_WHY_MAX]; // of what is not held
};

// The node's cgroup (version 2): attacks on nftables run in it, rooms in one below, which has the
// hooks.
struct fort_group {
    char path[FORT_PATH_MAX]; // below /sys/fs/cgroup, as nftables names it
    uint32_t depth;           // below the root of the hierarchy
    int directory;            // -1: there is none
    int node, rooms;          // their cgroup.procs
};

struct fort {
    char name[FORT_NAME_MAX]; // of table and cgroup: "sekisho-", 8 hex digits of the node's data
    struct fort_list list;
    struct fort_layer nft, bpf;
    struct fort_group group;
    uint64_t attacked; // packets the table refused of our own attacks
    struct fort_nft *table;
    struct fort_bpf *hooks;
};

// Makes the cgroup that rooms are started into. Not being root, or having no cgroup, is no error.
void fort_open(struct fort *fort, const char *data);
void fort_close(struct fort *fort);
// In a room's process before it becomes the room.
void fort_join(const struct fort *fort);

// Puts up both layers around the rooms with these ids, and proves them.
void fort_raise(struct fort *fort, const struct fort_list *list, const pid_t *rooms, uint32_t len);
// A round: what was lost last time is put up again, then both are proven.
void fort_check(struct fort *fort, const pid_t *rooms, uint32_t len);

bool fort_held(const struct fort *fort); // both
// Evidence for the ledger: "nftables=held bpf=lost(connect4 was detached) destinations=2
// packets_refused=0 attempts_refused=0"; our own attacks are not counted.
void fort_report(struct fort *fort, struct buf *out);

// Attempts that the hooks told of, as they come: -1, or a descriptor to watch; and reading them.
// Refused ones are log lines (`fort`), at most FORT_TOLD_MAX between two rounds.
enum { FORT_TOLD_MAX = 32 };
int fort_events(const struct fort *fort);
void fort_event(struct fort *fort);
