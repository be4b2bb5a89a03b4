// What is kept comes back; what is erased does not, with every key and file that is left; the files
// show nothing of a text; the archive key is changed; foreign keys and damage are refused. What a record, an erasure say.
#include "base/arena.h"
#include "cmocka_all.h"
#include "ledger/archive.h"
#include "ledger/erasure.h"
#include "ledger/kept.h"

enum { FILE_MAX = 65536 };
static const uint8_t archive_key[SECRET_KEY_LEN] = {1, 2, 3};
static struct world_sim *sim;
static struct world world;

static struct archive *opened(void) {
    struct archive *archive;
    struct archive_found found;
    if (archive_open(&archive, world, archive_key, false, &found) != SK_OK)
        fail_msg("%s", fail_text());
    return archive;
}

static void begin(void) {
    assert_int_equal(world_sim_open(&sim, 5), SK_OK);
    world = world_sim_world(sim);
}

static void put(struct archive *archive, uint64_t open, const char *text) {
    assert_int_equal(archive_put(archive, open, (int64_t)open * 10, view_of(text)), SK_OK);
}

static enum sk_code get(struct archive *archive, uint64_t open, const char *text) {
    char storage[256];
    struct buf out = buf_over(storage, sizeof storage);
    enum sk_code code = archive_get(archive, open, &out);
    if (code == SK_OK) assert_true(view_is(buf_view(&out), text));
    return code;
}

static size_t file_read(const char *name, char *out) {
    int file;
    size_t got;
    if (world.open(world.self, name, WORLD_READ, &file) != SK_OK) return 0;
    assert_int_equal(world.read(world.self, file, 0, out, FILE_MAX, &got), SK_OK);
    world.close(world.self, file);
    return got;
}

static void test_keeps(void **state) {
    (void)state;
    static char bytes[FILE_MAX];
    begin();
    struct archive *archive = opened();
    put(archive, 3, "the text of three");
    put(archive, 8, "");
    assert_int_equal(archive_records(archive), 0); // nothing is promised yet
    assert_int_equal(get(archive, 3, ""), SK_UNKNOWN);
    assert_int_equal(archive_commit(archive), SK_OK);
    assert_int_equal(get(archive, 3, "the text of three"), SK_OK);
    archive_close(archive);
    archive = opened();
    assert_int_equal(archive_records(archive), 2);
    assert_int_equal(get(archive, 3, "the text of three"), SK_OK);
    assert_int_equal(get(archive, 8, ""), SK_OK);
    assert_int_equal(get(archive, 4, ""), SK_UNKNOWN);
    archive_close(archive);
    size_t len = file_read("kept.000001", bytes);
    assert_true(len > 17 && !memmem(bytes, len, "three", 5));
    world_sim_close(sim);
}

static void test_erases(void **state) {
    (void)state;
    static char before[FILE_MAX], after[FILE_MAX];
    begin();
    struct archive *archive = opened();
    put(archive, 1, "one");
    put(archive, 2, "two");
    put(archive, 3, "three");
    assert_int_equal(archive_commit(archive), SK_OK);
    size_t len = file_read("kept.keys", before);
    assert_int_equal(archive_erase(archive, (const uint64_t[]){2, 99}, 2), SK_OK);
    assert_int_equal(get(archive, 2, ""), SK_UNKNOWN);
    assert_int_equal(get(archive, 3, "three"), SK_OK);
    put(archive, 4, "four");
    assert_int_equal(archive_commit(archive), SK_OK);
    archive_close(archive);
    assert_int_equal(file_read("kept.keys.old", after), 0);
    assert_int_equal(file_read("kept.keys", after), len); // two stayed, one came
    assert_null(memmem(after, len, before + 104 + 112, 112)); // nor does what was sealed before
    assert_memory_not_equal(after + 104, before + 104, 112); //  stay for those that stayed
    archive = opened();
    assert_false(archive_has(archive, 2));
    assert_int_equal(get(archive, 1, "one"), SK_OK);
    assert_int_equal(get(archive, 4, "four"), SK_OK);
    assert_int_equal(archive_erase(archive, (const uint64_t[]){1, 3, 4}, 3), SK_OK);
    archive_close(archive);
    assert_int_equal(file_read("kept.000001", after), 0); // a file without records goes
    world_sim_close(sim);
}

// Records come in any order, also while keys are written anew: all that stay are read, and again by
// the next life.
static void test_steps(void **state) {
    (void)state;
    static const uint64_t first[] = {9, 3, 12, 1, 7}, meanwhile[] = {2, 20, 8, 4, 0, 11, 21, 22};
    static const uint64_t order[] = {0, 1, 2, 4, 8, 9, 11, 12, 20, 21, 22};
    size_t at = 0;
    bool done = false;
    begin();
    struct archive *archive = opened();
    for (size_t i = 0; i < 5; i++)
        put(archive, first[i], "text");
    assert_int_equal(archive_commit(archive), SK_OK);
    assert_int_equal(archive_erase_begin(archive, (const uint64_t[]){3, 5, 7}, 3), SK_OK);
    while (!done) {
        assert_false(archive_has(archive, 3) || archive_has(archive, 7));
        if (at < 8) put(archive, meanwhile[at++], "text");
        if (at % 2) assert_int_equal(archive_commit(archive), SK_OK);
        assert_int_equal(get(archive, 9, "text"), SK_OK);
        assert_int_equal(archive_erase_step(archive, 2, &done), SK_OK);
    }
    assert_int_equal(at, 8);
    for (int life = 0; life < 2; life++) {
        uint64_t open, from = 0;
        for (size_t i = 0; i < 11; i++, from = open + 1) {
            assert_true(archive_next(archive, from, &open));
            assert_int_equal(open, order[i]);
            assert_int_equal(get(archive, open, "text"), SK_OK);
        }
        assert_false(archive_next(archive, from, &open));
        archive_close(archive);
        archive = opened();
    }
    archive_close(archive);
    world_sim_close(sim);
}

// Under another archive key: the records are the same, what was erased is not back, and the first
// key opens nothing.
static void test_rekeys(void **state) {
    (void)state;
    static const uint8_t other[SECRET_KEY_LEN] = {1, 2, 4};
    uint8_t one[ARCHIVE_ID_LEN], two[ARCHIVE_ID_LEN];
    struct archive_found found;
    begin();
    struct archive *archive = opened();
    put(archive, 1, "one");
    put(archive, 2, "two");
    assert_int_equal(archive_erase(archive, (const uint64_t[]){2}, 1), SK_OK);
    put(archive, 3, "three");
    assert_int_equal(archive_rekey(archive, other), SK_OK);
    assert_int_equal(get(archive, 3, "three"), SK_OK);
    put(archive, 4, "four");
    assert_int_equal(archive_commit(archive), SK_OK);
    archive_close(archive);
    assert_int_equal(archive_open(&archive, world, archive_key, false, &found), SK_DENIED);
    assert_int_equal(archive_open(&archive, world, other, false, &found), SK_OK);
    assert_int_equal(found.records, 3);
    assert_int_equal(get(archive, 1, "one"), SK_OK);
    assert_int_equal(get(archive, 2, ""), SK_UNKNOWN);
    assert_int_equal(get(archive, 4, "four"), SK_OK);
    archive_close(archive);
    archive_key_id(archive_key, one);
    archive_key_id(other, two);
    assert_memory_not_equal(one, two, ARCHIVE_ID_LEN);
    world_sim_close(sim);
}

static void test_expires(void **state) {
    (void)state;
    uint64_t opens[4], bytes;
    struct archive_record one;
    begin();
    struct archive *archive = opened();
    put(archive, 1, "one"); // until 10
    put(archive, 5, "five");
    assert_int_equal(archive_expired(archive, 99, opens, 4, &bytes), 0);
    assert_int_equal(archive_commit(archive), SK_OK);
    assert_int_equal(archive_expired(archive, 9, opens, 4, &bytes), 0);
    assert_int_equal(archive_expired(archive, 10, opens, 4, &bytes), 1);
    assert_int_equal(opens[0], 1);
    archive_about(archive, 0, &one);
    assert_true(bytes == one.bytes);
    assert_int_equal(archive_expired(archive, 99, opens, 1, &bytes), 1);
    archive_close(archive);
    world_sim_close(sim);
}

// One byte changed anywhere in the key file: refused, or one record less and none changed.
static void test_damage(void **state) {
    (void)state;
    static char bytes[FILE_MAX];
    begin();
    struct archive *archive = opened(), *other;
    struct archive_found found;
    put(archive, 1, "one");
    put(archive, 2, "two");
    assert_int_equal(archive_commit(archive), SK_OK);
    archive_close(archive);
    size_t len = file_read("kept.keys", bytes);
    assert_int_equal(archive_open(&archive, world, (const uint8_t[SECRET_KEY_LEN]){9}, false,
                                  &found),
                     SK_DENIED);
    for (size_t i = 0; i < len; i++) {
        struct world_sim *aside;
        int file;
        char text[256];
        struct buf out = buf_over(text, sizeof text);
        assert_int_equal(world_sim_open(&aside, 1), SK_OK);
        struct world w = world_sim_world(aside);
        bytes[i] ^= 4;
        assert_int_equal(w.open(w.self, "kept.keys", WORLD_CREATE, &file), SK_OK);
        assert_int_equal(w.write(w.self, file, 0, bytes, len), SK_OK);
        w.close(w.self, file);
        bytes[i] ^= 4;
        enum sk_code code = archive_open(&other, w, archive_key, true, &found);
        if (i < 104) assert_true(code == SK_CORRUPT || code == SK_DENIED);
        else assert_int_equal(code, SK_OK);
        if (code == SK_OK) {
            assert_int_equal(found.records, 1);
            assert_int_equal(found.damaged, 1);
            assert_int_not_equal(archive_get(other, 1, &out), SK_OK); // its file is not here
            archive_close(other);
        }
        world_sim_close(aside);
    }
    world_sim_close(sim);
}

static void test_record(void **state) {
    (void)state;
    char storage[512];
    struct buf out = buf_over(storage, sizeof storage);
    const struct kept kept = {
        .fields = {{VIEW("request_body"), {1}, true, VIEW("{\"a\":1}")},
                   {VIEW("prompt_tokens"), {2}, false, {0}},
                   {VIEW("choice_0"), {3}, true, VIEW("yes")}},
        .len = 3};
    struct kept read;
    kept_record_put(&kept, &out);
    assert_int_equal(kept_record_take(buf_view(&out), &read), SK_OK);
    assert_int_equal(read.len, 3);
    assert_true(view_is(read.fields[0].value, "{\"a\":1}"));
    assert_false(read.fields[1].valued);
    assert_int_equal(read.fields[2].salt[0], 3);
    for (size_t len = 0; len < out.len; len++)
        assert_int_equal(kept_record_take((struct view){out.at, len}, &read), SK_CORRUPT);
}

static void test_erasure(void **state) {
    (void)state;
    static struct erasure erasure = {
        .opens = {4, 1000000}, .len = 2, .reason = {"art-17", 6}, .time_ms = 1700000000000};
    static struct erasure read;
    static struct erasures erasures;
    char storage[256];
    struct buf out = buf_over(storage, sizeof storage);
    struct arena arena;
    const struct json_node *root;
    erasure_write(&erasure, &out);
    assert_true(view_is(buf_view(&out), "{\"opens\":[4,1000000],\"reason\":\"art-17\",\"time_ms\":"
                                        "1700000000000,\"type\":\"erasure\",\"v\":2}"));
    assert_int_equal(arena_open(&arena, "leaf", 1 << 20), SK_OK);
    assert_int_equal(json_parse(out.at, out.len, &arena, &root), SK_OK);
    assert_int_equal(erasure_read(root, &read), SK_OK);
    assert_int_equal(read.len, 2);
    assert_int_equal(read.opens[1], 1000000);
    assert_int_equal(erasures_add(&erasures, &read, 77), SK_OK);
    assert_int_equal(erasures_find(&erasures, 4), 77);
    assert_true(erasures_find(&erasures, 5) == UINT64_MAX);
    erasures_close(&erasures);
    assert_true(erasure_reason_check(VIEW("retention")));
    assert_false(erasure_reason_check(VIEW("")));
    assert_false(erasure_reason_check(VIEW("Taro asked")));
    arena_close(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps),   cmocka_unit_test(test_erases),
        cmocka_unit_test(test_rekeys),  cmocka_unit_test(test_expires),
        cmocka_unit_test(test_damage),  cmocka_unit_test(test_record),
        cmocka_unit_test(test_erasure), cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
