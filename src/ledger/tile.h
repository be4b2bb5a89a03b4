// Tiles: the tree and the leaves in pieces of 256, named and laid out as C2SP tlog-tiles has them.
//
//   tile/<level>/<index>[.p/<width>]    hashes: item i is the root of the 256^level leaves from
//                                       (256 x index + i) x 256^level on
//   tile/entries/<index>[.p/<width>]    leaves: u16 big-endian length, then the bytes, of each
//
// index is groups of three digits, all but the last after an 'x' (x001/x234/067); ".p/<width>" is
// the first 1 to 255 items of a tile. Promises: one name for one tile, one tile for one name; what
// is written otherwise is none. A tile is derived: nothing of it lies on disk as such.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

enum {
    TILE_HEIGHT = 8,                // levels of the tree in one tile
    TILE_WIDTH = 1 << TILE_HEIGHT,  // items of a full tile
    TILE_LEVELS = 4,                // that LEDGER_LEAVES_MAX entries can begin
    TILE_LEVEL_MAX = 63,            // that a name can have
    TILE_NAME_MAX = 64,             // bytes of the longest name
    TILE_MAX = TILE_WIDTH * (2 + 16384), // bytes of the largest: LEDGER_LEAF_MAX each, framed
};

struct tile_name {
    bool entries;   // leaves, not hashes: level is 0
    uint8_t level;
    uint64_t index;
    uint16_t width; // items; TILE_WIDTH = full
};

// The tile that all of `path` names; false when it names none.
bool tile_name_take(struct view path, struct tile_name *out);
void tile_name_put(const struct tile_name *name, struct buf *out);

// How many items the tiles of `level` have in all in a log of `size` leaves: index x TILE_WIDTH +
// width of a tile that exists is never more.
static inline uint64_t tile_items(uint64_t size, uint8_t level) {
    return level < 64 / TILE_HEIGHT ? size >> TILE_HEIGHT * level : 0;
}

// An entry as a bundle of entries has it, appended.
void tile_entry_put(struct view entry, struct buf *out);

struct ledger;
// Whether a log of `size` leaves fills it.
static inline bool tile_of(uint64_t size, const struct tile_name *name) {
    uint64_t items = tile_items(size, name->level);
    return name->index <= items / TILE_WIDTH && name->index * TILE_WIDTH + name->width <= items;
}

// `count` durable leaves from `from` on, as a bundle of entries has them: a large one can be made
// in steps. SK_UNKNOWN, SK_CORRUPT as below.
enum sk_code ledger_entries(struct ledger *ledger, uint64_t from, unsigned count, struct buf *out);
// The bytes of a tile of the durable leaves, of any width they fill. SK_UNKNOWN when they do not;
// SK_CORRUPT when the disk no longer has the leaves the tree was built from.
enum sk_code ledger_tile(struct ledger *ledger, const struct tile_name *name, struct buf *out);
