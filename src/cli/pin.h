// The pin of a place: SHA-256 of its public key, as `spki_sha256` of a policy wants it.
//
// Reads a text with a certificate or a public key in PEM somewhere in it, as openssl prints them;
// of several the first, which is the server's own. Only the place of the key is looked for: neither
// names nor dates nor signatures are judged. Refuses: no PEM, more than PIN_DER_MAX bytes, DER that
// ends early or has another form.
#pragma once
#include <stdint.h>

#include "base/fail.h"
#include "base/hash.h"
#include "base/view.h"

enum { PIN_DER_MAX = 64 << 10 };

enum sk_code pin_of(struct view text, uint8_t pin[HASH_LEN]);
