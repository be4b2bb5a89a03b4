// Model: what a GGUF file says of a network of one of the families, and where its tensors are.
//
// Promises: after model_read every number is inside the limits below and fits the others; after
// model_bind every tensor has the shape these numbers ask for, and none is left unused.
// Refuses: other architectures, and keys and tensors of parts that are not computed: each by name,
// never by ignoring it.
#pragma once
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"
#include "engine/adapter.h"
#include "engine/family.h"
#include "engine/gguf.h"
#include "engine/kernels.h"
#include "engine/lay.h"
#include "engine/pool.h"
#include "engine/rope.h"

enum {
    MODEL_LAYERS_MAX = 1024,
    MODEL_WIDTH_MAX = 1 << 17,
    MODEL_HEADS_MAX = 1024,
    MODEL_HEAD_LEN_MAX = 1024,
    MODEL_FF_MAX = 1 << 20,
    MODEL_EXPERTS_MAX = 1024,
    MODEL_VOCABULARY_MAX = 1 << 20,
    MODEL_CONTEXT_MAX = 1 << 20,
};

struct matrix {
    enum quant_type type;
    const struct pack *pack; // NULL: as the file has it
    const uint8_t *data;
    size_t row_bytes; // packed: of a group of rows
    uint32_t rows, columns; // columns run fastest
    const float *bias;      // padded; NULL: none
    const struct lora *loras; // of each adapter; NULL: none adapts it
};

// What an adapter adds to a matrix's product: scale B (A x).
struct lora {
    struct matrix a; // no rows: nothing
    const float *b;  // B turned: for each row of A a row of `b_stride` floats, padded
    size_t b_stride;
    float scale;
};

// Rows row .. row + rows of a matrix without bias; of a packed one groups of rows.
static inline struct matrix matrix_part(const struct matrix *whole, uint32_t row, uint32_t rows) {
    struct matrix part = *whole;
    part.data += (size_t)(part.pack ? row / PACK_ROWS : row) * part.row_bytes;
    part.rows = rows;
    return part;
}

// Norms that a family does not have, and the gate of an ungated one, are all zeros.
struct model_layer {
    struct kernel_norm attention_norm, query_norm, key_norm, attention_out_norm; // FAMILY_NORM_*
    struct kernel_norm ff_norm, ff_out_norm;
    struct matrix query, key, value, output;
    struct matrix router;         // of a mixture: a row for each expert, whose matrices follow
    struct matrix gate, up, down; // each other in these
};

enum model_pooling { MODEL_POOL_MEAN = 1, MODEL_POOL_FIRST = 2, MODEL_POOL_LAST = 3 };

struct model_adapters {
    struct adapter *at; // `len` of them, open while the model is read and bound
    uint32_t len, rank; // rank: the largest
    uint32_t failed;    // the number of the one that was refused; 0: none
    struct lora *loras; // of each matrix that one adapts, `len`; loras_used of them
    float *turned;      // their B; turned_used floats of turned_len
    uint64_t loras_used, turned_len, turned_used;
};

struct model {
    const struct family *family;
    struct view architecture, name, license, chat_template;
    uint32_t layers, width, heads, heads_kv, head_len, ff, context_trained;
    uint32_t experts, experts_used; // 0: no mixture
    uint32_t vocabulary;            // tokens; the embedding may have more rows
    uint32_t window;                // positions that a local layer sees; 0: all
    uint32_t rope_dims;             // 0: no RoPE
    uint32_t context_before;        // of the training before its positions were stretched
    float rope_base, rope_base_local;
    float epsilon, attention_scale;
    float temperature, attention_cap, final_cap; // 0 = none
    float embedding_scale, residual_scale, logit_scale;       // factors
    bool parallel, gelu;
    enum model_pooling pooling;
    bool ranks; // a reranker: its states become a score, no embedding
    bool local[MODEL_LAYERS_MAX];
    struct rope_scaling scaling;
    struct rope rope, rope_local;
    struct model_layer *layer;
    struct matrix embedding, head;
    struct matrix positions, types; // of encoders
    struct kernel_norm embedding_norm, output_norm;
    struct matrix rank_dense, rank_output; // of rerankers; some have no dense layer
    struct kernel_norm rank_norm;          // between them, in some
    float *vectors; // copies of the file's vectors, padded; vectors_used of vectors_len floats
    uint64_t vectors_len, vectors_used;
    struct model_adapters adapters;
    uint64_t parameters;
    char type_text[128];
};

// Keys, and how much the vectors take. `vocabulary` is left to the caller.
enum sk_code model_read(struct model *model, const struct gguf *gguf);

// Takes what model_bind fills.
void model_lay(struct model *model, struct lay *lay);

// After model_read: the adapters, open, that the model will be bound with; borrowed until it is.
// SK_UNSUPPORTED: encoders, an adapter of another architecture.
enum sk_code model_adapters_set(struct model *model, struct adapter *adapters, uint32_t len);

// Finds and checks every tensor, of the adapters too (vectors and embedding scales for NaN and
// infinity too), copies the vectors and turns B. `context`: positions that will be used, which
// choose phi3's RoPE factors.
enum sk_code model_bind(struct model *model, const struct gguf *gguf, uint32_t context);

// Memory of the weights: those that model_pack will pack as it packs them, others as the file has
// them. By the names and shapes of the tensors, after model_read.
uint64_t model_weights_bytes(const struct model *model, const struct gguf *gguf);
// What model_pack takes: about as much as the matrices have in the file.
uint64_t model_packed_bytes(struct model *model);
// Packs the matrices of a bound model that can be packed (pack.h); only what is of other types, and
// an embedding that is not the head too, is read from the file any more. `memory`, the caller's, is
// aligned to a line.
// `release` (may be NULL) is told piece by piece.
void model_pack(struct model *model, struct pool *pool, uint8_t *memory, engine_release *release);

// ---- adapt.c, for model_lay and model_bind ----

void model_adapters_lay(struct model *model, struct lay *lay);
// Adapts the parts of a tensor, one below the other, that were just bound.
enum sk_code model_adapt(struct model *model, const struct gguf_tensor *tensor,
                         struct matrix *const *parts, size_t len);
// Errors as adapter_used.
enum sk_code model_adapted(struct model *model, const struct gguf *gguf);
