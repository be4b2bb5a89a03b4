// The kernels, written once over `lanes` and compiled for each set: the order of every operation is
// this text, so the sets cannot differ in it. Included by kernels_<set>.c only.
#include <math.h>
#include <string.h>

#include "engine/expand_body.h"
#include "engine/kernels.h"
#include "engine/packed_body.h"

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
            y[r] = p->bias ? sum + p->bias[row + r] : sum;
        }
    }
}

static void multiply(const struct kernel_product *p, size_t row0, size_t row1) {
    for (size_t row = row0; p->pack && row < row1; row += PACK_ROWS)
        multiply_group(p, row, row1 - row < PACK_ROWS ? row1 - row : PACK_ROWS);
    if (p->pack) return;
    for (size_t row = row0; row < row1; row += TILE_ROWS)
        multiply_tile(p, row, row1 - row < TILE_ROWS ? row1 - row : TILE_ROWS);
}

// ---- the rest of a layer ----

// x = n ln 2 + r, |r| <= ln(2) / 2: gives (exp(r) - 1) / r by its Taylor series to r^6, and 2^n.
// Below -87 x counts as -87, above 88 as 88; NaN stays NaN.
static inline lanes exponential_parts(lanes x, lanes *r, lanes *power) {
    x = lanes_max(lanes_all(-87.0f), lanes_min(lanes_all(88.0f), x));
    lanes magic = lanes_all(0x1.8p23f); // adding it rounds to a whole number
    lanes t = lanes_fma(x, lanes_all(0x1.715476p0f), magic), n = lanes_sub(t, magic);
    *r = lanes_fma(n, lanes_all(-0x1.62e4p-1f), x); // ln 2 in two parts
    *r = lanes_fma(n, lanes_all(-0x1.7f7d1cp-20f), *r);
    *power = lanes_power(t);
    lanes y = lanes_all(1.0f / 5040);
    y = lanes_fma(y, *r, lanes_all(1.0f / 720));
    y = lanes_fma(y, *r, lanes_all(1.0f / 120));
    y = lanes_fma(y, *r, lanes_all(1.0f / 24));
    y = lanes_fma(y, *r, lanes_all(1.0f / 6));
    y = lanes_fma(y, *r, lanes_all(0.5f));
    return lanes_fma(y, *r, lanes_all(1.0f));
}

// exp to about 1e-7.
static inline lanes exponential(lanes x) {
    lanes r, power, y = exponential_parts(x, &r, &power);
    return lanes_mul(lanes_fma(y, r, lanes_all(1.0f)), power);
}

// tanh to about 2e-7, near 0 too: by exp(2 x) - 1, which loses nothing there.
static inline lanes tangent(lanes x) {
    lanes r, power, y = exponential_parts(lanes_add(x, x), &r, &power);
    lanes less = lanes_sub(power, lanes_all(1.0f)); // 2^n - 1
    lanes e = lanes_fma(lanes_mul(y, r), power, less);
    return lanes_div(e, lanes_add(e, lanes_all(2.0f)));
}

static void clear_padding(float *x, size_t n) { memset(x + n, 0, (kernel_pad(n) - n) * sizeof *x); }

// The mean taken off; padding is zero again.
static void centre(const float *x, size_t n, float *out) {
    lanes sum = lanes_all(0);
    for (size_t i = 0; i < n; i += KERNEL_LANES) sum = lanes_add(sum, lanes_load(x + i));
    lanes mean = lanes_all(lanes_sum(sum) / (float)n);
    for (size_t i = 0; i < n; i += KERNEL_LANES)
        lanes_store(out + i, lanes_sub(lanes_load(x + i), mean));
    clear_padding(out, n);
}

static void norm(const struct kernel_norm *norm, const float *x, float *out) {
    if (norm->centred) {
        centre(x, norm->n, out);
        x = out;
    }
    lanes squares = lanes_all(0);
    for (size_t i = 0; i < norm->n; i += KERNEL_LANES) {
        lanes part = lanes_load(x + i);
        squares = lanes_fma(part, part, squares);
    }
    float mean = lanes_sum(squares) / (float)norm->n;
    lanes scale = lanes_all(1.0f / sqrtf(mean + norm->epsilon));
    for (size_t i = 0; i < norm->n; i += KERNEL_LANES) {
        lanes part = lanes_mul(lanes_load(x + i), scale);
        part = lanes_mul(part, lanes_load(norm->weight + i));
        if (norm->bias) part = lanes_add(part, lanes_load(norm->bias + i));
        lanes_store(out + i, part);
    }
    clear_padding(out, norm->n); // with a scale that is NaN it is not yet
}

// x / (1 + exp(-u)): with u = x SiLU; GELU by tanh is the same with u = 2 sqrt(2 / pi) (x + …).
static void activate(enum kernel_activation activation, float *x, const float *up, size_t n) {
    lanes one = lanes_all(1.0f), cubed = lanes_all(-0.044715f * 1.5957691f);
    for (size_t i = 0; i < n; i += KERNEL_LANES) {
        lanes g = lanes_load(x + i), u;
        if (activation == KERNEL_GELU)
            u = lanes_mul(g, lanes_fma(lanes_mul(g, g), cubed, lanes_all(-1.5957691f)));
        else
            u = lanes_sub(lanes_all(0.0f), g);
        g = lanes_div(g, lanes_add(one, exponential(u)));
        lanes_store(x + i, up ? lanes_mul(g, lanes_load(up + i)) : g);
    }
}

static void add(float *to, const float *x, float factor, size_t n) {
    for (size_t i = 0; i < n; i += KERNEL_LANES)
        lanes_store(to + i, lanes_fma(lanes_load(x + i), lanes_all(factor), lanes_load(to + i)));
}

static void scale(float *x, float factor, size_t n) {
    for (size_t i = 0; i < n; i += KERNEL_LANES)
        lanes_store(x + i, lanes_mul(lanes_load(x + i), lanes_all(factor)));
}

static void cap(float *x, float factor, float most, size_t n) {
    lanes inner = lanes_all(factor / most), outer = lanes_all(most);
    for (size_t i = 0; i < n; i += KERNEL_LANES)
        lanes_store(x + i, lanes_mul(tangent(lanes_mul(lanes_load(x + i), inner)), outer));
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

// The row of position t, and the position after the last that lies in its page and counts.
static inline const uint8_t *page_row(const struct kernel_attention *a, const uint16_t *rows,
                                      size_t t, size_t *end) {
    size_t next = (t / KERNEL_PAGE + 1) * KERNEL_PAGE;
    *end = next < a->to ? next : a->to;
    rows += a->pages[t / KERNEL_PAGE] * a->page_stride + t % KERNEL_PAGE * a->stride;
    return (const uint8_t *)rows;
}

static inline void attend_scores(const struct kernel_attention *a) {
    for (size_t t = a->from, end; t < a->to;) {
        const uint8_t *k = page_row(a, a->k, t, &end);
        for (; t < end; t++, k += 2 * a->stride) {
            lanes sum = lanes_all(0);
            for (size_t i = 0; i < a->stride; i += KERNEL_LANES)
                sum = lanes_fma(lanes_load(a->q + i), lanes_half(k + 2 * i), sum);
            a->scores[t - a->from] = lanes_sum(sum);
        }
    }
}

// Elements i .. of `blocks` times sixteen: each sums over the positions in their order, and several
// side by side hide the latency of the sum.
static inline __attribute__((always_inline)) void attend_values(const struct kernel_attention *a,
                                                                size_t i, lanes total,
                                                                const int blocks) {
    lanes sum[ATTEND_BLOCKS];
    for (int b = 0; b < blocks; b++) sum[b] = lanes_all(0);
    for (size_t t = a->from, end; t < a->to;) {
        const uint8_t *v = page_row(a, a->v, t, &end) + 2 * i;
        for (; t < end; t++, v += 2 * a->stride) {
            lanes score = lanes_all(a->scores[t - a->from]);
            for (int b = 0; b < blocks; b++)
                sum[b] = lanes_fma(score, lanes_half(v + 2 * b * KERNEL_LANES), sum[b]);
        }
    }
    for (int b = 0; b < blocks; b++)
        lanes_store(a->out + i + b * KERNEL_LANES, lanes_div(sum[b], total));
}

static void attend(const struct kernel_attention *a) {
    size_t count = a->to - a->from;
    attend_scores(a);
    if (a->cap > 0) cap(a->scores, a->scale, a->cap, count);
    lanes total = lanes_all(softmax(a->scores, count, a->cap > 0 ? 1 : a->scale));
    size_t i = 0;
    for (; i + ATTEND_BLOCKS * KERNEL_LANES <= a->stride; i += ATTEND_BLOCKS * KERNEL_LANES)
        attend_values(a, i, total, ATTEND_BLOCKS);
    for (; i < a->stride; i += KERNEL_LANES) attend_values(a, i, total, 1);
}

static void halve(const float *x, size_t n, uint16_t *out) {
    for (size_t i = 0; i < n; i += KERNEL_LANES) lanes_to_half(out + i, lanes_load(x + i));
}

const struct kernels KERNELS_TABLE = {
    KERNELS_NAME, expand, quantise, multiply, norm,    activate,
    add,          scale,  cap,      attend,   softmax, halve,
};
