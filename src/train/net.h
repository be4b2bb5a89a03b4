// Net: a network of the llama architecture that learns: loss and gradients of a batch.
//
// Tensors have the names, shapes and row orders of the GGUF file (rows of Q and K for RoPE over
// adjacent pairs, or as qwen2's over halves), so that what is trained is written as it lies.
// Gradients are derived by hand and checked against finite differences in double precision
// (tests/unit/test_train_gradients.c).
// Promises: the same loss and gradients, bit for bit, with any number of threads. Logits never
// exist whole: the cross-entropy goes over the batch's tokens in parts.
// Refuses: shapes it does not compute (net_check), tokens outside the vocabulary (must()).
// Sources: Touvron et al. 2023 (LLaMA); Zhang & Sennrich 2019 (RMSNorm); Su et al. 2021 (RoPE);
// Ainslie et al. 2023 (GQA); Shazeer 2020 (SwiGLU); Hu et al. 2021 (LoRA); Dao 2022 (attention by
// tiles, its scores computed again in the backward pass); Chen et al. 2016 (checkpoints of layers).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "train/gemm.h"

enum {
    NET_LAYERS_MAX = 128,
    NET_HEAD_MAX = 256,
    NET_NAME_MAX = 64,
    NET_BATCH_MAX = 1 << 17, // tokens
    NET_IGNORED = -1, // a target: nothing is to be foretold here
};

struct net_shape {
    uint32_t layers, width, heads, heads_kv, head_len, ff, vocabulary;
    float rope_base, epsilon;
    bool tied;   // the output projection is the embedding
    bool halves; // RoPE turns (x[i], x[i + head_len / 2]), else (x[2 i], x[2 i + 1])
};

// SK_INPUT or SK_LIMIT, naming the field, its limit and the fix.
enum sk_code net_check(const struct net_shape *shape);

// A pair of small matrices beside a frozen one: y += scale * B (A x). a: [rank][columns],
// b: [rows][rank], as in a LoRA GGUF file.
struct net_low_rank {
    float *a, *b, *a_gradient, *b_gradient;
    uint32_t rank; // 0: none
    float scale;   // alpha / rank
};

// rows x columns, columns run fastest; y = W x.
struct net_matrix {
    const void *at; // F32 where it learns; any type of the engine's where it is frozen
    size_t row_bytes;
    enum quant_type type;
    uint32_t rows, columns;
    float *gradient; // NULL: frozen
    const float *bias; // of each row, added to y; it does not learn. NULL: none
    struct net_low_rank low;
};

struct net_vector { // of a norm
    const float *at;
    float *gradient; // NULL: frozen
};

struct net_layer {
    struct net_vector attention_norm, ff_norm;
    struct net_matrix query, key, value, output, gate, up, down;
};

struct net {
    struct net_shape shape;
    struct net_matrix embedding, head; // tied: head is the embedding
    struct net_vector output_norm;
    const float *rope_factors; // of each pair of a head, as rope_rates divides by; NULL: none
    struct net_layer layer[NET_LAYERS_MAX];
};

// A tensor of a net that is trained whole. Tensors follow each other in the order of the list, each
// on a line of 64 bytes, in the block of parameters as in those of gradients and moments.
struct net_tensor {
    char name[NET_NAME_MAX]; // as in the GGUF file: "blk.0.attn_q.weight"
    uint32_t rows, columns;  // rows 1: a vector
    uint64_t at;             // its first float in the block
    bool decays;             // weight decay is for matrices
};
struct net_tensors {
    struct net_tensor *tensor; // the caller's, `max` of them
    uint32_t len, max;
    uint64_t floats; // of the whole block, padding included (zeros)
};
// The list for a shape; 2 + 9 for each layer, 3 + 9 untied.
enum { NET_TENSORS_MAX = 3 + 9 * NET_LAYERS_MAX };
void net_list(const struct net_shape *shape, struct net_tensors *out);
// The net over such a block of parameters (NULL: only its sizes) and one of gradients (NULL: only
// losses).
void net_over(const struct net_shape *shape, const float *parameters, float *gradients,
              struct net *out);
// Parameters drawn: of deviation 0.02, of matrices that write to the residual stream
// 0.02 / sqrt(2 layers) (Radford et al. 2019), each the sum of four uniform ones, so nearly normal
// with no tail past 3.5 deviations; norms 1, padding 0. The same for the same seed.
void net_draw(const struct net_shape *shape, uint64_t seed, float *parameters);

// `rows` rows of `len` tokens. A document is a run of positions with the same `segment` in a row of
// the batch; positions count from its first, and attend only to earlier ones of it.
struct net_batch {
    const int32_t *ids, *targets; // [rows][len]; a target: the token after this position
    const uint32_t *segments;     // [rows][len]; ascending within a row
    uint32_t rows, len;
};

struct net_options {
    uint32_t threads, tokens_max, len_max; // the largest batch (rows * len) and row
    bool checkpoints; // keep only what enters a layer and compute the layer again going back
    bool halved;      // activations that wait for the backward pass are kept as BF16
};

// Memory for batches of a net, and its threads.
struct net_room;
enum sk_code net_room_open(struct net_room **room, const struct net *net,
                           const struct net_options *options);
void net_room_close(struct net_room *room); // fine on NULL
uint64_t net_room_bytes(const struct net_room *room);
// Its threads, for the caller while no batch runs: adam_step.
struct pool *net_room_pool(struct net_room *room);

struct net_loss {
    double sum; // of -ln p over the targets that count, in nats
    uint64_t targets;
};

// The loss of a batch; where `scale` is not 0, gradients of scale * sum are added to the net's.
// `dropout` of the low-rank pairs' inputs by `seed` (0: none).
struct net_step {
    const struct net_batch *batch;
    float scale, dropout;
    uint64_t seed;
};
struct net_loss net_run(struct net_room *room, const struct net *net, const struct net_step *step);

// -ln p of each target, [rows][len]; 0 where it is NET_IGNORED. For tests.
void net_losses(struct net_room *room, const struct net *net, const struct net_batch *batch,
                float *losses);
// Called when all gradients of a layer are complete, for sums over machines meanwhile: first with
// `layers` for the output norm and an untied head, then from the last layer to the first, then with
// UINT32_MAX for the embedding.
typedef void net_done(void *self, uint32_t layer);
void net_room_watch(struct net_room *room, net_done *done, void *self);
