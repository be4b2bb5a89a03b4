// The parts of the cage, for cage*.c and tests/deny only.
#pragma once
#include <stddef.h>
#include <sys/types.h>

#include "node/cage.h"

// ---- walls (cage_walls.c, cage_landlock.c) ----
// Refuses by Landlock all file, TCP and scope rights the running kernel knows, except files in the
// plan's directory and connections to its ports. Sets report->landlock_abi, its ports, and the
// walls LANDLOCK and SCOPES.
void cage_landlock(const struct cage_plan *plan, struct cage_report *report);
// Notes that a layer is not there and why.
void cage_missing(struct cage_report *report, const char *layer, int error);

// ---- filter (cage_filter.c) ----
// Loads the allow-list of the plan's room into all threads; `otherwise` is SCMP_ACT_KILL_PROCESS,
// or SCMP_ACT_LOG for a developer. Fork for the attacks, wait and seccomp are still allowed. 0 or
// errno.
int cage_filter_load(const struct cage_plan *plan, uint32_t otherwise);
// Takes those three away, from all threads. 0 or errno.
int cage_filter_seal(void);
// Whether the room's table has a row for this call; pwrite64 on a scratch file is beside it.
bool cage_filter_holds(enum cage_room room, int call);

// ---- probes (cage_attacks.c holds the table, cage_probe.c runs it) ----
struct cage_target {
    pid_t outside;                     // a process outside the cage: the parent
    int directory;                     // the room's directory or -1
    uint16_t tcp_port, udp_port;       // on 127.0.0.1
    const char *unix_path, *unix_name; // a listening socket by path; by abstract name
    bool sockets_there;                // both are known to listen: not to find them is a refusal
};

struct cage_probe {
    const char *name;
    // One attack, by system calls only: >= 0 when it came through, else -errno.
    long (*attack)(const struct cage_target *target);
    uint32_t wall; // walls each of which must refuse it without the filter; 0: only the filter can
    int also;      // an errno that is a refusal of this attack too; or -signal
};

extern const struct cage_probe cage_probes[];
extern const size_t cage_probes_len;

enum cage_outcome { CAGE_KILLED, CAGE_REFUSED, CAGE_THROUGH };

// What the caged process attacks when it has no better target.
struct cage_target cage_target(const struct cage_plan *plan);
// Runs one attack in a child that shares memory while the caller stands still; with `seal` the
// child seals its filter first, as the room will.
enum cage_outcome cage_probe_try(const struct cage_probe *probe, const struct cage_target *target,
                                 bool seal);
// Every attack whose wall stands, and every attack: counts them into the report.
void cage_probe_walls(const struct cage_target *target, struct cage_report *report);
void cage_probe_all(const struct cage_target *target, struct cage_report *report);
// Descriptors by kind: NULL, or the name of the first that this room must not hold.
const char *cage_descriptors(const struct cage_plan *plan);
