// SHA-256 (FIPS 180-4) by libcrypto, one-shot and streaming, HMAC and salted commitments over it.
//
// A commitment hides a value until its salt is shown:
//   C = SHA-256("sekisho/commit/v1" 0x00 field 0x00 salt[32] value u64le(len(value)))
// field is a short ASCII name ("request_body"). Fixed-length head and the length at the end make it
// injective and let it be computed while the value streams by. Hiding rests on the 256-bit salt.
#pragma once
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"

enum { HASH_LEN = 32 };

struct hash { // opaque: owns a libcrypto context
    void *context;
};

// Allocates the context once (before lockdown); reusable after each end.
enum sk_code hash_open(struct hash *hash);
void hash_close(struct hash *hash);
void hash_begin(struct hash *hash);
void hash_more(struct hash *hash, const void *bytes, size_t len);
void hash_end(struct hash *hash, uint8_t out[HASH_LEN]);

// Whole value at once, with a context of the thread made at first use.
void hash_of(const void *bytes, size_t len, uint8_t out[HASH_LEN]);

// HMAC-SHA-256 (RFC 2104) of `parts` one after the other. A shorter key is padded with zeros.
void hmac_of(const uint8_t key[HASH_LEN], const struct view *parts, size_t len,
             uint8_t out[HASH_LEN]);

struct commit {
    struct hash hash;
    uint64_t len;
};
void commit_begin(struct commit *commit, const char *field, const uint8_t salt[HASH_LEN]);
void commit_more(struct commit *commit, struct view part);
void commit_end(struct commit *commit, uint8_t out[HASH_LEN]);
void commit_of(const char *field, const uint8_t salt[HASH_LEN], struct view value,
               uint8_t out[HASH_LEN]);
