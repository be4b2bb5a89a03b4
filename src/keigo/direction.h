// What the files of the direction of respect share: forms of keigo as they stand, and people.
#pragma once
#include "keigo/parts.h"

enum form_trait {
    FORM_FAVOUR = 1,   // ていただく: another's act, which the speaker is given
    FORM_PLAIN = 2,    // 参る, おる …: raises nobody, so that things do it too
    FORM_OFFERS = 4,   // お持ちしますか: asked, it may be the speaker's offer
    FORM_MIXED = 8,    // 申される: a humble verb with れる
    FORM_DOUBLED = 16, // お～になられる: honorific twice
    FORM_OWNED = 32,   // 私のお考え: what is honoured is the speaker's
};
// A form: lists of lemmas or texts; "*" the stem of お～, "N" a noun of する.
struct form {
    const char *words[4];
    enum keigo_style kind; // KEIGO_HONORIFIC or KEIGO_HUMBLE
    unsigned traits;
};
struct mark {
    uint32_t from, end; // words
    const struct form *form;
    struct view stem; // of お～する, without お; else empty
};
// Whether words stand at i as a form's do (without "*" and "N"); *end: behind them.
bool words_match(const struct keigo_sentence *s, uint32_t i, const char *const words[4],
                 uint32_t *end);
// The form that begins at word i.
bool mark_read(const struct keigo_sentence *s, uint32_t i, struct mark *out);
// お～する of an act that reaches nobody (お集まりする, ご出席する).
bool mark_reaches_nobody(const struct mark *mark);

struct who {
    enum keigo_actor actor;
    uint32_t from, end; // words; the same: none
    double sure;
    bool ga; // by が
};
// Who is named by the words that end with `last`; KEIGO_ACTOR_NONE: nobody.
struct who who_read(const struct keigo_sentence *s, uint32_t last);
// The subject of a form; `apart`: it stands in a clause before a noun, where no は reaches it.
struct who subject_find(const struct keigo_sentence *s, const struct mark *mark, bool apart,
                        bool asks);
// Whom に, へ or を before a form names.
struct who receiver_find(const struct keigo_sentence *s, const struct mark *mark,
                         const char *cases);
