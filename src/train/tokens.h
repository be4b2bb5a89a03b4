// Tokens: a vocabulary learned from text, written as GGUF keys or a SentencePiece model.
//
// Two models: unigram (Kudo 2018), which GGUF calls "t5", and byte-level BPE (Sennrich et al. 2016;
// Radford et al. 2019), "gpt2". Encoding is the engine's (engine/tokenize.h).
// Promises: exactly as many tokens as are asked for; the same bytes for the same texts in the same
// order, with any number of threads; memory within `memory_max`, whatever the text: of a text too
// long for it the rarest strings are sampled. A unigram vocabulary cuts every text as Debian's
// spm_encode does with the same model; but for user-defined symbols that words overlap: here, as in
// llama.cpp, they always win, there by their likelihood.
// Refuses: text that is not UTF-8 (by its byte), no text, a vocabulary larger than the text gives
// or smaller than its characters (saying how large it may be), symbols given twice or that the text
// becomes by itself.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/view.h"
#include "engine/vocab.h"
#include "train/gguf_write.h"

enum {
    TOKENS_SYMBOLS_MAX = 256,     // control and user-defined ones together
    TOKENS_SYMBOL_LEN_MAX = 64,   // bytes of one
    TOKENS_PIECE_MAX = 31,        // characters of a unigram piece
    TOKENS_VOCABULARY_MAX = 1 << 17,
};
#define TOKENS_MEMORY_MIN (UINT64_C(64) << 20)

enum tokens_model { TOKENS_UNIGRAM, TOKENS_BPE };

struct tokens_options {
    enum tokens_model model;
    uint32_t vocabulary; // tokens in all
    uint32_t threads;    // 1..POOL_THREADS_MAX; no bit depends on it
    uint64_t memory_max; // bytes
    // Texts of control tokens, which no text becomes (<|im_start|>), and of user-defined ones,
    // which always become theirs. Unigram: user-defined ones are ASCII, for llama.cpp, and so the
    // engine, takes bytes apart that begin another character as they begin one of theirs.
    const struct view *controls, *users;
    uint32_t controls_len, users_len;
    // Unigram:
    uint32_t piece_max;   // characters of one piece
    double coverage;      // share of the text's characters that are to be pieces, 0.98..1
    bool byte_fallback;   // what is no piece is spelled in bytes
    bool split_digits;    // each digit is a piece of its own
    bool nfkc;            // text is taken in normal form KC, and by all who read the file (nfkc.h)
    // BPE: a pre-tokenizer of bytes that the engine knows (tokenizer.ggml.pre). It parts digits in
    // its own way.
    struct view pre;
};

// The text, in pieces of any length that begin and end between characters: `next` gives one at a
// time, an empty one at the end. No token reaches over their borders, nor over line breaks but
// those that the pre-tokenizer of BPE takes along.
struct tokens_source {
    enum sk_code (*next)(void *self, struct view *text);
    void *self;
};

// Told now and then, from the calling thread: bytes of text read; then pieces, which become
// fewer until they are `of`, or merges, which become more.
enum tokens_stage { TOKENS_READING, TOKENS_LEARNING };
struct tokens_watch {
    void (*tell)(void *self, enum tokens_stage stage, uint64_t done, uint64_t of);
    void *self;
};

struct tokens_piece {
    struct view text; // as in the file: a space is U+2581 (unigram), a byte a character (BPE)
    float score;
    enum vocab_kind kind;
};

struct tokens_made {
    enum tokens_model model;
    struct tokens_piece *pieces;
    struct view *merges; // "left right", by rank
    uint32_t len, merges_len;
    struct view pre;
    int32_t bos, eos, unknown; // VOCAB_NONE: there is none
    bool byte_fallback;
    struct view charsmap; // what text is written as before it is cut; empty: as it is
    struct arena arena; // of all of these
    uint64_t bytes, characters; // of the text
    uint64_t forgotten; // memory was short: of strings that occurred so often only samples count
};

enum sk_code tokens_check(const struct tokens_options *options);
// `watch` may be NULL. tokens_close after either outcome.
enum sk_code tokens_make(struct tokens_made *made, const struct tokens_options *options,
                         const struct tokens_source *source, const struct tokens_watch *watch);
void tokens_close(struct tokens_made *made); // fine on a zeroed one

// The keys tokenizer.ggml.*; what else the file has is the caller's. What the writer refuses shows
// at its head.
enum sk_code tokens_put(const struct tokens_made *made, struct gguf_writer *writer);
// A SentencePiece model (sentencepiece_model.proto) of a unigram vocabulary.
enum sk_code tokens_write_spm(const struct tokens_made *made, struct gguf_sink sink);
