// What operators see and do of a log: rates by the leaves' own times, days until the disk is full,
// texts by class and days, what is due erased with its counts, and a backup of another log refused.
#include "ledger_fixture.h"

enum { DAY_S = 86400 };
static const int64_t start_ms = 1700000000000;

static struct world_sim *sim;
static struct ledger *ledger;
static struct archive *archive;
static struct erasures erasures;
static struct arena arena;
static char answer_text[ORDER_ANSWER_MAX];

static void leaf_add(const char *text) {
    uint64_t index;
    assert_int_equal(ledger_append(ledger, view_of(text), &index), SK_OK);
    assert_int_equal(ledger_commit(ledger), SK_OK);
}

static enum sk_code seal(void *self, struct view leaf, uint64_t *index) {
    (void)self;
    assert_int_equal(ledger_append(ledger, leaf, index), SK_OK);
    return ledger_commit(ledger);
}

static uint64_t close_of(void *self, uint64_t open) {
    (void)self;
    (void)open;
    return UINT64_MAX;
}

// One request a day, its open leaf with a class, its close leaf without a time, kept for 7 or 30.
static void begin(unsigned days) {
    static const uint8_t key[SECRET_KEY_LEN] = {8};
    struct ledger_options options = fixture_options();
    struct ledger_found found;
    struct archive_found kept;
    if (days) options.segment_max = 3000;
    assert_int_equal(world_sim_open(&sim, 5), SK_OK);
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), options, &found), SK_OK);
    assert_int_equal(archive_open(&archive, world_sim_world(sim), key, false, &kept), SK_OK);
    for (unsigned day = 0; day < days; day++) {
        char open[256];
        int64_t ms = start_ms + (int64_t)day * DAY_S * 1000;
        bool mail = day % 2;
        (void)snprintf(open, sizeof open,
                       "{\"classes\":[%s],\"key\":\"k\",\"n\":%u,\"time_ms\":%lld,"
                       "\"type\":\"open\"}",
                       mail ? "\"contact\",\"person\"" : "", day + 1, (long long)ms);
        leaf_add(open);
        leaf_add("{\"type\":\"close\"}");
        int64_t until_s = ms / 1000 + (mail ? 7 : 30) * DAY_S + 5;
        assert_int_equal(archive_put(archive, 2 * (uint64_t)day, until_s,
                                     VIEW("a text of thirty characters...")), SK_OK);
    }
    assert_int_equal(archive_commit(archive), SK_OK);
    assert_int_equal(ledger_release(ledger), SK_OK);
    if (!arena.base) assert_int_equal(arena_open(&arena, "order", 4 << 20), SK_OK);
}

static void end(void) {
    archive_close(archive);
    ledger_close(ledger);
    erasures_close(&erasures);
    world_sim_close(sim);
}

static struct view order(const char *text, int64_t now_ms) {
    static char copy[ORDER_MAX];
    struct buf out = buf_over(answer_text, sizeof answer_text), in = buf_over(copy, sizeof copy);
    struct order_hands hands = {.ledger = ledger, .archive = archive, .erasures = &erasures,
                                .now_ms = now_ms, .seal = seal, .close_of = close_of};
    buf_put_text(&in, text);
    arena_reset(&arena);
    assert_int_equal(order_run(&hands, &in, &arena, &out), SK_OK);
    return buf_view(&out);
}

static void says(struct view text, const char *words) {
    if (!memmem(text.at, text.len, words, strlen(words)))
        fail_msg("no %s in %.*s", words, (int)text.len, text.at);
}

static struct view last_leaf(void) {
    static char text[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(text, sizeof text);
    assert_int_equal(ledger_leaf(ledger, ledger_size(ledger) - 1, &leaf), SK_OK);
    return buf_view(&leaf);
}

static enum sk_code read(struct forecast *out) {
    return forecast_read(world_sim_world(sim), FIXTURE_ORIGIN, ledger_size(ledger), archive, out);
}

static void test_forecast(void **unused) {
    (void)unused;
    struct forecast now;
    uint64_t opens[100], bytes;
    begin(100);
    size_t due = archive_expired(archive, start_ms / 1000 + 99 * DAY_S, opens, 100, &bytes);
    assert_int_equal(archive_erase(archive, opens, due), SK_OK);
    assert_int_equal(read(&now), SK_OK);
    assert_int_equal(now.size, 200);
    assert_true(now.time_ms == start_ms + 99LL * DAY_S * 1000);
    assert_true(now.age_ms == 99LL * DAY_S * 1000);
    // A day's leaves and batches: alike on every day, but for a segment's head now and then.
    int64_t all = (int64_t)now.log.bytes / 100;
    for (size_t i = 1; i < FORECAST_SPANS; i++)
        assert_true(now.log.a_day[i] > all * 9 / 10 && now.log.a_day[i] < all * 12 / 10);
    assert_true(now.log.a_day[0] > 0);
    // Kept: since 99 days, for 30 at most, so as much goes as comes.
    int64_t record = 30 + 16 + 112;
    assert_true(now.kept.a_day[1] >= -record && now.kept.a_day[1] <= record);
    now.free = 1000 * (uint64_t)forecast_a_day(&now) + 10;
    uint64_t days;
    assert_true(forecast_days(&now, 0, &days) && days == 1000);
    now.reserve = now.free / 2;
    assert_true(forecast_days(&now, now.reserve, &days) && days == 500);
    assert_true(forecast_days(&now, now.free, &days) && days == 0);
    // As an order, and in its leaf.
    static char storage[1024];
    struct buf text = buf_over(storage, sizeof storage);
    upkeep_forecast_put(&now, &text);
    buf_put_char(&text, 0);
    says(order(text.at, start_ms), "{\"leaf\":200}");
    says(last_leaf(), "{\"days_full\":1000,\"days_reserve\":500,\"free\":");
    says(last_leaf(), ",\"size\":200,\"time_ms\":1700000000000,\"type\":\"forecast\",\"v\":2}");
    says(order("{\"do\":\"forecast\",\"free\":-1}", start_ms), "a forecast has");
    end();
}

static void test_young(void **unused) {
    (void)unused;
    struct forecast now;
    begin(0);
    assert_int_equal(read(&now), SK_UNKNOWN);
    leaf_add("{\"type\":\"close\"}");
    assert_int_equal(read(&now), SK_UNKNOWN);
    leaf_add("{\"time_ms\":1700000000000,\"type\":\"isolation\"}");
    assert_int_equal(read(&now), SK_OK);
    assert_int_equal(now.age_ms, 0);
    assert_true(now.log.a_day[0] == now.log.a_day[2] && now.log.a_day[0] > 0);
    now.log.a_day[0] = now.log.a_day[1] = now.log.a_day[2] = -5; // nothing grows
    now.free = 100;
    uint64_t days;
    assert_false(forecast_days(&now, 0, &days));
    end();
}

static void test_retention(void **unused) {
    (void)unused;
    static struct retention all;
    begin(20);
    struct world world = world_sim_world(sim);
    int64_t now_s = start_ms / 1000 + 19 * DAY_S;
    uint64_t size = ledger_size(ledger);
    assert_int_equal(retention_read(world, FIXTURE_ORIGIN, size, archive, now_s, &all), SK_OK);
    assert_int_equal(all.len, 2);
    assert_string_equal(all.rows[0].classes, "");
    assert_string_equal(all.rows[1].classes, "contact,person");
    assert_int_equal(all.rows[0].days, 30);
    assert_int_equal(all.rows[1].days, 7);
    assert_int_equal(all.rows[0].records + all.rows[1].records, 20);
    assert_int_equal(all.rows[0].due, 0);
    assert_int_equal(all.rows[1].due, 6); // of the days 1, 3, 5, 7, 9 and 11
    assert_true(all.rows[1].next_s == start_ms / 1000 + (13 + 7) * DAY_S + 5);
    assert_int_equal(all.rows[1].bytes, 10 * (30 + 16 + 112));
    static const char apply[] = "{\"do\":\"retention\"}";
    says(order(apply, now_s * 1000), "{\"erased\":6,\"erased_bytes\":948,\"leaf\":41}");
    says(last_leaf(), "{\"bytes\":2212,\"erased\":6,\"erased_bytes\":948,\"erasure\":40,");
    says(last_leaf(), "\"type\":\"retention\"");
    says(order(apply, now_s * 1000), "{\"erased\":0,\"erased_bytes\":0,\"leaf\":42}");
    assert_int_equal(archive_records(archive), 14);
    assert_int_equal(erasures_find(&erasures, 2), 40);
    end();
}

// More kinds than rows, and more classes than a row has room for: counted all the same.
static void test_retention_many(void **unused) {
    (void)unused;
    static struct retention all;
    static char leaf[2048];
    enum { MANY = 300, CLASSES = 100 };
    struct buf text = buf_over(leaf, sizeof leaf);
    uint64_t records = 0, due = 0;
    begin(0);
    buf_put_text(&text, "{\"classes\":[");
    for (unsigned i = 0; i < CLASSES; i++) buf_print(&text, "%s\"class%u\"", i ? "," : "", i);
    buf_put_text(&text, "],\"time_ms\":1700000000000,\"type\":\"open\"}");
    buf_put_char(&text, 0);
    assert_int_equal(buf_check(&text, "leaf"), SK_OK);
    for (unsigned i = 0; i < MANY; i++) {
        int64_t until_s = start_ms / 1000 + (int64_t)(i + 1) * DAY_S;
        leaf_add(leaf);
        assert_int_equal(archive_put(archive, i, until_s, VIEW("text")), SK_OK);
    }
    assert_int_equal(archive_commit(archive), SK_OK);
    assert_int_equal(ledger_release(ledger), SK_OK);
    assert_int_equal(retention_read(world_sim_world(sim), FIXTURE_ORIGIN, MANY, archive,
                                    start_ms / 1000 + 299 * DAY_S, &all), SK_OK);
    assert_int_equal(all.len, RETENTION_ROWS_MAX);
    for (size_t i = 0; i < all.len; i++) {
        const struct retention_row *row = &all.rows[i];
        size_t len = strlen(row->classes);
        bool last = i + 1 == all.len;
        if (last) assert_string_equal(row->classes, "(others)");
        else assert_string_equal(row->classes + len - strlen(",…"), ",…");
        assert_true(last || len > RETENTION_CLASSES_MAX - 16);
        assert_int_equal(row->days, last ? 0 : i + 1);
        records += row->records;
        due += row->due;
    }
    assert_int_equal(all.rows[RETENTION_ROWS_MAX - 1].records, MANY - RETENTION_ROWS_MAX + 1);
    assert_int_equal(records, MANY);
    assert_int_equal(due, MANY - 1);
    end();
}

static void test_backup(void **unused) {
    (void)unused;
    static char storage[512];
    begin(3);
    struct backup_done done = {.size = 6, .bytes = 9};
    struct tree_hash root;
    ledger_root(ledger, &root);
    for (int good = 0; good < 2; good++) {
        struct buf text = buf_over(storage, sizeof storage);
        if (good) done.root = root;
        upkeep_backup_put(&done, &text);
        buf_put_char(&text, 0);
        says(order(text.at, start_ms), good ? "{\"leaf\":6}" : "not of this log");
        done.size = 6;
    }
    says(last_leaf(), "\"size\":6,\"time_ms\":1700000000000,\"type\":\"backup\",\"v\":2}");
    says(order("{\"do\":\"backup\",\"size\":6}", start_ms), "a backup has");
    done.size = 99;
    struct buf text = buf_over(storage, sizeof storage);
    upkeep_backup_put(&done, &text);
    buf_put_char(&text, 0);
    says(order(text.at, start_ms), "not of this log");
    end();
}

static void test_training(void **unused) {
    (void)unused;
    static char text[ORDER_MAX], record[LEDGER_LEAF_MAX];
    static const char good[] = "{\"bytes\":9007199254740992,\"name\":\"敬語 \\\"\","
                               "\"sources\":[{\"licence\":\"CC0\"},[],{}],\"v\":\"x/1\"}";
    begin(3);
    struct buf out = buf_over(text, sizeof text);
    training_put(view_of(good), &out);
    buf_put_char(&out, 0);
    says(order(text, start_ms), "{\"leaf\":6}");
    snprintf(record, sizeof record, "{\"record\":%s,\"time_ms\":1700000000000,"
                                    "\"type\":\"training\",\"v\":2}", good);
    assert_true(view_is(last_leaf(), record));
    static const char *const bad[] = {
        "{\"a\":1}",               "{\"v\":1}",           "[]",
        "{\"v\":\"x\",\"a\":1}",   "{\"a\":1.5,\"v\":\"x\"}", "{\"a\":1e2,\"v\":\"x\"}",
        "{\"a\":-0,\"v\":\"x\"}",  "{\"a\":true,\"v\":\"x\"}", "{\"a\":null,\"v\":\"x\"}",
        "{\"a\":[{\"c\":1,\"b\":2}],\"v\":\"x\"}", "{\"a\":9007199254740993,\"v\":\"x\"}",
        "{\"v\":\"x\",\"言\":1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "{\"do\":\"training\",\"record\":%s}", bad[i]);
        says(order(text, start_ms), "`record` must");
    }
    says(order("{\"do\":\"training\"}", start_ms), "`record` must be an object");
    int len = snprintf(record, sizeof record, "{\"v\":\"");
    memset(record + len, 'a', sizeof record - (size_t)len - 3);
    memcpy(record + sizeof record - 3, "\"}", 3);
    snprintf(text, sizeof text, "{\"do\":\"training\",\"record\":%s}", record);
    says(order(text, start_ms), "SK_LIMIT");
    assert_int_equal(ledger_size(ledger), 7);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forecast),
        cmocka_unit_test(test_young),
        cmocka_unit_test(test_retention),
        cmocka_unit_test(test_retention_many),
        cmocka_unit_test(test_backup),
        cmocka_unit_test(test_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
