// Unicode: characters and their kinds, as tokenizers see them, from libutf8proc.
//
// Its tables are of Unicode 15.0; the few characters that 15.1 added are known here. So kinds,
// lower case and decomposition equal llama.cpp's tables for every code point.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

// Kinds: general category by its first letter, and White_Space beside it.
enum unicode_kind {
    UNICODE_OTHER, // Z without White_Space, or not assigned
    UNICODE_LETTER,
    UNICODE_NUMBER,
    UNICODE_MARK,
    UNICODE_PUNCTUATION,
    UNICODE_SYMBOL,
    UNICODE_CONTROL, // C, assigned
    UNICODE_SPACE,
    UNICODE_KINDS,
};

enum { UNICODE_WRONG = 0xfffd, UNICODE_SPACE_MARK = 0x2581 }; // U+2581: a space inside of tokens

#define UNICODE_SPACE_MARK_TEXT "\xe2\x96\x81"

// Decodes one character of a non-empty text as tokenizers were written to: overlong forms and
// surrogates are taken as what they spell, any other byte that begins none is one U+FFFD. Returns
// its bytes, 1..4; of well-formed text it is utf8_take.
size_t unicode_take(struct view text, uint32_t *codepoint);
// Writes what unicode_take read (surrogates too) into out[4]; returns its length.
size_t unicode_put(uint32_t codepoint, char *out);

enum unicode_kind unicode_kind(uint32_t codepoint);
uint32_t unicode_lower(uint32_t codepoint); // where that is one character
// The first character of its canonical decomposition (NFD): é to e.
uint32_t unicode_base(uint32_t codepoint);
// The characters of its compatibility decomposition (NFKD), itself where it has none; how many.
enum { UNICODE_PARTS_MAX = 32 };
size_t unicode_decompose(uint32_t codepoint, uint32_t parts[UNICODE_PARTS_MAX]);
// Composes characters in canonical order in place (NFC); how many they are then.
size_t unicode_compose(uint32_t *parts, size_t len);
