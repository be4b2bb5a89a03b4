#include "ledger/backup.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/replace.h"
#include "base/text.h"
#include "ledger/store.h"

enum {
    WINDOW = 1 << 20, // of a segment; a whole frame has room
    FRAME_MAX = FRAME_SIZE + LEDGER_LEAF_MAX,
    LINE_MAX = 2 * HASH_LEN + 2 + 16, // of the manifest
    DAMAGE_MAX = 160,
};
static const char *const notes[] = {"log.vkey", "published", "released"}; // after the segments
enum { NOTES = sizeof notes / sizeof *notes };

// ---- small files ----

static enum sk_code file_read(struct world *world, const char *name, struct buf *out) {
    size_t len;
    buf_reset(out);
    TRY(file_read_at(world, name, 0, out->at, out->max, &len));
    if (len == out->max) return FAIL(SK_LIMIT, "%s: over %zu bytes", name, out->max - 1);
    buf_grow(out, len);
    return SK_OK;
}

static enum sk_code file_write(struct world *world, const char *name, struct view bytes) {
    int file;
    TRY(world->open(world->self, name, WORLD_CREATE | WORLD_EXCLUSIVE, &file));
    enum sk_code code = world->write(world->self, file, 0, bytes.at, bytes.len);
    if (code == SK_OK) code = world->sync(world->self, file);
    world->close(world->self, file);
    return code;
}

// ---- segments ----

struct copy {
    struct world *from, *to;
    struct segment_head head;
    uint32_t number;
    int source, target;
    struct buf window; // bytes of the source up to `offset`, not written yet
    uint64_t offset, written;
};

static enum sk_code damaged(const struct copy *copy) {
    return FAIL(SK_CORRUPT, "log.%06u: damaged at byte %llu", copy->number,
                (unsigned long long)copy->written);
}

// Writes the whole frames of the window, up to the end of the batch that leads to `limit`.
static enum sk_code frames_write(struct copy *copy, uint64_t limit, bool *end) {
    struct buf *window = &copy->window;
    struct frame frame;
    size_t at = 0;
    while (!*end && frame_take(view_from(buf_view(window), at), &frame)) {
        if (frame.nonce != copy->head.nonce) return damaged(copy);
        at += frame_size(&frame);
        *end = frame.type != FRAME_LEAF && frame.index == limit;
    }
    if (at == 0 && window->len >= FRAME_MAX) return damaged(copy);
    TRY(copy->to->write(copy->to->self, copy->target, copy->written, window->at, at));
    copy->written += at;
    memmove(window->at, window->at + at, window->len - at);
    window->len -= at;
    return SK_OK;
}

static enum sk_code frames_copy(struct copy *copy, uint64_t limit) {
    struct buf *window = &copy->window;
    bool end = false;
    while (!end) {
        size_t room = window->max - window->len, len = 0;
        TRY(copy->from->read(copy->from->self, copy->source, copy->offset,
                             window->at + window->len, room, &len));
        if (len == 0) return damaged(copy);
        buf_grow(window, len);
        copy->offset += len;
        TRY(frames_write(copy, limit, &end));
    }
    return copy->to->sync(copy->to->self, copy->target);
}

static enum sk_code segment_copy(struct copy *copy, uint64_t limit) {
    struct world *from = copy->from, *to = copy->to;
    char name[16];
    segment_name(copy->number, name);
    buf_reset(&copy->window);
    copy->offset = copy->written = 0;
    TRY(from->open(from->self, name, WORLD_READ, &copy->source));
    enum sk_code code =
        to->open(to->self, name, WORLD_CREATE | WORLD_EXCLUSIVE, &copy->target);
    if (code == SK_OK) {
        code = frames_copy(copy, limit);
        to->close(to->self, copy->target);
    }
    from->close(from->self, copy->source);
    return code;
}

// Each counts up to where the next begins, the last one up to the checkpoint.
static enum sk_code segments_copy(struct copy *copy, const char *origin, uint64_t size) {
    struct view of = view_of(origin);
    struct segment_head next;
    TRY(segment_head_read(copy->from, of, 0, &copy->head));
    for (;; copy->number++, copy->head = next) {
        enum sk_code code = segment_head_read(copy->from, of, copy->number + 1, &next);
        if (code != SK_OK && code != SK_UNKNOWN) return code;
        bool last = code == SK_UNKNOWN || next.first >= size;
        TRY(segment_copy(copy, last ? size : next.first));
        if (last) return SK_OK;
    }
}

// ---- the manifest ----

static enum sk_code file_digest(struct world *world, const char *name, struct buf *window,
                                uint64_t *bytes, uint8_t digest[HASH_LEN]) {
    struct hash hash;
    int file;
    size_t len = 0;
    TRY(world->open(world->self, name, WORLD_READ, &file));
    enum sk_code code = hash_open(&hash);
    if (code == SK_OK) hash_begin(&hash);
    for (uint64_t at = 0; code == SK_OK; at += len) {
        code = world->read(world->self, file, at, window->at, window->max, &len);
        if (code != SK_OK || len == 0) break;
        hash_more(&hash, window->at, len);
        *bytes += len;
    }
    if (code == SK_OK) hash_end(&hash, digest);
    hash_close(&hash);
    world->close(world->self, file);
    return code;
}

// One line of a file that is there.
static enum sk_code line_put(struct world *world, const char *name, struct buf *window,
                             struct backup_done *done, struct buf *out) {
    uint8_t digest[HASH_LEN];
    TRY(file_digest(world, name, window, &done->bytes, digest));
    hex_put(out, digest, HASH_LEN);
    buf_print(out, "  %s\n", name);
    return buf_check(out, BACKUP_MANIFEST);
}

static enum sk_code manifest_put(struct world *world, struct buf *window, struct backup_done *done,
                                 struct buf *out) {
    enum sk_code code = SK_OK;
    char name[16];
    for (; code == SK_OK && done->segments < SEGMENTS_MAX; done->segments++) {
        segment_name(done->segments, name);
        code = line_put(world, name, window, done, out);
        if (code == SK_UNKNOWN) break;
    }
    for (size_t i = 0; i < NOTES && (code == SK_OK || code == SK_UNKNOWN); i++)
        code = line_put(world, notes[i], window, done, out);
    TRY(code == SK_UNKNOWN ? SK_OK : code);
    hash_of(out->at, out->len, done->manifest);
    return SK_OK;
}

// ---- reading it again ----

static void hear(void *self, const struct scrub_damage *damage) {
    char *text = self;
    if (text[0]) return;
    snprintf(text, DAMAGE_MAX, "log.%06u byte %llu: %s", damage->segment,
             (unsigned long long)damage->offset, damage->what);
}

static enum sk_code log_check(struct world world, const struct note_key *key, uint64_t size) {
    char damage[DAMAGE_MAX] = "";
    struct scrub *scrub;
    struct scrub_found found = {.done = false};
    const struct scrub_task task = {.world = world, .key = key, .self = damage, .damaged = hear};
    TRY(scrub_open(&scrub, &task));
    enum sk_code code = SK_OK;
    while (code == SK_OK && !found.done && found.damaged == 0)
        code = scrub_step(scrub, WINDOW, &found);
    scrub_close(scrub);
    TRY(code);
    if (found.damaged) return FAIL(SK_CORRUPT, "%s", damage);
    if (found.leaves == size && found.tail == 0 && found.rooted) return SK_OK;
    return FAIL(SK_CORRUPT, "%llu leaves where %llu belong", (unsigned long long)found.leaves,
                (unsigned long long)size);
}

static enum sk_code released_take(struct world *world, const struct note_key *key,
                                  struct buf *note, struct checkpoint *out) {
    enum sk_code code = file_read(world, "released", note);
    if (code == SK_UNKNOWN)
        return FAIL(code, "there is no log: its record 'released' is missing");
    uint64_t time_s;
    if (code == SK_OK && note_signed(buf_view(note), key, &time_s) == SK_UNKNOWN)
        return FAIL(SK_CORRUPT, "released: signed by another key than %s of this log (its log.vkey "
                                "tells which): of another log, or of a key that was retired",
                    key->name);
    if (code == SK_OK) code = checkpoint_check(buf_view(note), key, out);
    return code == SK_OK ? SK_OK : fail_within(code, "released");
}

// Where the manifest that is there and that of the files part, a file is not what it was.
static enum sk_code manifest_compare(struct view there, struct view made) {
    struct view left = {0}, right = {0};
    for (;;) {
        bool more = view_cut(&there, '\n', &left), has = view_cut(&made, '\n', &right);
        if (!more && !has && there.len == 0) return SK_OK;
        if (more && has && view_same(left, right)) continue;
        struct view name = view_from(more ? left : right, 2 * HASH_LEN + 2);
        return FAIL(SK_CORRUPT, "%.*s is missing, or not as it was written", (int)name.len,
                    name.at);
    }
}

// ---- both ----

struct work {
    struct copy copy;
    struct buf manifest, old; // as the files are; as it stands there
    char released[LEDGER_NOTE_MAX + 1], published[NOTE_MAX + 1], key[512];
};

static enum sk_code work_open(struct work **out) {
    struct work *work = calloc(1, sizeof *work);
    if (!work) return FAIL(SK_LIMIT, "backup: no memory");
    *out = work;
    TRY(buf_open(&work->copy.window, WINDOW));
    TRY(buf_open(&work->manifest, (size_t)SEGMENTS_MAX * LINE_MAX));
    return buf_open(&work->old, (size_t)SEGMENTS_MAX * LINE_MAX);
}

static void work_close(struct work *work) {
    if (!work) return;
    buf_close(&work->copy.window);
    buf_close(&work->manifest);
    buf_close(&work->old);
    free(work);
}

static enum sk_code check(struct work *work, struct world world, const struct note_key *key,
                          struct backup_done *done) {
    struct buf note = buf_over(work->released, sizeof work->released);
    struct checkpoint now;
    enum sk_code code = file_read(&world, BACKUP_MANIFEST, &work->old);
    if (code == SK_UNKNOWN) return FAIL(code, "it is no backup: no " BACKUP_MANIFEST);
    TRY(code);
    TRY(manifest_put(&world, &work->copy.window, done, &work->manifest));
    TRY(manifest_compare(buf_view(&work->old), buf_view(&work->manifest)));
    TRY(released_take(&world, key, &note, &now));
    done->size = now.size;
    done->root = now.root;
    return log_check(world, key, now.size);
}

enum sk_code backup_check(struct world world, const struct note_key *key,
                          struct backup_done *done) {
    struct work *work = NULL;
    *done = (struct backup_done){0};
    enum sk_code code = work_open(&work);
    if (code == SK_OK) code = check(work, world, key, done);
    work_close(work);
    return code;
}

static enum sk_code notes_copy(struct work *work, const struct note_key *key,
                               struct view released, struct view published) {
    struct world *to = work->copy.to;
    struct buf text = buf_over(work->key, sizeof work->key);
    note_key_write(key, &text);
    buf_put_char(&text, '\n');
    must(!text.over);
    TRY(file_write(to, "log.vkey", buf_view(&text)));
    if (published.len) TRY(file_write(to, "published", published));
    return file_write(to, "released", released);
}

static enum sk_code make(struct work *work, const struct note_key *key, struct backup_done *done) {
    struct world *from = work->copy.from, *to = work->copy.to;
    struct buf released = buf_over(work->released, sizeof work->released),
               published = buf_over(work->published, sizeof work->published);
    struct checkpoint now;
    TRY(released_take(from, key, &released, &now));
    enum sk_code code = file_read(from, "published", &published);
    if (code != SK_OK && code != SK_UNKNOWN) return code;
    TRY(segments_copy(&work->copy, key->name, now.size));
    TRY(notes_copy(work, key, buf_view(&released), buf_view(&published)));
    TRY(manifest_put(to, &work->copy.window, done, &work->manifest));
    TRY(file_write(to, BACKUP_MANIFEST, buf_view(&work->manifest)));
    TRY(to->sync_directory(to->self));
    done->size = now.size;
    done->root = now.root;
    return log_check(*to, key, now.size);
}

enum sk_code backup_make(struct world from, struct world to, const struct note_key *key,
                         struct backup_done *done) {
    struct work *work = NULL;
    *done = (struct backup_done){0};
    enum sk_code code = work_open(&work);
    if (code == SK_OK) {
        work->copy.from = &from;
        work->copy.to = &to;
        code = make(work, key, done);
    }
    work_close(work);
    return code;
}

bool backup_is(struct world world) {
    int file;
    if (world.open(world.self, BACKUP_MANIFEST, WORLD_READ, &file) != SK_OK) return false;
    world.close(world.self, file);
    return true;
}
