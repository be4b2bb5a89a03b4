// The kernels, written once over `lanes` and compiled for each set: the order of every operation is
// this text, so the sets cannot differ in it. Included by kernels_<set>.c only.
#include <math.h>
#include <string.h>

#include "engine/expand_body.h"
#include "engine/kernels.h"
#include "engine/lanes_exp.h"
#include "engine/packed_body.h"

enum { TILE_ROWS = 4, ATTEND_BLOCKS = 2, SPREAD_LINES = LANES_COLUMNS > 1 ? 8 : 4 };

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
    if (p->pack) {
        multiply_packed(p, row0, row1);
        return;
    }
    for (size_t row = row0; row < row1; row += TILE_ROWS)
        multiply_tile(p, row, row1 - row < TILE_ROWS ? row1 - row : TILE_ROWS);
}

// ---- the rest of a layer ----

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

// `lines` times sixteen rows of one column.
static inline __attribute__((always_inline)) void
spread_lines(const struct kernel_spread *p, size_t column, size_t row, const int lines) {
    const float *x = p->x + column * p->x_stride, *b = p->b + row;
    float *y = p->y + column * p->y_stride + row;
    lanes sum[SPREAD_LINES];
    for (int i = 0; i < lines; i++) sum[i] = lanes_load(y + i * KERNEL_LANES);
    for (size_t j = 0; j < p->ranks; j++, b += p->stride) {
        lanes factor = lanes_all(p->scale * x[j]);
        for (int i = 0; i < lines; i++)
            sum[i] = lanes_fma(lanes_load(b + i * KERNEL_LANES), factor, sum[i]);
    }
    for (int i = 0; i < lines; i++) lanes_store(y + i * KERNEL_LANES, sum[i]);
}

static void spread(const struct kernel_spread *p, size_t row0, size_t row1) {
    const size_t together = SPREAD_LINES * KERNEL_LANES;
    for (; row1 - row0 >= together; row0 += together)
        for (size_t c = 0; c < p->columns; c++) spread_lines(p, c, row0, SPREAD_LINES);
    for (; row0 < row1; row0 += KERNEL_LANES)
        for (size_t c = 0; c < p->columns; c++) spread_lines(p, c, row0, 1);
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
    lanes most = lanes_all(x[0]);
    size_t i = 0;
    for (; i + KERNEL_LANES <= n; i += KERNEL_LANES) most = lanes_max(lanes_load(x + i), most);
    float each[KERNEL_LANES];
    lanes_store(each, most);
    float out = each[0];
    for (size_t l = 1; l < KERNEL_LANES; l++) out = each[l] > out ? each[l] : out;
    for (; i < n; i++) out = x[i] > out ? x[i] : out;
    return out;
}

// Of the values lead <= i < n; the others of their vectors become zero.
static inline float softmax_part(float *x, size_t lead, size_t n, float scale) {
    lanes most = lanes_all(largest(x + lead, n - lead)), factor = lanes_all(scale);
    lanes sum = lanes_all(0);
    for (size_t i = 0; i < n; i += KERNEL_LANES) {
        lanes part = exponential(lanes_mul(lanes_sub(lanes_load(x + i), most), factor));
        lanes_store(x + i, part);
        if (i == 0 && lead) memset(x, 0, lead * sizeof *x);
        if (n - i < KERNEL_LANES) memset(x + n, 0, (KERNEL_LANES - (n - i)) * sizeof *x);
        sum = lanes_add(sum, lanes_load(x + i));
    }
    return lanes_sum(sum);
}

static float softmax(float *x, size_t n, float scale) { return softmax_part(x, 0, n, scale); }

// ---- attention ----

static const uint8_t *page_at(const struct kernel_attention *a, const uint16_t *rows, size_t t) {
    return (const uint8_t *)(rows + a->pages[t / KERNEL_PAGE] * a->page_stride);
}

static inline const int8_t *codes_at(const uint8_t *page) { return (const int8_t *)page; }

// The scales of the block of element i, of a page's positions.
static inline lanes scales_at(const struct kernel_attention *a, const uint8_t *page, size_t i) {
    return lanes_half(page + KERNEL_PAGE * (a->stride + 2 * (i / KERNEL_BLOCK)));
}

// A page's scores: sixteen positions side by side, each key's element read once for all queries.
static inline __attribute__((always_inline)) void
attend_half_scores(const struct kernel_attention *a, size_t t, float *scores, size_t row,
                   const int queries) {
    const uint8_t *k = page_at(a, a->k, t);
    lanes sum[KERNEL_QUERIES];
    for (int q = 0; q < queries; q++) sum[q] = lanes_all(0);
    for (size_t i = 0; i < a->len; i++, k += 2 * KERNEL_PAGE) {
        lanes key = lanes_half(k);
        for (int q = 0; q < queries; q++) sum[q] = lanes_fma(lanes_all(a->q[q][i]), key, sum[q]);
    }
    for (int q = 0; q < queries; q++) lanes_store(scores + (size_t)q * row, sum[q]);
}

// The same of codes.
static inline __attribute__((always_inline)) void
attend_code_scores(const struct kernel_attention *a, size_t t, float *scores, size_t row,
                   const int queries) {
    const uint8_t *page = page_at(a, a->k, t);
    lanes sum[KERNEL_QUERIES], part[KERNEL_QUERIES];
    for (int q = 0; q < queries; q++) sum[q] = lanes_all(0);
    for (size_t i = 0, end; i < a->len; i = end) {
        lanes scales = scales_at(a, page, i);
        end = i + KERNEL_BLOCK < a->len ? i + KERNEL_BLOCK : a->len;
        for (int q = 0; q < queries; q++) part[q] = lanes_all(0);
        for (size_t j = i; j < end; j++) {
            lanes key = lanes_i8(codes_at(page) + j * KERNEL_PAGE);
            for (int q = 0; q < queries; q++)
                part[q] = lanes_fma(lanes_all(a->q[q][j]), key, part[q]);
        }
        for (int q = 0; q < queries; q++) sum[q] = lanes_fma(part[q], scales, sum[q]);
    }
    for (int q = 0; q < queries; q++) lanes_store(scores + (size_t)q * row, sum[q]);
}

static inline __attribute__((always_inline)) void
attend_scores(const struct kernel_attention *a, size_t t, float *scores, size_t row,
              const bool coded, const int queries) {
    if (coded)
        attend_code_scores(a, t, scores, row, queries);
    else
        attend_half_scores(a, t, scores, row, queries);
}

// Adds positions t < end of the values to elements i .. of `blocks` times sixteen of the queries
// from `first` on. `scores` is where position 0 of query 0 would be.
static inline __attribute__((always_inline)) void
attend_half_values(const struct kernel_attention *a, size_t i, size_t t, size_t end,
                   const float *scores, size_t row, lanes (*sum)[ATTEND_BLOCKS], const int queries,
                   const int blocks) {
    while (t < end) {
        const uint8_t *v = page_at(a, a->v, t) + 2 * (t % KERNEL_PAGE * a->stride + i);
        size_t next = (t / KERNEL_PAGE + 1) * KERNEL_PAGE;
        for (next = next < end ? next : end; t < next; t++, v += 2 * a->stride) {
            lanes value[ATTEND_BLOCKS];
            for (int b = 0; b < blocks; b++) value[b] = lanes_half(v + 2 * b * KERNEL_LANES);
            for (int q = 0; q < queries; q++) {
                lanes score = lanes_all(scores[(size_t)q * row + t]);
                for (int b = 0; b < blocks; b++)
                    sum[q][b] = lanes_fma(score, value[b], sum[q][b]);
            }
        }
    }
}

// The same of codes; the elements are of one of their blocks.
static inline __attribute__((always_inline)) void
attend_code_values(const struct kernel_attention *a, size_t i, size_t t, size_t end,
                   const float *scores, size_t row, lanes (*sum)[ATTEND_BLOCKS], const int queries,
                   const int blocks) {
    float weights[KERNEL_QUERIES][KERNEL_PAGE];
    while (t < end) {
        const uint8_t *page = page_at(a, a->v, t);
        size_t first = t / KERNEL_PAGE * KERNEL_PAGE, next = first + KERNEL_PAGE;
        const int8_t *v = codes_at(page) + (t - first) * a->stride + i;
        lanes scales = scales_at(a, page, i);
        for (int q = 0; q < queries; q++) {
            lanes part = lanes_load(scores + (size_t)q * row + first);
            lanes_store(weights[q], lanes_mul(part, scales));
        }
        for (next = next < end ? next : end; t < next; t++, v += a->stride) {
            lanes value[ATTEND_BLOCKS];
            for (int b = 0; b < blocks; b++) value[b] = lanes_i8(v + b * KERNEL_LANES);
            for (int q = 0; q < queries; q++) {
                lanes weight = lanes_all(weights[q][t - first]);
                for (int b = 0; b < blocks; b++)
                    sum[q][b] = lanes_fma(weight, value[b], sum[q][b]);
            }
        }
    }
}

static inline __attribute__((always_inline)) void
attend_values(const struct kernel_attention *a, size_t i, size_t t, size_t end, const float *scores,
              size_t row, lanes (*sum)[ATTEND_BLOCKS], const bool coded, const int queries,
              const int blocks) {
    if (coded)
        attend_code_values(a, i, t, end, scores, row, sum, queries, blocks);
    else
        attend_half_values(a, i, t, end, scores, row, sum, queries, blocks);
}

struct attend_span {
    size_t begin;      // of the first page, which is the first of the scores
    size_t last;       // the largest `to`
    size_t from, to;   // what all queries see
};

static inline struct attend_span attend_span(const struct kernel_attention *a) {
    struct attend_span span = {a->from[0], a->to[0], a->from[0], a->to[0]};
    for (size_t q = 1; q < a->queries; q++) {
        if (a->from[q] < span.begin) span.begin = a->from[q];
        if (a->to[q] > span.last) span.last = a->to[q];
        if (a->from[q] > span.from) span.from = a->from[q];
        if (a->to[q] < span.to) span.to = a->to[q];
    }
    span.begin = span.begin / KERNEL_PAGE * KERNEL_PAGE;
    if (span.to < span.from) span.to = span.from;
    return span;
}

// Elements i .. of the outputs. What only some queries see is added query by query, before and
// after what all see: each sum keeps the order of its positions.
static inline __attribute__((always_inline)) void
attend_out(const struct kernel_attention *a, const struct attend_span *span, size_t i, size_t row,
           const float *totals, const bool coded, const int queries, const int blocks) {
    const float *scores = a->scores - span->begin;
    lanes sum[KERNEL_QUERIES][ATTEND_BLOCKS];
    for (int q = 0; q < queries; q++) {
        for (int b = 0; b < blocks; b++) sum[q][b] = lanes_all(0);
        size_t to = a->to[q] < span->from ? a->to[q] : span->from;
        attend_values(a, i, a->from[q], to, scores + (size_t)q * row, row, &sum[q], coded, 1,
                      blocks);
    }
    attend_values(a, i, span->from, span->to, scores, row, sum, coded, queries, blocks);
    for (int q = 0; q < queries; q++) {
        attend_values(a, i, span->to > a->from[q] ? span->to : a->from[q], a->to[q],
                      scores + (size_t)q * row, row, &sum[q], coded, 1, blocks);
        lanes total = lanes_all(totals[q]);
        for (int b = 0; b < blocks; b++)
            lanes_store(a->out[q] + i + b * KERNEL_LANES, lanes_div(sum[q][b], total));
    }
}

static inline __attribute__((always_inline)) void
attend_queries(const struct kernel_attention *a, const bool coded, const int queries) {
    struct attend_span span = attend_span(a);
    size_t row = kernel_scores(span.last), i = 0;
    float totals[KERNEL_QUERIES];
    for (size_t t = span.begin; t < span.last; t += KERNEL_PAGE)
        attend_scores(a, t, a->scores + (t - span.begin), row, coded, queries);
    for (int q = 0; q < queries; q++) {
        size_t begin = a->from[q] / KERNEL_PAGE * KERNEL_PAGE;
        float *x = a->scores + (size_t)q * row + (begin - span.begin);
        if (a->cap > 0) cap(x, a->scale, a->cap, a->to[q] - begin);
        totals[q] = softmax_part(x, a->from[q] - begin, a->to[q] - begin,
                                 a->cap > 0 ? 1 : a->scale);
    }
    for (; i + ATTEND_BLOCKS * KERNEL_LANES <= a->stride; i += ATTEND_BLOCKS * KERNEL_LANES)
        attend_out(a, &span, i, row, totals, coded, queries, ATTEND_BLOCKS);
    for (; i < a->stride; i += KERNEL_LANES)
        attend_out(a, &span, i, row, totals, coded, queries, 1);
}

static inline __attribute__((always_inline)) void attend_pages(const struct kernel_attention *a,
                                                               const bool coded) {
    switch (a->queries) {
    case 1: attend_queries(a, coded, 1); return;
    case 2: attend_queries(a, coded, 2); return;
    case 3: attend_queries(a, coded, 3); return;
    case 4: attend_queries(a, coded, 4); return;
    case 5: attend_queries(a, coded, 5); return;
    case 6: attend_queries(a, coded, 6); return;
    case 7: attend_queries(a, coded, 7); return;
    default: attend_queries(a, coded, KERNEL_QUERIES);
    }
}

static __attribute__((noinline)) void attend_halves(const struct kernel_attention *a) {
    attend_pages(a, false);
}

static __attribute__((noinline)) void attend_codes(const struct kernel_attention *a) {
    attend_pages(a, true);
}

static void attend(const struct kernel_attention *a) {
    (a->cache == ENGINE_CACHE_Q8_0 ? attend_codes : attend_halves)(a);
}

static void halve(const float *x, size_t n, uint16_t *out) {
    for (size_t i = 0; i < n; i += KERNEL_LANES) lanes_to_half(out + i, lanes_load(x + i));
}

// A block's scale as F16; one that is no number there, always the same NaN.
static uint16_t scale_of(float scale) {
    uint16_t half = quant_to_half(scale);
    return half < 0x7c00 ? half : 0x7e00; // none is negative, but NaN may be
}

static void code(const float *x, size_t n, int8_t *codes, uint16_t *scales) {
    for (size_t i = 0; i < n; i += KERNEL_BLOCK, scales++) {
        int8_t block[KERNEL_BLOCK];
        bool whole = n - i >= KERNEL_BLOCK;
        lanes rest = whole ? lanes_load(x + i + KERNEL_LANES) : lanes_all(0);
        *scales = scale_of(quantise_block(lanes_load(x + i), rest, block));
        memcpy(codes + i, block, whole ? KERNEL_BLOCK : KERNEL_LANES);
    }
}

const struct kernels KERNELS_TABLE = {
    KERNELS_NAME, expand, quantise, multiply, norm,  activate, add,
    scale,        cap,    attend,   softmax,  halve, code,     spread,
};
