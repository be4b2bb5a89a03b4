// What the files of keigo share.
#pragma once
#include "keigo/keigo.h"

// Forms of verbs and adjectives, by the sound that ends the stem.
enum inflection {
    INFLECT_A,    // 行か, 食べ, し, 来
    INFLECT_I,    // 行き
    INFLECT_TA,   // 行っ: before た, て (だ, で: inflect_voiced)
    INFLECT_BASE, // 行く
    INFLECT_O,    // 行こ, 食べよ: before う
};
// Appends the form; false, with nothing appended: no such type.
bool inflect(const struct keigo_word *word, enum inflection form, struct buf *out);
bool inflect_voiced(const struct keigo_word *word); // 飲む: んだ
// The same for a lemma, its type guessed by its end when it is of the tables here.
bool inflects(const struct keigo_word *word);  // a verb or what inflects like one
bool adjective(const struct keigo_word *word); // what inflects with い

static inline bool word_is(const struct keigo_word *word, const char *text) {
    return view_is(word->text, text);
}
static inline bool lemma_is(const struct keigo_word *word, const char *text) {
    return view_is(word->lemma, text);
}
static inline bool pos_is(const struct keigo_word *word, const char *pos) {
    return view_is(word->pos, pos);
}
static inline bool pos1_is(const struct keigo_word *word, const char *pos) {
    return view_is(word->pos1, pos);
}
static inline bool form_is(const struct keigo_word *word, const char *form) {
    return view_starts_at(word->form, 0, form);
}
// Whether `text` is one of a list parted by spaces.
bool word_in(struct view text, const char *list);
// 。？！ and their like, ends of sentences.
bool word_ends(const struct keigo_word *word);
// Appends the words from..end.
void span_put(const struct keigo_sentence *s, uint32_t from, uint32_t end, struct buf *out);

enum sk_code rewrite_plain(const struct keigo_sentence *s, struct keigo_candidates *out);
enum sk_code rewrite_polite(const struct keigo_sentence *s, struct keigo_candidates *out);
// Honorific or humble, of a text already made plain.
enum sk_code rewrite_honour(const struct keigo_sentence *s, bool humble,
                            struct keigo_candidates *out);

// A candidate is written into candidate_room, and counts when it is closed.
struct buf candidate_room(struct keigo_candidates *out);
void candidate_close(struct keigo_candidates *out, const struct buf *text, float prior);
