#include "specimen.h"

#include <math.h>

enum { FILE_BYTES_MAX = 1 << 26 };

#define LLAMA (HAS_PRE_NORMS | HAS_GATE)
#define QWEN (LLAMA | HAS_BYTEWISE)
#define GEMMA (LLAMA | HAS_TIED | HAS_WIDE_HEADS)
#define NEOX                                                                                       \
    (HAS_BYTEWISE | HAS_PRE_NORMS | HAS_LAYER_NORM | HAS_NORM_BIAS |                               \
     HAS_FUSED_QKV | HAS_QKV_BIAS | HAS_BIASES | HAS_PART_ROPE)
#define BERT                                                                                       \
    (HAS_ENCODER | HAS_WORDS | HAS_TIED | HAS_LAYER_NORM | HAS_NORM_BIAS |                         \
     HAS_EMBEDDING_NORM | HAS_TOKEN_TYPES | HAS_OUT_NORMS)
#define MODERN                                                                                     \
    (HAS_ENCODER | HAS_BYTEWISE | HAS_TIED | HAS_LAYER_NORM | HAS_PRE_NORMS |                      \
     HAS_EMBEDDING_NORM | HAS_FUSED_QKV | HAS_GATE_IN_UP | HAS_FIRST_NORM_NONE | HAS_CLASSIFIER)
#define U32(name, value) {name, 4, value, NULL}
#define F32(name, value) {name, 6, value, NULL}
#define BOOL(name, value) {name, 7, value, NULL}
#define TEXT(name, value) {name, 8, 0, value}
#define EXPERTS U32("expert_count", 4), U32("expert_used_count", 2)

const struct specimen specimens[] = {
    {"llama", "llama", LLAMA, 2, 4, 2, 1, 4, {{0}}},
    {"llama-tied", "llama", LLAMA | HAS_TIED, 2, 4, 2, 2, 4, {F32("rope.freq_base", 500000)}},
    {"llama3", "llama", LLAMA | HAS_BYTEWISE | HAS_ROPE_FACTORS, 2, 4, 1, 1, 4,
     {F32("rope.freq_base", 500000)}},
    {"llama-linear", "llama", LLAMA, 2, 4, 2, 1, 4,
     {TEXT("rope.scaling.type", "linear"), F32("rope.scaling.factor", 4)}},
    {"llama-yarn", "llama", LLAMA, 2, 4, 2, 1, 4,
     {TEXT("rope.scaling.type", "yarn"), F32("rope.scaling.factor", 4),
      U32("rope.scaling.original_context_length", SPECIMEN_CONTEXT / 4)}},
    {"mistral", "llama", LLAMA, 2, 8, 2, 1, 4, {U32("attention.sliding_window", 4096)}},
    {"mistral3", "mistral3", LLAMA, 2, 8, 2, 1, 4,
     {F32("attention.temperature_scale", 0.1), TEXT("rope.scaling.type", "yarn"),
      F32("rope.scaling.factor", 16), F32("rope.scaling.yarn_beta_fast", 16),
      F32("rope.scaling.yarn_log_multiplier", 1),
      U32("rope.scaling.original_context_length", SPECIMEN_CONTEXT / 16)}},
    {"mixtral", "llama", LLAMA | HAS_EXPERTS, 2, 4, 2, 1, 4, {EXPERTS}},
    {"qwen2", "qwen2", QWEN | HAS_QKV_BIAS, 2, 4, 2, 1, 4, {F32("rope.freq_base", 1000000)}},
    {"qwen3", "qwen3", QWEN | HAS_HEAD_NORMS | HAS_WIDE_HEADS | HAS_TIED, 2, 4, 2, 2, 4,
     {F32("rope.freq_base", 1000000)}},
    {"qwen3moe", "qwen3moe", QWEN | HAS_HEAD_NORMS | HAS_WIDE_HEADS | HAS_EXPERTS, 2, 4,
     2, 1, 4,
     {EXPERTS, U32("expert_gating_func", 1), F32("expert_weights_scale", 1),
      U32("expert_group_count", 1), BOOL("expert_weights_norm", 1)}},
    {"gemma", "gemma", GEMMA, 2, 4, 1, 24, 4, {{0}}},
    {"gemma2", "gemma2", GEMMA | HAS_POST_NORMS, 3, 4, 2, 36, 4,
     {U32("attention.sliding_window", 48), F32("attn_logit_softcapping", 4),
      F32("final_logit_softcapping", 12)}},
    {"gemma3", "gemma3", GEMMA | HAS_POST_NORMS | HAS_HEAD_NORMS, 7, 4, 1, 12, 4,
     {U32("attention.sliding_window", 48), F32("rope.freq_base", 1000000),
      F32("rope.scaling.factor", 8), TEXT("rope.scaling.type", "linear")}},
    {"phi3", "phi3",
     HAS_PRE_NORMS | HAS_GATE_IN_UP | HAS_FUSED_QKV | HAS_LONG_SHORT, 2, 4, 4, 1, 4,
     {U32("rope.scaling.original_context_length", SPECIMEN_CONTEXT)}},
    {"phi3-long", "phi3",
     HAS_PRE_NORMS | HAS_GATE_IN_UP | HAS_FUSED_QKV | HAS_LONG_SHORT, 2, 4, 2, 1, 4,
     {U32("rope.scaling.original_context_length", SPECIMEN_CONTEXT / 4),
      F32("rope.scaling.attn_factor", 1.19)}},
    {"phi2", "phi2", NEOX | HAS_ONE_NORM, 2, 4, 4, 1, 4, {{0}}},
    {"gptneox", "gptneox", NEOX, 2, 4, 4, 1, 4, {BOOL("use_parallel_residual", 1)}},
    {"gptneox-seq", "gptneox", NEOX, 2, 4, 4, 1, 4, {BOOL("use_parallel_residual", 0)}},
    {"olmo2", "olmo2",
     HAS_BYTEWISE | HAS_GATE | HAS_QK_NORMS | HAS_POST_NORMS, 2, 4, 2, 1, 4, {{0}}},
    {"olmo3", "olmo2",
     HAS_BYTEWISE | HAS_GATE | HAS_QK_NORMS | HAS_POST_NORMS, 4, 4, 2, 1, 4,
     {U32("attention.sliding_window", 48), U32("attention.sliding_window_pattern", 2),
      TEXT("rope.scaling.type", "yarn"), F32("rope.scaling.factor", 8),
      U32("rope.scaling.original_context_length", SPECIMEN_CONTEXT / 8)}},
    {"granite", "granite", QWEN, 2, 4, 2, 12, 20,
     {F32("embedding_scale", 12), F32("residual_scale", 0.25), F32("attention.scale", 0.125),
      F32("logit_scale", 5)}},
    // As the converter makes it of a hybrid without mamba layers and without experts.
    {"granite4", "granite", QWEN | HAS_EACH_LAYER, 2, 4, 2, 12, 20,
     {F32("embedding_scale", 12), F32("residual_scale", 0.25), F32("attention.scale", 0.125),
      F32("logit_scale", 5), BOOL("rope.scaling.finetuned", 1), U32("expert_count", 0),
      U32("expert_shared_feed_forward_length", 8192), U32("ssm.state_size", 128)}},
    {"granitemoe", "granitemoe", QWEN | HAS_EXPERTS, 2, 4, 2, 12, 20,
     {F32("embedding_scale", 12), F32("residual_scale", 0.25), F32("attention.scale", 0.125),
      F32("logit_scale", 5), EXPERTS}},
    {"bert", "bert", BERT | HAS_QKV_BIAS | HAS_BIASES | HAS_POSITIONS | HAS_NO_ROPE,
     2, 4, 4, 1, 1, {U32("pooling_type", 1)}},
    {"nomic-bert", "nomic-bert", BERT | HAS_FUSED_QKV | HAS_GATE, 2, 4, 4, 1, 1,
     {U32("pooling_type", 1), F32("rope.freq_base", 1000)}},
    {"modern-bert", "modern-bert", MODERN, 4, 4, 4, 1, 1,
     {U32("pooling_type", 2), U32("attention.sliding_window", 16), F32("rope.freq_base", 160000),
      F32("rope.freq_base_swa", 10000)}},
    {"bert-rank", "bert",
     BERT | HAS_QKV_BIAS | HAS_BIASES | HAS_POSITIONS | HAS_NO_ROPE | HAS_CLASSIFIER | HAS_RANK,
     2, 4, 4, 1, 1, {U32("pooling_type", 4)}},
    {"bert-rank-direct", "bert",
     BERT | HAS_QKV_BIAS | HAS_BIASES | HAS_POSITIONS | HAS_NO_ROPE | HAS_RANK,
     2, 4, 4, 1, 1, {U32("pooling_type", 4)}},
    {"modern-bert-rank", "modern-bert", MODERN | HAS_RANK, 4, 4, 4, 1, 1,
     {U32("pooling_type", 4), U32("attention.sliding_window", 16),
      F32("rope.freq_base", 160000), F32("rope.freq_base_swa", 10000)}},
    {0},
};

const struct specimen *specimen_find(const char *name) {
    for (const struct specimen *family = specimens; family->name; family++)
        if (strcmp(family->name, name) == 0) return family;
    return NULL;
}

// What is being made, and its sizes.
struct recipe {
    struct make *m;
    const struct specimen *family;
    const struct weight_type *type;
    const struct make_vocab *vocab;
    uint64_t width, head_len, all, all_kv, ff;
    uint32_t layer;
    bool expand;
};

static bool has(const struct recipe *r, uint32_t parts) { return (r->family->has & parts) != 0; }

// ---- keys ----

static const char *own_key(const struct recipe *r, const char *name) {
    static char key[96];
    snprintf(key, sizeof key, "%s.%s", r->family->architecture, name);
    return key;
}

static void put_key(const struct recipe *r, const struct specimen_key *key) {
    const char *name = own_key(r, key->name);
    switch (key->kind) {
    case 4: make_u32(r->m, name, (uint32_t)key->number); break;
    case 6: make_f32(r->m, name, (float)key->number); break;
    case 7: make_bool(r->m, name, key->number > 0); break;
    default: make_text(r->m, name, key->text);
    }
}

static void put_size(const struct recipe *r, const char *name, uint64_t value) {
    make_u32(r->m, own_key(r, name), (uint32_t)value);
}

// A size that is the same for each layer.
static void put_even_size(const struct recipe *r, const char *name, uint64_t value) {
    if (!has(r, HAS_EACH_LAYER))
        put_size(r, name, value);
    else if (make_array(r->m, own_key(r, name), 5, r->family->layers))
        for (uint32_t i = 0; i < r->family->layers; i++)
            wire_put_u32(&r->m->keys, (uint32_t)value);
}

static void put_keys(const struct recipe *r) {
    const struct specimen *family = r->family;
    make_text(r->m, "general.architecture", family->architecture);
    make_text(r->m, "general.name", "random"); // some names change how a peer reads the file
    make_u32(r->m, "general.alignment", 32);
    put_size(r, "context_length", SPECIMEN_CONTEXT);
    put_size(r, "embedding_length", r->width);
    put_size(r, "block_count", family->layers);
    put_even_size(r, "feed_forward_length", r->ff);
    put_even_size(r, "attention.head_count", family->heads);
    put_even_size(r, "attention.head_count_kv", family->heads_kv);
    if (has(r, HAS_WIDE_HEADS)) {
        put_size(r, "attention.key_length", r->head_len);
        put_size(r, "attention.value_length", r->head_len);
    }
    if (strcmp(family->name, "qwen3moe") == 0) put_size(r, "expert_feed_forward_length", r->ff);
    if (!has(r, HAS_NO_ROPE))
        put_size(r, "rope.dimension_count", r->head_len / (has(r, HAS_PART_ROPE) ? 4 : 1));
    if (has(r, HAS_ENCODER)) make_bool(r->m, own_key(r, "attention.causal"), false);
    make_f32(r->m,
             own_key(r, has(r, HAS_LAYER_NORM) ? "attention.layer_norm_epsilon"
                                                  : "attention.layer_norm_rms_epsilon"),
             1e-5f);
    for (size_t i = 0; i < SPECIMEN_KEYS_MAX && family->keys[i].name; i++)
        put_key(r, &family->keys[i]);
}

static void make_words(struct make_vocab *v) {
    static const char *const pieces[] = {
        "\xe2\x96\x81the", "\xe2\x96\x81hello", "\xe2\x96\x81world", "ing", "s",
        "\xe2\x96\x81東", "\xe2\x96\x81京", "\xe2\x96\x81un", "believ", "able"};
    static const char *const specials[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    for (size_t i = 0; i < 5; i++) make_token(v, specials[i], 3);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) make_token(v, pieces[i], 1);
    for (uint32_t c = '!'; c <= '~'; c++) { // alone, and within a word
        char text[8];
        if (c >= 'A' && c <= 'Z') continue;
        snprintf(text, sizeof text, "\xe2\x96\x81%c", (char)c);
        make_token(v, text, 1);
        if (c != 's') make_token(v, text + 3, 1);
    }
}

static void put_words(struct make *m, const struct make_vocab *v) {
    make_text(m, "tokenizer.ggml.model", "bert");
    make_text(m, "tokenizer.ggml.pre", "default");
    if (make_array(m, "tokenizer.ggml.tokens", 8, v->len))
        for (uint32_t i = 0; i < v->len; i++) make_string(&m->keys, view_of(v->text[i]));
    if (make_array(m, "tokenizer.ggml.token_type", 5, v->len))
        for (uint32_t i = 0; i < v->len; i++) wire_put_u32(&m->keys, (uint32_t)v->kind[i]);
    make_u32(m, "tokenizer.ggml.padding_token_id", 0);
    make_u32(m, "tokenizer.ggml.unknown_token_id", 1);
    make_u32(m, "tokenizer.ggml.cls_token_id", 2);
    make_u32(m, "tokenizer.ggml.bos_token_id", 2);
    make_u32(m, "tokenizer.ggml.seperator_token_id", 3);
    make_u32(m, "tokenizer.ggml.eos_token_id", 3);
    make_u32(m, "tokenizer.ggml.mask_token_id", 4);
}

static void put_vocab(const struct recipe *r, struct make_vocab *vocab) {
    if (has(r, HAS_WORDS)) {
        make_words(vocab);
        put_words(r->m, vocab);
    } else {
        r->m->bytewise = has(r, HAS_BYTEWISE);
        if (r->m->bytewise) make_ranked(vocab, r->m->more);
        else make_scored(vocab);
        make_vocab_keys(r->m, vocab);
    }
    if (has(r, HAS_TOKEN_TYPES)) make_u32(r->m, "tokenizer.ggml.token_type_count", 2);
}

// ---- tensors ----

// "blk.<layer>.<name><end>"
static const char *layer_name(const struct recipe *r, const char *name, const char *end) {
    static char text[96];
    snprintf(text, sizeof text, "blk.%u.%s%s", r->layer, name, end);
    return text;
}

// A matrix of a layer: outputs are `gain` times as large as inputs.
static void put_matrix(const struct recipe *r, const char *name, uint64_t columns, uint64_t rows,
                       uint64_t planes, float gain) {
    struct weights weights = {layer_name(r, name, ".weight"), r->type, columns, rows, planes,
                              gain / sqrtf((float)columns), r->expand, NULL};
    weights_put(r->m, &weights);
}

static void put_bias(const struct recipe *r, const char *name, uint64_t len, float swing) {
    weights_put_vector(r->m, layer_name(r, name, ".bias"), len, 0, swing);
}

static void put_norm(const struct recipe *r, const char *name, uint64_t len, float center) {
    weights_put_vector(r->m, layer_name(r, name, ".weight"), len, center, center / 2);
    if (has(r, HAS_NORM_BIAS)) put_bias(r, name, len, 0.3f);
}

static void put_attention(const struct recipe *r) {
    uint64_t width = r->width, all = r->all, kv = r->all_kv, three = all + 2 * kv;
    float adds = has(r, HAS_POST_NORMS) ? 1 : r->family->adds;
    if (has(r, HAS_FUSED_QKV)) {
        put_matrix(r, "attn_qkv", width, three, 1, 1.5f);
        if (has(r, HAS_QKV_BIAS)) put_bias(r, "attn_qkv", three, 0.5f);
    } else {
        put_matrix(r, "attn_q", width, all, 1, 1.5f);
        put_matrix(r, "attn_k", width, kv, 1, 1.5f);
        put_matrix(r, "attn_v", width, kv, 1, 1.5f);
        if (has(r, HAS_QKV_BIAS)) {
            put_bias(r, "attn_q", all, 0.5f);
            put_bias(r, "attn_k", kv, 0.5f);
            put_bias(r, "attn_v", kv, 0.5f);
        }
    }
    put_matrix(r, "attn_output", all, width, 1, adds);
    if (has(r, HAS_BIASES)) put_bias(r, "attn_output", width, 0.2f);
    if (!has(r, HAS_HEAD_NORMS | HAS_QK_NORMS)) return;
    bool wide = has(r, HAS_QK_NORMS);
    put_norm(r, "attn_q_norm", wide ? all : r->head_len, 1.5f);
    put_norm(r, "attn_k_norm", wide ? kv : r->head_len, 1.5f);
}

static void put_feed_forward(const struct recipe *r) {
    uint64_t width = r->width, ff = r->ff;
    float adds = has(r, HAS_POST_NORMS) ? 1 : 2 * r->family->adds;
    if (has(r, HAS_EXPERTS)) {
        struct weights router = {layer_name(r, "ffn_gate_inp", ".weight"),
                                 &weight_types[0], width, 4, 1,
                                 3 / sqrtf((float)width), false, NULL};
        weights_put(r->m, &router);
        put_matrix(r, "ffn_gate_exps", width, ff, 4, 1.5f);
        put_matrix(r, "ffn_down_exps", ff, width, 4, adds);
        put_matrix(r, "ffn_up_exps", width, ff, 4, 1.5f);
        return;
    }
    if (has(r, HAS_GATE)) put_matrix(r, "ffn_gate", width, ff, 1, 1.5f);
    uint64_t up = ff * (has(r, HAS_GATE_IN_UP) ? 2 : 1);
    put_matrix(r, "ffn_up", width, up, 1, 1.5f);
    put_matrix(r, "ffn_down", ff, width, 1, adds);
    if (!has(r, HAS_BIASES)) return;
    put_bias(r, "ffn_up", up, 0.5f);
    put_bias(r, "ffn_down", width, 0.2f);
}

static void put_layer(const struct recipe *r) {
    if (has(r, HAS_PRE_NORMS)) {
        if (r->layer > 0 || !has(r, HAS_FIRST_NORM_NONE))
            put_norm(r, "attn_norm", r->width, 1);
        if (!has(r, HAS_ONE_NORM)) put_norm(r, "ffn_norm", r->width, 1);
    }
    put_attention(r);
    put_feed_forward(r);
    if (has(r, HAS_POST_NORMS)) {
        put_norm(r, "post_attention_norm", r->width, r->family->adds);
        put_norm(r, "post_ffw_norm", r->width, r->family->adds);
    }
    if (has(r, HAS_OUT_NORMS)) {
        put_norm(r, "attn_output_norm", r->width, 1);
        put_norm(r, "layer_output_norm", r->width, 1);
    }
}

static void put_rope_factors(const struct recipe *r) {
    uint64_t len = r->head_len / 2;
    if (has(r, HAS_ROPE_FACTORS)) weights_put_vector(r->m, "rope_freqs.weight", len, 4.5f, 3.5f);
    if (!has(r, HAS_LONG_SHORT)) return;
    weights_put_vector(r->m, "rope_factors_long.weight", len, 8, 6);
    weights_put_vector(r->m, "rope_factors_short.weight", len, 1.5f, 0.5f);
}

// A norm outside the layers.
static void put_outer_norm(const struct recipe *r, const char *name) {
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    weights_put_vector(r->m, full, r->width, 1, 0.5f);
    snprintf(full, sizeof full, "%s.bias", name);
    if (has(r, HAS_NORM_BIAS)) weights_put_vector(r->m, full, r->width, 0, 0.3f);
}

static void put_tensors(struct recipe *r) {
    uint64_t rows = r->vocab->len;
    float root = sqrtf((float)r->width);
    bool tied = has(r, HAS_TIED), encoder = has(r, HAS_ENCODER);
    struct weights embedding = {"token_embd.weight", r->type, r->width, rows, 1,
                                (tied ? r->family->head : 16) / root, r->expand,
                                tied && !encoder ? r->vocab->kind : NULL};
    weights_put(r->m, &embedding);
    if (has(r, HAS_TOKEN_TYPES)) {
        struct weights types = {"token_types.weight", &weight_types[0], r->width, 2, 1, 0.5f / root,
                                false, NULL};
        weights_put(r->m, &types);
    }
    if (has(r, HAS_POSITIONS)) {
        struct weights positions = {"position_embd.weight", &weight_types[0], r->width,
                                    SPECIMEN_CONTEXT, 1, 0.5f / root, false, NULL};
        weights_put(r->m, &positions);
    }
    if (has(r, HAS_EMBEDDING_NORM)) put_outer_norm(r, "token_embd_norm");
    for (r->layer = 0; r->layer < r->family->layers; r->layer++) put_layer(r);
    put_rope_factors(r);
    if (!has(r, HAS_OUT_NORMS)) put_outer_norm(r, "output_norm");
    if (has(r, HAS_CLASSIFIER)) {
        struct weights dense = {"cls.weight", r->type, r->width, r->width, 1, 1 / root, r->expand,
                                NULL};
        weights_put(r->m, &dense);
        bool bare = has(r, HAS_OUT_NORMS); // bert's has a bias and no norm
        if (bare) weights_put_vector(r->m, "cls.bias", r->width, 0, 0.2f);
        else put_outer_norm(r, "cls.norm");
    }
    if (has(r, HAS_RANK)) {
        struct weights output = {"cls.output.weight", r->type, r->width, 1, 1, 2 / root, r->expand,
                                 NULL};
        weights_put(r->m, &output);
        weights_put_vector(r->m, "cls.output.bias", 1, 0, 0.3f);
    }
    if (tied) return;
    struct weights head = {"output.weight", r->type, r->width, rows, 1, r->family->head / root,
                           r->expand, r->vocab->kind};
    weights_put(r->m, &head);
    if (has(r, HAS_ONE_NORM)) weights_put_vector(r->m, "output.bias", rows, 0, 0.3f);
}

// The same bytes for the same family and type, whatever is made beside it.
static uint64_t seed_of(const char *family, const char *type) {
    uint64_t seed = 1469598103934665603u;
    for (; *family; family++) seed = (seed ^ (uint8_t)*family) * 1099511628211u;
    for (; *type; type++) seed = (seed ^ (uint8_t)*type) * 1099511628211u;
    return seed;
}

struct view specimen_make(struct make *m, const struct specimen *family,
                        const struct weight_type *type, bool expand, uint32_t width) {
    static struct make_vocab vocab;
    vocab = (struct make_vocab){0};
    if (!width) width = type->block == 256 ? 256 : 192;
    uint64_t head_len = width / family->heads * (family->has & HAS_WIDE_HEADS ? 2 : 1);
    struct recipe recipe = {.m = m,
                            .family = family,
                            .type = type,
                            .vocab = &vocab,
                            .width = width,
                            .head_len = head_len,
                            .all = head_len * family->heads,
                            .all_kv = head_len * family->heads_kv,
                            .ff = family->has & HAS_EXPERTS ? width : 2 * width,
                            .expand = expand};
    struct buf *parts[] = {&m->keys, &m->infos, &m->data, &m->file};
    for (size_t i = 0; i < 4; i++) must(buf_open(parts[i], FILE_BYTES_MAX) == SK_OK);
    m->keys_len = m->tensors_len = 0;
    m->chance = seed_of(family->name, type->name);
    put_keys(&recipe);
    put_vocab(&recipe, &vocab);
    put_tensors(&recipe);
    return make_join(m);
}
