// Net parts: what the files of the net share: the room and one function for each part of a step.
//
// Activations are rows of floats, one for each token of the batch, their strides multiples of 16
// with zeros in the padding. What a layer keeps for the backward pass is in struct net_kept; all
// else is scratch of a step.
#pragma once
#include "engine/kernels.h"
#include "train/net.h"
#include "train/net_ops.h"

enum {
    NET_TOKENS = 16,  // that an item of work over tokens takes
    NET_QUERIES = 32, // that attention takes at once
    NET_COLUMNS = 64, // that an item of work over columns takes
};

// Of one layer. With `checkpoints` all layers share everything but x; with `halved` they share all
// floats, and `halves` is each one's own.
struct net_kept {
    float *x;                          // [tokens][width]: what enters the layer
    float *query, *key, *value;        // [tokens][qkv], side by side, turned by their positions
    float *mixed;                      // [tokens][q]: what attention gives
    float *middle;                     // [tokens][width]: x after attention
    float *gate, *up;                  // [tokens][2 ff], side by side
    float *x_inverse, *middle_inverse; // [tokens] of the norms
    float *log_sums;                   // [heads][tokens] of the scores of each query
    uint16_t *x_halves, *halves;       // x; and query to up, which lie together
};

// Of one thread, for one head of keys and values of a row of the batch.
struct net_head {
    float *key, *value, *d_key, *d_value; // [len][head]
    float *key_turned, *value_turned;     // [head][len]
    float *scores, *d_scores;             // [NET_QUERIES][len]
    float *query, *d_out, *out;           // [NET_QUERIES][head]
};

struct net_room {
    struct net_shape shape;
    struct net_options options;
    const struct net_ops *ops;
    struct pool pool;
    struct gemm_room gemm;
    void *block;
    uint64_t block_bytes;
    size_t q, kv, ff, vocabulary; // lengths of activations, to 16; the width is its own
    size_t qkv;                   // q + 2 kv, the stride of queries, keys and values
    size_t len, head;             // strides in struct net_head
    uint32_t rank;                // the largest of the net's low-rank pairs, to 16
    net_done *done;
    void *done_self;

    float *cosines, *sines; // [len_max][head_len / 2]
    uint32_t *begins;       // [tokens]: in its row, the first position of each one's document
    uint32_t *counted;      // the tokens that have a target

    struct net_kept kept[NET_LAYERS_MAX + 1]; // of the last only x: what leaves the last layer
    uint64_t kept_floats;                     // from query to the end of up
    struct net_head *heads;                   // one for each thread

    float *normed;                // [tokens][width]
    float *inverse;               // [tokens] of the last norm
    float *d_x, *d_normed;        // [tokens][width]
    float *d_mixed;               // [tokens][q]
    float *d_qkv;                 // [tokens][qkv]: of queries, keys and values
    float *gated, *d_gated;       // [tokens][ff]
    float *d_feed;                // [tokens][2 ff]: of gate and up
    float *low, *d_low;           // [tokens][rank]
    float *dropped;               // [tokens][the widest]
    float *logits;                // [part][vocabulary]
    uint32_t part;                // tokens whose logits are there at once
    float *losses;                // [tokens]: of those counted
};

// A step under way.
struct net_work {
    struct net_room *room;
    const struct net *net;
    const struct net_step *step;
    uint32_t tokens;
    uint32_t counted;
};

// y = W x + bias, or y += that, for `tokens` rows; `place` tells the matrix to dropout.
struct net_flow {
    const struct net_matrix *matrix;
    const float *x;
    float *y;
    size_t x_stride, y_stride;
    uint32_t tokens, place;
    bool add;
};
void net_linear(const struct net_work *work, const struct net_flow *flow);
// With d_y in y: gradients of the matrix; and of x in d_x (may be NULL), added with `add`.
void net_linear_back(const struct net_work *work, const struct net_flow *flow, float *d_x);

// Items of work that take `each` of something, and what an item takes.
struct net_span {
    uint32_t from, to;
};
static inline struct net_span net_span(uint32_t item, uint32_t each, uint32_t of) {
    uint32_t from = item * each;
    return (struct net_span){from, from + each < of ? from + each : of};
}
static inline uint32_t net_items(uint32_t of, uint32_t each) { return (of + each - 1) / each; }

// What is done to each float by itself, `floats` of them, a multiple of 16.
struct net_each {
    enum { NET_COPY, NET_HALVE, NET_WIDEN } what;
    const float *x;   // COPY, HALVE
    float *to;        // COPY, WIDEN
    uint16_t *halves; // HALVE: out; WIDEN: in
};
void net_each(struct net_room *room, const struct net_each *each, uint64_t floats);

// gated from gate and up; and from d_gated those of both.
void net_swiglu(const struct net_work *work, const struct net_kept *kept);
void net_swiglu_back(const struct net_work *work, const struct net_kept *kept);

// RMSNorm of `rows` rows of x, the ones listed in `index` (NULL: all), into y.
struct net_norm {
    struct net_vector weight;
    const float *x;
    const uint32_t *index;
    float *y, *inverse;
    uint32_t rows;
};
void net_norm(struct net_room *room, const struct net_norm *norm);
// y again from x and inverse.
void net_norm_again(struct net_room *room, const struct net_norm *norm);
// From d_y: gradient of the weight, and d_x added to.
void net_norm_back(struct net_room *room, const struct net_norm *norm, const float *d_y,
                   float *d_x);

void net_attend(const struct net_work *work, const struct net_kept *kept);
// From d_mixed: d_query, d_key, d_value, before their turning.
void net_attend_back(const struct net_work *work, const struct net_kept *kept);

// Ids to x of layer 0, and the gradient of the embedding from d_x.
void net_embed(const struct net_work *work);
void net_embed_back(const struct net_work *work);

// A layer's x to all it keeps, and with `out` to the next one's x.
void net_layer(const struct net_work *work, uint32_t layer, bool out);
// With what was kept there again, d_x of what leaves the layer to that of what enters it.
void net_layer_back(const struct net_work *work, uint32_t layer);
// Which of the net's matrices a flow is: for dropout. Of a layer 8 layer + one of these.
enum { NET_AT_QUERY, NET_AT_KEY, NET_AT_VALUE, NET_AT_OUTPUT, NET_AT_GATE, NET_AT_UP, NET_AT_DOWN,
       NET_AT_HEAD = 8 * NET_LAYERS_MAX };

// The last layer's x to losses of the counted tokens, and with a scale to d_x.
void net_foretell(const struct net_work *work);

// ln(x), NaN where x is not above 0.
float net_log(float x);
