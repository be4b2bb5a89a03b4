// Lanes on AVX2 + FMA + F16C: two registers of eight; integers by AVX-VNNI where the file is
// compiled for it. Meaning and bits: lanes_scalar.h.
#pragma once
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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

typedef struct {
    __m256i low, high;
} ints, line;
enum { LANES_PACKED = 2 }; // columns times groups of a tile of packed weights

static inline ints ints_all(int32_t value) {
    return (ints){_mm256_set1_epi32(value), _mm256_set1_epi32(value)};
}
static inline line line_load(const uint8_t *from) {
    const __m256i *at = (const __m256i *)(const void *)from;
    return (line){_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1)};
}
static inline void line_store(uint8_t *to, line a) {
    __m256i *at = (__m256i *)(void *)to;
    _mm256_storeu_si256(at, a.low);
    _mm256_storeu_si256(at + 1, a.high);
}
static inline line line_mask(line a, uint8_t mask) {
    __m256i all = _mm256_set1_epi8((char)mask);
    return (line){_mm256_and_si256(a.low, all), _mm256_and_si256(a.high, all)};
}
static inline line line_down(line a, int by, uint8_t mask) {
    return line_mask((line){_mm256_srli_epi16(a.low, by), _mm256_srli_epi16(a.high, by)}, mask);
}
static inline line line_up(line a, int by, uint8_t mask) {
    return line_mask((line){_mm256_slli_epi16(a.low, by), _mm256_slli_epi16(a.high, by)}, mask);
}
static inline line line_or(line a, line b) {
    return (line){_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)};
}
static inline __m256i ints_dot8(__m256i a, __m256i w, __m256i x) {
#ifdef __AVXVNNI__
    return _mm256_dpbusd_avx_epi32(a, w, x);
#else
    __m256i pairs = _mm256_maddubs_epi16(w, x);
    return _mm256_add_epi32(a, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
}
static inline ints ints_dot(ints a, line w, const int8_t x[4], bool wide) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    __m256i xs = _mm256_set1_epi32(four);
#ifdef __AVXVNNI__
    wide = false; // four products meet in 32 bits
#endif
    if (wide) { // the upper bit apart, or two products would pass 16 bits
        line high = line_mask(w, 128);
        a = (ints){ints_dot8(a.low, high.low, xs), ints_dot8(a.high, high.high, xs)};
        w = line_mask(w, 127);
    }
    return (ints){ints_dot8(a.low, w.low, xs), ints_dot8(a.high, w.high, xs)};
}
static inline lanes lanes_ints(ints a) {
    return (lanes){_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)};
}
static inline lanes lanes_u8(const uint8_t *from) {
    __m128i bytes = lanes_load_bytes(from);
    return (lanes){_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)),
                   _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)))};
}
static inline __m256i lanes_magnitude8(__m256 a) {
    return _mm256_and_si256(_mm256_castps_si256(a), _mm256_set1_epi32(0x7fffffff));
}
static inline __m256i lanes_most8(lanes a) {
    return _mm256_max_epi32(lanes_magnitude8(a.low), lanes_magnitude8(a.high));
}
static inline float lanes_most(lanes a, lanes b) {
    __m256i eight = _mm256_max_epi32(lanes_most8(a), lanes_most8(b));
    __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtss_f32(_mm_castsi128_ps(_mm_max_epi32(two, _mm_shuffle_epi32(two, 0xb1))));
}
static inline void lanes_to_i8(int8_t *to, lanes a) {
    __m256i pairs = _mm256_packs_epi32(_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high));
    pairs = _mm256_permute4x64_epi64(pairs, 0xd8); // 0..7, 8..15
    __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(pairs),
                                    _mm256_extracti128_si256(pairs, 1));
    _mm_storeu_si128((__m128i *)(void *)to, bytes);
}
