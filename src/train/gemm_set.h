// Gemm_set: what a product asks of an instruction set: tiles of C in registers, and squares turned
// for packing. One body (gemm_body.h) over the lanes of each set; all give the same bits.
//
// A packed: rows, GEMM_A_STRIDE floats apart (no two of a tile share a set of the first cache).
// B packed: panels of `columns` columns, k after k.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
    GEMM_K_MAX = 512, // of a block: a tile's rows of A fit a first cache of 32 KiB
    GEMM_A_STRIDE = GEMM_K_MAX + 16,
    GEMM_ROWS_MAX = 14, // of a tile
    GEMM_COLUMNS_MAX = 32,
    GEMM_SQUARE = 16,
};

// C[rows][the set's columns] += A B over a block's k; from 0 unless `add`.
struct gemm_tile {
    size_t rows, k;
    const float *a, *b; // packed
    float *c;
    size_t c_stride;
    const float *next; // a tile of C that comes soon
    bool add;
};

struct gemm_set {
    const char *name;
    size_t rows, columns; // of a tile: rows at most, columns always (a multiple of GEMM_SQUARE)
    void (*multiply)(const struct gemm_tile *tile);
    // to[j * to_stride + i] = from[i * stride + j] for i, j < GEMM_SQUARE.
    void (*turn)(const float *from, size_t stride, float *to, size_t to_stride);
};

// The set of this name, NULL: the best. NULL where the CPU lacks it.
const struct gemm_set *gemm_set_find(const char *name);

extern const struct gemm_set gemm_scalar, gemm_avx2, gemm_avx512, gemm_neon;
