// The learning rate: values of each formula at its seams, and what is refused.
#include "cmocka_all.h"

#include <math.h>
#include <string.h>

#include "train/schedule.h"

static void near(double is, double should) { assert_true(fabs(is - should) < 1e-12); }

static void seams(void **state) {
    (void)state;
    struct schedule s = {.kind = SCHEDULE_CONSTANT, .steps = 100, .warmup = 10, .rate = 1};
    near(schedule_rate(&s, 1), 0.1);
    near(schedule_rate(&s, 10), 1);
    near(schedule_rate(&s, 100), 1);
    s.kind = SCHEDULE_COSINE;
    s.floor = 0.2;
    near(schedule_rate(&s, 5), 0.5);
    near(schedule_rate(&s, 10), 1);
    near(schedule_rate(&s, 55), 0.6);
    near(schedule_rate(&s, 40), 0.2 + 0.8 * 0.75); // a third of the way: cos 60
    near(schedule_rate(&s, 100), 0.2);
    near(schedule_rate(&s, 1000), 0.2);
    s.kind = SCHEDULE_WSD;
    s.decay = 40;
    near(schedule_rate(&s, 60), 1);
    near(schedule_rate(&s, 70), 0.2 + 0.8 * 0.5);
    near(schedule_rate(&s, 100), 0.2);
    s.decay = 0;
    near(schedule_rate(&s, 100), 1);
    s.warmup = 100;
    near(schedule_rate(&s, 100), 1);
    s.kind = SCHEDULE_COSINE;
    near(schedule_rate(&s, 101), 1);
}

static void refusals(void **state) {
    (void)state;
    const struct schedule good = {SCHEDULE_WSD, 100, 60, 40, 1e-3, 1e-4};
    struct schedule s = good;
    assert_int_equal(schedule_check(&s), SK_OK);
#define REFUSED(field, value, word)                                                                \
    s = good;                                                                                      \
    s.field = value;                                                                               \
    assert_int_equal(schedule_check(&s), SK_INPUT);                                                \
    assert_non_null(strstr(fail_text(), word))
    REFUSED(steps, 0, "steps 0");
    REFUSED(warmup, 101, "warm-up of 101");
    REFUSED(decay, 41, "decay of 41");
    REFUSED(rate, 0, "rate 0");
    REFUSED(rate, (double)NAN, "rate");
    REFUSED(rate, (double)INFINITY, "rate inf");
    REFUSED(floor, 2e-3, "floor 0.002");
    REFUSED(floor, -1, "floor -1");
    REFUSED(floor, (double)NAN, "floor");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(seams), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
