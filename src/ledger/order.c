#include "ledger/order.h"

#include <stdlib.h>

#include "ledger/ledger.h"
#include "ledger/training.h"
#include "ledger/upkeep.h"

enum {
    STEP_LEAVES = 1024, // read in one step
    STEP_KEYS = 1024,   // written in one step: 112 KiB
};

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

static enum sk_code opens_read(struct order *order, const struct json_node *list) {
    const struct order_hands *hands = order->hands;
    if (!json_is(list, JSON_ARRAY) || list->len > ERASURE_MAX)
        return FAIL(SK_INPUT, "`opens` or `key` is needed; at most %d at once", ERASURE_MAX);
    const struct json_node *one = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, one = json_next(one)) {
        int64_t open;
        if (!json_i64(one, &open) || open < 0) return FAIL(SK_INPUT, "`opens`: not an index");
        if (archive_has(hands->archive, (uint64_t)open)) {
            order->opens[order->len++] = (uint64_t)open;
            continue;
        }
        uint64_t leaf = erasures_find(hands->erasures, (uint64_t)open);
        if (leaf != UINT64_MAX)
            return FAIL(SK_UNKNOWN, "request %lld was erased already: leaf %llu", (long long)open,
                        (unsigned long long)leaf);
        return FAIL(SK_UNKNOWN, "of request %lld nothing is kept", (long long)open);
    }
    order->len = in_order(order->opens, order->len);
    return SK_OK;
}

static enum sk_code unfinished(const struct order *order, enum sk_code code) {
    if (code == SK_OK) return SK_OK;
    return fail_within(code, "the erasure of leaf %llu is not finished (mend the disk: the next "
                             "order or start finishes it)",
                       (unsigned long long)order->leaf);
}

// The leaf first, then their keys.
static enum sk_code erase_begin(struct order *order) {
    const struct order_hands *hands = order->hands;
    struct erasure erasure = {
        .len = order->len, .reason = order->reason, .time_ms = hands->now_ms};
    char storage[LEDGER_LEAF_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    must(order->len > 0 && order->len <= ERASURE_MAX);
    TRY(archive_check(hands->archive));
    memcpy(erasure.opens, order->opens, order->len * sizeof *order->opens);
    erasure_write(&erasure, &out);
    must(!out.over);
    order->stage = ORDER_ERASE;
    TRY(hands->seal(hands->self, buf_view(&out), &order->leaf));
    TRY(erasures_add(hands->erasures, &erasure, order->leaf));
    return unfinished(order, archive_erase_begin(hands->archive, order->opens, order->len));
}

static enum sk_code erase(struct order *order, const struct json_node *root) {
    const struct json_node *key = json_find(root, "key"), *reason = json_find(root, "reason");
    if (!json_is(reason, JSON_STRING) || !erasure_reason_check(json_view(reason)))
        return FAIL(SK_INPUT, "a reason is 1 to %d of a-z, 0-9, '.', '_', '-'", ERASURE_REASON_MAX);
    order->reason = json_view(reason);
    if (json_is(key, JSON_STRING) && key->len) {
        order->key = json_view(key);
        order->max = ERASURE_MAX;
        order->stage = ORDER_FIND;
        return SK_OK;
    }
    TRY(opens_read(order, json_find(root, "opens")));
    return order->len ? erase_begin(order) : FAIL(SK_UNKNOWN, "nothing is kept of it");
}

// What is over, also when nobody asked: then nothing is said of nothing.
static enum sk_code expire(struct order *order) {
    const struct order_hands *hands = order->hands;
    order->expires = true;
    order->reason = VIEW("retention");
    order->len = archive_expired(hands->archive, hands->now_ms / 1000, order->opens, ERASURE_MAX,
                                 &order->bytes);
    if (order->len) return erase_begin(order);
    if (order->answer) order->stage = ORDER_ERASE;
    return SK_OK;
}

static enum sk_code list(struct order *order, const struct json_node *root) {
    const struct json_node *key = json_find(root, "key");
    int64_t from = 0;
    json_i64(json_find(root, "from"), &from);
    if (!json_is(key, JSON_STRING) || from < 0) return FAIL(SK_INPUT, "`key` is needed");
    order->key = json_view(key);
    order->from = (uint64_t)from;
    order->max = ORDER_LIST_MAX;
    order->stage = ORDER_LIST;
    return SK_OK;
}

// Kept requests of the key; true: there are no more, or as many as are wanted.
static bool find(struct order *order) {
    uint64_t open;
    for (size_t i = 0; order->len < order->max; i++) {
        if (!archive_next(order->hands->archive, order->from, &open)) {
            order->all = true;
            return true;
        }
        if (i == STEP_LEAVES) return false;
        order->from = open + 1;
        if (is_of(order->hands, open, order->key, order->arena)) order->opens[order->len++] = open;
    }
    return true;
}

static enum sk_code prove(const struct order_hands *hands, const struct json_node *order,
                          struct buf *answer) {
    int64_t open;
    if (!json_i64(json_find(order, "open"), &open) || open < 0)
        return FAIL(SK_INPUT, "`open` is needed");
    return bundle_write(hands->ledger, (uint64_t)open, hands->close_of(hands->self, (uint64_t)open),
                        erasures_find(hands->erasures, (uint64_t)open), answer);
}

// ---- the order as a whole ----

static enum sk_code order_do(struct order *order, struct buf *text) {
    const struct order_hands *hands = order->hands;
    const struct json_node *root;
    TRY(json_parse(text->at, text->len, order->arena, &root));
    const struct json_node *what = json_find(root, "do");
    struct view word = json_is(what, JSON_STRING) ? json_view(what) : VIEW("");
    struct json_writer w = json_writer_to(order->answer);
    if (view_is(word, "prove")) return prove(hands, root, order->answer);
    if (view_is(word, "backup")) return upkeep_backup(hands, root, &w);
    if (view_is(word, "forecast")) return upkeep_forecast(hands, root, &w);
    if (view_is(word, "training")) return training_seal(hands, root, &w);
    if (!hands->archive)
        return FAIL(SK_DENIED, "there is no archive, or no archive key (sekisho key archive)");
    TRY(archive_check(hands->archive));
    if (view_is(word, "list")) return list(order, root);
    if (view_is(word, "erase")) return erase(order, root);
    if (view_is(word, "retention")) return expire(order);
    return FAIL(SK_INPUT, "`do` is erase, list, prove, backup, retention, forecast or training");
}

// An error is an answer; before anything was begun it is no more than that.
static enum sk_code answer_error(struct order *order, enum sk_code code) {
    struct json_writer w = json_writer_to(order->answer);
    bool begun = order->stage == ORDER_ERASE;
    if (code == SK_OK) return SK_OK;
    order->stage = ORDER_DONE;
    if (!order->answer) return code;
    buf_reset(order->answer);
    json_open(&w, '{');
    json_member_text(&w, "code", fail_name(code));
    json_member_string(&w, "error", view_of(fail_text()));
    json_close(&w, '}');
    TRY(buf_check(order->answer, "answer"));
    return begun ? code : SK_OK;
}

static void order_clear(struct order *order, const struct order_hands *hands) {
    order->hands = hands;
    order->answer = NULL;
    order->stage = ORDER_DONE;
    order->len = 0;
    order->from = order->bytes = 0;
    order->all = order->expires = false;
}

enum sk_code order_begin(struct order *order, const struct order_hands *hands, struct buf *text,
                         struct arena *arena, struct buf *answer) {
    order_clear(order, hands);
    order->arena = arena;
    order->answer = answer;
    return answer_error(order, order_do(order, text));
}

enum sk_code order_retire(struct order *order, const struct order_hands *hands) {
    order_clear(order, hands);
    return answer_error(order, expire(order));
}

static void answer_list(struct order *order) {
    struct json_writer w = json_writer_to(order->answer);
    order->stage = ORDER_DONE;
    json_open(&w, '{');
    json_name(&w, "next");
    if (order->all) json_put_null(&w);
    else json_put_u64(&w, order->from);
    json_name(&w, "opens");
    json_open(&w, '[');
    for (size_t i = 0; i < order->len; i++)
        json_put_u64(&w, order->opens[i]);
    json_close(&w, ']');
    json_close(&w, '}');
}

static enum sk_code erase_step(struct order *order) {
    bool done;
    TRY(unfinished(order, archive_erase_step(order->hands->archive, STEP_KEYS, &done)));
    if (!done) return SK_OK;
    order->stage = ORDER_DONE;
    if (!order->answer) return SK_OK;
    struct json_writer w = json_writer_to(order->answer);
    if (order->expires) return upkeep_retention(order, &w);
    json_open(&w, '{');
    json_member_u64(&w, "erased", order->len);
    json_member_u64(&w, "leaf", order->leaf);
    json_close(&w, '}');
    return SK_OK;
}

enum sk_code order_step(struct order *order) {
    must(order->stage != ORDER_DONE);
    if (order->stage == ORDER_ERASE) return answer_error(order, erase_step(order));
    if (!find(order)) return SK_OK;
    if (order->stage == ORDER_LIST) answer_list(order);
    else if (order->len) return answer_error(order, erase_begin(order));
    else return answer_error(order, FAIL(SK_UNKNOWN, "nothing is kept of it"));
    return SK_OK;
}

enum sk_code order_run(const struct order_hands *hands, struct buf *text, struct arena *arena,
                       struct buf *answer) {
    struct order order;
    TRY(order_begin(&order, hands, text, arena, answer));
    while (order.stage != ORDER_DONE) TRY(order_step(&order));
    return SK_OK;
}
