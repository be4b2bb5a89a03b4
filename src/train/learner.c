#include "train/learner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/lay.h"
#include "engine/pages.h"

// ---- a file's shape ----

// A file and the architecture that its keys begin with.
struct base {
    const struct gguf *gguf;
    char prefix[16];
    char key[64]; // the last one asked for
};

static const char *key_of(struct base *base, const char *name) {
    snprintf(base->key, sizeof base->key, "%s.%s", base->prefix, name);
    return base->key;
}

static enum sk_code number_of(struct base *base, const char *name, enum gguf_need need,
                              uint32_t *out) {
    return gguf_u32(base->gguf, key_of(base, name), need, out);
}

static enum sk_code count_heads(struct base *base, struct net_shape *shape) {
    shape->heads_kv = shape->heads;
    TRY(number_of(base, "attention.head_count_kv", GGUF_MAY_BE, &shape->heads_kv));
    if (!shape->heads || shape->width % shape->heads)
        return FAIL(SK_UNSUPPORTED, "%s %u: the width %u is no multiple",
                    key_of(base, "attention.head_count"), shape->heads, shape->width);
    shape->head_len = shape->width / shape->heads;
    TRY(number_of(base, "attention.key_length", GGUF_MAY_BE, &shape->head_len));
    uint32_t turned = shape->head_len;
    TRY(number_of(base, "rope.dimension_count", GGUF_MAY_BE, &turned));
    if (turned == shape->head_len) return SK_OK;
    return FAIL(SK_UNSUPPORTED, "%s %u: all %u of a head are wanted",
                key_of(base, "rope.dimension_count"), turned, shape->head_len);
}

static enum sk_code base_of(const struct gguf *gguf, struct base *base) {
    struct view architecture, scaling = VIEW("none");
    TRY(gguf_text(gguf, "general.architecture", GGUF_MUST_BE, &architecture));
    if (!view_is(architecture, "llama") && !view_is(architecture, "qwen2"))
        return FAIL(SK_UNSUPPORTED, "base: architecture %.*s: llama and qwen2 are computed here",
                    (int)architecture.len, architecture.at);
    *base = (struct base){.gguf = gguf};
    memcpy(base->prefix, architecture.at, architecture.len);
    TRY(gguf_text(gguf, key_of(base, "rope.scaling.type"), GGUF_MAY_BE, &scaling));
    if (view_is(scaling, "none")) return SK_OK;
    return FAIL(SK_UNSUPPORTED, "base: its RoPE is scaled (%.*s), which is not computed here",
                scaling.len < 32 ? (int)scaling.len : 32, scaling.at);
}

enum sk_code learner_shape(const struct gguf *gguf, struct net_shape *shape, uint32_t *context) {
    const struct gguf_tensor *embedding = gguf_tensor(gguf, "token_embd.weight");
    struct base base;
    *shape = (struct net_shape){.rope_base = 10000, .tied = !gguf_tensor(gguf, "output.weight")};
    TRY(base_of(gguf, &base));
    shape->halves = strcmp(base.prefix, "qwen2") == 0;
    TRY(number_of(&base, "block_count", GGUF_MUST_BE, &shape->layers));
    TRY(number_of(&base, "embedding_length", GGUF_MUST_BE, &shape->width));
    TRY(number_of(&base, "feed_forward_length", GGUF_MUST_BE, &shape->ff));
    TRY(number_of(&base, "attention.head_count", GGUF_MUST_BE, &shape->heads));
    TRY(gguf_f32(gguf, key_of(&base, "attention.layer_norm_rms_epsilon"), GGUF_MUST_BE,
                 &shape->epsilon));
    TRY(gguf_f32(gguf, key_of(&base, "rope.freq_base"), GGUF_MAY_BE, &shape->rope_base));
    TRY(number_of(&base, "context_length", GGUF_MUST_BE, context));
    TRY(count_heads(&base, shape));
    if (!embedding || embedding->dims != 2 || embedding->shape[1] > UINT32_MAX)
        return FAIL(SK_CORRUPT, "base: token_embd.weight is no matrix");
    shape->vocabulary = (uint32_t)embedding->shape[1];
    return net_check(shape);
}

// ---- memory ----

static void blocks_lay(struct learner *l, struct lay *lay) {
    uint64_t floats = l->tensors.floats;
    l->moment_bytes = floats * (l->adam.halved ? sizeof(uint16_t) : sizeof(float));
    l->adam.parameters = lay_take(lay, floats, sizeof(float));
    l->adam.gradients = lay_take(lay, floats, sizeof(float));
    l->adam.mean = lay_take(lay, 1, l->moment_bytes);
    l->adam.square = lay_take(lay, 1, l->moment_bytes);
}

// Where the list was made the size of all blocks is known.
static enum sk_code blocks_take(struct learner *l) {
    struct lay lay = {0};
    blocks_lay(l, &lay);
    l->bytes = lay.used;
    l->memory = lay.over ? NULL : pages_take(l->bytes);
    if (!l->memory)
        return FAIL(SK_LIMIT, "memory: cannot take %llu bytes for %llu parameters",
                    (unsigned long long)lay.used, (unsigned long long)l->tensors.floats);
    lay = (struct lay){.base = l->memory};
    blocks_lay(l, &lay);
    l->adam.tensors = &l->tensors;
    return SK_OK;
}

static enum sk_code list_take(struct learner *l) {
    l->tensors.max = NET_TENSORS_MAX + 14 * NET_LAYERS_MAX;
    l->tensors.tensor = calloc(l->tensors.max, sizeof *l->tensors.tensor);
    return l->tensors.tensor ? SK_OK : FAIL(SK_LIMIT, "memory: none left");
}

// ---- the whole network of a file ----

static enum sk_code tensor_of(const struct gguf *base, const char *name, uint32_t rows,
                              uint32_t columns, const struct gguf_tensor **out) {
    struct gguf_tensor *tensor = gguf_tensor(base, name);
    if (!tensor) return FAIL(SK_CORRUPT, "base: tensor %s is missing", name);
    if (tensor->shape[0] != columns || tensor->shape[1] != rows || tensor->shape[2] != 1 ||
        tensor->shape[3] != 1)
        return FAIL(SK_CORRUPT, "base: tensor %s is not %u x %u", name, rows, columns);
    tensor->used = true;
    *out = tensor;
    return SK_OK;
}

static enum sk_code unused_check(const struct gguf *base) {
    for (uint32_t i = 0; i < base->tensors_len; i++) {
        const struct gguf_tensor *tensor = &base->tensors[i];
        if (!tensor->used)
            return FAIL(SK_UNSUPPORTED, "base: tensor %.*s is not computed here",
                        (int)tensor->name.len, tensor->name.at);
    }
    return SK_OK;
}

static enum sk_code tensor_fill(const struct gguf *base, const struct net_tensor *tensor,
                                float *out) {
    const struct gguf_tensor *from;
    uint64_t len = (uint64_t)tensor->rows * tensor->columns;
    TRY(tensor_of(base, tensor->name, tensor->rows, tensor->columns, &from));
    const uint8_t *at = gguf_data(base, from);
    switch (from->type) {
    case QUANT_F32: memcpy(out, at, len * sizeof *out); break;
    case QUANT_F16:
        for (uint64_t i = 0; i < len; i++) out[i] = quant_from_half(quant_u16(at + 2 * i));
        break;
    case QUANT_BF16:
        for (uint64_t i = 0; i < len; i++) out[i] = quant_from_brain(quant_u16(at + 2 * i));
        break;
    default:
        return FAIL(SK_UNSUPPORTED,
                    "base: tensor %s is %s: to learn whole it must be F32, F16 or BF16 (lora: "
                    "learns beside it)",
                    tensor->name, quant_name(from->type));
    }
    return SK_OK;
}

static enum sk_code whole_open(struct learner *l, const struct recipe *recipe,
                               const struct net_shape *shape, const struct gguf *base) {
    net_list(shape, &l->tensors);
    TRY(blocks_take(l));
    net_over(shape, l->adam.parameters, l->adam.gradients, &l->net);
    if (!base) {
        net_draw(shape, recipe->seed, l->adam.parameters);
        return SK_OK;
    }
    if (shape->halves || gguf_tensor(base, "rope_freqs.weight"))
        return FAIL(SK_UNSUPPORTED, "base: a %.*s model%s learns beside it only: give `lora`",
                    (int)l->architecture.len, l->architecture.at,
                    shape->halves ? "" : " with RoPE factors");
    for (uint32_t i = 0; i < l->tensors.len; i++)
        TRY(tensor_fill(base, &l->tensors.tensor[i],
                        l->adam.parameters + l->tensors.tensor[i].at));
    return unused_check(base);
}

// ---- pairs beside a file's tensors ----

static enum sk_code matrix_freeze(const struct gguf *base, const char *name,
                                  struct net_matrix *matrix) {
    const struct gguf_tensor *from;
    TRY(tensor_of(base, name, matrix->rows, matrix->columns, &from));
    matrix->at = gguf_data(base, from);
    matrix->type = from->type;
    matrix->row_bytes = from->bytes / matrix->rows;
    matrix->gradient = NULL;
    return SK_OK;
}

static enum sk_code vector_freeze(const struct gguf *base, const char *name, uint32_t len,
                                  struct net_vector *vector) {
    const struct gguf_tensor *from;
    TRY(tensor_of(base, name, 1, len, &from));
    if (from->type != QUANT_F32)
        return FAIL(SK_UNSUPPORTED, "base: tensor %s is %s, F32 is wanted", name,
                    quant_name(from->type));
    *vector = (struct net_vector){.at = (const float *)(const void *)gguf_data(base, from)};
    return SK_OK;
}

// Where the file has it: what is added to y, or what RoPE is divided by.
static enum sk_code numbers_freeze(const struct gguf *base, const char *name, uint32_t len,
                                   const float **out) {
    struct net_vector vector = {0};
    if (gguf_tensor(base, name)) TRY(vector_freeze(base, name, len, &vector));
    for (uint32_t i = 0; vector.at && i < len; i++)
        if (!isfinite(vector.at[i]))
            return FAIL(SK_CORRUPT, "base: tensor %s: holds NaN or infinity", name);
    *out = vector.at;
    return SK_OK;
}

enum { TARGETS = 7 };
static const char *const targets[TARGETS] = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                             "ffn_gate", "ffn_up", "ffn_down"};

static struct net_matrix *matrix_of(struct net_layer *layer, int target) {
    struct net_matrix *const all[TARGETS] = {&layer->query,  &layer->key, &layer->value,
                                             &layer->output, &layer->gate, &layer->up,
                                             &layer->down};
    return all[target];
}

static bool is_target(const struct recipe_texts *wanted, const char *name) {
    if (!wanted->len) return true;
    for (uint32_t i = 0; i < wanted->len; i++)
        if (view_is(wanted->at[i], name)) return true;
    return false;
}

static enum sk_code targets_check(const struct recipe_texts *wanted) {
    for (uint32_t i = 0; i < wanted->len; i++) {
        int at = 0;
        while (at < TARGETS && !view_is(wanted->at[i], targets[at])) at++;
        if (at == TARGETS)
            return FAIL(SK_INPUT,
                        "lora.targets: '%s': attn_q, attn_k, attn_v, attn_output, ffn_gate, "
                        "ffn_up and ffn_down are there",
                        wanted->at[i].at);
    }
    return SK_OK;
}

static enum sk_code net_freeze(struct learner *l, const struct gguf *base) {
    struct net *net = &l->net;
    char name[NET_NAME_MAX];
    TRY(matrix_freeze(base, "token_embd.weight", &net->embedding));
    TRY(vector_freeze(base, "output_norm.weight", net->shape.width, &net->output_norm));
    TRY(numbers_freeze(base, "rope_freqs.weight", net->shape.head_len / 2, &net->rope_factors));
    for (uint32_t i = 0; net->rope_factors && i < net->shape.head_len / 2; i++)
        if (!(net->rope_factors[i] > 0))
            return FAIL(SK_CORRUPT, "base: tensor rope_freqs.weight: %g is not above 0",
                        (double)net->rope_factors[i]);
    net->head.gradient = NULL;
    if (net->shape.tied)
        net->head = net->embedding;
    else
        TRY(matrix_freeze(base, "output.weight", &net->head));
    for (uint32_t i = 0; i < net->shape.layers; i++) {
        struct net_layer *layer = &net->layer[i];
        snprintf(name, sizeof name, "blk.%u.attn_norm.weight", i);
        TRY(vector_freeze(base, name, net->shape.width, &layer->attention_norm));
        snprintf(name, sizeof name, "blk.%u.ffn_norm.weight", i);
        TRY(vector_freeze(base, name, net->shape.width, &layer->ff_norm));
        for (int target = 0; target < TARGETS; target++) {
            snprintf(name, sizeof name, "blk.%u.%s.weight", i, targets[target]);
            TRY(matrix_freeze(base, name, matrix_of(layer, target)));
            snprintf(name, sizeof name, "blk.%u.%s.bias", i, targets[target]);
            TRY(numbers_freeze(base, name, matrix_of(layer, target)->rows,
                               &matrix_of(layer, target)->bias));
        }
    }
    return unused_check(base);
}

static struct net_tensor *pair_add(struct learner *l, uint32_t layer, const char *name,
                                   uint32_t rows, uint32_t columns) {
    struct net_tensors *list = &l->tensors;
    must(list->len < list->max);
    struct net_tensor *tensor = &list->tensor[list->len++];
    *tensor = (struct net_tensor){
        .rows = rows, .columns = columns, .at = list->floats, .decays = true};
    snprintf(tensor->name, sizeof tensor->name, "blk.%u.%s", layer, name);
    list->floats += ((uint64_t)rows * columns + 15) / 16 * 16;
    return tensor;
}

static void pairs_list(struct learner *l, const struct recipe_low_rank *low) {
    char name[NET_NAME_MAX];
    l->tensors.len = 0;
    l->tensors.floats = 0;
    for (uint32_t i = 0; i < l->net.shape.layers; i++)
        for (int target = 0; target < TARGETS; target++) {
            const struct net_matrix *matrix = matrix_of(&l->net.layer[i], target);
            if (!is_target(&low->targets, targets[target])) continue;
            snprintf(name, sizeof name, "%s.weight.lora_a", targets[target]);
            pair_add(l, i, name, low->rank, matrix->columns);
            snprintf(name, sizeof name, "%s.weight.lora_b", targets[target]);
            pair_add(l, i, name, matrix->rows, low->rank);
        }
}

// A uniform within 1 / sqrt(columns) (He et al. 2015, as usual for LoRA); B stays 0.
static void pair_draw(const struct net_tensor *tensor, uint64_t seed, float *parameters) {
    float most = 1 / sqrtf((float)tensor->columns);
    for (uint64_t i = 0; i < (uint64_t)tensor->rows * tensor->columns; i++) {
        uint64_t z = seed + (tensor->at + i + 1) * 0x9e3779b97f4a7c15u; // splitmix64
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        parameters[tensor->at + i] = most * ((float)(z >> 40) * 0x1p-23f - 1);
    }
}

static void pairs_join(struct learner *l, const struct recipe *recipe) {
    const struct recipe_low_rank *low = &recipe->low_rank;
    uint32_t at = 0;
    for (uint32_t i = 0; i < l->net.shape.layers; i++)
        for (int target = 0; target < TARGETS; target++) {
            if (!is_target(&low->targets, targets[target])) continue;
            const struct net_tensor *a = &l->tensors.tensor[at++], *b = &l->tensors.tensor[at++];
            matrix_of(&l->net.layer[i], target)->low =
                (struct net_low_rank){.a = l->adam.parameters + a->at,
                                      .b = l->adam.parameters + b->at,
                                      .a_gradient = l->adam.gradients + a->at,
                                      .b_gradient = l->adam.gradients + b->at,
                                      .rank = low->rank,
                                      .scale = low->alpha / (float)low->rank};
            pair_draw(a, recipe->seed, l->adam.parameters);
        }
}

static enum sk_code pairs_open(struct learner *l, const struct recipe *recipe,
                               const struct net_shape *shape, const struct gguf *base) {
    must(base);
    TRY(targets_check(&recipe->low_rank.targets));
    net_over(shape, NULL, NULL, &l->net); // for its sizes; all else is the file's
    TRY(net_freeze(l, base));
    pairs_list(l, &recipe->low_rank);
    TRY(blocks_take(l));
    pairs_join(l, recipe);
    l->pairs = true;
    return SK_OK;
}

enum sk_code learner_open(struct learner *l, const struct recipe *recipe,
                          const struct net_shape *shape, const struct gguf *base) {
    *l = (struct learner){.architecture = VIEW("llama"),
                          .adam.halved = recipe->precision.moments == RECIPE_BF16};
    TRY(net_check(shape));
    if (base) TRY(gguf_text(base, "general.architecture", GGUF_MUST_BE, &l->architecture));
    enum sk_code code = list_take(l);
    if (code == SK_OK)
        code = recipe->low_rank.rank ? pairs_open(l, recipe, shape, base)
                                     : whole_open(l, recipe, shape, base);
    if (code != SK_OK) learner_close(l);
    return code;
}

void learner_close(struct learner *l) {
    if (l->memory) pages_give(l->memory, l->bytes);
    free(l->tensors.tensor);
    *l = (struct learner){0};
}
