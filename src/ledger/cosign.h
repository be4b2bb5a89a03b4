// Cosign: the inside of note.h, one signature line at a time.
#pragma once
#include "ledger/note.h"

enum { COSIGN_LEN = 8 + SIGN_LEN }; // seconds, big-endian, and the signature

// ---- note.c ----
// "— name base64(key id || signature)" and a newline; signature.len <= COSIGN_LEN.
void note_line_put(const struct note_key *key, struct view signature, struct buf *out);
// A signature line without its newline. SK_OK: of the key, over this text (*time_s as note_signed
// has it); SK_UNKNOWN: of another key; SK_CORRUPT: of the key, but false; SK_INPUT: no such line.
enum sk_code note_line_signed(struct view line, struct view text, const struct note_key *key,
                              uint64_t *time_s);

// ---- cosign.c ----
// `signature` is one of the key over the text and *time_s.
bool cosign_check(struct view text, const struct note_key *key, struct view signature,
                  uint64_t *time_s);
