// AVX-512: 28 sums, 2 of B and 1 of A in 32 registers.
#include <immintrin.h>

typedef __m512 lanes;
#define GEMM_LANES 16
#define GEMM_VECTORS 2
#define GEMM_ROWS 14

static inline lanes lanes_all(float value) { return _mm512_set1_ps(value); }
static inline lanes lanes_load(const float *from) { return _mm512_loadu_ps(from); }
static inline void lanes_store(float *to, lanes a) { _mm512_storeu_ps(to, a); }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) { return _mm512_fmadd_ps(a, b, c); }

// Pairs, then fours, within quarters of a register; then the quarters.
static inline void lanes_turn(const float *from, size_t stride, float *to, size_t to_stride) {
    lanes a[16], b[16];
    for (size_t i = 0; i < 16; i++) a[i] = lanes_load(from + i * stride);
    for (size_t i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    for (size_t i = 0; i < 16; i += 4)
        for (size_t j = 0; j < 2; j++) {
            __m512d low = _mm512_castps_pd(b[i + j]), high = _mm512_castps_pd(b[i + j + 2]);
            a[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            a[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    // Register i of a group of four holds, quarter by quarter, columns i, i + 4, i + 8, i + 12.
    for (size_t i = 0; i < 4; i++) {
        lanes even = _mm512_shuffle_f32x4(a[i], a[i + 4], 0x88);
        lanes odd = _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd);
        lanes even2 = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0x88);
        lanes odd2 = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0xdd);
        lanes_store(to + i * to_stride, _mm512_shuffle_f32x4(even, even2, 0x88));
        lanes_store(to + (i + 4) * to_stride, _mm512_shuffle_f32x4(odd, odd2, 0x88));
        lanes_store(to + (i + 8) * to_stride, _mm512_shuffle_f32x4(even, even2, 0xdd));
        lanes_store(to + (i + 12) * to_stride, _mm512_shuffle_f32x4(odd, odd2, 0xdd));
    }
}

#define GEMM_TABLE gemm_avx512
#define GEMM_NAME "avx512"
#include "train/gemm_body.h"
