// UTF-8 (RFC 3629): checking, and cutting without splitting a character.
//
// Refuses: overlong forms, surrogates, values over U+10FFFF, stray continuation bytes.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

// True when every byte belongs to a well-formed character.
bool utf8_check(struct view text);

// Bytes of the run of well-formed characters over U+007F that text begins with (0: none).
size_t utf8_wide(struct view text);

// Decodes the character at text.at (text.len > 0): its length 1..4, or 0 when malformed or cut.
size_t utf8_take(struct view text, uint32_t *codepoint);

// Writes codepoint (<= 0x10FFFF, no surrogate) into out[4]; returns its length.
size_t utf8_put(uint32_t codepoint, char *out);

// How many trailing bytes are the beginning of a character that may still be completed: 0..3.
// utf8_tail("...\xe3\x81") is 2. Malformed bytes count as 0: they will never complete.
size_t utf8_tail(struct view text);
