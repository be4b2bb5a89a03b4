// Cage: the lockdown of a room's process, and the attack on itself that proves it.
//
// Two layers, each able to hold alone: walls (own namespaces, no privilege, Landlock) and filter (a
// seccomp allow-list that kills). Promises: nothing is assumed to hold; after each layer is up,
// children of the caged process try every hole of docs/powers.md, and the level is what they found.
// A layer that this kernel does not give is named in the report and lowers the level. Refuses: best
// effort in silence. It cannot hold against root on the host or the hypervisor.
//
//   main:  cage_walls()  first, single-threaded, with the library inits that open files before it
//                        (tzset, OpenSSL's and GnuTLS's configuration)
//          prepare       libraries, threads, contexts, epoll, handed-over descriptors, mappings
//          cage_lock()   from here on only the calls of docs/powers.md; no new thread
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"

enum cage_room {
    CAGE_GATE,
    CAGE_BORDER,
    CAGE_ENGINE,
    CAGE_LEDGER,
    CAGE_FERRY,
    CAGE_DIAL,
    CAGE_ROOMS
};

// What may be said of an isolated room; a policy names the lowest for each class.
enum cage_level {
    CAGE_OPEN,     // no filter, or a hole in it: refuse to serve
    CAGE_FENCED,   // the filter holds, proven; the walls do not all stand
    CAGE_WALLED,   // walls and filter both hold, each proven alone
    CAGE_FORTRESS, // of a node: walled, and destinations held by nftables and BPF (fort.h)
};

// The walls, as bits of cage_report.walls.
enum cage_wall {
    CAGE_NAMESPACES = 1,   // own ipc and uts namespace
    CAGE_UNPRIVILEGED = 2, // not root, no capability, no_new_privs
    CAGE_LANDLOCK = 4,     // files and TCP ports (ABI 4 or later)
    CAGE_SCOPES = 8,       // signals and abstract sockets stay inside (Landlock ABI 6 or later)
    CAGE_NO_EXEC = 16,     // memory never becomes executable (MDWE, kernel 6.3 or later)
    CAGE_USER = 32,        // own user namespace (ordinary user; root needs none)
    CAGE_ROOT = 64,        // the root directory is an empty one, the ledger's its own directory
    CAGE_NETWORK = 128,    // own network namespace; dial keeps the machine's
};

enum { CAGE_KEEP_MAX = 8, CAGE_NAME_MAX = 32, CAGE_MISSING_MAX = 160, CAGE_TEXT_MAX = 384 };
enum { CAGE_PORTS_MAX = 16 };

struct cage_plan {
    enum cage_room room;
    int directory;      // LEDGER: its log directory (O_RDONLY | O_DIRECTORY), the only one; else -1
    const int *keep;    // descriptors that stay open besides 0, 1, 2 and directory (the link)
    uint32_t keep_len;  // at most CAGE_KEEP_MAX
    uint32_t files_max; // descriptors at once (RLIMIT_NOFILE), less when the hard limit is lower
    // ENGINE: the one file on disk that it may write, which has no name (O_TMPFILE); 0: none.
    int scratch;
    const uint16_t *ports; // DIAL: the TCP ports it may connect to, at most CAGE_PORTS_MAX
    uint32_t ports_len;
};

// Plain bytes: it may be copied, sent, and put in the ledger as its text.
struct cage_report {
    enum cage_room room;
    enum cage_level level;
    uint32_t walls;                      // enum cage_wall
    uint32_t landlock_abi;               // 0: the kernel has none
    uint16_t ports[CAGE_PORTS_MAX];      // that Landlock lets through
    uint32_t ports_len;
    bool filter;                         // the allow-list is loaded
    uint32_t walls_tried, walls_refused; // attacks with only the walls up
    uint32_t tried, refused;             // attacks with everything up
    char hole[CAGE_NAME_MAX];            // the first attack that came through; "" for none
    char missing[CAGE_MISSING_MAX];      // layers not given and why: "landlock:ENOSYS"; "" for none
    char text[CAGE_TEXT_MAX]; // one line: "level=walled landlock=7 … walls=27/27 probes=51/51"
};

const char *cage_room_name(enum cage_room room);    // "gate"
const char *cage_level_name(enum cage_level level); // "walled"
enum cage_level cage_level_of(const char *name);    // CAGE_OPEN for any other text

// The fixed uid and gid of a room when the node is started by root: 64001 + room. The ledger's
// directory must belong to it.
uint32_t cage_uid(enum cage_room room);

// False in address, thread and memory sanitizer builds: their runtime needs what the cage takes
// away. There cage_walls and cage_lock do nothing and report level `open`, missing=sanitizer.
bool cage_supported(void);

// Puts up the walls around this single-threaded process, closes every descriptor not kept, attacks
// itself, and starts the report. SK_OK also when a layer is missing: the report says which.
// SK_GONE: the parent has died; SK_UNSUPPORTED: a kernel older than 5.9; SK_IO: a limit cannot be
// set.
enum sk_code cage_walls(const struct cage_plan *plan, struct cage_report *report);

// Looks over the open descriptors, loads the filter into all threads, attacks itself from children,
// then takes away fork and further filters. Completes the report; the caller refuses to go on when
// its level is too low.
enum sk_code cage_lock(const struct cage_plan *plan, struct cage_report *report);

// For the parent, now and then: a child of its own goes through both with this room's profile and
// sends the report back; the child ends. Single-threaded callers only; plan->keep is not used.
// SK_GONE: no report within wait_ms; the report's level is then `open`.
enum sk_code cage_throwaway(const struct cage_plan *plan, int wait_ms, struct cage_report *report);
