// The parent's state, shared by its files.
#pragma once
#include "border/border.h"
#include "node/cage.h"
#include "node/fort.h"
#include "node/key_files.h"
#include "node/lineage.h"
#include "node/link.h"
#include "node/loop.h"
#include "node/parent.h"
#include "node/weights.h"

#include <sys/types.h>

enum { KEYS_SENT = KEY_WITNESS + 1 };
enum child_stage { CHILD_NONE, CHILD_PREPARING, CHILD_READY, CHILD_STOPPED };

struct child {
    enum child_stage stage;
    pid_t pid;
    int pidfd;
    struct link link;
    enum cage_level level;
    char cage[513];
    int64_t restarts[5]; // times of the last ones, for the limit
};

struct parent {
    const struct conf *conf;
    struct parent_options options;
    struct loop loop;
    struct child children[ROOM_COUNT];
    bool wanted[ROOM_COUNT]; // rooms of this node: ferry and dial only where a place is not it
    uint16_t ports[CAGE_PORTS_MAX]; // that the dial room which runs may connect to
    uint32_t ports_len;
    int signals, listener, directory; // descriptors
    struct weights models[CONF_MODELS_MAX];
    struct parent_lineage {
        struct lineage of;
        char refused[LINEAGE_TEXT_MAX + 1]; // why it is not handed to the engine; "": it is
    } lineages[CONF_MODELS_MAX];
    uint32_t models_len;
    uint16_t port;
    int keys[KEYS_SENT]; // to KEY_WITNESS: descriptors until the ledger room has them; or -1
    int archive_key; // likewise
    uint8_t runtime_digest[HASH_LEN];
    const struct policy *policy; // in force; of parent_policy.c
    int64_t policy_day;          // on which what expires was said last
    int64_t started_us;
    char libexec[CONF_PATH_MAX];
    struct fort fort;
    bool serving;         // every room was ready once
    int stopping;         // SIGTERMs seen
    enum room draining;   // the room told to stop last
    int64_t drain_until_us, probe_at_us;
    enum sk_code failure; // why the node stops, with its text kept below
    char failure_text[512];
    char storage[MSG_MAX];
};

// parent_open.c: everything that can be refused before a room starts.
enum sk_code parent_open(struct parent *parent);
void parent_close(struct parent *parent);

// The next room after `room` that this node wants; ROOM_COUNT: no more. Begin with ROOM_PARENT.
enum room parent_next(const struct parent *parent, enum room room);
#define EACH_ROOM(each)                                                                            \
    for (enum room each = parent_next(parent, ROOM_PARENT); each < ROOM_COUNT;                     \
         each = parent_next(parent, each))

// parent_level.c: the node's level, which is that of its weakest room; fortress when the fort holds
// too. SK_DENIED: below what is configured.
enum sk_code parent_level_room(const struct parent *parent, enum room room);
enum sk_code parent_level_raise(struct parent *parent); // the fort, for the policy in force
enum sk_code parent_level_round(struct parent *parent); // attacks all again
enum sk_code parent_level_send(struct parent *parent);  // to border, which puts it on record

// parent_spawn.c: one room process.
enum sk_code parent_spawn(struct parent *parent, enum room room);
// Makes the edges between this room and those that run already.
enum sk_code parent_send_edges(struct parent *parent, enum room room);
// The room's own slice of the configuration: its last setup message.
enum sk_code parent_send_slice(struct parent *parent, enum room room);
enum sk_code parent_send_keys(struct parent *parent);
enum sk_code parent_send_keep(struct parent *parent);
enum sk_code parent_send_gate(struct parent *parent);
enum sk_code parent_send_witness(struct parent *parent); // logs that are cosigned here
void child_event(void *self, int descriptor, unsigned events); // parent.c: a link or a pidfd

enum sk_code parent_send(struct parent *parent, enum room to, struct msg *msg);

// parent_policy.c: what the border judges by. A reload that fails keeps the old policy and says why
// (false); a file that does not load keeps the node from starting.
enum sk_code parent_policy_open(struct parent *parent);
bool parent_policy_reload(struct parent *parent);
void parent_policy_beat(struct parent *parent); // once a day: what expires
enum sk_code parent_send_policy(struct parent *parent);
enum sk_code parent_send_detectors(struct parent *parent);

// parent_places.c: what ferry and dial are told of the policy in force.
bool parent_places_any(const struct policy *policy); // a place is on that is not this node
// Their different ports, for dial's walls. SK_LIMIT of parent_places_check: more than fit.
uint32_t parent_places_ports(const struct policy *policy, uint16_t ports[CAGE_PORTS_MAX]);
enum sk_code parent_places_check(const struct policy *policy);
enum sk_code parent_send_dial(struct parent *parent);
enum sk_code parent_send_ferry(struct parent *parent);
enum sk_code parent_setup_dial(struct parent *parent); // and the last of its setup
enum sk_code parent_setup_ferry(struct parent *parent);

// sd_notify(3): one datagram to $NOTIFY_SOCKET; nothing when it is not set.
void parent_notify(const char *text);
