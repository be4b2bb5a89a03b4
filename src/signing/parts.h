// Inside of signing: keys over bytes, and the words of the format.
#pragma once
#include "signing/signing.h"

#define SIGNING_MEDIA_TYPE     "application/vnd.dev.sigstore.bundle.v0.3+json"
#define SIGNING_PAYLOAD_TYPE   "application/vnd.in-toto+json"
#define SIGNING_STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define SIGNING_PREDICATE_TYPE "https://model_signing/signature/v1.0"

enum { SIGNING_SIGNATURE_MAX = 160 }; // ECDSA on P-521, in DER

// The DSSE encoding of a statement: what is signed. NULL: no memory, with SK_LIMIT kept.
struct buf *signing_pae(struct view statement, struct arena *arena);

// Whether `signature` is the key's over these bytes.
bool signing_key_check(const struct signing_key *key, struct view bytes, struct view signature);
enum sk_code signing_key_sign(const struct signing_key *secret, struct view bytes,
                              uint8_t out[SIGNING_SIGNATURE_MAX], size_t *len);

// A statement whose signature is good: all of `out` but its key.
enum sk_code signing_statement_read(struct view text, struct arena *arena,
                                    struct signing_statement *out);

// The digest that a statement's subject carries: of the digests of all files, in order.
void signing_subject(const struct signing_file *files, size_t len, uint8_t out[HASH_LEN]);

// A name inside the model's directory: UTF-8, no control characters, no "..", no leading slash.
bool signing_name_good(struct view name);
