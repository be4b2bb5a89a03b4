#include "ledger/erasure.h"

#include <stdlib.h>

#include "ledger/merkle.h"

enum { ROWS_FIRST = 256 };

bool erasure_reason_check(struct view reason) {
    static const char may[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    for (size_t i = 0; i < reason.len; i++)
        if (!memchr(may, reason.at[i], sizeof may - 1)) return false;
    return reason.len > 0 && reason.len <= ERASURE_REASON_MAX;
}

void erasure_write(const struct erasure *erasure, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_name(&w, "opens");
    json_open(&w, '[');
    for (size_t i = 0; i < erasure->len; i++)
        json_put_u64(&w, erasure->opens[i]);
    json_close(&w, ']');
    json_member_string(&w, "reason", erasure->reason);
    json_member_i64(&w, "time_ms", erasure->time_ms);
    json_member_text(&w, "type", "erasure");
    json_member_u64(&w, "v", LEDGER_LEAF_VERSION);
    json_close(&w, '}');
}

enum sk_code erasure_read(const struct json_node *leaf, struct erasure *out) {
    const struct json_node *opens = json_find(leaf, "opens"), *reason = json_find(leaf, "reason");
    *out = (struct erasure){0};
    if (!json_is_text(json_find(leaf, "type"), "erasure")) return SK_UNKNOWN;
    bool good = json_is(opens, JSON_ARRAY) && opens->len <= ERASURE_MAX &&
                json_is(reason, JSON_STRING) && erasure_reason_check(json_view(reason)) &&
                json_i64(json_find(leaf, "time_ms"), &out->time_ms);
    if (!good) return FAIL(SK_CORRUPT, "erasure leaf without opens, reason or time_ms");
    out->reason = json_view(reason);
    const struct json_node *one = json_first(opens);
    for (uint32_t i = 0; i < opens->len; i++, one = json_next(one)) {
        int64_t open;
        if (!json_i64(one, &open) || open < 0)
            return FAIL(SK_CORRUPT, "erasure leaf with an index that is none");
        out->opens[out->len++] = (uint64_t)open;
    }
    return SK_OK;
}

enum sk_code erasures_add(struct erasures *erasures, const struct erasure *erasure,
                          uint64_t leaf) {
    for (size_t i = 0; i < erasure->len; i++) {
        if (erasures->len == erasures->max) {
            size_t max = erasures->max ? 2 * erasures->max : ROWS_FIRST;
            struct erasure_row *grown = realloc(erasures->rows, max * sizeof *grown);
            if (!grown) return FAIL(SK_LIMIT, "no memory for %zu erasures", max);
            erasures->rows = grown;
            erasures->max = max;
        }
        erasures->rows[erasures->len++] = (struct erasure_row){erasure->opens[i], leaf};
    }
    return SK_OK;
}

uint64_t erasures_find(const struct erasures *erasures, uint64_t open) {
    for (size_t i = 0; i < erasures->len; i++)
        if (erasures->rows[i].open == open) return erasures->rows[i].leaf;
    return UINT64_MAX;
}

void erasures_close(struct erasures *erasures) {
    free(erasures->rows);
    *erasures = (struct erasures){0};
}
