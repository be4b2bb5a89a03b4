// What encoders of large and small blocks share.
#pragma once
#include "base/fail.h"
#include "train/encode.h"

// Whole numbers nearest to v, |v| < 2^22, ties to even: adding 1.5 x 2^23 leaves no room for a
// fraction. Unlike rintf it becomes one vector instruction on every machine.
static inline float encode_nearest(float v) { return v + 0x1.8p23f - 0x1.8p23f; }

static inline float encode_clamp(float v, float least, float most) {
    return v < least ? least : v > most ? most : v;
}

static inline void encode_u16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

// `value` as the F16 that is written, read back. Infinite where there is no room.
static inline float encode_half(uint8_t *at, float value) {
    uint16_t half = quant_to_half(value);
    encode_u16(at, half);
    return quant_from_half(half);
}

// What an error weighs: the root of the mean square + |x|, so that what is large is met better.
void encode_weigh(const float *x, size_t n, float *w);

// The scale d of x ~ d q, q whole in -levels .. levels - 1, for n <= 32 elements (a multiple of
// 8): 0 where all are too small to tell.
float encode_scale(const float *x, size_t n, float levels);

// One block of 256.
void encode_q4_k(const float *x, uint8_t *block);
void encode_q6_k(const float *x, uint8_t *block);
