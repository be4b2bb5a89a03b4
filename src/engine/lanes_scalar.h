// Lanes, the scalar twin: sixteen floats in C, each operation rounded as IEEE 754 says. This file
// defines what the vector sets must equal bit for bit (NaN payloads apart).
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/quant.h"

typedef struct {
    float at[16];
} lanes;
enum { LANES_COLUMNS = 1 }; // columns of a register tile

#define LANES_EACH(expression)                                                                     \
    do {                                                                                           \
        lanes out;                                                                                 \
        for (int i = 0; i < 16; i++) out.at[i] = (expression);                                     \
        return out;                                                                                \
    } while (0)

static inline lanes lanes_all(float value) { LANES_EACH(value); }
static inline lanes lanes_load(const float *from) { LANES_EACH(from[i]); }
static inline void lanes_store(float *to, lanes a) { memcpy(to, a.at, sizeof a.at); }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
    LANES_EACH(fmaf(a.at[i], b.at[i], c.at[i]));
}
static inline lanes lanes_add(lanes a, lanes b) { LANES_EACH(a.at[i] + b.at[i]); }
static inline lanes lanes_sub(lanes a, lanes b) { LANES_EACH(a.at[i] - b.at[i]); }
static inline lanes lanes_mul(lanes a, lanes b) { LANES_EACH(a.at[i] * b.at[i]); }
static inline lanes lanes_div(lanes a, lanes b) { LANES_EACH(a.at[i] / b.at[i]); }
// The second operand where either is NaN, as minps and maxps do.
static inline lanes lanes_min(lanes a, lanes b) {
    LANES_EACH(a.at[i] < b.at[i] ? a.at[i] : b.at[i]);
}
static inline lanes lanes_max(lanes a, lanes b) {
    LANES_EACH(a.at[i] > b.at[i] ? a.at[i] : b.at[i]);
}
static inline lanes lanes_i8(const int8_t *from) { LANES_EACH((float)from[i]); }
// The low and the high four bits of sixteen bytes.
static inline lanes lanes_low(const uint8_t *from) { LANES_EACH((float)(from[i] & 15)); }
static inline lanes lanes_high(const uint8_t *from) { LANES_EACH((float)(from[i] >> 4)); }
// The same, as places in a table.
static inline lanes lanes_low_of(const int8_t table[16], const uint8_t *from) {
    LANES_EACH((float)table[from[i] & 15]);
}
static inline lanes lanes_high_of(const int8_t table[16], const uint8_t *from) {
    LANES_EACH((float)table[from[i] >> 4]);
}
static inline lanes lanes_half(const uint8_t *from) {
    LANES_EACH(quant_from_half(quant_u16(from + 2 * i)));
}
// Sixteen BF16.
static inline lanes lanes_brain(const uint8_t *from) {
    LANES_EACH(quant_from_brain(quant_u16(from + 2 * i)));
}
// One F16.
static inline float lanes_scale(const uint8_t *from) {
    return quant_from_half(quant_u16(from));
}
static inline void lanes_to_half(uint16_t *to, lanes a) {
    for (int i = 0; i < 16; i++) to[i] = quant_to_half(a.at[i]);
}

// 2^n for the n kept in the low bits of a = 1.5 x 2^23 + n, -126 <= n <= 127.
static inline lanes lanes_power(lanes a) {
    for (int i = 0; i < 16; i++) {
        uint32_t bits;
        memcpy(&bits, &a.at[i], sizeof bits);
        bits = (bits << 23) + 0x3f800000;
        memcpy(&a.at[i], &bits, sizeof bits);
    }
    return a;
}

// The one order of a sum: lane l with l + 8, then + 4, + 2, + 1.
static inline float lanes_sum(lanes a) {
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) a.at[i] += a.at[i + half];
    return a.at[0];
}

// ---- integers: sixteen of 32 bits, and lines of 64 bytes ----

typedef struct {
    int32_t at[16];
} ints;
typedef struct {
    uint8_t at[64];
} line;
enum { LANES_PACKED = 2 }; // columns times groups of a tile of packed weights

static inline ints ints_all(int32_t value) {
    ints out;
    for (int i = 0; i < 16; i++) out.at[i] = value;
    return out;
}
static inline line line_load(const uint8_t *from) {
    line out;
    memcpy(out.at, from, sizeof out.at);
    return out;
}
static inline void line_store(uint8_t *to, line a) { memcpy(to, a.at, sizeof a.at); }
// Bits of each byte moved down or up, then those of `mask` taken.
static inline line line_down(line a, int by, uint8_t mask) {
    for (int i = 0; i < 64; i++) a.at[i] = a.at[i] >> by & mask;
    return a;
}
static inline line line_up(line a, int by, uint8_t mask) {
    for (int i = 0; i < 64; i++) a.at[i] = (uint8_t)(a.at[i] << by & mask);
    return a;
}
static inline line line_or(line a, line b) {
    for (int i = 0; i < 64; i++) a.at[i] |= b.at[i];
    return a;
}
// Adds to each lane its four bytes times the four of x, |x| <= 127. Exact.
static inline ints ints_dot(ints a, line w, const int8_t x[4], bool wide) {
    (void)wide; // some w > 127
    for (int i = 0; i < 64; i++) a.at[i / 4] += w.at[i] * x[i % 4];
    return a;
}
static inline lanes lanes_ints(ints a) { LANES_EACH((float)a.at[i]); }
static inline lanes lanes_u8(const uint8_t *from) { LANES_EACH((float)from[i]); }
// The largest magnitude in both: as bits, so that infinity passes every number, and NaN that.
static inline float lanes_most(lanes a, lanes b) {
    uint32_t most = 0;
    for (int i = 0; i < 32; i++) {
        uint32_t bits;
        memcpy(&bits, i < 16 ? &a.at[i] : &b.at[i - 16], sizeof bits);
        bits &= 0x7fffffff;
        most = bits > most ? bits : most;
    }
    float out;
    memcpy(&out, &most, sizeof out);
    return out;
}
// To whole numbers, to nearest, ties to even; |a| <= 127.
static inline void lanes_to_i8(int8_t *to, lanes a) {
    for (int i = 0; i < 16; i++) to[i] = (int8_t)lrintf(a.at[i]);
}
static inline int32_t bytes_sum(const int8_t from[16]) {
    int32_t sum = 0;
    for (int i = 0; i < 16; i++) sum += from[i];
    return sum;
}
