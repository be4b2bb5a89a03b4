#include "ledger/training.h"

#include "ledger/store.h"

void training_put(struct view record, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "do", "training");
    json_name(&w, "record");
    json_put_raw(&w, record);
    json_close(&w, '}');
}

// An integer as RFC 8785 writes it.
static bool integer(const struct json_node *node) {
    int64_t number;
    char text[24];
    struct buf out = buf_over(text, sizeof text);
    if (!json_i64(node, &number) || number > INT64_C(1) << 53 || number < -(INT64_C(1) << 53))
        return false;
    buf_put_i64(&out, number);
    return view_same(buf_view(&out), json_view(node));
}

static int name_order(struct view a, struct view b) {
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

// Names of ASCII, ascending: so their order is that of UTF-16 too.
static bool ascending(const struct json_node *object) {
    struct view before = {0};
    const struct json_node *name = json_first(object);
    for (uint32_t i = 0; i < object->len; i++, name = json_next(json_next(name))) {
        for (uint32_t j = 0; j < name->len; j++)
            if ((uint8_t)name->at[j] >= 0x80) return false;
        if (i > 0 && name_order(before, json_view(name)) >= 0) return false;
        before = json_view(name);
    }
    return true;
}

// Written again by json_put_node it has shortest escapes and no space; this is the rest.
static bool canonical(const struct json_node *root) {
    for (uint32_t i = 0; i < root->span; i++) {
        const struct json_node *node = &root[i];
        bool good = node->type == JSON_STRING || node->type == JSON_ARRAY ||
                    (node->type == JSON_NUMBER && integer(node)) ||
                    (node->type == JSON_OBJECT && ascending(node));
        if (!good) return false;
    }
    return true;
}

enum sk_code training_seal(const struct order_hands *hands, const struct json_node *order,
                           struct json_writer *answer) {
    char storage[LEDGER_LEAF_MAX];
    struct buf text = buf_over(storage, sizeof storage);
    struct json_writer leaf = json_writer_to(&text);
    const struct json_node *record = json_find(order, "record");
    uint64_t index;
    if (!json_is(record, JSON_OBJECT) || !json_is(json_find(record, "v"), JSON_STRING))
        return FAIL(SK_INPUT, "`record` must be an object with its version, `v`");
    if (!canonical(record))
        return FAIL(SK_INPUT, "`record` must have names in order, strings and integers only");
    json_open(&leaf, '{');
    json_name(&leaf, "record");
    json_put_node(&leaf, record);
    json_member_i64(&leaf, "time_ms", hands->now_ms);
    json_member_text(&leaf, "type", "training");
    json_member_u64(&leaf, "v", LEDGER_LEAF_VERSION);
    json_close(&leaf, '}');
    if (text.over) return FAIL(SK_LIMIT, "`record`: the leaf passes %d bytes", LEDGER_LEAF_MAX);
    TRY(hands->seal(hands->self, buf_view(&text), &index));
    json_open(answer, '{');
    json_member_u64(answer, "leaf", index);
    json_close(answer, '}');
    return SK_OK;
}
