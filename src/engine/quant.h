// Quant: how ggml lays numbers out in a GGUF file, for the types this build computes with.
//
// A row is a sequence of blocks; a block is `block` elements in `bytes` bytes. Layouts (little
// endian; d and m are F16, q unsigned):
//   BF16  the upper two bytes of an F32
//   Q8_0  d, q[32] int8                                   w = d q
//   Q4_0  d, 16 bytes: low nibbles are elements 0..15, high nibbles 16..31    w = d (q - 8)
//   Q4_1  d, m, then as Q4_0                                                w = d q + m
//   Q5_0  d, 4 bytes: bit i is bit 4 of element i, then as Q4_0               w = d (q - 16)
//   Q5_1  d, m, then as Q5_0 from its 4 bytes on                             w = d q + m
//   Q2_K  16 bytes of 4-bit pairs (s low, z high), 64 bytes of 2-bit q, d, m  w = (d s) q - (m z)
//   Q3_K  32 bytes: bit p of byte i is bit 2 of element i of part p, 64 bytes of the lower two
//         bits, 12 bytes of sixteen 6-bit s, d                   w = (d (s - 32)) (q - 4)
//   Q4_K  d, m, 12 bytes of eight 6-bit (s, z) pairs, 128 bytes of nibbles    w = (d s) q - (m z)
//   Q5_K  d, m, 12 bytes as Q4_K's, 32 bytes: bit s of byte i is bit 4 of element i of the 32 of
//         pair s, 128 bytes of nibbles                                    w = (d s) q - (m z)
//   Q6_K  128 low nibbles-of-2, 64 bytes of 2 high bits, s[16] int8, d        w = (d s) (q - 32)
//   IQ4_NL  d, then as Q4_0                               w = d v[q], v = quant_iq4_values
//   IQ4_XS  d, 2 bytes: upper two bits of eight s, 4 bytes: their lower four bits, then for each
//         of the eight 16 bytes as Q4_0's                       w = (d (s - 32)) v[q]
// Two-bit q (Q2_K, Q3_K; Q6_K's high bits): of the 32 elements of part p, byte 32 (p / 4) + i
// holds element i at bit 2 (p % 4).
// Source: ggml's public block definitions; checked in tests against formulas written separately.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum quant_type {
    QUANT_F32 = 0,
    QUANT_F16 = 1,
    QUANT_Q4_0 = 2,
    QUANT_Q4_1 = 3,
    QUANT_Q5_0 = 6,
    QUANT_Q5_1 = 7,
    QUANT_Q8_0 = 8,
    QUANT_Q2_K = 10,
    QUANT_Q3_K = 11,
    QUANT_Q4_K = 12,
    QUANT_Q5_K = 13,
    QUANT_Q6_K = 14,
    QUANT_IQ4_NL = 20,
    QUANT_IQ4_XS = 23,
    QUANT_BF16 = 30,
};
enum { QUANT_TYPE_MAX = 30, QUANT_BLOCK_MAX = 256 };

struct quant {
    const char *name;
    uint32_t block, bytes;
};

// The type's layout, or NULL when this build does not compute with it.
const struct quant *quant_find(uint32_t type);

// ggml's name of any type ("Q5_K"), or "?".
const char *quant_name(uint32_t type);

// Exact.
float quant_from_half(uint16_t half);
// To nearest, ties to even; too large becomes infinite.
uint16_t quant_to_half(float value);

// A BF16, exact.
float quant_from_brain(uint16_t brain);

static inline uint16_t quant_u16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }

// The eight (s, z) pairs of a Q4_K or Q5_K block's 12 bytes.
void quant_k_scales(const uint8_t packed[12], uint8_t s[8], uint8_t z[8]);

// The sixteen s - 32 of a Q3_K block's 12 bytes, one for each 16 elements.
void quant_q3_scales(const uint8_t packed[12], int8_t s[16]);
// The eight s - 32 of an IQ4_XS block's 6 bytes, one for each 32 elements.
void quant_iq4_scales(const uint8_t packed[6], int8_t s[8]);

// What the four bits of IQ4_NL and IQ4_XS mean.
extern const int8_t quant_iq4_values[16];

// True when every scale (F32, F16, BF16: every value) of `elements` is finite. Elements are whole
// blocks.
bool quant_finite(enum quant_type type, const uint8_t *row, uint64_t elements);
