// Keep: what must be found again for a while, encrypted in memory: stored responses and answers to
// requests with an idempotency key. Lost when the node ends, by design; never on a disk.
//
// Each entry is sealed under a key of its own in locked memory; when the entry goes its key is
// wiped, and what is left of its bytes says nothing. Promises: only its owner finds an entry, and
// for another there is no difference, also in time, to one that never was; entries go at their
// time; bytes and entries are bounded. Where room is short, the owner that holds most loses what it
// has not used for longest: nobody can push out others by keeping much.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/secret.h"
#include "base/world.h"

enum {
    KEEP_ENTRIES_MAX = 1024,
    KEEP_OWNERS_MAX = 16384, // as many as keys
    KEEP_SHARE = 4,          // one entry is at most this part of all bytes
};

// Whose and which. The name is the caller's own; owners are numbered from 0.
struct border_keep_name {
    uint32_t owner;
    struct view name;
};

//   FREE → CLAIMED → KEPT → FREE; CLAIMED → FREE when its request came to nothing
enum border_keep_state { KEEP_FREE, KEEP_CLAIMED, KEEP_KEPT };

struct border_keep_entry {
    enum border_keep_state state;
    uint32_t owner;
    uint8_t tag[HASH_LEN];  // of owner and name
    uint8_t body[HASH_LEN]; // of the request that claimed it; zero of others
    uint64_t claimant;
    uint64_t used; // order of last use
    int64_t until_us;
    struct buf sealed;
};

struct border_keep {
    struct border_keep_entry entries[KEEP_ENTRIES_MAX];
    struct hash hash;
    uint8_t (*keys)[SECRET_KEY_LEN]; // one of each entry
    bool locked;                     // they are never swapped
    uint64_t held[KEEP_OWNERS_MAX];  // bytes of each owner
    uint64_t bytes, bytes_max, uses;
    uint32_t seconds_max, entries_len;
    int64_t next_us; // no entry's time comes before
};

enum sk_code border_keep_open(struct border_keep *keep); // before lockdown
void border_keep_close(struct border_keep *keep);

// New bounds hold at once, also for what is kept; either 0: nothing is kept.
void border_keep_bound(struct border_keep *keep, uint32_t seconds_max, uint64_t bytes_max,
                       int64_t now_us);
// Drops what is over.
void border_keep_beat(struct border_keep *keep, int64_t now_us);

// Keeps `content` for `seconds`, at most seconds_max, in place of what had that name.
// SK_UNSUPPORTED: nothing is kept here. SK_LIMIT: too large.
enum sk_code border_keep_put(struct border_keep *keep, const struct border_keep_name *name,
                             struct view content, uint32_t seconds, const struct world *world);
// Opens *out, the caller's to close. SK_UNKNOWN: not there. SK_CORRUPT: its bytes were changed.
enum sk_code border_keep_find(struct border_keep *keep, const struct border_keep_name *name,
                              int64_t now_us, struct buf *out);
void border_keep_drop(struct border_keep *keep, const struct border_keep_name *name);

// One of two requests with the same name must not run: the first claims it, then puts its answer
// there, or unclaims it. `body`: hash of what is asked; `claimant` is not 0.
enum border_claim {
    BORDER_CLAIM_YOURS,   // nobody did it yet
    BORDER_CLAIM_KEPT,    // it was done: border_keep_find has the answer
    BORDER_CLAIM_RUNNING, // another does it
    BORDER_CLAIM_OTHER,   // the name was used for something else
    BORDER_CLAIM_FULL,    // every entry is claimed
};
enum border_claim border_keep_claim(struct border_keep *keep, const struct border_keep_name *name,
                                    const uint8_t body[HASH_LEN], uint64_t claimant,
                                    int64_t now_us);
void border_keep_unclaim(struct border_keep *keep, uint64_t claimant); // 0: of all
