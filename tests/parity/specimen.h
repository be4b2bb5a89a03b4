// Specimen: small random GGUF files of every model family Sekisho runs, for the parity and
// hostile-file tests. One row of the table is one family; what is particular to it are its keys and
// the bits of `has`. Which tensors and keys an architecture needs is what files converted for
// llama.cpp hold.
#pragma once
#include "weights.h"

enum {
    SPECIMEN_KEYS_MAX = 8,
    SPECIMEN_CONTEXT = 512, // trained for
};

enum specimen_part {
    HAS_TIED = 1 << 0,         // no output.weight
    HAS_BYTEWISE = 1 << 1,     // byte-level BPE vocabulary; otherwise SentencePiece
    HAS_WORDS = 1 << 2,        // WordPiece vocabulary
    HAS_WIDE_HEADS = 1 << 3,   // heads x head length is twice the width
    HAS_FUSED_QKV = 1 << 4,    // attn_qkv
    HAS_QKV_BIAS = 1 << 5,
    HAS_BIASES = 1 << 6,       // of every other matrix of a layer
    HAS_HEAD_NORMS = 1 << 7,   // of queries and keys, each head
    HAS_QK_NORMS = 1 << 8,     // of queries and keys, over all heads
    HAS_LAYER_NORM = 1 << 9,   // mean and variance; otherwise root mean square
    HAS_NORM_BIAS = 1 << 10,
    HAS_PRE_NORMS = 1 << 11,   // before attention and before the feed-forward part
    HAS_POST_NORMS = 1 << 12,  // of what each part adds
    HAS_OUT_NORMS = 1 << 13,   // of the sum after each part (bert)
    HAS_GATE = 1 << 14,        // ffn_gate
    HAS_GATE_IN_UP = 1 << 15,  // ffn_up has twice the rows
    HAS_EXPERTS = 1 << 16,
    HAS_ENCODER = 1 << 17,
    HAS_EMBEDDING_NORM = 1 << 18,
    HAS_TOKEN_TYPES = 1 << 19,
    HAS_POSITIONS = 1 << 20,   // learned
    HAS_PART_ROPE = 1 << 21,   // of a quarter of each head
    HAS_ROPE_FACTORS = 1 << 22, // rope_freqs
    HAS_LONG_SHORT = 1 << 23,   // rope_factors_long, rope_factors_short
    HAS_FIRST_NORM_NONE = 1 << 24, // layer 0 has no attn_norm
    HAS_NO_ROPE = 1 << 25,
    HAS_ONE_NORM = 1 << 26,    // before a layer, no other; output.bias
    HAS_EACH_LAYER = 1 << 27,  // heads and ff are written as a number for each layer
    HAS_CLASSIFIER = 1 << 28,  // cls, which embeddings do not pass
    HAS_RANK = 1 << 29,        // cls.output, and cls with a bias: a reranker
};

struct specimen_key {
    const char *name; // without the architecture
    uint32_t kind;    // 4 u32, 6 f32, 7 bool, 8 text
    double number;
    const char *text;
};

struct specimen {
    const char *name, *architecture;
    uint32_t has; // enum specimen_part
    uint32_t layers, heads, heads_kv;
    float adds; // how large what a layer adds is, beside one that stays near 1
    float head; // spread of the logits before any scaling
    struct specimen_key keys[SPECIMEN_KEYS_MAX];
};

extern const struct specimen specimens[]; // the last has no name
const struct specimen *specimen_find(const char *name); // may be NULL

// Builds the file; `m` carries what to change in it (gguf_make.h), and owns it until make_free.
// With `expand` every matrix is F32, of the same weights. `width` 0: 256, or 192 for types whose
// blocks allow it.
struct view specimen_make(struct make *m, const struct specimen *family,
                        const struct weight_type *type, bool expand, uint32_t width);
