// Detectors by name: one, a family, none.
#include "cmocka_all.h"

#include "border/detector.h"

static void a_pattern_names_one_or_a_family(void **state) {
    (void)state;
    struct detector_set set = {0};
    assert_true(detector_set_add(&set, VIEW("jp.mynumber")));
    assert_true(detector_in(&set, DETECTOR_MYNUMBER));
    assert_false(detector_in(&set, DETECTOR_CORPORATE));
    assert_true(detector_set_add(&set, VIEW("secret.*")));
    assert_true(detector_in(&set, DETECTOR_SECRET_KEY) && detector_in(&set, DETECTOR_SECRET_OTHER));
    assert_true(detector_in(&set, DETECTOR_MYNUMBER));
    assert_int_equal(__builtin_popcountll(set.bits), 7);
    const char *nothing[] = {"",       "*", ".*", "jp", "jp.", "jp*", "secre.*", "jp.mynumber.*",
                             "person "};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        struct detector_set none = {0};
        assert_false(detector_set_add(&none, view_of(nothing[i])));
        assert_int_equal(none.bits, 0);
    }
}

static void prefixes_are_three_capitals_and_differ(void **state) {
    (void)state;
    for (unsigned i = 0; i < DETECTOR_COUNT; i++) {
        const char *prefix = detector_prefix((enum detector)i);
        assert_int_equal(strlen(prefix), 3);
        for (int k = 0; k < 3; k++)
            assert_in_range(prefix[k], 'A', 'Z');
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(prefix, detector_prefix((enum detector)k));
            assert_string_not_equal(detector_name((enum detector)i),
                                    detector_name((enum detector)k));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_names_one_or_a_family),
        cmocka_unit_test(prefixes_are_three_capitals_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
