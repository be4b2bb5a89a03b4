// Text encodings of bytes: lower-case hex and standard base64 (RFC 4648 section 4), both strict.
//
// Refuses: upper-case hex, missing or non-canonical padding, non-zero pad bits, whitespace.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/view.h"

void hex_put(struct buf *out, const void *bytes, size_t len);
// Exactly `len` bytes from 2 x len digits; false otherwise.
bool hex_take(struct view text, uint8_t *out, size_t len);

void base64_put(struct buf *out, const void *bytes, size_t len);
// Decodes into out (at most max bytes) and sets *len; false when malformed or too long.
bool base64_take(struct view text, uint8_t *out, size_t max, size_t *len);

// A decimal without sign or leading zeros that fits; false otherwise.
bool decimal_take(struct view text, uint64_t *out);

// The byte at `at`, or '?' where it would steer a terminal: C0, DEL, and C1 in UTF-8.
char text_shown(struct view text, size_t at);
