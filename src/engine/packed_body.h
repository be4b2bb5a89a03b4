// Products of packed weights (pack.h) with columns in eight bits, a part of kernels_body.h: written
// once over `lanes`, `ints` and `line`. Sums of integers are exact, and the floats of a row are
// added in the order of its blocks: all sets give equal bits, for any number of columns.
#include "engine/kernels.h"

enum { CHUNK_BLOCKS = KERNEL_CHUNK / PACK_BLOCK, BLOCK_LINES = 8, TILE_COLUMNS_MAX = 8 };

// ---- columns ----

// Two vectors, a block of 32, to codes; gives their scale.
static inline float quantise_block(lanes a, lanes b, int8_t code[PACK_BLOCK]) {
    float most = lanes_most(a, b);
    bool sound = most > 0x1p-100f && most <= 0x1.fffffep127f;
    lanes by = lanes_all(sound ? 127 / most : 0), top = lanes_all(127), bottom = lanes_all(-127);
    // What is no number becomes 127: the scale tells.
    lanes_to_i8(code, lanes_max(lanes_min(lanes_mul(a, by), top), bottom));
    lanes_to_i8(code + 16, lanes_max(lanes_min(lanes_mul(b, by), top), bottom));
    return sound ? most / 127 : most <= 0x1p-100f ? 0 : NAN;
}

static void quantise(const float *x, size_t n, struct kernel_codes *to, size_t stride) {
    for (size_t from = 0; from < n; from += KERNEL_CHUNK, to += stride) {
        size_t blocks = (n - from < KERNEL_CHUNK ? n - from : KERNEL_CHUNK) / PACK_BLOCK;
        for (size_t b = 0; b < blocks; b++, x += PACK_BLOCK) {
            int8_t *code = to->code + b * PACK_BLOCK;
            to->scale[b] = quantise_block(lanes_load(x), lanes_load(x + 16), code);
            to->half[2 * b] = bytes_sum(code);
            to->half[2 * b + 1] = bytes_sum(code + 16);
            to->sum[b] = to->half[2 * b] + to->half[2 * b + 1];
            to->weighed[b] = to->scale[b] * (float)to->sum[b];
        }
    }
}

// ---- the codes of a block ----

// Line g, codes of 8 bits, of a packed block.
static inline __attribute__((always_inline)) line block_line(const uint8_t *block, int g,
                                                             const int bits) {
    if (bits == 8) return line_load(block + g * PACK_LINE);
    line code = line_down(line_load(block + g % 4 * PACK_LINE), g / 4 * 4, 15);
    if (bits == 4) return code;
    if (bits == 5) {
        line high = line_load(block + 4 * PACK_LINE);
        return line_or(code, g < 4 ? line_up(high, 4 - g, 16) : line_down(high, g - 4, 16));
    }
    line high = line_load(block + (4 + g / 4) * PACK_LINE);
    g %= 4;
    return line_or(code, g < 2 ? line_up(high, 4 - 2 * g, 48) : line_down(high, 2 * g - 4, 48));
}

// Codes of a chunk with 8 bits each, as PACK_PLAIN has them, for many columns.
static inline __attribute__((always_inline)) void widen_blocks(const uint8_t *from, size_t blocks,
                                                               const int bits, uint8_t *to) {
    for (size_t b = 0; b < blocks; b++, from += bits * PACK_LINE, to += BLOCK_LINES * PACK_LINE)
        for (int g = 0; g < BLOCK_LINES; g++)
            line_store(to + g * PACK_LINE, block_line(from, g, bits));
}

static void widen(const struct pack *pack, const uint8_t *from, size_t blocks, uint8_t *to) {
    if (pack->bits == 4)
        widen_blocks(from, blocks, 4, to);
    else if (pack->bits == 5)
        widen_blocks(from, blocks, 5, to);
    else
        widen_blocks(from, blocks, 6, to);
}

// ---- the scales of a chunk ----

struct scales {
    float scale[2 * CHUNK_BLOCKS][PACK_ROWS]; // of blocks; of their halves with PACK_HALVES
    float plus[CHUNK_BLOCKS][PACK_ROWS];
};

static inline void scales_read(const struct pack *pack, const uint8_t *from, size_t blocks,
                               struct scales *to) {
    enum { HALVES = 2 * PACK_ROWS };
    lanes zero = lanes_all(0), d, m;
    switch (pack->scales) {
    case PACK_PLAIN:
        for (size_t b = 0; b < blocks; b++)
            lanes_store(to->scale[b], lanes_half(from + b * HALVES));
        return;
    case PACK_MIN:
        for (size_t b = 0; b < blocks; b++, from += 2 * HALVES) {
            lanes_store(to->scale[b], lanes_half(from));
            lanes_store(to->plus[b], lanes_half(from + HALVES));
        }
        return;
    case PACK_SUPER: // d s and m z are exact
        d = lanes_half(from);
        m = lanes_sub(zero, lanes_half(from + HALVES));
        from += 2 * HALVES;
        for (size_t b = 0; b < blocks; b++, from += HALVES) {
            lanes_store(to->scale[b], lanes_mul(d, lanes_u8(from)));
            lanes_store(to->plus[b], lanes_mul(m, lanes_u8(from + PACK_ROWS)));
        }
        return;
    case PACK_HALVES:
        d = lanes_half(from);
        from += HALVES;
        for (size_t h = 0; h < 2 * blocks; h++, from += PACK_ROWS)
            lanes_store(to->scale[h], lanes_mul(d, lanes_i8((const int8_t *)from)));
        return;
    }
}

// ---- a chunk of one or two groups times some columns ----

enum { GROUPS_MAX = 2, BROAD_FROM = 3 * LANES_PACKED, STREAM_FAR = 1 << 15, STREAM_NEAR = 4608 };

struct chunk {
    const uint8_t *codes[GROUPS_MAX];
    const struct scales *scales; // of each group
    size_t blocks;
    int32_t offset;
    const struct kernel_codes *x; // of the first column; the others follow
    size_t columns;
    float *sums; // of sixteen rows, for each column and group
    // What is called ahead: of few columns a stream, of many the chunks that come next.
    size_t stream; // bytes of a block with its scales
    const uint8_t *next[GROUPS_MAX];
    size_t next_share; // bytes of those that each column calls
};

// Calls memory into the second cache, for a stream a block's part at a time: many calls at once
// hold up the loads behind them.
static inline void call_ahead(const uint8_t *from, size_t bytes) {
    for (size_t l = 0; l < bytes; l += PACK_LINE) __builtin_prefetch(from + l, 0, 2);
}

// What a stream will read soon its prefetcher has called, and called twice it comes later. Measured
// from memory, GB/s far alone and with near: 4 bits 38 and 32, 6 bits 25 and 28, 8 bits 22 and 28.
static inline __attribute__((always_inline)) void stream_ahead(const struct chunk *chunk, size_t b,
                                                               const int bits) {
    const uint8_t *at = chunk->codes[0] + b * chunk->stream;
    call_ahead(at + STREAM_FAR, chunk->stream);
    for (size_t l = 0; bits >= 6 && l < chunk->stream; l += PACK_LINE)
        __builtin_prefetch(at + STREAM_NEAR + l);
}

// What is known when a tile is compiled: bits of the codes as they lie there, the form of the
// scales, whether codes may pass 127, groups of rows that share what is read of a column.
struct form {
    int bits;
    enum pack_scales scales;
    bool wide;
    int groups;
};

// Adds the chunk times `columns` columns from `column` on to their sums. Integers begin at what the
// offset takes from them.
static inline __attribute__((always_inline)) void
packed_tile(const struct chunk *chunk, size_t column, const struct form form, const int columns) {
    const int parts = form.scales == PACK_HALVES ? 2 : 1, lines = BLOCK_LINES / parts;
    const int groups = form.groups;
    const struct kernel_codes *x = chunk->x + column;
    float *sums = chunk->sums + column * (size_t)groups * PACK_ROWS;
    lanes sum[TILE_COLUMNS_MAX][GROUPS_MAX];
    int32_t start[TILE_COLUMNS_MAX][2 * CHUNK_BLOCKS];
    for (int c = 0; c < columns; c++) {
        for (int n = 0; n < groups; n++)
            sum[c][n] = lanes_load(sums + (c * groups + n) * PACK_ROWS);
        const int32_t *of = parts == 2 ? x[c].half : x[c].sum;
        for (int b = 0; b < parts * CHUNK_BLOCKS; b++) start[c][b] = -chunk->offset * of[b];
    }
    for (int n = 0; n < groups && groups > 1; n++)
        call_ahead(chunk->next[n] + column * chunk->next_share,
                   (size_t)columns * chunk->next_share);
    for (size_t b = 0; b < chunk->blocks; b++) {
        const size_t block = b * (size_t)form.bits * PACK_LINE;
        if (groups == 1 && column == 0) stream_ahead(chunk, b, form.bits);
#pragma GCC unroll 2
        for (int part = 0; part < parts; part++) {
            size_t at = b * (size_t)parts + (size_t)part;
            ints dot[TILE_COLUMNS_MAX][GROUPS_MAX];
            for (int c = 0; c < columns; c++)
                for (int n = 0; n < groups; n++) dot[c][n] = ints_all(start[c][at]);
#pragma GCC unroll 8
            for (int g = part * lines; g < (part + 1) * lines; g++) {
                line w[GROUPS_MAX];
                for (int n = 0; n < groups; n++)
                    w[n] = block_line(chunk->codes[n] + block, g, form.bits);
                for (int c = 0; c < columns; c++)
                    for (int n = 0; n < groups; n++)
                        dot[c][n] = ints_dot(dot[c][n], w[n], x[c].code + b * PACK_BLOCK + 4 * g,
                                             form.wide);
            }
            for (int n = 0; n < groups; n++) {
                lanes scale = lanes_load(chunk->scales[n].scale[at]);
                for (int c = 0; c < columns; c++)
                    sum[c][n] = lanes_fma(lanes_ints(dot[c][n]),
                                          lanes_mul(scale, lanes_all(x[c].scale[b])), sum[c][n]);
            }
        }
        for (int n = 0; n < groups && form.scales == PACK_MIN; n++) {
            lanes plus = lanes_load(chunk->scales[n].plus[b]);
            for (int c = 0; c < columns; c++)
                sum[c][n] = lanes_fma(plus, lanes_all(x[c].weighed[b]), sum[c][n]);
        }
    }
    for (int c = 0; c < columns; c++)
        for (int n = 0; n < groups; n++)
            lanes_store(sums + (c * groups + n) * PACK_ROWS, sum[c][n]);
}

static inline __attribute__((always_inline)) void packed_columns(const struct chunk *chunk,
                                                                 const struct form form) {
    const int most = LANES_PACKED / form.groups;
    size_t c = 0;
    for (; c + (size_t)most <= chunk->columns; c += (size_t)most)
        packed_tile(chunk, c, form, most);
    for (; most > 4 && c + 4 <= chunk->columns; c += 4) packed_tile(chunk, c, form, 4);
    for (; c < chunk->columns; c++) packed_tile(chunk, c, form, 1);
}

// Codes in place, for few columns.
static void packed_narrow(const struct pack *pack, const struct chunk *chunk) {
    bool plain = pack->scales == PACK_PLAIN;
    if (pack->bits == 8)
        packed_columns(chunk, (struct form){8, PACK_PLAIN, true, 1});
    else if (pack->bits == 6)
        packed_columns(chunk, (struct form){6, PACK_HALVES, false, 1});
    else if (pack->bits == 5 && plain)
        packed_columns(chunk, (struct form){5, PACK_PLAIN, false, 1});
    else if (pack->bits == 5)
        packed_columns(chunk, (struct form){5, PACK_MIN, false, 1});
    else if (plain)
        packed_columns(chunk, (struct form){4, PACK_PLAIN, false, 1});
    else
        packed_columns(chunk, (struct form){4, PACK_MIN, false, 1});
}

// Two groups, for many columns: codes of fewer bits are widened once.
static void packed_broad(const struct pack *pack, struct chunk *chunk) {
    enum { WIDE = CHUNK_BLOCKS * BLOCK_LINES * PACK_LINE };
    uint8_t wide[GROUPS_MAX][WIDE] __attribute__((aligned(64)));
    for (int n = 0; n < GROUPS_MAX && pack->bits < 8; n++) {
        widen(pack, chunk->codes[n], chunk->blocks, wide[n]);
        chunk->codes[n] = wide[n];
    }
    if (pack->bits == 8)
        packed_columns(chunk, (struct form){8, PACK_PLAIN, true, GROUPS_MAX});
    else if (pack->scales == PACK_PLAIN)
        packed_columns(chunk, (struct form){8, PACK_PLAIN, false, GROUPS_MAX});
    else if (pack->scales == PACK_HALVES)
        packed_columns(chunk, (struct form){8, PACK_HALVES, false, GROUPS_MAX});
    else
        packed_columns(chunk, (struct form){8, PACK_MIN, false, GROUPS_MAX});
}

// ---- rows ----

static inline void store_sums(const struct kernel_product *p, size_t row, size_t rows,
                              size_t groups, const float *sum) {
    const float *bias = p->bias ? p->bias + row : NULL;
    for (size_t c = 0; c < p->columns; c++, sum += groups * PACK_ROWS) {
        float *y = p->y + c * p->y_stride + row;
        size_t r = 0;
        for (; r + PACK_ROWS <= rows; r += PACK_ROWS) {
            lanes all = lanes_load(sum + r);
            lanes_store(y + r, bias ? lanes_add(all, lanes_load(bias + r)) : all);
        }
        for (; r < rows; r++) y[r] = bias ? sum[r] + bias[r] : sum[r];
    }
}

// Rows row .. row + rows of one group, or of two.
static void multiply_groups(const struct kernel_product *p, size_t row, size_t rows,
                            size_t groups) {
    struct scales scales[GROUPS_MAX];
    struct chunk chunk = {.scales = scales,
                          .offset = p->pack->offset,
                          .x = p->codes,
                          .columns = p->columns};
    float sums[KERNEL_COLUMNS_MAX * GROUPS_MAX * PACK_ROWS] __attribute__((aligned(64)));
    memset(sums, 0, p->columns * groups * PACK_ROWS * sizeof *sums);
    chunk.sums = sums;
    const uint8_t *start = p->weights + row / PACK_ROWS * p->row_bytes, *weights = start;
    for (size_t from = 0; from < p->n; from += KERNEL_CHUNK, chunk.x += p->columns) {
        chunk.blocks = (p->n - from < KERNEL_CHUNK ? p->n - from : KERNEL_CHUNK) / PACK_BLOCK;
        size_t codes = chunk.blocks * pack_codes_bytes(p->pack);
        size_t bytes = pack_chunk_bytes(p->pack, chunk.blocks);
        bool last = from + KERNEL_CHUNK >= p->n;
        chunk.stream = bytes / chunk.blocks;
        chunk.next_share = bytes / p->columns + 1;
        for (size_t n = 0; n < groups; n++) {
            chunk.codes[n] = weights + n * p->row_bytes;
            chunk.next[n] = last ? start + (groups + n) * p->row_bytes : chunk.codes[n] + bytes;
            scales_read(p->pack, chunk.codes[n] + codes, chunk.blocks, &scales[n]);
        }
        if (groups == 1)
            packed_narrow(p->pack, &chunk);
        else
            packed_broad(p->pack, &chunk);
        weights += bytes;
    }
    store_sums(p, row, rows, groups, sums);
}

// Two groups at a time where there are many columns. Measured with AVX512-VNNI: 9 columns are 35 %
// faster with codes read in place, 16 are 8 %, 32 as fast or slower.
static void multiply_packed(const struct kernel_product *p, size_t row0, size_t row1) {
    const size_t most = p->columns > BROAD_FROM ? GROUPS_MAX : 1;
    for (size_t row = row0; row < row1;) {
        size_t left = row1 - row, groups = left > PACK_ROWS ? most : 1, rows = groups * PACK_ROWS;
        multiply_groups(p, row, left < rows ? left : rows, groups);
        row += rows;
    }
}
