// What an audit counts, beside what was logged: the edges of a period, times that go back or are
// none, outcomes that are late or missing, what is read of a leaf, and where it refuses.
#include "ledger_fixture.h"

static struct dense *dense;
static struct audit *audit;
static struct audit_facts facts;
static uint64_t next; // index of the next leaf

static void begin(const struct audit_query *query) {
    assert_int_equal(audit_open(query, &audit), SK_OK);
    assert_int_equal(dense_open(&dense), SK_OK);
    const struct dense_watch watch = audit_watch(audit);
    dense_watch(dense, &watch);
    next = 0;
}

static void end(void) {
    struct dense_facts numbers;
    audit_end(audit, &facts);
    dense_end(dense, &numbers);
    assert_int_equal(numbers.faults, 0);
}

static void over(void) {
    audit_close(audit);
    dense_close(dense);
}

__attribute__((format(printf, 1, 2))) static enum sk_code put(const char *format, ...) {
    static char text[4096];
    va_list list;
    va_start(list, format);
    int len = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return dense_leaf(dense, next++, (struct view){text, (size_t)len});
}

static void test_period(void **unused) {
    (void)unused;
    begin(&(struct audit_query){.from_ms = 1000, .to_ms = 2000});
    static const int64_t times[] = {999, 1000, 1500, 1400, 1999, 2000};
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(put("{\"key\":\"k\",\"n\":%u,\"time_ms\":%lld,\"type\":\"open\"}", i + 1,
                             (long long)times[i]), SK_OK);
    assert_int_equal(put("{\"key\":\"k\",\"n\":7,\"type\":\"open\"}"), SK_OK);
    assert_int_equal(put("{\"key\":\"k\",\"n\":8,\"time_ms\":\"1500\",\"type\":\"open\"}"), SK_OK);
    for (unsigned i = 0; i < 6; i++) // the first and the last are not of the period
        assert_int_equal(put("{\"key\":\"k\",\"n\":%u,\"open\":%u,\"outcome\":\"%s\","
                             "\"type\":\"close\"}", i + 1, i, i == 2 ? "odd" : "cut"), SK_OK);
    end();
    assert_int_equal(facts.requests, 4);
    assert_int_equal(facts.before, 1);
    assert_int_equal(facts.after, 1);
    assert_int_equal(facts.undated, 2);
    assert_int_equal(facts.back, 1);
    assert_int_equal(facts.back_ms, 100);
    assert_int_equal(facts.first_index, 1);
    assert_int_equal(facts.last_index, 4);
    assert_int_equal(facts.first_ms, 1000);
    assert_int_equal(facts.last_ms, 1999);
    assert_int_equal(facts.cells_len, 1);
    assert_int_equal(facts.cells[0].outcomes[AUDIT_CUT], 3);
    assert_int_equal(facts.cells[0].outcomes[AUDIT_OTHER], 1);
    assert_int_equal(facts.cells[0].outcomes[AUDIT_UNDER_WAY], 0);
    assert_int_equal(facts.keys[0].first, 2);
    assert_int_equal(facts.keys[0].last, 5);
    assert_int_equal(facts.keys[0].requests, 4);
    over();
}

static uint64_t opened, ended;

static enum sk_code row_open(void *self, uint64_t row, const struct audit_open *open) {
    assert_ptr_equal(self, &opened);
    assert_int_equal(row, opened);
    assert_true(open->left);
    opened++;
    return open->number == 4 ? FAIL(SK_IO, "the disk is full") : SK_OK;
}

static enum sk_code row_end(void *self, uint64_t row, const struct audit_end *end_of) {
    assert_ptr_equal(self, &opened);
    assert_int_equal(row, 1); // of number 3, the second that left
    assert_int_equal(end_of->outcome, AUDIT_STOP);
    assert_int_equal(end_of->prompt_tokens, 12);
    assert_int_equal(end_of->completion_tokens, 0);
    ended++;
    return SK_OK;
}

static void test_left_and_cells(void **unused) {
    (void)unused;
    static const char *const leaves[] = {
        "\"classes\":[\"a\",\"b\"],\"envelope\":\"00\",\"place\":\"p\",\"rule\":\"r\"",
        "\"classes\":[\"a\",\"b\"],\"place\":\"p\",\"rule\":\"r\"",
        "\"classes\":[\"a\"],\"envelope\":\"00\",\"place\":\"bp\",\"rule\":\"r\"",
        "\"classes\":[\"ab\"],\"envelope\":\"00\",\"place\":\"p\",\"rule\":\"r\""};
    opened = ended = 0;
    begin(&(struct audit_query){
        .from_ms = 0, .to_ms = 10, .left = true, .reader = {&opened, row_open, row_end}});
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(put("{%s,\"key\":\"k\",\"n\":%u,\"time_ms\":1,\"type\":\"open\"}",
                             leaves[i], i + 1), SK_OK);
    assert_int_equal(put("{\"completion_tokens\":-1,\"key\":\"k\",\"n\":3,\"open\":2,\"outcome\":"
                         "\"stop\",\"prompt_tokens\":12,\"type\":\"close\"}"), SK_OK);
    assert_int_equal(put("{\"key\":\"k\",\"n\":2,\"open\":1,\"outcome\":\"stop\","
                         "\"type\":\"close\"}"), SK_OK);
    assert_int_equal(put("{%s,\"key\":\"k\",\"n\":4,\"time_ms\":1,\"type\":\"open\"}", leaves[3]),
                     SK_IO);
    end();
    assert_int_equal(opened, 3);
    assert_int_equal(ended, 1);
    assert_int_equal(facts.requests, 3);
    assert_int_equal(facts.left, 3);
    assert_int_equal(facts.cells_len, 3);
    assert_string_equal(facts.cells[1].place, "bp");
    assert_int_equal(facts.cells[1].outcomes[AUDIT_STOP], 1);
    assert_int_equal(facts.cells[0].outcomes[AUDIT_UNDER_WAY], 1);
    over();
}

static void test_too_many(void **unused) {
    (void)unused;
    begin(&(struct audit_query){.from_ms = INT64_MIN, .to_ms = INT64_MAX});
    for (unsigned i = 0; i <= AUDIT_CELLS_MAX; i++)
        assert_int_equal(put("{\"key\":\"k\",\"n\":%u,\"rule\":\"%u\",\"time_ms\":1,"
                             "\"type\":\"open\"}", i + 1, i),
                         i < AUDIT_CELLS_MAX ? SK_OK : SK_LIMIT);
    over();
    begin(&(struct audit_query){.from_ms = INT64_MIN, .to_ms = INT64_MAX});
    char list[65 * 4 + 1] = "";
    for (unsigned i = 0; i <= AUDIT_CLASSES_MAX; i++)
        (void)snprintf(list + i * 4, 5, "%s\"c\"", i ? "," : " ");
    assert_int_equal(put("{\"classes\":[%s],\"key\":\"k\",\"n\":1,\"time_ms\":1,\"type\":\"open\"}",
                         list), SK_LIMIT);
    over();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_period),
                                       cmocka_unit_test(test_left_and_cells),
                                       cmocka_unit_test(test_too_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
