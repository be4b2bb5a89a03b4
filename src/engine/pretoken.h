// Pretoken: how byte-level BPE cuts a text into words before merging, one row for each published
// tokenizer (tokenizer.ggml.pre), each as regular expressions applied one after another.
#pragma once
#include <stdbool.h>

#include "base/fail.h"
#include "base/view.h"
#include "engine/pattern.h"

struct pretoken {
    struct pattern pattern;
    bool whole_words; // a word that is a token is not merged (ignore_merges)
    bool add_bos;     // unless the file says otherwise
    bool plain;       // words are UTF-8 with spaces as U+2581, not bytes written as characters
    bool whole_breaks; // as whole_words, for words of line breaks alone
    bool threes;      // numbers are cut into threes from their end, before all expressions
};

// SK_UNSUPPORTED, naming it, when there is no such row.
enum sk_code pretoken_read(struct pretoken *pretoken, struct view name);

// Cuts judged characters into words, as pattern_cut.
uint64_t pretoken_cut(const struct pretoken *pretoken, struct pattern_char *chars, size_t len);
