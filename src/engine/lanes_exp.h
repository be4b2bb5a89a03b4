// exp over lanes, included after one of lanes_<set>.h: the order of every operation is this text,
// so all sets give equal bits. Errors and range are said at each function.
#pragma once

// x = n ln 2 + r, |r| <= ln(2) / 2: gives (exp(r) - 1) / r by its Taylor series to r^6, and 2^n.
// Below -87 x counts as -87, above 88 as 88; NaN stays NaN.
static inline lanes exponential_parts(lanes x, lanes *r, lanes *power) {
    x = lanes_max(lanes_all(-87.0f), lanes_min(lanes_all(88.0f), x));
    lanes magic = lanes_all(0x1.8p23f); // adding it rounds to a whole number
    lanes t = lanes_fma(x, lanes_all(0x1.715476p0f), magic), n = lanes_sub(t, magic);
    *r = lanes_fma(n, lanes_all(-0x1.62e4p-1f), x); // ln 2 in two parts
    *r = lanes_fma(n, lanes_all(-0x1.7f7d1cp-20f), *r);
    *power = lanes_power(t);
    lanes y = lanes_all(1.0f / 5040);
    y = lanes_fma(y, *r, lanes_all(1.0f / 720));
    y = lanes_fma(y, *r, lanes_all(1.0f / 120));
    y = lanes_fma(y, *r, lanes_all(1.0f / 24));
    y = lanes_fma(y, *r, lanes_all(1.0f / 6));
    y = lanes_fma(y, *r, lanes_all(0.5f));
    return lanes_fma(y, *r, lanes_all(1.0f));
}

// exp to about 1e-7.
static inline lanes exponential(lanes x) {
    lanes r, power, y = exponential_parts(x, &r, &power);
    return lanes_mul(lanes_fma(y, r, lanes_all(1.0f)), power);
}
