#include "ledger/export.h"

#include <stdlib.h>

#include "ledger/store.h"
#include "ledger/transition.h"

struct level { // the tile that is being filled
    struct tree_hash items[TILE_WIDTH];
    unsigned len;
    uint64_t index;
};

struct exporter {
    const struct export_target *target;
    struct export_done *done;
    struct level levels[TILE_LEVELS];
    struct buf bundle; // of the entries that level 0 has hashes of
    uint64_t count;    // entries so far
    struct heads heads;
    struct checkpoint now, witnessed, old; // old: of an earlier export; no origin: there is none
    char old_note[NOTE_MAX];
};

// ---- hashes ----

// Of all entries so far: full subtrees from the right, the smallest first.
static void root_now(const struct exporter *exporter, struct tree_hash *out) {
    bool any = false;
    if (exporter->count == 0) hash_of("", 0, out->at);
    for (unsigned at = 0; at < TILE_LEVELS; at++) {
        const struct level *level = &exporter->levels[at];
        unsigned end = level->len;
        for (unsigned len = 1; end > 0; len *= 2) {
            struct tree_hash left;
            if (!(end & len)) continue;
            end -= len;
            tree_subtree(level->items + end, len, &left);
            if (any) tree_node(&left, out, out);
            else *out = left;
            any = true;
        }
    }
}

// ---- pieces ----

static enum sk_code put(struct exporter *exporter, const struct tile_name *name,
                        struct view bytes) {
    char text[TILE_NAME_MAX];
    struct buf path = buf_over(text, sizeof text);
    tile_name_put(name, &path);
    exporter->done->pieces++;
    return exporter->target->put(exporter->target->before.self, buf_view(&path), bytes);
}

static enum sk_code level_put(struct exporter *exporter, unsigned at) {
    const struct level *level = &exporter->levels[at];
    struct tile_name name = {false, (uint8_t)at, level->index, (uint16_t)level->len};
    struct tile_name bundle = {true, 0, level->index, (uint16_t)level->len};
    if (at == 0) TRY(put(exporter, &bundle, buf_view(&exporter->bundle)));
    return put(exporter, &name,
               (struct view){(const char *)level->items, level->len * sizeof *level->items});
}

// Full tiles are put, and their root is one more item above.
static enum sk_code levels_put(struct exporter *exporter) {
    for (unsigned at = 0; at < TILE_LEVELS && exporter->levels[at].len == TILE_WIDTH; at++) {
        struct level *level = &exporter->levels[at], *above = level + 1;
        TRY(level_put(exporter, at));
        must(at + 1 < TILE_LEVELS);
        tree_subtree(level->items, TILE_WIDTH, &above->items[above->len++]);
        level->len = 0;
        level->index++;
        if (at == 0) buf_reset(&exporter->bundle);
    }
    return SK_OK;
}

static enum sk_code rest_put(struct exporter *exporter) {
    for (unsigned at = 0; at < TILE_LEVELS; at++)
        if (exporter->levels[at].len > 0) TRY(level_put(exporter, at));
    return SK_OK;
}

static enum sk_code entry_put(struct exporter *exporter, struct view entry) {
    struct level *level = &exporter->levels[0];
    tile_entry_put(entry, &exporter->bundle);
    must(!exporter->bundle.over);
    tree_leaf(entry, &level->items[level->len++]);
    exporter->count++;
    return levels_put(exporter);
}

// ---- an earlier export ----

// One of its checkpoints. Who signed it is not asked: what it says is computed again from the log.
static enum sk_code old_take(struct exporter *exporter, struct view name, struct checkpoint *out) {
    const struct tile_source *before = &exporter->target->before;
    struct buf note = buf_over(exporter->old_note, sizeof exporter->old_note);
    enum sk_code code = before->read(before->self, name, &note);
    if (code == SK_UNKNOWN) return code;
    if (code == SK_OK) code = checkpoint_of(buf_view(&note), out);
    return code == SK_OK ? code : fail_within(code, "the checkpoint exported earlier");
}

static enum sk_code old_read(struct exporter *exporter) {
    enum sk_code code = old_take(exporter, VIEW("checkpoint"), &exporter->old);
    if (code == SK_UNKNOWN) return SK_OK;
    TRY(code);
    if (!view_same(exporter->old.origin, exporter->now.origin))
        return FAIL(SK_DENIED, "what was exported there is of the log %.*s, not %.*s",
                    (int)exporter->old.origin.len, exporter->old.origin.at,
                    (int)exporter->now.origin.len, exporter->now.origin.at);
    exporter->old.origin = exporter->now.origin; // the other goes
    if (exporter->old.size > exporter->now.size)
        return FAIL(SK_CORRUPT,
                    "%llu entries were exported there earlier, and the log has %llu: it was cut, "
                    "or is an old copy",
                    (unsigned long long)exporter->old.size,
                    (unsigned long long)exporter->now.size);
    exporter->done->before = exporter->old.size;
    return SK_OK;
}

// From where entries are read: behind the full tiles of the earlier export, unless witnesses
// cosigned since then what lies before.
static enum sk_code start_set(struct exporter *exporter) {
    const struct checkpoint *witnessed = &exporter->witnessed;
    struct checkpoint old;
    exporter->count = exporter->old.size / TILE_WIDTH * TILE_WIDTH;
    if (!witnessed->origin.at || witnessed->size >= exporter->count) return SK_OK;
    enum sk_code code = old_take(exporter, VIEW(WHOLE_WITNESSED), &old);
    if (code != SK_OK && code != SK_UNKNOWN) return code;
    bool same = code == SK_OK && old.size == witnessed->size &&
                memcmp(&old.root, &witnessed->root, sizeof old.root) == 0;
    if (!same) exporter->count = 0;
    return SK_OK;
}

// The hashes at its right edge, above the entries: what the full tiles below came to.
static enum sk_code edge_read(struct exporter *exporter) {
    const struct tile_source *before = &exporter->target->before;
    exporter->levels[0].index = exporter->count / TILE_WIDTH;
    for (unsigned at = 1; at < TILE_LEVELS; at++) {
        struct level *level = &exporter->levels[at];
        uint64_t items = tile_items(exporter->count, (uint8_t)at);
        level->len = (unsigned)(items % TILE_WIDTH);
        level->index = items / TILE_WIDTH;
        if (level->len == 0) continue;
        char text[TILE_NAME_MAX];
        struct buf path = buf_over(text, sizeof text);
        struct buf tile = buf_over(level->items, sizeof level->items);
        struct tile_name name = {false, (uint8_t)at, level->index, (uint16_t)level->len};
        tile_name_put(&name, &path);
        enum sk_code code = before->read(before->self, buf_view(&path), &tile);
        if (code == SK_OK && tile.len != level->len * sizeof *level->items)
            code = FAIL(SK_CORRUPT, "%zu bytes", tile.len);
        if (code != SK_OK)
            return fail_within(SK_CORRUPT, "what was exported earlier: %.*s", (int)path.len,
                               path.at);
    }
    return SK_OK;
}

static enum sk_code root_compare(const struct exporter *exporter,
                                 const struct checkpoint *checkpoint, const char *what) {
    struct tree_hash root;
    if (!checkpoint->origin.at || exporter->count != checkpoint->size) return SK_OK;
    root_now(exporter, &root);
    if (memcmp(&root, &checkpoint->root, sizeof root) == 0) return SK_OK;
    return FAIL(SK_CORRUPT, "the log's first %llu entries have another root than %s",
                (unsigned long long)checkpoint->size, what);
}

// ---- all of it ----

static enum sk_code entries_put(struct exporter *exporter, struct leaves *leaves) {
    const struct export_target *target = exporter->target;
    for (;;) {
        TRY(root_compare(exporter, &exporter->old, "what was exported there earlier"));
        TRY(root_compare(exporter, &exporter->witnessed, "what witnesses cosigned"));
        // Its own right edge, which the log has grown beyond.
        if (exporter->witnessed.origin.at && exporter->count == exporter->witnessed.size)
            TRY(rest_put(exporter));
        if (target->progress && exporter->count % TILE_WIDTH == 0)
            target->progress(target->before.self, exporter->count, exporter->now.size);
        if (exporter->count == exporter->now.size) return SK_OK;
        struct view leaf;
        TRY(leaves_next(leaves, &leaf));
        TRY(entry_put(exporter, leaf));
    }
}

static enum sk_code heads_take(struct exporter *exporter, struct world world,
                               const struct note_key *key) {
    const struct heads *heads = &exporter->heads;
    enum sk_code code = heads_read(&world, &exporter->heads);
    if (code == SK_UNKNOWN)
        return FAIL(code, "there is no log: its record 'released' is missing");
    TRY(code);
    exporter->now = heads->newest->checkpoint;
    exporter->witnessed = heads->witnessed.checkpoint;
    exporter->done->witnessed = exporter->witnessed.size;
    TRY(transition_signed(world, key, exporter->now.size, heads->newest->note));
    return heads->witnessed.note.len == 0 || heads->newest == &heads->witnessed
               ? SK_OK
               : transition_signed(world, key, exporter->now.size, heads->witnessed.note);
}

static enum sk_code checkpoints_put(struct exporter *exporter) {
    const struct export_target *target = exporter->target;
    struct view witnessed = exporter->heads.witnessed.note;
    if (witnessed.len > 0)
        TRY(target->put(target->before.self, VIEW(WHOLE_WITNESSED), witnessed));
    return target->put(target->before.self, VIEW("checkpoint"), exporter->heads.newest->note);
}

static enum sk_code export_run(struct exporter *exporter, struct world world,
                               const struct note_key *key) {
    TRY(heads_take(exporter, world, key));
    TRY(old_read(exporter));
    TRY(start_set(exporter));
    TRY(edge_read(exporter));
    TRY(buf_open(&exporter->bundle, TILE_MAX));
    struct leaves *leaves;
    TRY(leaves_open(&leaves, world, key->name, exporter->count, exporter->now.size));
    enum sk_code code = entries_put(exporter, leaves);
    leaves_close(leaves);
    TRY(code);
    TRY(root_compare(exporter, &exporter->now, "its checkpoint"));
    TRY(rest_put(exporter));
    exporter->done->size = exporter->now.size;
    return checkpoints_put(exporter);
}

enum sk_code export_log(struct world world, const struct note_key *key,
                        const struct export_target *target, struct export_done *done) {
    *done = (struct export_done){0};
    struct exporter *exporter = calloc(1, sizeof *exporter);
    if (!exporter) return FAIL(SK_LIMIT, "export: no memory");
    exporter->target = target;
    exporter->done = done;
    enum sk_code code = export_run(exporter, world, key);
    buf_close(&exporter->bundle);
    free(exporter);
    return code;
}
