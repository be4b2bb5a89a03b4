// The parts of the name tagger, shared by names*.c and its trainer (tools/names).
//
// A sentence is read three times: as units (a character, or a whole word of Latin letters or
// digits), as words of MeCab, and through a lexicon of names and of words beside names. Each unit
// gets features made of these, each feature weighs for the labels, and a linear chain over the
// labels says how probable every span is. Features are numbers (hashes); the weights file holds
// those that weigh anything.
//
// Weights file, little-endian: u32 version, u32 buckets of features, u32 buckets of the lexicon,
// f32 scale of the weights, f32 least chance, f32 transitions[5][5], zeroes to byte 128; then the
// buckets, of 64 bytes each. A bucket of features has ten u16 checks, then ten times four i8
// weights w, each meaning w * |w| * scale; one of the lexicon has twenty u16 checks, then their
// LISTED_ bits. Check 0: empty.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

enum {
    NAMES_BYTES_MAX = 2048,   // of a sentence; as many units at most
    NAMES_FEATURES_MAX = 112, // of a unit
    NAMES_SPAN_MAX = 32,      // units of a name
    NAMES_ENTRY_MAX = 12,     // units of an entry of the lexicon; of one that begins with no
    NAMES_ENTRY_SHORT = 6,    // katakana
};

enum names_kind {
    KIND_EDGE, // before the first, after the last
    KIND_HAN,
    KIND_HIRAGANA,
    KIND_KATAKANA,
    KIND_LATIN, // a word: "Smith"
    KIND_DIGITS,
    KIND_SPACE,
    KIND_DOT, // between parts of a foreign name
    KIND_OPEN,
    KIND_CLOSE,
    KIND_MARK,
    KIND_OTHER,
};

// How a word of letters is written.
enum names_shape {
    SHAPE_NONE,
    SHAPE_LOWER,
    SHAPE_CAPITAL, // the first only
    SHAPE_UPPER,
    SHAPE_MIXED,
    SHAPE_INITIAL, // one capital
};

// The place of a unit in something longer; of a name, also its label.
enum names_place { PLACE_NONE, PLACE_FIRST, PLACE_INSIDE, PLACE_LAST, PLACE_ONLY };
enum { NAMES_LABELS = 5, NAMES_WEIGHED = 4 }; // PLACE_NONE, outside, weighs nothing

// Where entries of the dictionary and of the lexicon cover a unit.
enum names_layer {
    LAYER_SURNAME, // of the dictionary
    LAYER_GIVEN,
    LAYER_PERSON,
    LAYER_PLACE,
    LAYER_GROUP,
    LAYER_LISTED_SURNAME, // of the lexicon, in the order of its bits
    LAYER_LISTED_GIVEN,
    LAYER_LISTED_OTHER,
    LAYER_LISTED_WHOLE,
    LAYER_FULL, // a surname and a given name side by side
    NAMES_LAYERS,
};

// What an entry of the lexicon is.
enum {
    LISTED_SURNAME = 1,
    LISTED_GIVEN = 2,
    LISTED_OTHER = 4, // a person's, of unknown part
    LISTED_WHOLE = 8, // of a person known to many
    LISTED_CUES = 0xf0,
    CUE_HONORIFIC = 0x10, // stands after a name
    CUE_ROLE = 0x20,      // after
    CUE_TITLE = 0x40,     // before
    CUE_KIN = 0x80,       // before
};

struct names_unit {
    uint16_t at, len;            // bytes of the sentence
    uint16_t word;               // of MeCab
    uint16_t run;                // first unit of its run of one kind; katakana and dots are one
    uint16_t run_end;            // behind its last
    uint8_t kind, shape;         // enum names_kind, names_shape
    uint8_t place;               // in its word
    uint8_t run_place;           // in its run
    uint8_t cues_from;           // LISTED_CUES bits of cues that begin here
    uint8_t cues_to;             // and that end before it
    uint32_t key;                // code point, or hash of the lower-case word
    uint8_t layer[NAMES_LAYERS]; // place, and length << 3; 0 where nothing covers it
};

struct names_word {
    uint16_t first, end; // units
    uint8_t pos;         // MeCab's posid + 1; 0 is outside of the sentence
    bool unknown;
    uint32_t key;
};

// One sentence as the tagger sees it.
struct names_sentence {
    struct view text;
    uint32_t units_len, words_len;
    struct names_unit units[NAMES_BYTES_MAX];
    struct names_word words[NAMES_BYTES_MAX];
    uint16_t unit_of[NAMES_BYTES_MAX + 1];                                    // byte to unit
    uint8_t surname_to[NAMES_BYTES_MAX + 1], given_from[NAMES_BYTES_MAX + 1]; // lengths in units
};

// names_units.c: `text` is UTF-8 of at most NAMES_BYTES_MAX bytes.
void names_units_cut(struct names_sentence *sentence, struct view text);
// Hash of the units [from, from + len), as the lexicon knows it.
uint64_t names_units_key(const struct names_sentence *sentence, uint32_t from, uint32_t len);
static const uint64_t NAMES_KEY_SEED = 0xcbf29ce484222325;
static inline uint64_t names_key_more(uint64_t hash, uint32_t unit) {
    return (hash ^ unit) * 0x9e3779b97f4a7c15;
}

// names_words.c: MeCab with ipadic.
struct names_reader; // one thread's
enum sk_code names_reader_open(struct names_reader **out);
void names_reader_close(struct names_reader *reader);
// Words and the layers of the dictionary, after the lexicon; without Japanese the units are words.
enum sk_code names_words_read(struct names_reader *reader, struct names_sentence *sentence);
// Puts [from, from + len) into a layer unless something as long stands there.
void names_layer_put(struct names_sentence *sentence, unsigned layer, uint32_t from, uint32_t len);

// names_features.c: all features of a unit; returns how many.
unsigned names_features(const struct names_sentence *sentence, uint32_t unit,
                        uint64_t out[NAMES_FEATURES_MAX]);

// names_chain.c: what the labels of a sentence are, all together.
struct names_chain {
    uint32_t len;
    float score[NAMES_BYTES_MAX][NAMES_LABELS]; // in: of a unit and a label
    float grow[NAMES_BYTES_MAX][NAMES_LABELS];  // e to the score, over the unit's greatest
    float alpha[NAMES_BYTES_MAX][NAMES_LABELS], beta[NAMES_BYTES_MAX][NAMES_LABELS];
    float norm[NAMES_BYTES_MAX];
    float step[NAMES_LABELS][NAMES_LABELS]; // e to the transition, 0 where none is
    float gain[NAMES_BYTES_MAX + 1], sure[NAMES_BYTES_MAX];
    uint16_t take[NAMES_BYTES_MAX];
};
struct names_span {
    uint16_t from, len; // units
    float chance;
};
void names_chain_run(struct names_chain *chain, const float (*transitions)[NAMES_LABELS],
                     uint32_t len);
// The spans, in order and apart, that together gain most when each gains its chance less `least`.
uint32_t names_chain_spans(struct names_chain *chain, float least,
                           struct names_span spans[NAMES_BYTES_MAX]);

// names_model.c: the weights file.
enum { NAMES_BUCKET = 64, NAMES_SLOTS = 10, NAMES_ENTRIES = 20 }; // bytes and parts of a bucket
struct names_model {
    const uint8_t *features, *lexicon; // buckets
    uint32_t features_len, lexicon_len;
    float scale, least;
    float transitions[NAMES_LABELS][NAMES_LABELS];
};
enum sk_code names_model_read(struct view payload, struct names_model *out);
enum sk_code names_model_write(const struct names_model *model, struct buf *out);
// Byte at which the bucket of a key begins, of `len` buckets.
static inline size_t names_bucket(uint64_t key, uint32_t len) {
    return (size_t)NAMES_BUCKET * (uint32_t)((key >> 32) * len >> 32);
}
static inline uint16_t names_bucket_check(uint64_t key) {
    uint16_t check = (uint16_t)key;
    return check ? check : 1;
}
// LISTED_ bits of an entry; 0 when it is none.
unsigned names_model_listed(const struct names_model *model, uint64_t key);
void names_model_score(const struct names_model *model, const struct names_sentence *sentence,
                       struct names_chain *chain);

// names_lexicon.c
void names_lexicon_read(const struct names_model *model, struct names_sentence *sentence);

// names.c: the names of one sentence, of at most NAMES_BYTES_MAX bytes.
struct names;
struct names_found { // until the next call
    const struct names_sentence *sentence;
    const struct names_span *spans; // in order, apart
    uint32_t len;
};
// `before` is the text that stands before it: a label on a line of its own.
enum sk_code names_read(struct names *names, const struct names_model *model, struct view before,
                        struct view text, struct names_found *out);
