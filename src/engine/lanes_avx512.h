// Lanes on AVX-512 (F, BW, DQ, VL): one register. Meaning and bits: lanes_scalar.h.
#pragma once
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef __m512 lanes;
enum { LANES_COLUMNS = 4 }; // 4 x 4 accumulators + 4 weights + 1 activation of 32 registers

static inline lanes lanes_all(float value) { return _mm512_set1_ps(value); }
static inline lanes lanes_load(const float *from) { return _mm512_loadu_ps(from); }
static inline void lanes_store(float *to, lanes a) { _mm512_storeu_ps(to, a); }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) { return _mm512_fmadd_ps(a, b, c); }
static inline lanes lanes_add(lanes a, lanes b) { return _mm512_add_ps(a, b); }
static inline lanes lanes_sub(lanes a, lanes b) { return _mm512_sub_ps(a, b); }
static inline lanes lanes_mul(lanes a, lanes b) { return _mm512_mul_ps(a, b); }
static inline lanes lanes_div(lanes a, lanes b) { return _mm512_div_ps(a, b); }
static inline lanes lanes_min(lanes a, lanes b) { return _mm512_min_ps(a, b); }
static inline lanes lanes_max(lanes a, lanes b) { return _mm512_max_ps(a, b); }
static inline lanes lanes_bytes(__m128i bytes) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}
#include "engine/lanes_bytes.h"
static inline lanes lanes_half(const uint8_t *from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)from));
}
static inline lanes lanes_brain(const uint8_t *from) {
    __m256i narrow = _mm256_loadu_si256((const __m256i *)(const void *)from);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16));
}
static inline float lanes_scale(const uint8_t *from) {
    return _cvtsh_ss((unsigned short)(from[0] | from[1] << 8));
}
static inline void lanes_to_half(uint16_t *to, lanes a) {
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}
static inline lanes lanes_power(lanes a) {
    __m512i bits = _mm512_slli_epi32(_mm512_castps_si512(a), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(bits, _mm512_set1_epi32(0x3f800000)));
}
static inline float lanes_sum(lanes a) {
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

typedef __m512i ints, line;
enum { LANES_PACKED = 8 }; // columns times groups of a tile of packed weights

static inline ints ints_all(int32_t value) { return _mm512_set1_epi32(value); }
static inline line line_load(const uint8_t *from) { return _mm512_loadu_si512(from); }
static inline void line_store(uint8_t *to, line a) { _mm512_storeu_si512(to, a); }
static inline line line_mask(line a, uint8_t mask) {
    return _mm512_and_si512(a, _mm512_set1_epi8((char)mask));
}
static inline line line_down(line a, int by, uint8_t mask) {
    return line_mask(_mm512_srlv_epi16(a, _mm512_set1_epi16((short)by)), mask);
}
static inline line line_up(line a, int by, uint8_t mask) {
    return line_mask(_mm512_sllv_epi16(a, _mm512_set1_epi16((short)by)), mask);
}
static inline line line_or(line a, line b) { return _mm512_or_si512(a, b); }
static inline ints ints_dot(ints a, line w, const int8_t x[4], bool wide) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    __m512i xs = _mm512_set1_epi32(four);
#ifdef __AVX512VNNI__
    (void)wide;
    return _mm512_dpbusd_epi32(a, w, xs);
#else
    __m512i ones = _mm512_set1_epi16(1);
    if (wide) { // the upper bit apart, or two products would pass 16 bits
        __m512i high = _mm512_maddubs_epi16(line_mask(w, 128), xs);
        a = _mm512_add_epi32(a, _mm512_madd_epi16(high, ones));
        w = line_mask(w, 127);
    }
    return _mm512_add_epi32(a, _mm512_madd_epi16(_mm512_maddubs_epi16(w, xs), ones));
#endif
}
static inline lanes lanes_ints(ints a) { return _mm512_cvtepi32_ps(a); }
static inline lanes lanes_u8(const uint8_t *from) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(lanes_load_bytes(from)));
}
static inline float lanes_most(lanes a, lanes b) {
    __m512i bits = _mm512_set1_epi32(0x7fffffff);
    __m512i x = _mm512_and_si512(_mm512_castps_si512(a), bits);
    __m512i y = _mm512_and_si512(_mm512_castps_si512(b), bits);
    int32_t most = _mm512_reduce_max_epi32(_mm512_max_epi32(x, y));
    float out;
    memcpy(&out, &most, sizeof out);
    return out;
}
static inline void lanes_to_i8(int8_t *to, lanes a) {
    _mm_storeu_si128((__m128i *)(void *)to, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a)));
}
