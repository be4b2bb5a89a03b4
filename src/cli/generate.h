// Generator of labelled Japanese text, so that operators can measure detectors and their own rules.
//
// A text is a template whose slots are filled: names, addresses, numbers with right check digits,
// written in the ways people write them (full-width, kanji digits, dashes of all kinds, broken over
// lines), beside things that only look like them (order numbers, ISBN, names of places). Promises:
// the same seed gives the same texts; the held-out split shares neither templates nor lists of
// names, places, banks and terms with the train split. Everything in it is made up by chance.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "border/border.h"

enum split { SPLIT_TRAIN, SPLIT_HELD_OUT };

enum { GENERATE_TEXT_MAX = 16 << 10, GENERATE_SPANS_MAX = 256 };

// What stands somewhere in the text being made.
struct generate_span {
    uint32_t at, len;
    uint8_t detector; // DETECTOR_COUNT: it only looks like something
    const char *form; // how it is written; of the others what it is
};

struct generate_name {
    const char *kanji, *kana;
};

struct generator {
    enum split split;
    uint64_t chance;
    struct generate_name family, given; // of the last person
    char storage[GENERATE_TEXT_MAX];
    struct buf text;
    struct generate_span spans[GENERATE_SPANS_MAX];
    uint32_t spans_len;
};

void generate_begin(struct generator *generator, enum split split, uint64_t seed);
// Appends one line {"text":…,"spans":[{"start","end","label","form"}],"negatives":[{"start","end",
// "kind"}],"template":…}; offsets are bytes of UTF-8. SK_LIMIT: `out` is full.
enum sk_code generate_line(struct generator *generator, struct buf *out);
// Every template in turn, `index` from 0; false: there are no more.
bool generate_template(struct generator *generator, uint32_t index, struct buf *out);
