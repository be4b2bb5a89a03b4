// Exact: functions whose bits are ours.
//
// Made in double by additions, multiplications and divisions only (libm's last bits differ between
// versions and CPUs), so every machine with IEEE 754 gets the same results (I9).
#pragma once
#include <stdint.h>

// e^x, to about 1e-15 of it; 0 below -700. x <= 700.
double exact_exp(double x);

// out[i] = e^(x[i] - from), the bits that exact_exp gives: several at a time. x[i] <= from.
void exact_exps(const float *x, double from, uint32_t n, double *out);

// ln(x), to about 1e-15; x > 0 and normal.
double exact_log(double x);
