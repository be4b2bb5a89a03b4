// Ed25519 (RFC 8032) by libsodium: what it accepts, every auditor's tool accepts (it alone refuses
// small-order points; measured on the CCTV vectors).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"

enum { SIGN_SEED_LEN = 32, SIGN_PUBLIC_LEN = 32, SIGN_LEN = 64 };

struct sign_key {
    uint8_t public[SIGN_PUBLIC_LEN];
    uint8_t secret[64]; // seed and public key; wipe with sign_fini
};

void sign_init(struct sign_key *key, const uint8_t seed[SIGN_SEED_LEN]);
void sign_fini(struct sign_key *key);
void sign_make(const struct sign_key *key, struct view message, uint8_t out[SIGN_LEN]);
bool sign_check(const uint8_t public[SIGN_PUBLIC_LEN], struct view message,
                const uint8_t signature[SIGN_LEN]);
// False for small-order or non-canonical points: refused at registration.
bool sign_key_check(const uint8_t public[SIGN_PUBLIC_LEN]);
