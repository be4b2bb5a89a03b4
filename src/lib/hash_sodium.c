// SHA-256 by libsodium, for what is given to auditors and to other programs: one library less to
// carry than libcrypto, and no context that outlives a call. Slower in bulk (159 to 250 MB/s).
#include <sodium.h>
#include <stdlib.h>

#include "base/hash.h"

enum sk_code hash_open(struct hash *hash) {
    hash->context = malloc(sizeof(crypto_hash_sha256_state));
    return hash->context ? SK_OK : FAIL(SK_LIMIT, "sha256: no memory for a context");
}

void hash_close(struct hash *hash) {
    free(hash->context);
    hash->context = NULL;
}

void hash_begin(struct hash *hash) { crypto_hash_sha256_init(hash->context); }

void hash_more(struct hash *hash, const void *bytes, size_t len) {
    if (len) crypto_hash_sha256_update(hash->context, bytes, len);
}

void hash_end(struct hash *hash, uint8_t out[HASH_LEN]) {
    crypto_hash_sha256_final(hash->context, out);
}

void hash_of(const void *bytes, size_t len, uint8_t out[HASH_LEN]) {
    crypto_hash_sha256(out, bytes, len);
}
