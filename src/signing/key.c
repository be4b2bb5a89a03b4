// Keys of signers, by libcrypto; signatures of Ed25519 are checked by libsodium, as everywhere
// here.
#include "signing/parts.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>

static const struct {
    const char *group, *hash;
} curves[] = {
    {"prime256v1", "SHA256"},
    {"secp384r1", "SHA384"},
    {"secp521r1", "SHA512"},
};

// SHA-256 of the public half, written as a PEM file: what a bundle calls a key by.
static void key_name(struct signing_key *key) {
    char *text;
    BIO *out = BIO_new(BIO_s_mem());
    must(out && PEM_write_bio_PUBKEY(out, key->key) == 1);
    long len = BIO_get_mem_data(out, &text);
    hash_of(text, (size_t)len, key->id);
    BIO_free(out);
}

static enum sk_code key_kind(struct signing_key *key) {
    char group[64];
    size_t len = sizeof key->public;
    if (EVP_PKEY_get_id(key->key) == EVP_PKEY_ED25519) {
        must(EVP_PKEY_get_raw_public_key(key->key, key->public, &len) == 1);
        if (sign_key_check(key->public)) return SK_OK;
        return FAIL(SK_INPUT, "it is no good Ed25519 key: its point is weak");
    }
    bool curve = EVP_PKEY_get_id(key->key) == EVP_PKEY_EC &&
                 EVP_PKEY_get_group_name(key->key, group, sizeof group, &len) == 1;
    for (size_t i = 0; curve && i < sizeof curves / sizeof *curves; i++)
        if (strcmp(group, curves[i].group) == 0) key->hash = curves[i].hash;
    if (key->hash) return SK_OK;
    return FAIL(SK_UNSUPPORTED, "its key is neither Ed25519 nor of P-256, P-384 or P-521");
}

static enum sk_code key_take(EVP_PKEY *read, const char *form, struct signing_key *out) {
    *out = (struct signing_key){.key = read};
    ERR_clear_error();
    if (!read) return FAIL(SK_INPUT, "it must be %s", form);
    enum sk_code code = key_kind(out);
    if (code == SK_OK)
        key_name(out);
    else
        signing_key_close(out);
    return code;
}

// Nobody is asked: a key under a passphrase is not read.
static int no_passphrase(char *out, int max, int writing, void *self) {
    (void)out, (void)max, (void)writing, (void)self;
    return -1;
}

static BIO *pem_open(struct view pem) {
    must(pem.len <= INT_MAX);
    BIO *in = BIO_new_mem_buf(pem.at, (int)pem.len);
    must(in != NULL);
    return in;
}

enum sk_code signing_key_read(struct view pem, struct signing_key *out) {
    static const char form[] = "one public key, PEM (-----BEGIN PUBLIC KEY-----)";
    if (pem.len > SIGNING_PEM_MAX || !view_starts(pem, VIEW("-----BEGIN PUBLIC KEY-----")))
        return key_take(NULL, form, out);
    BIO *in = pem_open(pem);
    EVP_PKEY *read = PEM_read_bio_PUBKEY(in, NULL, no_passphrase, NULL), *second = NULL;
    if (read) second = PEM_read_bio_PUBKEY(in, NULL, no_passphrase, NULL);
    BIO_free(in);
    if (second) EVP_PKEY_free(read), read = NULL;
    EVP_PKEY_free(second);
    return key_take(read, form, out);
}

enum sk_code signing_secret_read(struct view pem, struct signing_key *out) {
    static const char form[] = "a private key, PEM (-----BEGIN PRIVATE KEY-----), no passphrase";
    if (pem.len > SIGNING_PEM_MAX) return key_take(NULL, form, out);
    BIO *in = pem_open(pem);
    EVP_PKEY *read = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
    BIO_free(in);
    return key_take(read, form, out);
}

void signing_key_close(struct signing_key *key) {
    EVP_PKEY_free(key->key);
    *key = (struct signing_key){0};
}

static bool ecdsa_check(const struct signing_key *key, struct view bytes, struct view signature) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL);
    const uint8_t *at = (const uint8_t *)signature.at, *signed_at = (const uint8_t *)bytes.at;
    bool good =
        EVP_DigestVerifyInit_ex(context, NULL, key->hash, NULL, NULL, key->key, NULL) == 1 &&
        EVP_DigestVerify(context, at, signature.len, signed_at, bytes.len) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

bool signing_key_check(const struct signing_key *key, struct view bytes, struct view signature) {
    if (key->hash) return ecdsa_check(key, bytes, signature);
    return signature.len == SIGN_LEN &&
           sign_check(key->public, bytes, (const uint8_t *)signature.at);
}

enum sk_code signing_key_sign(const struct signing_key *secret, struct view bytes,
                              uint8_t out[SIGNING_SIGNATURE_MAX], size_t *len) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL);
    *len = SIGNING_SIGNATURE_MAX;
    bool good =
        EVP_DigestSignInit_ex(context, NULL, secret->hash, NULL, NULL, secret->key, NULL) == 1 &&
        EVP_DigestSign(context, out, len, (const uint8_t *)bytes.at, bytes.len) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good ? SK_OK : FAIL(SK_IO, "libcrypto did not sign");
}
