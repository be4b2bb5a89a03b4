#include "base/hash.h"

#include <openssl/evp.h>
#include <string.h>

enum sk_code hash_open(struct hash *hash) {
    hash->context = EVP_MD_CTX_new();
    return hash->context ? SK_OK : FAIL(SK_LIMIT, "sha256: no memory for a context");
}

void hash_close(struct hash *hash) {
    EVP_MD_CTX_free(hash->context);
    hash->context = NULL;
}

void hash_begin(struct hash *hash) {
    // Fetched once: EVP_sha256() would look the provider up at every init.
    static EVP_MD *sha256;
    if (!sha256) sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    must(sha256 && hash->context);
    must(EVP_DigestInit_ex2(hash->context, sha256, NULL) == 1);
}

void hash_more(struct hash *hash, const void *bytes, size_t len) {
    if (len) must(EVP_DigestUpdate(hash->context, bytes, len) == 1);
}

void hash_end(struct hash *hash, uint8_t out[HASH_LEN]) {
    must(EVP_DigestFinal_ex(hash->context, out, NULL) == 1);
}

void hash_of(const void *bytes, size_t len, uint8_t out[HASH_LEN]) {
    static _Thread_local struct hash hash;
    if (!hash.context) must(hash_open(&hash) == SK_OK);
    hash_begin(&hash);
    hash_more(&hash, bytes, len);
    hash_end(&hash, out);
}

static void hmac_pad(struct hash *hash, const uint8_t key[HASH_LEN], uint8_t pad) {
    uint8_t block[64];
    memset(block, pad, sizeof block);
    for (size_t i = 0; i < HASH_LEN; i++) block[i] ^= key[i];
    hash_begin(hash);
    hash_more(hash, block, sizeof block);
    explicit_bzero(block, sizeof block);
}

void hmac_of(const uint8_t key[HASH_LEN], const struct view *parts, size_t len,
             uint8_t out[HASH_LEN]) {
    static _Thread_local struct hash hash;
    if (!hash.context) must(hash_open(&hash) == SK_OK);
    uint8_t inner[HASH_LEN];
    hmac_pad(&hash, key, 0x36);
    for (size_t i = 0; i < len; i++) hash_more(&hash, parts[i].at, parts[i].len);
    hash_end(&hash, inner);
    hmac_pad(&hash, key, 0x5c);
    hash_more(&hash, inner, sizeof inner);
    hash_end(&hash, out);
}
