// Leaves: those of a log directory, read in order, also while a node writes there.
//
// Holds one open segment and a window on it. Promises: nothing is written or locked; a leaf comes
// out as its frame says it went in (CRC-32C). That the leaves are those that were signed is for
// the caller to compute: their root is the checkpoint's, or they are damaged. Refuses: leaves from
// `size` on, which need not be durable yet.
#pragma once
#include "base/world.h"
#include "ledger/note.h"

struct leaves;

// From leaf `first` to before `size`, first <= size. SK_UNKNOWN: the directory has no log of this
// origin with that leaf.
enum sk_code leaves_open(struct leaves **leaves, struct world world, const char *origin,
                         uint64_t first, uint64_t size);
// The next one, valid until the next call. SK_UNKNOWN after the last; SK_CORRUPT: it is damaged.
enum sk_code leaves_next(struct leaves *leaves, struct view *out);
// Of the leaf that came last: its segment, and the byte of the file at which its frame begins.
void leaves_place(const struct leaves *leaves, uint32_t *segment, uint64_t *offset);
void leaves_close(struct leaves *leaves);
