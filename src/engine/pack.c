#include "engine/pack.h"

#include <string.h>

enum { CHUNK_BLOCKS = PACK_CHUNK / PACK_BLOCK, LINES = 8 };

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

// ---- reading the file's blocks: codes of 32 elements ----

static void nibbles(const uint8_t *from, uint8_t codes[32]) {
    for (int i = 0; i < 16; i++) {
        codes[i] = from[i] & 15;
        codes[i + 16] = from[i] >> 4;
    }
}

static void fifths(const uint8_t high[4], uint8_t codes[32]) {
    for (int i = 0; i < 32; i++) codes[i] |= (uint8_t)((high[i / 8] >> i % 8 & 1) << 4);
}

// Nibbles of sub-block j of eight, whose pairs share 32 bytes.
static void pair_nibbles(const uint8_t *from, size_t j, uint8_t codes[32]) {
    from += j / 2 * 32;
    for (int i = 0; i < 32; i++) codes[i] = from[i] >> j % 2 * 4 & 15;
}

static void sixths(const uint8_t *block, size_t j, uint8_t codes[32]) {
    const uint8_t *low = block + j / 4 * 64 + j % 2 * 32, *high = block + 128 + j / 4 * 32;
    size_t nibble = j / 2 % 2 * 4, pair = j % 4 * 2;
    for (int i = 0; i < 32; i++)
        codes[i] = (uint8_t)((low[i] >> nibble & 15) | (high[i] >> pair & 3) << 4);
}

// Of block j of a row's chunk, whose bytes begin at `at`.
static void codes_read(enum quant_type type, const uint8_t *at, size_t j, uint8_t codes[32]) {
    switch (type) {
    case QUANT_Q4_0: nibbles(at + 18 * j + 2, codes); return;
    case QUANT_Q4_1: nibbles(at + 20 * j + 4, codes); return;
    case QUANT_Q5_0:
        nibbles(at + 22 * j + 6, codes);
        fifths(at + 22 * j + 2, codes);
        return;
    case QUANT_Q5_1:
        nibbles(at + 24 * j + 8, codes);
        fifths(at + 24 * j + 4, codes);
        return;
    case QUANT_Q8_0:
        for (int i = 0; i < 32; i++) codes[i] = at[34 * j + 2 + (size_t)i] ^ 128;
        return;
    case QUANT_Q4_K: pair_nibbles(at + 16, j, codes); return;
    case QUANT_Q5_K:
        pair_nibbles(at + 48, j, codes);
        for (int i = 0; i < 32; i++) codes[i] |= (uint8_t)((at[16 + i] >> j & 1) << 4);
        return;
    case QUANT_Q6_K: sixths(at, j, codes); return;
    default: return; // pack_find has none of the others
    }
}

// ---- writing ----

// Eight words of four codes, words apart by a line, to row `row` of a packed block.
static void codes_write(const struct pack *pack, const uint8_t codes[32], size_t row,
                        uint8_t *block) {
    uint32_t word[LINES], line[LINES], lines = 4;
    memcpy(word, codes, sizeof word);
    for (int g = 0; g < 4; g++)
        line[g] = (word[g] & 0x0f0f0f0f) | (word[g + 4] & 0x0f0f0f0f) << 4;
    if (pack->bits == 5) {
        line[lines] = 0;
        for (int g = 0; g < LINES; g++) line[lines] |= (word[g] >> 4 & 0x01010101) << g;
        lines++;
    }
    if (pack->bits == 6)
        for (int half = 0; half < 2; half++, lines++) {
            line[lines] = 0;
            for (int g = 0; g < 4; g++)
                line[lines] |= (word[4 * half + g] >> 4 & 0x03030303) << 2 * g;
        }
    if (pack->bits == 8) {
        memcpy(line, word, sizeof line);
        lines = LINES;
    }
    for (uint32_t g = 0; g < lines; g++) memcpy(block + g * PACK_LINE + 4 * row, &line[g], 4);
}

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
    if (rows < PACK_ROWS) memset(out, 0, pack_group_bytes(pack, n));
    for (size_t from = 0; from < n; from += PACK_CHUNK) {
        size_t blocks = (n - from < PACK_CHUNK ? n - from : PACK_CHUNK) / PACK_BLOCK;
        for (size_t row = 0; row < rows; row++) {
            const uint8_t *at = weights + row * row_bytes + from / quant->block * quant->bytes;
            uint8_t codes[PACK_BLOCK];
            for (size_t j = 0; j < blocks; j++) {
                codes_read(type, at, j, codes);
                codes_write(pack, codes, row, out + j * pack_codes_bytes(pack));
            }
            scales_write(type, at, blocks, row, out + blocks * pack_codes_bytes(pack));
        }
        out += pack_chunk_bytes(pack, blocks);
    }
}
