// Kernels: the arithmetic of a forward pass, one table per instruction set, equal bit for bit (I9).
//
// Every sum has one order, whatever the set, thread count or batch: sixteen lanes, lane l taking
// elements l, l + 16, … in turn by fused multiply-add, then lanes l + 8, + 4, + 2, + 1 folded.
// Weights are expanded to float first (the formula in quant.h, each product rounded once). Nothing
// here calls libm except fmaf and sqrtf, which IEEE 754 fixes; exp is a polynomial of ours.
// Rows of floats are read and written in whole sixteens: strides are multiples of 16 and the
// padding of inputs is zero.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "engine/engine.h"
#include "engine/quant.h"

enum {
    KERNEL_LANES = 16,
    KERNEL_COLUMNS_MAX = 32, // positions of one pass
    KERNEL_CHUNK = 256,      // elements expanded at a time; every block length divides it
    KERNEL_PAGE = 16,        // positions whose keys and values lie together
};

static inline size_t kernel_pad(size_t n) {
    return (n + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES;
}

// y[c][r] = sum over i < n of w[r][i] x[c][i], or y[c][r] += that.
struct kernel_product {
    enum quant_type type;
    const uint8_t *weights; // rows of n elements, row_bytes apart
    size_t row_bytes, n;
    const float *x;
    float *y;
    size_t x_stride, y_stride, columns; // columns <= KERNEL_COLUMNS_MAX
    int add;
};

// One head of one position over `count` cached positions: scores by q k x scale, softmax, sum of v.
// Positions KERNEL_PAGE i .. are the rows from k + pages[i] * page_stride on; so for v.
struct kernel_attention {
    const float *q;       // `stride` floats
    const uint16_t *k, *v; // rows of `stride` halves, one per position
    const uint32_t *pages;
    size_t page_stride, stride, count;
    float scale;
    float *scores; // scratch, kernel_pad(count)
    float *out;    // `stride` floats
};

struct kernels {
    const char *name;
    // `count` <= KERNEL_CHUNK elements of a row from element `from` (a multiple of KERNEL_CHUNK),
    // zeros up to kernel_pad(count).
    void (*expand)(enum quant_type type, const uint8_t *row, size_t from, size_t count, float *out);
    // Rows row0 <= r < row1.
    void (*multiply)(const struct kernel_product *product, size_t row0, size_t row1);
    // out = x / sqrt(mean of squares + epsilon) * weight; all kernel_pad(n) long.
    void (*norm)(const float *x, const float *weight, size_t n, float epsilon, float *out);
    // gate = gate / (1 + exp(-gate)) * up, n rounded up to 16.
    void (*gate)(float *gate, const float *up, size_t n);
    void (*attend)(const struct kernel_attention *attention);
    // x = exp((x - max) * scale) and its sum, max the largest x; kernel_pad(n) floats are there.
    float (*softmax)(float *x, size_t n, float scale);
    // Floats to F16, n a multiple of 16.
    void (*halve)(const float *x, size_t n, uint16_t *out);
};

extern const struct kernels kernels_scalar;
#ifdef __x86_64__
extern const struct kernels kernels_avx2, kernels_avx512;
#endif

// SK_UNSUPPORTED when the CPU lacks `kind`.
enum sk_code kernels_choose(enum engine_kernels kind, const struct kernels **out);
