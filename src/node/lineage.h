// Lineage: whether somebody whom the operator named stands by the weights of a model.
//
// A model with `signed_by` is served only when one of those keys signed the bytes that were hashed,
// every file of it; an adapter that has none of its own has that of its model. With
// `require_signed_models` no other is. Refuses: a file that the signed list
// has not, or has with another digest; everything that signing_check refuses. Files that are listed
// and not loaded are not read. Nothing expires: a plain key is trusted until it leaves `signed_by`.
#pragma once
#include "node/conf.h"
#include "node/weights.h"

enum { LINEAGE_KEYS_MAX = 16, LINEAGE_TEXT_MAX = 384 };

struct lineage {
    bool known;                  // it is signed; else nobody is asked to have signed it
    uint8_t signer[HASH_LEN];    // SHA-256 of the signer's public key as a PEM file
    uint8_t statement[HASH_LEN]; // of what was signed
};

// Those who may sign it; "": nobody has to.
const char *lineage_signed_by(const struct conf *conf, const struct conf_model *model);

// `weights` were checked (weights_check). The text of a refusal says how to mend it.
enum sk_code lineage_check(const struct conf *conf, const struct conf_model *model,
                           const struct weights *weights, struct lineage *out);

// Where the signature is: what `signature` says, else FILE.sig, or model.sig in its directory.
enum sk_code lineage_signature(const struct conf_model *model, char out[CONF_PATH_MAX]);
