// Nfkc: Unicode's normal form KC as a charsmap (engine/charsmap.h), which a vocabulary's file has:
// SentencePiece, llama.cpp and the engine write a text so before they cut it.
//
// The map has every character that the form writes in another way (full-width letters, half-width
// kana, ligatures, circled numbers), and what it joins: a character and its marks, also where they
// are half- or full-width, and Hangul jamo. The longest of these at each place is taken, so marks
// in another order than Unicode's are not sorted first, nor joined to a character that is itself
// written in another way.
// Promises: the same bytes with the same version of libutf8proc.
#pragma once
#include "base/buf.h"
#include "base/fail.h"

enum { NFKC_BYTES_MAX = 1 << 21 };

// Appends the map to an empty `out`, which has room for NFKC_BYTES_MAX. SK_LIMIT: memory.
enum sk_code nfkc_put(struct buf *out);
