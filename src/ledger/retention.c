#include "ledger/retention.h"

#include <stdlib.h>

#include "ledger/leaves.h"
#include "ledger/ledger.h"

enum { DAY_S = 86400, LEAF_ARENA = 1 << 20 };

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

static enum sk_code classes_put(const struct json_node *leaf, struct buf *out) {
    const struct json_node *classes = json_find(leaf, "classes");
    const struct json_node *one = json_is(classes, JSON_ARRAY) ? json_first(classes) : NULL;
    for (uint32_t i = 0; one && i < classes->len; i++, one = json_next(one)) {
        if (i) buf_put_char(out, ',');
        if (json_is(one, JSON_STRING)) buf_put_view(out, json_view(one));
    }
    buf_put_char(out, 0);
    return buf_check(out, "classes of a leaf");
}

static enum sk_code row_find(struct retention *all, const char *classes, uint32_t days,
                             struct retention_row **out) {
    for (size_t i = 0; i < all->len; i++) {
        *out = &all->rows[i];
        if ((*out)->days == days && strcmp((*out)->classes, classes) == 0) return SK_OK;
    }
    if (all->len == RETENTION_ROWS_MAX)
        return FAIL(SK_LIMIT, "more than %d kinds of kept texts", RETENTION_ROWS_MAX);
    *out = &all->rows[all->len++];
    **out = (struct retention_row){.days = days, .next_s = INT64_MAX};
    memcpy((*out)->classes, classes, strlen(classes) + 1);
    return SK_OK;
}

static enum sk_code record_count(struct work *work, const struct archive_record *record,
                                 struct view leaf) {
    char storage[RETENTION_CLASSES_MAX];
    struct buf classes = buf_over(storage, sizeof storage);
    const struct json_node *root;
    struct retention_row *row;
    int64_t ms = 0;
    memcpy(work->text, leaf.at, leaf.len);
    arena_reset(&work->arena);
    TRY(json_parse(work->text, leaf.len, &work->arena, &root));
    json_i64(json_find(root, "time_ms"), &ms);
    TRY(classes_put(root, &classes));
    int64_t s = record->expires_s - ms / 1000;
    TRY(row_find(work->out, storage, s > 0 ? (uint32_t)((s + DAY_S / 2) / DAY_S) : 0, &row));
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
