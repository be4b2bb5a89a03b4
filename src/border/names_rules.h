// Names that rules find beside the tagger: behind a label, before an honorific, in kana behind a
// name. Spans that the tagger found stay; a rule's span takes the place of those it holds.
#pragma once
#include "border/names_parts.h"

struct names_found_list {
    struct names_span *spans; // room for NAMES_BYTES_MAX, in order, apart
    uint32_t len;
};

// Puts units [from, end): not where a longer span stands.
void names_rule_put(struct names_found_list *list, uint32_t from, uint32_t end, float chance);
// An honorific (さん, 様) begins at `at` and ends before or at `end`.
bool names_is_honorific(const struct names_sentence *sentence, uint32_t at, uint32_t end);
// Particles, auxiliaries, verbs (a word's pos).
bool names_pos_is_grammar(unsigned pos);

// names_form.c: its labels by how they begin, so that few are compared.
enum { NAMES_FORM_HEADS = 128 };
struct names_form {
    uint8_t first[NAMES_FORM_HEADS];                       // label + 1
    uint8_t next[NAMES_FORM_HEADS], len[NAMES_FORM_HEADS]; // of a label
};
void names_form_make(struct names_form *form);
// `before` is the text before the sentence.
void names_form_read(const struct names_form *form, const struct names_sentence *sentence,
                     const struct names_chain *chain, struct view before,
                     struct names_found_list *out);
// names_rules.c: all of them.
void names_rules_read(const struct names_form *form, const struct names_sentence *sentence,
                      const struct names_chain *chain, struct view before,
                      struct names_found_list *out);
