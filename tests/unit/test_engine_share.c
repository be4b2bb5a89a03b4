// How prompts share a step, under random arrivals: no column is lost, tenants have theirs by
// weight, half of a tenant's are its oldest prompt's, and no prompt waits for ever.
#include "cmocka_chance.h"

#include <string.h>

#include "engine/share.h"

enum { TENANTS = 5, STEPS = 5000, COLUMNS = 32 };

static uint32_t below(uint32_t n) { return (uint32_t)(chance_next(&chance_state) % n); }

static struct share_prompt prompts[SHARE_MAX];
static uint32_t len;
static uint64_t orders;

static void add(uint64_t tenant, uint32_t weight, uint32_t left) {
    prompts[len++] = (struct share_prompt){tenant, weight, ++orders, left, 0};
}

static uint32_t left_of(uint64_t tenant) {
    uint32_t left = 0;
    for (uint32_t i = 0; i < len; i++) left += prompts[i].tenant == tenant ? prompts[i].left : 0;
    return left;
}

// Reads what was dealt; prompts that are read are gone.
static void read_all(uint32_t used[TENANTS]) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < len; i++) {
        used[prompts[i].tenant] += prompts[i].count;
        assert_true(prompts[i].count <= prompts[i].left);
        prompts[i].left -= prompts[i].count;
        if (prompts[i].left) prompts[kept++] = prompts[i];
    }
    len = kept;
}

static void columns_are_by_weight(void **state) {
    (void)state;
    static const uint32_t weights[TENANTS] = {1, 1, 2, 5, 100};
    struct share share = {0};
    uint32_t used[TENANTS] = {0}, since[TENANTS][TENANTS][2];
    bool both[TENANTS][TENANTS] = {0};
    len = 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t before[TENANTS], total = 0, columns = 1 + below(2 * COLUMNS);
        while (len < SHARE_MAX && below(3)) {
            uint32_t t = below(TENANTS);
            add(t, weights[t], 1 + below(below(4) ? 40 : 2000));
        }
        for (uint32_t t = 0; t < TENANTS; t++) total += left_of(t), before[t] = used[t];
        share_deal(&share, prompts, len, columns);
        read_all(used);
        uint32_t dealt = 0;
        for (uint32_t t = 0; t < TENANTS; t++) dealt += used[t] - before[t];
        assert_int_equal(dealt, total < columns ? total : columns);
        for (uint32_t i = 0; i < TENANTS; i++) {
            for (uint32_t j = 0; j < i; j++) {
                bool now = left_of(i) && left_of(j);
                if (now && !both[i][j]) since[i][j][0] = used[i], since[i][j][1] = used[j];
                both[i][j] = now;
                if (!now) continue;
                double lag = (double)(used[i] - since[i][j][0]) / weights[i] -
                             (double)(used[j] - since[i][j][1]) / weights[j];
                double most = 2.0 / weights[i] + 2.0 / weights[j] + 0.01;
                if (lag > most || lag < -most)
                    fail_msg("step %u: tenants %u and %u: %f", step, i, j, lag);
            }
        }
    }
}

static void a_short_prompt_passes_sixty_long_ones(void **state) {
    (void)state;
    struct share share = {0};
    uint32_t used[TENANTS] = {0}, steps = 0;
    len = 0;
    for (uint32_t i = 0; i < 60; i++) add(1, 1, 2000);
    for (uint32_t i = 0; i < 100; i++) {
        share_deal(&share, prompts, len, COLUMNS);
        read_all(used);
    }
    for (add(2, 1, 40); left_of(2); steps++) {
        share_deal(&share, prompts, len, COLUMNS);
        read_all(used);
    }
    assert_in_range(steps, 2, 3); // 16 columns of each step, as long as the other has prompts
}

// Within a tenant: half to the oldest, half to what is soonest read.
static void neither_long_nor_short_wait(void **state) {
    (void)state;
    struct share share = {0};
    len = 0;
    add(0, 1, 1000);
    add(0, 1, 500);
    add(0, 1, 10);
    share_deal(&share, prompts, len, COLUMNS);
    assert_int_equal(prompts[0].count, 16);
    assert_int_equal(prompts[1].count, 6);
    assert_int_equal(prompts[2].count, 10);
    for (uint32_t i = 0; i < 3; i++) prompts[i].left -= prompts[i].count;
    for (uint32_t round = 0; round < 61; round++) { // short ones without end do not hold it up
        prompts[2] = (struct share_prompt){0, 1, ++orders, 16, 0};
        uint32_t before = prompts[0].left;
        share_deal(&share, prompts, len, COLUMNS);
        assert_true(before < 16 || prompts[0].count >= 16);
        for (uint32_t i = 0; i < 3; i++) prompts[i].left -= prompts[i].count;
    }
    // A step with one column: the next one's is another's.
    len = 0;
    add(7, 3, 9);
    add(7, 3, 9);
    for (uint32_t i = 0; i < 18; i++) {
        share_deal(&share, prompts, len, 1);
        for (uint32_t j = 0; j < 2; j++) prompts[j].left -= prompts[j].count;
        assert_true(prompts[0].left == 9 - (i + 2) / 2 || prompts[0].left == 9 - (i + 1) / 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_by_weight),
        cmocka_unit_test(a_short_prompt_passes_sixty_long_ones),
        cmocka_unit_test(neither_long_nor_short_wait),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
