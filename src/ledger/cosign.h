// Cosign: the inside of note.h that writes and checks the signatures of witnesses.
#pragma once
#include "ledger/note.h"

enum { COSIGN_LEN = 8 + SIGN_LEN }; // seconds, big-endian, and the signature

// ---- note.c ----
// "— name base64(key id || signature)" and a newline; signature.len <= COSIGN_LEN.
void note_line_put(const struct note_key *key, struct view signature, struct buf *out);

// ---- cosign.c ----
// `signature` is one of the key over the text and *time_s.
bool cosign_check(struct view text, const struct note_key *key, struct view signature,
                  uint64_t *time_s);
