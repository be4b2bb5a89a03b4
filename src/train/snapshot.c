#include "train/snapshot.h"

#include <stdio.h>
#include <string.h>

#include "base/wire.h"

enum { PIECE = 1 << 20, WHY_MAX = 512 };

static const char magic[] = "sekisho checkpoint 1\n";
// As they are looked for. The last is whole where an end came before it was renamed.
static const char *const names[] = {"checkpoint", "checkpoint.old", "checkpoint.new"};
enum { NEWEST, OLDER, NEW };

// ---- the head ----

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void head_put(const struct snapshot *c, struct buf *out) {
    buf_put(out, magic, sizeof magic - 1);
    wire_put_u64(out, c->step);
    wire_put_u64(out, c->tokens);
    wire_put_u64(out, bits_of(c->seconds));
    wire_put_u64(out, bits_of(c->best));
    wire_put_u64(out, c->best_step);
    for (int i = 0; i < RECIPE_SOURCES_MAX; i++) wire_put_u64(out, c->cursor.drawn[i]);
    buf_put(out, c->data, HASH_LEN);
    buf_put(out, c->base, HASH_LEN);
    wire_put_text(out, c->recipe);
    wire_put_u32(out, c->blocks_len);
    for (uint32_t i = 0; i < c->blocks_len; i++) wire_put_u64(out, c->block[i].bytes);
}

enum sk_code snapshot_head(struct view bytes, struct snapshot *out, uint64_t *len) {
    struct wire wire = wire_over(bytes);
    struct view begin = wire_take_bytes(&wire, sizeof magic - 1), data, base;
    *out = (struct snapshot){0};
    if (wire.bad || !view_is(begin, magic))
        return FAIL(SK_CORRUPT, "no checkpoint of this version");
    out->step = wire_take_u64(&wire);
    out->tokens = wire_take_u64(&wire);
    out->seconds = from_bits(wire_take_u64(&wire));
    out->best = from_bits(wire_take_u64(&wire));
    out->best_step = wire_take_u64(&wire);
    for (int i = 0; i < RECIPE_SOURCES_MAX; i++) out->cursor.drawn[i] = wire_take_u64(&wire);
    data = wire_take_bytes(&wire, HASH_LEN);
    base = wire_take_bytes(&wire, HASH_LEN);
    out->recipe = wire_take_text(&wire, SNAPSHOT_HEAD_MAX);
    out->blocks_len = wire_take_u32(&wire);
    if (wire.bad || out->blocks_len > SNAPSHOT_BLOCKS_MAX)
        return FAIL(SK_CORRUPT, "the head is damaged");
    memcpy(out->data, data.at, HASH_LEN);
    memcpy(out->base, base.at, HASH_LEN);
    for (uint32_t i = 0; i < out->blocks_len; i++) out->block[i].bytes = wire_take_u64(&wire);
    if (wire.bad || out->tokens > UINT64_C(1) << 56)
        return FAIL(SK_CORRUPT, "the head is damaged");
    *len = (uint64_t)((const char *)wire.at - bytes.at);
    return SK_OK;
}

// ---- writing ----

struct writer {
    const struct world *world;
    int file;
    uint64_t at;
    struct hash hash;
};

static enum sk_code put(struct writer *w, const void *bytes, uint64_t len) {
    const char *at = bytes;
    for (uint64_t i = 0; i < len; i += PIECE) {
        size_t piece = (size_t)(len - i < PIECE ? len - i : PIECE);
        hash_more(&w->hash, at + i, piece);
        TRY(w->world->write(w->world->self, w->file, w->at, at + i, piece));
        TRY(w->world->writeback(w->world->self, w->file, w->at, piece));
        w->at += piece;
    }
    return SK_OK;
}

static enum sk_code put_all(struct writer *w, const struct snapshot *c) {
    struct buf head = {0};
    uint8_t digest[HASH_LEN];
    TRY(buf_open(&head, SNAPSHOT_HEAD_MAX));
    head_put(c, &head);
    hash_begin(&w->hash);
    enum sk_code code = buf_check(&head, "a checkpoint's head");
    if (code == SK_OK) code = put(w, head.at, head.len);
    buf_close(&head);
    for (uint32_t i = 0; i < c->blocks_len && code == SK_OK; i++)
        code = put(w, c->block[i].at, c->block[i].bytes);
    TRY(code);
    hash_end(&w->hash, digest);
    TRY(w->world->write(w->world->self, w->file, w->at, digest, HASH_LEN));
    return w->world->sync(w->world->self, w->file);
}

static enum sk_code file_put(const struct snapshot *c, const struct world *world) {
    struct writer w = {.world = world};
    TRY(hash_open(&w.hash));
    enum sk_code code = world->open(world->self, names[NEW], WORLD_CREATE, &w.file);
    if (code == SK_OK) {
        code = world->truncate(world->self, w.file, 0);
        if (code == SK_OK) code = put_all(&w, c);
        world->close(world->self, w.file);
    }
    hash_close(&w.hash);
    return code;
}

static enum sk_code names_move(const struct world *world) {
    enum sk_code code = world->rename(world->self, names[NEWEST], names[OLDER]);
    if (code != SK_OK && code != SK_UNKNOWN) return code;
    TRY(world->rename(world->self, names[NEW], names[NEWEST]));
    return world->sync_directory(world->self);
}

enum sk_code snapshot_save(const struct snapshot *checkpoint, const struct world *world) {
    enum sk_code code = file_put(checkpoint, world);
    if (code == SK_OK) code = names_move(world);
    if (code == SK_OK) return SK_OK;
    fail_within(code, "the checkpoint of step %llu is not written (the one before stands)",
                (unsigned long long)checkpoint->step);
    char why[WHY_MAX];
    snprintf(why, sizeof why, "%s", fail_text());
    world->remove(world->self, names[NEW]); // room for others on a full disk
    return FAIL(code, "%s", why);
}

// ---- reading ----

static enum sk_code whole_check(const struct snapshot_file *file, uint64_t size, char *piece) {
    const struct world *world = file->world;
    struct hash hash;
    uint8_t want[HASH_LEN], is[HASH_LEN];
    size_t got = 0;
    if (size < HASH_LEN) return FAIL(SK_CORRUPT, "it is cut short");
    uint64_t end = size - HASH_LEN;
    TRY(hash_open(&hash));
    hash_begin(&hash);
    enum sk_code code = SK_OK;
    for (uint64_t at = 0; at < end && code == SK_OK; at += got) {
        size_t len = (size_t)(end - at < PIECE ? end - at : PIECE);
        code = world->read(world->self, file->file, at, piece, len, &got);
        if (code == SK_OK && got != len) code = FAIL(SK_CORRUPT, "it became shorter");
        if (code == SK_OK) hash_more(&hash, piece, got);
    }
    hash_end(&hash, is);
    hash_close(&hash);
    TRY(code);
    TRY(world->read(world->self, file->file, end, want, HASH_LEN, &got));
    if (got == HASH_LEN && memcmp(want, is, HASH_LEN) == 0) return SK_OK;
    return FAIL(SK_CORRUPT, "its digest does not fit: it is torn or damaged");
}

static enum sk_code head_read(struct snapshot_file *file, uint64_t size, char *bytes,
                              struct snapshot *out) {
    const struct world *world = file->world;
    size_t got, len = size < SNAPSHOT_HEAD_MAX ? (size_t)size : SNAPSHOT_HEAD_MAX;
    TRY(world->read(world->self, file->file, 0, bytes, len, &got));
    TRY(snapshot_head((struct view){bytes, got}, out, &file->blocks_at));
    uint64_t at = file->blocks_at;
    for (uint32_t i = 0; i < out->blocks_len; i++) {
        if (out->block[i].bytes > size - at)
            return FAIL(SK_CORRUPT, "block %u is longer than the file", i);
        at += out->block[i].bytes;
    }
    return at + HASH_LEN == size ? SK_OK : FAIL(SK_CORRUPT, "bytes are left over");
}

// `room`: SNAPSHOT_HEAD_MAX bytes, which then hold the head.
static enum sk_code one_open(struct snapshot_file *file, char *room, struct snapshot *out) {
    const struct world *world = file->world;
    uint64_t size;
    TRY(world->open(world->self, file->name, WORLD_READ, &file->file));
    enum sk_code code = world->size(world->self, file->file, &size);
    if (code == SK_OK) code = whole_check(file, size, room);
    if (code == SK_OK) code = head_read(file, size, room, out);
    if (code == SK_OK) return SK_OK;
    snapshot_close(file);
    return fail_within(code, "%s", file->name);
}

enum sk_code snapshot_open(struct snapshot_file *file, const struct world *world,
                           struct arena *arena, struct snapshot *out) {
    enum sk_code code = SK_UNKNOWN;
    char *room = arena_take_raw(arena, SNAPSHOT_HEAD_MAX, 1), why[WHY_MAX] = "";
    if (!room) return SK_LIMIT;
    for (int i = NEWEST; i <= NEW; i++) {
        *file = (struct snapshot_file){.world = world, .name = names[i], .file = -1};
        enum sk_code one = one_open(file, room, out);
        if (one == SK_OK) return SK_OK;
        // One that was never renamed may be torn: nobody counted on it.
        if (one == SK_UNKNOWN || code != SK_UNKNOWN || i == NEW) continue;
        code = one;
        snprintf(why, sizeof why, "%s", fail_text());
    }
    if (code == SK_UNKNOWN) return FAIL(code, "no checkpoint is there");
    return FAIL(code, "%s, and no other is whole: --fresh begins anew", why);
}

enum sk_code snapshot_read(const struct snapshot_file *file, const struct snapshot *into) {
    const struct world *world = file->world;
    uint64_t at = file->blocks_at;
    for (uint32_t i = 0; i < into->blocks_len; i++) {
        size_t got;
        TRY(world->read(world->self, file->file, at, into->block[i].at, into->block[i].bytes,
                        &got));
        if (got != into->block[i].bytes) return FAIL(SK_CORRUPT, "%s: cut short", file->name);
        at += got;
    }
    return SK_OK;
}

void snapshot_close(struct snapshot_file *file) {
    if (file->world && file->file >= 0) file->world->close(file->world->self, file->file);
    file->file = -1;
}
