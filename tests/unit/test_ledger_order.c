// Orders of an operator: what they answer, and that an erasure cut off after its leaf is made good,
// also one of which any one call of the archive's disk fails.
#include "ledger_fixture.h"

static struct world_sim *sim;
static struct ledger *ledger;
static struct archive *archive;
static struct erasures erasures;
static struct arena arena;
static char answer_text[ORDER_ANSWER_MAX];
static const uint8_t archive_key[SECRET_KEY_LEN] = {8};
static bool cut; // the node falls once the leaf is durable

// The archive's disk: of its calls to come the one whose number `left` says fails.
static struct {
    struct world inner;
    uint64_t left; // 0: none
} faulty;

static enum sk_code call(void) {
    if (faulty.left == 0 || --faulty.left > 0) return SK_OK;
    return FAIL(SK_IO, "it failed once");
}

static enum sk_code faulty_open(void *self, const char *name, int flags, int *file) {
    TRY(call());
    return faulty.inner.open(self, name, flags, file);
}

static enum sk_code faulty_size(void *self, int file, uint64_t *size) {
    TRY(call());
    return faulty.inner.size(self, file, size);
}

static enum sk_code faulty_read(void *self, int file, uint64_t at, void *out, size_t len,
                                size_t *got) {
    TRY(call());
    return faulty.inner.read(self, file, at, out, len, got);
}

static enum sk_code faulty_write(void *self, int file, uint64_t at, const void *bytes,
                                 size_t len) {
    TRY(call());
    return faulty.inner.write(self, file, at, bytes, len);
}

static enum sk_code faulty_truncate(void *self, int file, uint64_t size) {
    TRY(call());
    return faulty.inner.truncate(self, file, size);
}

static enum sk_code faulty_sync(void *self, int file) {
    TRY(call());
    return faulty.inner.sync(self, file);
}

static enum sk_code faulty_sync_directory(void *self) {
    TRY(call());
    return faulty.inner.sync_directory(self);
}

static enum sk_code faulty_rename(void *self, const char *from, const char *to) {
    TRY(call());
    return faulty.inner.rename(self, from, to);
}

static enum sk_code faulty_remove(void *self, const char *name) {
    TRY(call());
    return faulty.inner.remove(self, name);
}

static struct world faulty_world(void) {
    struct world world = faulty.inner = world_sim_world(sim);
    world.open = faulty_open;
    world.size = faulty_size;
    world.read = faulty_read;
    world.write = faulty_write;
    world.truncate = faulty_truncate;
    world.sync = faulty_sync;
    world.sync_directory = faulty_sync_directory;
    world.rename = faulty_rename;
    world.remove = faulty_remove;
    return world;
}

static enum sk_code seal(void *self, struct view leaf, uint64_t *index) {
    (void)self;
    assert_int_equal(ledger_append(ledger, leaf, index), SK_OK);
    assert_int_equal(ledger_commit(ledger), SK_OK);
    return cut ? FAIL(SK_IO, "it fell") : SK_OK;
}

static uint64_t close_of(void *self, uint64_t open) {
    (void)self;
    return open == 0 ? 1 : UINT64_MAX;
}

static struct order_hands hands(void) {
    return (struct order_hands){.ledger = ledger,
                                .archive = archive,
                                .erasures = &erasures,
                                .now_ms = 1700000000000,
                                .seal = seal,
                                .close_of = close_of};
}

static enum sk_code order(const char *text, struct view *answer) {
    static char copy[1024];
    struct buf out = buf_over(answer_text, sizeof answer_text), in = buf_over(copy, sizeof copy);
    struct order_hands all = hands();
    buf_put_text(&in, text);
    arena_reset(&arena);
    enum sk_code code = order_run(&all, &in, &arena, &out);
    *answer = buf_view(&out);
    return code;
}

static void says(const char *text, const char *words) {
    struct view answer;
    assert_int_equal(order(text, &answer), SK_OK);
    if (!memmem(answer.at, answer.len, words, strlen(words)))
        fail_msg("%s: %.*s", text, (int)answer.len, answer.at);
}

static void archive_again(void) {
    struct archive_found found;
    archive_close(archive);
    assert_int_equal(archive_open(&archive, faulty_world(), archive_key, false, &found), SK_OK);
}

static void begin(void) {
    static const char *const leaves[] = {
        "{\"key\":\"k1\",\"n\":1,\"type\":\"open\"}",
        "{\"choices\":[],\"key\":\"k1\",\"n\":1,\"open\":0,\"type\":\"close\"}",
        "{\"key\":\"k2\",\"n\":1,\"type\":\"open\"}", "{\"key\":\"k1\",\"n\":2,\"type\":\"open\"}"};
    struct ledger_found found;
    uint64_t index;
    cut = false;
    assert_int_equal(world_sim_open(&sim, 4), SK_OK);
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), fixture_options(), &found), SK_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(ledger_append(ledger, view_of(leaves[i]), &index), SK_OK);
    assert_int_equal(ledger_commit(ledger), SK_OK);
    archive_again();
    for (uint64_t open = 0; open < 4; open++)
        if (open != 1) assert_int_equal(archive_put(archive, open, 9, VIEW("text")), SK_OK);
    assert_int_equal(archive_commit(archive), SK_OK);
    if (!arena.base) assert_int_equal(arena_open(&arena, "order", 4 << 20), SK_OK);
}

static void end(void) {
    archive_close(archive);
    archive = NULL;
    ledger_close(ledger);
    erasures_close(&erasures);
    world_sim_close(sim);
}

static void test_answers(void **state) {
    (void)state;
    begin();
    says("{\"do\":\"list\",\"key\":\"k1\",\"from\":0}", "{\"next\":null,\"opens\":[0,3]}");
    says("{\"do\":\"list\",\"key\":\"\",\"from\":1}", "[2,3]");
    says("{\"do\":\"erase\",\"opens\":[2],\"reason\":\"Taro\"}", "a reason is");
    says("{\"do\":\"erase\",\"opens\":[1],\"reason\":\"x\"}", "of request 1 nothing is kept");
    says("{\"do\":\"erase\",\"opens\":[2,2],\"reason\":\"x\"}", "{\"erased\":1,\"leaf\":4}");
    says("{\"do\":\"erase\",\"opens\":[2],\"reason\":\"x\"}", "erased already: leaf 4");
    char text[128];
    struct buf leaf = buf_over(text, sizeof text);
    assert_int_equal(ledger_leaf(ledger, 4, &leaf), SK_OK);
    assert_true(view_starts(buf_view(&leaf), VIEW("{\"opens\":[2],")));
    says("{\"do\":\"erase\",\"key\":\"k1\",\"reason\":\"x\"}", "{\"erased\":2,\"leaf\":5}");
    says("{\"do\":\"erase\",\"key\":\"k1\",\"reason\":\"x\"}", "nothing is kept of it");
    says("{\"do\":\"prove\",\"open\":0}", "sekisho-disclosure/1");
    says("{\"do\":\"prove\",\"open\":99}", "SK_UNKNOWN");
    says("{\"do\":\"dance\"}", "`do` is");
    says("no order", "SK_INPUT");
    assert_int_equal(archive_records(archive), 0);
    end();
}

static void test_bundle(void **state) {
    (void)state;
    struct view answer;
    struct trust trust;
    struct bundle_facts facts;
    struct note_key key = fixture_note_key();
    begin();
    says("{\"do\":\"erase\",\"opens\":[0],\"reason\":\"x\"}", "erased");
    assert_int_equal(order("{\"do\":\"prove\",\"open\":0}", &answer), SK_OK);
    assert_int_equal(trust_of_key(&key, &arena, &trust), SK_OK);
    struct buf text = {.at = arena_text(&arena, answer), .len = answer.len};
    if (bundle_check(&text, &trust, &arena, &facts) != SK_OK) fail_msg("%s", fail_text());
    assert_true(facts.closed && facts.erased && facts.erasure.included);
    assert_int_equal(facts.erasure.proof.index, 4);
    // Any byte changed: refused, or another way to write the same.
    for (size_t i = 0; i < answer.len; i++) {
        struct buf changed = {.at = arena_text(&arena, answer), .len = answer.len};
        if (!changed.at) fail_msg("%s", fail_text());
        changed.at[i] ^= 1;
        if (bundle_check(&changed, &trust, &arena, &facts) == SK_OK)
            fail_msg("byte %zu of %.*s", i, (int)answer.len, answer.at);
        if (i % 64 == 0) {
            struct view whole = {answer_text, answer.len};
            arena_reset(&arena);
            answer = whole;
            assert_int_equal(trust_of_key(&key, &arena, &trust), SK_OK);
        }
    }
    end();
}

static void test_cut(void **state) {
    (void)state;
    struct view answer;
    static struct erasure erasure = {.opens = {0, 3}, .len = 2};
    begin();
    cut = true;
    assert_int_equal(order("{\"do\":\"erase\",\"key\":\"k1\",\"reason\":\"x\"}", &answer), SK_IO);
    archive_again();
    assert_true(archive_has(archive, 0)); // it fell between
    assert_int_equal(erasures_add(&erasures, &erasure, 4), SK_OK); // as the log is read again
    struct order_hands all = hands();
    assert_int_equal(order_resume(&all), SK_OK);
    assert_false(archive_has(archive, 0) || archive_has(archive, 3));
    assert_true(archive_has(archive, 2));
    archive_again();
    assert_int_equal(archive_records(archive), 1);
    end();
}

// Nothing is sealed of what cannot be erased: told, and the node goes on.
static void test_poisoned(void **state) {
    (void)state;
    static struct order retire;
    begin();
    struct order_hands all = hands();
    assert_int_equal(archive_put(archive, 9, 9, VIEW("text")), SK_OK);
    world_sim_faults(sim, (struct world_faults){.sync_fail = 65536});
    assert_int_not_equal(archive_commit(archive), SK_OK);
    world_sim_faults(sim, (struct world_faults){0});
    assert_true(archive_poisoned(archive));
    says("{\"do\":\"erase\",\"opens\":[2],\"reason\":\"x\"}", "a write failed");
    says("{\"do\":\"erase\",\"key\":\"k1\",\"reason\":\"x\"}", "a write failed");
    says("{\"do\":\"retention\"}", "a write failed");
    says("{\"do\":\"list\",\"key\":\"k1\"}", "a write failed");
    assert_int_equal(order_retire(&retire, &all), SK_IO);
    assert_int_equal(ledger_size(ledger), 4);
    archive_again();
    assert_false(archive_poisoned(archive));
    says("{\"do\":\"erase\",\"opens\":[2],\"reason\":\"x\"}", "{\"erased\":1,\"leaf\":4}");
    end();
}

static bool reads(uint64_t open) {
    char storage[64];
    struct buf out = buf_over(storage, sizeof storage);
    return archive_get(archive, open, &out) == SK_OK && view_is(buf_view(&out), "text");
}

static bool there(const char *name) {
    int file;
    if (faulty.inner.open(faulty.inner.self, name, WORLD_READ, &file) != SK_OK) return false;
    faulty.inner.close(faulty.inner.self, file);
    return true;
}

// The next try, of which each call fails once, too, until one does not.
static void mend(void) {
    struct order_hands all = hands();
    enum sk_code code;
    uint64_t nth = 0;
    do {
        faulty.left = ++nth;
        code = archive_reopen(archive);
        if (code == SK_OK) code = order_resume(&all);
        assert_int_equal(archive_poisoned(archive), code != SK_OK);
    } while (faulty.left == 0);
    assert_int_equal(code, SK_OK);
    faulty.left = 0;
}

// What it asked is done and all else as it was, here and after a start.
static void erased(void) {
    for (int life = 0; life < 2; life++) {
        assert_false(archive_has(archive, 0) || archive_has(archive, 3));
        assert_true(reads(2));
        assert_false(there("kept.keys.new") || there("kept.keys.old"));
        if (life == 0) assert_int_equal(archive_put(archive, 9, 9, VIEW("text")), SK_OK);
        assert_int_equal(archive_commit(archive), SK_OK);
        assert_true(reads(9));
        archive_again();
    }
}

static void test_each_call_fails(void **state) {
    (void)state;
    static const char text[] = "{\"do\":\"erase\",\"key\":\"k1\",\"reason\":\"x\"}";
    uint64_t nth = 0, failed = 0;
    bool met = true;
    for (; met; end()) {
        struct view answer;
        begin();
        faulty.left = ++nth;
        enum sk_code code = order(text, &answer);
        met = faulty.left == 0;
        faulty.left = 0;
        assert_int_equal(ledger_size(ledger), 5); // the leaf is there in any case
        assert_int_equal(archive_poisoned(archive), code != SK_OK);
        if (code != SK_OK) {
            failed++;
            if (!memmem(answer.at, answer.len, "the erasure of leaf 4 is not finished", 37))
                fail_msg("%.*s", (int)answer.len, answer.at);
            says(text, "a write failed (");
            mend();
            says(text, "nothing is kept of it");
        }
        erased();
    }
    assert_true(nth > 15 && failed + 1 == nth);
}

// Nobody asked: the caller is told, and what was begun is made good as well.
static void test_retire_fails(void **state) {
    (void)state;
    static struct order retire;
    begin();
    struct order_hands all = hands();
    faulty.left = 4;
    enum sk_code code = order_retire(&retire, &all);
    while (code == SK_OK && retire.stage != ORDER_DONE) code = order_step(&retire);
    assert_int_equal(code, SK_IO);
    assert_int_equal(retire.stage, ORDER_DONE);
    assert_int_equal(retire.len, 3);
    mend();
    assert_int_equal(archive_records(archive), 0);
    assert_int_equal(ledger_size(ledger), 5);
    end();
}

// Of 100,000 erasures, in no order over all: the records that they name go, the others stay.
static void test_many(void **state) {
    (void)state;
    enum { LEAVES = 100, FIRST = 10, END = FIRST + 2 * LEAVES * ERASURE_MAX, STEP = 201 };
    static struct erasure erasure = {.len = ERASURE_MAX};
    begin();
    for (uint64_t leaf = 0; leaf < LEAVES; leaf++) {
        uint64_t from = (LEAVES - 1 - leaf) * ERASURE_MAX;
        for (uint64_t i = 0; i < ERASURE_MAX; i++)
            erasure.opens[i] = FIRST + 2 * (from + i);
        assert_int_equal(erasures_add(&erasures, &erasure, leaf), SK_OK);
    }
    for (uint64_t open = FIRST; open < END; open += STEP)
        assert_int_equal(archive_put(archive, open, 9, VIEW("text")), SK_OK);
    assert_int_equal(archive_commit(archive), SK_OK);
    struct order_hands all = hands();
    for (int start = 0; start < 2; start++) {
        assert_int_equal(order_resume(&all), SK_OK);
        archive_again();
        all.archive = archive;
        for (uint64_t open = FIRST; open < END; open += STEP)
            assert_int_equal(archive_has(archive, open), open % 2);
        assert_true(archive_has(archive, 0) && archive_has(archive, 2) && archive_has(archive, 3));
    }
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers), cmocka_unit_test(test_bundle),
                                       cmocka_unit_test(test_cut), cmocka_unit_test(test_poisoned),
                                       cmocka_unit_test(test_each_call_fails),
                                       cmocka_unit_test(test_retire_fails),
                                       cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
