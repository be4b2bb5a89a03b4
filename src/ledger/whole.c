#include "ledger/whole.h"

#include <stdio.h>
#include <stdlib.h>

#include "ledger/ledger.h"

enum { HEIGHTS = 31 }; // of full subtrees
_Static_assert(LEDGER_LEAVES_MAX <= 1 << 30, "heights 0 to 30");

struct seen {
    uint64_t size;
    struct tree_hash root;
    size_t at; // in the task
};

// The first place of a kind that differs; `why` is empty while there is none.
struct fault {
    struct tile_name tile;
    uint64_t entry;
    size_t byte;
    char why[256];
};

struct walk {
    const struct whole_task *task;
    struct whole_facts *facts;
    struct buf bundle, tile;
    struct level {
        struct tree_hash items[TILE_WIDTH]; // of the tile that is being filled
        unsigned len;
        uint64_t index;
    } *levels;
    uint64_t count;             // entries so far
    struct tree_hash *frontier; // where bit h of count is set: the newest full subtree of 2^h
    size_t starts[TILE_WIDTH];  // bytes of the bundle at which its entries begin
    struct seen *seen;
    size_t seen_at; // of the next one in order of size
    // An entry that is not what its tile says, a tile that is not what its entries lead to, a
    // checkpoint that is of other entries: which of them is wrong is known when the root is.
    struct fault entry, hash, before;
};

static enum sk_code name_read(struct walk *walk, const struct tile_name *name, struct buf *out) {
    char text[TILE_NAME_MAX];
    struct buf path = buf_over(text, sizeof text);
    tile_name_put(name, &path);
    buf_reset(out);
    enum sk_code code = walk->task->source->read(walk->task->source->self, buf_view(&path), out);
    walk->facts->bytes += out->len;
    return code;
}

// A part of a tile that its log deleted stands at the beginning of the whole tile.
static enum sk_code piece_read(struct walk *walk, const struct tile_name *name, struct buf *out,
                               bool *whole) {
    enum sk_code code = name_read(walk, name, out);
    *whole = code == SK_UNKNOWN && name->width < TILE_WIDTH;
    if (*whole) {
        struct tile_name full = *name;
        full.width = TILE_WIDTH;
        code = name_read(walk, &full, out);
    }
    if (code != SK_UNKNOWN && code != SK_LIMIT) return code;
    walk->facts->differs = name->entries ? WHOLE_ENTRY : WHOLE_TILE;
    walk->facts->tile = *name;
    walk->facts->entry = name->index * TILE_WIDTH << TILE_HEIGHT * name->level;
    return fail_within(code == SK_LIMIT ? SK_CORRUPT : code, "log");
}

static void fault_set(struct fault *fault, const struct tile_name *name, uint64_t entry,
                      size_t byte, const char *what) {
    char text[TILE_NAME_MAX];
    struct buf path = buf_over(text, sizeof text);
    if (fault->why[0]) return;
    fault->tile = *name;
    fault->entry = entry;
    fault->byte = byte;
    tile_name_put(name, &path);
    snprintf(fault->why, sizeof fault->why, "%.*s, byte %zu (entry %llu): %s", (int)path.len,
             path.at, byte, (unsigned long long)entry, what);
}

static enum sk_code fault_say(struct walk *walk, enum whole_piece piece,
                              const struct fault *fault) {
    struct whole_facts *facts = walk->facts;
    facts->differs = piece;
    facts->tile = fault->tile;
    facts->entry = fault->entry;
    facts->byte = fault->byte;
    return FAIL(SK_CORRUPT, "log: %s", fault->why);
}

// ---- hashes ----

// The entries' tile as the source has it, beside what the entries hash to.
static enum sk_code tile_compare(struct walk *walk, unsigned at, const struct tile_name *asked) {
    struct level *level = &walk->levels[at];
    struct tile_name name = *asked;
    bool whole;
    TRY(piece_read(walk, &name, &walk->tile, &whole));
    size_t need = (size_t)name.width * HASH_LEN;
    if (whole) name.width = TILE_WIDTH;
    walk->facts->tiles++;
    unsigned same = 0, most = (unsigned)(walk->tile.len / HASH_LEN);
    while (same < level->len && same < most &&
           memcmp(walk->tile.at + (size_t)same * HASH_LEN, &level->items[same], HASH_LEN) == 0)
        same++;
    bool right = whole ? walk->tile.len == (size_t)TILE_WIDTH * HASH_LEN : walk->tile.len == need;
    if (right && same == level->len) return SK_OK;
    uint64_t entry = (name.index * TILE_WIDTH + same) << TILE_HEIGHT * at;
    size_t byte = (size_t)same * HASH_LEN;
    while (same < level->len && byte < walk->tile.len && byte % HASH_LEN < HASH_LEN - 1 &&
           walk->tile.at[byte] == (char)level->items[same].at[byte % HASH_LEN])
        byte++;
    fault_set(&walk->hash, &name, entry, byte,
              right ? "it is not the hash of what is below it" : "the tile has another length");
    if (at == 0 && same < level->len && same < most) {
        struct tile_name bundle = {true, 0, name.index, asked->width};
        fault_set(&walk->entry, &bundle, entry, walk->starts[same],
                  "this entry is not the one that was logged");
    }
    return SK_OK;
}

static enum sk_code tile_done(struct walk *walk, unsigned at) {
    struct level *level = &walk->levels[at];
    struct tile_name name = {false, (uint8_t)at, level->index, (uint16_t)level->len};
    if (at > 0 || !walk->task->hashes) TRY(tile_compare(walk, at, &name));
    level->len = 0;
    level->index++;
    return SK_OK;
}

// The hash of a full subtree of 2^height entries that was just completed.
static void item_put(struct walk *walk, unsigned height, const struct tree_hash *hash) {
    if (height % TILE_HEIGHT) return;
    struct level *level = &walk->levels[height / TILE_HEIGHT];
    must(level->len < TILE_WIDTH);
    level->items[level->len++] = *hash;
}

static void root_now(const struct walk *walk, struct tree_hash *out) {
    bool any = false;
    if (walk->count == 0) hash_of("", 0, out->at);
    for (unsigned h = 0; h < HEIGHTS; h++) {
        if (!(walk->count >> h & 1)) continue;
        if (any) tree_node(&walk->frontier[h], out, out);
        else *out = walk->frontier[h];
        any = true;
    }
}

// Checkpoints seen before that are of as many entries as there are now.
static void seen_compare(struct walk *walk) {
    struct tree_hash root;
    bool made = false;
    for (; walk->seen_at < walk->task->seen_len; walk->seen_at++) {
        const struct seen *seen = &walk->seen[walk->seen_at];
        if (seen->size != walk->count) return;
        if (!made) root_now(walk, &root);
        made = true;
        if (memcmp(&root, &seen->root, sizeof root) == 0) {
            walk->facts->seen++;
        } else if (!walk->before.why[0]) {
            walk->facts->seen_at = seen->at;
            snprintf(walk->before.why, sizeof walk->before.why,
                     "it is forked: a checkpoint that it signed has other entries among the first "
                     "%llu (checkpoint %zu of those given)",
                     (unsigned long long)seen->size, seen->at + 1);
        }
    }
}

static void leaf_put(struct walk *walk, struct tree_hash hash) {
    item_put(walk, 0, &hash);
    unsigned h = 0;
    for (; walk->count >> h & 1; h++) {
        tree_node(&walk->frontier[h], &hash, &hash);
        item_put(walk, h + 1, &hash);
    }
    walk->frontier[h] = hash;
    walk->count++;
    seen_compare(walk);
}

// ---- entries ----

// One entry of the bundle from *at on; false when it is cut or too long.
static bool entry_take(struct view bundle, size_t *at, struct view *entry) {
    const unsigned char *bytes = (const unsigned char *)bundle.at + *at;
    if (bundle.len - *at < 2) return false;
    size_t len = (size_t)bytes[0] << 8 | bytes[1];
    if (len > LEDGER_LEAF_MAX || bundle.len - *at - 2 < len) return false;
    *entry = (struct view){bundle.at + *at + 2, len};
    *at += 2 + len;
    return true;
}

static enum sk_code bundle_walk(struct walk *walk, const struct tile_name *name, bool whole) {
    struct view bundle = buf_view(&walk->bundle), entry;
    const struct whole_reader *reader = &walk->task->reader;
    uint64_t from = name->index * TILE_WIDTH;
    size_t at = 0;
    struct fault form = {0};
    for (unsigned i = 0; i < name->width && !form.why[0]; i++) {
        walk->starts[i] = at;
        if (!entry_take(bundle, &at, &entry)) {
            fault_set(&form, name, from + i, at, "no whole entry begins here");
            break;
        }
        if (reader->leaf) TRY(reader->leaf(reader->self, from + i, entry));
        struct tree_hash hash;
        tree_leaf(entry, &hash);
        leaf_put(walk, hash);
        walk->facts->entries++;
    }
    if (!whole && at < bundle.len)
        fault_set(&form, name, from + name->width - 1, at, "something follows the last entry");
    if (!form.why[0]) return SK_OK;
    // Where lengths no longer fit, an entry before may be the one that was changed.
    struct tile_name tile = {false, 0, name->index, name->width};
    if (tile_compare(walk, 0, &tile) == SK_OK && walk->entry.why[0])
        return fault_say(walk, WHOLE_ENTRY, &walk->entry);
    return fault_say(walk, WHOLE_ENTRY, &form);
}

// Leaves' hashes as a tile has them, where entries are not asked for.
static enum sk_code hashes_walk(struct walk *walk, const struct tile_name *entries) {
    struct tile_name name = *entries;
    bool whole;
    name.entries = false;
    TRY(piece_read(walk, &name, &walk->tile, &whole));
    size_t need = (size_t)(whole ? TILE_WIDTH : name.width) * HASH_LEN;
    if (walk->tile.len != need) {
        struct fault form = {0};
        fault_set(&form, &name, walk->count, walk->tile.len < need ? walk->tile.len : need,
                  "the tile has another length");
        return fault_say(walk, WHOLE_TILE, &form);
    }
    for (unsigned i = 0; i < name.width; i++) {
        struct tree_hash hash;
        memcpy(&hash, walk->tile.at + (size_t)i * HASH_LEN, sizeof hash);
        leaf_put(walk, hash);
    }
    walk->facts->tiles++;
    return SK_OK;
}

// Tiles that the entries so far completed; at the end, those that stay in part.
static enum sk_code tiles_done(struct walk *walk) {
    bool end = walk->count == walk->facts->size;
    for (unsigned at = 0; at < TILE_LEVELS; at++) {
        unsigned len = walk->levels[at].len;
        if (len == TILE_WIDTH || (end && len > 0)) TRY(tile_done(walk, at));
    }
    return SK_OK;
}

static enum sk_code entries_walk(struct walk *walk) {
    while (walk->count < walk->facts->size) {
        uint64_t left = walk->facts->size - walk->count;
        struct tile_name name = {.entries = true,
                                 .index = walk->count / TILE_WIDTH,
                                 .width = (uint16_t)(left < TILE_WIDTH ? left : TILE_WIDTH)};
        bool whole;
        if (walk->task->hashes) {
            TRY(hashes_walk(walk, &name));
        } else {
            TRY(piece_read(walk, &name, &walk->bundle, &whole));
            TRY(bundle_walk(walk, &name, whole));
        }
        TRY(tiles_done(walk));
    }
    return SK_OK;
}

// ---- checkpoints ----

static int seen_order(const void *a, const void *b) {
    const struct seen *left = a, *right = b;
    return (left->size > right->size) - (left->size < right->size);
}

// Only what a log of this origin signed counts; whether witnesses saw it too does not matter here.
static enum sk_code seen_read(struct walk *walk) {
    struct whole_facts *facts = walk->facts;
    for (size_t i = 0; i < walk->task->seen_len; i++) {
        struct trust_facts trust;
        enum sk_code code = trust_check(walk->task->trust, walk->task->seen[i], &trust);
        if (code != SK_OK && code != SK_DENIED)
            return fail_within(code, "checkpoint %zu of those given", i + 1);
        if (!view_same(trust.checkpoint.origin, facts->trust.checkpoint.origin))
            return FAIL(SK_INPUT, "checkpoint %zu of those given: it is of log %.*s", i + 1,
                        (int)trust.checkpoint.origin.len, trust.checkpoint.origin.at);
        walk->seen[i] = (struct seen){trust.checkpoint.size, trust.checkpoint.root, i};
    }
    qsort(walk->seen, walk->task->seen_len, sizeof *walk->seen, seen_order);
    return SK_OK;
}

static enum sk_code log_cut(struct walk *walk) {
    const struct seen *seen = &walk->seen[walk->seen_at];
    walk->facts->differs = WHOLE_SEEN;
    walk->facts->seen_at = seen->at;
    return FAIL(SK_CORRUPT,
                "log: it is cut or forked: it has %llu entries, a checkpoint that it signed "
                "%llu (checkpoint %zu of those given); or this is a copy from before then",
                (unsigned long long)walk->count, (unsigned long long)seen->size, seen->at + 1);
}

// The root tells which of two pieces that differ is the wrong one.
static enum sk_code root_compare(struct walk *walk) {
    struct whole_facts *facts = walk->facts;
    root_now(walk, &facts->root);
    if (memcmp(&facts->root, &facts->trust.checkpoint.root, sizeof facts->root) != 0) {
        if (walk->entry.why[0]) return fault_say(walk, WHOLE_ENTRY, &walk->entry);
        if (walk->hash.why[0]) return fault_say(walk, WHOLE_TILE, &walk->hash);
        facts->differs = WHOLE_CHECKPOINT;
        return FAIL(SK_CORRUPT, "log: all its pieces agree on another root than its checkpoint");
    }
    if (walk->before.why[0]) return fault_say(walk, WHOLE_SEEN, &walk->before);
    if (walk->seen_at < walk->task->seen_len) return log_cut(walk);
    return walk->hash.why[0] ? fault_say(walk, WHOLE_TILE, &walk->hash) : SK_OK;
}

static enum sk_code checkpoint_take(struct walk *walk, struct arena *arena, enum sk_code *quorum) {
    struct whole_facts *facts = walk->facts;
    const struct tile_source *source = walk->task->source;
    char *bytes = arena_take_raw(arena, NOTE_MAX, 1);
    if (!bytes) return SK_LIMIT;
    struct buf note = buf_over(bytes, NOTE_MAX);
    TRY(source->read(source->self, VIEW("checkpoint"), &note));
    facts->note = buf_view(&note);
    facts->bytes += note.len;
    *quorum = trust_check(walk->task->trust, facts->note, &facts->trust);
    if (*quorum != SK_OK && *quorum != SK_DENIED) {
        facts->differs = WHOLE_CHECKPOINT;
        return *quorum;
    }
    facts->size = facts->trust.checkpoint.size;
    if (facts->size > LEDGER_LEAVES_MAX)
        return FAIL(SK_LIMIT, "log: %llu entries > %d", (unsigned long long)facts->size,
                    LEDGER_LEAVES_MAX);
    return SK_OK;
}

static enum sk_code walk_room(struct walk *walk, struct arena *arena) {
    char *bundle = arena_take_raw(arena, TILE_MAX, 1);
    char *tile = arena_take_raw(arena, TILE_WIDTH, HASH_LEN);
    walk->levels = arena_take(arena, TILE_LEVELS, sizeof *walk->levels);
    walk->frontier = arena_take(arena, HEIGHTS, sizeof *walk->frontier);
    walk->seen = arena_take(arena, WHOLE_SEEN_MAX, sizeof *walk->seen);
    if (!bundle || !tile || !walk->levels || !walk->frontier || !walk->seen) return SK_LIMIT;
    walk->bundle = buf_over(bundle, TILE_MAX);
    walk->tile = buf_over(tile, (size_t)TILE_WIDTH * HASH_LEN);
    return SK_OK;
}

enum sk_code whole_check(const struct whole_task *task, struct arena *arena,
                         struct whole_facts *facts) {
    enum sk_code quorum = SK_OK;
    struct walk walk = {.task = task, .facts = facts};
    char missing[256];
    *facts = (struct whole_facts){0};
    must(task->seen_len <= WHOLE_SEEN_MAX);
    TRY(walk_room(&walk, arena));
    TRY(checkpoint_take(&walk, arena, &quorum));
    snprintf(missing, sizeof missing, "%s", quorum == SK_DENIED ? fail_text() : "");
    TRY(seen_read(&walk));
    seen_compare(&walk);
    TRY(entries_walk(&walk));
    TRY(root_compare(&walk));
    return quorum == SK_OK ? SK_OK : FAIL(quorum, "%s", missing);
}
