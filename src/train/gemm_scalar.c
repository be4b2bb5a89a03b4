// For any CPU, and slow where fmaf is no instruction.
#include <math.h>
#include <stddef.h>

typedef float lanes;
#define GEMM_LANES 1
#define GEMM_VECTORS 16
#define GEMM_ROWS 1

static inline lanes lanes_all(float value) { return value; }
static inline lanes lanes_load(const float *from) { return *from; }
static inline void lanes_store(float *to, lanes a) { *to = a; }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) { return fmaf(a, b, c); }
static inline void lanes_turn(const float *from, size_t stride, float *to, size_t to_stride) {
    (void)stride, (void)to_stride;
    *to = *from;
}

#define GEMM_TABLE gemm_scalar
#define GEMM_NAME "scalar"
#include "train/gemm_body.h"
