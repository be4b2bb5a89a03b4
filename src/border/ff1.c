// FF1 of NIST SP 800-38G (2016), sections 5.1 and 5.2; names of variables as there.
#include "border/mask.h"

#include <openssl/evp.h>
#include <string.h>

enum {
    DIGITS_MAX = 56,
    TWEAK_MAX = 16,
    ROUNDS = 10,
    BLOCK = 16,
    HALF_MAX = DIGITS_MAX - DIGITS_MAX / 2,
    NUMBER_MAX = 19,      // bytes of 36^28
    S_MAX = 2 * BLOCK,    // of which d = 4 * ceil(b / 4) + 4 are used
    DOMAIN_MIN = 1000000, // of the draft of revision 1, 2025
    PQ_MAX = BLOCK + TWEAK_MAX + NUMBER_MAX + BLOCK,
};

struct ff1 {
    EVP_CIPHER_CTX *aes;
    struct view tweak;
    unsigned radix;
    uint8_t *digits;
    size_t n, u, v; // digits in all, left, right
    size_t b, d;
};

static void aes_block(const struct ff1 *f, const uint8_t in[BLOCK], uint8_t out[BLOCK]) {
    int len = 0;
    must(EVP_EncryptUpdate(f->aes, out, &len, in, BLOCK) == 1 && len == BLOCK);
}

// NUM_radix(X) as `len` bytes, big-endian.
static void number_of(const struct ff1 *f, const uint8_t *x, size_t x_len, uint8_t *out,
                      size_t len) {
    memset(out, 0, len);
    for (size_t i = 0; i < x_len; i++) {
        unsigned carry = x[i];
        for (size_t k = len; k-- > 0;) {
            carry += out[k] * f->radix;
            out[k] = (uint8_t)carry;
            carry >>= 8;
        }
        must(carry == 0);
    }
}

// y mod radix^m as m digits; y (len bytes, big-endian) is used up.
static void digits_of(const struct ff1 *f, uint8_t *y, size_t len, uint8_t *out, size_t m) {
    for (size_t i = m; i-- > 0;) {
        unsigned rest = 0;
        for (size_t k = 0; k < len; k++) {
            rest = rest << 8 | y[k];
            y[k] = (uint8_t)(rest / f->radix);
            rest %= f->radix;
        }
        out[i] = (uint8_t)rest;
    }
}

// Steps 6.i to 6.v: y of round i and of the half that stays, as m digits.
static void round_digits(const struct ff1 *f, int i, const uint8_t *half, size_t half_len,
                         uint8_t *out, size_t m) {
    uint8_t pq[PQ_MAX] = {1, 2, 1, 0, 0, (uint8_t)f->radix, ROUNDS, (uint8_t)f->u};
    pq[11] = (uint8_t)f->n;
    pq[15] = (uint8_t)f->tweak.len;
    size_t len = BLOCK + f->tweak.len;
    if (f->tweak.len) memcpy(pq + BLOCK, f->tweak.at, f->tweak.len);
    while ((len + f->b + 1) % BLOCK != 0)
        len++; // zeros
    pq[len++] = (uint8_t)i;
    number_of(f, half, half_len, pq + len, f->b);
    len += f->b;
    uint8_t r[BLOCK] = {0}, s[S_MAX];
    for (size_t at = 0; at < len; at += BLOCK) { // PRF: CBC-MAC
        for (int k = 0; k < BLOCK; k++)
            r[k] ^= pq[at + (size_t)k];
        aes_block(f, r, r);
    }
    memcpy(s, r, BLOCK);
    r[BLOCK - 1] ^= 1;
    aes_block(f, r, s + BLOCK);
    digits_of(f, s, f->d, out, m);
}

static void rounds(const struct ff1 *f, bool encrypt) {
    uint8_t a[HALF_MAX], b[HALF_MAX], c[HALF_MAX];
    memcpy(a, f->digits, f->u);
    memcpy(b, f->digits + f->u, f->v);
    for (int k = 0; k < ROUNDS; k++) {
        int i = encrypt ? k : ROUNDS - 1 - k;
        size_t m = i % 2 == 0 ? f->u : f->v;
        uint8_t *stays = encrypt ? b : a, *goes = encrypt ? a : b;
        round_digits(f, i, stays, f->n - m, c, m);
        unsigned carry = 0;
        for (size_t at = m; at-- > 0;) { // goes ± y mod radix^m
            unsigned y = c[at] + carry;
            bool over = encrypt ? goes[at] + y >= f->radix : goes[at] < y;
            unsigned sum = encrypt ? goes[at] + y : goes[at] + f->radix - y;
            c[at] = (uint8_t)(encrypt ? sum - (over ? f->radix : 0) : sum - (over ? 0 : f->radix));
            carry = over;
        }
        memcpy(goes, stays, f->n - m);
        memcpy(stays, c, m);
    }
    memcpy(f->digits, a, f->u);
    memcpy(f->digits + f->u, b, f->v);
    explicit_bzero(a, sizeof a);
    explicit_bzero(b, sizeof b);
    explicit_bzero(c, sizeof c);
}

static enum sk_code check(const struct ff1_key *key, const struct ff1 *f) {
    if (key->len != 16 && key->len != 24 && key->len != 32)
        return FAIL(SK_INPUT, "ff1: a key of %u bytes; 16, 24 or 32", key->len);
    if (f->radix < 2 || f->radix > 36) return FAIL(SK_INPUT, "ff1: radix %u; 2 to 36", f->radix);
    if (f->n > DIGITS_MAX) return FAIL(SK_INPUT, "ff1: %zu digits; at most %d", f->n, DIGITS_MAX);
    if (f->tweak.len > TWEAK_MAX)
        return FAIL(SK_INPUT, "ff1: a tweak of %zu bytes; at most %d", f->tweak.len, TWEAK_MAX);
    uint64_t domain = 1;
    for (size_t i = 0; i < f->n && domain < DOMAIN_MIN; i++)
        domain *= f->radix;
    if (domain < DOMAIN_MIN)
        return FAIL(SK_INPUT, "ff1: %zu digits of radix %u have fewer than %d values", f->n,
                    f->radix, DOMAIN_MIN);
    for (size_t i = 0; i < f->n; i++)
        if (f->digits[i] >= f->radix)
            return FAIL(SK_INPUT, "ff1: digit %zu is %u; below %u", i, f->digits[i], f->radix);
    return SK_OK;
}

static enum sk_code ff1_do(const struct ff1_key *key, struct ff1 *f, bool encrypt) {
    TRY(check(key, f));
    f->u = f->n / 2;
    f->v = f->n - f->u;
    uint8_t most[NUMBER_MAX], bytes[HALF_MAX]; // b = ceil(ceil(v log2(radix)) / 8)
    memset(bytes, (int)f->radix - 1, f->v);
    number_of(f, bytes, f->v, most, sizeof most);
    size_t zeros = 0;
    while (most[zeros] == 0)
        zeros++;
    f->b = sizeof most - zeros;
    f->d = (f->b + 3) / 4 * 4 + 4;
    must(f->d <= S_MAX);
    const EVP_CIPHER *cipher = key->len == 16   ? EVP_aes_128_ecb()
                               : key->len == 24 ? EVP_aes_192_ecb()
                                                : EVP_aes_256_ecb();
    f->aes = EVP_CIPHER_CTX_new();
    if (!f->aes) return FAIL(SK_LIMIT, "ff1: no memory for a context");
    must(EVP_EncryptInit_ex(f->aes, cipher, NULL, key->bytes, NULL) == 1);
    must(EVP_CIPHER_CTX_set_padding(f->aes, 0) == 1);
    rounds(f, encrypt);
    EVP_CIPHER_CTX_free(f->aes);
    return SK_OK;
}

enum sk_code ff1_encrypt(const struct ff1_key *key, struct view tweak, unsigned radix,
                         uint8_t *digits, size_t len) {
    struct ff1 f = {.tweak = tweak, .radix = radix, .digits = digits, .n = len};
    return ff1_do(key, &f, true);
}

enum sk_code ff1_decrypt(const struct ff1_key *key, struct view tweak, unsigned radix,
                         uint8_t *digits, size_t len) {
    struct ff1 f = {.tweak = tweak, .radix = radix, .digits = digits, .n = len};
    return ff1_do(key, &f, false);
}
