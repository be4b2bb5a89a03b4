// The keys of a model. Its tensors: bind.c.
#include "engine/model.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "engine/exact.h"

// ---- keys "<architecture>.<key>" ----

struct keys {
    const struct gguf *gguf;
    const char *family;
};

struct key_name {
    char text[GGUF_KEY_LEN_MAX];
};

static struct key_name key_name(const struct keys *keys, const char *key) {
    struct key_name name;
    snprintf(name.text, sizeof name.text, "%s.%s", keys->family, key);
    return name;
}

static bool key_there(const struct keys *keys, const char *key) {
    return gguf_find(keys->gguf, key_name(keys, key).text) != NULL;
}

static enum sk_code check_size(struct key_name name, uint32_t max, uint32_t size) {
    if (size >= 1 && size <= max) return SK_OK;
    return FAIL(SK_CORRUPT, "key %s: %u is not in 1..%u", name.text, size, max);
}

// A number in [1, max].
static enum sk_code read_size(const struct keys *keys, const char *key, enum gguf_need need,
                              uint32_t max, uint32_t *out) {
    struct key_name name = key_name(keys, key);
    TRY(gguf_u32(keys->gguf, name.text, need, out));
    return check_size(name, max, *out);
}

// The same, where some converters write a number for each layer: all must agree.
static enum sk_code read_even_size(const struct model *model, const struct keys *keys,
                                   const char *key, uint32_t max, uint32_t *out) {
    struct key_name name = key_name(keys, key);
    const struct gguf_key *each = gguf_find(keys->gguf, name.text);
    if (!each || !each->array)
        return read_size(keys, key, *out ? GGUF_MAY_BE : GGUF_MUST_BE, max, out);
    if ((each->kind != GGUF_U32 && each->kind != GGUF_I32) || each->count < model->layers)
        return FAIL(SK_CORRUPT, "key %s: not one number per layer", name.text);
    memcpy(out, each->bytes.at, sizeof *out);
    for (uint32_t i = 1; i < model->layers; i++)
        if (memcmp(each->bytes.at + i * sizeof *out, out, sizeof *out) != 0)
            return FAIL(SK_UNSUPPORTED, "key %s: layers that differ", name.text);
    return check_size(name, max, *out);
}

// A finite number in [min, max]; what *out holds before is the default and may be outside.
static enum sk_code read_number(const struct keys *keys, const char *key, double min, double max,
                                float *out) {
    struct key_name name = key_name(keys, key);
    if (!gguf_find(keys->gguf, name.text)) return SK_OK;
    TRY(gguf_f32(keys->gguf, name.text, GGUF_MUST_BE, out));
    if ((double)*out >= min && (double)*out <= max) return SK_OK;
    return FAIL(SK_CORRUPT, "key %s: %g is not in %g..%g", name.text, (double)*out, min, max);
}

// Whether a key says that its part is there: a number of 0, and false, say that it is not, and so
// does 1 where that changes nothing (one group, a factor, softmax by its number).
static bool key_is_on(const struct gguf_key *key, bool one_is_off) {
    static const float one = 1;
    bool on = false;
    for (size_t i = 0; i < key->bytes.len; i++) on |= key->bytes.at[i] != 0;
    if (!on || !one_is_off || key->array) return on;
    if (key->kind == GGUF_F32) return memcmp(key->bytes.at, &one, sizeof one) != 0;
    for (size_t i = 1; i < key->bytes.len; i++)
        if (key->bytes.at[i] != 0) return true;
    return key->bytes.at[0] != 1;
}

// Keys of parts that other networks have: with them the answer would be another one.
static enum sk_code refuse_others(const struct model *model, const struct keys *keys) {
    const struct family *family = model->family;
    static const struct {
        const char *key;
        size_t known;  // offset of the family's flag that makes it known; 0: none does
        bool one_is_off, of_mixtures; // of_mixtures: without experts it says nothing
    } others[] = {
        {"embedding_scale", offsetof(struct family, scales), false, false},
        {"residual_scale", offsetof(struct family, scales), false, false},
        {"logit_scale", offsetof(struct family, scales), false, false},
        {"attn_logit_softcapping", offsetof(struct family, caps), false, false},
        {"final_logit_softcapping", offsetof(struct family, caps), false, false},
        {"expert_count", offsetof(struct family, experts), false, false},
        {"hidden_activation", offsetof(struct family, gelu_key), false, false},
        {"attention.clamp_kqv", 0, false, false},
        {"attention.max_alibi_bias", 0, false, false},
        {"attention.temperature_scale", offsetof(struct family, temperature), false, false},
        {"attention.key_length_swa", 0, false, false},
        {"attention.relative_buckets_count", 0, false, false},
        {"attention.shared_kv_layers", 0, false, false},
        {"expert_group_count", 0, true, true},
        {"expert_shared_count", 0, false, true},
        {"expert_shared_feed_forward_length", 0, false, true},
        {"expert_weights_scale", 0, true, true},
        {"expert_gating_func", 0, true, true},
        {"moe_every_n_layers", 0, false, true},
        {"nextn_predict_layers", 0, false, false},
        {"rope.dimension_sections", 0, false, false},
        {"rope.dimension_count_swa", 0, false, false},
        {"rope.scaling.alpha", 0, false, false},
        {"swin_norm", 0, false, false},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const bool *flag = (const bool *)((const char *)family + others[i].known);
        if (others[i].known && *flag) continue;
        if (others[i].of_mixtures && model->experts == 0) continue;
        struct key_name name = key_name(keys, others[i].key);
        const struct gguf_key *key = gguf_find(keys->gguf, name.text);
        if (key && key_is_on(key, others[i].one_is_off))
            return FAIL(SK_UNSUPPORTED, "key %s: not computed for this family", name.text);
    }
    return SK_OK;
}

// ---- attention ----

static enum sk_code read_heads(struct model *model, const struct keys *keys) {
    TRY(read_even_size(model, keys, "attention.head_count", MODEL_HEADS_MAX, &model->heads));
    model->heads_kv = model->heads;
    TRY(read_even_size(model, keys, "attention.head_count_kv", model->heads, &model->heads_kv));
    if (model->heads % model->heads_kv)
        return FAIL(SK_CORRUPT,
                    "key %s.attention.head_count: %u is no multiple of head_count_kv %u",
                    keys->family, model->heads, model->heads_kv);
    if (!key_there(keys, "attention.key_length") && model->width % model->heads)
        return FAIL(SK_CORRUPT, "key %s.embedding_length: %u is no multiple of head_count %u",
                    keys->family, model->width, model->heads);
    model->head_len = model->width / model->heads;
    if (model->head_len == 0) model->head_len = 1;
    TRY(read_size(keys, "attention.key_length", GGUF_MAY_BE, MODEL_HEAD_LEN_MAX,
                  &model->head_len));
    uint32_t value_len = model->head_len;
    TRY(read_size(keys, "attention.value_length", GGUF_MAY_BE, MODEL_HEAD_LEN_MAX, &value_len));
    if (value_len != model->head_len)
        return FAIL(SK_UNSUPPORTED, "key %s.attention.value_length: %u differs from key_length %u",
                    keys->family, value_len, model->head_len);
    return SK_OK;
}

// Queries are scaled by 1 / sqrt(head_len), but in the largest gemmas by the mean width of a head.
// The root of a whole number: sqrtf is exact to the last bit by IEEE 754.
static enum sk_code read_attention(struct model *model, const struct keys *keys) {
    const struct family *family = model->family;
    bool wide = family->wide_layers && model->layers == family->wide_layers;
    uint32_t length = wide ? model->width / model->heads : model->head_len;
    model->attention_scale = 1.0f / sqrtf((float)(length ? length : 1));
    float scale = 0;
    TRY(read_number(keys, "attention.scale", 0, 100, &scale));
    if (scale > 0) model->attention_scale = scale;
    bool causal = !family->encoder;
    TRY(gguf_bool(keys->gguf, key_name(keys, "attention.causal").text, GGUF_MAY_BE, &causal));
    if (causal == family->encoder)
        return FAIL(SK_UNSUPPORTED, "key %s.attention.causal: %s", keys->family,
                    causal ? "true for an encoder" : "false for a decoder");
    TRY(read_number(keys, "attention.temperature_scale", 0, 100, &model->temperature));
    model->attention_cap = family->attention_cap;
    model->final_cap = family->final_cap;
    TRY(read_number(keys, "attn_logit_softcapping", 0, 1e6, &model->attention_cap));
    return read_number(keys, "final_logit_softcapping", 0, 1e6, &model->final_cap);
}

// sliding_window_pattern as an array: for each layer, whether it is local.
static enum sk_code read_locals(struct model *model, const struct keys *keys,
                                const struct gguf_key *key) {
    bool wide = key->kind == GGUF_U32 || key->kind == GGUF_I32;
    if ((!wide && key->kind != GGUF_BOOL) || key->count < model->layers)
        return FAIL(SK_CORRUPT, "key %s.attention.sliding_window_pattern: not one bool per layer",
                    keys->family);
    for (uint32_t i = 0; i < model->layers; i++)
        model->local[i] = key->bytes.at[(size_t)i * (wide ? 4 : 1)] != 0;
    return SK_OK;
}

static enum sk_code read_window(struct model *model, const struct keys *keys) {
    const struct family *family = model->family;
    model->window = family->window_default;
    struct key_name name = key_name(keys, "attention.sliding_window");
    TRY(gguf_u32(keys->gguf, name.text, GGUF_MAY_BE, &model->window));
    if (family->window == FAMILY_WINDOW_IGNORED) model->window = 0;
    if (model->window == 0) return SK_OK;
    if (family->window == FAMILY_WINDOW_REFUSED) {
        if (model->window < model->context_trained)
            return FAIL(SK_UNSUPPORTED, "key %s: %u, not computed for this family", name.text,
                        model->window);
        model->window = 0;
        return SK_OK;
    }
    name = key_name(keys, "attention.sliding_window_pattern");
    const struct gguf_key *pattern = gguf_find(keys->gguf, name.text);
    if (pattern && pattern->array) return read_locals(model, keys, pattern);
    uint32_t period = family->period;
    TRY(gguf_u32(keys->gguf, name.text, GGUF_MAY_BE, &period));
    uint32_t global = family->window == FAMILY_WINDOW_FIRST ? 0 : period - 1;
    for (uint32_t i = 0; i < model->layers; i++)
        model->local[i] = period == 0 || i % period != global;
    return SK_OK;
}

// ---- RoPE ----

static enum sk_code read_yarn(const struct keys *keys, float context,
                              struct rope_scaling *scaling) {
    float fast = 32, slow = 1, part = 1, log_multiplier = 0, magnitude = 0;
    TRY(read_number(keys, "rope.scaling.yarn_ext_factor", 0, 1, &part));
    TRY(read_number(keys, "rope.scaling.yarn_beta_fast", 1e-3, 1e6, &fast));
    TRY(read_number(keys, "rope.scaling.yarn_beta_slow", 1e-3, 1e6, &slow));
    TRY(read_number(keys, "rope.scaling.yarn_log_multiplier", 0, 100, &log_multiplier));
    TRY(read_number(keys, "rope.scaling.yarn_attn_factor", 0, 100, &magnitude));
    if (!(part > 0)) return SK_OK; // every pair is divided: linear
    scaling->yarn = true;
    scaling->context = (double)context;
    scaling->fast = (double)fast;
    scaling->slow = (double)slow;
    scaling->part = (double)part;
    // Longer contexts spread attention thinner: section 3.4 of the paper.
    double tenth = 0.1 * exact_log(scaling->factor);
    if (magnitude > 0)
        scaling->magnitude *= (double)magnitude;
    else
        scaling->magnitude *= (tenth + 1) / ((double)log_multiplier * tenth + 1);
    return SK_OK;
}

static enum sk_code read_scaling(struct model *model, const struct keys *keys) {
    struct key_name name = key_name(keys, "rope.scaling.type");
    struct view type = VIEW("linear"); // by a factor that is 1 when it is not there either
    TRY(gguf_text(keys->gguf, name.text, GGUF_MAY_BE, &type));
    bool none = view_is(type, "none"), yarn = view_is(type, "yarn");
    if (!none && !yarn && !view_is(type, "linear") && !view_is(type, "longrope"))
        return FAIL(SK_UNSUPPORTED, "key %s: \"%.*s\" (none, linear, yarn and longrope are known)",
                    name.text, (int)(type.len < 64 ? type.len : 64), type.at);
    float factor = 1, magnitude = 1;
    TRY(read_number(keys, "rope.scale_linear", 0, 1e6, &factor));
    TRY(read_number(keys, "rope.scaling.factor", 0, 1e6, &factor));
    TRY(read_number(keys, "rope.scaling.attn_factor", 0, 100, &magnitude));
    if (factor > 0 && factor < 1)
        return FAIL(SK_CORRUPT, "key %s.rope.scaling.factor: %g is below 1", keys->family,
                    (double)factor);
    if (none || !(factor > 0)) factor = 1;
    model->scaling = (struct rope_scaling){.factor = (double)factor,
                                           .magnitude = (double)magnitude};
    model->context_before = model->context_trained;
    TRY(read_size(keys, "rope.scaling.original_context_length", GGUF_MAY_BE, MODEL_CONTEXT_MAX,
                  &model->context_before));
    return yarn ? read_yarn(keys, (float)model->context_before, &model->scaling) : SK_OK;
}

static enum sk_code read_rope(struct model *model, const struct keys *keys) {
    const struct family *family = model->family;
    if (family->positions) return SK_OK;
    model->rope_dims = model->head_len;
    TRY(read_size(keys, "rope.dimension_count", GGUF_MAY_BE, model->head_len, &model->rope_dims));
    if (model->rope_dims % 2)
        return FAIL(SK_CORRUPT, "key %s.rope.dimension_count: %u is odd", keys->family,
                    model->rope_dims);
    bool on = true;
    if (family->rope_key)
        TRY(gguf_bool(keys->gguf, key_name(keys, "rope.scaling.finetuned").text, GGUF_MAY_BE, &on));
    if (!on) model->rope_dims = 0;
    model->rope_base = 10000;
    TRY(read_number(keys, "rope.freq_base", 1, 1e12, &model->rope_base));
    model->rope_base_local = family->local_base > 0 ? family->local_base : model->rope_base;
    TRY(read_number(keys, "rope.freq_base_swa", 1, 1e12, &model->rope_base_local));
    return read_scaling(model, keys);
}

// ---- the rest ----

static enum sk_code read_experts(struct model *model, const struct keys *keys) {
    if (!model->family->experts || !key_there(keys, "expert_count")) return SK_OK;
    struct key_name name = key_name(keys, "expert_count");
    TRY(gguf_u32(keys->gguf, name.text, GGUF_MUST_BE, &model->experts));
    if (model->experts == 0) return SK_OK;
    TRY(read_size(keys, "expert_count", GGUF_MUST_BE, MODEL_EXPERTS_MAX, &model->experts));
    TRY(read_size(keys, "expert_used_count", GGUF_MUST_BE, model->experts, &model->experts_used));
    return read_size(keys, "expert_feed_forward_length", GGUF_MAY_BE, MODEL_FF_MAX, &model->ff);
}

static enum sk_code read_scales(struct model *model, const struct keys *keys) {
    model->embedding_scale = model->residual_scale = model->logit_scale = 1;
    if (model->family->root_embedding) model->embedding_scale = sqrtf((float)model->width);
    if (!model->family->scales) return SK_OK;
    float divisor = 0;
    TRY(read_number(keys, "embedding_scale", 0, 1e6, &model->embedding_scale));
    TRY(read_number(keys, "residual_scale", 0, 1e6, &model->residual_scale));
    TRY(read_number(keys, "logit_scale", 1e-6, 1e6, &divisor));
    if (divisor > 0) model->logit_scale = 1.0f / divisor;
    if (!(model->embedding_scale > 0)) model->embedding_scale = 1; // 0: not scaled
    if (!(model->residual_scale > 0)) model->residual_scale = 1;
    return SK_OK;
}

static enum sk_code read_layer_form(struct model *model, const struct keys *keys) {
    const struct family *family = model->family;
    const char *epsilon =
        family->layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";
    struct key_name name = key_name(keys, epsilon);
    if (!key_there(keys, epsilon)) return FAIL(SK_CORRUPT, "key %s: missing", name.text);
    TRY(read_number(keys, epsilon, 0, 1, &model->epsilon));
    model->parallel = family->parallel;
    name = key_name(keys, "use_parallel_residual");
    if (family->parallel_key)
        TRY(gguf_bool(keys->gguf, name.text, GGUF_MUST_BE, &model->parallel));
    model->gelu = family->gelu;
    if (!family->gelu_key) return SK_OK;
    struct view form = VIEW("gelu");
    name = key_name(keys, "hidden_activation");
    TRY(gguf_text(keys->gguf, name.text, GGUF_MAY_BE, &form));
    model->gelu = view_is(form, "gelu");
    if (model->gelu || view_is(form, "silu")) return SK_OK;
    return FAIL(SK_UNSUPPORTED, "key %s: \"%.*s\" (gelu and silu are known)", name.text,
                (int)(form.len < 64 ? form.len : 64), form.at);
}

// A reranker's head may be that of a classifier with more labels: which one ranks is not said.
static enum sk_code read_labels(const struct keys *keys) {
    struct key_name name = key_name(keys, "classifier.output_labels");
    const struct gguf_key *labels;
    TRY(gguf_array(keys->gguf, name.text, GGUF_STRING, GGUF_MAY_BE, &labels));
    if (!labels || labels->count == 1) return SK_OK;
    return FAIL(SK_UNSUPPORTED, "key %s: %" PRIu64 " labels (a reranker has one)", name.text,
                labels->count);
}

static enum sk_code read_pooling(struct model *model, const struct keys *keys) {
    enum { RANK = 4 };
    uint32_t pooling = MODEL_POOL_MEAN;
    struct key_name name = key_name(keys, "pooling_type");
    if (model->family->encoder) TRY(gguf_u32(keys->gguf, name.text, GGUF_MAY_BE, &pooling));
    if (pooling < MODEL_POOL_MEAN || pooling > RANK)
        return FAIL(SK_UNSUPPORTED, "key %s: %u (mean 1, cls 2, last 3 and rank 4 are known)",
                    name.text, pooling);
    model->ranks = pooling == RANK;
    model->pooling = (enum model_pooling)pooling;
    if (!model->ranks) return SK_OK;
    model->pooling = model->family->mean_head ? MODEL_POOL_MEAN : MODEL_POOL_FIRST;
    return read_labels(keys);
}

static enum sk_code read_texts(struct model *model, const struct gguf *gguf) {
    TRY(gguf_text(gguf, "general.name", GGUF_MAY_BE, &model->name));
    TRY(gguf_text(gguf, "general.license", GGUF_MAY_BE, &model->license));
    return gguf_text(gguf, "tokenizer.chat_template", GGUF_MAY_BE, &model->chat_template);
}

static enum sk_code find_family(struct model *model, const struct gguf *gguf) {
    struct view type = VIEW("model");
    TRY(gguf_text(gguf, "general.type", GGUF_MAY_BE, &type));
    if (view_is(type, "adapter"))
        return FAIL(SK_UNSUPPORTED, "key general.type: an adapter, which is served with its model: "
                    "adapter_of in the configuration, --adapter on the command line");
    TRY(gguf_text(gguf, "general.architecture", GGUF_MUST_BE, &model->architecture));
    model->family = family_find(model->architecture);
    if (model->family) return SK_OK;
    char names[512];
    struct buf known = buf_over(names, sizeof names);
    family_names(&known);
    return FAIL(SK_UNSUPPORTED, "key general.architecture: \"%.*s\" (this build runs %.*s)",
                (int)(model->architecture.len < 64 ? model->architecture.len : 64),
                model->architecture.at, (int)known.len, names);
}

// Room for a copy of every vector, each in three parts at most (fused query, key and value).
static void measure_vectors(struct model *model, const struct gguf *gguf) {
    for (uint32_t i = 0; i < gguf->tensors_len; i++) {
        const struct gguf_tensor *t = &gguf->tensors[i];
        if (t->type == QUANT_F32 && t->shape[1] * t->shape[2] * t->shape[3] == 1)
            model->vectors_len += kernel_pad(t->shape[0]) + 2 * KERNEL_LANES;
    }
}

enum sk_code model_read(struct model *model, const struct gguf *gguf) {
    *model = (struct model){0};
    TRY(find_family(model, gguf));
    TRY(read_texts(model, gguf));
    struct keys keys = {gguf, model->family->name};
    TRY(read_size(&keys, "context_length", GGUF_MUST_BE, MODEL_CONTEXT_MAX,
                  &model->context_trained));
    TRY(read_size(&keys, "embedding_length", GGUF_MUST_BE, MODEL_WIDTH_MAX, &model->width));
    TRY(read_size(&keys, "block_count", GGUF_MUST_BE, MODEL_LAYERS_MAX, &model->layers));
    TRY(read_even_size(model, &keys, "feed_forward_length", MODEL_FF_MAX, &model->ff));
    TRY(read_experts(model, &keys));
    TRY(refuse_others(model, &keys));
    TRY(read_heads(model, &keys));
    TRY(read_attention(model, &keys));
    TRY(read_window(model, &keys));
    TRY(read_rope(model, &keys));
    TRY(read_layer_form(model, &keys));
    TRY(read_scales(model, &keys));
    TRY(read_pooling(model, &keys));
    measure_vectors(model, gguf);
    return SK_OK;
}

void model_lay(struct model *model, struct lay *lay) {
    model->layer = lay_take(lay, model->layers, sizeof *model->layer);
    model->rope.rates = lay_take(lay, model->rope_dims / 2, sizeof *model->rope.rates);
    model->rope_local.rates = lay_take(lay, model->rope_dims / 2, sizeof *model->rope.rates);
    model->vectors = lay_take(lay, model->vectors_len, sizeof *model->vectors);
    model_adapters_lay(model, lay);
}
