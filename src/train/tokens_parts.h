// What the files behind tokens.h share: a text that was read, as counted chunks.
#pragma once
#include "train/chunks.h"
#include "train/tokens.h"

enum {
    TOKENS_CODEPOINTS = 0x110000,
    TOKENS_CHARS_MAX = 1 << 16,
    TOKENS_NORMAL_MAX = 1 << 20, // bytes of normalised text at once
};

struct tokens_text {
    const struct tokens_options *options;
    struct chunks chunks;
    uint64_t *counts;    // of each code point; unigram
    uint32_t codepoints; // the highest that occurs, + 1
    // BPE: the pre-tokenizer and room for TOKENS_CHARS_MAX + 1 characters that it judges
    struct pretoken pretoken;
    struct pattern_char *chars;
    uint64_t bytes, characters;
    struct view charsmap; // of what is made
    struct buf normal;    // a stretch of text written by it
};

// Adds the strings of UTF-8 text that no token reaches over.
void tokens_add_unigram(struct tokens_text *text, struct view part);
void tokens_add_bpe(struct tokens_text *text, struct view part);
// Appends a token; text is copied. Memory for made->pieces was taken for all of them.
enum sk_code tokens_put_piece(struct tokens_made *made, struct view text, float score,
                              enum vocab_kind kind);
// The chunks are read, and their memory may go when they were.
enum sk_code tokens_learn_unigram(struct tokens_made *made, struct tokens_text *text,
                                  const struct tokens_watch *watch);
enum sk_code tokens_learn_bpe(struct tokens_made *made, struct tokens_text *text,
                              const struct tokens_watch *watch);
