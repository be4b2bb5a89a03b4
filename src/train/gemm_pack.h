// Gemm_pack: parts of operands written as gemm_set.h wants them. A part's rows, columns and k are
// counted in the operand as it is multiplied, transposed or not.
#pragma once
#include "train/gemm.h"
#include "train/gemm_set.h"

// [from, from + len) along an operand's rows or columns, k .. k + depth across.
struct gemm_part {
    size_t from, len, k, depth;
};

// Rows of A, to `to` and on. Up to GEMM_SQUARE - 1 rows and k beyond are written with zeros.
void gemm_pack_a(const struct gemm_set *set, const struct gemm_operand *a,
                 const struct gemm_part *part, float *to);

// Columns of B, the first of a panel, to `to`: panels of `depth` k, rounded up to GEMM_SQUARE.
// What is missing of the last panel is written with zeros. Of other types than F32 the part starts,
// along the rows that lie in memory, at a multiple of ENCODE_PART, and has at most as many columns
// where they run along them.
void gemm_pack_b(const struct gemm_set *set, const struct gemm_operand *b,
                 const struct gemm_part *part, float *to);

static inline size_t gemm_round(size_t len, size_t to) { return (len + to - 1) / to * to; }
