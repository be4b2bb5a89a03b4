// Splits a good GGUF file in memory into parts as gguf-split writes them: all keys in the first
// part, three split keys in each, every tensor in one part.
#pragma once
#include "base/buf.h"
#include "base/wire.h"
#include "engine/gguf.h"

enum { SPLIT_PARTS_MAX = 8, SPLIT_BYTES_MAX = 1 << 21 };

struct split {
    // What to change; NULL or 0 is nothing.
    const char *drop; // split key left out of the last part
    const char *key;  // split key written with `value` in the last part
    uint32_t value;
    const char *extra;   // text key added to the last part, with the value "extra"
    const char *repeat;  // key of the whole file repeated in the last part
    bool copy;           // the first part's first tensor once more in the last part
    // What is made.
    struct buf parts[SPLIT_PARTS_MAX];
    struct view views[SPLIT_PARTS_MAX];
    size_t parts_len;
};

static inline void split_string(struct buf *out, struct view text) {
    wire_put_u64(out, text.len);
    buf_put_view(out, text);
}

static inline void split_key(const struct gguf_key *key, struct buf *out) {
    split_string(out, key->name);
    wire_put_u32(out, key->array ? GGUF_ARRAY : key->kind);
    if (key->array) wire_put_u32(out, key->kind);
    if (key->array) wire_put_u64(out, key->count);
    buf_put_view(out, key->bytes);
}

static inline uint64_t split_keys(const struct split *s, const struct gguf *whole, uint32_t part,
                                  struct buf *out) {
    const uint32_t numbers[] = {part, (uint32_t)s->parts_len, whole->tensors_len + s->copy};
    static const char *const names[] = {"split.no", "split.count", "split.tensors.count"};
    bool last = part + 1 == s->parts_len;
    uint64_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        if (last && s->drop && strcmp(s->drop, names[i]) == 0) continue;
        bool change = last && s->key && strcmp(s->key, names[i]) == 0;
        split_string(out, view_of(names[i]));
        wire_put_u32(out, i < 2 ? GGUF_U16 : GGUF_I32);
        uint32_t number = change ? s->value : numbers[i];
        buf_put(out, &number, i < 2 ? 2 : 4);
        count++;
    }
    for (uint32_t i = 0; part == 0 && i < whole->keys_len; i++, count++)
        split_key(&whole->keys[i], out);
    if (last && s->extra) {
        split_string(out, view_of(s->extra));
        wire_put_u32(out, GGUF_STRING);
        split_string(out, VIEW("extra"));
        count++;
    }
    if (last && s->repeat) {
        split_key(gguf_find(whole, s->repeat), out);
        count++;
    }
    return count;
}

static inline void split_tensor(const struct gguf *whole, uint32_t index, struct buf *infos,
                                struct buf *data) {
    const struct gguf_tensor *tensor = &whole->tensors[index];
    split_string(infos, tensor->name);
    wire_put_u32(infos, tensor->dims);
    for (uint32_t i = 0; i < tensor->dims; i++) wire_put_u64(infos, tensor->shape[i]);
    wire_put_u32(infos, tensor->type);
    wire_put_u64(infos, data->len);
    buf_put(data, gguf_data(whole, tensor), (size_t)tensor->bytes);
    while (data->len % 32) buf_put_char(data, 0);
}

// Tensor i goes to part i * parts_len / tensors_len. The views live until split_free.
static inline void split_make(struct split *s, struct view file, size_t parts_len) {
    struct gguf whole;
    struct buf keys, infos, data;
    must(parts_len <= SPLIT_PARTS_MAX && gguf_open(&whole, &file, 1) == SK_OK);
    must(buf_open(&keys, SPLIT_BYTES_MAX) == SK_OK && buf_open(&infos, SPLIT_BYTES_MAX) == SK_OK &&
         buf_open(&data, SPLIT_BYTES_MAX) == SK_OK);
    s->parts_len = parts_len;
    uint32_t next = 0;
    for (uint32_t part = 0; part < parts_len; part++) {
        bool copied = s->copy && part + 1 == parts_len;
        uint32_t from = next;
        buf_reset(&keys);
        buf_reset(&infos);
        buf_reset(&data);
        uint64_t count = split_keys(s, &whole, part, &keys);
        while (next < whole.tensors_len && next * parts_len / whole.tensors_len <= part)
            split_tensor(&whole, next++, &infos, &data);
        if (copied) split_tensor(&whole, 0, &infos, &data);
        struct buf *out = &s->parts[part];
        must(buf_open(out, SPLIT_BYTES_MAX) == SK_OK);
        wire_put_u32(out, 0x46554747);
        wire_put_u32(out, 3);
        wire_put_u64(out, next - from + copied);
        wire_put_u64(out, count);
        buf_put_view(out, buf_view(&keys));
        buf_put_view(out, buf_view(&infos));
        while (out->len % 32) buf_put_char(out, 0);
        buf_put_view(out, buf_view(&data));
        must(!out->over && !data.over);
        s->views[part] = buf_view(out);
    }
    buf_close(&keys);
    buf_close(&infos);
    buf_close(&data);
    gguf_close(&whole);
}

static inline void split_free(struct split *s) {
    for (size_t i = 0; i < s->parts_len; i++) buf_close(&s->parts[i]);
}
