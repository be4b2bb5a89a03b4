#include "engine/pack.h"

#include <string.h>

enum { CHUNK_BLOCKS = PACK_CHUNK / PACK_BLOCK, LINES = 8, K_WORDS_MAX = 48 /* Q6_K's */ };

static const struct pack packs[QUANT_TYPE_MAX + 1] = {
    [QUANT_Q4_0] = {4, 8, PACK_PLAIN},    [QUANT_Q4_1] = {4, 0, PACK_MIN},
    [QUANT_Q5_0] = {5, 16, PACK_PLAIN},   [QUANT_Q5_1] = {5, 0, PACK_MIN},
    [QUANT_Q8_0] = {8, 128, PACK_PLAIN},  [QUANT_Q4_K] = {4, 0, PACK_SUPER},
    [QUANT_Q5_K] = {5, 0, PACK_SUPER},    [QUANT_Q6_K] = {6, 32, PACK_HALVES},
};

const struct pack *pack_find(enum quant_type type) {
    return packs[type].bits ? &packs[type] : NULL;
}

size_t pack_codes_bytes(const struct pack *pack) {
    return (size_t)pack->bits * PACK_BLOCK * PACK_ROWS / 8;
}

size_t pack_chunk_bytes(const struct pack *pack, size_t blocks) {
    static const struct {
        size_t chunk, block;
    } halves[] = {[PACK_PLAIN] = {0, 2}, [PACK_MIN] = {0, 4}, [PACK_SUPER] = {4, 2},
                  [PACK_HALVES] = {2, 2}};
    size_t scales = halves[pack->scales].chunk + blocks * halves[pack->scales].block;
    return blocks * pack_codes_bytes(pack) + scales * PACK_ROWS;
}

size_t pack_group_bytes(const struct pack *pack, size_t n) {
    size_t rest = n % PACK_CHUNK / PACK_BLOCK;
    return n / PACK_CHUNK * pack_chunk_bytes(pack, CHUNK_BLOCKS) +
           (rest ? pack_chunk_bytes(pack, rest) : 0);
}

// ---- codes: words of the rows are laid side by side first, then lines are made of lines ----

// Of sixteen rows, or as many as there are: words as the file has them, and a packed block. A word
// of each row makes a line.
struct words {
    uint32_t of[PACK_ROWS];
};
struct band {
    const uint8_t *at;
    size_t row_bytes, rows;
    struct words word[K_WORDS_MAX], line[LINES];
};

// Words from byte `from` of each row on.
static inline void words_turn(struct band *band, size_t from, size_t len) {
    const uint8_t *at = band->at + from;
    for (size_t row = 0; row < band->rows; row++, at += band->row_bytes)
        for (size_t w = 0; w < len; w++) memcpy(&band->word[w].of[row], at + 4 * w, 4);
}

// Bit 4 g + k of each word becomes bit 8 k + g: four times two bits of the place change places.
static struct words fifths_turned(struct words line) {
    static const uint32_t masks[] = {0x22222222, 0x0a0a0a0a, 0x00cc00cc, 0x0000f0f0};
    static const int by[] = {1, 3, 6, 12};
    for (int i = 0; i < 4; i++)
        for (int row = 0; row < PACK_ROWS; row++) {
            uint32_t x = line.of[row], differs = (x >> by[i] ^ x) & masks[i];
            line.of[row] = x ^ differs ^ differs << by[i];
        }
    return line;
}

// A block of 32, its codes from byte `from` on: fifth bits, then nibbles as they are packed.
static void small_block(uint8_t bits, struct band *band, size_t from) {
    switch (bits) {
    case 4:
        words_turn(band, from, 4);
        memcpy(band->line, band->word, 4 * sizeof *band->line);
        return;
    case 5:
        words_turn(band, from, 5);
        memcpy(band->line, band->word + 1, 4 * sizeof *band->line);
        band->line[4] = fifths_turned(band->word[0]);
        return;
    default:
        words_turn(band, from, LINES);
        for (int g = 0; g < LINES; g++)
            for (int row = 0; row < PACK_ROWS; row++)
                band->line[g].of[row] = band->word[g].of[row] ^ 0x80808080;
    }
}

static void nibbles_gather(const struct words *from, size_t bit, struct words *line) {
    for (int g = 0; g < 4; g++)
        for (int row = 0; row < PACK_ROWS; row++)
            line[g].of[row] = (from[g].of[row] >> bit & 0x0f0f0f0f) |
                              (from[g + 4].of[row] >> bit & 0x0f0f0f0f) << 4;
}

static void fifths_gather(const struct words *from, size_t bit, struct words *line) {
    for (int row = 0; row < PACK_ROWS; row++) {
        uint32_t bits = 0;
        for (int g = 0; g < LINES; g++) bits |= (from[g].of[row] >> bit & 0x01010101) << g;
        line->of[row] = bits;
    }
}

static void sixths_gather(const struct words *from, size_t bit, struct words *line) {
    for (int row = 0; row < PACK_ROWS; row++) {
        uint32_t bits = 0;
        for (int g = 0; g < 4; g++) bits |= (from[g].of[row] >> bit & 0x03030303) << 2 * g;
        line->of[row] = bits;
    }
}

// Block j of a chunk of a K type, whose words are turned.
static void k_block(uint8_t bits, size_t j, struct band *band) {
    const struct words *word = band->word;
    switch (bits) {
    case 4: nibbles_gather(word + j / 2 * 8, j % 2 * 4, band->line); return;
    case 5:
        nibbles_gather(word + 8 + j / 2 * 8, j % 2 * 4, band->line);
        fifths_gather(word, j, &band->line[4]);
        return;
    default:
        nibbles_gather(word + j / 4 * 16 + j % 2 * 8, j / 2 % 2 * 4, band->line);
        sixths_gather(word + 32 + j / 4 * 8, j % 4 * 2, &band->line[4]);
        sixths_gather(word + 36 + j / 4 * 8, j % 4 * 2, &band->line[5]);
    }
}

static void codes_write(enum quant_type type, struct band *band, size_t blocks, uint8_t *out) {
    const struct pack *pack = &packs[type];
    const struct quant *quant = quant_find(type);
    bool k = quant->block > PACK_BLOCK;
    if (k) words_turn(band, pack->bits == 6 ? 0 : 16, (size_t)pack->bits * LINES);
    for (size_t j = 0; j < blocks; j++, out += pack_codes_bytes(pack)) {
        if (k)
            k_block(pack->bits, j, band);
        else
            small_block(pack->bits, band, j * quant->bytes + (pack->scales == PACK_MIN ? 4 : 2));
        memcpy(out, band->line, pack_codes_bytes(pack));
    }
}

// ---- scales ----

static void copy_half(uint8_t *to, size_t row, const uint8_t *from) {
    memcpy(to + 2 * row, from, 2);
}

// The scales of a chunk of one row, `at` the row's bytes.
static void scales_write(enum quant_type type, const uint8_t *at, size_t blocks, size_t row,
                         uint8_t *out) {
    enum { HALVES = 2 * PACK_ROWS };
    uint8_t s[8], z[8];
    const struct pack *pack = &packs[type];
    const struct quant *quant = quant_find(type);
    switch (pack->scales) {
    case PACK_PLAIN:
        for (size_t j = 0; j < blocks; j++) copy_half(out + j * HALVES, row, at + j * quant->bytes);
        return;
    case PACK_MIN:
        for (size_t j = 0; j < blocks; j++, out += 2 * HALVES) {
            copy_half(out, row, at + j * quant->bytes);
            copy_half(out + HALVES, row, at + j * quant->bytes + 2);
        }
        return;
    case PACK_SUPER:
        copy_half(out, row, at);
        copy_half(out + HALVES, row, at + 2);
        quant_k_scales(at + 4, s, z);
        for (size_t j = 0; j < blocks; j++) {
            out[2 * HALVES + j * HALVES + row] = s[j];
            out[2 * HALVES + j * HALVES + PACK_ROWS + row] = z[j];
        }
        return;
    case PACK_HALVES:
        copy_half(out, row, at + 208);
        for (size_t j = 0; j < 2 * blocks; j++) out[HALVES + j * PACK_ROWS + row] = at[192 + j];
        return;
    }
}

void pack_group(enum quant_type type, const uint8_t *weights, size_t row_bytes, size_t rows,
                size_t n, uint8_t *out) {
    const struct pack *pack = &packs[type];
    const struct quant *quant = quant_find(type);
    struct band band = {.row_bytes = row_bytes, .rows = rows};
    if (rows < PACK_ROWS) memset(out, 0, pack_group_bytes(pack, n));
    for (size_t from = 0; from < n; from += PACK_CHUNK) {
        size_t blocks = (n - from < PACK_CHUNK ? n - from : PACK_CHUNK) / PACK_BLOCK;
        band.at = weights + from / quant->block * quant->bytes;
        codes_write(type, &band, blocks, out);
        out += blocks * pack_codes_bytes(pack);
        for (size_t row = 0; row < rows; row++)
            scales_write(type, band.at + row * row_bytes, blocks, row, out);
        out += pack_chunk_bytes(pack, blocks) - blocks * pack_codes_bytes(pack);
    }
}

// ---- back to floats ----

static int code_at(uint8_t bits, const uint8_t *block, size_t row, size_t i) {
    size_t g = i / 4, at = 4 * row + i % 4; // in a line
    if (bits == 8) return block[g * PACK_LINE + at];
    int low = block[g % 4 * PACK_LINE + at] >> g / 4 * 4 & 15;
    if (bits == 5) return low | (block[4 * PACK_LINE + at] >> g & 1) << 4;
    if (bits == 6) return low | (block[(4 + g / 4) * PACK_LINE + at] >> g % 4 * 2 & 3) << 4;
    return low;
}

struct scale {
    float by, plus;
};

// Of half block h of a chunk.
static struct scale scale_at(enum pack_scales form, const uint8_t *scales, size_t row, size_t h) {
    enum { HALVES = 2 * PACK_ROWS };
    const uint8_t *d = scales + 2 * row, *bytes = scales + HALVES + row;
    size_t b = h / 2;
    switch (form) {
    case PACK_PLAIN: return (struct scale){quant_from_half(quant_u16(d + b * HALVES)), 0};
    case PACK_MIN:
        d += b * 2 * HALVES;
        return (struct scale){quant_from_half(quant_u16(d)),
                              quant_from_half(quant_u16(d + HALVES))};
    case PACK_SUPER:
        bytes += HALVES + b * HALVES;
        return (struct scale){quant_from_half(quant_u16(d)) * (float)bytes[0],
                              -(quant_from_half(quant_u16(d + HALVES)) * (float)bytes[PACK_ROWS])};
    default: // PACK_HALVES
        return (struct scale){quant_from_half(quant_u16(d)) * (float)(int8_t)bytes[h * PACK_ROWS],
                              0};
    }
}

void pack_row(const struct pack *pack, const uint8_t *group, size_t row, size_t n, float *out) {
    enum { HALF = PACK_BLOCK / 2 };
    bool sums = pack->scales == PACK_MIN || pack->scales == PACK_SUPER;
    for (size_t from = 0; from < n; from += PACK_CHUNK) {
        size_t count = n - from < PACK_CHUNK ? n - from : PACK_CHUNK, blocks = count / PACK_BLOCK;
        const uint8_t *scales = group + blocks * pack_codes_bytes(pack);
        for (size_t h = 0; h < 2 * blocks; h++) {
            const uint8_t *block = group + h / 2 * pack_codes_bytes(pack);
            struct scale scale = scale_at(pack->scales, scales, row, h);
            for (size_t i = 0; i < HALF; i++) {
                int code = code_at(pack->bits, block, row, h % 2 * HALF + i) - pack->offset;
                float product = scale.by * (float)code; // exact
                *out++ = sums ? product + scale.plus : product;
            }
        }
        group += pack_chunk_bytes(pack, blocks);
    }
}
