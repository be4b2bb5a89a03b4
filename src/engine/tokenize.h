// Tokenize: text to token ids, and ids to bytes.
//
// Promises: the ids llama.cpp gives, for any bytes; but text becomes control tokens only where
// `special` says so, and "t5" with the key tokenizer.ggml.byte_fallback spells what it lacks in
// bytes, as SentencePiece does (llama.cpp, which has no such key: <unk>). User-defined tokens are
// always cut out first. What the vocabulary lacks goes by bytes or the unknown token; byte-level
// BPE whose file has no token for a byte leaves it out.
// Bytes that are not UTF-8 are kept where the vocabulary has bytes, elsewhere each is U+FFFD.
// Refuses: text over tokenizer.text_max, and what grows over it by normalisation.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"
#include "engine/merge.h"
#include "engine/vocab.h"

struct unigram_cell;

struct tokenizer {
    const struct vocab *vocab; // before tokenizer_lay
    size_t text_max;
    // Scratch, as far as the vocabulary's model needs it:
    struct cutter cutter;
    struct merge merge;
    struct pattern_char *chars;
    struct unigram_cell *cells; // one for each byte of word, and the end
    char *word;                 // text as the tokens have it
    size_t word_max;
};

// Ids being written; `len` counts on past max.
struct ids {
    int32_t *at;
    size_t max, len;
};

static inline void ids_put(struct ids *ids, int32_t id) {
    if (ids->len < ids->max) ids->at[ids->len] = id;
    ids->len++;
}

void tokenizer_lay(struct tokenizer *tokenizer, struct lay *lay, size_t text_max);

// Appends the ids of text. `special`: texts of control tokens become those tokens. Where data_marks
// (NULL, or a byte for each of text) has a 1, the byte is somebody's data: no control token, nor a
// user-defined one that is spelled as a marker (<|im_start|>), reaches over it. Marks change
// nothing else: a run of text is cut into tokens across their border. `first`: at the beginning or
// after a control token, where "llama" puts its space.
enum sk_code tokenize(struct tokenizer *tokenizer, struct view text, const uint8_t *data_marks,
                      bool special, bool first, struct ids *out);

// The bytes of one token; nothing for control, unknown and unused tokens and ids that are none.
void detokenize(const struct vocab *vocab, int32_t id, struct buf *out);

// ---- one model each: a text without specials ----

// The pieces of `word` that tokenizer->merge has left, as ids; `put_bytes` appends what stands for
// one that is no token. For scored.c and ranked.c.
typedef void tokenize_bytes(const struct vocab *vocab, struct view piece, struct ids *out);
void tokenize_pieces(const struct tokenizer *tokenizer, struct view word,
                     tokenize_bytes *put_bytes, struct ids *out);
// scored.c: SentencePiece BPE. `first`: a space comes before it.
void scored_lay(struct tokenizer *tokenizer, struct lay *lay);
enum sk_code scored_tokenize(struct tokenizer *tokenizer, struct view text, bool first,
                             struct ids *out);
// ranked.c: BPE by ranked merges, over bytes or over characters.
void ranked_lay(struct tokenizer *tokenizer, struct lay *lay);
enum sk_code ranked_tokenize(struct tokenizer *tokenizer, struct view text, bool first,
                             struct ids *out);
// The byte that byte-level BPE writes as this character, or -1.
int ranked_byte(uint32_t codepoint);
// unigram.c: SentencePiece unigram, with its normalisation.
void unigram_lay(struct tokenizer *tokenizer, struct lay *lay);
enum sk_code unigram_tokenize(struct tokenizer *tokenizer, struct view text, bool first,
                              struct ids *out);
// wordpiece.c: BERT's, with its normalisation.
void wordpiece_lay(struct tokenizer *tokenizer, struct lay *lay);
enum sk_code wordpiece_tokenize(struct tokenizer *tokenizer, struct view text, bool first,
                                struct ids *out);
