// Family: small random GGUF files of every model family Sekisho runs, for the parity and
// hostile-file tests. One row of the table is one family; what is particular to it are its keys and
// the bits of `has`. Which tensors and keys an architecture needs is what files converted for
// llama.cpp hold.
#pragma once
#include "weights.h"

enum {
    FAMILY_KEYS_MAX = 8,
    FAMILY_CONTEXT = 512, // trained for
};

enum family_part {
    FAMILY_TIED = 1 << 0,         // no output.weight
    FAMILY_BYTEWISE = 1 << 1,     // byte-level BPE vocabulary; otherwise SentencePiece
    FAMILY_WORDS = 1 << 2,        // WordPiece vocabulary
    FAMILY_WIDE_HEADS = 1 << 3,   // heads x head length is twice the width
    FAMILY_FUSED_QKV = 1 << 4,    // attn_qkv
    FAMILY_QKV_BIAS = 1 << 5,
    FAMILY_BIASES = 1 << 6,       // of every other matrix of a layer
    FAMILY_HEAD_NORMS = 1 << 7,   // of queries and keys, each head
    FAMILY_QK_NORMS = 1 << 8,     // of queries and keys, over all heads
    FAMILY_LAYER_NORM = 1 << 9,   // mean and variance; otherwise root mean square
    FAMILY_NORM_BIAS = 1 << 10,
    FAMILY_PRE_NORMS = 1 << 11,   // before attention and before the feed-forward part
    FAMILY_POST_NORMS = 1 << 12,  // of what each part adds
    FAMILY_OUT_NORMS = 1 << 13,   // of the sum after each part (bert)
    FAMILY_GATE = 1 << 14,        // ffn_gate
    FAMILY_GATE_IN_UP = 1 << 15,  // ffn_up has twice the rows
    FAMILY_EXPERTS = 1 << 16,
    FAMILY_ENCODER = 1 << 17,
    FAMILY_EMBEDDING_NORM = 1 << 18,
    FAMILY_TOKEN_TYPES = 1 << 19,
    FAMILY_POSITIONS = 1 << 20,   // learned
    FAMILY_PART_ROPE = 1 << 21,   // of a quarter of each head
    FAMILY_ROPE_FACTORS = 1 << 22, // rope_freqs
    FAMILY_LONG_SHORT = 1 << 23,   // rope_factors_long, rope_factors_short
    FAMILY_FIRST_NORM_NONE = 1 << 24, // layer 0 has no attn_norm
    FAMILY_NO_ROPE = 1 << 25,
};

struct family_key {
    const char *name; // without the architecture
    uint32_t kind;    // 4 u32, 6 f32, 7 bool, 8 text
    double number;
    const char *text;
};

struct family {
    const char *name, *architecture;
    uint32_t has; // enum family_part
    uint32_t layers, heads, heads_kv;
    float adds; // how large what a layer adds is, beside one that stays near 1
    float head; // spread of the logits before any scaling
    struct family_key keys[FAMILY_KEYS_MAX];
};

extern const struct family families[]; // the last has no name
const struct family *family_find(const char *name); // may be NULL

// Builds the file; `m` carries what to change in it (gguf_make.h), and owns it until make_free.
// With `expand` every matrix is F32, of the same weights. `width` 0: 256, or 192 for types whose
// blocks allow it.
struct view family_make(struct make *m, const struct family *family,
                        const struct weight_type *type, bool expand, uint32_t width);
