// Parts of addresses: the gazetteer's kinds, blocks and buildings. Internal to address*.c.
//
// Payload of TABLE_PLACES: one set of words (words.h), number 0 or PLACE_SUFFIX, whose kinds are:
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "border/scan_parts.h"
#include "border/words.h"

enum place_kind {
    PLACE_PREFECTURE = 1, // p  東京都
    PLACE_MUNICIPALITY = 2, // m  千代田区, 札幌市北区, 上閉伊郡大槌町, 横浜市, 上閉伊郡
    PLACE_WITHIN = 4,    // w  what needs one before it: 北区 of a city, 大槌町
    PLACE_TOWN = 8,      // t  霞が関
    PLACE_LATIN = 16,    // r  tokyo; s  -ku, city (its number is PLACE_SUFFIX)
    PLACE_BUILDING = 32, // b  マンション, ビル
    PLACE_LABEL = 64,    // c  住所, 現住所, 転居先
    PLACE_LIVES = 128,   // l  在住, に住んで
};

enum { PLACE_SUFFIX = 1, PLACE_NUMBERS };

struct address_text {
    struct scan *scan;
    struct words places;
    struct view text; // folded
};

static inline uint32_t place_at(const struct address_text *in, size_t at, uint8_t kinds) {
    struct word_is is;
    return words_longest(&in->places, view_from(in->text, at), kinds, &is);
}
// Spaces, at most two and one line break.
size_t gap_after(struct view text, size_t at);

// ---- address_block.c ----
enum block_kind {
    BLOCK_NONE,
    BLOCK_AREA,   // 三丁目: a part of a town, no place in it
    BLOCK_NUMBER, // 123
    BLOCK_PAIR,   // 1-2
    BLOCK_FULL,   // 1-2-3, 1丁目2, 45番地, 3番4号
};
struct block {
    enum block_kind kind;
    size_t end;
};
struct block block_at(struct view text, size_t at);
// The end of a building and room behind a block that ends at `at`; `at` when there is none.
size_t building_after(const struct address_text *in, size_t at);

// ---- address_latin.c ----
// An address in Latin letters around the word [at, at + len), put; *end is what was looked at.
enum sk_code latin_address(const struct address_text *in, size_t at, uint32_t len, size_t *end);
