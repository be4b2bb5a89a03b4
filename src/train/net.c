#include "train/net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/net_ops.h"

enum {
    WIDTH_MAX = 1 << 15,
    FF_MAX = 1 << 17,
    VOCABULARY_MAX = 1 << 20,
};

static enum sk_code check_size(const char *field, uint32_t value, uint32_t max) {
    if (value == 0) return FAIL(SK_INPUT, "%s 0: give at least 1", field);
    if (value > max) return FAIL(SK_LIMIT, "%s %u > %u: give less", field, value, max);
    return SK_OK;
}

enum sk_code net_check(const struct net_shape *shape) {
    TRY(check_size("layers", shape->layers, NET_LAYERS_MAX));
    TRY(check_size("width", shape->width, WIDTH_MAX));
    TRY(check_size("heads", shape->heads, WIDTH_MAX / 2));
    TRY(check_size("heads_kv", shape->heads_kv, shape->heads));
    TRY(check_size("head_len", shape->head_len, NET_HEAD_MAX));
    TRY(check_size("ff", shape->ff, FF_MAX));
    TRY(check_size("vocabulary", shape->vocabulary, VOCABULARY_MAX));
    if (shape->width % 16)
        return FAIL(SK_INPUT, "width %u: give a multiple of 16", shape->width);
    if (shape->head_len % 2)
        return FAIL(SK_INPUT, "head_len %u: give an even number", shape->head_len);
    if (shape->heads % shape->heads_kv)
        return FAIL(SK_INPUT, "heads %u, heads_kv %u: give heads a multiple of heads_kv",
                    shape->heads, shape->heads_kv);
    TRY(check_size("heads x head_len", shape->heads * shape->head_len, WIDTH_MAX));
    if (!(shape->rope_base >= 1 && shape->rope_base <= 1e9f))
        return FAIL(SK_INPUT, "rope_base %g: give 1 to 1e9", (double)shape->rope_base);
    if (!(shape->epsilon > 0 && shape->epsilon <= 1))
        return FAIL(SK_INPUT, "epsilon %g: give more than 0, at most 1", (double)shape->epsilon);
    return SK_OK;
}

// A tensor's floats with those up to the next line of 64 bytes.
static uint64_t padded(uint64_t floats) { return (floats + 15) / 16 * 16; }

static struct net_tensor *list_add(struct net_tensors *out, uint32_t rows, uint32_t columns) {
    must(out->len < out->max);
    struct net_tensor *tensor = &out->tensor[out->len++];
    *tensor = (struct net_tensor){
        .rows = rows, .columns = columns, .at = out->floats, .decays = rows > 1};
    out->floats += padded((uint64_t)rows * columns);
    return tensor;
}

static void name_outer(struct net_tensor *tensor, const char *name) {
    snprintf(tensor->name, sizeof tensor->name, "%s.weight", name);
}

static void name_layer(struct net_tensor *tensor, uint32_t layer, const char *name) {
    snprintf(tensor->name, sizeof tensor->name, "blk.%u.%s.weight", layer, name);
}

enum { LAYER_TENSORS = 9 };

// A layer's tensors in the order of the list: rows and columns of each.
static void layer_sizes(const struct net_shape *shape, uint32_t sizes[LAYER_TENSORS][2]) {
    uint32_t w = shape->width, ff = shape->ff;
    uint32_t q = shape->heads * shape->head_len, kv = shape->heads_kv * shape->head_len;
    const uint32_t all[LAYER_TENSORS][2] = {{1, w}, {q, w}, {kv, w}, {kv, w}, {w, q},
                                            {1, w}, {ff, w}, {ff, w}, {w, ff}};
    memcpy(sizes, all, sizeof all);
}

void net_list(const struct net_shape *shape, struct net_tensors *out) {
    static const char *const names[LAYER_TENSORS] = {
        "attn_norm", "attn_q",   "attn_k", "attn_v",  "attn_output",
        "ffn_norm",  "ffn_gate", "ffn_up", "ffn_down"};
    uint32_t sizes[LAYER_TENSORS][2];
    layer_sizes(shape, sizes);
    out->len = 0;
    out->floats = 0;
    name_outer(list_add(out, shape->vocabulary, shape->width), "token_embd");
    for (uint32_t layer = 0; layer < shape->layers; layer++)
        for (uint32_t i = 0; i < LAYER_TENSORS; i++)
            name_layer(list_add(out, sizes[i][0], sizes[i][1]), layer, names[i]);
    name_outer(list_add(out, 1, shape->width), "output_norm");
    if (!shape->tied) name_outer(list_add(out, shape->vocabulary, shape->width), "output");
}

// The blocks, and where the next tensor begins in each, in the order of the list.
struct cursor {
    const float *parameters;
    float *gradients;
    uint64_t at;
};

static struct net_matrix take_matrix(struct cursor *at, uint32_t rows, uint32_t columns) {
    struct net_matrix matrix = {.at = at->parameters ? at->parameters + at->at : NULL,
                                .row_bytes = columns * sizeof(float),
                                .type = QUANT_F32,
                                .rows = rows,
                                .columns = columns,
                                .gradient = at->gradients ? at->gradients + at->at : NULL};
    at->at += padded((uint64_t)rows * columns);
    return matrix;
}

static struct net_vector take_vector(struct cursor *at, uint32_t len) {
    struct net_matrix one = take_matrix(at, 1, len);
    return (struct net_vector){.at = one.at, .gradient = one.gradient};
}

static void take_layer(struct cursor *at, const struct net_shape *shape, struct net_layer *layer) {
    uint32_t sizes[LAYER_TENSORS][2];
    layer_sizes(shape, sizes);
    layer->attention_norm = take_vector(at, sizes[0][1]);
    layer->query = take_matrix(at, sizes[1][0], sizes[1][1]);
    layer->key = take_matrix(at, sizes[2][0], sizes[2][1]);
    layer->value = take_matrix(at, sizes[3][0], sizes[3][1]);
    layer->output = take_matrix(at, sizes[4][0], sizes[4][1]);
    layer->ff_norm = take_vector(at, sizes[5][1]);
    layer->gate = take_matrix(at, sizes[6][0], sizes[6][1]);
    layer->up = take_matrix(at, sizes[7][0], sizes[7][1]);
    layer->down = take_matrix(at, sizes[8][0], sizes[8][1]);
}

void net_over(const struct net_shape *shape, const float *parameters, float *gradients,
              struct net *out) {
    struct cursor at = {parameters, gradients, 0};
    out->shape = *shape;
    out->rope_factors = NULL;
    out->embedding = take_matrix(&at, shape->vocabulary, shape->width);
    for (uint32_t i = 0; i < shape->layers; i++) take_layer(&at, shape, &out->layer[i]);
    out->output_norm = take_vector(&at, shape->width);
    out->head = shape->tied ? out->embedding : take_matrix(&at, shape->vocabulary, shape->width);
}

// Draws the next tensor of the block; its end.
static uint64_t draw_next(const uint32_t size[2], float deviation, uint64_t seed, uint64_t at,
                          float *parameters) {
    uint64_t len = (uint64_t)size[0] * size[1], end = at + padded(len);
    memset(parameters + at, 0, (end - at) * sizeof *parameters);
    if (size[0] > 1)
        net_ops_find(NULL)->draw(seed, at, len, deviation, parameters + at);
    else
        for (uint64_t i = 0; i < len; i++) parameters[at + i] = 1;
    return end;
}

void net_draw(const struct net_shape *shape, uint64_t seed, float *parameters) {
    enum { OUTPUT = 4, DOWN = 8 }; // the tensors of a layer that write to the residual stream
    const uint32_t outer[2] = {shape->vocabulary, shape->width}, norm[2] = {1, shape->width};
    const float deviation = 0.02f, less = deviation / sqrtf(2 * (float)shape->layers);
    uint32_t sizes[LAYER_TENSORS][2];
    layer_sizes(shape, sizes);
    uint64_t at = draw_next(outer, deviation, seed, 0, parameters);
    for (uint32_t layer = 0; layer < shape->layers; layer++)
        for (uint32_t i = 0; i < LAYER_TENSORS; i++)
            at = draw_next(sizes[i], i == OUTPUT || i == DOWN ? less : deviation, seed, at,
                           parameters);
    at = draw_next(norm, 0, seed, at, parameters);
    if (!shape->tied) draw_next(outer, deviation, seed, at, parameters);
}
