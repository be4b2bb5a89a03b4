// Makes small GGUF files in memory for the engine's tests: a tiny random llama network with a
// SentencePiece or byte-level vocabulary, and any one key or tensor of it changed.
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "base/wire.h"
#include "chance.h"
#include "engine/quant.h"

enum { MAKE_BYTES_MAX = 1 << 24 };

struct make_more {
    const char *text;
    int32_t kind; // 3 control, 4 user-defined
};

struct make {
    // What to change; NULL or 0 is nothing.
    const char *drop;       // key or tensor left out
    const char *twice;      // key or tensor written twice
    const char *key;        // key written as `kind` with `value` instead, or added
    uint32_t kind;          // 4 u32, 6 f32, 7 bool, 8 string, 9 array of one u32, 10 u64
    uint64_t value;         // bits; of a string the bytes are `text`
    const char *text;
    const char *swell;      // array whose count is written as `value`
    const char *tensor;     // tensor whose description is changed:
    uint32_t type, dims;    // type + 1, dimensions
    uint64_t shape[4];      // each when not 0
    uint64_t offset;        // added
    const char *poison;     // tensor whose first 256 bytes become 0xff (NaN)
    const char *chat_template;
    bool bytewise;          // gpt2 vocabulary
    struct make_more more[8]; // further tokens of it
    uint32_t matrix_type;   // + 1; 0 = Q8_0
    uint32_t width, ff, layers, extra_rows, magic, version;
    uint64_t keys_claimed, tensors_claimed; // instead of the true counts
    // The file being made.
    struct buf keys, infos, data, file;
    uint64_t keys_len, tensors_len, chance;
    bool key_done;
};

static inline uint64_t make_chance(struct make *m) { return chance_next(&m->chance); }

static inline void make_string(struct buf *out, struct view text) {
    wire_put_u64(out, text.len);
    buf_put_view(out, text);
}

// Writes a key's name and type; false when its value must not be written.
static inline bool make_key(struct make *m, const char *name, uint32_t kind) {
    if (m->drop && strcmp(m->drop, name) == 0) return false;
    m->keys_len++;
    make_string(&m->keys, view_of(name));
    if (!m->key || strcmp(m->key, name) != 0) {
        wire_put_u32(&m->keys, kind);
        return true;
    }
    m->key_done = true;
    wire_put_u32(&m->keys, m->kind);
    switch (m->kind) {
    case 7: wire_put_u8(&m->keys, (uint8_t)m->value); break;
    case 8: make_string(&m->keys, view_of(m->text)); break;
    case 9: // an array of one u32
        wire_put_u32(&m->keys, 4);
        wire_put_u64(&m->keys, 1);
        wire_put_u32(&m->keys, (uint32_t)m->value);
        break;
    case 10: wire_put_u64(&m->keys, m->value); break;
    default: wire_put_u32(&m->keys, (uint32_t)m->value);
    }
    return false;
}

static inline void make_u32(struct make *m, const char *name, uint32_t value) {
    if (make_key(m, name, 4)) wire_put_u32(&m->keys, value);
    if (m->twice && strcmp(m->twice, name) == 0) {
        m->twice = NULL;
        make_u32(m, name, value);
    }
}
static inline void make_f32(struct make *m, const char *name, float value) {
    if (make_key(m, name, 6)) wire_put_f32(&m->keys, value);
}
static inline void make_bool(struct make *m, const char *name, bool value) {
    if (make_key(m, name, 7)) wire_put_u8(&m->keys, value);
}
static inline void make_text(struct make *m, const char *name, const char *value) {
    if (make_key(m, name, 8)) make_string(&m->keys, view_of(value));
}
static inline bool make_array(struct make *m, const char *name, uint32_t kind, uint64_t len) {
    if (!make_key(m, name, 9)) return false;
    wire_put_u32(&m->keys, kind);
    wire_put_u64(&m->keys, m->swell && strcmp(m->swell, name) == 0 ? m->value : len);
    return true;
}

// ---- vocabularies: tokens, types and scores side by side ----

enum { MAKE_TOKENS_MAX = 512 };

struct make_vocab {
    char text[MAKE_TOKENS_MAX][32];
    int32_t kind[MAKE_TOKENS_MAX];
    float score[MAKE_TOKENS_MAX];
    char merge[MAKE_TOKENS_MAX][64];
    uint32_t len, merges_len;
};

static inline void make_token(struct make_vocab *v, const char *text, int32_t kind) {
    must(v->len < MAKE_TOKENS_MAX && strlen(text) < sizeof v->text[0]);
    memcpy(v->text[v->len], text, strlen(text) + 1);
    v->score[v->len] = kind == 1 ? -(float)v->len : 0;
    v->kind[v->len++] = kind;
}

static inline void make_scored(struct make_vocab *v) {
    static const char *const pieces[] = {
        "\xe2\x96\x81", "a", "b", "c", "d", "e", "f", "g", "h", "i", "l", "m", "n", "o", "r", "s",
        "t", "u", "w", ".", ",", "<", ">", "|", "_", "こ", "ん", "に", "ち", "は", "、", "。", "世",
        "界", "\xe2\x96\x81h", "he", "ll", "llo", "hello", "\xe2\x96\x81hello", "\xe2\x96\x81w", "or",
        "ld", "\xe2\x96\x81wor", "\xe2\x96\x81world", "こん", "にち", "こんにち", "こんにちは",
        "世界", "im", "im_", "end", "<|", "|>", "<|im_", "start", "st", "art", "us", "er", "user",
    };
    make_token(v, "<unk>", 2);
    make_token(v, "<s>", 3);
    make_token(v, "</s>", 3);
    for (unsigned i = 0; i < 256; i++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", i);
        make_token(v, text, 6);
    }
    make_token(v, "<|im_start|>", 3);
    make_token(v, "<|im_end|>", 3);
    make_token(v, "<tool>", 4);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) make_token(v, pieces[i], 1);
}

// gpt2's way of writing byte b.
static inline void make_byte_text(uint32_t byte, char out[8]) {
    uint32_t others = 0, codepoint = 0;
    for (uint32_t b = 0; b <= byte; b++) {
        bool visible = (b >= '!' && b <= '~') || (b >= 0xa1 && b != 0xad);
        codepoint = visible ? b : 256 + others++;
    }
    out[utf8_put(codepoint, out)] = 0;
}

static inline void make_ranked(struct make_vocab *v, const struct make_more *more) {
    static const char *const merges[][2] = {
        {"h", "e"},   {"l", "l"},   {"he", "ll"},      {"hell", "o"},      {"\xc4\xa0", "w"},
        {"o", "r"},   {"l", "d"},   {"\xc4\xa0w", "or"}, {"\xc4\xa0wor", "ld"}, {"\xc4\xa0", "hello"},
        {"1", "2"},   {"12", "3"},  {"'", "s"},        {"\xc4\x8a", "\xc4\x8a"}, {"\xc4\xa0", "\xc4\xa0"},
    };
    for (uint32_t b = 0; b < 256; b++) {
        char text[8];
        make_byte_text(b, text);
        make_token(v, text, 1);
    }
    for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s%s", merges[i][0], merges[i][1]);
        make_token(v, text, 1);
        snprintf(v->merge[v->merges_len++], sizeof v->merge[0], "%s %s", merges[i][0],
                 merges[i][1]);
    }
    for (; more->text; more++) make_token(v, more->text, more->kind);
    make_token(v, "<|endoftext|>", 3);
    make_token(v, "<|im_start|>", 3);
    make_token(v, "<|im_end|>", 3);
}

static inline void make_vocab_keys(struct make *m, const struct make_vocab *v) {
    make_text(m, "tokenizer.ggml.model", m->bytewise ? "gpt2" : "llama");
    if (make_array(m, "tokenizer.ggml.tokens", 8, v->len))
        for (uint32_t i = 0; i < v->len; i++) make_string(&m->keys, view_of(v->text[i]));
    if (make_array(m, "tokenizer.ggml.token_type", 5, v->len))
        for (uint32_t i = 0; i < v->len; i++) wire_put_u32(&m->keys, (uint32_t)v->kind[i]);
    if (!m->bytewise) {
        if (make_array(m, "tokenizer.ggml.scores", 6, v->len))
            for (uint32_t i = 0; i < v->len; i++) wire_put_f32(&m->keys, v->score[i]);
        make_u32(m, "tokenizer.ggml.unknown_token_id", 0);
        make_u32(m, "tokenizer.ggml.bos_token_id", 1);
        make_u32(m, "tokenizer.ggml.eos_token_id", 2);
        make_bool(m, "tokenizer.ggml.add_space_prefix", false);
    } else {
        make_text(m, "tokenizer.ggml.pre", "gpt-2");
        if (make_array(m, "tokenizer.ggml.merges", 8, v->merges_len))
            for (uint32_t i = 0; i < v->merges_len; i++)
                make_string(&m->keys, view_of(v->merge[i]));
        make_u32(m, "tokenizer.ggml.eos_token_id", v->len - 3);
    }
    if (m->chat_template) make_text(m, "tokenizer.chat_template", m->chat_template);
}

// ---- tensors ----

static inline void make_half(uint8_t *at, float value) {
    uint16_t half = quant_to_half(value);
    at[0] = (uint8_t)half;
    at[1] = (uint8_t)(half >> 8);
}

// The scales of one random block such that its weights are of moderate size; v is in -1..1.
static inline void make_scales(uint32_t type, float v, uint8_t *block) {
    uint32_t bits;
    float small = 0.002f * (1 + v);
    memcpy(&bits, &v, sizeof bits);
    switch (type) {
    case QUANT_F32: memcpy(block, &v, sizeof v); break;
    case QUANT_F16: make_half(block, v); break;
    case QUANT_BF16: memcpy(block, (uint8_t *)&bits + 2, 2); break;
    case QUANT_Q8_0: make_half(block, small); break;
    case QUANT_Q2_K:
        make_half(block + 80, small / 2);
        make_half(block + 82, small / 2);
        break;
    case QUANT_Q3_K: make_half(block + 108, small / 8); break;
    case QUANT_IQ4_NL: make_half(block, small / 4); break;
    case QUANT_IQ4_XS: make_half(block, small / 64); break;
    case QUANT_Q6_K: make_half(block + 208, small / 64); break;
    case QUANT_Q4_K:
        make_half(block, small / 16);
        make_half(block + 2, small / 2);
        break;
    case QUANT_Q4_1:
        make_half(block, small * 4);
        make_half(block + 2, small * -30);
        break;
    case QUANT_Q5_1:
        make_half(block, small * 2);
        make_half(block + 2, small * -31);
        break;
    case QUANT_Q5_K:
        make_half(block, small / 32);
        make_half(block + 2, small / 2);
        break;
    default: make_half(block, small * 4);
    }
}

static inline void make_blocks(struct make *m, uint32_t type, size_t bytes, char *out) {
    const struct quant *quant = quant_find(type);
    for (size_t i = 0; i < bytes; i++) out[i] = (char)make_chance(m);
    for (size_t at = 0; quant && at + quant->bytes <= bytes; at += quant->bytes)
        make_scales(type, (float)(make_chance(m) % 2001) / 1000.0f - 1, (uint8_t *)out + at);
}

// Describes a tensor; its `bytes` of data, to be filled, or NULL when it is dropped.
static inline char *make_info(struct make *m, const char *name, uint32_t type, uint32_t dims,
                              const uint64_t shape[4], size_t bytes) {
    if (m->drop && strcmp(m->drop, name) == 0) return NULL;
    bool change = m->tensor && strcmp(m->tensor, name) == 0;
    uint64_t offset = m->data.len;
    if (change && m->dims) dims = m->dims;
    m->tensors_len++;
    make_string(&m->infos, view_of(name));
    wire_put_u32(&m->infos, dims);
    for (uint32_t i = 0; i < dims; i++)
        wire_put_u64(&m->infos, i >= 4 ? 1 : change && m->shape[i] ? m->shape[i] : shape[i]);
    wire_put_u32(&m->infos, change && m->type ? m->type - 1 : type);
    wire_put_u64(&m->infos, offset + (change ? m->offset : 0));
    return buf_room(&m->data, bytes);
}

// After the data was filled.
static inline void make_info_end(struct make *m, const char *name, char *data, size_t bytes) {
    if (data && m->poison && strcmp(m->poison, name) == 0)
        memset(data, 0xff, 256 < bytes ? 256 : bytes);
    while (m->data.len % 32) buf_put_char(&m->data, 0);
}

static inline void make_tensor(struct make *m, const char *name, uint32_t type, uint64_t columns,
                               uint64_t rows) {
    const struct quant *quant = quant_find(type);
    size_t bytes = (size_t)(columns * rows / quant->block * quant->bytes);
    uint64_t shape[4] = {columns, rows, 1, 1};
    char *data = make_info(m, name, type, rows == 1 ? 1 : 2, shape, bytes);
    if (!data) return;
    make_blocks(m, type, bytes, data);
    make_info_end(m, name, data, bytes);
    if (m->twice && strcmp(m->twice, name) == 0) {
        m->twice = NULL;
        make_tensor(m, name, type, columns, rows);
    }
}

static inline void make_tensors(struct make *m, uint32_t vocabulary) {
    uint32_t type = m->matrix_type ? m->matrix_type - 1 : QUANT_Q8_0, width = m->width, ff = m->ff;
    static const struct {
        const char *name;
        int columns, rows; // 0 width, 1 half of it, 2 ff
    } matrices[] = {{"attn_q", 0, 0},   {"attn_k", 0, 1},  {"attn_v", 0, 1}, {"attn_output", 0, 0},
                    {"ffn_gate", 0, 2}, {"ffn_up", 0, 2}, {"ffn_down", 2, 0}};
    uint32_t sizes[] = {width, width / 2, ff};
    char name[64];
    make_tensor(m, "token_embd.weight", type, width, vocabulary + m->extra_rows);
    for (uint32_t i = 0; i < m->layers; i++) {
        for (size_t j = 0; j < 7; j++) {
            snprintf(name, sizeof name, "blk.%u.%s.weight", i, matrices[j].name);
            make_tensor(m, name, type, sizes[matrices[j].columns], sizes[matrices[j].rows]);
        }
        snprintf(name, sizeof name, "blk.%u.attn_norm.weight", i);
        make_tensor(m, name, QUANT_F32, width, 1);
        snprintf(name, sizeof name, "blk.%u.ffn_norm.weight", i);
        make_tensor(m, name, QUANT_F32, width, 1);
    }
    make_tensor(m, "output_norm.weight", QUANT_F32, width, 1);
}

// What stands before the data, into m->file.
static inline void make_head(struct make *m) {
    if (m->key && !m->key_done) make_key(m, m->key, 0);
    wire_put_u32(&m->file, m->magic ? m->magic : 0x46554747);
    wire_put_u32(&m->file, m->version ? m->version : 3);
    wire_put_u64(&m->file, m->tensors_claimed ? m->tensors_claimed : m->tensors_len);
    wire_put_u64(&m->file, m->keys_claimed ? m->keys_claimed : m->keys_len);
    buf_put_view(&m->file, buf_view(&m->keys));
    buf_put_view(&m->file, buf_view(&m->infos));
    while (m->file.len % 32) buf_put_char(&m->file, 0);
    must(!m->file.over && !m->keys.over && !m->infos.over && !m->data.over);
}

// Joins keys, tensors and data.
static inline struct view make_join(struct make *m) {
    make_head(m);
    buf_put_view(&m->file, buf_view(&m->data));
    must(!m->file.over);
    return buf_view(&m->file);
}

// Builds the file; the view lives until make_free.
static inline struct view make_file(struct make *m) {
    static struct make_vocab vocab;
    vocab = (struct make_vocab){0};
    struct buf *parts[] = {&m->keys, &m->infos, &m->data, &m->file};
    for (size_t i = 0; i < 4; i++) must(buf_open(parts[i], MAKE_BYTES_MAX) == SK_OK);
    m->keys_len = m->tensors_len = 0;
    if (!m->width) m->width = 32;
    if (!m->ff) m->ff = 64;
    if (!m->layers) m->layers = 2;
    if (m->bytewise)
        make_ranked(&vocab, m->more);
    else
        make_scored(&vocab);
    make_text(m, "general.architecture", "llama");
    make_text(m, "general.name", "tiny");
    make_u32(m, "llama.context_length", 128);
    make_u32(m, "llama.embedding_length", m->width);
    make_u32(m, "llama.block_count", m->layers);
    make_u32(m, "llama.feed_forward_length", m->ff);
    make_u32(m, "llama.attention.head_count", 4);
    make_u32(m, "llama.attention.head_count_kv", 2);
    make_f32(m, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    make_f32(m, "llama.rope.freq_base", 10000);
    make_u32(m, "llama.rope.dimension_count", m->width / 4);
    make_u32(m, "general.alignment", 32);
    make_vocab_keys(m, &vocab);
    make_tensors(m, vocab.len);
    return make_join(m);
}

static inline void make_free(struct make *m) {
    buf_close(&m->keys);
    buf_close(&m->infos);
    buf_close(&m->data);
    buf_close(&m->file);
}
