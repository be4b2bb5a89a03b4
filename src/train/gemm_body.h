// The body of a gemm_set over `lanes`, of GEMM_LANES floats; tiles are of GEMM_ROWS rows and
// GEMM_VECTORS lanes. GEMM_TABLE and GEMM_NAME say which set it becomes.
#include "train/gemm_set.h"

enum { COLUMNS = GEMM_VECTORS * GEMM_LANES };

// `rows` is constant where this is inlined, so that the sums are registers.
static inline __attribute__((always_inline)) void multiply_rows(const struct gemm_tile *tile,
                                                                const int rows) {
    lanes sum[GEMM_ROWS][GEMM_VECTORS];
    const float *a = tile->a, *b = tile->b;
#pragma GCC unroll 14
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
        for (int j = 0; j < GEMM_VECTORS; j++)
            sum[r][j] = tile->add
                            ? lanes_load(tile->c + (size_t)r * tile->c_stride + j * GEMM_LANES)
                            : lanes_all(0);
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < COLUMNS; j += 16)
            __builtin_prefetch(tile->next + (size_t)r * tile->c_stride + j, 1);
    for (size_t k = tile->k; k > 0; k--, a++, b += COLUMNS) {
        lanes right[GEMM_VECTORS];
        for (int j = 0; j < GEMM_VECTORS; j++) right[j] = lanes_load(b + j * GEMM_LANES);
#pragma GCC unroll 14
        for (int r = 0; r < rows; r++) {
            lanes left = lanes_all(a[r * GEMM_A_STRIDE]);
            for (int j = 0; j < GEMM_VECTORS; j++)
                sum[r][j] = lanes_fma(left, right[j], sum[r][j]);
        }
    }
#pragma GCC unroll 14
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
        for (int j = 0; j < GEMM_VECTORS; j++)
            lanes_store(tile->c + (size_t)r * tile->c_stride + j * GEMM_LANES, sum[r][j]);
}

static void multiply(const struct gemm_tile *tile) {
    switch (tile->rows) {
    case 1: multiply_rows(tile, 1); return;
#if GEMM_ROWS >= 6
    case 2: multiply_rows(tile, 2); return;
    case 3: multiply_rows(tile, 3); return;
    case 4: multiply_rows(tile, 4); return;
    case 5: multiply_rows(tile, 5); return;
    case 6: multiply_rows(tile, 6); return;
#endif
#if GEMM_ROWS >= 14
    case 7: multiply_rows(tile, 7); return;
    case 8: multiply_rows(tile, 8); return;
    case 9: multiply_rows(tile, 9); return;
    case 10: multiply_rows(tile, 10); return;
    case 11: multiply_rows(tile, 11); return;
    case 12: multiply_rows(tile, 12); return;
    case 13: multiply_rows(tile, 13); return;
    case 14: multiply_rows(tile, 14); return;
#endif
    }
}

static void turn(const float *from, size_t stride, float *to, size_t to_stride) {
    for (size_t i = 0; i < GEMM_SQUARE; i += GEMM_LANES)
        for (size_t j = 0; j < GEMM_SQUARE; j += GEMM_LANES)
            lanes_turn(from + i * stride + j, stride, to + j * to_stride + i, to_stride);
}

const struct gemm_set GEMM_TABLE = {GEMM_NAME, GEMM_ROWS, COLUMNS, multiply, turn};
