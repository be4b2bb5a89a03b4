// AdamW: against the formulas in double precision, clipped and not, with moments of both kinds; the
// same bits with any number of threads; gradients that are no numbers change nothing.
#include "cmocka_chance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/adam.h"

enum { ROWS = 77, COLUMNS = 331, VECTOR = 100, MATRIX = 16 * ((ROWS * COLUMNS + 15) / 16),
       FLOATS = MATRIX + 112, STEPS = 20 };

static struct net_tensor list[] = {
    {.name = "matrix", .rows = ROWS, .columns = COLUMNS, .at = 0, .decays = true},
    {.name = "vector", .rows = 1, .columns = VECTOR, .at = MATRIX},
};
static const struct net_tensors tensors = {.tensor = list, .len = 2, .max = 2, .floats = FLOATS};

struct run {
    float p[FLOATS], g[FLOATS];
    union {
        float wide[FLOATS];
        uint16_t halved[FLOATS];
    } m, v;
    double norms[STEPS];
};

static float chance_float(uint64_t *state) {
    return (float)(int64_t)(chance_next(state) >> 40) * 0x1p-23f - 1;
}

static bool padding(size_t i) {
    return (i >= ROWS * COLUMNS && i < MATRIX) || i >= MATRIX + VECTOR;
}

static void draw(uint64_t seed, float most, float *out) {
    for (size_t i = 0; i < FLOATS; i++) {
        float value = most * chance_float(&seed);
        out[i] = padding(i) ? 0 : value;
    }
}

static struct adam over(struct run *run, bool halved) {
    return (struct adam){&tensors, run->p, run->g, &run->m, &run->v, halved};
}

static struct adam_step step_of(uint64_t t) {
    return (struct adam_step){t, 0.01 / (double)t, 0.9, 0.999, 1e-8, 0.1, t % 2 ? 50 : 0};
}

static struct run *run_steps(uint64_t seed, uint32_t threads, bool halved) {
    static struct pool pool;
    struct run *run = calloc(1, sizeof *run);
    assert_non_null(run);
    draw(seed, 1, run->p);
    struct adam adam = over(run, halved);
    assert_int_equal(pool_open(&pool, threads), SK_OK);
    for (uint64_t t = 1; t <= STEPS; t++) {
        struct adam_step step = step_of(t);
        draw(seed + t, 2, run->g);
        assert_int_equal(adam_step(&pool, &adam, &step, &run->norms[t - 1]), SK_OK);
        for (size_t i = 0; i < FLOATS; i++) assert_true(run->g[i] == 0);
    }
    pool_close(&pool);
    return run;
}

// The largest difference from the formulas, in units of a whole step's rate.
static double distance(uint64_t seed, const struct run *run) {
    static double p[FLOATS], m[FLOATS], v[FLOATS];
    static float g[FLOATS];
    draw(seed, 1, g);
    for (size_t i = 0; i < FLOATS; i++) p[i] = (double)g[i], m[i] = v[i] = 0;
    for (uint64_t t = 1; t <= STEPS; t++) {
        struct adam_step s = step_of(t);
        double sum = 0, count = (double)t;
        draw(seed + t, 2, g);
        for (size_t i = 0; i < FLOATS; i++) sum += (double)g[i] * (double)g[i];
        double norm = sqrt(sum), scale = s.clip > 0 && norm > s.clip ? s.clip / norm : 1;
        assert_true(fabs(run->norms[t - 1] / norm - 1) < 1e-12);
        for (size_t i = 0; i < FLOATS; i++) {
            double gi = (double)g[i] * scale;
            m[i] = s.beta_mean * m[i] + (1 - s.beta_mean) * gi;
            v[i] = s.beta_square * v[i] + (1 - s.beta_square) * gi * gi;
            double mean = m[i] / (1 - pow(s.beta_mean, count));
            double square = v[i] / (1 - pow(s.beta_square, count));
            if (i < MATRIX) p[i] -= s.rate * s.decay * p[i];
            p[i] -= s.rate * mean / (sqrt(square) + s.epsilon);
        }
    }
    double most = 0;
    for (size_t i = 0; i < FLOATS; i++) most = fmax(most, fabs(p[i] - (double)run->p[i]) / 0.01);
    return most;
}

static void follows_the_formulas(void **state) {
    (void)state;
    uint64_t seed = chance_next(&chance_state);
    struct run *wide = run_steps(seed, 1, false), *halved = run_steps(seed, 1, true);
    assert_true(distance(seed, wide) < 1e-3); // rounding of p alone: up to 1.2e-4 in 20 steps
    assert_true(distance(seed, halved) < 0.1); // moments of eight bits
    for (size_t i = 0; i < FLOATS; i++)
        if (padding(i)) assert_true(wide->p[i] == 0 && halved->p[i] == 0);
    free(wide);
    free(halved);
}

static void threads_change_nothing(void **state) {
    (void)state;
    uint64_t seed = chance_next(&chance_state);
    for (int halved = 0; halved < 2; halved++) {
        struct run *one = run_steps(seed, 1, halved);
        for (uint32_t threads = 2; threads <= 3; threads++) {
            struct run *more = run_steps(seed, threads, halved);
            assert_memory_equal(one, more, sizeof *one);
            free(more);
        }
        free(one);
    }
}

// v of BF16 with b2 = 0.999: after a thousand steps without gradients it has fallen to 1 / e, where
// rounding to nearest would leave it as it was.
static void halved_squares_do_not_stall(void **state) {
    (void)state;
    static struct pool pool;
    struct run *run = calloc(1, sizeof *run);
    assert_non_null(run);
    struct adam adam = over(run, true);
    assert_int_equal(pool_open(&pool, 1), SK_OK);
    for (size_t i = 0; i < FLOATS; i++) run->v.halved[i] = padding(i) ? 0 : 0x3f80; // 1.0
    double norm, sum = 0;
    for (uint64_t t = 1; t <= 1000; t++) {
        struct adam_step step = {t, 0.001, 0.9, 0.999, 1e-8, 0, 0};
        assert_int_equal(adam_step(&pool, &adam, &step, &norm), SK_OK);
    }
    for (size_t i = 0; i < FLOATS; i++) sum += (double)quant_from_brain(run->v.halved[i]);
    assert_true(fabs(sum / (ROWS * COLUMNS + VECTOR) - 0.3677) < 0.002);
    pool_close(&pool);
    free(run);
}

static void no_number_changes_nothing(void **state) {
    (void)state;
    static struct pool pool;
    struct run *run = run_steps(7, 1, false), *before = malloc(sizeof *before);
    assert_non_null(before);
    struct adam adam = over(run, false);
    struct adam_step step = step_of(STEPS + 1);
    double norm;
    assert_int_equal(pool_open(&pool, 2), SK_OK);
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        draw(i, 1, run->g);
        run->g[FLOATS - 20] = bad[i];
        memcpy(before, run, sizeof *run);
        assert_int_equal(adam_step(&pool, &adam, &step, &norm), SK_INPUT);
        assert_non_null(strstr(fail_text(), "step 21"));
        assert_true(!isfinite(norm));
        assert_memory_equal(run, before, sizeof *run);
    }
    pool_close(&pool);
    free(run);
    free(before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_formulas), cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(halved_squares_do_not_stall), cmocka_unit_test(no_number_changes_nothing)};
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
