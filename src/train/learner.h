// Learner: the network of a run with its memory: parameters, gradients, moments.
//
// Holds a net that is drawn afresh, one that goes on from a GGUF file of F32, F16 or BF16, or
// low-rank pairs beside the frozen tensors of a GGUF file of any type, which are read where they
// lie: of llamas, RoPE factors (Llama 3) and all, and of qwen2, whose queries, keys and values have
// biases. Promises: all memory is taken at open; whatever learns is one block, listed as adam.h
// wants it. Refuses, naming key or tensor: files of other architectures or with tensors it does not
// compute, RoPE scaled in other ways, shapes that do not fit; to learn whole also quantised ones,
// qwen2 and RoPE factors.
#pragma once
#include "engine/gguf.h"
#include "train/adam.h"
#include "train/recipe.h"

// What a file is a model of. SK_UNSUPPORTED, SK_CORRUPT.
enum sk_code learner_shape(const struct gguf *base, struct net_shape *shape, uint32_t *context);

struct learner {
    struct net net;
    struct view architecture;   // "llama", or the base's
    struct net_tensors tensors; // that learn
    struct adam adam;           // over them
    bool pairs;                 // low-rank ones
    uint64_t moment_bytes; // of each of the two
    void *memory;          // of all blocks
    uint64_t bytes;
};

// `shape` with its vocabulary; `base`: NULL, or a file that stays mapped.
enum sk_code learner_open(struct learner *learner, const struct recipe *recipe,
                          const struct net_shape *shape, const struct gguf *base);
void learner_close(struct learner *learner); // fine on a zeroed one
