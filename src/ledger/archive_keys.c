// The key file. A key is sealed by one derived from the epoch key and a nonce of its own, so no
// sealing key serves twice; the epoch key likewise, by one derived from the archive key.
//
// Erasing, and changing the archive key: kept.keys.new is written whole and synced, in steps;
// commits between them add to kept.keys, and so to what is to be copied. Then kept.keys
// becomes kept.keys.old, the new one takes its name, the directory is synced; then the old one is
// overwritten, synced and removed.
// Wherever that is cut, the next open finds a whole kept.keys, or none and a whole kept.keys.new.
#include <string.h>

#include "base/wire.h"
#include "ledger/archive_parts.h"

enum {
    MAGIC = 0x4b4b4b53, // SKKK
    VERSION = 1,
    HEAD_CLEAR = 24 + ARCHIVE_NONCE,
    ROW_CLEAR = 32 + ARCHIVE_NONCE,
    SEALED_KEY = SECRET_KEY_LEN + SECRET_EXTRA_LEN,
    WIPE_PIECE = 1 << 16,
};
static const uint64_t WIPED = UINT64_MAX; // overwritten, and the name is gone
_Static_assert(HEAD_CLEAR + SEALED_KEY == ARCHIVE_HEAD, "head");
_Static_assert(ROW_CLEAR + SEALED_KEY == ARCHIVE_ROW, "row");

static struct view bytes_of(const void *at, size_t len) { return (struct view){at, len}; }

// A key that seals what stands after `clear` and nothing else: a nonce is in it.
static const uint8_t *derive(struct archive *archive, const uint8_t key[SECRET_KEY_LEN],
                             const char *what, struct view clear) {
    const struct view parts[] = {VIEW("sekisho/archive/v1 "), view_of(what), clear};
    hmac_of(key, parts, 3, archive->secret->derived);
    return archive->secret->derived;
}

void archive_key_id(const uint8_t key[SECRET_KEY_LEN], uint8_t id[ARCHIVE_ID_LEN]) {
    const struct view parts[] = {VIEW("sekisho/archive/v1 id")};
    uint8_t whole[HASH_LEN];
    hmac_of(key, parts, 1, whole);
    memcpy(id, whole, ARCHIVE_ID_LEN);
}

// ---- one key ----

static enum sk_code row_clear_put(struct archive *archive, const struct archive_row *row,
                                  struct buf *out) {
    uint8_t nonce[ARCHIVE_NONCE];
    TRY(archive->world.random(archive->world.self, nonce, sizeof nonce));
    wire_put_u64(out, row->open);
    wire_put_u64(out, (uint64_t)row->expires_s);
    wire_put_u32(out, row->segment);
    wire_put_u32(out, row->len);
    wire_put_u64(out, row->offset);
    buf_put(out, nonce, sizeof nonce);
    return SK_OK;
}

static enum sk_code key_put_under(struct archive *archive, const uint8_t epoch[SECRET_KEY_LEN],
                                  const struct archive_row *row, struct buf *out) {
    size_t from = out->len;
    TRY(row_clear_put(archive, row, out));
    struct view clear = view_from(buf_view(out), from);
    uint8_t *sealed = (uint8_t *)buf_room(out, SEALED_KEY);
    must(sealed != NULL);
    secret_seal(derive(archive, epoch, "key", clear), clear,
                bytes_of(archive->secret->data, SECRET_KEY_LEN), sealed);
    secret_wipe(archive->secret->derived);
    return SK_OK;
}

enum sk_code archive_key_put(struct archive *archive, const struct archive_row *row,
                             struct buf *out) {
    return key_put_under(archive, archive->secret->epoch, row, out);
}

static bool key_unseal(struct archive *archive, const char bytes[ARCHIVE_ROW]) {
    struct view clear = {bytes, ROW_CLEAR};
    bool good = secret_unseal(derive(archive, archive->secret->epoch, "key", clear), clear,
                              (struct view){bytes + ROW_CLEAR, SEALED_KEY}, archive->secret->data);
    secret_wipe(archive->secret->derived);
    return good;
}

static void row_take(const char bytes[ARCHIVE_ROW], uint64_t at, struct archive_row *row) {
    struct wire wire = wire_over((struct view){bytes, ARCHIVE_ROW});
    row->open = wire_take_u64(&wire);
    row->expires_s = (int64_t)wire_take_u64(&wire);
    row->segment = wire_take_u32(&wire);
    row->len = wire_take_u32(&wire);
    row->offset = wire_take_u64(&wire);
    row->at = at;
    row->anew = 0;
}

static enum sk_code read_exactly(struct world *world, int file, uint64_t at, void *out,
                                 size_t len) {
    size_t got;
    TRY(world->read(world->self, file, at, out, len, &got));
    return got == len ? SK_OK : FAIL(SK_CORRUPT, "archive: its key file is cut off");
}

enum sk_code archive_key_take(struct archive *archive, const struct archive_row *row) {
    char bytes[ARCHIVE_ROW];
    TRY(read_exactly(&archive->world, archive->keys_file, row->at, bytes, sizeof bytes));
    if (key_unseal(archive, bytes)) return SK_OK;
    return FAIL(SK_CORRUPT, "archive: the key of %llu is damaged", (unsigned long long)row->open);
}

// ---- the head ----

static enum sk_code head_make(struct archive *archive, uint64_t epoch, uint32_t first,
                              uint8_t head[ARCHIVE_HEAD]) {
    struct buf out = buf_over(head, ARCHIVE_HEAD);
    uint8_t nonce[ARCHIVE_NONCE];
    TRY(archive->world.random(archive->world.self, nonce, sizeof nonce));
    TRY(archive->world.random(archive->world.self, archive->secret->fresh, SECRET_KEY_LEN));
    wire_put_u32(&out, MAGIC);
    wire_put_u32(&out, VERSION);
    wire_put_u64(&out, epoch);
    wire_put_u32(&out, first);
    wire_put_u32(&out, 0);
    buf_put(&out, nonce, sizeof nonce);
    struct view clear = buf_view(&out);
    secret_seal(derive(archive, archive->secret->archive, "epoch", clear), clear,
                bytes_of(archive->secret->fresh, SECRET_KEY_LEN), head + HEAD_CLEAR);
    secret_wipe(archive->secret->derived);
    return SK_OK;
}

static enum sk_code head_read(struct archive *archive) {
    const char *head = (const char *)archive->head;
    struct view clear = {head, HEAD_CLEAR};
    TRY(read_exactly(&archive->world, archive->keys_file, 0, archive->head, ARCHIVE_HEAD));
    struct wire wire = wire_over(bytes_of(archive->head, ARCHIVE_HEAD));
    if (wire_take_u32(&wire) != MAGIC || wire_take_u32(&wire) != VERSION)
        return FAIL(SK_CORRUPT, "archive: %s is no key file", ARCHIVE_KEYS);
    archive->epoch = wire_take_u64(&wire);
    archive->first = wire_take_u32(&wire);
    bool good = secret_unseal(derive(archive, archive->secret->archive, "epoch", clear), clear,
                              (struct view){head + HEAD_CLEAR, SEALED_KEY}, archive->secret->epoch);
    secret_wipe(archive->secret->derived);
    if (good) return SK_OK;
    return FAIL(SK_DENIED,
                "archive: %s is damaged, or of another archive key (`sekisho key archive rotate` "
                "ends a change that was cut short)",
                ARCHIVE_KEYS);
}

// ---- gone ----

// What was written under the name is overwritten before the name goes: `max` bytes more, from *at
// on, which is then where it goes on, or WIPED.
static enum sk_code wipe_some(struct archive *archive, const char *name, uint64_t *at,
                              uint64_t max) {
    static const char nothing[WIPE_PIECE];
    struct world *world = &archive->world;
    uint64_t size = 0, from = *at;
    int file;
    enum sk_code code = world->open(world->self, name, 0, &file);
    *at = WIPED;
    if (code == SK_UNKNOWN) return SK_OK;
    TRY(code);
    code = world->size(world->self, file, &size);
    uint64_t end = code == SK_OK && size > from && size - from > max ? from + max : size;
    while (code == SK_OK && from < end) {
        size_t len = end - from < sizeof nothing ? (size_t)(end - from) : sizeof nothing;
        code = world->write(world->self, file, from, nothing, len);
        from += len;
    }
    if (code == SK_OK) code = world->sync(world->self, file);
    world->close(world->self, file);
    TRY(archive_told(code, name));
    if (end < size) {
        *at = end;
        return SK_OK;
    }
    TRY(world->remove(world->self, name));
    return archive_told(world->sync_directory(world->self), name);
}

static enum sk_code wipe(struct archive *archive, const char *name) {
    uint64_t at = 0;
    return wipe_some(archive, name, &at, UINT64_MAX);
}

// ---- the whole file ----

static enum sk_code piece_write(struct archive *archive) {
    struct buf *piece = &archive->keys;
    struct archive_again *again = &archive->again;
    TRY(archive_told(archive->world.write(archive->world.self, again->file, again->end, piece->at,
                                          piece->len),
                     ARCHIVE_KEYS_NEW));
    again->end += piece->len;
    buf_reset(piece);
    return SK_OK;
}

enum sk_code archive_again_begin(struct archive *archive) {
    struct world *world = &archive->world;
    struct archive_again *again = &archive->again;
    must(archive->pending == 0 && again->stage == AGAIN_NONE);
    TRY(head_make(archive, archive->epoch + 1, archive->first, archive->head));
    TRY(world->open(world->self, ARCHIVE_KEYS_NEW, WORLD_CREATE, &again->file));
    again->stage = AGAIN_COPY;
    again->end = again->next = 0;
    TRY(archive_told(world->truncate(world->self, again->file, 0), ARCHIVE_KEYS_NEW));
    buf_put(&archive->keys, archive->head, ARCHIVE_HEAD);
    return piece_write(archive);
}

// The keys of those that are left, and of those that came meanwhile.
static enum sk_code copy_some(struct archive *archive, size_t max) {
    struct archive_again *again = &archive->again;
    struct buf *piece = &archive->keys; // nothing is pending: it is empty
    for (; max > 0 && again->next < archive->rows_len; again->next++) {
        struct archive_row *row = &archive->rows[again->next];
        if (row->anew) continue;
        TRY(archive_key_take(archive, row));
        TRY(key_put_under(archive, archive->secret->fresh, row, piece));
        row->anew = again->end + piece->len - ARCHIVE_ROW;
        max--;
        if (piece->max - piece->len < ARCHIVE_ROW) TRY(piece_write(archive));
    }
    if (piece->len) TRY(piece_write(archive));
    return archive_told(archive->world.sync(archive->world.self, again->file), ARCHIVE_KEYS_NEW);
}

static enum sk_code names_change(struct archive *archive) {
    struct world *world = &archive->world;
    struct archive_again *again = &archive->again;
    bool older = archive->keys_file >= 0;
    world->close(world->self, again->file);
    again->file = -1;
    if (older) world->close(world->self, archive->keys_file);
    archive->keys_file = -1;
    enum sk_code code = SK_OK;
    if (older) code = world->rename(world->self, ARCHIVE_KEYS, ARCHIVE_KEYS_OLD);
    if (code == SK_OK) code = world->rename(world->self, ARCHIVE_KEYS_NEW, ARCHIVE_KEYS);
    if (code == SK_OK) code = world->sync_directory(world->self);
    TRY(archive_told(code, ARCHIVE_KEYS));
    TRY(world->open(world->self, ARCHIVE_KEYS, 0, &archive->keys_file));
    memcpy(archive->secret->epoch, archive->secret->fresh, SECRET_KEY_LEN);
    secret_wipe(archive->secret->fresh);
    archive->epoch++;
    archive->keys_end = again->end;
    for (size_t i = 0; i < archive->rows_len; i++) {
        archive->rows[i].at = archive->rows[i].anew;
        archive->rows[i].anew = 0;
    }
    again->stage = AGAIN_WIPE;
    again->end = 0;
    return SK_OK;
}

enum sk_code archive_again_step(struct archive *archive, size_t keys) {
    struct archive_again *again = &archive->again;
    must(archive->pending == 0);
    if (again->stage == AGAIN_COPY) {
        enum sk_code code = copy_some(archive, keys);
        secret_wipe(archive->secret->data);
        buf_reset(&archive->keys);
        TRY(code);
        return again->next == archive->rows_len ? names_change(archive) : SK_OK;
    }
    TRY(wipe_some(archive, ARCHIVE_KEYS_OLD, &again->end, keys * (uint64_t)ARCHIVE_ROW));
    if (again->end == WIPED) again->stage = AGAIN_NONE;
    return SK_OK;
}

enum sk_code archive_again(struct archive *archive) {
    TRY(archive_again_begin(archive));
    while (archive->again.stage != AGAIN_NONE)
        TRY(archive_again_step(archive, ARCHIVE_RECORDS_MAX));
    return SK_OK;
}

// A key of an unfinished commit is no key; nor is one that was damaged since.
static enum sk_code rows_read(struct archive *archive) {
    struct world *world = &archive->world;
    uint64_t size;
    TRY(world->size(world->self, archive->keys_file, &size));
    archive->keys_end = ARCHIVE_HEAD;
    for (; archive->keys_end < size; archive->keys_end += ARCHIVE_ROW) {
        char bytes[ARCHIVE_ROW];
        size_t got;
        struct archive_row row;
        TRY(world->read(world->self, archive->keys_file, archive->keys_end, bytes, sizeof bytes,
                        &got));
        if (got == sizeof bytes && key_unseal(archive, bytes)) {
            row_take(bytes, archive->keys_end, &row);
            TRY(archive_row_add(archive, &row));
        } else {
            archive->damaged++;
        }
    }
    secret_wipe(archive->secret->data);
    archive_rows_settle(archive);
    return SK_OK;
}

// Between the two renames there was no kept.keys.
static enum sk_code names_mend(struct archive *archive) {
    struct world *world = &archive->world;
    int file;
    enum sk_code code = world->open(world->self, ARCHIVE_KEYS, WORLD_READ, &file);
    if (code == SK_OK) {
        world->close(world->self, file);
        return SK_OK;
    }
    if (code != SK_UNKNOWN) return code;
    code = world->open(world->self, ARCHIVE_KEYS_OLD, WORLD_READ, &file);
    if (code == SK_UNKNOWN) return SK_OK; // the first one was never finished
    TRY(code);
    world->close(world->self, file);
    return world->rename(world->self, ARCHIVE_KEYS_NEW, ARCHIVE_KEYS);
}

enum sk_code archive_keys_open(struct archive *archive) {
    struct world *world = &archive->world;
    if (!archive->look) {
        TRY(names_mend(archive));
        // Names are not durable yet that a life before this one gave: else the file that is wiped
        // might be kept.keys again after a loss of power.
        TRY(archive_told(world->sync_directory(world->self), ARCHIVE_KEYS));
        TRY(wipe(archive, ARCHIVE_KEYS_OLD));
        TRY(wipe(archive, ARCHIVE_KEYS_NEW));
    }
    int flags = archive->look ? WORLD_READ : 0;
    enum sk_code code = world->open(world->self, ARCHIVE_KEYS, flags, &archive->keys_file);
    if (code != SK_OK) archive->keys_file = -1;
    if (code == SK_UNKNOWN && !archive->look) return archive_again(archive);
    TRY(code);
    TRY(head_read(archive));
    TRY(rows_read(archive));
    return archive->damaged && !archive->look ? archive_again(archive) : SK_OK;
}
