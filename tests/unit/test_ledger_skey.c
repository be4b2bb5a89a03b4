// Signing keys as text: that of Go's note package is read, ours is read back, no other is.
#include "cmocka_all.h"

#include "ledger/skey.h"

// From the documentation of golang.org/x/mod/sumdb/note.
static const char go_skey[] =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n";
static const char go_vkey[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

static void go_key_is_read(void **unused) {
    (void)unused;
    char storage[SKEY_TEXT_MAX];
    struct buf text = buf_over(storage, sizeof storage);
    struct signer signer;
    assert_int_equal(skey_read(view_of(go_skey), &signer), SK_OK);
    note_key_write(&signer.name, &text);
    assert_true(view_is(buf_view(&text), go_vkey));
    buf_reset(&text);
    skey_write(&signer, &text);
    assert_true(view_is(buf_view(&text), go_skey));
    assert_int_equal(skey_read((struct view){go_skey, sizeof go_skey - 2}, &signer), SK_OK);
}

static void witness_key_comes_back(void **unused) {
    (void)unused;
    char storage[SKEY_TEXT_MAX];
    struct buf text = buf_over(storage, sizeof storage);
    struct signer signer, again;
    uint8_t seed[SIGN_SEED_LEN] = {7};
    assert_int_equal(signer_of("witness.example/東京", NOTE_COSIGNATURE, seed, &signer), SK_OK);
    skey_write(&signer, &text);
    assert_int_equal(skey_read(buf_view(&text), &again), SK_OK);
    assert_memory_equal(&signer, &again, sizeof signer);
}

static void every_change_is_seen(void **unused) {
    (void)unused;
    char text[sizeof go_skey];
    struct signer signer;
    const size_t len = sizeof go_skey - 1;
    for (size_t at = 0; at < len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(text, go_skey, len);
            text[at] = (char)(text[at] ^ 1 << bit);
            if (at + 1 == len && bit == 0) continue;
            assert_int_not_equal(skey_read((struct view){text, len}, &signer), SK_OK);
        }
        if (at < len - 1)
            assert_int_not_equal(skey_read((struct view){go_skey, at}, &signer), SK_OK);
    }
}

static void other_types_are_named(void **unused) {
    (void)unused;
    struct signer signer;
    // The same with type 6.
    static const char other[] =
        "PRIVATE+KEY+PeterNeumann+c74f20a3+BoEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n";
    assert_int_equal(skey_read(view_of(other), &signer), SK_UNSUPPORTED);
    assert_non_null(strstr(fail_text(), "type 6"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(go_key_is_read),
        cmocka_unit_test(witness_key_comes_back),
        cmocka_unit_test(every_change_is_seen),
        cmocka_unit_test(other_types_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
