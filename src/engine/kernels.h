// Kernels: the arithmetic of a forward pass, one table per instruction set, equal bit for bit (I9).
//
// Every sum has one order, whatever the set, thread count or batch. Weights that are packed
// (pack.h) are multiplied as integers, block by block (struct kernel_product); all others are
// expanded to float (the formula in quant.h, each product rounded once) and summed in sixteen
// lanes, lane l taking elements l, l + 16, … in turn by fused multiply-add, then lanes l + 8, + 4,
// + 2, + 1 folded. Nothing here calls libm except fmaf and sqrtf, which IEEE 754 fixes; exp and
// tanh are ours.
// Rows of floats are read and written in whole sixteens: strides are multiples of 16 and the
// padding of inputs is zero.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "engine/engine.h"
#include "engine/pack.h"
#include "engine/quant.h"

enum {
    KERNEL_LANES = 16,
    KERNEL_COLUMNS_MAX = 64, // positions of one pass
    KERNEL_CHUNK = 256,      // elements expanded at a time; every block length divides it
    KERNEL_PAGE = 16,        // positions whose keys and values lie together
    KERNEL_QUERIES = 8,      // that are answered together
    KERNEL_BLOCK = 32,       // elements of a head that have one scale
};

static inline size_t kernel_pad(size_t n) {
    return (n + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES;
}

// 256 elements of a column in eight bits: x = the scale of its block times code, |code| <= 127.
struct kernel_codes {
    _Alignas(64) int8_t code[KERNEL_CHUNK];
    float scale[8], weighed[8]; // weighed = scale x sum
    int32_t sum[8], half[16];   // of 32 codes, of 16
};

// y[c][r] = sum over i < n of w[r][i] x[c][i], then + bias[r]. Where weights are packed, of the
// columns' codes: in the order of the blocks, each an exact sum of integers times the product of
// the two scales, added by one fused multiply-add, then so the block's `plus` times `weighed`.
struct kernel_product {
    enum quant_type type;
    const struct pack *pack; // NULL: as the file has them
    const uint8_t *weights;  // rows of n elements, row_bytes apart; packed: groups
    size_t row_bytes, n;
    const float *x;                   // columns of floats, x_stride apart
    const struct kernel_codes *codes; // packed: [chunk][column]
    float *y;
    size_t x_stride, y_stride, columns; // columns <= KERNEL_COLUMNS_MAX
    const float *bias; // may be NULL
};

// y[c][r] += sum over j < ranks of (scale x[c][j]) b[j][r], in the order of j, each by one fused
// multiply-add.
struct kernel_spread {
    const float *b; // rows of `stride` floats
    const float *x;
    float *y;
    size_t stride, ranks, x_stride, y_stride, columns;
    float scale;
};

// x / sqrt(mean of squares + epsilon) * weight + bias, with `centred` of x - mean instead of x.
struct kernel_norm {
    const float *weight, *bias; // kernel_pad(n); bias may be NULL
    size_t n;
    float epsilon;
    bool centred;
};

enum kernel_activation {
    KERNEL_SILU, // x / (1 + exp(-x)), Elfwing et al. 2018
    KERNEL_GELU, // x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks & Gimpel 2016
};

// Queries of positions of one sequence over the same keys and values, each over positions
// from <= t < to: scores by q k x scale, capped where `cap` is not 0, softmax, sum of v. A score
// adds its `len` products in their order, a value its positions.
// Positions KERNEL_PAGE i .. lie from k + pages[i] * page_stride on as [element][position], from
// v + … on as [position][element], `stride` of them: as F16, or in the blocks of Q8_0, a code of
// eight bits each and behind all codes the F16 scales as [element / KERNEL_BLOCK][position].
// Of codes a score adds the products of a block in their order, then by one fused multiply-add
// that sum times the scale; a value adds codes times (score x scale), rounded once.
struct kernel_attention {
    enum engine_cache cache;
    size_t queries; // <= KERNEL_QUERIES
    const float *q[KERNEL_QUERIES];
    size_t from[KERNEL_QUERIES], to[KERNEL_QUERIES];
    float *out[KERNEL_QUERIES]; // `stride` floats
    const uint16_t *k, *v; // page_stride counts these
    const uint32_t *pages;
    size_t page_stride, len, stride;
    float scale, cap;
    float *scores; // scratch, a row for each query of kernel_scores(the largest `to`) floats
};

// What KERNEL_PAGE positions of a head take, keys or values.
static inline size_t kernel_page_halves(enum engine_cache cache, size_t stride) {
    size_t scales = (stride + KERNEL_BLOCK - 1) / KERNEL_BLOCK;
    return KERNEL_PAGE * (cache == ENGINE_CACHE_Q8_0 ? stride / 2 + scales : stride);
}

static inline size_t kernel_scores(size_t positions) { return kernel_pad(positions) + 16; }

struct kernels {
    const char *name;
    // `count` <= KERNEL_CHUNK elements of a row from element `from` (a multiple of KERNEL_CHUNK),
    // zeros up to kernel_pad(count).
    void (*expand)(enum quant_type type, const uint8_t *row, size_t from, size_t count, float *out);
    // n floats, n a multiple of 32, to the codes of a column, chunks `stride` apart. To nearest,
    // ties to even; scale = the largest / 127, NaN where there is a NaN or an infinity.
    void (*quantise)(const float *x, size_t n, struct kernel_codes *to, size_t stride);
    // Rows row0 <= r < row1; of packed weights row0 is a multiple of PACK_ROWS.
    void (*multiply)(const struct kernel_product *product, size_t row0, size_t row1);
    // One row; `out` may be `x`. Padding becomes zero.
    void (*norm)(const struct kernel_norm *norm, const float *x, float *out);
    // x = activation of x, times up where that is not NULL; this and the next three: n rounded up
    // to 16.
    void (*activate)(enum kernel_activation activation, float *x, const float *up, size_t n);
    void (*add)(float *to, const float *x, float factor, size_t n); // to += factor x
    void (*scale)(float *x, float factor, size_t n);
    void (*cap)(float *x, float factor, float most, size_t n); // x = most tanh(factor x / most)
    void (*attend)(const struct kernel_attention *attention);
    // x = exp((x - max) * scale) and its sum, max the largest x; kernel_pad(n) floats are there.
    float (*softmax)(float *x, size_t n, float scale);
    // Floats to F16, n a multiple of 16.
    void (*halve)(const float *x, size_t n, uint16_t *out);
    // Floats to the codes and F16 scales of blocks, n a multiple of 16: with `most` a block's
    // largest magnitude, codes x times (127 / most), to nearest, ties to even; scale most / 127,
    // then rounded to F16. Both 0 where most <= 2^-100; scale NaN (0x7e00) where there is a NaN or
    // an infinity, or F16 has no room for it.
    void (*code)(const float *x, size_t n, int8_t *codes, uint16_t *scales);
    // Rows row0 <= r < row1, a multiple of 16 each (there is padding).
    void (*spread)(const struct kernel_spread *spread, size_t row0, size_t row1);
};

extern const struct kernels kernels_scalar;
#ifdef __x86_64__
extern const struct kernels kernels_avx2, kernels_avxvnni, kernels_avx512, kernels_avx512vnni;
#elif defined __aarch64__
extern const struct kernels kernels_neon, kernels_neondot;
#endif

// SK_UNSUPPORTED when the CPU lacks `kind`.
enum sk_code kernels_choose(enum engine_kernels kind, const struct kernels **out);
