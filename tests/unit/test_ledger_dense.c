// Logs of requests beside a plain account of them: with any leaf taken out, what is missing is named
// by key and number; what stands twice, closes twice or closes nothing is a fault.
#include "chance.h"
#include "ledger_fixture.h"

enum { REQUESTS = 300, KEYS = 5 };

static struct view open_leaf(unsigned key, unsigned n) {
    static char text[128];
    int len = snprintf(text, sizeof text, "{\"key\":\"k%u\",\"n\":%u,\"type\":\"open\"}", key, n);
    return (struct view){text, (size_t)len};
}

static struct view close_leaf(unsigned key, unsigned n, uint64_t open) {
    static char text[128];
    int len = snprintf(text, sizeof text,
                       "{\"key\":\"k%u\",\"n\":%u,\"open\":%llu,\"type\":\"close\"}", key, n,
                       (unsigned long long)open);
    return (struct view){text, (size_t)len};
}

static uint64_t next; // index of the next leaf

static void put(struct dense *dense, struct view leaf) {
    if (dense_leaf(dense, next++, leaf) != SK_OK) fail_msg("%s", fail_text());
}

// Leaves of a node that answers several keys, in the order in which they were sealed.
static struct row {
    bool open;
    unsigned key, n;
    size_t of; // place of its decision here
} rows[2 * REQUESTS];
static size_t rows_len;

static void rows_make(uint64_t seed) {
    unsigned numbers[KEYS] = {0};
    size_t pending[REQUESTS], pending_len = 0, made = 0;
    rows_len = 0;
    while (made < REQUESTS || pending_len > 0) {
        if (made < REQUESTS && (pending_len == 0 || chance_next(&seed) % 2)) {
            unsigned key = (unsigned)(chance_next(&seed) % KEYS);
            pending[pending_len++] = rows_len;
            rows[rows_len++] = (struct row){true, key, ++numbers[key], 0};
            made++;
        } else {
            size_t i = chance_next(&seed) % pending_len, of = pending[i];
            pending[i] = pending[--pending_len];
            rows[rows_len++] = (struct row){false, rows[of].key, rows[of].n, of};
        }
    }
}

// The log without row `out` (SIZE_MAX: whole), signed again by its owner: indexes close up.
static void log_put(struct dense *dense, size_t out) {
    static uint64_t at[2 * REQUESTS];
    uint64_t index = 0;
    for (size_t i = 0; i < rows_len; i++) {
        const struct row *row = &rows[i];
        at[i] = index;
        if (i == out) continue;
        put(dense, row->open ? open_leaf(row->key, row->n) : close_leaf(row->key, row->n, at[row->of]));
        index++;
    }
}

static struct dense_facts facts;

static struct dense *begin(void) {
    struct dense *dense;
    assert_int_equal(dense_open(&dense), SK_OK);
    next = 0;
    return dense;
}

static void test_whole(void **unused) {
    (void)unused;
    rows_make(1);
    struct dense *dense = begin();
    log_put(dense, SIZE_MAX);
    dense_end(dense, &facts);
    assert_int_equal(facts.faults, 0);
    assert_int_equal(facts.opens, REQUESTS);
    assert_int_equal(facts.closes, REQUESTS);
    assert_int_equal(facts.unclosed, 0);
    assert_int_equal(facts.keys_len, KEYS);
    uint64_t decisions = 0;
    for (size_t i = 0; i < KEYS; i++) {
        assert_int_equal(facts.keys[i].first, 1);
        assert_int_equal(facts.keys[i].last, facts.keys[i].decisions);
        assert_int_equal(facts.keys[i].missing, 0);
        decisions += facts.keys[i].decisions;
    }
    assert_int_equal(decisions, REQUESTS);
    dense_close(dense);
}

static bool told(const char *text) {
    for (size_t i = 0; i < facts.faults && i < DENSE_FAULTS_MAX; i++)
        if (strcmp(facts.texts[i], text) == 0) return true;
    return false;
}

static void test_any_leaf_taken_out(void **unused) {
    (void)unused;
    rows_make(2);
    for (size_t out = 0; out < rows_len; out += 3) {
        const struct row *row = &rows[out];
        struct dense *dense = begin();
        char text[128];
        log_put(dense, out);
        dense_end(dense, &facts);
        (void)snprintf(text, sizeof text, "key k%u: number %u is missing", row->key, row->n);
        unsigned last = 0;
        for (size_t i = 0; i < rows_len; i++)
            if (rows[i].open && rows[i].key == row->key) last = rows[i].n;
        // The newest of a key is missed by nobody's number: its outcome has no decision then.
        if (row->open && row->n < last) assert_true(told(text));
        else if (row->open) assert_true(facts.faults > 0);
        else assert_int_equal(facts.unclosed, 1);
        dense_close(dense);
    }
}

static void test_faults(void **unused) {
    (void)unused;
    struct dense *dense = begin();
    put(dense, open_leaf(1, 1));
    put(dense, open_leaf(1, 1)); // 1: twice
    put(dense, open_leaf(1, 5));
    put(dense, open_leaf(1, 3)); // late, but there
    put(dense, close_leaf(1, 1, 0));
    put(dense, close_leaf(1, 1, 0)); // 5: again
    put(dense, close_leaf(1, 1, 4)); // 6: of an outcome
    put(dense, close_leaf(1, 1, 7)); // 7: of itself
    put(dense, close_leaf(1, 1, UINT64_MAX / 2));
    put(dense, close_leaf(2, 5, 2)); // 9: of another key
    put(dense, VIEW("{\"n\":1,\"type\":\"open\"}"));
    put(dense, VIEW("{\"key\":\"k1\",\"n\":0,\"type\":\"open\"}"));
    put(dense, VIEW("{\"key\":\"k1\",\"n\":6,\"type\":\"close\"}"));
    put(dense, VIEW("\xff not text"));
    put(dense, VIEW("{\"type\":\"policy\"}"));
    put(dense, VIEW("[]"));
    put(dense, VIEW(""));
    dense_end(dense, &facts);
    assert_true(told("key k1: number 1 stands twice (again in leaf 1)"));
    assert_true(told("key k1: number 2 is missing"));
    assert_true(told("key k1: number 4 is missing"));
    assert_true(told("leaf 5: a second outcome of the decision in leaf 0"));
    assert_true(told("leaf 6: the outcome of leaf 4, which is no decision before it"));
    assert_true(told("leaf 7: the outcome of leaf 7, which is no decision before it"));
    assert_true(told("leaf 9: the outcome of leaf 2, but of another key or number"));
    assert_true(told("leaf 10: a decision without its key or number"));
    assert_true(told("leaf 11: a decision without its key or number"));
    assert_true(told("leaf 12: an outcome without its key or number"));
    assert_int_equal(facts.faults, 11);
    assert_int_equal(facts.strange, 3);
    assert_int_equal(facts.others, 1);
    dense_close(dense);
}

// Numbers in any order, beside a bitmap.
static void test_any_order(void **unused) {
    (void)unused;
    enum { LAST = 400 };
    for (uint64_t seed = 1; seed < 20; seed++) {
        uint64_t chance = seed;
        bool seen[LAST + 1] = {false};
        unsigned last = 0;
        uint64_t missing = 0, doubles = 0;
        struct dense *dense = begin();
        for (int i = 0; i < 300; i++) {
            unsigned n = 1 + (unsigned)(chance_next(&chance) % LAST);
            put(dense, open_leaf(0, n));
            doubles += seen[n];
            seen[n] = true;
            if (n > last) last = n;
        }
        for (unsigned n = 1; n < last; n++) missing += !seen[n];
        dense_end(dense, &facts);
        assert_int_equal(facts.keys[0].missing, missing);
        uint64_t runs = 0;
        for (unsigned n = 1; n < last; n++) runs += !seen[n] && (n == 1 || seen[n - 1]);
        assert_int_equal(facts.faults, doubles + runs);
        dense_close(dense);
    }
}

static void test_successor(void **unused) {
    (void)unused;
    struct dense *dense = begin();
    put(dense, VIEW("{\"type\":\"restore\"}"));
    put(dense, open_leaf(1, 41));
    put(dense, open_leaf(1, 43));
    dense_end(dense, &facts);
    assert_true(facts.successor);
    assert_int_equal(facts.faults, 1);
    assert_int_equal(facts.keys[0].first, 41);
    assert_true(told("key k1: number 42 is missing"));
    dense_close(dense);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole), cmocka_unit_test(test_any_leaf_taken_out),
        cmocka_unit_test(test_faults), cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_successor)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
