// Weights: random tensors of every GGUF weight type, for the parity and hostile-file tests.
//
// A matrix is made of whole blocks with random quants; the blocks' scales are set so that the
// weights have mean zero and the spread asked for. The layouts are written down here a second time,
// apart from src/engine/quant.h, so that a slip there cannot hide. With `expand` the same weights
// are written as F32: what a peer computes from them has no rounding of activations in it.
#pragma once
#include "gguf_make.h"

struct weight_type {
    const char *name;
    uint32_t id, block, bytes; // as in the file
    float spread;              // root mean square of a weight whose block's scale d is 1
};

// In the order of the table that is printed; the last has no name.
extern const struct weight_type weight_types[];
const struct weight_type *weight_type_find(const char *name); // may be NULL

struct weights {
    const char *name;
    const struct weight_type *type;
    uint64_t columns, rows, planes; // planes: experts; 1 for a matrix
    float spread;                   // root mean square of a weight
    bool expand;
    const int32_t *kinds; // of tokens, one per row: rows of no normal or byte token are zero; NULL
};

// Columns must be whole blocks.
void weights_put(struct make *m, const struct weights *weights);
// A vector of F32: center ± swing, evenly spread.
void weights_put_vector(struct make *m, const char *name, uint64_t len, float center, float swing);
// The whole of a GGUF file with every tensor as F32. `m` owns the new file until make_free.
enum sk_code weights_expand_file(struct make *m, struct view file, struct view *out);
