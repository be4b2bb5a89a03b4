// Vocab: the tokens of a model, their texts, and what the file says of cutting texts into them.
//
// Four models (tokenizer.ggml.model): "llama", SentencePiece BPE with scores; "t5", SentencePiece
// unigram; "bert", WordPiece; "gpt2" and "gemma4", BPE with ranked merges. Texts are kept as the
// file has them. A search finds normal, user-defined and unused tokens only: control, unknown and
// byte tokens never come out of it, so no text can become one.
// As llama.cpp, some tokens are what their text says whatever their type: ends of turns and the
// like are control tokens, the frame of gpt-oss is text.
// Refuses: other models, tables whose sizes differ, scores that are not finite, texts crowded in
// one place of a table (a crafted file).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"
#include "engine/gguf.h"
#include "engine/lay.h"
#include "engine/pretoken.h"
#include "engine/specials.h"
#include "engine/texts.h"

enum {
    VOCAB_PIECE_MAX = 2048, // bytes of one token's text
    VOCAB_SOUGHT_MAX = 256, // the same of "t5" and "bert": a text may cost its length times this
    VOCAB_TOKENS_MAX = 1 << 20,
    VOCAB_MERGES_MAX = 1 << 22,
    VOCAB_SPECIALS_MAX = 1 << 16, // control, unknown and user-defined tokens
    VOCAB_NONE = -1,
};

enum vocab_model { VOCAB_SCORED, VOCAB_UNIGRAM, VOCAB_WORDPIECE, VOCAB_RANKED };

enum vocab_kind { // as in the file
    VOCAB_NORMAL = 1,
    VOCAB_UNKNOWN,
    VOCAB_CONTROL,
    VOCAB_USER,
    VOCAB_UNUSED,
    VOCAB_BYTE,
};

struct vocab_token {
    float score;
    enum vocab_kind kind;
    bool end; // generation stops here
};

struct vocab {
    uint32_t len;
    enum vocab_model model;
    bool add_bos, add_eos;     // around a whole text
    bool add_space;            // before a text, if spaces are marked in this model's tokens
    bool add_separator;        // between two texts, besides the end of the first
    int32_t bos, eos, unknown; // VOCAB_NONE: there is none. "bert": CLS and SEP
    int32_t separator;
    struct vocab_token *tokens;
    struct texts texts;
    uint64_t texts_bytes;
    struct specials specials;
    int32_t bytes[256]; // token that stands for a byte, or VOCAB_NONE; not of byte-level BPE
    // VOCAB_RANKED
    struct texts merges; // "left right", by rank
    struct pretoken pretoken;
    // VOCAB_UNIGRAM
    bool merge_spaces;      // remove_extra_whitespaces
    bool byte_fallback;     // unknown characters are spelled in byte tokens, which are all there
    struct view charsmap;   // precompiled_charsmap
    struct specials users;  // user-defined ones
    float unknown_score;
    // VOCAB_WORDPIECE
    bool lower, strip_accents;
};

// Sizes and settings from the keys.
enum sk_code vocab_read(struct vocab *vocab, const struct gguf *gguf);
void vocab_lay(struct vocab *vocab, struct lay *lay);
enum sk_code vocab_fill(struct vocab *vocab, const struct gguf *gguf);

static inline struct view vocab_text(const struct vocab *vocab, int32_t id) {
    return vocab->texts.at[id];
}

// A token that texts may become, or VOCAB_NONE.
static inline int32_t vocab_plain(const struct vocab *vocab, int32_t id) {
    if (id < 0) return VOCAB_NONE;
    enum vocab_kind kind = vocab->tokens[id].kind;
    return kind == VOCAB_NORMAL || kind == VOCAB_USER || kind == VOCAB_UNUSED ? id : VOCAB_NONE;
}
// The one with this text, or VOCAB_NONE.
static inline int32_t vocab_find(const struct vocab *vocab, struct view text) {
    return vocab_plain(vocab, texts_find(&vocab->texts, text));
}
// The control token with this text, or VOCAB_NONE.
static inline int32_t vocab_control(const struct vocab *vocab, struct view text) {
    int32_t id = texts_find(&vocab->texts, text);
    return id >= 0 && vocab->tokens[id].kind == VOCAB_CONTROL ? id : VOCAB_NONE;
}

// An id of a key into *out: VOCAB_NONE when it is absent or UINT32_MAX, as converters write it.
enum sk_code vocab_read_id(const struct vocab *vocab, const struct gguf *gguf, const char *name,
                           int32_t *out);
// Gives tokens the kind that their text says and finds where generation stops (vocab_names.c).
enum sk_code vocab_name(struct vocab *vocab, const struct gguf *gguf);
// Fills the specials, and what llama.cpp knows of white space beside them by model.
enum sk_code vocab_specials(struct vocab *vocab, const struct gguf *gguf);
