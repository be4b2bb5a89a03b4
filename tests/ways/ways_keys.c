// Keys and certificates of the places, made anew in every run.
#include "ways.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void extend(X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(extension && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

struct identity identity_make(const char *name, const struct identity *issuer, int from_days,
                              int days) {
    enum { DAY_S = 86400 };
    static long serial = 1;
    struct identity made = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
    X509 *certificate = made.certificate;
    must(made.key && certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), (long)from_days * DAY_S - 60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), (long)(from_days + days) * DAY_S);
    struct tm end;
    must(ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1);
    made.until_s = (uint64_t)timegm(&end);
    X509_set_pubkey(certificate, made.key);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509 *signer = issuer ? issuer->certificate : certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(signer));
    if (issuer) {
        char names[128];
        snprintf(names, sizeof names, "%s:%s", strchr("0123456789:", name[0]) ? "IP" : "DNS", name);
        extend(certificate, NID_subject_alt_name, names);
    } else {
        extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
    }
    must(X509_sign(certificate, issuer ? issuer->key : made.key, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    must(len > 0);
    hash_of(der, (size_t)len, made.spki);
    OPENSSL_free(der);
    return made;
}

void identity_pem(const struct identity *identity, struct buf *out) {
    BIO *to = BIO_new(BIO_s_mem());
    char *at;
    must(to && PEM_write_bio_X509(to, identity->certificate));
    long len = BIO_get_mem_data(to, &at);
    buf_put(out, at, (size_t)len);
    BIO_free(to);
}

void identity_free(struct identity *identity) {
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
}
