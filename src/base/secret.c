#include "base/secret.h"

#include <sodium.h>
#include <sys/mman.h>

_Static_assert((int)SECRET_KEY_LEN == (int)crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert((int)SECRET_EXTRA_LEN == (int)crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");

static const uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];

enum sk_code secret_keys_open(size_t count, uint8_t (**keys)[SECRET_KEY_LEN], bool *locked) {
    must(sodium_init() >= 0);
    size_t len = count * SECRET_KEY_LEN;
    *keys = sodium_malloc(len); // it locks too, and does not say whether that went well
    if (!*keys) return FAIL(SK_LIMIT, "no memory for %zu keys", count);
    *locked = mlock(*keys, len) == 0;
    sodium_memzero(*keys, len);
    return SK_OK;
}

void secret_keys_close(uint8_t (*keys)[SECRET_KEY_LEN]) { sodium_free(keys); }

void secret_seal(const uint8_t key[SECRET_KEY_LEN], struct view bound, struct view text,
                 uint8_t *out) {
    must(crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, (const uint8_t *)text.at, text.len,
                                                    (const uint8_t *)bound.at, bound.len, NULL,
                                                    nonce, key) == 0);
}

bool secret_unseal(const uint8_t key[SECRET_KEY_LEN], struct view bound, struct view sealed,
                   uint8_t *out) {
    return crypto_aead_xchacha20poly1305_ietf_decrypt(
               out, NULL, NULL, (const uint8_t *)sealed.at, sealed.len, (const uint8_t *)bound.at,
               bound.len, nonce, key) == 0;
}

void secret_wipe(uint8_t key[SECRET_KEY_LEN]) { sodium_memzero(key, SECRET_KEY_LEN); }
