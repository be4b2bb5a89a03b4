// The kernels, written once over `lanes` and compiled for each set: the order of every operation is
// this text, so the sets cannot differ in it. Included by kernels_<set>.c only.
#include <math.h>
#include <string.h>

#include "engine/expand_body.h"
#include "engine/kernels.h"

enum { TILE_ROWS = 4, ATTEND_BLOCKS = 4 };

// ---- products ----

// Adds one chunk of TILE_ROWS rows times `columns` columns to its sums of sixteen lanes each.
static inline __attribute__((always_inline)) void tile(const float *w, const float *x,
                                                       size_t x_stride, size_t n, float *sums,
                                                       const int columns) {
    lanes sum[TILE_ROWS][LANES_COLUMNS];
    for (int r = 0; r < TILE_ROWS; r++)
        for (int c = 0; c < columns; c++)
            sum[r][c] = lanes_load(sums + (c * TILE_ROWS + r) * KERNEL_LANES);
    for (size_t i = 0; i < n; i += KERNEL_LANES) {
        lanes part[TILE_ROWS];
        for (int r = 0; r < TILE_ROWS; r++) part[r] = lanes_load(w + r * KERNEL_CHUNK + i);
        for (int c = 0; c < columns; c++) {
            lanes xs = lanes_load(x + (size_t)c * x_stride + i);
            for (int r = 0; r < TILE_ROWS; r++) sum[r][c] = lanes_fma(part[r], xs, sum[r][c]);
        }
    }
    for (int r = 0; r < TILE_ROWS; r++)
        for (int c = 0; c < columns; c++)
            lanes_store(sums + (c * TILE_ROWS + r) * KERNEL_LANES, sum[r][c]);
}

// `rows` <= TILE_ROWS rows from `row` on, all columns. Rows that are not there count as zeros.
static void multiply_tile(const struct kernel_product *p, size_t row, size_t rows) {
    float w[TILE_ROWS * KERNEL_CHUNK] __attribute__((aligned(64)));
    float sums[KERNEL_COLUMNS_MAX * TILE_ROWS * KERNEL_LANES] __attribute__((aligned(64)));
    memset(sums, 0, p->columns * TILE_ROWS * KERNEL_LANES * sizeof *sums);
    if (rows < TILE_ROWS) memset(w, 0, sizeof w);
    for (size_t from = 0; from < p->n; from += KERNEL_CHUNK) {
        size_t count = p->n - from < KERNEL_CHUNK ? p->n - from : KERNEL_CHUNK, c = 0;
        for (size_t r = 0; r < rows; r++)
            expand(p->type, p->weights + (row + r) * p->row_bytes, from, count,
                   w + r * KERNEL_CHUNK);
        for (; c + LANES_COLUMNS <= p->columns; c += LANES_COLUMNS)
            tile(w, p->x + c * p->x_stride + from, p->x_stride, kernel_pad(count),
                 sums + c * TILE_ROWS * KERNEL_LANES, LANES_COLUMNS);
        for (; c < p->columns; c++)
            tile(w, p->x + c * p->x_stride + from, p->x_stride, kernel_pad(count),
                 sums + c * TILE_ROWS * KERNEL_LANES, 1);
    }
    for (size_t c = 0; c < p->columns; c++) {
        float *y = p->y + c * p->y_stride + row;
        for (size_t r = 0; r < rows; r++) {
            float sum = lanes_sum(lanes_load(sums + (c * TILE_ROWS + r) * KERNEL_LANES));
            y[r] = p->add ? y[r] + sum : sum;
        }
    }
}

static void multiply(const struct kernel_product *p, size_t row0, size_t row1) {
    for (size_t row = row0; row < row1; row += TILE_ROWS)
        multiply_tile(p, row, row1 - row < TILE_ROWS ? row1 - row : TILE_ROWS);
}

// ---- the rest of a layer ----

// exp to about 1e-7: 2^n by the exponent, the remainder |r| <= ln(2)/2 by its Taylor series to r^7.
// Below -87 it stays at exp(-87), above 88 at exp(88); NaN stays NaN.
static inline lanes exponential(lanes x) {
    x = lanes_max(lanes_all(-87.0f), lanes_min(lanes_all(88.0f), x));
    lanes magic = lanes_all(0x1.8p23f); // adding it rounds to a whole number
    lanes t = lanes_fma(x, lanes_all(0x1.715476p0f), magic), n = lanes_sub(t, magic);
    lanes r = lanes_fma(n, lanes_all(-0x1.62e4p-1f), x); // ln 2 in two parts
    r = lanes_fma(n, lanes_all(-0x1.7f7d1cp-20f), r);
    lanes y = lanes_all(1.0f / 5040);
    y = lanes_fma(y, r, lanes_all(1.0f / 720));
    y = lanes_fma(y, r, lanes_all(1.0f / 120));
    y = lanes_fma(y, r, lanes_all(1.0f / 24));
    y = lanes_fma(y, r, lanes_all(1.0f / 6));
    y = lanes_fma(y, r, lanes_all(0.5f));
    y = lanes_fma(y, r, lanes_all(1.0f));
    y = lanes_fma(y, r, lanes_all(1.0f));
    return lanes_mul(y, lanes_power(t));
}

static void norm(const float *x, const float *weight, size_t n, float epsilon, float *out) {
    lanes squares = lanes_all(0);
    for (size_t i = 0; i < n; i += KERNEL_LANES) {
        lanes part = lanes_load(x + i);
        squares = lanes_fma(part, part, squares);
    }
    lanes scale = lanes_all(1.0f / sqrtf(lanes_sum(squares) / (float)n + epsilon));
    for (size_t i = 0; i < n; i += KERNEL_LANES) {
        lanes part = lanes_mul(lanes_load(x + i), scale);
        lanes_store(out + i, lanes_mul(part, lanes_load(weight + i)));
    }
}

static void gate(float *to, const float *up, size_t n) {
    lanes one = lanes_all(1.0f), zero = lanes_all(0.0f);
    for (size_t i = 0; i < n; i += KERNEL_LANES) {
        lanes g = lanes_load(to + i);
        lanes silu = lanes_div(g, lanes_add(one, exponential(lanes_sub(zero, g))));
        lanes_store(to + i, lanes_mul(silu, lanes_load(up + i)));
    }
}

// The largest of n values; NaN among them may or may not win.
static float largest(const float *x, size_t n) {
    float most = x[0];
    for (size_t i = 1; i < n; i++) most = x[i] > most ? x[i] : most;
    return most;
}

static float softmax(float *x, size_t n, float scale) {
    lanes most = lanes_all(largest(x, n)), factor = lanes_all(scale), sum = lanes_all(0);
    for (size_t i = 0; i < n; i += KERNEL_LANES) {
        lanes part = exponential(lanes_mul(lanes_sub(lanes_load(x + i), most), factor));
        lanes_store(x + i, part);
        if (n - i < KERNEL_LANES) { // what lies past the end counts as zero
            memset(x + n, 0, (KERNEL_LANES - (n - i)) * sizeof *x);
            part = lanes_load(x + i);
        }
        sum = lanes_add(sum, part);
    }
    return lanes_sum(sum);
}

// The rows of a page, and how many of them count.
static inline const uint8_t *page_rows(const struct kernel_attention *a, const uint16_t *rows,
                                       size_t page, size_t *count) {
    size_t left = a->count - page * KERNEL_PAGE;
    *count = left < KERNEL_PAGE ? left : KERNEL_PAGE;
    return (const uint8_t *)(rows + a->pages[page] * a->page_stride);
}

static inline void attend_scores(const struct kernel_attention *a) {
    size_t count;
    for (size_t page = 0; page * KERNEL_PAGE < a->count; page++) {
        const uint8_t *k = page_rows(a, a->k, page, &count);
        for (size_t t = 0; t < count; t++, k += 2 * a->stride) {
            lanes sum = lanes_all(0);
            for (size_t i = 0; i < a->stride; i += KERNEL_LANES)
                sum = lanes_fma(lanes_load(a->q + i), lanes_half(k + 2 * i), sum);
            a->scores[page * KERNEL_PAGE + t] = lanes_sum(sum);
        }
    }
}

// Elements i .. of `blocks` times sixteen: each sums over the positions in their order, and several
// side by side hide the latency of the sum.
static inline __attribute__((always_inline)) void attend_values(const struct kernel_attention *a,
                                                                size_t i, lanes total,
                                                                const int blocks) {
    lanes sum[ATTEND_BLOCKS];
    size_t count;
    for (int b = 0; b < blocks; b++) sum[b] = lanes_all(0);
    for (size_t page = 0; page * KERNEL_PAGE < a->count; page++) {
        const uint8_t *v = page_rows(a, a->v, page, &count) + 2 * i;
        for (size_t t = 0; t < count; t++, v += 2 * a->stride) {
            lanes score = lanes_all(a->scores[page * KERNEL_PAGE + t]);
            for (int b = 0; b < blocks; b++)
                sum[b] = lanes_fma(score, lanes_half(v + 2 * b * KERNEL_LANES), sum[b]);
        }
    }
    for (int b = 0; b < blocks; b++)
        lanes_store(a->out + i + b * KERNEL_LANES, lanes_div(sum[b], total));
}

static void attend(const struct kernel_attention *a) {
    attend_scores(a);
    lanes total = lanes_all(softmax(a->scores, a->count, a->scale));
    size_t i = 0;
    for (; i + ATTEND_BLOCKS * KERNEL_LANES <= a->stride; i += ATTEND_BLOCKS * KERNEL_LANES)
        attend_values(a, i, total, ATTEND_BLOCKS);
    for (; i < a->stride; i += KERNEL_LANES) attend_values(a, i, total, 1);
}

static void halve(const float *x, size_t n, uint16_t *out) {
    for (size_t i = 0; i < n; i += KERNEL_LANES) lanes_to_half(out + i, lanes_load(x + i));
}

const struct kernels KERNELS_TABLE = {
    KERNELS_NAME, expand, multiply, norm, gate, attend, softmax, halve,
};
