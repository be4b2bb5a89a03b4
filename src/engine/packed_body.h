// Products of packed weights (pack.h) with columns in eight bits, a part of kernels_body.h: written
// once over `lanes`, `ints` and `line`. Sums of integers are exact, and the floats of a row are
// added in the order of its blocks: all sets give equal bits, for any number of columns.
#include "engine/kernels.h"

enum { CHUNK_BLOCKS = KERNEL_CHUNK / PACK_BLOCK, BLOCK_LINES = 8, TILE_COLUMNS_MAX = 8 };

// ---- columns ----

// Two vectors, a block of 32, to codes. `poison` becomes NaN when there is a NaN or an infinity.
static inline float quantise_block(lanes a, lanes b, int8_t code[PACK_BLOCK]) {
    lanes zero = lanes_all(0), poison = lanes_fma(a, zero, lanes_mul(b, zero));
    float most = lanes_most(lanes_max(lanes_abs(a), lanes_abs(b)));
    bool sound = most > 0x1p-100f && most <= 0x1.fffffep127f;
    lanes by = lanes_all(sound ? 127 / most : 0), top = lanes_all(127), bottom = lanes_all(-127);
    // NaN becomes 127: the scale tells.
    lanes_to_i8(code, lanes_max(lanes_min(lanes_mul(a, by), top), bottom));
    lanes_to_i8(code + 16, lanes_max(lanes_min(lanes_mul(b, by), top), bottom));
    return (sound ? most / 127 : 0) + lanes_sum(poison);
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

// ---- a chunk of a group, unpacked ----

struct panel {
    _Alignas(64) uint8_t line[CHUNK_BLOCKS][BLOCK_LINES][PACK_LINE];
    float scale[2 * CHUNK_BLOCKS][PACK_ROWS]; // of blocks; of their halves with PACK_HALVES
    float plus[CHUNK_BLOCKS][PACK_ROWS];
};

static inline __attribute__((always_inline)) void unpack_block(const uint8_t *from, const int bits,
                                                               uint8_t (*to)[PACK_LINE]) {
    line high[2];
    if (bits == 8) {
        for (int g = 0; g < BLOCK_LINES; g++) line_store(to[g], line_load(from + g * PACK_LINE));
        return;
    }
    if (bits > 4) high[0] = line_load(from + 4 * PACK_LINE);
    if (bits == 6) high[1] = line_load(from + 5 * PACK_LINE);
    for (int g = 0; g < BLOCK_LINES; g++) {
        line code = line_down(line_load(from + g % 4 * PACK_LINE), g / 4 * 4, 15);
        if (bits == 5)
            code = line_or(code, g < 4 ? line_up(high[0], 4 - g, 16)
                                       : line_down(high[0], g - 4, 16));
        if (bits == 6)
            code = line_or(code, g % 4 < 2 ? line_up(high[g / 4], 4 - 2 * (g % 4), 48)
                                           : line_down(high[g / 4], 2 * (g % 4) - 4, 48));
        line_store(to[g], code);
    }
}

static inline void unpack_scales(const struct pack *pack, const uint8_t *from, size_t blocks,
                                 struct panel *to) {
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

static void unpack(const struct pack *pack, const uint8_t *from, size_t blocks, struct panel *to) {
    size_t bytes = pack_codes_bytes(pack);
    for (size_t b = 0; b < blocks; b++, from += bytes) switch (pack->bits) {
        case 4: unpack_block(from, 4, to->line[b]); break;
        case 5: unpack_block(from, 5, to->line[b]); break;
        case 6: unpack_block(from, 6, to->line[b]); break;
        default: unpack_block(from, 8, to->line[b]);
        }
    unpack_scales(pack, from, blocks, to);
}

// ---- a chunk of a group times some columns ----

// Adds the panel times `columns` columns to their sums of sixteen rows. Integers begin at what the
// offset takes from them.
static inline __attribute__((always_inline)) void
packed_tile(const struct panel *panel, const struct kernel_codes *x, size_t blocks, int32_t offset,
            float *sums, const enum pack_scales scales, const bool wide, const int columns) {
    enum { PARTS_MAX = 2 };
    const int parts = scales == PACK_HALVES ? 2 : 1, lines = BLOCK_LINES / parts;
    lanes sum[TILE_COLUMNS_MAX];
    int32_t start[TILE_COLUMNS_MAX][PARTS_MAX * CHUNK_BLOCKS];
    for (int c = 0; c < columns; c++) {
        sum[c] = lanes_load(sums + c * PACK_ROWS);
        const int32_t *of = parts == 2 ? x[c].half : x[c].sum;
        for (int b = 0; b < parts * CHUNK_BLOCKS; b++) start[c][b] = -offset * of[b];
    }
    for (size_t b = 0; b < blocks; b++) {
        for (int part = 0; part < parts; part++) {
            size_t at = b * (size_t)parts + (size_t)part;
            ints dot[TILE_COLUMNS_MAX];
            for (int c = 0; c < columns; c++) dot[c] = ints_all(start[c][at]);
            for (int g = part * lines; g < (part + 1) * lines; g++) {
                line w = line_load(panel->line[b][g]);
                for (int c = 0; c < columns; c++)
                    dot[c] = ints_dot(dot[c], w, x[c].code + b * PACK_BLOCK + 4 * g, wide);
            }
            lanes scale = lanes_load(panel->scale[at]);
            for (int c = 0; c < columns; c++)
                sum[c] = lanes_fma(lanes_ints(dot[c]),
                                   lanes_mul(scale, lanes_all(x[c].scale[b])), sum[c]);
        }
        if (scales != PACK_MIN) continue;
        lanes plus = lanes_load(panel->plus[b]);
        for (int c = 0; c < columns; c++)
            sum[c] = lanes_fma(plus, lanes_all(x[c].weighed[b]), sum[c]);
    }
    for (int c = 0; c < columns; c++) lanes_store(sums + c * PACK_ROWS, sum[c]);
}

static inline __attribute__((always_inline)) void
packed_tiles(const struct panel *panel, const struct kernel_codes *x, size_t blocks,
             int32_t offset, size_t columns, float *sums, const enum pack_scales scales,
             const bool wide) {
    size_t c = 0;
    for (; c + LANES_PACKED <= columns; c += LANES_PACKED)
        packed_tile(panel, x + c, blocks, offset, sums + c * PACK_ROWS, scales, wide, LANES_PACKED);
    for (; LANES_PACKED > 4 && c + 4 <= columns; c += 4)
        packed_tile(panel, x + c, blocks, offset, sums + c * PACK_ROWS, scales, wide, 4);
    for (; c < columns; c++)
        packed_tile(panel, x + c, blocks, offset, sums + c * PACK_ROWS, scales, wide, 1);
}

static void packed_chunk(const struct pack *pack, const struct panel *panel,
                         const struct kernel_codes *x, size_t blocks, size_t columns, float *sums) {
    int32_t offset = pack->offset;
    if (pack->bits == 8)
        packed_tiles(panel, x, blocks, offset, columns, sums, PACK_PLAIN, true);
    else if (pack->scales == PACK_PLAIN)
        packed_tiles(panel, x, blocks, offset, columns, sums, PACK_PLAIN, false);
    else if (pack->scales == PACK_HALVES)
        packed_tiles(panel, x, blocks, offset, columns, sums, PACK_HALVES, false);
    else
        packed_tiles(panel, x, blocks, offset, columns, sums, PACK_MIN, false);
}

// Rows row .. row + rows of one group.
static void multiply_group(const struct kernel_product *p, size_t row, size_t rows) {
    struct panel panel;
    float sums[KERNEL_COLUMNS_MAX * PACK_ROWS] __attribute__((aligned(64)));
    memset(sums, 0, p->columns * PACK_ROWS * sizeof *sums);
    const uint8_t *weights = p->weights + row / PACK_ROWS * p->row_bytes;
    const struct kernel_codes *x = p->codes;
    for (size_t from = 0; from < p->n; from += KERNEL_CHUNK, x += p->columns) {
        size_t blocks = (p->n - from < KERNEL_CHUNK ? p->n - from : KERNEL_CHUNK) / PACK_BLOCK;
        unpack(p->pack, weights, blocks, &panel);
        weights += pack_chunk_bytes(p->pack, blocks);
        packed_chunk(p->pack, &panel, x, blocks, p->columns, sums);
    }
    for (size_t c = 0; c < p->columns; c++) {
        float *y = p->y + c * p->y_stride + row;
        for (size_t r = 0; r < rows; r++)
            y[r] = p->bias ? sums[c * PACK_ROWS + r] + p->bias[row + r] : sums[c * PACK_ROWS + r];
    }
}
