#include "engine/rope.h"

#include <math.h>

#include "engine/exact.h"

static const double two_pi = 0x1.921fb54442d18p+2;

// Sine and cosine of x, 0 <= x < 2^21: a multiple of pi/2 off, then their series.
static void turn_of(double x, double *sine, double *cosine) {
    uint64_t n = (uint64_t)(x * 0x1.45f306dc9c883p-1 + 0.5);
    // pi/2 in three parts of at most 33 bits: n times each of the first two is exact.
    double r = x - (double)n * 0x1.921fb544p+0;
    r -= (double)n * 0x1.0b4611a6p-34;
    r -= (double)n * 0x1.3198a2e037073p-69;
    double square = r * r, s = 1, c = 1;
    for (int k = 20; k >= 2; k -= 2) {
        s = 1 - s * square / (double)(k * (k + 1));
        c = 1 - c * square / (double)((k - 1) * k);
    }
    s *= r;
    switch (n & 3) {
    case 0: *sine = s, *cosine = c; break;
    case 1: *sine = c, *cosine = -s; break;
    case 2: *sine = -s, *cosine = -c; break;
    default: *sine = -c, *cosine = s; break;
    }
}

// The pair that turns `turns` times in the context of the training; a fraction, perhaps negative.
static double pair_of(const struct rope_scaling *scaling, double turns, double base, double dims) {
    return dims * exact_log(scaling->context / (turns * two_pi)) / (2 * exact_log(base));
}

// How much of its own speed each pair keeps: all up to the pair `low`, none from `high` on.
struct ramp {
    double low, high;
};

static struct ramp ramp_of(const struct rope_scaling *scaling, double base, double dims) {
    double low = floor(pair_of(scaling, scaling->fast, base, dims));
    double high = ceil(pair_of(scaling, scaling->slow, base, dims));
    return (struct ramp){low > 0 ? low : 0, high < dims - 1 ? high : dims - 1};
}

static double kept(struct ramp ramp, double pair) {
    double length = ramp.high - ramp.low;
    double down = (pair - ramp.low) / (length > 0.001 ? length : 0.001);
    return down < 0 ? 1 : down > 1 ? 0 : 1 - down;
}

void rope_rates(struct rope *rope, double base, const float *factors, uint32_t dims,
                const struct rope_scaling *scaling) {
    struct ramp ramp = {0};
    if (scaling->yarn) ramp = ramp_of(scaling, base, (double)dims);
    for (uint32_t i = 0; i < dims / 2; i++) {
        double rate = exact_exp(-2.0 * (double)i / (double)dims * exact_log(base));
        if (factors) rate /= (double)factors[i];
        double part = scaling->yarn ? kept(ramp, (double)i) * scaling->part : 0;
        rope->rates[i] = part > 0 ? rate / scaling->factor * (1 - part) + rate * part
                                  : rate / scaling->factor;
    }
    rope->magnitude = (float)scaling->magnitude;
}

void rope_angles(const struct rope *rope, uint32_t position, uint32_t pairs, float *cosines,
                 float *sines) {
    for (uint32_t i = 0; i < pairs; i++) {
        double sine, cosine;
        turn_of((double)position * rope->rates[i], &sine, &cosine);
        sines[i] = (float)sine * rope->magnitude;
        cosines[i] = (float)cosine * rope->magnitude;
    }
}

void rope_turn(float *x, const float *cosines, const float *sines, uint32_t pairs, bool halves) {
    size_t apart = halves ? pairs : 1, step = halves ? 1 : 2;
    for (uint32_t i = 0; i < pairs; i++, x += step) {
        float a = x[0], b = x[apart];
        x[0] = a * cosines[i] - b * sines[i];
        x[apart] = a * sines[i] + b * cosines[i];
    }
}
