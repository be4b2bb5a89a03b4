// engine_model SHAPE TYPE FILE: a model to measure with. True shapes and the true number of tokens,
// random weights, each matrix in the type that llama.cpp's quantiser gives it; the tokens are made
// up. The same bytes for the same shape and type. It is written under another name first, and on
// the disk when it has its own.
//
// Rows of the embedding of control and unused tokens are zero: greedy answers never end early.
#include <fcntl.h>
#include <unistd.h>

#include "weights.h"

enum {
    KEYS_MAX = 1 << 25,
    DATA_MAX = 2000000000, // address space; pages are touched as written
    TEXT_MAX = 48,
    LETTERS = 26,
    PAIRS = LETTERS * LETTERS,
    CONTEXT = 32768,
};
#define SPREAD 0.02f // root mean square of a weight

struct shape {
    const char *name, *architecture, *pre;
    uint32_t layers, width, heads, heads_kv, ff;
    uint32_t tokens, normal; // the rest are control tokens, and unused ones after `used`
    uint32_t used;
    float rope_base;
    bool bias, rope_factors; // of q, k and v
    uint32_t bos, eos;       // bos 0: none
    const char *chat_template;
};

static const struct shape shapes[] = {
    {"llama1b", "llama", "llama-bpe", 16, 2048, 32, 8, 8192, 128256, 128000, 128256, 500000, false,
     true, 128000, 128009,
     "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>"
     "\n\n{{ m['content'] }}<|eot_id|>{% endfor %}<|start_header_id|>assistant<|end_header_id|>\n\n"},
    {"qwen05b", "qwen2", "qwen2", 24, 896, 14, 2, 4864, 151936, 151643, 151665, 1000000, true,
     false, 0, 151645,
     "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
     "<|im_start|>assistant\n"},
    // For tests of memory: 74 MB as Q8_0.
    {"small", "llama", "llama-bpe", 4, 512, 8, 4, 8192, 32000, 31990, 32000, 500000, false, false, 0,
     31999, "{% for m in messages %}{{ m['content'] }}{% endfor %}"},
    {0},
};

static const struct {
    uint32_t id;
    const char *name;
} named[] = {{128000, "<|begin_of_text|>"},   {128001, "<|end_of_text|>"},
             {128006, "<|start_header_id|>"}, {128007, "<|end_header_id|>"},
             {128009, "<|eot_id|>"},          {151643, "<|endoftext|>"},
             {151644, "<|im_start|>"},        {151645, "<|im_end|>"}};

// What is being made.
struct recipe {
    struct make m;
    const struct shape *shape;
    const char *type; // as llama.cpp names the mixture: Q4_K_M
    uint32_t layer;
    int32_t *kinds;
};

// ---- vocabulary: bytes, pairs of letters, words of two pairs; half of them after a space ----

static void put_pair(char *out, uint32_t pair) {
    snprintf(out, 3, "%c%c", 'a' + pair / LETTERS % LETTERS, 'a' + pair % LETTERS);
}

// The text of a normal token in its two parts, of which a byte has only the second.
static void token_parts(uint32_t id, char first[8], char second[8]) {
    first[0] = 0;
    if (id < 256) {
        make_byte_text(id, second);
        return;
    }
    id -= 256;
    if (id < PAIRS) {
        snprintf(first, 8, "%c", 'a' + id / LETTERS);
        snprintf(second, 8, "%c", 'a' + id % LETTERS);
        return;
    }
    id -= PAIRS;
    if (id < PAIRS) {
        make_byte_text(' ', first);
        put_pair(second, id);
        return;
    }
    id -= PAIRS;
    if (id & 1) make_byte_text(' ', first);
    put_pair(first + strlen(first), id / 2 / PAIRS);
    put_pair(second, id / 2);
}

static void token_text(const struct shape *shape, uint32_t id, char out[TEXT_MAX]) {
    char first[8], second[8];
    for (size_t i = 0; i < sizeof named / sizeof *named && id >= shape->normal; i++)
        if (named[i].id == id) {
            snprintf(out, TEXT_MAX, "%s", named[i].name);
            return;
        }
    if (id >= shape->normal) {
        snprintf(out, TEXT_MAX, "<|reserved_%u|>", id);
        return;
    }
    token_parts(id, first, second);
    snprintf(out, TEXT_MAX, "%s%s", first, second);
}

static void put_vocabulary(struct recipe *r) {
    const struct shape *shape = r->shape;
    struct make *m = &r->m;
    char text[TEXT_MAX], first[8], second[8];
    make_text(m, "tokenizer.ggml.model", "gpt2");
    make_text(m, "tokenizer.ggml.pre", shape->pre);
    make_array(m, "tokenizer.ggml.tokens", 8, shape->tokens);
    for (uint32_t i = 0; i < shape->tokens; i++) {
        token_text(shape, i, text);
        make_string(&m->keys, view_of(text));
    }
    make_array(m, "tokenizer.ggml.token_type", 5, shape->tokens);
    for (uint32_t i = 0; i < shape->tokens; i++) {
        r->kinds[i] = i < shape->normal ? 1 : i < shape->used ? 3 : 5;
        wire_put_u32(&m->keys, (uint32_t)r->kinds[i]);
    }
    make_array(m, "tokenizer.ggml.merges", 8, shape->normal - 256);
    for (uint32_t i = 256; i < shape->normal; i++) {
        token_parts(i, first, second);
        snprintf(text, sizeof text, "%s %s", first, second);
        make_string(&m->keys, view_of(text));
    }
    if (shape->bos) make_u32(m, "tokenizer.ggml.bos_token_id", shape->bos);
    make_bool(m, "tokenizer.ggml.add_bos_token", shape->bos != 0);
    make_u32(m, "tokenizer.ggml.eos_token_id", shape->eos);
    make_text(m, "tokenizer.chat_template", shape->chat_template);
}

// ---- keys ----

static const char *own_key(const struct recipe *r, const char *name) {
    static char key[96];
    snprintf(key, sizeof key, "%s.%s", r->shape->architecture, name);
    return key;
}

static void put_keys(struct recipe *r) {
    const struct shape *shape = r->shape;
    struct make *m = &r->m;
    make_text(m, "general.architecture", shape->architecture);
    make_text(m, "general.name", shape->name);
    make_u32(m, "general.alignment", 32);
    make_u32(m, own_key(r, "context_length"), CONTEXT);
    make_u32(m, own_key(r, "embedding_length"), shape->width);
    make_u32(m, own_key(r, "block_count"), shape->layers);
    make_u32(m, own_key(r, "feed_forward_length"), shape->ff);
    make_u32(m, own_key(r, "attention.head_count"), shape->heads);
    make_u32(m, own_key(r, "attention.head_count_kv"), shape->heads_kv);
    make_u32(m, own_key(r, "rope.dimension_count"), shape->width / shape->heads);
    make_f32(m, own_key(r, "rope.freq_base"), shape->rope_base);
    make_f32(m, own_key(r, "attention.layer_norm_rms_epsilon"), 1e-5f);
}

// ---- tensors, each of the type llama.cpp's quantiser gives it ----

// Layers where Q4_K_M spends more on attn_v and ffn_down: the first and last eighth, and each third
// of the others.
static bool layer_is_finer(const struct recipe *r) {
    uint32_t layers = r->shape->layers, eighth = layers / 8;
    return r->layer < eighth || r->layer >= 7 * eighth || (r->layer - eighth) % 3 == 2;
}

// Rows that are no multiple of 256 get the next type with blocks of 32.
static const char *type_of(const struct recipe *r, const char *name, uint64_t columns) {
    bool head = strcmp(name, "token_embd") == 0, whole = columns % 256 == 0;
    if (strcmp(r->type, "Q8_0") == 0) return "Q8_0";
    if (head) return whole ? "Q6_K" : "Q8_0";
    if (strcmp(r->type, "Q4_0") == 0) return "Q4_0";
    bool finer = strcmp(name, "attn_v") == 0 || strcmp(name, "ffn_down") == 0;
    if (finer && layer_is_finer(r)) return whole ? "Q6_K" : "Q8_0";
    return whole ? "Q4_K" : "Q5_0";
}

static const char *layer_name(const struct recipe *r, const char *name, const char *end) {
    static char text[64];
    snprintf(text, sizeof text, "blk.%u.%s.%s", r->layer, name, end);
    return text;
}

static void put_matrix(struct recipe *r, const char *name, uint64_t columns, uint64_t rows) {
    struct weights weights = {.name = layer_name(r, name, "weight"),
                              .type = weight_type_find(type_of(r, name, columns)),
                              .columns = columns,
                              .rows = rows,
                              .planes = 1,
                              .spread = SPREAD};
    weights_put(&r->m, &weights);
}

static void put_norm(struct recipe *r, const char *name) {
    weights_put_vector(&r->m, layer_name(r, name, "weight"), r->shape->width, 1, 0.5f);
}

static void put_layer(struct recipe *r) {
    uint64_t width = r->shape->width, ff = r->shape->ff;
    uint64_t kv = width / r->shape->heads * r->shape->heads_kv;
    const struct {
        const char *name;
        uint64_t rows;
    } heads[] = {{"attn_q", width}, {"attn_k", kv}, {"attn_v", kv}};
    put_norm(r, "attn_norm");
    for (size_t i = 0; i < 3; i++) {
        put_matrix(r, heads[i].name, width, heads[i].rows);
        if (r->shape->bias)
            weights_put_vector(&r->m, layer_name(r, heads[i].name, "bias"), heads[i].rows, 0, 0.5f);
    }
    put_matrix(r, "attn_output", width, width);
    put_norm(r, "ffn_norm");
    put_matrix(r, "ffn_gate", width, ff);
    put_matrix(r, "ffn_up", width, ff);
    put_matrix(r, "ffn_down", ff, width);
}

static void put_tensors(struct recipe *r) {
    const struct shape *shape = r->shape;
    struct weights embedding = {.name = "token_embd.weight",
                                .type = weight_type_find(type_of(r, "token_embd", shape->width)),
                                .columns = shape->width,
                                .rows = shape->tokens,
                                .planes = 1,
                                .spread = SPREAD,
                                .kinds = r->kinds};
    weights_put(&r->m, &embedding);
    for (r->layer = 0; r->layer < shape->layers; r->layer++) put_layer(r);
    if (shape->rope_factors)
        weights_put_vector(&r->m, "rope_freqs.weight", shape->width / shape->heads / 2, 16, 15);
    weights_put_vector(&r->m, "output_norm.weight", shape->width, 1, 0.5f);
}

// ---- the file ----

static bool put_all(int file, struct view bytes) {
    while (bytes.len) {
        ssize_t n = write(file, bytes.at, bytes.len);
        if (n <= 0) return false;
        bytes = view_from(bytes, (size_t)n);
    }
    return true;
}

static int store(struct make *m, const char *path) {
    char part[4096];
    snprintf(part, sizeof part, "%s.part", path);
    int file = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool fine = file >= 0 && put_all(file, buf_view(&m->file)) && put_all(file, buf_view(&m->data));
    fine = fine && fsync(file) == 0 && rename(part, path) == 0;
    if (!fine) {
        perror(part);
        unlink(part);
    }
    if (file >= 0) close(file);
    return fine ? 0 : 1;
}

int main(int argc, char **argv) {
    static const char *const types[] = {"Q4_0", "Q4_K_M", "Q8_0"};
    static struct recipe r;
    for (const struct shape *s = shapes; argc == 4 && s->name; s++)
        if (strcmp(s->name, argv[1]) == 0) r.shape = s;
    for (size_t i = 0; argc == 4 && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i], argv[2]) == 0) r.type = types[i];
    if (!r.shape || !r.type) {
        fprintf(stderr, "usage: engine_model llama1b|qwen05b|small Q4_0|Q4_K_M|Q8_0 FILE\n");
        return 2;
    }
    struct buf *parts[] = {&r.m.keys, &r.m.infos, &r.m.file, &r.m.data};
    for (size_t i = 0; i < 4; i++)
        must(buf_open(parts[i], i < 3 ? KEYS_MAX : DATA_MAX) == SK_OK);
    r.kinds = calloc(r.shape->tokens, sizeof *r.kinds);
    must(r.kinds);
    put_keys(&r);
    put_vocabulary(&r);
    put_tensors(&r);
    make_head(&r.m);
    int status = store(&r.m, argv[3]);
    make_free(&r.m);
    free(r.kinds);
    return status;
}
