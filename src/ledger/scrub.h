// Scrub: a log's segments read again, a slice at a time, before anybody needs what the disk lost.
//
// Promises: every frame that counts is read and every leaf hashed; what is damaged is named by
// segment, byte and leaf, and reading goes on behind it. Beside an open log each leaf must be what
// its tree in memory was built from; of a directory alone every batch must lead to its root, and
// nobody writes there. Beside an open log a full segment that is whole is sealed: made read-only,
// its SHA-256 recorded, which recovery and later scrubs compare. Refuses: repairing.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/world.h"
#include "ledger/note.h"

struct ledger;

struct scrub_damage {
    uint32_t segment;
    uint64_t offset; // of its file
    uint64_t leaf, leaves; // the first leaf that is lost with it, and how many; 0: none
    const char *what;
};

struct scrub_task {
    struct world world;
    struct ledger *ledger; // the open log of this directory, or NULL for the directory alone
    const struct note_key *key; // of a directory alone: who signed `released`; NULL: not checked
    void *self;
    void (*damaged)(void *self, const struct scrub_damage *damage);
};

struct scrub_found {
    bool done;
    uint32_t segments, sealed; // read; of them with a digest that is right
    uint64_t bytes, leaves, damaged; // read; hashed; damages told
    // Of a directory alone: bytes after the last batch, of one under way or torn; whether all batch
    // roots were compared, which ends at the first leaf that is lost.
    uint64_t tail;
    bool rooted;
};

struct scrub;
// SK_UNKNOWN when the directory has no log.
enum sk_code scrub_open(struct scrub **scrub, const struct scrub_task *task);
// Reads about `bytes` more. Errors are of the machine, never of the log: those are told.
enum sk_code scrub_step(struct scrub *scrub, size_t bytes, struct scrub_found *found);
void scrub_close(struct scrub *scrub);
