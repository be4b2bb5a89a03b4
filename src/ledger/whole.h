// Whole: a log read from its first entry to its last and computed again, from tiles that anybody
// may have copied.
//
// Holds nothing: pieces come one after the other through a source (a directory, a live node, a
// test), in WHOLE_ARENA bytes, however long the log is. Promises: SK_OK only when the policy
// accepts the checkpoint, every entry is there, every tile is what the entries hash to, the root of
// them is the checkpoint's, and each checkpoint seen before is of a first part of this log. What
// differs is named by its piece, entry and byte. Refuses: pieces that are too short or too long,
// entries over LEDGER_LEAF_MAX, a log over LEDGER_LEAVES_MAX.
#pragma once
#include "ledger/tile.h"
#include "ledger/trust.h"

enum {
    WHOLE_ARENA = 6 << 20, // bytes that one check takes of the arena
    WHOLE_SEEN_MAX = 256,  // checkpoints seen before
};

// Where pieces come from: `checkpoint`, and the names of tile.h. Appends the piece to out;
// SK_UNKNOWN when there is no such piece, SK_LIMIT when it is longer than out has room for, SK_IO
// when it cannot be read.
struct tile_source {
    void *self;
    enum sk_code (*read)(void *self, struct view path, struct buf *out);
};
// The piece that is the newest checkpoint which witnesses cosigned; it may be of fewer entries than
// `checkpoint`, and is not everywhere.
#define WHOLE_WITNESSED "checkpoint.witnessed"

// Told each entry in order, before the root is known: believe none of it until whole_check is
// SK_OK. What it returns ends the walk when it is not SK_OK. `leaf` may be NULL.
struct whole_reader {
    void *self;
    enum sk_code (*leaf)(void *self, uint64_t index, struct view leaf);
};

struct whole_task {
    const struct tile_source *source;
    const struct trust *trust;
    struct whole_reader reader;
    const struct view *seen; // notes of this log that somebody kept: older checkpoints, or this one
    size_t seen_len;         // at most WHOLE_SEEN_MAX
    bool hashes;             // the tiles alone: no entry is read, none is proven to be there
};

enum whole_piece {
    WHOLE_NONE,
    WHOLE_CHECKPOINT, // the checkpoint itself, or that all pieces agree on another root than its
    WHOLE_SEEN,       // a checkpoint seen before: the log was forked, or cut
    WHOLE_TILE,       // the entries are proven, this tile differs from them
    WHOLE_ENTRY,      // an entry, or the form of its bundle
};

struct whole_facts {
    struct view note;         // the checkpoint, in the arena
    struct trust_facts trust; // of it
    struct tree_hash root;    // computed again, of all entries
    uint64_t size, entries, tiles, bytes; // the checkpoint's; read and hashed; compared; read
    size_t seen;                          // checkpoints seen before that hold
    // The first place that differs.
    enum whole_piece differs;
    struct tile_name tile; // of a tile, or the bundle of an entry
    uint64_t entry;        // its index; of a tile the first entry below the hash
    size_t byte;           // of the piece
    size_t seen_at;        // which of `seen`
};

// SK_OK: all of it holds. SK_DENIED: all of it but the quorum; fail_text() names who is missing.
// SK_CORRUPT: something differs, fail_text() says what and where. SK_UNKNOWN: a piece is missing,
// or no listed log signed. Else what the source or the reader returned. The facts are filled as far
// as it went.
enum sk_code whole_check(const struct whole_task *task, struct arena *arena,
                         struct whole_facts *facts);
