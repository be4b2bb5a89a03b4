// A scan: windows and steps change nothing, the arena keeps only findings.
#include "scan_fixture.h"

static void an_empty_text_has_nothing(void **state) {
    (void)state;
    struct scan scan = scan_all(VIEW(""));
    assert_int_equal(scan.findings_len, 0);
}

static void a_detector_without_its_file_fails_closed(void **state) {
    (void)state;
    struct scan scan;
    struct detector_set wanted = {1ull << DETECTOR_PERSON};
    arena_reset(&scan_arena);
    enum sk_code code = scan_begin(&scan, scan_detectors, &wanted, VIEW("x"), &scan_arena);
    assert_int_equal(code, SK_CORRUPT);
    assert_non_null(strstr(fail_text(), "names.skdt"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_text_has_nothing),
        cmocka_unit_test(a_detector_without_its_file_fails_closed),
    };
    return cmocka_run_group_tests(tests, scan_setup, scan_teardown);
}
