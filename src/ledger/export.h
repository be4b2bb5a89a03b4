// Export: a log directory as the pieces of C2SP tlog-tiles, for places that have no node: a web
// server, an archive, a stick.
//
// Holds nothing of the log. Promises: what its newest checkpoint proves is exported, all of it, and
// nothing else: `checkpoint` is handed over last, after its root was computed again from the
// entries; before it WHOLE_WITNESSED, where witnesses cosigned one, with the pieces of that size
// too. What an earlier export has is not made again, and the log must continue it. Refuses: a log
// that is damaged, or another one, or shorter than what was exported. The log's directory is only
// read, also while its node writes there.
#pragma once
#include "ledger/leaves.h"
#include "ledger/whole.h"

// Where pieces go. The earlier export is read as a tile_source: its `checkpoint`, and tiles of
// hashes at its right edge. SK_UNKNOWN for `checkpoint`: there is none.
struct export_target {
    struct tile_source before; // self is also of the others
    // A piece in its place. Checkpoints must not be seen before the pieces put earlier.
    enum sk_code (*put)(void *self, struct view path, struct view bytes);
    void (*progress)(void *self, uint64_t entries, uint64_t all); // may be NULL
};

struct export_done {
    uint64_t before, size; // entries of the earlier export, and now
    uint64_t witnessed;    // of the newest checkpoint that witnesses cosigned; 0: there is none
    uint64_t pieces;       // that were put, but for checkpoints
};

// `key`: the log's, or one before or after it by the key transitions that are its leaves.
enum sk_code export_log(struct world world, const struct note_key *key,
                        const struct export_target *target, struct export_done *done);
