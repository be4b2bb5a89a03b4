// Rope: rotary position embedding, Su et al. 2021 (arXiv:2104.09864), with its stretchings: factors
// for each pair, linear interpolation, and YaRN (Peng et al. 2023, arXiv:2309.00071).
//
// Angles are made in double by additions, multiplications and divisions only (no libm, whose last
// bits differ between versions and CPUs), so every machine with IEEE 754 gets the same floats.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// How positions are stretched; { .factor = 1, .magnitude = 1 } is not at all.
struct rope_scaling {
    double factor;     // positions are divided by it
    double magnitude;  // cosines and sines are multiplied by it
    bool yarn;         // only pairs that turn slowly are divided; by the four numbers below:
    double context;    // of the training before
    double fast, slow; // with more turns in that context a pair is quick, with fewer slow
    double part;       // of its own speed that a quick pair keeps, 0..1
};

struct rope {
    double *rates;   // of each pair, in radians for a position
    float magnitude; // of cosines and sines
};

// Fills rates[i] for i < dims / 2 from base^(-2 i / dims) / factors[i] (factors may be NULL).
void rope_rates(struct rope *rope, double base, const float *factors, uint32_t dims,
                const struct rope_scaling *scaling);

// cosines[i], sines[i] of position x rates[i], to about 1e-10 for products below 2^21.
void rope_angles(const struct rope *rope, uint32_t position, uint32_t pairs, float *cosines,
                 float *sines);

// Turns the pairs of one head: (x[2 i], x[2 i + 1]), or with `halves` (x[i], x[pairs + i]).
void rope_turn(float *x, const float *cosines, const float *sines, uint32_t pairs, bool halves);
