#include "base/sign.h"

#include <sodium.h>

static void sign_ready(void) {
    static _Thread_local bool ready; // sodium_init may be called by many
    if (!ready) must(sodium_init() >= 0);
    ready = true;
}

void sign_init(struct sign_key *key, const uint8_t seed[SIGN_SEED_LEN]) {
    sign_ready();
    must(crypto_sign_seed_keypair(key->public, key->secret, seed) == 0);
}

void sign_fini(struct sign_key *key) { sodium_memzero(key, sizeof *key); }

void sign_make(const struct sign_key *key, struct view message, uint8_t out[SIGN_LEN]) {
    must(crypto_sign_detached(out, NULL, (const uint8_t *)message.at, message.len, key->secret) ==
         0);
}

bool sign_check(const uint8_t public[SIGN_PUBLIC_LEN], struct view message,
                const uint8_t signature[SIGN_LEN]) {
    sign_ready();
    return crypto_sign_verify_detached(signature, (const uint8_t *)message.at, message.len,
                                       public) == 0;
}

bool sign_key_check(const uint8_t public[SIGN_PUBLIC_LEN]) {
    sign_ready();
    return crypto_core_ed25519_is_valid_point(public) == 1;
}
