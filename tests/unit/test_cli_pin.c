// The pin of a certificate: as openssl computes it, of a certificate or a bare key, alone or within
// other text; and nothing of what is cut, changed or no PEM at all.
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/pin.h"

static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBhzCCAS2gAwIBAgIUaoTXdx+AtmBwhZmJz2rTLhpfCCMwCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwObGxtLmV4YW1wbGUuanAwHhcNMjYxMTIyMTQwMTU2WhcNMzYx\n"
    "MTE5MTQwMTU2WjAZMRcwFQYDVQQDDA5sbG0uZXhhbXBsZS5qcDBZMBMGByqGSM49\n"
    "AgEGCCqGSM49AwEHA0IABMzk6LV314yFcG2D5O3ZFpKGn4kUij3EWpetSt3cm6ce\n"
    "7Vffwngeq1Hh4+xQmMS9fApjQMRohpz34+JirqrjRuejUzBRMB0GA1UdDgQWBBTK\n"
    "j2iLnrVVLbQXPfOaaNcWEN3P6DAfBgNVHSMEGDAWgBTKj2iLnrVVLbQXPfOaaNcW\n"
    "EN3P6DAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCICMwTUO6eyYR\n"
    "CBQqEEqFqcmyALK0MoMg46ePYnfDOpUEAiEA98rfSZ9u8mOqpsmT7/wJ74ZcZ8M4\n"
    "TLprGk9ejuTp0UU=\n"
    "-----END CERTIFICATE-----\n";
static const char key[] = "-----BEGIN PUBLIC KEY-----\n"
                          "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzOTotXfXjIVwbYPk7dkWkoafiRSK\n"
                          "PcRal61K3dybpx7tV9/CeB6rUeHj7FCYxL18CmNAxGiGnPfj4mKuquNG5w==\n"
                          "-----END PUBLIC KEY-----\n";
// openssl x509 -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256
static const char expected[] = "76480e4418351559ea596889da97f33be4720dfd763680747244bf240827b59c";

static void is_the_pin(const char *text) {
    uint8_t pin[HASH_LEN], wanted[HASH_LEN];
    assert_true(hex_take(view_of(expected), wanted, sizeof wanted));
    assert_int_equal(pin_of(view_of(text), pin), SK_OK);
    assert_memory_equal(pin, wanted, sizeof pin);
}

static void certificates_and_keys(void **state) {
    (void)state;
    char text[2 * sizeof certificate + 200];
    is_the_pin(certificate);
    is_the_pin(key);
    snprintf(text, sizeof text, "CONNECTED(00000003)\n---\n%s\n---\nVerify return code: 0\n%s",
             certificate, certificate);
    is_the_pin(text);
}

static void what_is_damaged_has_none(void **state) {
    (void)state;
    uint8_t pin[HASH_LEN];
    char text[sizeof certificate];
    const char *end = strstr(certificate, "-----END");
    assert_int_equal(pin_of(view_of(""), pin), SK_INPUT);
    assert_int_equal(pin_of(view_of("no certificate"), pin), SK_INPUT);
    for (size_t len = 0; len + 1 < sizeof certificate - 1; len += 7)
        assert_int_equal(pin_of((struct view){certificate, len}, pin), SK_INPUT);
    // The first lines of its base64 only: right letters, DER that ends early.
    for (size_t lines = 0, at = strlen("-----BEGIN CERTIFICATE-----\n"); lines < 5; lines++) {
        int cut = (int)(at + lines * 65);
        snprintf(text, sizeof text, "%.*s%s", cut, certificate, end);
        assert_int_equal(pin_of(view_of(text), pin), SK_INPUT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_and_keys),
        cmocka_unit_test(what_is_damaged_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
