// Figures against values reckoned by hand, or taken once from sacreBLEU's formula.
#include "cmocka_all.h"

#include <math.h>
#include <string.h>

#include "train/score.h"

static struct score_room room;

static void near(double is, double should) {
    if (fabs(is - should) > 1e-6) fail_msg("%.9f, not %.9f", is, should);
}

static void distance(const char *text, const char *reference, uint32_t should, uint32_t points) {
    uint32_t is = 99, len = 99;
    assert_int_equal(score_distance(&room, view_of(text), view_of(reference), &is, &len), SK_OK);
    assert_int_equal(is, should);
    assert_int_equal(len, points);
}

static void distances(void **state) {
    (void)state;
    distance("", "", 0, 0);
    distance("", "行く", 2, 2);
    distance("行く", "", 2, 0);
    distance("kitten", "sitting", 3, 7);
    distance("明日行く。", "明日行きます。", 3, 7); // く out, きます in: one exchanged, two put in
    distance("\xe3\x81", "\xe3\x82", 1, 2);         // halves of characters: byte by byte
    static char many[3 * SCORE_TEXT_MAX + 8];
    for (int i = 0; i <= SCORE_TEXT_MAX; i++)
        many[i] = 'a';
    uint32_t is, len;
    assert_int_equal(score_distance(&room, view_of(many), view_of("a"), &is, &len), SK_LIMIT);
    assert_int_equal(score_distance(&room, view_of("a"), view_of(many), &is, &len), SK_LIMIT);
    many[SCORE_TEXT_MAX] = 0;
    assert_int_equal(score_distance(&room, view_of(many), view_of("a"), &is, &len), SK_OK);
    assert_int_equal(is, SCORE_TEXT_MAX - 1);
}

static double chrf(const char *text, const char *reference) {
    struct score_chrf sum = {0};
    assert_int_equal(score_chrf_add(&room, view_of(text), view_of(reference), &sum), SK_OK);
    return score_chrf_value(&sum);
}

static void chrfs(void **state) {
    (void)state;
    near(chrf("行きます", "行きます"), 100);
    near(chrf("行き ます", " 行きます　"), 100); // spaces are left out
    near(chrf("", "行く"), 0);
    near(chrf("xyz", "行く"), 0);
    // "abcd" for "abce". Of 4 3 2 1 n-grams 3 2 1 0 are common; both means (3/4+2/3+1/2+0)/4.
    near(chrf("abcd", "abce"), 100 * (3 / 4. + 2 / 3. + 1 / 2.) / 4);
    // "aab" for "ab": 1-grams 2 of 3 and of 2, 2-grams 1 of 2 and of 1; no longer ones in "ab".
    double p = (2 / 3. + 1 / 2.) / 2, r = 1;
    near(chrf("aab", "ab"), 100 * 5 * p * r / (4 * p + r));
    struct score_chrf sum = {0}; // over a corpus the n-grams add up
    assert_int_equal(score_chrf_add(&room, view_of("ab"), view_of("ab"), &sum), SK_OK);
    assert_int_equal(score_chrf_add(&room, view_of("xy"), view_of("ab"), &sum), SK_OK);
    near(score_chrf_value(&sum), 50);
}

static void intervals(void **state) {
    (void)state;
    struct score_interval is = score_wilson(0, 0);
    near(is.low, 0);
    near(is.high, 1);
    is = score_wilson(8, 10); // Wilson's for 8 of 10: 0.4901625 … 0.9433178
    near(is.low, 0.4901624715);
    near(is.high, 0.9433178485);
    is = score_wilson(0, 20);
    near(is.low, 0);
    near(is.high, 3.841458820694124 / (20 + 3.841458820694124));
}

static double mean(void *self, const uint32_t *picked, uint32_t len) {
    const double *values = self;
    double sum = 0;
    for (uint32_t i = 0; i < len; i++)
        sum += values[picked[i]];
    return sum / len;
}

static void bootstraps(void **state) {
    (void)state;
    double values[400];
    uint32_t picked[400];
    for (int i = 0; i < 400; i++)
        values[i] = i % 2;
    struct score_interval a = score_bootstrap(mean, values, picked, 400, 7);
    struct score_interval b = score_bootstrap(mean, values, picked, 400, 7);
    assert_memory_equal(&a, &b, sizeof a);
    // A mean of 400 fair coins: 0.5 and 1.96 times 0.025 to each side.
    assert_true(fabs(a.low - 0.451) < 0.012 && fabs(a.high - 0.549) < 0.012);
    values[0] = 3;
    a = score_bootstrap(mean, values, picked, 1, 7);
    near(a.low, 3);
    near(a.high, 3);
    a = score_bootstrap(mean, values, picked, 0, 7);
    near(a.low, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),
        cmocka_unit_test(chrfs),
        cmocka_unit_test(intervals),
        cmocka_unit_test(bootstraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
