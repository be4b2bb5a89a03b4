// Sixteen small integers to lanes: what AVX2 and AVX-512 have alike. Included by either set right
// after its lanes_bytes. Meaning and bits: lanes_scalar.h.
#pragma once
#include <immintrin.h>
#include <stdint.h>

static inline __m128i lanes_load_bytes(const void *from) {
    return _mm_loadu_si128((const __m128i *)from);
}
static inline lanes lanes_i8(const int8_t *from) { return lanes_bytes(lanes_load_bytes(from)); }
static inline __m128i lanes_low_bytes(const uint8_t *from) {
    return _mm_and_si128(lanes_load_bytes(from), _mm_set1_epi8(15));
}
static inline __m128i lanes_high_bytes(const uint8_t *from) {
    return _mm_and_si128(_mm_srli_epi16(lanes_load_bytes(from), 4), _mm_set1_epi8(15));
}
static inline lanes lanes_low(const uint8_t *from) { return lanes_bytes(lanes_low_bytes(from)); }
static inline lanes lanes_high(const uint8_t *from) { return lanes_bytes(lanes_high_bytes(from)); }
static inline lanes lanes_low_of(const int8_t table[16], const uint8_t *from) {
    return lanes_bytes(_mm_shuffle_epi8(lanes_load_bytes(table), lanes_low_bytes(from)));
}
static inline lanes lanes_high_of(const int8_t table[16], const uint8_t *from) {
    return lanes_bytes(_mm_shuffle_epi8(lanes_load_bytes(table), lanes_high_bytes(from)));
}
static inline int32_t bytes_sum(const int8_t from[16]) {
    __m128i pairs = _mm_maddubs_epi16(_mm_set1_epi8(1), lanes_load_bytes(from));
    __m128i four = _mm_madd_epi16(pairs, _mm_set1_epi16(1));
    four = _mm_add_epi32(four, _mm_srli_si128(four, 8));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_srli_si128(four, 4)));
}
