#include "ledger/source.h"

#include <stdio.h>
#include <stdlib.h>

#include "ledger/store.h"

struct log_source {
    struct leaves *leaves;
    struct heads heads;
    uint64_t count; // entries that were read
    struct level {
        struct tree_hash items[TILE_WIDTH]; // of the tile that is being filled, or was filled last
        uint64_t index;
        unsigned len;
    } levels[TILE_LEVELS];
};

enum sk_code log_source_open(struct world world, struct log_source **out) {
    struct log_source *log = calloc(1, sizeof *log);
    char origin[LEDGER_ORIGIN_MAX + 1];
    if (!log) return FAIL(SK_LIMIT, "log: no memory");
    enum sk_code code = heads_read(&world, &log->heads);
    if (code == SK_OK) {
        const struct checkpoint *newest = &log->heads.newest->checkpoint;
        snprintf(origin, sizeof origin, "%.*s", (int)newest->origin.len, newest->origin.at);
        code = newest->origin.len > LEDGER_ORIGIN_MAX
                   ? FAIL(SK_INPUT, "origin of %zu bytes > %d", newest->origin.len,
                          LEDGER_ORIGIN_MAX)
                   : leaves_open(&log->leaves, world, origin, 0, newest->size);
    }
    if (code == SK_OK) *out = log;
    else log_source_close(log);
    return code;
}

void log_source_close(struct log_source *log) {
    if (!log) return;
    leaves_close(log->leaves);
    free(log);
}

// One more hash on its level. What filled a tile stands in it until the next comes.
static void item_put(struct log_source *log, unsigned at, const struct tree_hash *hash) {
    struct tree_hash one = *hash;
    for (; at < TILE_LEVELS; at++) {
        struct level *level = &log->levels[at];
        if (level->len == TILE_WIDTH) {
            level->len = 0;
            level->index++;
        }
        level->items[level->len++] = one;
        if (level->len < TILE_WIDTH) return;
        tree_subtree(level->items, TILE_WIDTH, &one);
    }
}

static enum sk_code out_of_order(void) {
    return FAIL(SK_CORRUPT, "log: a piece was asked for out of order");
}

static enum sk_code bundle_read(struct log_source *log, const struct tile_name *name,
                                struct buf *out) {
    if (log->count != name->index * TILE_WIDTH) return out_of_order();
    for (unsigned i = 0; i < name->width; i++) {
        struct view leaf;
        struct tree_hash hash;
        enum sk_code code = leaves_next(log->leaves, &leaf);
        if (code == SK_UNKNOWN) code = SK_CORRUPT; // its size says that it is there
        if (code != SK_OK) return fail_within(code, "log");
        tile_entry_put(leaf, out);
        tree_leaf(leaf, &hash);
        item_put(log, 0, &hash);
        log->count++;
    }
    return out->over ? FAIL(SK_LIMIT, "bundle") : SK_OK;
}

static enum sk_code piece_read(void *self, struct view path, struct buf *out) {
    struct log_source *log = self;
    struct tile_name name;
    bool witnessed = view_is(path, WHOLE_WITNESSED);
    if (witnessed || view_is(path, "checkpoint")) {
        struct view note = witnessed ? log->heads.witnessed.note : log->heads.newest->note;
        if (note.len == 0) return FAIL(SK_UNKNOWN, "no witness cosigned it");
        buf_put_view(out, note);
        return out->over ? FAIL(SK_LIMIT, "checkpoint") : SK_OK;
    }
    if (!tile_name_take(path, &name) || name.level >= TILE_LEVELS) return out_of_order();
    if (name.entries) return bundle_read(log, &name, out);
    const struct level *level = &log->levels[name.level];
    if (level->index != name.index || level->len != name.width) return out_of_order();
    buf_put(out, level->items, name.width * sizeof *level->items);
    return out->over ? FAIL(SK_LIMIT, "tile") : SK_OK;
}

struct tile_source log_source_pieces(struct log_source *log) {
    return (struct tile_source){log, piece_read};
}
