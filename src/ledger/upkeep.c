#include "ledger/upkeep.h"

#include "base/text.h"
#include "ledger/store.h"

static bool hex_read(const struct json_node *order, const char *name, uint8_t out[HASH_LEN]) {
    const struct json_node *node = json_find(order, name);
    return json_is(node, JSON_STRING) && hex_take(json_view(node), out, HASH_LEN);
}

static bool count_read(const struct json_node *order, const char *name, uint64_t *out) {
    int64_t number;
    bool good = json_i64(json_find(order, name), &number) && number >= 0;
    if (good) *out = (uint64_t)number;
    return good;
}

// Ends a leaf, whose members so far are before `time_ms` by name, and seals it.
static enum sk_code leaf_seal(const struct order_hands *hands, const char *type,
                              struct json_writer *leaf, uint64_t *index) {
    json_member_i64(leaf, "time_ms", hands->now_ms);
    json_member_text(leaf, "type", type);
    json_member_u64(leaf, "v", LEDGER_LEAF_VERSION);
    json_close(leaf, '}');
    TRY(buf_check(leaf->out, "leaf"));
    return hands->seal(hands->self, buf_view(leaf->out), index);
}

static void leaf_answer(struct json_writer *answer, uint64_t index) {
    json_open(answer, '{');
    json_member_u64(answer, "leaf", index);
    json_close(answer, '}');
}

// ---- a backup ----

static void backup_members(const struct backup_done *done, const char *order,
                           struct json_writer *w) {
    json_open(w, '{');
    json_member_u64(w, "bytes", done->bytes);
    if (order) json_member_text(w, "do", order);
    json_member_hex(w, "manifest", done->manifest, HASH_LEN);
    json_member_hex(w, "root", done->root.at, HASH_LEN);
    json_member_u64(w, "size", done->size);
}

void upkeep_backup_put(const struct backup_done *done, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    backup_members(done, "backup", &w);
    json_close(&w, '}');
}

enum sk_code upkeep_backup(const struct order_hands *hands, const struct json_node *order,
                           struct json_writer *answer) {
    char storage[512];
    struct buf text = buf_over(storage, sizeof storage);
    struct json_writer leaf = json_writer_to(&text);
    struct backup_done done = {0};
    struct tree_hash root;
    uint64_t index;
    if (!count_read(order, "bytes", &done.bytes) || !count_read(order, "size", &done.size) ||
        !hex_read(order, "manifest", done.manifest) || !hex_read(order, "root", done.root.at))
        return FAIL(SK_INPUT, "a backup has bytes, manifest, root and size");
    bool has = done.size <= ledger_size(hands->ledger);
    if (has) tree_root(&hands->ledger->tree, done.size, &root);
    if (!has || memcmp(&root, &done.root, sizeof root) != 0)
        return FAIL(SK_CORRUPT, "the backup is not of this log: another root than its first %llu "
                                "leaves", (unsigned long long)done.size);
    backup_members(&done, NULL, &leaf);
    TRY(leaf_seal(hands, "backup", &leaf, &index));
    leaf_answer(answer, index);
    return SK_OK;
}

// ---- what is due ----

enum sk_code upkeep_retention(const struct order *order, struct json_writer *answer) {
    const struct order_hands *hands = order->hands;
    char storage[512];
    struct buf text = buf_over(storage, sizeof storage);
    struct json_writer leaf = json_writer_to(&text);
    uint64_t index, bytes = 0, records = archive_records(hands->archive);
    for (uint64_t i = 0; i < records; i++) {
        struct archive_record record;
        archive_about(hands->archive, i, &record);
        bytes += record.bytes;
    }
    json_open(&leaf, '{');
    json_member_u64(&leaf, "bytes", bytes);
    json_member_u64(&leaf, "erased", order->len);
    json_member_u64(&leaf, "erased_bytes", order->bytes);
    if (order->len) json_member_u64(&leaf, "erasure", order->leaf);
    json_member_u64(&leaf, "records", records);
    TRY(leaf_seal(hands, "retention", &leaf, &index));
    json_open(answer, '{');
    json_member_u64(answer, "erased", order->len);
    json_member_u64(answer, "erased_bytes", order->bytes);
    json_member_u64(answer, "leaf", index);
    json_close(answer, '}');
    return SK_OK;
}

// ---- a forecast ----

static bool part_read(const struct json_node *part, struct forecast_part *out) {
    return count_read(part, "bytes", &out->bytes) &&
           json_i64(json_find(part, "day"), &out->a_day[0]) &&
           json_i64(json_find(part, "week"), &out->a_day[1]) &&
           json_i64(json_find(part, "month"), &out->a_day[2]);
}

void upkeep_forecast_put(const struct forecast *forecast, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "do", "forecast");
    forecast_put(forecast, &w);
    json_close(&w, '}');
}

enum sk_code upkeep_forecast(const struct order_hands *hands, const struct json_node *order,
                             struct json_writer *answer) {
    char storage[1024];
    struct buf text = buf_over(storage, sizeof storage);
    struct json_writer leaf = json_writer_to(&text);
    struct forecast forecast = {0};
    uint64_t index;
    if (!count_read(order, "free", &forecast.free) ||
        !count_read(order, "reserve", &forecast.reserve) ||
        !count_read(order, "size", &forecast.size) ||
        !part_read(json_find(order, "kept"), &forecast.kept) ||
        !part_read(json_find(order, "log"), &forecast.log))
        return FAIL(SK_INPUT, "a forecast has free, kept, log, reserve and size");
    json_open(&leaf, '{');
    forecast_put(&forecast, &leaf);
    TRY(leaf_seal(hands, "forecast", &leaf, &index));
    leaf_answer(answer, index);
    return SK_OK;
}
