#include "ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/wire.h"
#include "ledger/store.h"

enum {
    // The anti-rollback record is written with a commit, at most every so often: it costs a rename.
    RELEASE_US = 10 * 1000000,
    RELEASE_LEAVES = 65536,
};

// ---- batches ----

void batch_put(struct ledger *ledger, struct view leaf) {
    struct tree_hash hash;
    tree_leaf(leaf, &hash);
    struct place place = {ledger->segment, (uint32_t)(ledger->end + ledger->batch.len)};
    buf_put(&ledger->places, &place, sizeof place);
    frame_put(&ledger->batch, &(struct frame){.type = FRAME_LEAF,
                                              .rank = (uint16_t)(ledger->tree.size - ledger->size),
                                              .index = ledger->tree.size,
                                              .nonce = ledger->nonce,
                                              .payload = leaf});
    tree_put(&ledger->tree, &hash);
    must(!ledger->batch.over && !ledger->places.over);
}

void batch_end(struct ledger *ledger, struct tree_hash *root) {
    tree_root(&ledger->tree, ledger->tree.size, root);
    frame_put(&ledger->batch, &(struct frame){.type = FRAME_BATCH,
                                              .rank = (uint16_t)(ledger->tree.size - ledger->size),
                                              .index = ledger->tree.size,
                                              .nonce = ledger->nonce,
                                              .payload = {(const char *)root->at, HASH_LEN}});
    must(!ledger->batch.over);
}

void batch_done(struct ledger *ledger, const struct tree_hash *root) {
    ledger->size = ledger->tree.size;
    ledger->root = *root;
}

// Writes what of the open batch is not in the file yet; each byte once.
static enum sk_code batch_pour(struct ledger *ledger) {
    struct world *world = &ledger->world;
    struct view rest = view_from(buf_view(&ledger->batch), ledger->ahead);
    TRY(world->write(world->self, ledger->file, ledger->end + ledger->ahead, rest.at, rest.len));
    ledger->ahead += rest.len;
    return SK_OK;
}

// A long batch goes to the disk while it is still being hashed: 4,096 leaves of 400 bytes take 13 %
// less time. Nothing is promised by it. The frames are followed by no batch frame, so until the one
// sync at the end, which covers all of them and tells of a writeback that failed before it, they
// are the torn tail that recovery drops.
static enum sk_code batch_ahead(struct ledger *ledger) {
    struct world *world = &ledger->world;
    size_t from = ledger->ahead;
    if (ledger->batch.len - from < ledger->ahead_min) return SK_OK;
    TRY(batch_pour(ledger));
    return world->writeback(world->self, ledger->file, ledger->end + from, ledger->ahead - from);
}

static enum sk_code batch_write(struct ledger *ledger) {
    struct world *world = &ledger->world;
    struct tree_hash root;
    batch_end(ledger, &root);
    TRY(batch_pour(ledger));
    TRY(world->sync(world->self, ledger->file));
    ledger->end += ledger->batch.len;
    ledger->ahead = 0;
    buf_reset(&ledger->batch);
    batch_done(ledger, &root);
    return SK_OK;
}

// ---- segments ----

enum sk_code segment_begin(struct ledger *ledger, uint32_t number) {
    must(ledger->batch.len == 0 && ledger->tree.size == ledger->size);
    if (number >= SEGMENTS_MAX)
        return FAIL(SK_LIMIT, "ledger: more than %d segments", SEGMENTS_MAX);
    TRY(ledger->world.random(ledger->world.self, &ledger->nonce, sizeof ledger->nonce));
    ledger->segment = number;
    ledger->end = 0;
    char bytes[4 + HASH_LEN + LEDGER_ORIGIN_MAX];
    struct buf payload = buf_over(bytes, sizeof bytes);
    wire_put_u32(&payload, number);
    buf_put(&payload, ledger->root.at, HASH_LEN);
    buf_put_text(&payload, ledger->name.name);
    must(!payload.over);
    frame_put(&ledger->batch, &(struct frame){.type = FRAME_SEGMENT,
                                              .index = ledger->size,
                                              .nonce = ledger->nonce,
                                              .payload = buf_view(&payload)});
    return SK_OK;
}

static void segment_close(struct ledger *ledger, int *file) {
    if (*file >= 0) ledger->world.close(ledger->world.self, *file);
    *file = -1;
}

enum sk_code segment_make(struct ledger *ledger) {
    static const char segment_new[] = "log.new";
    struct world *world = &ledger->world;
    segment_close(ledger, &ledger->file);
    TRY(world->open(world->self, segment_new, WORLD_CREATE, &ledger->file));
    TRY(world->truncate(world->self, ledger->file, 0));
    TRY(world->write(world->self, ledger->file, 0, ledger->batch.at, ledger->batch.len));
    TRY(world->sync(world->self, ledger->file));
    char name[16];
    segment_name(ledger->segment, name);
    TRY(world->rename(world->self, segment_new, name));
    TRY(world->sync_directory(world->self));
    ledger->end = ledger->batch.len;
    buf_reset(&ledger->batch);
    return SK_OK;
}

// ---- opening ----

static enum sk_code options_check(struct ledger_options *options) {
    if (options->segment_max == 0) options->segment_max = SEGMENT_DEFAULT;
    if (options->leaves_max == 0) options->leaves_max = LEAVES_DEFAULT;
    if (options->ahead_min == 0) options->ahead_min = AHEAD_DEFAULT;
    if (options->segment_max > SEGMENT_LIMIT)
        return FAIL(SK_INPUT, "ledger: segment_max %llu > %d",
                    (unsigned long long)options->segment_max, SEGMENT_LIMIT);
    uint64_t leaves = options->leaves_max;
    if ((leaves & (leaves - 1)) || leaves > LEDGER_LEAVES_MAX)
        return FAIL(SK_INPUT, "ledger: leaves_max %llu is no power of two up to %d",
                    (unsigned long long)leaves, LEDGER_LEAVES_MAX);
    return SK_OK;
}

static enum sk_code ledger_start(struct ledger *ledger, const struct ledger_options *options,
                                 struct ledger_found *found) {
    TRY(note_key_of(options->origin, NOTE_ED25519, options->key->public, &ledger->name));
    TRY(tree_open(&ledger->tree, options->leaves_max));
    TRY(buf_open(&ledger->places, (size_t)options->leaves_max * sizeof(struct place)));
    TRY(buf_open(&ledger->batch, BATCH_BYTES));
    tree_root(&ledger->tree, 0, &ledger->root);
    return ledger_recover(ledger, found);
}

enum sk_code ledger_open(struct ledger **ledger, struct world world, struct ledger_options options,
                         struct ledger_found *found) {
    *ledger = NULL;
    *found = (struct ledger_found){0};
    TRY(options_check(&options));
    if (backup_is(world))
        return FAIL(SK_DENIED, "ledger: this is a backup (" BACKUP_MANIFEST "), and to go on with "
                               "it would fork the log: sekisho ledger restore");
    struct ledger *made = calloc(1, sizeof *made);
    if (!made) return FAIL(SK_LIMIT, "ledger: no memory");
    made->world = world;
    made->key = options.key;
    made->segment_max = options.segment_max;
    made->ahead_min = options.ahead_min;
    made->file = made->read_file = -1;
    made->noted_size = UINT64_MAX;
    enum sk_code code = ledger_start(made, &options, found);
    made->poisoned = code != SK_OK;
    if (code != SK_OK) ledger_close(made);
    else *ledger = made;
    return code;
}

void ledger_close(struct ledger *ledger) {
    if (!ledger) return;
    // Best effort: without it the record is only older.
    if (!ledger->poisoned) (void)ledger_release(ledger);
    segment_close(ledger, &ledger->file);
    segment_close(ledger, &ledger->read_file);
    buf_close(&ledger->batch);
    buf_close(&ledger->places);
    tree_close(&ledger->tree);
    free(ledger);
}

// ---- writing ----

static enum sk_code ledger_ready(const struct ledger *ledger) {
    return ledger->poisoned ? FAIL(SK_IO, "ledger: stopped by '%s'", ledger->cause) : SK_OK;
}

static enum sk_code ledger_poison(struct ledger *ledger, enum sk_code code) {
    if (code == SK_OK) return SK_OK;
    ledger->poisoned = true;
    snprintf(ledger->cause, sizeof ledger->cause, "%s", fail_text());
    return code;
}

enum sk_code ledger_append(struct ledger *ledger, struct view leaf, uint64_t *index) {
    TRY(ledger_ready(ledger));
    if (leaf.len > LEDGER_LEAF_MAX)
        return FAIL(SK_LIMIT, "leaf of %zu bytes > %d", leaf.len, LEDGER_LEAF_MAX);
    if (ledger->tree.size - ledger->size == LEDGER_BATCH_MAX)
        return FAIL(SK_LIMIT, "batch: more than %d leaves", LEDGER_BATCH_MAX);
    if (ledger->tree.size == ledger->tree.max)
        return FAIL(SK_LIMIT, "ledger: more than %llu leaves: begin a successor log",
                    (unsigned long long)ledger->tree.max);
    *index = ledger->tree.size;
    batch_put(ledger, leaf);
    return ledger_poison(ledger, batch_ahead(ledger));
}

static bool release_due(const struct ledger *ledger) {
    struct world world = ledger->world;
    return ledger->size - ledger->released_size >= RELEASE_LEAVES ||
           world.monotonic_us(world.self) - ledger->released_us >= RELEASE_US;
}

enum sk_code ledger_commit(struct ledger *ledger) {
    TRY(ledger_ready(ledger));
    if (ledger->tree.size == ledger->size) return SK_OK;
    enum sk_code code = batch_write(ledger);
    if (code == SK_OK && ledger->end >= ledger->segment_max) {
        code = segment_begin(ledger, ledger->segment + 1);
        if (code == SK_OK) code = segment_make(ledger);
    }
    if (code == SK_OK && release_due(ledger)) code = released_write(ledger);
    return ledger_poison(ledger, code);
}

enum sk_code ledger_release(struct ledger *ledger) {
    TRY(ledger_ready(ledger));
    if (ledger->released_size == ledger->size) return SK_OK;
    return ledger_poison(ledger, released_write(ledger));
}

// ---- reading ----

uint64_t ledger_size(const struct ledger *ledger) { return ledger->size; }

uint32_t ledger_segments(const struct ledger *ledger) { return ledger->segment + 1; }

void ledger_root(const struct ledger *ledger, struct tree_hash *out) { *out = ledger->root; }

const struct note_key *ledger_key(const struct ledger *ledger) { return &ledger->name; }

void ledger_sign_by(struct ledger *ledger, const struct sign_key *key,
                    const struct sign_key *also) {
    const char *origin = ledger->name.name;
    struct note_key name;
    must(note_key_of(origin, NOTE_ED25519, key->public, &name) == SK_OK);
    must(!also || note_key_of(origin, NOTE_ED25519, also->public, &ledger->also_name) == SK_OK);
    ledger->name = name;
    ledger->key = key;
    ledger->also = also;
    ledger->noted_size = ledger->released_size = UINT64_MAX; // both are signed otherwise
}

void ledger_publish(struct ledger *ledger, struct view note, uint64_t size) {
    must(size <= ledger->size);
    ledger->published = note;
    ledger->published_size = size;
}

struct view ledger_published(struct ledger *ledger) {
    return ledger->published.len ? ledger->published : ledger_checkpoint(ledger);
}

struct view ledger_checkpoint(struct ledger *ledger) {
    if (ledger->noted_size != ledger->size) {
        ledger->note = buf_over(ledger->note_text, sizeof ledger->note_text);
        checkpoint_sign(ledger->name.name, ledger->size, &ledger->root, &ledger->name, ledger->key,
                        &ledger->note);
        if (ledger->also) {
            struct view text, lines;
            must(note_split(buf_view(&ledger->note), &text, &lines) == SK_OK);
            note_sign(text, &ledger->also_name, ledger->also, &ledger->note);
        }
        must(!ledger->note.over);
        ledger->noted_size = ledger->size;
    }
    return buf_view(&ledger->note);
}

static enum sk_code segment_find(struct ledger *ledger, uint32_t number, int *file) {
    *file = ledger->file;
    if (number == ledger->segment) return SK_OK;
    if (ledger->read_file < 0 || ledger->read_segment != number) {
        segment_close(ledger, &ledger->read_file);
        char name[16];
        segment_name(number, name);
        TRY(ledger->world.open(ledger->world.self, name, WORLD_READ, &ledger->read_file));
        ledger->read_segment = number;
    }
    *file = ledger->read_file;
    return SK_OK;
}

static enum sk_code ledger_has(const struct ledger *ledger, uint64_t index, uint64_t size) {
    if (index < size && size <= ledger->size) return SK_OK;
    return FAIL(SK_UNKNOWN, "ledger: no leaf %llu of %llu in a log of %llu",
                (unsigned long long)index, (unsigned long long)size,
                (unsigned long long)ledger->size);
}

static struct place place_of(const struct ledger *ledger, uint64_t index) {
    struct place place;
    memcpy(&place, ledger->places.at + index * sizeof place, sizeof place);
    return place;
}

// How many bytes the frame at `place` has at most: up to the next leaf of its segment.
static size_t place_reach(const struct ledger *ledger, uint64_t index, struct place place) {
    size_t max = FRAME_SIZE + LEDGER_LEAF_MAX;
    if (index + 1 == ledger->size) return max;
    struct place next = place_of(ledger, index + 1);
    bool near = next.segment == place.segment && next.offset - place.offset < max;
    return near ? next.offset - place.offset : max;
}

enum sk_code ledger_leaf(struct ledger *ledger, uint64_t index, struct buf *out) {
    TRY(ledger_has(ledger, index, ledger->size));
    struct place place = place_of(ledger, index);
    int file;
    TRY(segment_find(ledger, place.segment, &file));
    char bytes[FRAME_SIZE + LEDGER_LEAF_MAX];
    size_t len = place_reach(ledger, index, place);
    TRY(ledger->world.read(ledger->world.self, file, place.offset, bytes, len, &len));
    struct frame frame;
    struct tree_hash hash;
    bool whole = frame_take((struct view){bytes, len}, &frame) && frame.type == FRAME_LEAF;
    if (whole) tree_leaf(frame.payload, &hash);
    // Disks rot: what is handed out is what the tree was built from.
    if (!whole || memcmp(&hash, tree_leaf_at(&ledger->tree, index), sizeof hash) != 0)
        return FAIL(SK_CORRUPT, "ledger: leaf %llu is damaged on disk", (unsigned long long)index);
    buf_put_view(out, frame.payload);
    return buf_check(out, "leaf");
}

enum sk_code ledger_inclusion(struct ledger *ledger, uint64_t index, uint64_t size,
                              struct tree_hash proof[LEDGER_PROOF_MAX], size_t *proof_len) {
    TRY(ledger_has(ledger, index, size));
    *proof_len = tree_inclusion(&ledger->tree, index, size, proof);
    return SK_OK;
}

enum sk_code ledger_consistency(struct ledger *ledger, uint64_t size1, uint64_t size2,
                                struct tree_hash proof[LEDGER_PROOF_MAX], size_t *proof_len) {
    if (size1 == 0 || size1 > size2 || size2 > ledger->size)
        return FAIL(SK_UNKNOWN, "ledger: no proof from %llu to %llu in a log of %llu",
                    (unsigned long long)size1, (unsigned long long)size2,
                    (unsigned long long)ledger->size);
    *proof_len = tree_consistency(&ledger->tree, size1, size2, proof);
    return SK_OK;
}
