#include "engine/model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "engine/kernels.h"
#include "engine/rope.h"

static enum sk_code check_range(const char *key, uint32_t value, uint32_t min, uint32_t max) {
    if (value >= min && value <= max) return SK_OK;
    return FAIL(SK_CORRUPT, "key llama.%s: %u is not in %u..%u", key, value, min, max);
}

// "llama.<key>", a number inside [1, max].
static enum sk_code read_size(const struct gguf *gguf, const char *key, enum gguf_need need,
                              uint32_t max, uint32_t *out) {
    char name[GGUF_KEY_LEN_MAX];
    snprintf(name, sizeof name, "llama.%s", key);
    TRY(gguf_u32(gguf, name, need, out));
    return check_range(key, *out, 1, max);
}

static enum sk_code read_heads(struct model *model, const struct gguf *gguf) {
    TRY(read_size(gguf, "attention.head_count", GGUF_MUST_BE, MODEL_HEADS_MAX, &model->heads));
    model->heads_kv = model->heads;
    TRY(read_size(gguf, "attention.head_count_kv", GGUF_MAY_BE, model->heads, &model->heads_kv));
    if (model->heads % model->heads_kv)
        return FAIL(SK_CORRUPT,
                    "key llama.attention.head_count: %u is no multiple of head_count_kv %u",
                    model->heads, model->heads_kv);
    if (!gguf_find(gguf, "llama.attention.key_length") && model->width % model->heads)
        return FAIL(SK_CORRUPT, "key llama.embedding_length: %u is no multiple of head_count %u",
                    model->width, model->heads);
    model->head_len = model->width / model->heads;
    if (model->head_len == 0) model->head_len = 1;
    TRY(read_size(gguf, "attention.key_length", GGUF_MAY_BE, MODEL_HEAD_LEN_MAX,
                  &model->head_len));
    uint32_t value_len = model->head_len;
    TRY(read_size(gguf, "attention.value_length", GGUF_MAY_BE, MODEL_HEAD_LEN_MAX, &value_len));
    if (value_len != model->head_len)
        return FAIL(SK_UNSUPPORTED,
                    "key llama.attention.value_length: %u differs from key_length %u", value_len,
                    model->head_len);
    return SK_OK;
}

static enum sk_code read_rope(struct model *model, const struct gguf *gguf) {
    model->rope_dims = model->head_len;
    TRY(read_size(gguf, "rope.dimension_count", GGUF_MAY_BE, model->head_len, &model->rope_dims));
    if (model->rope_dims % 2)
        return FAIL(SK_CORRUPT, "key llama.rope.dimension_count: %u is odd", model->rope_dims);
    model->rope_base = 10000;
    TRY(gguf_f32(gguf, "llama.rope.freq_base", GGUF_MAY_BE, &model->rope_base));
    if (!(model->rope_base >= 1 && model->rope_base <= 1e12f))
        return FAIL(SK_CORRUPT, "key llama.rope.freq_base: %g is not in 1..1e12",
                    (double)model->rope_base);
    struct view scaling = VIEW("none");
    TRY(gguf_text(gguf, "llama.rope.scaling.type", GGUF_MAY_BE, &scaling));
    float linear = 1;
    TRY(gguf_f32(gguf, "llama.rope.scale_linear", GGUF_MAY_BE, &linear));
    if (!view_is(scaling, "none") || linear < 1 || linear > 1)
        return FAIL(SK_UNSUPPORTED, "key llama.rope.scaling.type: only \"none\" is computed");
    return SK_OK;
}

static enum sk_code read_arithmetic(struct model *model, const struct gguf *gguf) {
    TRY(gguf_f32(gguf, "llama.attention.layer_norm_rms_epsilon", GGUF_MUST_BE, &model->epsilon));
    if (!(model->epsilon >= 0 && model->epsilon <= 1))
        return FAIL(SK_CORRUPT, "key llama.attention.layer_norm_rms_epsilon: %g is not in 0..1",
                    (double)model->epsilon);
    // The root of a whole number: sqrtf is exact to the last bit by IEEE 754.
    model->attention_scale = 1.0f / sqrtf((float)model->head_len);
    float scale = 0;
    TRY(gguf_f32(gguf, "llama.attention.scale", GGUF_MAY_BE, &scale));
    if (!(scale >= 0 && scale <= 100))
        return FAIL(SK_CORRUPT, "key llama.attention.scale: %g is not in 0..100", (double)scale);
    if (scale > 0) model->attention_scale = scale;
    uint32_t experts = 0;
    TRY(gguf_u32(gguf, "llama.expert_count", GGUF_MAY_BE, &experts));
    if (experts) return FAIL(SK_UNSUPPORTED, "key llama.expert_count: %u experts", experts);
    return SK_OK;
}

enum sk_code model_read(struct model *model, const struct gguf *gguf) {
    *model = (struct model){0};
    TRY(gguf_text(gguf, "general.architecture", GGUF_MUST_BE, &model->architecture));
    if (!view_is(model->architecture, "llama"))
        return FAIL(SK_UNSUPPORTED, "key general.architecture: \"%.*s\" (this build runs llama)",
                    (int)(model->architecture.len < 64 ? model->architecture.len : 64),
                    model->architecture.at);
    TRY(gguf_text(gguf, "general.name", GGUF_MAY_BE, &model->name));
    TRY(gguf_text(gguf, "general.license", GGUF_MAY_BE, &model->license));
    TRY(gguf_text(gguf, "tokenizer.chat_template", GGUF_MAY_BE, &model->chat_template));
    TRY(read_size(gguf, "context_length", GGUF_MUST_BE, MODEL_CONTEXT_MAX,
                  &model->context_trained));
    TRY(read_size(gguf, "embedding_length", GGUF_MUST_BE, MODEL_WIDTH_MAX, &model->width));
    TRY(read_size(gguf, "block_count", GGUF_MUST_BE, MODEL_LAYERS_MAX, &model->layers));
    TRY(read_size(gguf, "feed_forward_length", GGUF_MUST_BE, MODEL_FF_MAX, &model->ff));
    TRY(read_heads(model, gguf));
    TRY(read_rope(model, gguf));
    return read_arithmetic(model, gguf);
}

void model_lay(struct model *model, struct lay *lay) {
    model->layer = lay_take(lay, model->layers, sizeof *model->layer);
    model->rope_rates = lay_take(lay, model->rope_dims / 2, sizeof *model->rope_rates);
    model->output_norm = lay_take(lay, kernel_pad(model->width), sizeof(float));
    for (uint32_t i = 0; i < model->layers; i++) {
        float *norms = lay_take(lay, 2 * kernel_pad(model->width), sizeof(float));
        if (!model->layer || !norms) continue;
        model->layer[i].attention_norm = norms;
        model->layer[i].ff_norm = norms + kernel_pad(model->width);
    }
}

// ---- tensors ----

struct binder {
    struct model *model;
    const struct gguf *gguf;
    uint64_t bytes[QUANT_TYPE_MAX + 1]; // of the matrices, by type
};

static enum sk_code shape_fail(const struct gguf_tensor *t, uint64_t columns, uint64_t rows) {
    return FAIL(SK_CORRUPT,
                "tensor %.*s: shape %" PRIu64 " x %" PRIu64 ", the keys ask for %" PRIu64
                " x %" PRIu64,
                (int)t->name.len, t->name.at, t->shape[0], t->shape[1], columns, rows);
}

static enum sk_code find_tensor(struct binder *binder, const char *name,
                                const struct gguf_tensor **out) {
    struct gguf_tensor *t = gguf_tensor(binder->gguf, name);
    *out = t;
    if (!t) return FAIL(SK_CORRUPT, "tensor %s: missing", name);
    if (t->shape[2] * t->shape[3] != 1)
        return FAIL(SK_CORRUPT, "tensor %s: %u dimensions, a matrix has 2", name, t->dims);
    t->used = true;
    binder->model->parameters += t->shape[0] * t->shape[1];
    return SK_OK;
}

static const uint8_t *tensor_data(const struct binder *binder, const struct gguf_tensor *tensor) {
    return gguf_data(binder->gguf, tensor);
}

static enum sk_code bind_matrix(struct binder *binder, const char *name, uint64_t columns,
                                uint64_t rows, struct matrix *out) {
    const struct gguf_tensor *t;
    TRY(find_tensor(binder, name, &t));
    if (t->shape[0] != columns || t->shape[1] != rows) return shape_fail(t, columns, rows);
    binder->bytes[t->type] += t->bytes;
    *out = (struct matrix){t->type, tensor_data(binder, t), (size_t)(t->bytes / rows),
                           (uint32_t)rows, (uint32_t)columns};
    return SK_OK;
}

// A vector of finite F32, copied to `out`.
static enum sk_code bind_vector(struct binder *binder, const char *name, uint64_t len, float *out) {
    const struct gguf_tensor *t;
    TRY(find_tensor(binder, name, &t));
    if (t->shape[0] != len || t->shape[1] != 1) return shape_fail(t, len, 1);
    if (t->type != QUANT_F32)
        return FAIL(SK_UNSUPPORTED, "tensor %s: type %s, must be F32", name, quant_name(t->type));
    if (!quant_finite(QUANT_F32, tensor_data(binder, t), len))
        return FAIL(SK_CORRUPT, "tensor %s: holds NaN or infinity", name);
    memcpy(out, tensor_data(binder, t), (size_t)len * sizeof *out);
    return SK_OK;
}

static enum sk_code bind_layer(struct binder *binder, uint32_t index) {
    struct model *model = binder->model;
    struct model_layer *layer = &model->layer[index];
    uint64_t width = model->width, all = (uint64_t)model->heads * model->head_len;
    uint64_t all_kv = (uint64_t)model->heads_kv * model->head_len, ff = model->ff;
    const struct {
        const char *name;
        uint64_t columns, rows;
        struct matrix *out;
    } matrices[] = {
        {"attn_q", width, all, &layer->query},        {"attn_k", width, all_kv, &layer->key},
        {"attn_v", width, all_kv, &layer->value},     {"attn_output", all, width, &layer->output},
        {"ffn_gate", width, ff, &layer->gate},        {"ffn_up", width, ff, &layer->up},
        {"ffn_down", ff, width, &layer->down},
    };
    char name[64];
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        snprintf(name, sizeof name, "blk.%u.%s.weight", index, matrices[i].name);
        TRY(bind_matrix(binder, name, matrices[i].columns, matrices[i].rows, matrices[i].out));
    }
    snprintf(name, sizeof name, "blk.%u.attn_norm.weight", index);
    TRY(bind_vector(binder, name, width, layer->attention_norm));
    snprintf(name, sizeof name, "blk.%u.ffn_norm.weight", index);
    return bind_vector(binder, name, width, layer->ff_norm);
}

// The embedding: one row per token at least, every scale finite. Without output.weight it is the
// output matrix too.
static enum sk_code bind_embedding(struct binder *binder) {
    struct model *model = binder->model;
    const struct gguf_tensor *t = gguf_tensor(binder->gguf, "token_embd.weight");
    if (t && (t->shape[1] < model->vocabulary || t->shape[1] > MODEL_VOCABULARY_MAX))
        return FAIL(SK_CORRUPT, "tensor token_embd.weight: %" PRIu64 " rows for %u tokens",
                    t->shape[1], model->vocabulary);
    uint64_t rows = t ? t->shape[1] : model->vocabulary;
    TRY(bind_matrix(binder, "token_embd.weight", model->width, rows, &model->embedding));
    if (!quant_finite(model->embedding.type, model->embedding.data, rows * model->width))
        return FAIL(SK_CORRUPT, "tensor token_embd.weight: holds NaN or infinity");
    model->head = model->embedding;
    if (gguf_tensor(binder->gguf, "output.weight"))
        TRY(bind_matrix(binder, "output.weight", model->width, rows, &model->head));
    return SK_OK;
}

static enum sk_code bind_rope(struct binder *binder) {
    struct model *model = binder->model;
    float factors[MODEL_HEAD_LEN_MAX / 2];
    bool given = gguf_tensor(binder->gguf, "rope_freqs.weight") != NULL;
    if (given) TRY(bind_vector(binder, "rope_freqs.weight", model->rope_dims / 2, factors));
    for (uint32_t i = 0; given && i < model->rope_dims / 2; i++) {
        if (factors[i] >= 1 && factors[i] <= 1e6f) continue;
        return FAIL(SK_CORRUPT, "tensor rope_freqs.weight: factor %g is not in 1..1e6",
                    (double)factors[i]);
    }
    rope_rates((double)model->rope_base, given ? factors : NULL, model->rope_dims,
               model->rope_rates);
    return SK_OK;
}

// "Q4_K + Q6_K": the types of the matrices by bytes, most first.
static void name_types(struct binder *binder) {
    struct buf out = buf_over(binder->model->type_text, sizeof binder->model->type_text - 1);
    for (;;) {
        uint32_t most = 0;
        for (uint32_t i = 1; i <= QUANT_TYPE_MAX; i++)
            if (binder->bytes[i] > binder->bytes[most]) most = i;
        if (binder->bytes[most] == 0) break;
        binder->bytes[most] = 0;
        if (out.len) buf_put_text(&out, " + ");
        buf_put_text(&out, quant_name(most));
    }
}

static enum sk_code refuse_unused(const struct gguf *gguf) {
    for (uint32_t i = 0; i < gguf->tensors_len; i++) {
        const struct gguf_tensor *t = &gguf->tensors[i];
        if (!t->used) // a bias, an expert, a layer past block_count
            return FAIL(SK_UNSUPPORTED, "tensor %.*s: not part of the llama network of these keys",
                        (int)t->name.len, t->name.at);
    }
    return SK_OK;
}

enum sk_code model_bind(struct model *model, const struct gguf *gguf) {
    struct binder binder = {.model = model, .gguf = gguf};
    model->parameters = 0;
    TRY(bind_embedding(&binder));
    TRY(bind_vector(&binder, "output_norm.weight", model->width, model->output_norm));
    for (uint32_t i = 0; i < model->layers; i++) TRY(bind_layer(&binder, i));
    TRY(bind_rope(&binder));
    TRY(refuse_unused(gguf));
    name_types(&binder);
    return SK_OK;
}
