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
