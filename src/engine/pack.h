// Pack: quantised weights in the order in which the integer kernels read them.
//
// Sixteen rows of a matrix are a group; a group is a sequence of chunks of 256 columns (the last
// may be shorter), a chunk of blocks of 32. So that one vector multiplies sixteen rows at once and
// no sum runs across its lanes, four neighbouring codes of a row lie together, those of the sixteen
// rows side by side: a line of 64 bytes, eight lines a block. Codes are unsigned, w = scale x
// (code - offset) + plus. A block of a chunk in memory:
//   4 bits  four lines; line g has the codes of line g low, of line g + 4 high
//   5 bits  as 4, then one line: bit g of a byte is bit 4 of its code in line g
//   6 bits  as 4, then two lines: bits 2 (g % 4) of a byte of line g / 4 are bits 4, 5 of its code
//   8 bits  eight lines
// and after the blocks of a chunk their scales, each for the sixteen rows, F16 or bytes:
//   PACK_PLAIN   d[16] of each block                             scale = d
//   PACK_MIN     d[16], m[16] of each block                      scale = d, plus = m
//   PACK_SUPER   d[16], m[16], then u8 s[16], z[16] of each      scale = d s, plus = -(m z)
//   PACK_HALVES  d[16], then i8 s[16] of each half block         scale = d s
// Refuses: types of single floats, or of other blocks: those the float kernels multiply as the file
// has them.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/quant.h"

enum { PACK_ROWS = 16, PACK_BLOCK = 32, PACK_LINE = 64, PACK_CHUNK = 256 };

enum pack_scales { PACK_PLAIN, PACK_MIN, PACK_SUPER, PACK_HALVES };

struct pack {
    uint8_t bits;
    uint8_t offset;
    enum pack_scales scales;
};

// How a type is packed, or NULL when it is not.
const struct pack *pack_find(enum quant_type type);

// Bytes of the codes of one block, of a chunk of `blocks`, of a group of rows of n columns, n a
// multiple of 32.
size_t pack_codes_bytes(const struct pack *pack);
size_t pack_chunk_bytes(const struct pack *pack, size_t blocks);
size_t pack_group_bytes(const struct pack *pack, size_t n);

// Packs `rows` <= 16 rows of n columns; rows that are not there count as zeros. `out` has
// pack_group_bytes.
void pack_group(enum quant_type type, const uint8_t *weights, size_t row_bytes, size_t rows,
                size_t n, uint8_t *out);

// Row `row` < 16 of a group as n floats: the bits that the formulas of quant.h give.
void pack_row(const struct pack *pack, const uint8_t *group, size_t row, size_t n, float *out);
