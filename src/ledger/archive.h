// Archive: the texts that a policy keeps, encrypted, each under a random key of its own, in files
// beside the log (docs/erasure.md). The log holds commitments to them and never a text.
//
// Holds kept.NNNNNN (sealed records, append-only) and kept.keys (one sealed key per record, under
// an epoch key that is itself sealed by the node's archive key). Promises: what archive_commit
// acknowledged can be read after a crash at any byte; what archive_erase acknowledged cannot be
// read again by anybody who has every file here and the archive key: the key file is written anew
// without its key, under a new epoch key, and the old one is overwritten, synced and removed.
// Refuses: writing on after a failure (the archive is poisoned) before it was read anew, another
// node's archive key.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/secret.h"
#include "base/world.h"

enum {
    ARCHIVE_RECORD_MAX = 16 << 20,  // bytes of one record
    ARCHIVE_RECORDS_MAX = 1 << 20,  // records that can be read
    ARCHIVE_SEGMENT_MAX = 64 << 20, // bytes after which a file of records ends
    ARCHIVE_BATCH_MAX = 256,        // records of one commit
    ARCHIVE_ID_LEN = 8,
};

struct archive;

struct archive_found {
    uint64_t records, epoch;
    uint64_t damaged; // keys that could not be read: of a torn tail, or damaged since
};

// Opens or makes the archive in world's directory. `look`: only to read, while a node may be
// writing; then SK_UNKNOWN when there is none. SK_DENIED: another archive key; SK_CORRUPT: the key
// file's head is damaged.
enum sk_code archive_open(struct archive **archive, struct world world,
                          const uint8_t key[SECRET_KEY_LEN], bool look,
                          struct archive_found *found);
void archive_close(struct archive *archive); // keys are wiped; NULL is fine

// Adds the record of the request whose open leaf is at `open`: durable with the next commit.
// SK_LIMIT: too large, too many, or the disk is full; nothing was added.
enum sk_code archive_put(struct archive *archive, uint64_t open, int64_t expires_s,
                         struct view record);
// After an error none of what was put is promised.
enum sk_code archive_commit(struct archive *archive);
// A write failed: nothing is kept or erased any more until it is opened anew.
bool archive_poisoned(const struct archive *archive);
enum sk_code archive_check(const struct archive *archive); // SK_IO: so, and which write it was
// Opens it anew, as a start would: what an erasure left is made good as far as its key file goes,
// the rest by order_resume. After an error it is poisoned still, and may be empty.
enum sk_code archive_reopen(struct archive *archive);

// The record as it was put. SK_UNKNOWN: never kept, or erased; SK_CORRUPT: damaged.
enum sk_code archive_get(struct archive *archive, uint64_t open, struct buf *out);
bool archive_has(const struct archive *archive, uint64_t open);
// Makes the records of these unreadable, durably, all at once: indexes in ascending order; those
// that are not here are passed over. After an error it is poisoned, and whether they are is known
// once it is opened anew.
enum sk_code archive_erase(struct archive *archive, const uint64_t *opens, size_t len);
// The same in steps of about so many keys, between which records are put, committed and read: those
// that go are not found from the beginning on, and are unreadable when `done`. Of a step the time
// does not grow with the archive, but for some milliseconds of memory. One at a time.
enum sk_code archive_erase_begin(struct archive *archive, const uint64_t *opens, size_t len);
enum sk_code archive_erase_step(struct archive *archive, size_t keys, bool *done);
// Seals the key file anew under another archive key; records stay as they are. After an error which
// of the two keys opens it is known by archive_open alone: keep both.
enum sk_code archive_rekey(struct archive *archive, const uint8_t key[SECRET_KEY_LEN]);
// What tells archive keys apart, and nothing about them.
void archive_key_id(const uint8_t key[SECRET_KEY_LEN], uint8_t id[ARCHIVE_ID_LEN]);
// Records whose time is over, at most `max`, ascending; what they take, as archive_about says it.
size_t archive_expired(const struct archive *archive, int64_t now_s, uint64_t *opens, size_t max,
                       uint64_t *bytes);
// Those that can be read, and the first request from `from` on of which there is one.
uint64_t archive_records(const struct archive *archive);
bool archive_next(const struct archive *archive, uint64_t from, uint64_t *open);
struct archive_record {
    uint64_t open, bytes; // of the record and its key, as they lie there
    int64_t expires_s;
};
// In the order of their requests.
void archive_about(const struct archive *archive, uint64_t at, struct archive_record *out);
