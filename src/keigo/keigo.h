// Keigo: Japanese politeness by rules over MeCab's words: forms made, marks found, levels weighed.
//
// Holds the analysis of a sentence (ipadic), inflection, rewriting among plain, polite, humble and
// honorific forms, the direction of respect, and a log-linear model of four levels of politeness.
// Promises: candidates in a fixed order, the likeliest first; the same output for the same input.
// Memory is the caller's, but for MeCab's own. Refuses: sentences over KEIGO_TEXT_MAX bytes or
// KEIGO_WORDS_MAX words, text that is not UTF-8.
// Source of the forms: Council for Cultural Affairs, "Guidelines for Honorifics" (文化審議会「敬語
// の指針」, 2007), whose five kinds are folded into sonkeigo, kenjogo (I and II) and teineigo.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

enum {
    KEIGO_TEXT_MAX = 2048, // bytes of one sentence, or of a few
    KEIGO_WORDS_MAX = 512,
    KEIGO_CANDIDATES_MAX = 24,
};

// A word as ipadic has it. Views are of the reader's text or MeCab's dictionary.
struct keigo_word {
    struct view text, pos, pos1, pos2, type, form, lemma; // type: of inflection
};
struct keigo_sentence {
    struct keigo_word words[KEIGO_WORDS_MAX];
    uint32_t len;
};

struct keigo_reader;
// SK_UNKNOWN: MeCab or its dictionary is not there (Debian: mecab-ipadic-utf8).
enum sk_code keigo_open(struct keigo_reader **reader);
void keigo_close(struct keigo_reader *reader);
// The words of a text, until the next call. SK_LIMIT, SK_INPUT: as above.
enum sk_code keigo_cut(struct keigo_reader *reader, struct view text, struct keigo_sentence *out);

enum keigo_style {
    KEIGO_PLAIN,     // 行く
    KEIGO_POLITE,    // 行きます
    KEIGO_HUMBLE,    // 伺います: the speaker's own act
    KEIGO_HONORIFIC, // いらっしゃいます: the act of whom one respects
    KEIGO_STYLES,
};
// What a model of keigo is asked, before the text: the commonest words of its training.
#define KEIGO_ASK_POLITE    "丁寧語にしてください："
#define KEIGO_ASK_PLAIN     "普通体にしてください："
#define KEIGO_ASK_HUMBLE    "謙譲語にしてください："
#define KEIGO_ASK_HONORIFIC "尊敬語にしてください："
#define KEIGO_ASK_LEVEL     "敬語のレベルは？："
#define KEIGO_ASK_DIRECTION "敬語の使い方は正しいですか？："
const char *keigo_style_ask(enum keigo_style style);
// What it answers: of four levels, the first the politest; of an act and who acts.
enum { KEIGO_LEVELS = 4 };
#define KEIGO_LEVEL_1 "レベル1（最も丁寧な敬語）"
#define KEIGO_LEVEL_2 "レベル2（敬語）"
#define KEIGO_LEVEL_3 "レベル3（丁寧語）"
#define KEIGO_LEVEL_4 "レベル4（普通体）"
#define KEIGO_RIGHT   "正しいです。"
#define KEIGO_WRONG   "誤りです。"

const char *keigo_style_name(enum keigo_style style); // "plain" …
enum sk_code keigo_style_find(struct view name, enum keigo_style *out);

struct keigo_candidates {
    struct view text[KEIGO_CANDIDATES_MAX]; // in `storage`, no two alike
    float prior[KEIGO_CANDIDATES_MAX];      // log of how likely by the rules alone
    uint32_t len;
    char storage[KEIGO_CANDIDATES_MAX * KEIGO_TEXT_MAX];
};
// The text in another style; at least one candidate. Words that no rule knows stay as they are.
enum sk_code keigo_rewrite(struct keigo_reader *reader, struct view text, enum keigo_style style,
                           struct keigo_candidates *out);

// What of keigo stands in a text.
struct keigo_marks {
    bool honorific, humble; // a form of it
    bool polite_end; // its last sentence ends with です, ます, でしょう, ください …
    bool set_phrase; // … or with すみません and its like, which ipadic has as one word
};
enum sk_code keigo_marks(struct keigo_reader *reader, struct view text, struct keigo_marks *out);

// Whether forms of respect fit whose act it is, by rules. A text has the verdict of its worst form.
enum keigo_fit {
    KEIGO_UNMARKED, // no form of respect
    KEIGO_FITS,
    KEIGO_MISFITS,
};
enum keigo_actor {
    KEIGO_ACTOR_NONE,      // nobody is named, and the sentence's form tells nothing
    KEIGO_ACTOR_OWN,       // the speaker, and the speaker's family and company
    KEIGO_ACTOR_UNRAISED,  // friends, animals
    KEIGO_ACTOR_ANYBODY,   // 彼, 店員, 電車
    KEIGO_ACTOR_RESPECTED, // 先生, お客様, …さん
    KEIGO_ACTOR_HEARER,
};
enum keigo_because {
    KEIGO_NAMED,          // by a subject
    KEIGO_ASKED,          // a question is about the hearer's act
    KEIGO_BEGGED,         // てください, ていただく: another's act
    KEIGO_MEANT,          // ましょう, つもり, させていただく: the speaker's act
    KEIGO_STATED,         // nothing says whose act it is
    KEIGO_MIXED,          // 申される: a humble verb made honorific
    KEIGO_TOWARDS_OWN,    // 私にお話しした, 犬に差し上げる: what is raised is whom the act reaches
    KEIGO_TOWARDS_NOBODY, // お集まりする: an act that reaches nobody has no humble form
};
struct keigo_direction {
    enum keigo_fit fit;
    enum keigo_style kind; // KEIGO_HONORIFIC or KEIGO_HUMBLE
    enum keigo_actor actor;
    enum keigo_because because;
    uint32_t form_from, form_len; // bytes of the text; length 0: none
    uint32_t who_from, who_len;   // whoever is named
    bool doubled;                 // お読みになられる: honorific twice, which is no wrong direction
    double sure;                  // that the verdict is right, 0.5 … 1
};
enum sk_code keigo_direction(struct keigo_reader *reader, struct view text,
                             struct keigo_direction *out);
// The reason in Japanese, appended.
void keigo_direction_tell(const struct keigo_direction *direction, struct view text,
                          struct buf *out);

// What a text's level is judged by: hashes of runs of characters and words; at most `max` of them.
enum { KEIGO_FEATURES_MAX = 1 << 14, KEIGO_BUCKETS_MAX = 1 << 20 };
enum sk_code keigo_features(struct keigo_reader *reader, struct view text, uint32_t *out,
                            uint32_t max, uint32_t *len);

// A log-linear model over these, in buckets (a power of two) of a weight for each level.
struct keigo_levels {
    const int8_t *weights; // [buckets][KEIGO_LEVELS], times `scale`
    uint32_t buckets;
    float scale, bias[KEIGO_LEVELS];
};
// From a file in memory, which outlives it. SK_CORRUPT: not such a file.
enum sk_code keigo_levels_read(struct view file, struct keigo_levels *out);
void keigo_levels_write(const struct keigo_levels *levels, struct buf *out);
// Logs of the levels' shares.
enum sk_code keigo_levels_score(struct keigo_reader *reader, const struct keigo_levels *levels,
                                struct view text, double log_share[KEIGO_LEVELS]);
