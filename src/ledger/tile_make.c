// Tiles of the log: hashes from the tree in memory, entries from the segments.
#include "ledger/store.h"

_Static_assert(TILE_MAX == TILE_WIDTH * (2 + LEDGER_LEAF_MAX), "the largest bundle of entries");
_Static_assert(LEDGER_LEAVES_MAX < 1LL << TILE_HEIGHT * TILE_LEVELS, "no level more");

enum sk_code ledger_entries(struct ledger *ledger, uint64_t from, unsigned count,
                            struct buf *out) {
    for (uint64_t index = from; index < from + count; index++) {
        size_t at = out->len;
        if (!buf_room(out, 2)) break;
        TRY(ledger_leaf(ledger, index, out));
        size_t len = out->len - at - 2;
        out->at[at] = (char)(len >> 8);
        out->at[at + 1] = (char)(len & 0xff);
    }
    return buf_check(out, "tile");
}

enum sk_code ledger_tile(struct ledger *ledger, const struct tile_name *name, struct buf *out) {
    must(name->width > 0 && name->width <= TILE_WIDTH);
    if (!tile_of(ledger->size, name))
        return FAIL(SK_UNKNOWN, "ledger: a log of %llu leaves has no such tile",
                    (unsigned long long)ledger->size);
    uint64_t from = name->index * TILE_WIDTH;
    if (name->entries) return ledger_entries(ledger, from, name->width, out);
    const struct tree_hash *hashes = tree_hashes(&ledger->tree, TILE_HEIGHT * name->level, from);
    buf_put(out, hashes, name->width * sizeof *hashes);
    return buf_check(out, "tile");
}
