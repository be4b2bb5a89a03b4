// AVX2 and FMA: 12 sums, 2 of B and 1 of A in 16 registers.
#include <immintrin.h>

typedef __m256 lanes;
#define GEMM_LANES 8
#define GEMM_VECTORS 2
#define GEMM_ROWS 6

static inline lanes lanes_all(float value) { return _mm256_set1_ps(value); }
static inline lanes lanes_load(const float *from) { return _mm256_loadu_ps(from); }
static inline void lanes_store(float *to, lanes a) { _mm256_storeu_ps(to, a); }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) { return _mm256_fmadd_ps(a, b, c); }

// Pairs, then fours, within halves of a register; then the halves.
static inline void lanes_turn(const float *from, size_t stride, float *to, size_t to_stride) {
    lanes a[8], b[8];
    for (size_t i = 0; i < 8; i++) a[i] = lanes_load(from + i * stride);
    for (size_t i = 0; i < 8; i += 2) {
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    for (size_t i = 0; i < 8; i += 4)
        for (size_t j = 0; j < 2; j++) {
            __m256d low = _mm256_castps_pd(b[i + j]), high = _mm256_castps_pd(b[i + j + 2]);
            a[i + 2 * j] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, high));
            a[i + 2 * j + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, high));
        }
    for (size_t i = 0; i < 4; i++) {
        lanes_store(to + i * to_stride, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
        lanes_store(to + (i + 4) * to_stride, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
    }
}

#define GEMM_TABLE gemm_avx2
#define GEMM_NAME "avx2"
#include "train/gemm_body.h"
