// Limits of a key, over a clock of our own: never more than a minute allows, and waits that are true.
#include "cmocka_all.h"

#include "border/border.h"
#include "cmocka_chance.h"

static const int64_t second_us = 1000000;
static struct border_use use;
static uint64_t wait_ms;

static enum border_fit take(const struct border_limits *limits, struct border_share *share,
                                uint64_t tokens, int64_t now_us) {
    return border_limit_take(limits, &use, share, tokens, now_us, &wait_ms);
}

static void requests_of_one_minute_and_no_more(void **state) {
    (void)state;
    const struct border_limits limits = {.requests = 60};
    struct border_share share;
    int64_t now_us = 5 * second_us;
    use = (struct border_use){0};
    for (int i = 0; i < 60; i++) {
        assert_int_equal(take(&limits, &share, 0, now_us), BORDER_FITS);
        border_limit_settle(&limits, &use, &share, 1000, now_us);
    }
    assert_int_equal(take(&limits, &share, 0, now_us), BORDER_OVER_REQUESTS);
    assert_int_equal(wait_ms, 1000);
    assert_int_equal(border_limit_requests(&limits, &use, now_us).remaining, 0);
    assert_int_equal(border_limit_requests(&limits, &use, now_us).reset_ms, 60000);
    // What was told is true: not a microsecond earlier, and then it fits.
    assert_int_equal(take(&limits, &share, 0, now_us + second_us - 1), BORDER_OVER_REQUESTS);
    assert_int_equal(take(&limits, &share, 0, now_us + second_us), BORDER_FITS);
    // A long time fills it, and no fuller than full.
    now_us += INT64_MAX / 2;
    assert_int_equal(border_limit_requests(&limits, &use, now_us).remaining, 60);
}

static void a_clock_that_goes_back_gives_nothing(void **state) {
    (void)state;
    const struct border_limits limits = {.requests = 1};
    struct border_share share;
    use = (struct border_use){0};
    assert_int_equal(take(&limits, &share, 0, 100 * second_us), BORDER_FITS);
    assert_int_equal(take(&limits, &share, 0, 10 * second_us), BORDER_OVER_REQUESTS);
}

static void at_once_is_counted_until_settled(void **state) {
    (void)state;
    const struct border_limits limits = {.parallel = 2};
    struct border_share a, b, c;
    use = (struct border_use){0};
    assert_int_equal(take(&limits, &a, 7, 0), BORDER_FITS);
    assert_int_equal(take(&limits, &b, 7, 0), BORDER_FITS);
    assert_int_equal(take(&limits, &c, 7, 0), BORDER_OVER_PARALLEL);
    assert_int_equal(wait_ms, 0);
    border_limit_settle(&limits, &use, &c, 0, 0); // was refused
    assert_int_equal(take(&limits, &c, 7, 0), BORDER_OVER_PARALLEL);
    border_limit_settle(&limits, &use, &a, 7, 0);
    border_limit_settle(&limits, &use, &a, 0, 0); // only once
    assert_int_equal(take(&limits, &c, 7, 0), BORDER_FITS);
    assert_int_equal(use.running, 2);
}

static void tokens_are_reserved_then_settled(void **state) {
    (void)state;
    const struct border_limits limits = {.tokens = 1000};
    struct border_share a, b;
    use = (struct border_use){0};
    assert_int_equal(take(&limits, &a, 1001, 0), BORDER_NEVER);
    assert_int_equal(take(&limits, &a, 600, 0), BORDER_FITS);
    assert_int_equal(take(&limits, &b, 401, 0), BORDER_OVER_TOKENS);
    assert_int_equal(wait_ms, 60);
    assert_int_equal(take(&limits, &b, 400, 0), BORDER_FITS);
    // Its prompt is known now: it needs 300 more, and they are not there.
    struct border_need need = {700, 700};
    assert_int_equal(border_limit_reserve(&limits, &use, &b, &need, 0, &wait_ms),
                     BORDER_OVER_TOKENS);
    assert_int_equal(wait_ms, 18000);
    border_limit_settle(&limits, &use, &b, 0, 0);
    assert_int_equal(border_limit_tokens(&limits, &use, 0).remaining, 400);
    // What was reserved and not used comes back.
    border_limit_settle(&limits, &use, &a, 10, 0);
    assert_int_equal(border_limit_tokens(&limits, &use, 0).remaining, 990);
    // A second answer of one request has its own tokens, and is no request.
    struct border_share more = {0};
    need = (struct border_need){500, 500};
    assert_int_equal(border_limit_reserve(&limits, &use, &more, &need, 0, &wait_ms), BORDER_FITS);
    assert_int_equal(border_limit_tokens(&limits, &use, 0).remaining, 490);
    border_limit_settle(&limits, &use, &more, 0, 0);
    assert_int_equal(use.running, 0);
    need = (struct border_need){1001, 1001};
    assert_int_equal(take(&limits, &b, 0, 0), BORDER_FITS);
    assert_int_equal(border_limit_reserve(&limits, &use, &b, &need, 0, &wait_ms), BORDER_NEVER);
}

static void without_a_stated_end_it_takes_what_is_left(void **state) {
    (void)state;
    const struct border_limits limits = {.tokens = 1000};
    struct border_share a, b;
    use = (struct border_use){0};
    const struct border_need need = {101, 4096};
    assert_int_equal(take(&limits, &a, 0, 0), BORDER_FITS);
    assert_int_equal(border_limit_reserve(&limits, &use, &a, &need, 0, &wait_ms), BORDER_FITS);
    assert_int_equal(a.reserved, 1000);
    assert_int_equal(take(&limits, &b, 0, 0), BORDER_OVER_TOKENS);
    // It used more than there was: a debt, which later minutes pay.
    border_limit_settle(&limits, &use, &a, 3000, 0);
    assert_int_equal(border_limit_tokens(&limits, &use, 0).remaining, 0);
    assert_int_equal(border_limit_tokens(&limits, &use, 0).reset_ms, 180000);
    assert_int_equal(take(&limits, &b, 0, 120 * second_us), BORDER_OVER_TOKENS);
    assert_int_equal(take(&limits, &b, 0, 120 * second_us + 60000), BORDER_FITS);
}

// Drawn requests over drawn times: what was admitted in any minute is at most two buckets (a full
// one at its beginning and what fills meanwhile), what is told to wait fits then, nothing overflows.
static void drawn(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        uint32_t most = (uint32_t)chance_next(&chance_state);
        const struct border_limits limits = {.requests = 1 + (uint32_t)(chance_next(&chance_state) % 100),
                                             .tokens = most ? most : 1};
        int64_t now_us = (int64_t)(chance_next(&chance_state) % (1ull << 50)), begin_us = now_us;
        uint64_t tokens = 0;
        uint32_t requests = 0;
        use = (struct border_use){0};
        while (now_us - begin_us < 60 * second_us) {
            struct border_share share;
            uint64_t wants = chance_next(&chance_state) % ((uint64_t)limits.tokens + 1);
            enum border_fit verdict = take(&limits, &share, wants, now_us);
            if (verdict == BORDER_FITS) {
                tokens += wants;
                requests++;
                border_limit_settle(&limits, &use, &share, wants, now_us);
                now_us += (int64_t)(chance_next(&chance_state) % 100000);
            } else {
                assert_true(wait_ms > 0);
                now_us += (int64_t)wait_ms * 1000;
                struct border_use was = use;
                enum border_fit later = take(&limits, &share, wants, now_us);
                if (verdict == BORDER_OVER_TOKENS) assert_int_equal(later, BORDER_FITS);
                assert_int_not_equal(later, verdict);
                use = was;
            }
        }
        assert_true(requests <= 2 * limits.requests);
        assert_true(tokens <= 2 * (uint64_t)limits.tokens);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_of_one_minute_and_no_more),
        cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
        cmocka_unit_test(at_once_is_counted_until_settled),
        cmocka_unit_test(tokens_are_reserved_then_settled),
        cmocka_unit_test(without_a_stated_end_it_takes_what_is_left),
        cmocka_unit_test(drawn),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
