// GGUF written: version 3, little endian, one file (ggml docs/gguf.md), into a sink as it comes.
//
// Keys and tensors are declared, then the head is written, then the tensors' bytes in the order in
// which they were declared; each tensor starts on a multiple of GGUF_WRITE_ALIGN. Memory is that of
// the head alone, so a model larger than memory is no trouble.
// Promises: engine/gguf.h reads back what was written; the same calls give the same bytes. A
// failure is kept: everything after it does nothing, and gguf_write_head and later calls return it.
// Refuses: a key or tensor given twice, names that are not printable ASCII or too long, texts that
// are not UTF-8, more keys or tensors than a reader takes (SK_INPUT or SK_LIMIT, naming them).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"
#include "engine/gguf.h"

enum {
    GGUF_WRITE_ALIGN = 32,
    GGUF_WRITE_HEAD_MAX = 1 << 28, // bytes of keys; of tensors' descriptions
};

// Takes bytes in order; what it returns ends the writing.
struct gguf_sink {
    enum sk_code (*put)(void *self, const void *bytes, size_t len);
    void *self;
};

struct gguf_writer {
    struct gguf_sink sink;
    struct buf keys, tensors; // as in the file
    struct arena arena;
    struct view *key_names, *tensor_names;
    uint64_t *tensor_bytes;
    uint32_t keys_len, tensors_len;
    uint64_t head_bytes, data_bytes; // of the file: before the data, and of it
    uint32_t tensor;                 // that takes bytes now
    uint64_t left;                   // bytes it still needs
    enum sk_code code;
    char text[256]; // of the failure
};

enum sk_code gguf_writer_open(struct gguf_writer *writer, struct gguf_sink sink);
void gguf_writer_close(struct gguf_writer *writer); // fine on a zeroed one

void gguf_put_u32(struct gguf_writer *writer, const char *name, uint32_t value);
void gguf_put_u64(struct gguf_writer *writer, const char *name, uint64_t value);
void gguf_put_f32(struct gguf_writer *writer, const char *name, float value);
void gguf_put_bool(struct gguf_writer *writer, const char *name, bool value);
void gguf_put_text(struct gguf_writer *writer, const char *name, struct view text);
// `count` values of a kind that has a size (no texts), as they lie in memory.
void gguf_put_values(struct gguf_writer *writer, const char *name, enum gguf_kind kind,
                     uint64_t count, const void *values);
void gguf_put_texts(struct gguf_writer *writer, const char *name, uint64_t count,
                    const struct view *texts);

// A key of an open file as it stands there.
void gguf_put_key(struct gguf_writer *writer, const struct gguf_key *key);
// All keys of a file but those of `without` (a list ended by NULL, or NULL), and but what says how
// the file itself is laid out: general.alignment, split.*.
void gguf_put_keys(struct gguf_writer *writer, const struct gguf *from,
                   const char *const *without);

// A tensor of `dims` (1..GGUF_DIMS_MAX) dimensions, shape[0] fastest and whole blocks of its type.
void gguf_put_tensor(struct gguf_writer *writer, struct view name, enum quant_type type,
                     uint32_t dims, const uint64_t *shape);

// Bytes of a tensor of this type and shape.
uint64_t gguf_tensor_bytes(enum quant_type type, uint32_t dims, const uint64_t *shape);

// Ends the declarations. From here on the writer knows the file's size: head_bytes + data_bytes.
enum sk_code gguf_write_head(struct gguf_writer *writer);
// The next `len` bytes of the tensor that is under way; the next one begins where it is full.
// Passing a tensor's end in one call is a bug of the caller's.
enum sk_code gguf_write_data(struct gguf_writer *writer, const void *bytes, size_t len);
// After the last byte of the last tensor.
enum sk_code gguf_write_end(struct gguf_writer *writer);
