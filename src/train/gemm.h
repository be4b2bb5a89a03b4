// Gemm: products of matrices of floats, the work of training.
//
// Every element of C is one sum in one order, whatever the threads, the instruction set or the
// shape of the whole: k = 0, 1, …, each step a fused multiply-add on what C held (`add`) or on 0.
// So a run is the same on any machine and any number of threads.
// Operands are packed into tiles as they are read, so a transposed one costs what a straight one
// does, and a weight of a GGUF file is expanded tile by tile and never whole.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"
#include "engine/lay.h"
#include "engine/pool.h"
#include "engine/quant.h"

// A matrix as it lies in memory: rows `stride` bytes apart, of elements of `type`. Transposed: the
// rows are the operand's columns. Types other than F32 are for B only, rows of whole blocks.
struct gemm_operand {
    const void *at;
    size_t stride;
    enum quant_type type;
    bool transposed;
};

// C[m][n] = (add ? C : 0) + A[m][k] B[k][n]; rows of C `c_stride` floats apart.
struct gemm {
    size_t m, n, k;
    struct gemm_operand a, b;
    float *c;
    size_t c_stride;
    bool add;
};

// Blocks of packed operands, for one product at a time.
struct gemm_room {
    const struct gemm_set *set; // of the CPU's instructions, the best
    float *a[2], *b[2];
};

// About 8.6 MB; `lay` as everywhere: first measured, then taken.
void gemm_lay(struct gemm_room *room, struct lay *lay);

// C overlaps neither A nor B.
void gemm_run(const struct gemm_room *room, struct pool *pool, const struct gemm *gemm);
