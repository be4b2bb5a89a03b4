#include "ledger/order.h"

#include <stdlib.h>

#include "ledger/ledger.h"

enum { LIST_MAX = 4096 };

// ---- erasing ----

static int ascending(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

// Ascending, each once; how many are left.
static size_t in_order(uint64_t *opens, size_t len) {
    size_t left = 0;
    qsort(opens, len, sizeof *opens, ascending);
    for (size_t i = 0; i < len; i++)
        if (left == 0 || opens[left - 1] != opens[i]) opens[left++] = opens[i];
    return left;
}

enum sk_code order_erase(const struct order_hands *hands, uint64_t *opens, size_t len,
                         struct view reason, uint64_t *leaf) {
    struct erasure erasure = {.len = len, .reason = reason, .time_ms = hands->now_ms};
    char storage[LEDGER_LEAF_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    must(len > 0 && len <= ERASURE_MAX);
    qsort(opens, len, sizeof *opens, ascending);
    memcpy(erasure.opens, opens, len * sizeof *opens);
    erasure_write(&erasure, &out);
    must(!out.over);
    TRY(hands->seal(hands->self, buf_view(&out), leaf));
    TRY(erasures_add(hands->erasures, &erasure, *leaf));
    return archive_erase(hands->archive, opens, len);
}

static uint64_t expired_bytes(const struct archive *archive, int64_t now_s) {
    uint64_t bytes = 0;
    size_t len = 0;
    for (uint64_t i = 0; i < archive_records(archive) && len < ERASURE_MAX; i++) {
        struct archive_record record;
        archive_about(archive, i, &record);
        if (record.expires_s > now_s) continue;
        bytes += record.bytes;
        len++;
    }
    return bytes;
}

enum sk_code order_expire(const struct order_hands *hands, struct order_expired *out) {
    static uint64_t opens[ERASURE_MAX];
    int64_t now_s = hands->now_ms / 1000;
    *out = (struct order_expired){archive_expired(hands->archive, now_s, opens, ERASURE_MAX), 0, 0};
    if (out->len == 0) return SK_OK;
    out->bytes = expired_bytes(hands->archive, now_s);
    return order_erase(hands, opens, out->len, VIEW("retention"), &out->leaf);
}

enum sk_code order_resume(const struct order_hands *hands) {
    const struct erasures *erasures = hands->erasures;
    if (erasures->len == 0) return SK_OK;
    uint64_t *opens = malloc(erasures->len * sizeof *opens);
    if (!opens) return FAIL(SK_LIMIT, "no memory for %zu erasures", erasures->len);
    for (size_t i = 0; i < erasures->len; i++)
        opens[i] = erasures->rows[i].open;
    qsort(opens, erasures->len, sizeof *opens, ascending);
    enum sk_code code = archive_erase(hands->archive, opens, erasures->len);
    free(opens);
    return code;
}

// ---- orders ----

// Whose request it is. SK_IO and SK_CORRUPT of the log itself are told like any other.
static bool is_of(const struct order_hands *hands, uint64_t open, struct view key,
                  struct arena *arena) {
    char storage[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(storage, sizeof storage);
    const struct json_node *root;
    if (key.len == 0) return true;
    struct arena scratch = *arena; // what is taken here is given back
    if (ledger_leaf(hands->ledger, open, &leaf) != SK_OK ||
        json_parse(leaf.at, leaf.len, &scratch, &root) != SK_OK)
        return false;
    const struct json_node *is = json_find(root, "key");
    return json_is(is, JSON_STRING) && view_same(json_view(is), key);
}

// Kept requests of a key from the row *from on; *from becomes the row after the last one looked at.
static size_t find(const struct order_hands *hands, struct view key, uint64_t *from,
                   struct arena *arena, uint64_t *opens, size_t max) {
    size_t len = 0;
    for (; len < max && *from < archive_records(hands->archive); ++*from) {
        uint64_t open = archive_at(hands->archive, *from);
        if (is_of(hands, open, key, arena)) opens[len++] = open;
    }
    return len;
}

static enum sk_code opens_read(const struct order_hands *hands, const struct json_node *list,
                               uint64_t *opens, size_t *len) {
    if (!json_is(list, JSON_ARRAY) || list->len > ERASURE_MAX)
        return FAIL(SK_INPUT, "`opens` or `key` is needed; at most %d at once", ERASURE_MAX);
    const struct json_node *one = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, one = json_next(one)) {
        int64_t open;
        if (!json_i64(one, &open) || open < 0) return FAIL(SK_INPUT, "`opens`: not an index");
        if (archive_has(hands->archive, (uint64_t)open)) {
            opens[(*len)++] = (uint64_t)open;
            continue;
        }
        uint64_t leaf = erasures_find(hands->erasures, (uint64_t)open);
        if (leaf != UINT64_MAX)
            return FAIL(SK_UNKNOWN, "request %lld was erased already: leaf %llu", (long long)open,
                        (unsigned long long)leaf);
        return FAIL(SK_UNKNOWN, "of request %lld nothing is kept", (long long)open);
    }
    *len = in_order(opens, *len);
    return SK_OK;
}

// *begun: an error from here on is one that must be made good.
static enum sk_code erase(const struct order_hands *hands, const struct json_node *order,
                          struct arena *arena, struct json_writer *w, bool *begun) {
    uint64_t opens[ERASURE_MAX];
    const struct json_node *key = json_find(order, "key"), *reason = json_find(order, "reason");
    uint64_t from = 0, leaf = 0;
    size_t len = 0;
    if (!json_is(reason, JSON_STRING) || !erasure_reason_check(json_view(reason)))
        return FAIL(SK_INPUT, "a reason is 1 to %d of a-z, 0-9, '.', '_', '-'", ERASURE_REASON_MAX);
    if (json_is(key, JSON_STRING) && key->len)
        len = find(hands, json_view(key), &from, arena, opens, ERASURE_MAX);
    else
        TRY(opens_read(hands, json_find(order, "opens"), opens, &len));
    if (len == 0) return FAIL(SK_UNKNOWN, "nothing is kept of it");
    *begun = true;
    TRY(order_erase(hands, opens, len, json_view(reason), &leaf));
    json_open(w, '{');
    json_member_u64(w, "erased", len);
    json_member_u64(w, "leaf", leaf);
    json_close(w, '}');
    return SK_OK;
}

static enum sk_code list(const struct order_hands *hands, const struct json_node *order,
                         struct arena *arena, struct json_writer *w) {
    uint64_t opens[LIST_MAX];
    const struct json_node *key = json_find(order, "key");
    int64_t from = 0;
    json_i64(json_find(order, "from"), &from);
    if (!json_is(key, JSON_STRING) || from < 0) return FAIL(SK_INPUT, "`key` is needed");
    uint64_t at = (uint64_t)from;
    size_t len = find(hands, json_view(key), &at, arena, opens, LIST_MAX);
    json_open(w, '{');
    json_name(w, "next");
    if (at < archive_records(hands->archive)) json_put_u64(w, at);
    else json_put_null(w);
    json_name(w, "opens");
    json_open(w, '[');
    for (size_t i = 0; i < len; i++)
        json_put_u64(w, opens[i]);
    json_close(w, ']');
    json_close(w, '}');
    return SK_OK;
}

static enum sk_code prove(const struct order_hands *hands, const struct json_node *order,
                          struct buf *answer) {
    int64_t open;
    if (!json_i64(json_find(order, "open"), &open) || open < 0)
        return FAIL(SK_INPUT, "`open` is needed");
    return bundle_write(hands->ledger, (uint64_t)open, hands->close_of(hands->self, (uint64_t)open),
                        erasures_find(hands->erasures, (uint64_t)open), answer);
}

static enum sk_code order_do(const struct order_hands *hands, struct buf *order,
                             struct arena *arena, struct buf *answer, bool *begun) {
    const struct json_node *root;
    struct json_writer w = json_writer_to(answer);
    TRY(json_parse(order->at, order->len, arena, &root));
    const struct json_node *what = json_find(root, "do");
    struct view word = json_is(what, JSON_STRING) ? json_view(what) : VIEW("");
    if (view_is(word, "prove")) return prove(hands, root, answer);
    if (view_is(word, "backup")) return upkeep_backup(hands, root, &w);
    if (view_is(word, "forecast")) return upkeep_forecast(hands, root, &w);
    if (!hands->archive)
        return FAIL(SK_DENIED, "there is no archive, or no archive key (sekisho key archive)");
    if (view_is(word, "list")) return list(hands, root, arena, &w);
    if (view_is(word, "erase")) return erase(hands, root, arena, &w, begun);
    if (view_is(word, "retention")) return upkeep_retention(hands, &w, begun);
    return FAIL(SK_INPUT, "`do` is erase, list, prove, backup, retention or forecast");
}

enum sk_code order_run(const struct order_hands *hands, struct buf *order, struct arena *arena,
                       struct buf *answer) {
    bool begun = false;
    enum sk_code code = order_do(hands, order, arena, answer, &begun);
    if (code == SK_OK || begun) return code;
    buf_reset(answer);
    struct json_writer w = json_writer_to(answer);
    json_open(&w, '{');
    json_member_text(&w, "code", fail_name(code));
    json_member_string(&w, "error", view_of(fail_text()));
    json_close(&w, '}');
    return buf_check(answer, "answer");
}
