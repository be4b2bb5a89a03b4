// The parts of archive*.c, for each other only.
#pragma once
#include "base/hash.h"
#include "ledger/archive.h"

enum {
    ARCHIVE_HEAD = 104, // bytes of the key file's head
    ARCHIVE_ROW = 112,  // of one key
    ARCHIVE_NONCE = 32,
};
#define ARCHIVE_KEYS "kept.keys"
#define ARCHIVE_KEYS_NEW "kept.keys.new"
#define ARCHIVE_KEYS_OLD "kept.keys.old"

// A record that can be read.
struct archive_row {
    uint64_t open, offset; // in its segment
    uint64_t at;           // of its key in the key file
    int64_t expires_s;
    uint32_t segment, len; // sealed
};

// Never swapped, wiped at the end.
struct archive_secret {
    uint8_t archive[SECRET_KEY_LEN], epoch[SECRET_KEY_LEN], fresh[SECRET_KEY_LEN];
    uint8_t data[SECRET_KEY_LEN], derived[SECRET_KEY_LEN];
};

struct archive {
    struct world world;
    struct archive_secret *secret;
    uint64_t epoch;
    uint32_t first;        // no file of records with a smaller number is there
    uint8_t head[ARCHIVE_HEAD];
    struct archive_row *rows;
    size_t rows_len, rows_max;
    size_t pending;        // of them, the last: put, not committed
    struct buf keys;       // their keys, or a piece of the key file that is written anew
    uint64_t keys_end;     // bytes of the key file
    int keys_file, file;   // the segment being written; -1: none yet
    uint32_t segment;
    uint64_t end;
    bool fresh_segment;    // its name is not durable yet
    bool look, poisoned;
    uint64_t damaged;
    struct buf scratch;    // a sealed record
};

// ---- archive_keys.c: the key file ----
// Reads it, ends an erasure that was interrupted, makes it when there is none.
enum sk_code archive_keys_open(struct archive *archive);
// The bytes of a row's key, sealed: archive->secret->data under the epoch key.
enum sk_code archive_key_put(struct archive *archive, const struct archive_row *row,
                             struct buf *out);
// The key of a row, into archive->secret->data. SK_CORRUPT: it is not one of this epoch.
enum sk_code archive_key_take(struct archive *archive, const struct archive_row *row);
// Writes the key file anew: the rows that are left, under a new epoch key; the old one is gone.
enum sk_code archive_keys_again(struct archive *archive);

// ---- archive.c ----
// A row more, of the key file or about to be. SK_LIMIT: too many.
enum sk_code archive_row_add(struct archive *archive, const struct archive_row *row);
