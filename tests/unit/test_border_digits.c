// Check digits: numbers that are known to be right, every single changed digit that a check sees,
// and how many random numbers pass.
#include "chance.h"
#include "cmocka_all.h"

#include <string.h>

#include "border/digits.h"

static bool insurer_8(const char *digits) {
    return check_insurer(digits, 8);
}
static bool insurer_6(const char *digits) {
    return check_insurer(digits, 6);
}
static bool luhn_16(const char *digits) {
    return check_luhn(digits, 16);
}

static const struct {
    const char *name, *right;
    bool (*check)(const char *);
    unsigned per_mille; // of random numbers that pass, at most
} cases[] = {
    {"My Number", "123456789018", check_mynumber, 115},
    {"My Number", "983205673214", check_mynumber, 115},
    {"corporate number", "4011001098993", check_corporate, 115},
    {"corporate number", "7010705000725", check_corporate, 115},
    {"licence", "309012345620", check_licence, 65},
    {"insurer", "33120015", insurer_8, 115},
    {"insurer of 6", "138057", insurer_6, 115},
    {"resident code", "12345678903", check_resident, 115},
    {"card", "4111111111111111", luhn_16, 115},
    {"NHS", "9434765919", check_uk_nhs, 110},
    {"tax id", "86095742719", check_de_tax, 60},
    {"Aadhaar", "234123412346", check_in_aadhaar, 95},
};
enum { CASES = sizeof cases / sizeof *cases, RANDOM = 20000 };

static void right_numbers_pass(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++)
        if (!cases[i].check(cases[i].right)) fail_msg("%s %s", cases[i].name, cases[i].right);
    assert_true(check_iban("GB82WEST12345698765432", 22));
    assert_true(check_it_cf("RSSMRA85T10A562S"));
    assert_true(check_fr_nir("255081416802538"));
    assert_true(check_es_nif("12345678Z") && check_es_nif("X1234567L"));
    assert_true(check_cn_ric("11010519491231002X"));
    assert_true(check_sg_nric("S1234567D") && check_sg_nric("M1234567K"));
    assert_true(check_lk_old("853400937V") && check_lk_new("198534000937"));
    assert_true(check_mrz("L898902C36UTO7408122F1204159ZE184226B<<<<<10", 44));
}

// The last digit is the check digit: no other one does.
static void one_check_digit_of_ten(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        if (cases[i].check == check_licence) continue; // reissues are last
        char digits[20];
        unsigned passed = 0;
        size_t at = cases[i].check == check_corporate ? 0 : strlen(cases[i].right) - 1;
        memcpy(digits, cases[i].right, strlen(cases[i].right) + 1);
        for (digits[at] = '0'; digits[at] <= '9'; digits[at]++)
            passed += cases[i].check(digits);
        assert_int_equal(passed, 1);
    }
}

static void few_random_numbers_pass(void **state) {
    (void)state;
    uint64_t seed = 1; // the same numbers each time: a rate is no property to leave to chance
    for (size_t i = 0; i < CASES; i++) {
        unsigned passed = 0;
        for (int n = 0; n < RANDOM; n++) {
            char digits[20] = {0};
            for (size_t d = 0; d < strlen(cases[i].right); d++)
                digits[d] = (char)('0' + chance_next(&seed) % 10);
            passed += cases[i].check(digits);
        }
        if (passed * 1000u / RANDOM > cases[i].per_mille)
            fail_msg("%s: %u of %d", cases[i].name, passed, RANDOM);
    }
}

static void dates_are_of_the_calendar(void **state) {
    (void)state;
    assert_true(check_date(2000, 2, 29) && check_date(2024, 2, 29));
    assert_false(check_date(1900, 2, 29) || check_date(2023, 2, 29) || check_date(2024, 4, 31));
    assert_false(check_date(1867, 1, 1) || check_date(2101, 1, 1) || check_date(2000, 0, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_numbers_pass),
        cmocka_unit_test(one_check_digit_of_ten),
        cmocka_unit_test(few_random_numbers_pass),
        cmocka_unit_test(dates_are_of_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
