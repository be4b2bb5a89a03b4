// Signing: whether a signer stands by the files of a model, in the format of OpenSSF model signing
// with a plain key.
//
// A signature is a Sigstore bundle (v0.3) around a DSSE envelope around an in-toto statement that
// lists files and their SHA-256 (docs/model-signing.md has it to the byte). Promises: a statement
// is read only after the signature over its bytes proved good by a key the caller named; the
// subject's digest is that of the list; no name is listed twice. Refuses: certificates and
// identities (they prove something only with a log and a clock at hand), shards, digests other than
// SHA-256, unknown members, more than one signature or subject. Pure: no files, no clock.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/sign.h"
#include "base/view.h"

enum {
    SIGNING_TEXT_MAX = 4 << 20, // bytes of a bundle
    SIGNING_ARENA = 128 << 20,  // of the arena that checks or makes one
    SIGNING_FILES_MAX = 10000,  // files of a statement
    SIGNING_NAME_MAX = 1024,    // bytes of a name in it
    SIGNING_PEM_MAX = 16384,    // bytes of a key file
};

// A key of a signer: ECDSA on P-256, P-384 or P-521 with the SHA-2 of that size, or Ed25519.
struct signing_key {
    void *key;                       // an EVP_PKEY
    const char *hash;                // "SHA256" …; NULL: Ed25519
    uint8_t public[SIGN_PUBLIC_LEN]; // of Ed25519
    uint8_t id[HASH_LEN];            // SHA-256 of the public key as a PEM file
};
// SK_INPUT: not one PEM key; SK_UNSUPPORTED: of another kind.
enum sk_code signing_key_read(struct view pem, struct signing_key *out);    // a public key
enum sk_code signing_secret_read(struct view pem, struct signing_key *out); // a private key
void signing_key_close(struct signing_key *key);

struct signing_file {
    struct view name; // in the model's directory; "." of a model that is one file
    uint8_t digest[HASH_LEN];
};

// What a signer states.
struct signing_statement {
    struct view model; // as the signer calls it
    const struct signing_file *files;
    uint32_t files_len;
    const struct signing_key *key; // whose signature it is
    uint8_t digest[HASH_LEN];      // SHA-256 of the statement's bytes
};

// Checks a bundle by any of these keys. Views in `out` stand in the arena. SK_DENIED: signed by
// none of the keys; SK_CORRUPT: the signature or the list is not what it says; SK_INPUT: no such
// bundle; SK_UNSUPPORTED: another layout of it.
enum sk_code signing_check(struct view bundle, const struct signing_key *keys, size_t keys_len,
                           struct arena *arena, struct signing_statement *out);

// The bundle for these files, in this order, by a private key, appended to out. SK_INPUT: a name
// that signing_check would refuse.
enum sk_code signing_make(const struct signing_key *secret, struct view model,
                          const struct signing_file *files, size_t files_len, struct arena *arena,
                          struct buf *out);
