// Convert: a model of a GGUF file written again, its matrices as other types, and where a LoRA is
// given with that added: W + (alpha / rank) B A.
//
// Matrices are tensors of two or more dimensions named "….weight", but not those that every type
// of model keeps as they are (norms, routers, positions, token types); all else is copied. A
// matrix whose rows are no whole blocks of a type becomes the next that has such: Q4_K Q5_0, Q6_K
// Q8_0, and these F16.
// Promises: memory of a few MB, and of one A, whatever the model's size; the same bytes at any
// number of threads. Refuses: adapters (they are no model), weights that are not finite, rows over
// CONVERT_ROW_MAX, a LoRA of another architecture or with a pair for which there is no matrix.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "engine/adapter.h"
#include "engine/gguf.h"
#include "engine/pool.h"
#include "train/gguf_write.h"

enum { CONVERT_ROW_MAX = 1 << 24 }; // elements

enum convert_type {
    CONVERT_F32,
    CONVERT_F16,
    CONVERT_BF16,
    CONVERT_Q8_0,
    CONVERT_Q6_K,
    CONVERT_Q5_0,
    CONVERT_Q4_0,
    CONVERT_Q4_K,
    // As llama.cpp's: Q4_K, but Q6_K for attn_v and ffn_down of the first and last eighth of the
    // layers and every third between.
    CONVERT_Q4_K_M,
    CONVERT_SAME, // each matrix as the type that it is
    CONVERT_TYPES,
};

// SK_UNKNOWN, naming those that there are. `name` in any case.
enum sk_code convert_find(const char *name, enum convert_type *out);

// What a matrix is written as: with a block type the output (where it is the embedding too, that)
// is Q6_K at least, as llama.cpp does.
enum quant_type convert_choose(const struct gguf *model, const struct gguf_tensor *tensor,
                               enum convert_type type);

typedef void convert_progress(void *self, uint64_t done, uint64_t all); // bytes read

struct convert {
    const struct gguf *from;
    struct adapter *adapter; // NULL: none
    enum convert_type type;
    struct pool *pool;
    convert_progress *progress; // may be NULL
    void *self;
    void (*release)(struct view bytes); // of the files, that are not read again; may be NULL
};

// Writes the model. SK_INPUT, SK_UNSUPPORTED, SK_LIMIT: names the tensor, or what the sink said.
enum sk_code convert_run(const struct convert *convert, struct gguf_sink sink);
