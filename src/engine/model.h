// Model: what a GGUF file says of a "llama" network, and where its tensors are.
//
// Promises: after model_read every number is inside the limits below and fits the others; after
// model_bind every tensor has the shape these numbers ask for, and none is left unused.
// Refuses: other architectures, mixtures of experts, biases, position scaling other than
// rope_freqs.weight: each by name, never by ignoring it.
#pragma once
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"
#include "engine/gguf.h"
#include "engine/lay.h"

enum {
    MODEL_LAYERS_MAX = 1024,
    MODEL_WIDTH_MAX = 1 << 17,
    MODEL_HEADS_MAX = 1024,
    MODEL_HEAD_LEN_MAX = 1024,
    MODEL_FF_MAX = 1 << 20,
    MODEL_VOCABULARY_MAX = 1 << 20,
    MODEL_CONTEXT_MAX = 1 << 20,
};

struct matrix {
    enum quant_type type;
    const uint8_t *data;
    size_t row_bytes;
    uint32_t rows, columns; // columns run fastest
};

struct model_layer {
    struct matrix query, key, value, output, gate, up, down;
    float *attention_norm, *ff_norm; // padded copies
};

struct model {
    struct view architecture, name, license, chat_template;
    uint32_t layers, width, heads, heads_kv, head_len, ff, rope_dims, context_trained;
    uint32_t vocabulary; // tokens; the embedding may have more rows
    float epsilon, rope_base, attention_scale;
    struct model_layer *layer;
    struct matrix embedding, head;
    float *output_norm;
    double *rope_rates; // rope_dims / 2
    uint64_t parameters;
    char type_text[128];
};

// Keys only. `vocabulary` is left to the caller.
enum sk_code model_read(struct model *model, const struct gguf *gguf);

// Takes what model_bind fills.
void model_lay(struct model *model, struct lay *lay);

// Finds and checks every tensor (norms and embedding scales for NaN and infinity too) and copies
// the norms.
enum sk_code model_bind(struct model *model, const struct gguf *gguf);
