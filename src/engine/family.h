// Families: the architectures this build runs, each one row over shared parts.
//
// A row says which parts of a layer a family has, how it places its norms, and the constants its
// files leave out. Everything else (keys, tensors, the forward pass) is written once and asks the
// row. Source: the families' papers and the GGUF key names; where a file cannot say what a model's
// authors meant, the row says what llama.cpp does, since that is how users know the file.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/view.h"

// Where a layer norms, around attention and around the feed-forward part alike; bits.
enum family_norms {
    FAMILY_NORM_BEFORE = 1, // what the part reads
    FAMILY_NORM_OUTPUT = 2, // what the part brings, before it is added
    FAMILY_NORM_AROUND = FAMILY_NORM_BEFORE | FAMILY_NORM_OUTPUT,
    FAMILY_NORM_AFTER = 4, // the sum
};

enum family_need { FAMILY_NEVER, FAMILY_MAYBE, FAMILY_ALWAYS };

enum family_query_norm { FAMILY_QUERY_PLAIN, FAMILY_QUERY_HEADS, FAMILY_QUERY_ROWS };

// Which layers see only a window of positions, when the file names a window.
enum family_window {
    FAMILY_WINDOW_REFUSED, // a window shorter than the context is not computed
    FAMILY_WINDOW_IGNORED,
    FAMILY_WINDOW_LAST,  // all but the last of every `period`; period 0: all layers
    FAMILY_WINDOW_FIRST, // all but the first of every `period`
};

struct family {
    const char *name; // general.architecture
    enum family_norms norms;
    enum family_need norm_bias, bias; // biases of norms; of matrices
    enum family_query_norm query_norm;
    enum family_window window;
    uint32_t period, window_default;
    bool layer_norm; // LayerNorm, not RMS norm
    bool one_norm;   // the feed-forward part reads what attention read
    bool parallel;   // … and both are added at once; gptneox says it in a key
    bool parallel_key;
    bool halves;     // RoPE turns (x[i], x[i + dims / 2]); else (x[2 i], x[2 i + 1])
    bool local_rope; // layers with a window turn by rope.freq_base_swa and are not scaled
    float local_base; // that base without the key; 0 = that of the other layers
    bool rope_key;   // rope.scaling.finetuned = false: no RoPE at all
    bool gelu;       // tanh form (a GGUF does not say which; so does llama.cpp); else SiLU
    bool gelu_key;   // hidden_activation says which
    bool ungated;    // down(act(up)), not down(act(gate) x up)
    bool experts;    // a mixture when expert_count is there
    bool temperature; // queries grow with the logarithm of their position, by a key
    bool root_embedding; // embedding x sqrt(width)
    bool scales;         // embedding, residual and logit scales by keys
    bool caps;           // soft caps by keys, with these defaults (0 = none)
    float attention_cap, final_cap;
    uint32_t wide_layers; // with as many layers, queries are scaled by sqrt(heads / width)
    // Encoders: every position sees every other, and the result is an embedding.
    bool encoder;
    bool positions;      // learned positions instead of RoPE
    bool types;          // token types (row 0 is added)
    bool embedding_norm; // the embedding is normed
    bool first_bare;     // the first layer may do without attention_norm
    bool mean_head;      // a reranker's head reads the mean of all states and has GELU; else the
                         // first position's and tanh
};

// NULL when this build does not run it.
const struct family *family_find(struct view architecture);

// "llama, qwen2, …", for the refusal.
void family_names(struct buf *out);
