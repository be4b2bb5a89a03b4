// Snapshot: a checkpoint of a run: all that it is between two steps, in one file, so that it goes
// on bit for bit.
//
// A file is head, blocks and the SHA-256 of both. It is written as "checkpoint.new" and synced
// before it takes the name "checkpoint"; the one before becomes "checkpoint.old".
// Promises: after an abrupt end at any moment one of the three is whole, if ever one was; what
// cannot be written (a full disk) leaves the two as they are. Refuses: torn, cut or strange files
// (SK_CORRUPT): the older one is taken then.
#pragma once
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/world.h"
#include "train/data.h"

enum {
    SNAPSHOT_BLOCKS_MAX = 4,
    SNAPSHOT_HEAD_MAX = 1 << 22, // bytes
};

struct snapshot {
    uint64_t step;     // steps done
    uint64_t tokens;   // of these
    double seconds;    // computed so far
    double best;       // least loss of validation; infinite: none yet
    uint64_t best_step;
    struct data_cursor cursor;
    uint8_t data[HASH_LEN]; // digest of the data's index
    uint8_t base[HASH_LEN]; // of the base model's file; zeros: none
    struct view recipe;     // as recipe_write has it
    // Parameters, moments: the caller's memory.
    struct snapshot_block {
        void *at;
        uint64_t bytes;
    } block[SNAPSHOT_BLOCKS_MAX];
    uint32_t blocks_len;
};

enum sk_code snapshot_save(const struct snapshot *checkpoint, const struct world *world);

// One that is open, found to be whole.
struct snapshot_file {
    const struct world *world;
    const char *name;
    int file;
    uint64_t blocks_at;
};
// Opens the newest that is whole and reads its head: lengths of blocks, texts in `arena`.
// SK_UNKNOWN: there is none; SK_CORRUPT: there are, and none is whole.
enum sk_code snapshot_open(struct snapshot_file *file, const struct world *world,
                           struct arena *arena, struct snapshot *out);
// Reads the blocks to where `into` has them; their lengths were compared by the caller.
enum sk_code snapshot_read(const struct snapshot_file *file, const struct snapshot *into);
void snapshot_close(struct snapshot_file *file); // fine on a zeroed one

// The head alone, from untrusted bytes; *len of them. Views point into them. SK_CORRUPT.
enum sk_code snapshot_head(struct view bytes, struct snapshot *out, uint64_t *len);
