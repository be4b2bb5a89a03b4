// Reports of logs that others made: as much as one can make a report say has room.
#include "ledger_fixture.h"
#include "lib/lib.h"

// Control characters: one byte each as a key's id, six in JSON.
static void fill(char *text, size_t size) {
    memset(text, 1, size - 1);
    text[size - 1] = 0;
}

static void test_room(void **state) {
    (void)state;
    static struct dense_key keys[DENSE_KEYS_MAX];
    static char fault[256];
    static struct report report;
    static const struct trust trust = {.quorum = TRUST_NONE};
    struct buf text, json;
    for (size_t i = 0; i < DENSE_KEYS_MAX; i++) {
        keys[i] = (struct dense_key){.first = UINT64_MAX,
                                     .last = UINT64_MAX,
                                     .decisions = UINT64_MAX,
                                     .missing = UINT64_MAX};
        fill(keys[i].id, sizeof keys[i].id);
    }
    fill(fault, sizeof fault);
    fill(report.reason, sizeof report.reason);
    report.what = "log";
    report.verdict = REPORT_REJECTED;
    report.trust = &trust;
    report.dense = (struct dense_facts){
        .faults = UINT64_MAX, .keys = keys, .keys_len = DENSE_KEYS_MAX};
    for (size_t i = 0; i < DENSE_FAULTS_MAX; i++) report.dense.texts[i] = fault;
    assert_int_equal(dense_open(&report.account), SK_OK);
    assert_int_equal(buf_open(&text, REPORT_TEXT_MAX), SK_OK);
    assert_int_equal(buf_open(&json, REPORT_TEXT_MAX), SK_OK);
    report_text(&report, &text);
    report_json(&report, &json);
    assert_int_equal(buf_check(&text, "text"), SK_OK);
    assert_int_equal(buf_check(&json, "json"), SK_OK);
    assert_true(json.len > (size_t)DENSE_KEYS_MAX * 6 * 63);
    report_end(&report);
    buf_close(&text);
    buf_close(&json);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
