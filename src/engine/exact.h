// Exact: functions whose bits are ours.
//
// Made in double by additions, multiplications and divisions only (libm's last bits differ between
// versions and CPUs), so every machine with IEEE 754 gets the same results (I9).
#pragma once

// e^x, to about 1e-15 of it; 0 below -700. x <= 700.
double exact_exp(double x);

// ln(x), to about 1e-15; x > 0 and normal.
double exact_log(double x);
