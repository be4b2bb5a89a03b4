#include "engine/exact.h"

#include <stdint.h>
#include <string.h>

#include "base/fail.h"

// ln 2 in two parts; a whole number below 2^11 times the first is exact.
static const double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;

static double from_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// 2^n by the exponent, the remainder |r| <= ln(2)/2 by its Taylor series to r^13. -700 <= x <= 700.
static inline double exp_within(double x) {
    static const double parts[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800,
                                   1.0 / 3628800,    1.0 / 362880,    1.0 / 40320,
                                   1.0 / 5040,       1.0 / 720,       1.0 / 120,
                                   1.0 / 24,         1.0 / 6,         1.0 / 2};
    double magic = 0x1.8p52; // adding it rounds to a whole number, which its last bits are then
    double whole = x * 0x1.71547652b82fep0 + magic, n = whole - magic;
    double r = (x - n * ln2_high) - n * ln2_low, sum = parts[0];
    for (size_t i = 1; i < sizeof parts / sizeof *parts; i++) sum = sum * r + parts[i];
    sum = 1 + (r + r * r * sum);
    uint64_t bits;
    memcpy(&bits, &whole, sizeof bits);
    return sum * from_bits((bits + 1023) << 52);
}

double exact_exp(double x) {
    must(x <= 700);
    return x >= -700 ? exp_within(x) : 0;
}

void exact_exps(const float *x, double from, uint32_t n, double *out) {
    for (uint32_t i = 0; i < n; i++) out[i] = (double)x[i] - from;
    for (uint32_t i = 0; i < n; i++) {
        double within = exp_within(out[i] >= -700 ? out[i] : -700);
        out[i] = out[i] >= -700 ? within : 0;
    }
}

// The exponent by its bits, then ln(m) = 2 atanh((m - 1) / (m + 1)).
double exact_log(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    double m = from_bits((bits & 0xfffffffffffff) | UINT64_C(1023) << 52); // 1 <= m < 2
    double s = (m - 1) / (m + 1), square = s * s, sum = 0;
    for (int k = 41; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
    return (double)exponent * ln2_high + ((double)exponent * ln2_low + 2 * s * sum);
}
