// Vocab: the tokens of a model, their texts, and how to find one by its text.
//
// Two kinds (tokenizer.ggml.model): "llama", SentencePiece with scores; "gpt2", byte-level BPE with
// ranked merges. Texts are kept as what they stand for: bytes, in "llama" with "▁" for a space.
// Only normal tokens are found by text; control, unknown and byte tokens never come out of a
// search, so no text can become one. Refuses: other kinds, tables whose sizes differ, scores that
// are not finite, more than VOCAB_CHAIN_MAX tokens in one hash bucket (a crafted file).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"
#include "engine/gguf.h"
#include "engine/lay.h"
#include "engine/pretoken.h"

enum {
    VOCAB_PIECE_MAX = 2048, // bytes of one token's text
    VOCAB_TOKENS_MAX = 1 << 20,
    VOCAB_MERGES_MAX = 1 << 22,
    VOCAB_SPECIALS_MAX = 4096, // control and user-defined tokens
    VOCAB_CHAIN_MAX = 64,
    VOCAB_PROBES_MAX = 1024,
    VOCAB_NONE = -1,
};

enum vocab_kind { // as in the file
    VOCAB_NORMAL = 1,
    VOCAB_UNKNOWN,
    VOCAB_CONTROL,
    VOCAB_USER,
    VOCAB_UNUSED,
    VOCAB_BYTE,
};

struct vocab_token {
    const char *at;
    uint32_t len;
    float score;
    enum vocab_kind kind;
    bool end;     // generation stops here
    int32_t next; // same hash bucket; for control and user-defined ones same first byte
};

struct vocab_merge {
    int32_t left, right; // left VOCAB_NONE: an empty place
    int32_t to;
    uint32_t rank;
};

struct vocab {
    uint32_t len;
    bool scored; // "llama"; otherwise "gpt2"
    bool add_bos, add_eos, add_space, whole_words;
    enum pretoken pretoken;
    int32_t bos, eos, unknown; // VOCAB_NONE: there is none
    struct vocab_token *tokens;
    int32_t bytes[256];    // token of each single byte, or VOCAB_NONE
    int32_t specials[256]; // control and user-defined tokens by first byte, longest first
    int32_t *buckets;
    struct vocab_merge *merges;
    char *texts; // those made here rather than lying in the file
    uint32_t buckets_len, merges_len; // powers of two
    uint64_t texts_len;
    uint32_t longest; // bytes of the longest text that can be found
};

// Sizes and settings from the keys.
enum sk_code vocab_read(struct vocab *vocab, const struct gguf *gguf);
void vocab_lay(struct vocab *vocab, struct lay *lay);
enum sk_code vocab_fill(struct vocab *vocab, const struct gguf *gguf);

// The normal token with this text, or VOCAB_NONE.
int32_t vocab_find(const struct vocab *vocab, struct view text);
// The control token with this text, or VOCAB_NONE.
int32_t vocab_control(const struct vocab *vocab, struct view text);
// The merge of two tokens, or NULL.
const struct vocab_merge *vocab_merge(const struct vocab *vocab, int32_t left, int32_t right);

static inline struct view vocab_text(const struct vocab *vocab, int32_t id) {
    return (struct view){vocab->tokens[id].at, vocab->tokens[id].len};
}
