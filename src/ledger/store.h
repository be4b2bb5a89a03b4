// Store: the inside of struct ledger and of its directory, for the files here that write, recover,
// scrub and read it. See docs/ledger-format.md for what lies on disk.
#pragma once
#include "ledger/frame.h"
#include "ledger/tree.h"

enum {
    SEGMENTS_MAX = 1000000,     // six digits
    SEGMENT_DEFAULT = 64 << 20, // bytes
    SEGMENT_LIMIT = 1 << 30,    // bytes; with one batch more an offset still fits in 32 bits
    LEAVES_DEFAULT = 1 << 28,   // leaves in memory
    AHEAD_DEFAULT = 512 << 10,  // bytes. Pieces of 128 KiB cost a batch of 1,024 leaves 12 %
    // A batch in memory: a segment's first frame, leaves, and the frame that ends it.
    BATCH_BYTES = (LEDGER_BATCH_MAX + 2) * (FRAME_SIZE + LEDGER_LEAF_MAX),
};

// Where a leaf's frame is.
struct place {
    uint32_t segment, offset;
};

struct ledger {
    struct world world;
    const struct sign_key *key;
    struct note_key name; // the log's origin and verifier key
    const struct sign_key *also; // the second key while one changes; NULL: none
    struct note_key also_name;
    uint64_t segment_max, ahead_min;
    struct tree tree;     // durable leaves, then those of the open batch
    struct buf places;    // struct place of each of these
    uint64_t size;        // durable leaves
    struct tree_hash root;
    struct buf batch;     // frames of the open batch
    size_t ahead;         // bytes of it that are in the file already
    int file;             // the segment being written, its number, nonce and length
    uint32_t segment;
    uint64_t nonce, end;
    int read_file;        // the segment read last, and its number; -1 = none
    uint32_t read_segment;
    uint64_t noted_size;  // size of the checkpoint in `note`; UINT64_MAX = none yet
    struct buf note;
    char note_text[LEDGER_NOTE_MAX];
    struct view published; // with cosignatures; empty: there is none
    uint64_t published_size;
    uint64_t released_size; // size in the file "released"
    int64_t released_us;    // when it was written
    bool poisoned;
    char cause[256]; // what poisoned it
};

// ---- segment.c ----
// The first frame of a segment.
struct segment_head {
    uint64_t first, nonce; // its first leaf
    struct tree_hash root; // of the leaves before
    size_t size;           // of the frame
};
void segment_name(uint32_t number, char name[16]);
// SK_UNKNOWN when there is no such segment. An empty origin: of whatever log it is.
enum sk_code segment_head_read(struct world *world, struct view origin, uint32_t number,
                               struct segment_head *out);
// What a full segment was when it was sealed: its first bytes, those that count. What a restart
// left behind them may never have reached the disk.
struct segment_seal {
    uint64_t size;
    uint8_t digest[HASH_LEN];
};
// SK_UNKNOWN: it is not sealed.
enum sk_code seal_read(struct world *world, uint32_t number, struct segment_seal *out);
// Makes a segment read-only and records its seal; those before it are sealed.
enum sk_code seal_write(struct world *world, uint32_t number, const struct segment_seal *seal);

// ---- log.c ----
// Frames `leaf` into the open batch.
void batch_put(struct ledger *ledger, struct view leaf);
// Ends the open batch with its root.
void batch_end(struct ledger *ledger, struct tree_hash *root);
// The batch is durable: the log has it now.
void batch_done(struct ledger *ledger, const struct tree_hash *root);
// Puts the first frame of segment `number`, which begins at the durable size, into the batch.
enum sk_code segment_begin(struct ledger *ledger, uint32_t number);
// Makes the file of the segment begun: with what the batch holds, durable, under its name only
// when whole. The batch is then empty and the ledger writes there.
enum sk_code segment_make(struct ledger *ledger);

// ---- recover.c ----
// Reads every segment, refuses damage, and begins a new segment that repeats the last batch.
enum sk_code ledger_recover(struct ledger *ledger, struct ledger_found *found);

// ---- released.c ----
// The note as it stands there, unchecked.
enum sk_code released_note(struct world *world, char note[LEDGER_NOTE_MAX], struct view *out);
// Checkpoints as they stand in the directory; who signed them is not asked.
struct head {
    struct view note; // empty: there is none
    struct checkpoint checkpoint;
    char bytes[NOTE_MAX];
};
struct heads {
    struct head released, witnessed; // the anti-rollback record; the newest that witnesses cosigned
    const struct head *newest;       // of the two; of one size the witnessed
};
// SK_UNKNOWN: there is no log.
enum sk_code heads_read(struct world *world, struct heads *out);
// SK_UNKNOWN when there is none.
enum sk_code released_read(struct ledger *ledger, struct checkpoint *out);
// The checkpoint of the durable size, durably in place of the older one.
enum sk_code released_write(struct ledger *ledger);
