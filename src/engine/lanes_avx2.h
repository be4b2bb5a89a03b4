// Lanes on AVX2 + FMA + F16C: two registers of eight. Meaning and bits: lanes_scalar.h.
#pragma once
#include <immintrin.h>
#include <stdint.h>

typedef struct {
    __m256 low, high;
} lanes;
enum { LANES_COLUMNS = 1 }; // 4 x 1 x 2 accumulators; 16 registers hold no more columns

static inline lanes lanes_all(float value) {
    return (lanes){_mm256_set1_ps(value), _mm256_set1_ps(value)};
}
static inline lanes lanes_load(const float *from) {
    return (lanes){_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}
static inline void lanes_store(float *to, lanes a) {
    _mm256_storeu_ps(to, a.low);
    _mm256_storeu_ps(to + 8, a.high);
}
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
    return (lanes){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
static inline lanes lanes_add(lanes a, lanes b) {
    return (lanes){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
static inline lanes lanes_sub(lanes a, lanes b) {
    return (lanes){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
static inline lanes lanes_mul(lanes a, lanes b) {
    return (lanes){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
static inline lanes lanes_div(lanes a, lanes b) {
    return (lanes){_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
static inline lanes lanes_min(lanes a, lanes b) {
    return (lanes){_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
static inline lanes lanes_max(lanes a, lanes b) {
    return (lanes){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
static inline lanes lanes_bytes(__m128i bytes) {
    return (lanes){_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
                   _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
}
#include "engine/lanes_bytes.h"
static inline lanes lanes_half(const uint8_t *from) {
    const __m128i *at = (const __m128i *)(const void *)from;
    return (lanes){_mm256_cvtph_ps(_mm_loadu_si128(at)), _mm256_cvtph_ps(_mm_loadu_si128(at + 1))};
}
static inline __m256 lanes_brain8(const uint8_t *from) {
    __m256i wide = _mm256_cvtepu16_epi32(lanes_load_bytes(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
static inline lanes lanes_brain(const uint8_t *from) {
    return (lanes){lanes_brain8(from), lanes_brain8(from + 16)};
}
static inline float lanes_scale(const uint8_t *from) {
    return _cvtsh_ss((unsigned short)(from[0] | from[1] << 8));
}
static inline void lanes_to_half(uint16_t *to, lanes a) {
    __m128i *at = (__m128i *)(void *)to;
    _mm_storeu_si128(at, _mm256_cvtps_ph(a.low, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128(at + 1, _mm256_cvtps_ph(a.high, _MM_FROUND_TO_NEAREST_INT));
}
static inline __m256 lanes_power8(__m256 a) {
    __m256i bits = _mm256_slli_epi32(_mm256_castps_si256(a), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(bits, _mm256_set1_epi32(0x3f800000)));
}
static inline lanes lanes_power(lanes a) {
    return (lanes){lanes_power8(a.low), lanes_power8(a.high)};
}
static inline float lanes_sum(lanes a) {
    __m256 eight = _mm256_add_ps(a.low, a.high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
