#include "train/script.h"

#include <stddef.h>

#include "engine/vocab.h"

// Blocks of letters (Unicode 15), ascending. Letters in none of them are of one more script.
static const struct block {
    uint32_t first, last;
    unsigned script;
} blocks[] = {
    {0x0041, 0x024f, SCRIPT_LATIN},
    {0x0370, 0x03ff, SCRIPT_OTHERS + 1}, // Greek
    {0x0400, 0x052f, SCRIPT_OTHERS + 2}, // Cyrillic
    {0x0530, 0x058f, SCRIPT_OTHERS + 3}, // Armenian
    {0x0590, 0x05ff, SCRIPT_OTHERS + 4}, // Hebrew
    {0x0600, 0x077f, SCRIPT_OTHERS + 5}, // Arabic
    {0x0900, 0x097f, SCRIPT_OTHERS + 6}, // Devanagari
    {0x0d80, 0x0dff, SCRIPT_OTHERS + 7}, // Sinhala
    {0x0e00, 0x0e7f, SCRIPT_OTHERS + 8}, // Thai
    {0x1100, 0x11ff, SCRIPT_OTHERS + 9}, // Hangul
    {0x1e00, 0x1eff, SCRIPT_LATIN},
    {0x3005, 0x3007, SCRIPT_JAPANESE},
    {0x3041, 0x30ff, SCRIPT_JAPANESE}, // hiragana, katakana, their long vowel sign
    {0x31f0, 0x31ff, SCRIPT_JAPANESE},
    {0x3400, 0x4dbf, SCRIPT_JAPANESE}, // kanji
    {0x4e00, 0x9fff, SCRIPT_JAPANESE},
    {0xac00, 0xd7af, SCRIPT_OTHERS + 9},
    {0xf900, 0xfaff, SCRIPT_JAPANESE},
    {0xff21, 0xff5a, SCRIPT_LATIN},
    {0xff66, 0xff9f, SCRIPT_JAPANESE},
    {0x20000, 0x3ffff, SCRIPT_JAPANESE},
};

static unsigned block_of(uint32_t codepoint) {
    size_t low = 0, high = sizeof blocks / sizeof *blocks;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (codepoint > blocks[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    bool within = low < sizeof blocks / sizeof *blocks && codepoint >= blocks[low].first;
    return within ? blocks[low].script : SCRIPT_OTHERS;
}

unsigned script_of(uint32_t codepoint, unsigned before) {
    if (codepoint == '\n' || codepoint == '\r') return SCRIPT_NONE;
    if (codepoint == ' ') return SCRIPT_SPACE;
    if ((codepoint >= '0' && codepoint <= '9') || (codepoint >= 0xff10 && codepoint <= 0xff19))
        return SCRIPT_DIGIT;
    switch (unicode_kind(codepoint)) {
    case UNICODE_LETTER: return block_of(codepoint);
    case UNICODE_MARK: return before == SCRIPT_NONE ? SCRIPT_COMMON : before;
    case UNICODE_NUMBER: return codepoint == 0x3007 ? SCRIPT_JAPANESE : SCRIPT_COMMON;
    default: return SCRIPT_COMMON;
    }
}

bool script_parts(unsigned before, unsigned after, bool split_digits) {
    if (before == SCRIPT_NONE || after == SCRIPT_NONE || after == SCRIPT_SPACE) return true;
    if (split_digits && (before == SCRIPT_DIGIT || after == SCRIPT_DIGIT)) return true;
    return before != SCRIPT_SPACE && before != after;
}
