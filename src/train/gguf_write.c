#include "train/gguf_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/wire.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are written as they lie");

enum sk_code gguf_writer_open(struct gguf_writer *writer, struct gguf_sink sink) {
    *writer = (struct gguf_writer){.sink = sink};
    size_t bytes = GGUF_KEYS_MAX * sizeof(struct view) +
                   GGUF_TENSORS_MAX * (sizeof(struct view) + sizeof(uint64_t)) + 64;
    enum sk_code code = arena_open(&writer->arena, "names of a GGUF file", bytes);
    if (code == SK_OK) code = buf_open(&writer->keys, GGUF_WRITE_HEAD_MAX);
    if (code == SK_OK) code = buf_open(&writer->tensors, GGUF_WRITE_HEAD_MAX);
    if (code != SK_OK) {
        gguf_writer_close(writer);
        return code;
    }
    writer->key_names = arena_take_raw(&writer->arena, GGUF_KEYS_MAX, sizeof(struct view));
    writer->tensor_names = arena_take_raw(&writer->arena, GGUF_TENSORS_MAX, sizeof(struct view));
    writer->tensor_bytes = arena_take_raw(&writer->arena, GGUF_TENSORS_MAX, sizeof(uint64_t));
    must(writer->key_names && writer->tensor_names && writer->tensor_bytes);
    return SK_OK;
}

void gguf_writer_close(struct gguf_writer *writer) {
    buf_close(&writer->keys);
    buf_close(&writer->tensors);
    arena_close(&writer->arena);
    *writer = (struct gguf_writer){0};
}

// Keeps a failure with its text: other calls may fail before it is asked for.
static void fail_keep(struct gguf_writer *writer, enum sk_code code) {
    writer->code = code;
    snprintf(writer->text, sizeof writer->text, "%s", fail_text());
}

static enum sk_code fail_kept(const struct gguf_writer *writer) {
    return writer->code == SK_OK ? SK_OK : FAIL(writer->code, "%s", writer->text);
}

// ---- declarations ----

static void put_string(struct buf *out, struct view text) {
    wire_put_u64(out, text.len);
    buf_put_view(out, text);
}

// Writes a name and keeps where it stands: both buffers stay where they are.
static bool put_name(struct gguf_writer *writer, struct buf *out, struct view name, size_t max) {
    bool plain = name.len > 0 && name.len <= max;
    for (size_t i = 0; i < name.len && plain; i++) plain = name.at[i] > ' ' && name.at[i] <= '~';
    if (!plain) {
        fail_keep(writer, FAIL(SK_INPUT, "the name of a %s must be 1..%zu printable ASCII "
                                         "characters, not %zu bytes",
                               out == &writer->keys ? "key" : "tensor", max, name.len));
        return false;
    }
    put_string(out, name);
    return true;
}

static struct view name_put(const struct buf *out, size_t len) {
    return out->over ? (struct view){0} : (struct view){out->at + out->len - len, len};
}

// A key's name and kind; false: nothing more is to be written.
static bool key_begin(struct gguf_writer *writer, struct view name, uint32_t kind) {
    must(!writer->head_bytes);
    if (writer->code != SK_OK) return false;
    if (writer->keys_len == GGUF_KEYS_MAX) {
        fail_keep(writer, FAIL(SK_LIMIT, "keys: more than %d", GGUF_KEYS_MAX));
        return false;
    }
    if (!put_name(writer, &writer->keys, name, GGUF_KEY_LEN_MAX)) return false;
    writer->key_names[writer->keys_len++] = name_put(&writer->keys, name.len);
    wire_put_u32(&writer->keys, kind);
    return true;
}

static bool array_begin(struct gguf_writer *writer, struct view name, enum gguf_kind kind,
                        uint64_t count) {
    if (!key_begin(writer, name, GGUF_ARRAY)) return false;
    wire_put_u32(&writer->keys, kind);
    wire_put_u64(&writer->keys, count);
    return true;
}

void gguf_put_u32(struct gguf_writer *writer, const char *name, uint32_t value) {
    if (key_begin(writer, view_of(name), GGUF_U32)) wire_put_u32(&writer->keys, value);
}

void gguf_put_u64(struct gguf_writer *writer, const char *name, uint64_t value) {
    if (key_begin(writer, view_of(name), GGUF_U64)) wire_put_u64(&writer->keys, value);
}

void gguf_put_f32(struct gguf_writer *writer, const char *name, float value) {
    if (key_begin(writer, view_of(name), GGUF_F32)) wire_put_f32(&writer->keys, value);
}

void gguf_put_bool(struct gguf_writer *writer, const char *name, bool value) {
    if (key_begin(writer, view_of(name), GGUF_BOOL)) wire_put_u8(&writer->keys, value);
}

static bool text_check(struct gguf_writer *writer, const char *name, struct view text) {
    if (utf8_check(text)) return true;
    fail_keep(writer, FAIL(SK_INPUT, "key %s: not UTF-8", name));
    return false;
}

void gguf_put_text(struct gguf_writer *writer, const char *name, struct view text) {
    if (!key_begin(writer, view_of(name), GGUF_STRING) || !text_check(writer, name, text)) return;
    put_string(&writer->keys, text);
}

void gguf_put_values(struct gguf_writer *writer, const char *name, enum gguf_kind kind,
                     uint64_t count, const void *values) {
    size_t each = gguf_kind_bytes(kind);
    must(each > 0);
    if (!array_begin(writer, view_of(name), kind, count)) return;
    if (count > GGUF_WRITE_HEAD_MAX / each)
        writer->keys.over = true;
    else
        buf_put(&writer->keys, values, (size_t)count * each);
}

void gguf_put_texts(struct gguf_writer *writer, const char *name, uint64_t count,
                    const struct view *texts) {
    if (!array_begin(writer, view_of(name), GGUF_STRING, count)) return;
    for (uint64_t i = 0; i < count && text_check(writer, name, texts[i]); i++)
        put_string(&writer->keys, texts[i]);
}

void gguf_put_key(struct gguf_writer *writer, const struct gguf_key *key) {
    if (key->array ? array_begin(writer, key->name, key->kind, key->count)
                   : key_begin(writer, key->name, key->kind))
        buf_put_view(&writer->keys, key->bytes);
}

static bool list_has(const char *const *list, struct view name) {
    for (; list && *list; list++)
        if (view_is(name, *list)) return true;
    return false;
}

void gguf_put_keys(struct gguf_writer *writer, const struct gguf *from,
                   const char *const *without) {
    for (uint32_t i = 0; i < from->keys_len; i++) {
        struct view name = from->keys[i].name;
        if (!view_is(name, "general.alignment") && !view_starts(name, VIEW("split.")) &&
            !list_has(without, name))
            gguf_put_key(writer, &from->keys[i]);
    }
}

uint64_t gguf_tensor_bytes(enum quant_type type, uint32_t dims, const uint64_t *shape) {
    const struct quant *quant = quant_find(type);
    must(quant && dims > 0 && dims <= GGUF_DIMS_MAX && shape[0] % quant->block == 0);
    uint64_t bytes = shape[0] / quant->block * quant->bytes;
    for (uint32_t i = 1; i < dims; i++) bytes *= shape[i];
    must(bytes > 0);
    return bytes;
}

static uint64_t align(uint64_t bytes) {
    return (bytes + GGUF_WRITE_ALIGN - 1) / GGUF_WRITE_ALIGN * GGUF_WRITE_ALIGN;
}

void gguf_put_tensor(struct gguf_writer *writer, struct view name, enum quant_type type,
                     uint32_t dims, const uint64_t *shape) {
    must(!writer->head_bytes);
    uint64_t bytes = gguf_tensor_bytes(type, dims, shape);
    if (writer->code != SK_OK) return;
    if (writer->tensors_len == GGUF_TENSORS_MAX) {
        fail_keep(writer, FAIL(SK_LIMIT, "tensors: more than %d", GGUF_TENSORS_MAX));
        return;
    }
    if (!put_name(writer, &writer->tensors, name, GGUF_NAME_LEN_MAX)) return;
    writer->tensor_names[writer->tensors_len] = name_put(&writer->tensors, name.len);
    writer->tensor_bytes[writer->tensors_len++] = bytes;
    wire_put_u32(&writer->tensors, dims);
    for (uint32_t i = 0; i < dims; i++) wire_put_u64(&writer->tensors, shape[i]);
    wire_put_u32(&writer->tensors, type);
    wire_put_u64(&writer->tensors, writer->data_bytes);
    writer->data_bytes += align(bytes);
}

// ---- what is written ----

static enum sk_code put(struct gguf_writer *writer, const void *bytes, size_t len) {
    if (len == 0) return SK_OK;
    enum sk_code code = writer->sink.put(writer->sink.self, bytes, len);
    if (code != SK_OK) fail_keep(writer, code);
    return code;
}

// Zeros up to the next place where a tensor may begin.
static enum sk_code put_padding(struct gguf_writer *writer, uint64_t at) {
    static const uint8_t zeros[GGUF_WRITE_ALIGN];
    return put(writer, zeros, (size_t)(align(at) - at));
}

static int name_order(const void *a, const void *b) {
    const struct view *x = a, *y = b;
    int order = memcmp(x->at, y->at, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static void check_names(struct gguf_writer *writer, struct view *names, uint32_t len,
                        const char *what) {
    if (len) qsort(names, len, sizeof *names, name_order);
    for (uint32_t i = 1; i < len && writer->code == SK_OK; i++)
        if (view_same(names[i - 1], names[i]))
            fail_keep(writer, FAIL(SK_INPUT, "%s %.*s: given twice", what, (int)names[i].len,
                                   names[i].at));
}

// The first byte of the next tensor is expected.
static void tensor_begin(struct gguf_writer *writer) {
    writer->left = writer->tensor < writer->tensors_len ? writer->tensor_bytes[writer->tensor] : 0;
}

enum sk_code gguf_write_head(struct gguf_writer *writer) {
    char storage[24];
    struct buf first = buf_over(storage, sizeof storage);
    must(!writer->head_bytes);
    if (writer->code == SK_OK && (writer->keys.over || writer->tensors.over))
        fail_keep(writer, FAIL(SK_LIMIT, "keys or tensors of a GGUF file: more than %d bytes",
                               GGUF_WRITE_HEAD_MAX));
    if (writer->code == SK_OK)
        check_names(writer, writer->key_names, writer->keys_len, "key");
    if (writer->code == SK_OK)
        check_names(writer, writer->tensor_names, writer->tensors_len, "tensor");
    TRY(fail_kept(writer));
    wire_put_u32(&first, 0x46554747);
    wire_put_u32(&first, 3);
    wire_put_u64(&first, writer->tensors_len);
    wire_put_u64(&first, writer->keys_len);
    uint64_t bytes = first.len + writer->keys.len + writer->tensors.len;
    writer->head_bytes = align(bytes);
    TRY(put(writer, first.at, first.len));
    TRY(put(writer, writer->keys.at, writer->keys.len));
    TRY(put(writer, writer->tensors.at, writer->tensors.len));
    TRY(put_padding(writer, bytes));
    tensor_begin(writer);
    return SK_OK;
}

enum sk_code gguf_write_data(struct gguf_writer *writer, const void *bytes, size_t len) {
    TRY(fail_kept(writer));
    must(writer->head_bytes && len <= writer->left);
    TRY(put(writer, bytes, len));
    writer->left -= len;
    if (writer->left || writer->tensor == writer->tensors_len) return SK_OK;
    TRY(put_padding(writer, writer->tensor_bytes[writer->tensor++]));
    tensor_begin(writer);
    return SK_OK;
}

enum sk_code gguf_write_end(struct gguf_writer *writer) {
    TRY(fail_kept(writer));
    must(writer->head_bytes && writer->tensor == writer->tensors_len);
    return SK_OK;
}
