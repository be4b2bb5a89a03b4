// Weights to floats, the first part of kernels_body.h: one function for each type, the formulas of
// quant.h over `lanes`, every product and sum rounded once, so that all sets give equal bits.
#include <string.h>

#include "engine/kernels.h"

static lanes lanes_float(const uint8_t *from) {
    float at[16];
    memcpy(at, from, sizeof at);
    return lanes_load(at);
}

static void expand_q8_0(const uint8_t *block, float *out) {
    lanes d = lanes_all(lanes_scale(block));
    const int8_t *q = (const int8_t *)(block + 2);
    lanes_store(out, lanes_mul(d, lanes_i8(q)));
    lanes_store(out + 16, lanes_mul(d, lanes_i8(q + 16)));
}

static void expand_q4_0(const uint8_t *block, float *out) {
    lanes d = lanes_all(lanes_scale(block));
    lanes eight = lanes_all(8);
    lanes_store(out, lanes_mul(d, lanes_sub(lanes_low(block + 2), eight)));
    lanes_store(out + 16, lanes_mul(d, lanes_sub(lanes_high(block + 2), eight)));
}

// d q is exact; the sum is rounded once.
static void expand_q4_1(const uint8_t *block, float *out) {
    lanes d = lanes_all(lanes_scale(block)), m = lanes_all(lanes_scale(block + 2));
    lanes_store(out, lanes_add(lanes_mul(d, lanes_low(block + 4)), m));
    lanes_store(out + 16, lanes_add(lanes_mul(d, lanes_high(block + 4)), m));
}

// Bit k of `bits` as bit 4 of byte k.
static inline uint64_t spread_fifth(uint8_t bits) {
    uint64_t own = bits * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
    return (own + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 3 & UINT64_C(0x1010101010101010);
}

// 32 elements of five bits: sixteen bytes of nibbles, then bit 4 of each from `high`.
static void join_five(const uint8_t *nibbles, const uint8_t high[4], int8_t q[32]) {
    for (int i = 0; i < 4; i++) {
        uint64_t eight;
        memcpy(&eight, nibbles + i % 2 * 8, sizeof eight);
        eight = eight >> i / 2 * 4 & UINT64_C(0x0f0f0f0f0f0f0f0f);
        eight |= spread_fifth(high[i]);
        memcpy(q + 8 * i, &eight, sizeof eight);
    }
}

static void expand_q5_0(const uint8_t *block, float *out) {
    lanes d = lanes_all(lanes_scale(block)), sixteen = lanes_all(16);
    int8_t q[32];
    join_five(block + 6, block + 2, q);
    lanes_store(out, lanes_mul(d, lanes_sub(lanes_i8(q), sixteen)));
    lanes_store(out + 16, lanes_mul(d, lanes_sub(lanes_i8(q + 16), sixteen)));
}

static void expand_q5_1(const uint8_t *block, float *out) { // rounded as Q4_1
    lanes d = lanes_all(lanes_scale(block)), m = lanes_all(lanes_scale(block + 2));
    int8_t q[32];
    join_five(block + 8, block + 4, q);
    lanes_store(out, lanes_add(lanes_mul(d, lanes_i8(q)), m));
    lanes_store(out + 16, lanes_add(lanes_mul(d, lanes_i8(q + 16)), m));
}

// The two bits of each of a block's 256 elements.
static inline void split_pairs(const uint8_t *pairs, int8_t q[256]) {
    for (int part = 0; part < 8; part++) // 32 elements each; four parts share their bytes
        for (int i = 0; i < 32; i++)
            q[32 * part + i] = pairs[part / 4 * 32 + i] >> part % 4 * 2 & 3;
}

static void expand_q2_k(const uint8_t *block, float *out) { // rounded as Q4_K
    float d = lanes_scale(block + 80), m = lanes_scale(block + 82);
    int8_t q[256];
    split_pairs(block + 16, q);
    for (int j = 0; j < 16; j++) {
        lanes scale = lanes_all(d * (float)(block[j] & 15));
        lanes least = lanes_all(m * (float)(block[j] >> 4));
        lanes_store(out + 16 * j, lanes_sub(lanes_mul(scale, lanes_i8(q + 16 * j)), least));
    }
}

static void expand_q3_k(const uint8_t *block, float *out) { // exact
    float d = lanes_scale(block + 108);
    int8_t q[256], s[16];
    split_pairs(block + 32, q);
    for (int part = 0; part < 8; part++)
        for (int i = 0; i < 32; i++)
            q[32 * part + i] = (int8_t)(q[32 * part + i] - 4 + (block[i] >> part & 1) * 4);
    quant_q3_scales(block + 96, s);
    for (int j = 0; j < 16; j++)
        lanes_store(out + 16 * j, lanes_mul(lanes_all(d * (float)s[j]), lanes_i8(q + 16 * j)));
}

static void expand_q4_k(const uint8_t *block, float *out) {
    float d = lanes_scale(block), m = lanes_scale(block + 2);
    uint8_t s[8], z[8];
    quant_k_scales(block + 4, s, z);
    // d s, d s q and m z are exact in float; only the difference is rounded. Bytes 16 j … hold, of
    // the sub-blocks 2 (j / 2) and the next, elements 16 (j % 2) … as low and as high nibbles.
    for (int j = 0; j < 8; j++) {
        int low = j / 2 * 2, high = low + 1;
        const uint8_t *from = block + 16 + 16 * j;
        float *to = out + 32 * low + 16 * (j % 2);
        lanes q = lanes_mul(lanes_all(d * (float)s[low]), lanes_low(from));
        lanes_store(to, lanes_sub(q, lanes_all(m * (float)z[low])));
        q = lanes_mul(lanes_all(d * (float)s[high]), lanes_high(from));
        lanes_store(to + 32, lanes_sub(q, lanes_all(m * (float)z[high])));
    }
}

static void expand_q5_k(const uint8_t *block, float *out) { // rounded as Q4_K
    float d = lanes_scale(block), m = lanes_scale(block + 2);
    const uint8_t *high = block + 16;
    uint8_t s[8], z[8];
    int8_t q[32];
    quant_k_scales(block + 4, s, z);
    for (int j = 0; j < 8; j++, out += 32) {
        const uint8_t *low = block + 48 + j / 2 * 32;
        for (int i = 0; i < 32; i++)
            q[i] = (int8_t)((low[i] >> j % 2 * 4 & 15) | (high[i] >> j & 1) << 4);
        lanes scale = lanes_all(d * (float)s[j]), least = lanes_all(m * (float)z[j]);
        lanes_store(out, lanes_sub(lanes_mul(scale, lanes_i8(q)), least));
        lanes_store(out + 16, lanes_sub(lanes_mul(scale, lanes_i8(q + 16)), least));
    }
}

static void expand_q6_k(const uint8_t *block, float *out) {
    float d = lanes_scale(block + 208);
    const int8_t *s = (const int8_t *)(block + 192);
    int8_t q[256];
    for (int part = 0; part < 8; part++) { // 32 elements each; four parts share their high bits
        const uint8_t *low = block + part / 4 * 64 + part % 2 * 32;
        const uint8_t *high = block + 128 + part / 4 * 32;
        int nibble = part / 2 % 2 * 4, pair = part % 4 * 2;
        for (int i = 0; i < 32; i++)
            q[32 * part + i] =
                (int8_t)(((low[i] >> nibble & 15) | (high[i] >> pair & 3) << 4) - 32);
    }
    for (int j = 0; j < 16; j++)
        lanes_store(out + 16 * j, lanes_mul(lanes_all(d * (float)s[j]), lanes_i8(q + 16 * j)));
}

static inline void expand_iq4(float scale, const uint8_t *nibbles, float *out) { // exact
    lanes d = lanes_all(scale);
    lanes_store(out, lanes_mul(d, lanes_low_of(quant_iq4_values, nibbles)));
    lanes_store(out + 16, lanes_mul(d, lanes_high_of(quant_iq4_values, nibbles)));
}

static void expand_iq4_nl(const uint8_t *block, float *out) {
    expand_iq4(lanes_scale(block), block + 2, out);
}

static void expand_iq4_xs(const uint8_t *block, float *out) {
    float d = lanes_scale(block);
    int8_t s[8];
    quant_iq4_scales(block + 2, s);
    for (int j = 0; j < 8; j++) expand_iq4(d * (float)s[j], block + 8 + 16 * j, out + 32 * j);
}

// Values that are stored as they are; the last lanes are filled with zeros.
static inline __attribute__((always_inline)) void
expand_values(const uint8_t *at, size_t count, const size_t bytes, lanes (*read)(const uint8_t *),
              float *out) {
    size_t whole = count / 16 * 16;
    for (size_t i = 0; i < whole; i += 16) lanes_store(out + i, read(at + bytes * i));
    if (whole == count) return;
    uint8_t last[64] = {0};
    memcpy(last, at + whole * bytes, (count - whole) * bytes);
    lanes_store(out + whole, read(last));
}

// Blocks of 32 elements in `bytes` bytes.
static inline __attribute__((always_inline)) void
expand_32(const uint8_t *at, size_t count, const size_t bytes,
          void (*block)(const uint8_t *, float *), float *out) {
    for (size_t i = 0; i < count; i += 32, at += bytes) block(at, out + i);
}

static void expand(enum quant_type type, const uint8_t *row, size_t from, size_t count,
                   float *out) {
    size_t in32 = from / 32, in256 = from / 256;
    switch (type) {
    case QUANT_F32: expand_values(row + from * 4, count, 4, lanes_float, out); return;
    case QUANT_F16: expand_values(row + from * 2, count, 2, lanes_half, out); return;
    case QUANT_BF16: expand_values(row + from * 2, count, 2, lanes_brain, out); return;
    case QUANT_Q8_0: expand_32(row + in32 * 34, count, 34, expand_q8_0, out); return;
    case QUANT_Q4_0: expand_32(row + in32 * 18, count, 18, expand_q4_0, out); return;
    case QUANT_Q4_1: expand_32(row + in32 * 20, count, 20, expand_q4_1, out); return;
    case QUANT_Q5_0: expand_32(row + in32 * 22, count, 22, expand_q5_0, out); return;
    case QUANT_Q5_1: expand_32(row + in32 * 24, count, 24, expand_q5_1, out); return;
    case QUANT_Q2_K: expand_q2_k(row + in256 * 84, out); return;
    case QUANT_Q3_K: expand_q3_k(row + in256 * 110, out); return;
    case QUANT_Q4_K: expand_q4_k(row + in256 * 144, out); return;
    case QUANT_Q5_K: expand_q5_k(row + in256 * 176, out); return;
    case QUANT_Q6_K: expand_q6_k(row + in256 * 210, out); return;
    case QUANT_IQ4_NL: expand_32(row + in32 * 18, count, 18, expand_iq4_nl, out); return;
    case QUANT_IQ4_XS: expand_iq4_xs(row + in256 * 136, out); return;
    }
}
