#include "train/result.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static bool template_key(struct view name) {
    return view_is(name, "tokenizer.chat_template") ||
           view_starts(name, VIEW("tokenizer.chat_template."));
}

static void tokens_put(struct gguf_writer *w, const struct recipe *recipe,
                       const struct gguf *tokens) {
    for (uint32_t i = 0; i < tokens->keys_len; i++) {
        const struct gguf_key *key = &tokens->keys[i];
        if (!view_starts(key->name, VIEW("tokenizer."))) continue;
        if (recipe->chat_template.len && template_key(key->name)) continue;
        gguf_put_key(w, key);
    }
    if (recipe->chat_template.len)
        gguf_put_text(w, "tokenizer.chat_template", recipe->chat_template);
}

static bool has_choice(struct view licence) {
    return memmem(licence.at, licence.len, " OR ", 4) != NULL;
}

// AND binds more than OR.
void result_licence(const struct recipe *recipe, struct buf *out) {
    const struct recipe_data *data = &recipe->data;
    for (uint32_t i = 0; i < data->sources_len; i++) {
        bool before = false;
        for (uint32_t k = 0; k < i; k++)
            before = before || view_same(data->sources[k].licence, data->sources[i].licence);
        if (before) continue;
        bool apart = has_choice(data->sources[i].licence) && data->sources_len > 1;
        if (out->len) buf_put_text(out, " AND ");
        if (apart) buf_put_char(out, '(');
        buf_put_view(out, data->sources[i].licence);
        if (apart) buf_put_char(out, ')');
    }
}

static void licence_put(struct gguf_writer *w, const struct recipe *recipe) {
    char storage[RECIPE_SOURCES_MAX * 160];
    struct buf text = buf_over(storage, sizeof storage);
    result_licence(recipe, &text);
    gguf_put_text(w, "general.license", buf_view(&text));
}

static void general_put(struct gguf_writer *w, const struct result *r) {
    struct view names[RECIPE_SOURCES_MAX];
    char hex[2 * HASH_LEN];
    struct buf digest = buf_over(hex, sizeof hex);
    for (uint32_t i = 0; i < r->recipe->data.sources_len; i++)
        names[i] = r->recipe->data.sources[i].name;
    gguf_put_text(w, "general.name", r->recipe->name);
    licence_put(w, r->recipe);
    gguf_put_texts(w, "general.datasets", r->recipe->data.sources_len, names);
    hex_put(&digest, r->data, HASH_LEN);
    gguf_put_text(w, "sekisho.train.data", buf_view(&digest));
    if (r->recipe->base.len) {
        buf_reset(&digest);
        hex_put(&digest, r->state->base, HASH_LEN);
        gguf_put_text(w, "sekisho.train.base", buf_view(&digest));
    }
    gguf_put_u64(w, "sekisho.train.steps", r->state->step);
    gguf_put_u64(w, "sekisho.train.tokens", r->state->tokens);
}

static void shape_put(struct gguf_writer *w, const struct result *r) {
    const struct net_shape *shape = &r->learner->net.shape;
    gguf_put_u32(w, "llama.block_count", shape->layers);
    gguf_put_u32(w, "llama.context_length", r->context);
    gguf_put_u32(w, "llama.embedding_length", shape->width);
    gguf_put_u32(w, "llama.feed_forward_length", shape->ff);
    gguf_put_u32(w, "llama.attention.head_count", shape->heads);
    gguf_put_u32(w, "llama.attention.head_count_kv", shape->heads_kv);
    gguf_put_u32(w, "llama.attention.key_length", shape->head_len);
    gguf_put_u32(w, "llama.attention.value_length", shape->head_len);
    gguf_put_u32(w, "llama.rope.dimension_count", shape->head_len);
    gguf_put_f32(w, "llama.rope.freq_base", shape->rope_base);
    gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", shape->epsilon);
    gguf_put_u32(w, "llama.vocab_size", shape->vocabulary);
    gguf_put_u32(w, "general.file_type", 0);
}

static enum sk_code tensors_put(struct gguf_writer *w, const struct learner *learner) {
    const struct net_tensors *list = &learner->tensors;
    for (uint32_t i = 0; i < list->len; i++) {
        const struct net_tensor *tensor = &list->tensor[i];
        uint64_t shape[2] = {tensor->columns, tensor->rows};
        gguf_put_tensor(w, view_of(tensor->name), QUANT_F32, tensor->rows > 1 ? 2 : 1, shape);
    }
    TRY(gguf_write_head(w));
    for (uint32_t i = 0; i < list->len; i++) {
        const struct net_tensor *tensor = &list->tensor[i];
        TRY(gguf_write_data(w, learner->adam.parameters + tensor->at,
                            (size_t)tensor->rows * tensor->columns * sizeof(float)));
    }
    return gguf_write_end(w);
}

enum sk_code result_write(const struct result *result, struct gguf_sink sink) {
    struct gguf_writer w;
    must(!result->learner->pairs);
    TRY(gguf_writer_open(&w, sink));
    gguf_put_text(&w, "general.architecture", VIEW("llama"));
    gguf_put_text(&w, "general.type", VIEW("model"));
    general_put(&w, result);
    shape_put(&w, result);
    tokens_put(&w, result->recipe, result->tokens);
    enum sk_code code = tensors_put(&w, result->learner);
    gguf_writer_close(&w);
    return code;
}

// The list has both halves of each pair, one after the other.
static enum sk_code pairs_put(const struct learner *learner, struct adapter_file *file,
                              struct gguf_writer *w) {
    const struct net_tensors *list = &learner->tensors;
    struct adapter_matrix *matrices = calloc(list->len / 2, sizeof *matrices);
    if (!matrices) return FAIL(SK_LIMIT, "memory: none left");
    for (uint32_t i = 0; i < list->len / 2; i++) {
        const struct net_tensor *a = &list->tensor[2 * i], *b = &list->tensor[2 * i + 1];
        struct view name = view_of(a->name);
        name.len -= strlen(".lora_a");
        matrices[i] = (struct adapter_matrix){.name = name,
                                              .columns = a->columns,
                                              .rows = b->rows,
                                              .rank = a->rows,
                                              .a = learner->adam.parameters + a->at,
                                              .b = learner->adam.parameters + b->at};
    }
    file->matrices = matrices;
    file->len = list->len / 2;
    enum sk_code code = adapter_write(file, w);
    free(matrices);
    return code;
}

enum sk_code result_adapter(const struct result *result, enum quant_type type,
                            struct gguf_sink sink) {
    struct gguf_writer w;
    struct adapter_file file = {.architecture = result->learner->architecture,
                                .alpha = result->recipe->low_rank.alpha,
                                .type = type};
    must(result->learner->pairs);
    TRY(gguf_writer_open(&w, sink));
    general_put(&w, result);
    enum sk_code code = pairs_put(result->learner, &file, &w);
    gguf_writer_close(&w);
    return code;
}

enum sk_code result_tokens(const struct recipe *recipe, const struct gguf *tokens,
                           struct gguf_sink sink) {
    struct gguf_writer w;
    TRY(gguf_writer_open(&w, sink));
    gguf_put_text(&w, "general.architecture", VIEW("llama"));
    tokens_put(&w, recipe, tokens);
    enum sk_code code = gguf_write_head(&w);
    if (code == SK_OK) code = gguf_write_end(&w);
    gguf_writer_close(&w);
    return code;
}
