#include "ledger/retention.h"

#include "ledger/leaves.h"
#include "ledger/ledger.h"

enum { DAY_S = 86400, LEAF_ARENA = 1 << 20 };
static const char others[] = "(others)", cut[] = ",…"; // instead of what there is no room for

struct work {
    struct arena arena;
    char text[LEDGER_LEAF_MAX];
    struct retention *out;
    int64_t now_s;
};

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

static enum sk_code leaves_count(struct work *work, const struct archive *archive,
                                 struct leaves *leaves, uint64_t index, uint64_t size) {
    for (uint64_t i = 0; i < archive_records(archive); i++) {
        struct archive_record record;
        struct view leaf;
        archive_about(archive, i, &record);
        if (record.open >= size) break; // they are under way
        do TRY(leaves_next(leaves, &leaf));
        while (index++ < record.open);
        TRY(record_count(work, &record, leaf));
    }
    return SK_OK;
}

enum sk_code retention_read(struct world world, const char *origin, uint64_t size,
                            const struct archive *archive, int64_t now_s, struct retention *out) {
    struct work work = {.out = out, .now_s = now_s};
    struct leaves *leaves = NULL;
    uint64_t first;
    *out = (struct retention){.len = 0};
    if (!archive_next(archive, 0, &first) || first >= size) return SK_OK;
    enum sk_code code = arena_open(&work.arena, "leaf", LEAF_ARENA);
    if (code == SK_OK) code = leaves_open(&leaves, world, origin, first, size);
    if (code == SK_OK) code = leaves_count(&work, archive, leaves, first, size);
    leaves_close(leaves);
    arena_close(&work.arena);
    return code;
}
