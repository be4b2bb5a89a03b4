// Rope: rotary position embedding, Su et al. 2021 (arXiv:2104.09864), adjacent pairs ("NORM").
//
// Angles are made in double by additions, multiplications and divisions only (no libm, whose last
// bits differ between versions and CPUs), so every machine with IEEE 754 gets the same floats.
#pragma once
#include <stddef.h>
#include <stdint.h>

// rates[i] = base^(-2 i / dims) / factors[i] for i < dims / 2; factors may be NULL.
void rope_rates(double base, const float *factors, uint32_t dims, double *rates);

// cosines[i], sines[i] of position x rates[i], to about 1e-10 for positions below 2^20.
void rope_angles(uint32_t position, const double *rates, uint32_t pairs, float *cosines,
                 float *sines);

// Turns the pairs (x[2 i], x[2 i + 1]) of one head in place.
void rope_turn(float *x, const float *cosines, const float *sines, uint32_t pairs);
