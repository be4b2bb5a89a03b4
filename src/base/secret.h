// Secret: bytes encrypted and authenticated under a key that seals one text and no other
// (XChaCha20-Poly1305 by libsodium), and memory for such keys.
//
// The nonce is zero, which is safe because a key is never used twice: who needs another text draws
// another key. Promises: key memory is locked (never swapped) and left out of cores where the
// machine allows it, wiped when it is freed, and between guard pages.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"

enum { SECRET_KEY_LEN = 32, SECRET_EXTRA_LEN = 16 }; // extra: what sealing adds to a text

// `len` zeroed bytes, before lockdown, and given back wiped. *locked as below.
enum sk_code secret_open(size_t len, void **at, bool *locked);
void secret_close(void *at); // NULL is fine

// `count` zeroed keys, before lockdown. *locked tells whether the machine kept them from swap.
enum sk_code secret_keys_open(size_t count, uint8_t (**keys)[SECRET_KEY_LEN], bool *locked);
void secret_keys_close(uint8_t (*keys)[SECRET_KEY_LEN]); // NULL is fine

// `bound` is authenticated and not encrypted; out: text.len + SECRET_EXTRA_LEN bytes.
void secret_seal(const uint8_t key[SECRET_KEY_LEN], struct view bound, struct view text,
                 uint8_t *out);
// out: sealed.len - SECRET_EXTRA_LEN bytes. False: key, bound or a byte is another.
bool secret_unseal(const uint8_t key[SECRET_KEY_LEN], struct view bound, struct view sealed,
                   uint8_t *out);
void secret_wipe(uint8_t key[SECRET_KEY_LEN]);
