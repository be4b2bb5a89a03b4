#include "ledger/retention.h"

#include <stdlib.h>

#include "ledger/leaves.h"
#include "ledger/ledger.h"

enum { DAY_S = 86400, LEAF_ARENA = 1 << 20 };
static const char others[] = "(others)", cut[] = ",…"; // instead of what there is no room for

struct work {
    struct arena arena;
    struct archive_record *records; // by their requests, ascending
    size_t len;
    char text[LEDGER_LEAF_MAX];
    struct retention *out;
    int64_t now_s;
};

static int by_open(const void *a, const void *b) {
    const struct archive_record *x = a, *y = b;
    return x->open < y->open ? -1 : x->open > y->open;
}

static void classes_put(const struct json_node *leaf, struct buf *out) {
    const struct json_node *classes = json_find(leaf, "classes");
    const struct json_node *one = json_is(classes, JSON_ARRAY) ? json_first(classes) : NULL;
    for (uint32_t i = 0; one && i < classes->len; i++, one = json_next(one)) {
        struct view name = json_is(one, JSON_STRING) ? json_view(one) : VIEW("");
        if (1 + name.len + sizeof cut > out->max - out->len) {
            buf_put_text(out, i ? cut : cut + 1);
            break;
        }
        if (i) buf_put_char(out, ',');
        buf_put_view(out, name);
    }
    buf_put_char(out, 0);
    must(!out->over);
}

static struct retention_row *row_find(struct retention *all, const char *classes, uint32_t days) {
    struct retention_row *row = all->rows;
    for (size_t i = 0; i < all->len; i++, row++)
        if (row->days == days && strcmp(row->classes, classes) == 0) return row;
    if (all->len == RETENTION_ROWS_MAX) return row - 1;
    bool last = ++all->len == RETENTION_ROWS_MAX;
    if (last) classes = others;
    *row = (struct retention_row){.days = last ? 0 : days, .next_s = INT64_MAX};
    memcpy(row->classes, classes, strlen(classes) + 1);
    return row;
}

static enum sk_code record_count(struct work *work, const struct archive_record *record,
                                 struct view leaf) {
    char storage[RETENTION_CLASSES_MAX];
    struct buf classes = buf_over(storage, sizeof storage);
    const struct json_node *root;
    int64_t ms = 0;
    memcpy(work->text, leaf.at, leaf.len);
    arena_reset(&work->arena);
    TRY(json_parse(work->text, leaf.len, &work->arena, &root));
    json_i64(json_find(root, "time_ms"), &ms);
    classes_put(root, &classes);
    int64_t s = record->expires_s - ms / 1000;
    uint32_t days = s > 0 ? (uint32_t)((s + DAY_S / 2) / DAY_S) : 0;
    struct retention_row *row = row_find(work->out, storage, days);
    row->records++;
    row->bytes += record->bytes;
    if (record->expires_s <= work->now_s) row->due++;
    else if (record->expires_s < row->next_s) row->next_s = record->expires_s;
    return SK_OK;
}

static enum sk_code leaves_count(struct work *work, struct leaves *leaves) {
    uint64_t index = work->records[0].open;
    for (size_t i = 0; i < work->len; i++) {
        struct view leaf;
        do TRY(leaves_next(leaves, &leaf));
        while (index++ < work->records[i].open);
        TRY(record_count(work, &work->records[i], leaf));
    }
    return SK_OK;
}

enum sk_code retention_read(struct world world, const char *origin, uint64_t size,
                            const struct archive *archive, int64_t now_s, struct retention *out) {
    struct work work = {.out = out, .now_s = now_s};
    struct leaves *leaves = NULL;
    *out = (struct retention){.len = 0};
    uint64_t len = archive_records(archive);
    work.records = calloc(len ? len : 1, sizeof *work.records);
    if (!work.records) return FAIL(SK_LIMIT, "no memory for %llu records", (unsigned long long)len);
    for (uint64_t i = 0; i < len; i++) {
        archive_about(archive, i, &work.records[work.len]);
        if (work.records[work.len].open < size) work.len++; // else it is under way
    }
    qsort(work.records, work.len, sizeof *work.records, by_open);
    enum sk_code code = arena_open(&work.arena, "leaf", LEAF_ARENA);
    if (code == SK_OK && work.len > 0)
        code = leaves_open(&leaves, world, origin, work.records[0].open, size);
    if (code == SK_OK && work.len > 0) code = leaves_count(&work, leaves);
    leaves_close(leaves);
    arena_close(&work.arena);
    free(work.records);
    return code;
}
