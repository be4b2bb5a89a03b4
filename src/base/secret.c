#include "base/secret.h"

#include <sodium.h>
#include <sys/mman.h>

_Static_assert((int)SECRET_KEY_LEN == (int)crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert((int)SECRET_EXTRA_LEN == (int)crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");

static const uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];

enum sk_code secret_open(size_t len, void **at, bool *locked) {
    must(sodium_init() >= 0);
    *at = sodium_malloc(len); // it locks too, and does not say whether that went well
    if (!*at) return FAIL(SK_LIMIT, "no memory for %zu bytes of keys", len);
    *locked = mlock(*at, len) == 0;
    sodium_memzero(*at, len);
    return SK_OK;
}

void secret_close(void *at) { sodium_free(at); }

enum sk_code secret_keys_open(size_t count, uint8_t (**keys)[SECRET_KEY_LEN], bool *locked) {
    void *at;
    TRY(secret_open(count * SECRET_KEY_LEN, &at, locked));
    *keys = at;
    return SK_OK;
}

void secret_keys_close(uint8_t (*keys)[SECRET_KEY_LEN]) { secret_close(keys); }

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
