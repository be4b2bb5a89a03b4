// GGUF v2 and v3 (ggml docs/gguf.md), read in place from bytes that may be hostile; a model split
// over several files ("…-00001-of-00003.gguf") is read as one.
//
// Promises: after gguf_open every key, string, array and tensor lies inside its file, keys and
// tensors are unique, tensors are aligned and do not overlap. Tables are sized only after the
// claimed counts were checked against the file's size. Of a split model the parts are all there, in
// order, and hold the tensors they claim together; its keys are those of the first part. Refuses:
// big-endian files, v1, nested arrays, tensor types this build does not compute with, names that
// are not printable ASCII, a later part with a key that the first has not or has otherwise.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/view.h"
#include "base/wire.h"
#include "engine/quant.h"

enum {
    GGUF_KEYS_MAX = 4096,
    GGUF_TENSORS_MAX = 16384,
    GGUF_KEY_LEN_MAX = 256,
    GGUF_NAME_LEN_MAX = 128, // of a tensor
    GGUF_DIMS_MAX = 4,
    GGUF_PARTS_MAX = 128,
};

enum gguf_kind {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_KINDS,
};

// Bytes of a scalar; 0 for strings, arrays and unknown kinds.
size_t gguf_kind_bytes(uint32_t kind);

struct gguf_key {
    struct view name;
    enum gguf_kind kind; // for an array: of its elements
    bool array;
    uint64_t count;    // elements; 1 for a scalar
    struct view bytes; // the value; strings each with their u64 length before
};

struct gguf_tensor {
    struct view name;
    enum quant_type type;
    uint32_t dims;
    uint64_t shape[GGUF_DIMS_MAX]; // shape[0] runs fastest; unused ones are 1
    uint64_t offset, bytes;        // offset from the start of its file
    uint32_t part;                 // its file
    bool used;                     // for the reader of the tensors, which leaves none unused
};

struct gguf {
    const struct view *files; // of the parts, in order
    uint32_t files_len;
    struct arena arena;
    struct gguf_key *keys; // sorted by name
    struct gguf_tensor *tensors;
    uint32_t keys_len, tensors_len;
};

// SK_CORRUPT or SK_UNSUPPORTED, naming the part, key or tensor. The files are borrowed, and so is
// the list: 1 to GGUF_PARTS_MAX of them (SK_LIMIT).
enum sk_code gguf_open(struct gguf *gguf, const struct view *files, size_t files_len);
void gguf_close(struct gguf *gguf);

const struct gguf_key *gguf_find(const struct gguf *gguf, const char *name); // may be NULL
struct gguf_tensor *gguf_tensor(const struct gguf *gguf, const char *name); // may be NULL
const uint8_t *gguf_data(const struct gguf *gguf, const struct gguf_tensor *tensor);

// A scalar key into *out. Absent: *out is left as it is, or with `must_be` SK_CORRUPT. A value of
// another type, negative or too large: SK_CORRUPT.
enum gguf_need { GGUF_MAY_BE, GGUF_MUST_BE };
enum sk_code gguf_u32(const struct gguf *gguf, const char *name, enum gguf_need need,
                      uint32_t *out);
enum sk_code gguf_f32(const struct gguf *gguf, const char *name, enum gguf_need need, float *out);
enum sk_code gguf_bool(const struct gguf *gguf, const char *name, enum gguf_need need, bool *out);
// UTF-8 is checked.
enum sk_code gguf_text(const struct gguf *gguf, const char *name, enum gguf_need need,
                       struct view *out);
// An array of `kind`; *out NULL when absent and allowed to be.
enum sk_code gguf_array(const struct gguf *gguf, const char *name, enum gguf_kind kind,
                        enum gguf_need need, const struct gguf_key **out);

// The next string of a string array: start with *at = key->bytes.
struct view gguf_string_next(struct view *at);
