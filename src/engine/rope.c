#include "engine/rope.h"

#include <string.h>

static const double ln2 = 0x1.62e42fefa39efp-1;

// ln(x), x > 0 and normal: exponent by its bits, then ln(m) = 2 atanh((m - 1) / (m + 1)).
static double logarithm(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffff) | UINT64_C(1023) << 52;
    double m;
    memcpy(&m, &bits, sizeof m); // 1 <= m < 2
    double s = (m - 1) / (m + 1), square = s * s, sum = 0;
    for (int k = 41; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
    return (double)exponent * ln2 + 2 * s * sum;
}

// exp(x) for |x| < 700.
static double exponential(double x) {
    int n = (int)(x / ln2);
    double r = x - (double)n * ln2, sum = 1;
    for (int k = 20; k >= 1; k--) sum = 1 + sum * r / k;
    uint64_t bits = (uint64_t)(1023 + n) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

// Sine and cosine of x, 0 <= x < 2^20: a multiple of pi/2 off, then their series.
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

void rope_rates(double base, const float *factors, uint32_t dims, double *rates) {
    for (uint32_t i = 0; i < dims / 2; i++) {
        rates[i] = exponential(-2.0 * (double)i / (double)dims * logarithm(base));
        if (factors) rates[i] /= (double)factors[i];
    }
}

void rope_angles(uint32_t position, const double *rates, uint32_t pairs, float *cosines,
                 float *sines) {
    for (uint32_t i = 0; i < pairs; i++) {
        double sine, cosine;
        turn_of((double)position * rates[i], &sine, &cosine);
        sines[i] = (float)sine;
        cosines[i] = (float)cosine;
    }
}

void rope_turn(float *x, const float *cosines, const float *sines, uint32_t pairs) {
    for (uint32_t i = 0; i < pairs; i++) {
        float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * cosines[i] - b * sines[i];
        x[2 * i + 1] = a * sines[i] + b * cosines[i];
    }
}
