#include "train/gemm_pack.h"

#include <string.h>

#include "train/encode.h"

enum { ROWS_AHEAD = 4 };

static const float *row_at(const struct gemm_operand *operand, size_t row) {
    return (const float *)(const void *)((const char *)operand->at + row * operand->stride);
}

static size_t less(size_t a, size_t b) { return a < b ? a : b; }

// Asks for what is packed next: an operand lies far away, and waiting for it would be most of it.
static inline void ask(const float *from, size_t floats) {
    for (size_t i = 0; i < floats; i += GEMM_SQUARE) __builtin_prefetch(from + i, 0, 2);
}

struct square {
    const float *from;
    size_t stride;        // of `from`
    size_t rows, columns; // that are there, at most GEMM_SQUARE
    float *to;
    size_t to_stride;
};

// Transposed; what is not there is written as zeros.
static void turn(const struct gemm_set *set, const struct square *s) {
    for (size_t i = 0; i < GEMM_SQUARE; i++)
        __builtin_prefetch(s->from + (GEMM_SQUARE + i) * s->stride, 0, 2);
    if (s->rows == GEMM_SQUARE && s->columns == GEMM_SQUARE) {
        set->turn(s->from, s->stride, s->to, s->to_stride);
        return;
    }
    float square[GEMM_SQUARE * GEMM_SQUARE] = {0};
    for (size_t i = 0; i < s->rows; i++)
        memcpy(square + i * GEMM_SQUARE, s->from + i * s->stride, s->columns * sizeof *square);
    set->turn(square, GEMM_SQUARE, s->to, s->to_stride);
}

void gemm_pack_a(const struct gemm_set *set, const struct gemm_operand *a,
                 const struct gemm_part *part, float *to) {
    if (!a->transposed) {
        for (size_t i = 0; i < part->len; i++, to += GEMM_A_STRIDE) {
            ask(row_at(a, part->from + i + ROWS_AHEAD) + part->k, part->depth);
            memcpy(to, row_at(a, part->from + i) + part->k, part->depth * sizeof *to);
        }
        return;
    }
    struct square square = {.stride = a->stride / sizeof(float), .to_stride = GEMM_A_STRIDE};
    for (size_t k = 0; k < part->depth; k += GEMM_SQUARE)
        for (size_t i = 0; i < part->len; i += GEMM_SQUARE) {
            square.from = row_at(a, part->k + k) + part->from + i;
            square.rows = less(part->depth - k, GEMM_SQUARE);
            square.columns = less(part->len - i, GEMM_SQUARE);
            square.to = to + i * GEMM_A_STRIDE + k;
            turn(set, &square);
        }
}

// A line of a panel, of which `len` columns are there.
static inline void copy_line(const float *from, size_t len, size_t columns, float *to) {
    if (len >= columns) {
        for (size_t i = 0; i < columns; i += GEMM_SQUARE)
            memcpy(to + i, from + i, GEMM_SQUARE * sizeof *to);
        return;
    }
    memset(to, 0, columns * sizeof *to);
    memcpy(to, from, len * sizeof *to);
}

// Rows of B as they are, cut into panels.
static void pack_straight(const struct gemm_set *set, const struct gemm_operand *b,
                          const struct gemm_part *part, size_t panel, float *to) {
    for (size_t k = 0; k < part->depth; k++) {
        const float *from = row_at(b, part->k + k) + part->from;
        float *at = to + k * set->columns;
        ask(row_at(b, part->k + k + ROWS_AHEAD) + part->from, part->len);
        for (size_t i = 0; i < part->len; i += set->columns, at += panel)
            copy_line(from + i, part->len - i, set->columns, at);
    }
}

static void pack_turned(const struct gemm_set *set, const struct gemm_operand *b,
                        const struct gemm_part *part, size_t panel, float *to) {
    struct square square = {.stride = b->stride / sizeof(float), .to_stride = set->columns};
    for (size_t i = 0; i < gemm_round(part->len, set->columns); i += GEMM_SQUARE) {
        square.rows = i < part->len ? less(part->len - i, GEMM_SQUARE) : 0;
        square.from = row_at(b, part->from + (square.rows ? i : 0)) + part->k;
        square.to = to + i / set->columns * panel + i % set->columns;
        for (size_t k = 0; k < part->depth; k += GEMM_SQUARE) {
            square.columns = less(part->depth - k, GEMM_SQUARE);
            turn(set, &square);
            square.from += GEMM_SQUARE;
            square.to += GEMM_SQUARE * set->columns;
        }
    }
}

// Lines of ENCODE_PART floats, as many as a panel has columns, as an operand.
struct lines {
    _Alignas(64) float at[GEMM_COLUMNS_MAX * ENCODE_PART];
};

static struct gemm_operand expand(const struct gemm_operand *b, size_t line, size_t lines,
                                  size_t from, size_t len, struct lines *out) {
    for (size_t i = 0; i < lines; i++)
        decode_part(b->type, (const uint8_t *)b->at + (line + i) * b->stride, from, len,
                    out->at + i * ENCODE_PART);
    return (struct gemm_operand){out->at, ENCODE_PART * sizeof *out->at, QUANT_F32, b->transposed};
}

// Line by line of the operand, a panel's columns or as many k, and ENCODE_PART across.
static void pack_expanded(const struct gemm_set *set, const struct gemm_operand *b,
                          const struct gemm_part *part, size_t panel, float *to) {
    struct lines lines;
    if (!b->transposed) {
        must(part->len <= ENCODE_PART);
        for (size_t k = 0; k < part->depth; k += set->columns) {
            struct gemm_part some = {0, part->len, 0, less(part->depth - k, set->columns)};
            struct gemm_operand here =
                expand(b, part->k + k, some.depth, part->from, some.len, &lines);
            pack_straight(set, &here, &some, panel, to + k * set->columns);
        }
        return;
    }
    for (size_t i = 0; i < part->len; i += set->columns, to += panel)
        for (size_t k = 0; k < part->depth; k += ENCODE_PART) {
            struct gemm_part some = {0, less(part->len - i, set->columns), 0,
                                     less(part->depth - k, ENCODE_PART)};
            struct gemm_operand here =
                expand(b, part->from + i, some.len, part->k + k, some.depth, &lines);
            pack_turned(set, &here, &some, panel, to + k * set->columns);
        }
}

void gemm_pack_b(const struct gemm_set *set, const struct gemm_operand *b,
                 const struct gemm_part *part, float *to) {
    size_t panel = gemm_round(part->depth, GEMM_SQUARE) * set->columns;
    if (b->type != QUANT_F32) pack_expanded(set, b, part, panel, to);
    else (b->transposed ? pack_turned : pack_straight)(set, b, part, panel, to);
}
