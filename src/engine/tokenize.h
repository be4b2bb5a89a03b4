// Tokenize: text to token ids, and ids to bytes.
//
// Promises: text becomes control tokens only where `special` says so; user-defined tokens are
// always cut out first, the longest at each place. Every text has ids: what the vocabulary lacks
// goes by bytes (or the unknown token). Refuses: text that is not UTF-8 or over tokenizer.text_max.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"
#include "engine/merge.h"
#include "engine/vocab.h"

struct tokenizer {
    const struct vocab *vocab;
    struct merge merge; // scratch
    char *escaped;      // scratch: spaces as "▁"
    size_t text_max;
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

// Appends the ids of text. `special`: texts of control tokens become those tokens, but never where
// data_marks (NULL, or a byte for each of text) has a 1: that byte is somebody's data. Marks change
// nothing else: a run of text is cut into tokens across their border. `first`: at the beginning or
// after a control token, where "llama" puts its space.
enum sk_code tokenize(struct tokenizer *tokenizer, struct view text, const uint8_t *data_marks,
                      bool special, bool first, struct ids *out);

// The bytes of one token; nothing for control tokens and ids that are none.
void detokenize(const struct vocab *vocab, int32_t id, struct buf *out);
