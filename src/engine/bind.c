// The tensors of a model: each found by name, checked against the keys, and pointed to.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "engine/model.h"

struct binder {
    struct model *model;
    const struct gguf *gguf;
    char prefix[32];                    // "" or "blk.7."
    uint64_t bytes[QUANT_TYPE_MAX + 1]; // of the matrices, by type
};

struct tensor_name {
    char text[GGUF_NAME_LEN_MAX];
};

static struct tensor_name tensor_name(const struct binder *binder, const char *part,
                                      const char *kind) {
    struct tensor_name name;
    snprintf(name.text, sizeof name.text, "%s%s.%s", binder->prefix, part, kind);
    return name;
}

static struct gguf_tensor *find(const struct binder *binder, const char *part, const char *kind) {
    return gguf_tensor(binder->gguf, tensor_name(binder, part, kind).text);
}

// The tensor, which must be there and of this shape.
static enum sk_code take(struct binder *binder, struct tensor_name name, const uint64_t shape[3],
                         struct gguf_tensor **out) {
    struct gguf_tensor *t = *out = gguf_tensor(binder->gguf, name.text);
    if (!t) return FAIL(SK_CORRUPT, "tensor %s: missing", name.text);
    if (t->shape[0] != shape[0] || t->shape[1] != shape[1] || t->shape[2] != shape[2] ||
        t->shape[3] != 1)
        return FAIL(SK_CORRUPT,
                    "tensor %s: shape %" PRIu64 " x %" PRIu64 " x %" PRIu64
                    ", the keys ask for %" PRIu64 " x %" PRIu64 " x %" PRIu64,
                    name.text, t->shape[0], t->shape[1], t->shape[2] * t->shape[3], shape[0],
                    shape[1], shape[2]);
    t->used = true;
    binder->model->parameters += shape[0] * shape[1] * shape[2];
    return SK_OK;
}

// ---- vectors: finite F32, copied so that whole sixteens can be read ----

static const float *keep(struct model *model, const uint8_t *from, uint32_t len) {
    float *copy = model->vectors + model->vectors_used;
    model->vectors_used += kernel_pad(len);
    must(model->vectors_used <= model->vectors_len);
    memcpy(copy, from, len * sizeof *copy);
    return copy;
}

// *out is NULL when the tensor is not there and need not be.
static enum sk_code take_vector(struct binder *binder, struct tensor_name name,
                                enum family_need need, uint32_t len, const uint8_t **out) {
    *out = NULL;
    struct gguf_tensor *t = gguf_tensor(binder->gguf, name.text);
    if (need == FAMILY_NEVER || (need == FAMILY_MAYBE && !t)) return SK_OK;
    TRY(take(binder, name, (uint64_t[]){len, 1, 1}, &t));
    if (t->type != QUANT_F32)
        return FAIL(SK_UNSUPPORTED, "tensor %s: type %s, must be F32", name.text,
                    quant_name(t->type));
    if (!quant_finite(QUANT_F32, gguf_data(binder->gguf, t), len))
        return FAIL(SK_CORRUPT, "tensor %s: holds NaN or infinity", name.text);
    *out = gguf_data(binder->gguf, t);
    return SK_OK;
}

static enum sk_code bind_norm(struct binder *binder, const char *part, enum family_need need,
                              uint32_t len, struct kernel_norm *norm) {
    struct model *model = binder->model;
    const uint8_t *weight, *bias;
    TRY(take_vector(binder, tensor_name(binder, part, "weight"), need, len, &weight));
    if (!weight) return SK_OK;
    TRY(take_vector(binder, tensor_name(binder, part, "bias"), model->family->norm_bias, len,
                    &bias));
    *norm = (struct kernel_norm){.weight = keep(model, weight, len),
                                 .bias = bias ? keep(model, bias, len) : NULL,
                                 .n = len,
                                 .epsilon = model->epsilon,
                                 .centred = model->family->layer_norm};
    return SK_OK;
}

// ---- matrices ----

// One tensor may hold several matrices, one below the other: fused query, key and value, say.
enum { PARTS_MAX = 3 };
struct part {
    uint32_t rows;
    struct matrix *out;
};

static struct matrix matrix_of(struct binder *binder, const struct gguf_tensor *t) {
    uint64_t rows = t->shape[1] * t->shape[2];
    binder->bytes[t->type] += t->bytes;
    return (struct matrix){.type = t->type,
                           .data = gguf_data(binder->gguf, t),
                           .row_bytes = (size_t)(t->bytes / rows),
                           .rows = (uint32_t)rows,
                           .columns = (uint32_t)t->shape[0]};
}

static enum sk_code bind_parts(struct binder *binder, const char *name, uint32_t columns,
                               const struct part *parts, size_t len) {
    uint32_t rows = 0;
    for (size_t i = 0; i < len; i++) rows += parts[i].rows;
    struct gguf_tensor *t;
    const uint8_t *bias;
    TRY(take(binder, tensor_name(binder, name, "weight"), (uint64_t[]){columns, rows, 1}, &t));
    TRY(take_vector(binder, tensor_name(binder, name, "bias"), binder->model->family->bias, rows,
                    &bias));
    struct matrix whole = matrix_of(binder, t), *out[PARTS_MAX];
    rows = 0;
    for (size_t i = 0; i < len; rows += parts[i++].rows) {
        out[i] = parts[i].out;
        *out[i] = matrix_part(&whole, rows, parts[i].rows);
        if (bias) out[i]->bias = keep(binder->model, bias + 4 * (size_t)rows, parts[i].rows);
    }
    return model_adapt(binder->model, t, out, len);
}

static enum sk_code bind_matrix(struct binder *binder, const char *name, uint32_t columns,
                                uint32_t rows, struct matrix *out) {
    return bind_parts(binder, name, columns, &(struct part){rows, out}, 1);
}

// One matrix of each expert, one below the other.
static enum sk_code bind_experts(struct binder *binder, const char *name, uint32_t columns,
                                 uint32_t rows, struct matrix *out) {
    struct gguf_tensor *t;
    TRY(take(binder, tensor_name(binder, name, "weight"),
             (uint64_t[]){columns, rows, binder->model->experts}, &t));
    *out = matrix_of(binder, t);
    return SK_OK;
}

// ---- layers ----

static enum sk_code bind_attention(struct binder *binder, struct model_layer *layer) {
    const struct model *model = binder->model;
    uint32_t all = model->heads * model->head_len, all_kv = model->heads_kv * model->head_len;
    struct part parts[] = {{all, &layer->query}, {all_kv, &layer->key}, {all_kv, &layer->value}};
    static const char *const names[] = {"attn_q", "attn_k", "attn_v"};
    bool fused = find(binder, "attn_qkv", "weight") != NULL;
    if (fused) TRY(bind_parts(binder, "attn_qkv", model->width, parts, 3));
    for (size_t i = 0; i < 3 && !fused; i++)
        TRY(bind_parts(binder, names[i], model->width, &parts[i], 1));
    TRY(bind_matrix(binder, "attn_output", all, model->width, &layer->output));
    if (model->family->query_norm == FAMILY_QUERY_PLAIN) return SK_OK;
    bool rows = model->family->query_norm == FAMILY_QUERY_ROWS;
    TRY(bind_norm(binder, "attn_q_norm", FAMILY_ALWAYS, rows ? all : model->head_len,
                  &layer->query_norm));
    return bind_norm(binder, "attn_k_norm", FAMILY_ALWAYS, rows ? all_kv : model->head_len,
                     &layer->key_norm);
}

static enum sk_code bind_ff(struct binder *binder, struct model_layer *layer) {
    const struct model *model = binder->model;
    uint32_t width = model->width, ff = model->ff;
    if (model->experts) {
        TRY(bind_matrix(binder, "ffn_gate_inp", width, model->experts, &layer->router));
        TRY(bind_experts(binder, "ffn_gate_exps", width, ff, &layer->gate));
        TRY(bind_experts(binder, "ffn_up_exps", width, ff, &layer->up));
        return bind_experts(binder, "ffn_down_exps", ff, width, &layer->down);
    }
    const struct gguf_tensor *up = find(binder, "ffn_up", "weight");
    bool gated = !model->family->ungated, fused = false;
    if (gated && up) fused = !find(binder, "ffn_gate", "weight") && up->shape[1] == 2 * ff;
    if (fused) {
        struct part parts[] = {{ff, &layer->gate}, {ff, &layer->up}};
        TRY(bind_parts(binder, "ffn_up", width, parts, 2));
    } else {
        if (gated) TRY(bind_matrix(binder, "ffn_gate", width, ff, &layer->gate));
        TRY(bind_matrix(binder, "ffn_up", width, ff, &layer->up));
    }
    return bind_matrix(binder, "ffn_down", ff, width, &layer->down);
}

static enum sk_code bind_norms(struct binder *binder, struct model_layer *layer, bool first) {
    const struct family *family = binder->model->family;
    uint32_t width = binder->model->width;
    if (family->norms & FAMILY_NORM_BEFORE) {
        bool bare = first && family->first_bare;
        TRY(bind_norm(binder, "attn_norm", bare ? FAMILY_MAYBE : FAMILY_ALWAYS, width,
                      &layer->attention_norm));
        if (!family->one_norm)
            TRY(bind_norm(binder, "ffn_norm", FAMILY_ALWAYS, width, &layer->ff_norm));
    }
    bool after = family->norms & FAMILY_NORM_AFTER;
    if (!after && !(family->norms & FAMILY_NORM_OUTPUT)) return SK_OK;
    TRY(bind_norm(binder, after ? "attn_output_norm" : "post_attention_norm", FAMILY_ALWAYS, width,
                  &layer->attention_out_norm));
    return bind_norm(binder, after ? "layer_output_norm" : "post_ffw_norm", FAMILY_ALWAYS, width,
                     &layer->ff_out_norm);
}

// ---- around the layers ----

// Rows that are looked up: all values are finite.
static enum sk_code bind_table(struct binder *binder, const char *name, uint64_t rows,
                               struct matrix *out) {
    struct gguf_tensor *t;
    TRY(take(binder, tensor_name(binder, name, "weight"),
             (uint64_t[]){binder->model->width, rows, 1}, &t));
    *out = matrix_of(binder, t);
    if (!quant_finite(out->type, out->data, (uint64_t)out->rows * out->columns))
        return FAIL(SK_CORRUPT, "tensor %s.weight: holds NaN or infinity", name);
    return SK_OK;
}

// The embedding: one row per token at least.
static enum sk_code bind_embedding(struct binder *binder) {
    struct model *model = binder->model;
    const struct family *family = model->family;
    const struct gguf_tensor *t = find(binder, "token_embd", "weight");
    if (t && (t->shape[1] < model->vocabulary || t->shape[1] > MODEL_VOCABULARY_MAX))
        return FAIL(SK_CORRUPT, "tensor token_embd.weight: %" PRIu64 " rows for %u tokens",
                    t->shape[1], model->vocabulary);
    TRY(bind_table(binder, "token_embd", t ? t->shape[1] : model->vocabulary, &model->embedding));
    if (family->positions)
        TRY(bind_table(binder, "position_embd", model->context_trained, &model->positions));
    const struct gguf_tensor *types = find(binder, "token_types", "weight");
    if (family->types && types && types->shape[1] <= MODEL_VOCABULARY_MAX)
        TRY(bind_table(binder, "token_types", types->shape[1], &model->types));
    if (family->embedding_norm)
        TRY(bind_norm(binder, "token_embd_norm", FAMILY_ALWAYS, model->width,
                      &model->embedding_norm));
    return SK_OK;
}

static enum sk_code bind_rank_matrix(struct binder *binder, const char *name, uint32_t rows,
                                     struct matrix *out) {
    struct gguf_tensor *t;
    const uint8_t *bias;
    TRY(take(binder, tensor_name(binder, name, "weight"),
             (uint64_t[]){binder->model->width, rows, 1}, &t));
    TRY(take_vector(binder, tensor_name(binder, name, "bias"), FAMILY_MAYBE, rows, &bias));
    *out = matrix_of(binder, t);
    if (bias) out->bias = keep(binder->model, bias, rows);
    return SK_OK;
}

// What a reranker makes a score of a state with.
static enum sk_code bind_rank(struct binder *binder) {
    struct model *model = binder->model;
    if (!model->ranks) return SK_OK;
    if (find(binder, "cls", "weight")) {
        TRY(bind_rank_matrix(binder, "cls", model->width, &model->rank_dense));
        TRY(bind_norm(binder, "cls.norm", FAMILY_MAYBE, model->width, &model->rank_norm));
    }
    return bind_rank_matrix(binder, "cls.output", 1, &model->rank_output);
}

// Without output.weight the embedding is the output matrix too.
static enum sk_code bind_head(struct binder *binder) {
    struct model *model = binder->model;
    if (!(model->family->norms & FAMILY_NORM_AFTER))
        TRY(bind_norm(binder, "output_norm", FAMILY_ALWAYS, model->width, &model->output_norm));
    if (model->family->encoder) return SK_OK;
    model->head = model->embedding;
    struct gguf_tensor *t = find(binder, "output", "weight");
    if (t) {
        uint64_t shape[] = {model->width, model->embedding.rows, 1};
        TRY(take(binder, tensor_name(binder, "output", "weight"), shape, &t));
        model->head = matrix_of(binder, t);
        TRY(model_adapt(model, t, &(struct matrix *){&model->head}, 1));
    }
    const uint8_t *bias;
    enum family_need need = model->family->bias ? FAMILY_MAYBE : FAMILY_NEVER;
    TRY(take_vector(binder, tensor_name(binder, "output", "bias"), need, model->head.rows, &bias));
    if (bias) model->head.bias = keep(model, bias, model->head.rows);
    return SK_OK;
}

// Factors of each pair (llama 3), or two sets of which the context that will be used chooses
// (LongRoPE, Ding et al. 2024, arXiv:2402.13753).
static enum sk_code bind_rope(struct binder *binder, uint32_t context) {
    struct model *model = binder->model;
    const uint8_t *all, *factors_short, *factors_long;
    uint32_t pairs = model->rope_dims / 2;
    enum family_need need =
        find(binder, "rope_factors_long", "weight") || find(binder, "rope_factors_short", "weight")
            ? FAMILY_ALWAYS : FAMILY_NEVER;
    TRY(take_vector(binder, tensor_name(binder, "rope_freqs", "weight"), FAMILY_MAYBE, pairs,
                    &all));
    TRY(take_vector(binder, tensor_name(binder, "rope_factors_short", "weight"), need, pairs,
                    &factors_short));
    TRY(take_vector(binder, tensor_name(binder, "rope_factors_long", "weight"), need, pairs,
                    &factors_long));
    const uint8_t *chosen =
        all ? all : context > model->context_before ? factors_long : factors_short;
    const float *factors = chosen ? keep(model, chosen, pairs) : NULL;
    for (uint32_t i = 0; factors && i < pairs; i++)
        if (!(factors[i] >= 0.5f && factors[i] <= 1e6f))
            return FAIL(SK_CORRUPT, "tensor %s.weight: factor %g is not in 0.5..1e6",
                        all ? "rope_freqs" : "rope_factors", (double)factors[i]);
    static const struct rope_scaling none = {.factor = 1, .magnitude = 1};
    bool apart = model->family->local_rope;
    rope_rates(&model->rope, (double)model->rope_base, factors, model->rope_dims, &model->scaling);
    rope_rates(&model->rope_local, (double)model->rope_base_local, apart ? NULL : factors,
               model->rope_dims, apart ? &none : &model->scaling);
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

// An encoder's file may hold the head of a classifier too, which embeddings do not pass.
static enum sk_code refuse_unused(const struct binder *binder) {
    bool embeds = binder->model->family->encoder && !binder->model->ranks;
    for (uint32_t i = 0; i < binder->gguf->tensors_len; i++) {
        const struct gguf_tensor *t = &binder->gguf->tensors[i];
        // A bias, say, or an expert, or a layer past block_count.
        if (!t->used && !(embeds && view_starts(t->name, VIEW("cls."))))
            return FAIL(SK_UNSUPPORTED, "tensor %.*s: not part of the %s network of these keys",
                        (int)t->name.len, t->name.at, binder->model->family->name);
    }
    return SK_OK;
}

enum sk_code model_bind(struct model *model, const struct gguf *gguf, uint32_t context) {
    struct binder binder = {.model = model, .gguf = gguf};
    model->parameters = 0;
    TRY(bind_embedding(&binder));
    TRY(bind_head(&binder));
    TRY(bind_rank(&binder));
    TRY(bind_rope(&binder, context));
    for (uint32_t i = 0; i < model->layers; i++) {
        struct model_layer *layer = &model->layer[i];
        snprintf(binder.prefix, sizeof binder.prefix, "blk.%u.", i);
        TRY(bind_norms(&binder, layer, i == 0));
        TRY(bind_attention(&binder, layer));
        TRY(bind_ff(&binder, layer));
    }
    TRY(refuse_unused(&binder));
    TRY(model_adapted(model, gguf));
    name_types(&binder);
    return SK_OK;
}
