#include "ledger/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/replace.h"
#include "base/wire.h"
#include "ledger/archive_parts.h"

enum { ROWS_FIRST = 1024, BOUND = 8 };

// A record is sealed with the index it is of.
static struct view bound_of(uint64_t open, char storage[BOUND]) {
    struct buf out = buf_over(storage, BOUND);
    wire_put_u64(&out, open);
    return buf_view(&out);
}

enum sk_code archive_told(enum sk_code code, const char *name) {
    return code == SK_OK ? SK_OK : fail_within(code, "%s", name);
}

static void segment_name(uint32_t number, char name[16]) {
    snprintf(name, 16, "kept.%06u", number);
}

enum sk_code archive_row_add(struct archive *archive, const struct archive_row *row) {
    if (archive->rows_len == ARCHIVE_RECORDS_MAX)
        return FAIL(SK_LIMIT, "archive: more than %d records: keep less, or for fewer days",
                    ARCHIVE_RECORDS_MAX);
    if (archive->rows_len == archive->rows_max) {
        size_t max = archive->rows_max ? 2 * archive->rows_max : ROWS_FIRST;
        struct archive_row *grown = realloc(archive->rows, max * sizeof *grown);
        if (!grown) return FAIL(SK_LIMIT, "archive: no memory for %zu records", max);
        archive->rows = grown;
        archive->rows_max = max;
    }
    archive->rows[archive->rows_len++] = *row;
    archive->pending++;
    return SK_OK;
}

// The first of those that are in order and not of an earlier request.
static size_t row_from(const struct archive *archive, uint64_t open) {
    size_t low = 0, high = archive->rows_len - archive->pending;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (archive->rows[middle].open < open) low = middle + 1;
        else high = middle;
    }
    return low;
}

// Nearly always the end: requests are kept about in the order in which they came.
void archive_rows_settle(struct archive *archive) {
    for (; archive->pending > 0; archive->pending--) {
        size_t from = archive->rows_len - archive->pending;
        struct archive_row row = archive->rows[from], *to;
        size_t at = row_from(archive, row.open);
        to = &archive->rows[at];
        memmove(to + 1, to, (from - at) * sizeof row);
        *to = row;
        if (at < archive->again.next) archive->again.next = at;
    }
}

// ---- files of records ----

static void segment_close(struct archive *archive) {
    if (archive->file >= 0) archive->world.close(archive->world.self, archive->file);
    archive->file = -1;
}

static enum sk_code segment_begin(struct archive *archive) {
    struct world *world = &archive->world;
    char name[16];
    segment_close(archive);
    archive->segment++;
    segment_name(archive->segment, name);
    TRY(world->open(world->self, name, WORLD_CREATE, &archive->file));
    archive->fresh_segment = true;
    archive->end = 0;
    // Of a life that acknowledged nothing.
    return archive_told(world->truncate(world->self, archive->file, 0), name);
}

// Files in which no record is left go.
static enum sk_code segments_sweep(struct archive *archive) {
    struct world *world = &archive->world;
    uint32_t end = archive->segment + (archive->file < 0), lowest = end;
    if (end <= archive->first) return SK_OK;
    uint32_t *left = calloc(end - archive->first, sizeof *left);
    if (!left) return FAIL(SK_LIMIT, "archive: no memory");
    for (size_t i = 0; i < archive->rows_len; i++)
        if (archive->rows[i].segment >= archive->first && archive->rows[i].segment < end)
            left[archive->rows[i].segment - archive->first]++;
    enum sk_code code = SK_OK;
    for (uint32_t i = end; code == SK_OK && i-- > archive->first;) {
        char name[16];
        segment_name(i, name);
        if (left[i - archive->first])
            lowest = i;
        else
            code = world->remove(world->self, name);
        if (code == SK_UNKNOWN) code = SK_OK;
    }
    free(left);
    if (code == SK_OK) archive->first = lowest;
    return code;
}

// ---- opening ----

static enum sk_code poison(struct archive *archive, enum sk_code code) {
    archive->rows_len -= archive->pending;
    archive->pending = 0;
    archive->poisoned = true;
    snprintf(archive->why, sizeof archive->why, "%.200s", fail_text());
    return code;
}

static enum sk_code load(struct archive *archive) {
    TRY(archive_keys_open(archive));
    archive->segment = archive->first;
    for (size_t i = 0; i < archive->rows_len; i++)
        if (archive->rows[i].segment > archive->segment)
            archive->segment = archive->rows[i].segment;
    return archive->look ? SK_OK : segments_sweep(archive);
}

static enum sk_code start(struct archive *archive, const uint8_t key[SECRET_KEY_LEN]) {
    void *secret;
    bool locked;
    TRY(secret_open(sizeof *archive->secret, &secret, &locked));
    archive->secret = secret;
    memcpy(archive->secret->archive, key, SECRET_KEY_LEN);
    TRY(buf_open(&archive->scratch, ARCHIVE_RECORD_MAX + SECRET_EXTRA_LEN));
    TRY(buf_open(&archive->keys, ARCHIVE_BATCH_MAX * ARCHIVE_ROW));
    return load(archive);
}

enum sk_code archive_open(struct archive **archive, struct world world,
                          const uint8_t key[SECRET_KEY_LEN], bool look,
                          struct archive_found *found) {
    *archive = NULL;
    *found = (struct archive_found){0};
    struct archive *made = calloc(1, sizeof *made);
    if (!made) return FAIL(SK_LIMIT, "archive: no memory");
    made->world = world;
    made->look = look;
    made->keys_file = made->file = made->again.file = -1;
    enum sk_code code = start(made, key);
    if (code != SK_OK) {
        archive_close(made);
        return code;
    }
    *found = (struct archive_found){made->rows_len, made->epoch, made->damaged};
    *archive = made;
    return SK_OK;
}

static void files_close(struct archive *archive) {
    segment_close(archive);
    if (archive->keys_file >= 0) archive->world.close(archive->world.self, archive->keys_file);
    if (archive->again.file >= 0) archive->world.close(archive->world.self, archive->again.file);
    archive->keys_file = archive->again.file = -1;
}

enum sk_code archive_reopen(struct archive *archive) {
    must(!archive->look);
    files_close(archive);
    buf_reset(&archive->keys);
    archive->rows_len = archive->pending = 0;
    archive->again.stage = AGAIN_NONE;
    archive->damaged = 0;
    archive->poisoned = false;
    enum sk_code code = load(archive);
    return code == SK_OK ? SK_OK : poison(archive, code);
}

void archive_close(struct archive *archive) {
    if (!archive) return;
    files_close(archive);
    buf_close(&archive->scratch);
    buf_close(&archive->keys);
    secret_close(archive->secret);
    free(archive->rows);
    free(archive);
}

// ---- writing ----

bool archive_poisoned(const struct archive *archive) {
    return archive->poisoned;
}

enum sk_code archive_check(const struct archive *archive) {
    must(!archive->look);
    if (!archive->poisoned) return SK_OK;
    return FAIL(SK_IO, "archive: a write failed (%s): mend the disk: it is then tried again",
                archive->why);
}

static enum sk_code record_write(struct archive *archive, struct archive_row *row,
                                 struct view record) {
    struct world *world = &archive->world;
    char storage[BOUND];
    TRY(world->random(world->self, archive->secret->data, SECRET_KEY_LEN));
    buf_reset(&archive->scratch);
    uint8_t *sealed = (uint8_t *)buf_room(&archive->scratch, row->len);
    must(sealed != NULL);
    secret_seal(archive->secret->data, bound_of(row->open, storage), record, sealed);
    TRY(world->write(world->self, archive->file, row->offset, sealed, row->len));
    return archive_key_put(archive, row, &archive->keys);
}

enum sk_code archive_put(struct archive *archive, uint64_t open, int64_t expires_s,
                         struct view record) {
    TRY(archive_check(archive));
    if (record.len > ARCHIVE_RECORD_MAX)
        return FAIL(SK_LIMIT, "archive: a record of %zu bytes, over %d", record.len,
                    ARCHIVE_RECORD_MAX);
    if (archive->pending == ARCHIVE_BATCH_MAX) TRY(archive_commit(archive));
    bool full = archive->file < 0 || archive->end >= ARCHIVE_SEGMENT_MAX;
    if (full) TRY(archive_commit(archive));
    if (full) TRY(segment_begin(archive));
    struct archive_row row = {.open = open,
                              .offset = archive->end,
                              .at = archive->keys_end + archive->keys.len,
                              .expires_s = expires_s,
                              .segment = archive->segment,
                              .len = (uint32_t)(record.len + SECRET_EXTRA_LEN)};
    TRY(archive_row_add(archive, &row));
    enum sk_code code = record_write(archive, &row, record);
    secret_wipe(archive->secret->data);
    if (code != SK_OK) {
        char name[16];
        segment_name(row.segment, name);
        archive->rows_len--;
        archive->pending--;
        return archive_told(code, name);
    }
    archive->end += row.len;
    return SK_OK;
}

static enum sk_code commit(struct archive *archive) {
    struct world *world = &archive->world;
    char name[16];
    segment_name(archive->segment, name);
    TRY(archive_told(world->sync(world->self, archive->file), name));
    if (archive->fresh_segment) TRY(archive_told(world->sync_directory(world->self), name));
    archive->fresh_segment = false;
    enum sk_code code = world->write(world->self, archive->keys_file, archive->keys_end,
                                     archive->keys.at, archive->keys.len);
    if (code == SK_OK) code = world->sync(world->self, archive->keys_file);
    TRY(archive_told(code, ARCHIVE_KEYS));
    archive->keys_end += archive->keys.len;
    return SK_OK;
}

// The records first: a key that is there opens something.
enum sk_code archive_commit(struct archive *archive) {
    TRY(archive_check(archive));
    if (archive->pending == 0) return SK_OK;
    enum sk_code code = commit(archive);
    buf_reset(&archive->keys);
    if (code != SK_OK) return poison(archive, code);
    archive_rows_settle(archive);
    return SK_OK;
}

// ---- reading and erasing ----

static const struct archive_row *row_find(const struct archive *archive, uint64_t open) {
    size_t at = row_from(archive, open);
    bool found = at < archive_records(archive) && archive->rows[at].open == open;
    return found ? &archive->rows[at] : NULL;
}

bool archive_has(const struct archive *archive, uint64_t open) {
    return row_find(archive, open) != NULL;
}

uint64_t archive_records(const struct archive *archive) {
    return archive->rows_len - archive->pending;
}

bool archive_next(const struct archive *archive, uint64_t from, uint64_t *open) {
    size_t at = row_from(archive, from);
    if (at == archive_records(archive)) return false;
    *open = archive->rows[at].open;
    return true;
}

void archive_about(const struct archive *archive, uint64_t at, struct archive_record *out) {
    must(at < archive_records(archive));
    const struct archive_row *row = &archive->rows[at];
    *out = (struct archive_record){row->open, (uint64_t)row->len + ARCHIVE_ROW, row->expires_s};
}

static enum sk_code record_read(struct archive *archive, const struct archive_row *row) {
    char name[16];
    size_t got;
    segment_name(row->segment, name);
    buf_reset(&archive->scratch);
    char *sealed = row->len >= SECRET_EXTRA_LEN ? buf_room(&archive->scratch, row->len) : NULL;
    if (!sealed) return FAIL(SK_CORRUPT, "archive: a record of %u bytes", row->len);
    TRY(file_read_at(&archive->world, name, row->offset, sealed, row->len, &got));
    return got == row->len ? SK_OK : FAIL(SK_CORRUPT, "archive: %s is cut off", name);
}

enum sk_code archive_get(struct archive *archive, uint64_t open, struct buf *out) {
    const struct archive_row *row = row_find(archive, open);
    char storage[BOUND];
    if (!row)
        return FAIL(SK_UNKNOWN, "of request %llu nothing is kept", (unsigned long long)open);
    TRY(archive_key_take(archive, row));
    enum sk_code code = record_read(archive, row);
    char *text = code == SK_OK ? buf_room(out, row->len - SECRET_EXTRA_LEN) : NULL;
    if (code == SK_OK && !text) code = FAIL(SK_LIMIT, "archive: a record of %u bytes", row->len);
    if (code == SK_OK && !secret_unseal(archive->secret->data, bound_of(open, storage),
                                        buf_view(&archive->scratch), (uint8_t *)text))
        code = FAIL(SK_CORRUPT, "archive: the record of %llu is damaged", (unsigned long long)open);
    secret_wipe(archive->secret->data);
    return code;
}

// Takes the rows of these away; was there any?
static bool rows_drop(struct archive *archive, const uint64_t *opens, size_t len) {
    size_t left = len ? row_from(archive, opens[0]) : archive->rows_len, at = 0;
    for (size_t i = left; i < archive->rows_len; i++) {
        while (at < len && opens[at] < archive->rows[i].open) at++;
        bool goes = at < len && opens[at] == archive->rows[i].open;
        if (!goes) archive->rows[left++] = archive->rows[i];
    }
    bool any = left < archive->rows_len;
    archive->rows_len = left;
    return any;
}

enum sk_code archive_erase_begin(struct archive *archive, const uint64_t *opens, size_t len) {
    TRY(archive_commit(archive));
    must(archive->again.stage == AGAIN_NONE);
    if (!rows_drop(archive, opens, len)) return SK_OK;
    enum sk_code code = archive_again_begin(archive);
    return code == SK_OK ? SK_OK : poison(archive, code);
}

enum sk_code archive_erase_step(struct archive *archive, size_t keys, bool *done) {
    *done = archive->again.stage == AGAIN_NONE;
    if (*done) return SK_OK;
    TRY(archive_commit(archive));
    enum sk_code code = archive_again_step(archive, keys);
    *done = code == SK_OK && archive->again.stage == AGAIN_NONE;
    if (*done) code = segments_sweep(archive);
    return code == SK_OK ? SK_OK : poison(archive, code);
}

enum sk_code archive_erase(struct archive *archive, const uint64_t *opens, size_t len) {
    bool done = false;
    TRY(archive_erase_begin(archive, opens, len));
    while (!done) TRY(archive_erase_step(archive, ARCHIVE_RECORDS_MAX, &done));
    return SK_OK;
}

enum sk_code archive_rekey(struct archive *archive, const uint8_t key[SECRET_KEY_LEN]) {
    TRY(archive_commit(archive));
    must(archive->again.stage == AGAIN_NONE);
    memcpy(archive->secret->archive, key, SECRET_KEY_LEN);
    enum sk_code code = archive_again(archive);
    return code == SK_OK ? SK_OK : poison(archive, code);
}

size_t archive_expired(const struct archive *archive, int64_t now_s, uint64_t *opens, size_t max,
                       uint64_t *bytes) {
    size_t len = 0;
    *bytes = 0;
    for (uint64_t i = 0; i < archive_records(archive) && len < max; i++) {
        struct archive_record record;
        archive_about(archive, i, &record);
        if (record.expires_s > now_s) continue;
        opens[len++] = record.open;
        *bytes += record.bytes;
    }
    return len;
}
