// Charsmap: what a text is written with instead of some strings of it before it is cut, as
// SentencePiece writes such a map (precompiled_charsmap): a length, a trie of that many bytes (an
// XOR-compressed double array, S. Kanda 2018, 32 bits each), then texts that end with a NUL.
//
// A trie's entry: bits 0..7 the byte that leads to it, 8 that a string ends here, 9 that its offset
// counts 256 entries, 10..30 the offset. Children are at own place ^ offset ^ byte; where a string
// ends, own place ^ offset has bit 31 and where what comes instead begins.
#pragma once
#include <stddef.h>

#include "base/view.h"

enum { CHARSMAP_TEXT_MAX = 256 }; // bytes of what is replaced, and of what comes instead

// What comes instead of the longest beginning of `text` that the map has, into *out; how many bytes
// that is. 0: it has none, is empty, or is damaged there.
size_t charsmap_find(struct view map, struct view text, struct view *out);
