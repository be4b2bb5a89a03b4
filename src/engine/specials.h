// Specials: tokens that are cut out of a text before anything else: user-defined ones always,
// control tokens where they are meant.
//
// Promises: as llama.cpp, longer ones are cut first wherever they are, of equal length the first
// in the text; what is cut cannot be part of another. The work is bounded by the text times the
// number of lengths there are, whatever the tokens.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"
#include "engine/lay.h"

enum { SPECIALS_LEN_MAX = 256 };

struct special {
    struct view text;
    int32_t id;
    int32_t shorter; // the longest other that this one begins with, or SPECIALS_NONE
    bool control; // cut only where control tokens are meant
    bool marker;  // never cut out of data
    bool strip_before, strip_after; // white space beside it goes with it
};

enum { SPECIALS_NONE = -1 };

struct specials {
    struct special *at; // sorted by text
    uint32_t len, max;
    bool begins[256];                  // bytes that one begins with
    bool lengths[SPECIALS_LEN_MAX + 1]; // that there are
};

// Where specials were found in a text, in its order.
struct special_cut {
    uint32_t at;
    int32_t special;
};

struct cutter { // scratch
    struct special_cut *cuts;
    uint8_t *claimed; // bytes of specials and of white space that goes with them
    size_t len;
};

void specials_lay(struct specials *specials, struct lay *lay, uint32_t max);
// Text: 1 .. SPECIALS_LEN_MAX bytes.
void specials_add(struct specials *specials, struct special special);
// After the last specials_add.
void specials_end(struct specials *specials);

void cutter_lay(struct cutter *cutter, struct lay *lay, size_t text_max);

// Cuts a text. `control`: control tokens too. Neither they nor markers are cut over a byte that
// `marks` (may be NULL) has 1 for.
void specials_cut(const struct specials *specials, struct cutter *cutter, struct view text,
                  const uint8_t *marks, bool control);

// How many bytes of text any special has in common with it from the beginning on.
size_t specials_common(const struct specials *specials, struct view text);
