// Adapter: a LoRA (Hu et al. 2021, arXiv:2106.09685) in a GGUF file, as llama.cpp's converter
// writes it. For a matrix W of the model there are A, "NAME.lora_a" of shape {columns, rank}, and
// B, "NAME.lora_b" of shape {rank, rows}: y = W x becomes W x + scale B (A x), with the scale
// adapter.lora.alpha / rank.
//
// Promises: after adapter_open every tensor is a finite half of a pair whose ranks are equal.
// Refuses by name: files of other kinds, tensors that are no half of a pair (norms too, which
// others leave out in silence), adapters that only act after certain tokens (aLoRA).
#pragma once
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"
#include "engine/gguf.h"

enum { ADAPTER_RANK_MAX = 4096 };

struct adapter {
    struct gguf gguf;
    struct view file;
    struct view name;         // for the caller's errors
    struct view architecture; // of the model that it was trained over
    float alpha;              // 0: none, a pair's scale is 1
    float wanted;             // … times this
    uint32_t rank;            // the largest
    uint64_t ranks, elements; // of all B: their ranks, their elements
};

// The file is borrowed; `wanted` is 1, `name` empty. SK_CORRUPT, SK_UNSUPPORTED, SK_LIMIT: names
// the key or tensor.
enum sk_code adapter_open(struct adapter *adapter, struct view file);
void adapter_close(struct adapter *adapter);

struct adapter_pair {
    const struct gguf_tensor *a, *b; // both NULL: there is none
    float scale;
};

// The pair of a matrix, which counts as used from now on; none for what is not adapted: vectors,
// tables of tokens, a mixture's experts. SK_CORRUPT: it is of another shape.
enum sk_code adapter_find(struct adapter *adapter, const struct gguf_tensor *matrix,
                          struct adapter_pair *out);

// SK_UNSUPPORTED when a pair was not used: it is of a tensor that `model` has not, or that cannot
// be adapted.
enum sk_code adapter_used(const struct adapter *adapter, const struct gguf *model);
