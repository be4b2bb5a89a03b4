// Turns by weight, under random arrivals: who waits all the time gets its part, within one service
// of each, and what was not used is not saved up.
#include "cmocka_chance.h"

#include "base/fair.h"

enum { FLOWS = 6, COST_MAX = 50, TURNS = 20000 };

static uint32_t below(uint32_t n) { return (uint32_t)(chance_next(&chance_state) % n); }

struct one {
    struct fair_flow flow;
    uint32_t waiting; // requests
    int64_t used;     // since both of a pair have been waiting
};

static struct one ones[FLOWS];
static int64_t since[FLOWS][FLOWS][2]; // what each had used when both began to wait
static bool both[FLOWS][FLOWS];

static double part(uint32_t i, int64_t used) { return (double)used / ones[i].flow.weight; }

static void pairs_check(void) {
    for (uint32_t i = 0; i < FLOWS; i++) {
        for (uint32_t j = 0; j < i; j++) {
            bool now = ones[i].waiting && ones[j].waiting;
            if (now && !both[i][j]) {
                since[i][j][0] = ones[i].used;
                since[i][j][1] = ones[j].used;
            }
            both[i][j] = now;
            if (!now) continue;
            double lag = part(i, ones[i].used - since[i][j][0]) -
                         part(j, ones[j].used - since[i][j][1]);
            // One service of each, and what division leaves out.
            double most = part(i, COST_MAX) + part(j, COST_MAX) + 0.1;
            assert_true(lag < most && lag > -most);
        }
    }
}

static void lag_is_bounded(void **state) {
    (void)state;
    struct fair fair = {0};
    for (uint32_t i = 0; i < FLOWS; i++)
        ones[i] = (struct one){.flow.weight = 1 + below(i % 2 ? 3 : FAIR_WEIGHT_MAX)};
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        for (uint32_t i = 0; i < FLOWS; i++) {
            if (below(8)) continue;
            if (!ones[i].waiting) fair_wake(&fair, &ones[i].flow);
            ones[i].waiting += 1 + below(i ? 10 : 100);
        }
        pairs_check();
        struct one *next = NULL;
        for (uint32_t i = 0; i < FLOWS; i++)
            if (ones[i].waiting && (!next || fair_before(&ones[i].flow, &next->flow)))
                next = &ones[i];
        if (!next) continue;
        // As at the border: a guess first, then what it was.
        int64_t cost = 1 + below(COST_MAX), guess = 1 + below(COST_MAX);
        fair_serve(&fair, &next->flow, guess);
        fair_charge(&next->flow, cost - guess);
        next->used += cost;
        next->waiting--;
        pairs_check();
    }
}

// One that asks for much all the time, and one that asks now and then: it is next when it comes.
static void who_comes_seldom_is_next(void **state) {
    (void)state;
    struct fair fair = {0};
    struct fair_flow much = {0}, seldom = {0}; // weight 0 is 1
    for (int i = 0; i < 1000; i++) {
        fair_serve(&fair, &much, 1 + below(1000));
        if (below(10)) continue;
        fair_wake(&fair, &seldom);
        assert_false(fair_before(&much, &seldom));
        fair_serve(&fair, &seldom, 1 + below(5));
    }
    // And it saved nothing up.
    fair_wake(&fair, &seldom);
    assert_true(seldom.time >= fair.now);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lag_is_bounded),
        cmocka_unit_test(who_comes_seldom_is_next),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
