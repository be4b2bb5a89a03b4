// The kernels, written once over `lanes` and compiled for each set: the order of every operation is
// this text, so the sets cannot differ in it. Included by kernels_<set>.c only.
#include <math.h>
#include <string.h>

#include "engine/kernels.h"

enum { TILE_ROWS = 4 };

// ---- weights to floats ----

static lanes lanes_float(const uint8_t *from) {
    float at[16];
    memcpy(at, from, sizeof at);
    return lanes_load(at);
}

static void expand_q8_0(const uint8_t *block, float *out) {
    lanes d = lanes_all(lanes_scale(block));
    const int8_t *q = (const int8_t *)(block + 2);
    lanes_store(out, lanes_mul(d, lanes_i8(q)));
    lanes_store(out + 16, lanes_mul(d, lanes_i8(q + 16)));
}

static void expand_q4_0(const uint8_t *block, float *out) {
    lanes d = lanes_all(lanes_scale(block));
    lanes eight = lanes_all(8);
    lanes_store(out, lanes_mul(d, lanes_sub(lanes_low(block + 2), eight)));
    lanes_store(out + 16, lanes_mul(d, lanes_sub(lanes_high(block + 2), eight)));
}

// d q is exact; the sum is rounded once.
static void expand_q4_1(const uint8_t *block, float *out) {
    lanes d = lanes_all(lanes_scale(block)), m = lanes_all(lanes_scale(block + 2));
    lanes_store(out, lanes_add(lanes_mul(d, lanes_low(block + 4)), m));
    lanes_store(out + 16, lanes_add(lanes_mul(d, lanes_high(block + 4)), m));
}

// Bit k of `bits` as bit 4 of byte k.
static inline uint64_t spread_fifth(uint8_t bits) {
    uint64_t own = bits * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
    return (own + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 3 & UINT64_C(0x1010101010101010);
}

// 32 elements of five bits: sixteen bytes of nibbles, then bit 4 of each from `high`.
static void join_five(const uint8_t *nibbles, const uint8_t high[4], int8_t q[32]) {
    for (int i = 0; i < 4; i++) {
        uint64_t eight;
        memcpy(&eight, nibbles + i % 2 * 8, sizeof eight);
        eight = eight >> i / 2 * 4 & UINT64_C(0x0f0f0f0f0f0f0f0f);
        eight |= spread_fifth(high[i]);
        memcpy(q + 8 * i, &eight, sizeof eight);
    }
}

static void expand_q5_0(const uint8_t *block, float *out) {
    lanes d = lanes_all(lanes_scale(block)), sixteen = lanes_all(16);
    int8_t q[32];
    join_five(block + 6, block + 2, q);
    lanes_store(out, lanes_mul(d, lanes_sub(lanes_i8(q), sixteen)));
    lanes_store(out + 16, lanes_mul(d, lanes_sub(lanes_i8(q + 16), sixteen)));
}

static void expand_q5_1(const uint8_t *block, float *out) { // rounded as Q4_1
    lanes d = lanes_all(lanes_scale(block)), m = lanes_all(lanes_scale(block + 2));
    int8_t q[32];
    join_five(block + 8, block + 4, q);
    lanes_store(out, lanes_add(lanes_mul(d, lanes_i8(q)), m));
    lanes_store(out + 16, lanes_add(lanes_mul(d, lanes_i8(q + 16)), m));
}

static void expand_q4_k(const uint8_t *block, float *out) {
    float d = lanes_scale(block), m = lanes_scale(block + 2);
    uint8_t s[8], z[8];
    quant_k_scales(block + 4, s, z);
    // d s, d s q and m z are exact in float; only the difference is rounded. Bytes 16 j … hold, of
    // the sub-blocks 2 (j / 2) and the next, elements 16 (j % 2) … as low and as high nibbles.
    for (int j = 0; j < 8; j++) {
        int low = j / 2 * 2, high = low + 1;
        const uint8_t *from = block + 16 + 16 * j;
        float *to = out + 32 * low + 16 * (j % 2);
        lanes q = lanes_mul(lanes_all(d * (float)s[low]), lanes_low(from));
        lanes_store(to, lanes_sub(q, lanes_all(m * (float)z[low])));
        q = lanes_mul(lanes_all(d * (float)s[high]), lanes_high(from));
        lanes_store(to + 32, lanes_sub(q, lanes_all(m * (float)z[high])));
    }
}

static void expand_q5_k(const uint8_t *block, float *out) { // rounded as Q4_K
    float d = lanes_scale(block), m = lanes_scale(block + 2);
    const uint8_t *high = block + 16;
    uint8_t s[8], z[8];
    int8_t q[32];
    quant_k_scales(block + 4, s, z);
    for (int j = 0; j < 8; j++, out += 32) {
        const uint8_t *low = block + 48 + j / 2 * 32;
        for (int i = 0; i < 32; i++)
            q[i] = (int8_t)((low[i] >> j % 2 * 4 & 15) | (high[i] >> j & 1) << 4);
        lanes scale = lanes_all(d * (float)s[j]), least = lanes_all(m * (float)z[j]);
        lanes_store(out, lanes_sub(lanes_mul(scale, lanes_i8(q)), least));
        lanes_store(out + 16, lanes_sub(lanes_mul(scale, lanes_i8(q + 16)), least));
    }
}

static void expand_q6_k(const uint8_t *block, float *out) {
    float d = lanes_scale(block + 208);
    const int8_t *s = (const int8_t *)(block + 192);
    int8_t q[256];
    for (int part = 0; part < 8; part++) { // 32 elements each; four parts share their high bits
        const uint8_t *low = block + part / 4 * 64 + part % 2 * 32;
        const uint8_t *high = block + 128 + part / 4 * 32;
        int nibble = part / 2 % 2 * 4, pair = part % 4 * 2;
        for (int i = 0; i < 32; i++)
            q[32 * part + i] =
                (int8_t)(((low[i] >> nibble & 15) | (high[i] >> pair & 3) << 4) - 32);
    }
    for (int j = 0; j < 16; j++)
        lanes_store(out + 16 * j, lanes_mul(lanes_all(d * (float)s[j]), lanes_i8(q + 16 * j)));
}

// Values that are stored as they are; the last lanes are filled with zeros.
static inline __attribute__((always_inline)) void
expand_values(const uint8_t *at, size_t count, const size_t bytes, lanes (*read)(const uint8_t *),
              float *out) {
    size_t whole = count / 16 * 16;
    for (size_t i = 0; i < whole; i += 16) lanes_store(out + i, read(at + bytes * i));
    if (whole == count) return;
    uint8_t last[64] = {0};
    memcpy(last, at + whole * bytes, (count - whole) * bytes);
    lanes_store(out + whole, read(last));
}

// Blocks of 32 elements in `bytes` bytes.
static inline __attribute__((always_inline)) void
expand_32(const uint8_t *at, size_t count, const size_t bytes,
          void (*block)(const uint8_t *, float *), float *out) {
    for (size_t i = 0; i < count; i += 32, at += bytes) block(at, out + i);
}

static void expand(enum quant_type type, const uint8_t *row, size_t from, size_t count,
                   float *out) {
    size_t in32 = from / 32, in256 = from / 256;
    switch (type) {
    case QUANT_F32: expand_values(row + from * 4, count, 4, lanes_float, out); return;
    case QUANT_F16: expand_values(row + from * 2, count, 2, lanes_half, out); return;
    case QUANT_BF16: expand_values(row + from * 2, count, 2, lanes_brain, out); return;
    case QUANT_Q8_0: expand_32(row + in32 * 34, count, 34, expand_q8_0, out); return;
    case QUANT_Q4_0: expand_32(row + in32 * 18, count, 18, expand_q4_0, out); return;
    case QUANT_Q4_1: expand_32(row + in32 * 20, count, 20, expand_q4_1, out); return;
    case QUANT_Q5_0: expand_32(row + in32 * 22, count, 22, expand_q5_0, out); return;
    case QUANT_Q5_1: expand_32(row + in32 * 24, count, 24, expand_q5_1, out); return;
    case QUANT_Q4_K: expand_q4_k(row + in256 * 144, out); return;
    case QUANT_Q5_K: expand_q5_k(row + in256 * 176, out); return;
    case QUANT_Q6_K: expand_q6_k(row + in256 * 210, out); return;
    }
}

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

static void attend(const struct kernel_attention *a) {
    for (size_t t = 0; t < a->count; t++) {
        const uint8_t *k = (const uint8_t *)(a->k + t * a->stride);
        lanes sum = lanes_all(0);
        for (size_t i = 0; i < a->stride; i += KERNEL_LANES)
            sum = lanes_fma(lanes_load(a->q + i), lanes_half(k + 2 * i), sum);
        a->scores[t] = lanes_sum(sum);
    }
    lanes total = lanes_all(softmax(a->scores, a->count, a->scale));
    for (size_t i = 0; i < a->stride; i += KERNEL_LANES) {
        lanes sum = lanes_all(0);
        for (size_t t = 0; t < a->count; t++) {
            const uint8_t *v = (const uint8_t *)(a->v + t * a->stride + i);
            sum = lanes_fma(lanes_all(a->scores[t]), lanes_half(v), sum);
        }
        lanes_store(a->out + i, lanes_div(sum, total));
    }
}

static void halve(const float *x, size_t n, uint16_t *out) {
    for (size_t i = 0; i < n; i += KERNEL_LANES) lanes_to_half(out + i, lanes_load(x + i));
}

const struct kernels KERNELS_TABLE = {
    KERNELS_NAME, expand, multiply, norm, gate, attend, softmax, halve,
};
