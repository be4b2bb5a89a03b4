// NEON: 24 sums, 4 of B and 1 of A in 32 registers.
#include <arm_neon.h>
#include <stddef.h>

typedef float32x4_t lanes;
#define GEMM_LANES 4
#define GEMM_VECTORS 4
#define GEMM_ROWS 6

static inline lanes lanes_all(float value) { return vdupq_n_f32(value); }
static inline lanes lanes_load(const float *from) { return vld1q_f32(from); }
static inline void lanes_store(float *to, lanes a) { vst1q_f32(to, a); }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) { return vfmaq_f32(c, a, b); }

static inline void lanes_turn(const float *from, size_t stride, float *to, size_t to_stride) {
    float square[16];
    for (size_t i = 0; i < 4; i++) lanes_store(square + 4 * i, lanes_load(from + i * stride));
    float32x4x4_t turned = vld4q_f32(square);
    for (size_t i = 0; i < 4; i++) lanes_store(to + i * to_stride, turned.val[i]);
}

#define GEMM_TABLE gemm_neon
#define GEMM_NAME "neon"
#include "train/gemm_body.h"
