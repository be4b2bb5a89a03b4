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
    uint64_t anew;         //   and in the one that is written anew; 0: not there yet
    int64_t expires_s;
    uint32_t segment, len; // sealed
};

// Never swapped, wiped at the end.
struct archive_secret {
    uint8_t archive[SECRET_KEY_LEN], epoch[SECRET_KEY_LEN], fresh[SECRET_KEY_LEN];
    uint8_t data[SECRET_KEY_LEN], derived[SECRET_KEY_LEN];
};

// The key file is written anew, in steps; commits come between.
struct archive_again {
    enum { AGAIN_NONE, AGAIN_COPY, AGAIN_WIPE } stage;
    int file;      // kept.keys.new; -1: none
    uint64_t end;  // bytes of it, or overwritten of kept.keys.old
    size_t next;   // rows before it are there
};

struct archive {
    struct world world;
    struct archive_secret *secret;
    uint64_t epoch;
    uint32_t first;        // no file of records with a smaller number is there
    uint8_t head[ARCHIVE_HEAD];
    struct archive_row *rows; // ascending by open, then those that are pending
    size_t rows_len, rows_max;
    size_t pending;        // put, not committed
    struct buf keys;       // their keys, or a piece of the key file that is written anew
    struct archive_again again;
    uint64_t keys_end;     // bytes of the key file
    int keys_file, file;   // the segment being written; -1: none yet
    uint32_t segment;
    uint64_t end;
    bool fresh_segment;    // its name is not durable yet
    bool look, poisoned;
    char why[201];         // poisoned
    uint64_t damaged;
    struct buf scratch;    // a sealed record
};

// The same code; of an error the text is given the name of the file.
enum sk_code archive_told(enum sk_code code, const char *name);

// ---- archive_keys.c: the key file ----
// Reads it, ends an erasure that was interrupted, makes it when there is none.
enum sk_code archive_keys_open(struct archive *archive);
// The bytes of a row's key, sealed: archive->secret->data under the epoch key.
enum sk_code archive_key_put(struct archive *archive, const struct archive_row *row,
                             struct buf *out);
// The key of a row, into archive->secret->data. SK_CORRUPT: it is not one of this epoch.
enum sk_code archive_key_take(struct archive *archive, const struct archive_row *row);
// Writes the key file anew: the rows that are left, under a new epoch key; at the end the old one
// is gone. A step copies that many keys, or overwrites as many; nothing may be pending.
enum sk_code archive_again_begin(struct archive *archive);
enum sk_code archive_again_step(struct archive *archive, size_t keys);
enum sk_code archive_again(struct archive *archive); // all of it

// ---- archive.c ----
// A row more, pending, of the key file or about to be. SK_LIMIT: too many.
enum sk_code archive_row_add(struct archive *archive, const struct archive_row *row);
void archive_rows_settle(struct archive *archive); // those that are pending take their places
