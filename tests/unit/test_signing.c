// Signatures of models: bundles of another hand are read, ours are read back, every damage is seen.
#include "cmocka_all.h"

#include "base/text.h"
#include "signing_keys.h"
#include "signing/parts.h"

#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct signing_key keys[SIGNERS];
static char storage[1 << 20];

static int setup(void **unused) {
    (void)unused;
    for (int i = 0; i < SIGNERS; i++)
        if (signing_key_read(view_of(signer_pems[i]), &keys[i]) != SK_OK) return 1;
    return arena_open(&arena, "signature", SIGNING_ARENA) == SK_OK ? 0 : 1;
}

static int teardown(void **unused) {
    (void)unused;
    for (int i = 0; i < SIGNERS; i++)
        signing_key_close(&keys[i]);
    arena_close(&arena);
    return 0;
}

static struct view bundle_of(const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/signing/%s.json", SEKISHO_ROOT, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(storage, 1, sizeof storage, file);
    fclose(file);
    return (struct view){storage, len};
}

static enum sk_code check(struct view bundle, struct signing_statement *out) {
    arena_reset(&arena);
    return signing_check(bundle, keys, SIGNERS, &arena, out);
}

static void test_other_hands(void **unused) {
    (void)unused;
    struct signing_statement statement;
    for (int i = 0; i < SIGNERS; i++) {
        uint8_t digest[HASH_LEN];
        assert_int_equal(check(bundle_of(signer_names[i]), &statement), SK_OK);
        assert_ptr_equal(statement.key, &keys[i]);
        assert_true(view_is(statement.model, "example"));
        assert_int_equal(statement.files_len, 2);
        assert_true(view_is(statement.files[0].name, "model-00001-of-00002.gguf"));
        hash_of("two\n", 4, digest);
        assert_memory_equal(statement.files[1].digest, digest, HASH_LEN);
        // Without its key it is nobody's.
        arena_reset(&arena);
        const struct signing_key *others = i == 0 ? keys + 1 : keys;
        size_t others_len = i == 0 ? SIGNERS - 1 : (size_t)i;
        assert_int_equal(
            signing_check(bundle_of(signer_names[i]), others, others_len, &arena, &statement),
            SK_DENIED);
        assert_non_null(strstr(fail_text(), "signed_by"));
    }
}

// Every byte of a bundle changed, and every shorter one: refused, but for spaces between members
// and what the format leaves open.
static void test_every_byte(void **unused) {
    (void)unused;
    struct signing_statement statement, right;
    static char copy[4096];
    for (int i = 0; i < SIGNERS; i++) {
        struct view bundle = bundle_of(signer_names[i]);
        assert_int_equal(check(bundle, &right), SK_OK);
        uint8_t digest[HASH_LEN];
        memcpy(digest, right.digest, HASH_LEN);
        for (size_t at = 0; at < bundle.len; at++) {
            memcpy(copy, bundle.at, bundle.len);
            copy[at] = (char)(copy[at] ^ 1);
            if (check((struct view){copy, bundle.len}, &statement) == SK_OK)
                assert_memory_equal(statement.digest, digest, HASH_LEN);
            assert_int_not_equal(check((struct view){bundle.at, at}, &statement), SK_OK);
        }
    }
}

// The bundle with one text in place of another.
static struct view with(struct view bundle, const char *old, const char *new) {
    static char copy[1 << 16];
    struct buf out = buf_over(copy, sizeof copy);
    const char *at = memmem(bundle.at, bundle.len, old, strlen(old));
    assert_non_null(at);
    size_t before = (size_t)(at - bundle.at);
    buf_put(&out, bundle.at, before);
    buf_put_text(&out, new);
    buf_put_view(&out, view_from(bundle, before + strlen(old)));
    assert_false(out.over);
    return buf_view(&out);
}

static void test_other_layouts(void **unused) {
    (void)unused;
    static const struct {
        const char *old, *new, *why;
        enum sk_code code;
    } rows[] = {
        {"bundle.v0.3+json", "bundle.v0.2+json", "mediaType", SK_UNSUPPORTED},
        {"\"publicKey\": {", "\"certificate\": {\"rawBytes\": \"\"}, \"publicKey\": {",
         "certificate", SK_UNSUPPORTED},
        {"\"dsseEnvelope\"", "\"messageSignature\": {}, \"dsseEnvelope\"", "bare bytes",
         SK_UNSUPPORTED},
        {"vnd.in-toto+json", "vnd.other+json", "payloadType", SK_UNSUPPORTED},
        {"\"signatures\": [", "\"signatures\": [{\"sig\": \"AAAA\"}, ", "exactly one signature",
         SK_INPUT},
        {"\"signatures\": [", "\"extra\": 1, \"signatures\": [", "'extra'", SK_INPUT},
        {"\"hint\": \"", "\"hint\": \"0", "signed_by", SK_DENIED},
        {"\"sig\": \"", "\"sig\": \"A", "base64", SK_INPUT},
        {"\"sig\": \"", "\"sig\": \"AAAA", "changed", SK_CORRUPT},
    };
    struct signing_statement statement;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct view bundle = with(bundle_of("ed"), rows[i].old, rows[i].new);
        assert_int_equal(check(bundle, &statement), rows[i].code);
        if (!strstr(fail_text(), rows[i].why)) fail_msg("%s: %s", rows[i].why, fail_text());
    }
}

// Statements that a signer could sign, and must not have.
static void test_statements(void **unused) {
    (void)unused;
    static const struct {
        const char *old, *new, *why;
        enum sk_code code;
    } rows[] = {
        {"signature/v1.0", "Digests/v0.1", "sign the model again", SK_UNSUPPORTED},
        {"\"files\"", "\"shards\"", "whole files", SK_UNSUPPORTED},
        {"\"hash_type\": \"sha256\"", "\"hash_type\": \"blake3\"", "whole files", SK_UNSUPPORTED},
        {"\"algorithm\": \"sha256\"", "\"algorithm\": \"blake2\"", "resource", SK_INPUT},
        {"00002-of", "00001-of", "twice", SK_INPUT},
        {"\"model-00001", "\"../model-00001", "resource", SK_INPUT},
        {"\"model-00001", "\"/model-00001", "resource", SK_INPUT},
        {"\"sha256\": \"", "\"sha256\": \"0", "subject", SK_INPUT},
        {"\"digest\": \"", "\"digest\": \"0", "resource", SK_INPUT},
        {"\"resources\": [", "\"resources\": [], \"more\": [", "1 to", SK_LIMIT},
        {"\"subject\": [", "\"subject\": [{}, ", "exactly one subject", SK_INPUT},
    };
    struct signing_statement statement;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        arena_reset(&arena);
        struct view text = with(bundle_of("statement"), rows[i].old, rows[i].new);
        assert_int_equal(signing_statement_read(text, &arena, &statement), rows[i].code);
        if (!strstr(fail_text(), rows[i].why)) fail_msg("%s: %s", rows[i].why, fail_text());
    }
    // A digest of the list changed, the subject's not.
    struct view text = bundle_of("statement");
    char *at = memmem(storage, text.len, "\"digest\": \"", 11);
    assert_non_null(at);
    at[11] = at[11] == '0' ? '1' : '0';
    arena_reset(&arena);
    assert_int_equal(signing_statement_read(text, &arena, &statement), SK_CORRUPT);
    // What a later version of the predicate may say beside is passed over.
    arena_reset(&arena);
    text = with(bundle_of("statement"), "\"resources\"", "\"card\": {\"a\": 1}, \"resources\"");
    assert_int_equal(signing_statement_read(text, &arena, &statement), SK_OK);
}

static const char secret_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n"
    "-----END PRIVATE KEY-----\n";

static void test_made(void **unused) {
    (void)unused;
    static char text[1 << 16];
    struct signing_key secret;
    struct signing_file files[2] = {{VIEW("モデル.gguf"), {1}}, {VIEW("sub/b"), {2}}};
    struct signing_statement statement;
    struct buf out = buf_over(text, sizeof text);
    assert_int_equal(signing_secret_read(view_of(secret_pem), &secret), SK_OK);
    arena_reset(&arena);
    assert_int_equal(signing_make(&secret, VIEW("名"), files, 2, &arena, &out), SK_OK);
    assert_int_equal(signing_check(buf_view(&out), &secret, 1, &arena, &statement), SK_OK);
    assert_true(view_is(statement.model, "名"));
    assert_int_equal(statement.files_len, 2);
    assert_true(view_same(statement.files[0].name, files[0].name));
    assert_memory_equal(statement.files[1].digest, files[1].digest, HASH_LEN);
    files[1].name = VIEW("a\nb");
    assert_int_equal(signing_make(&secret, VIEW("m"), files, 2, &arena, &out), SK_INPUT);
    signing_key_close(&secret);
}

static void test_keys(void **unused) {
    (void)unused;
    struct signing_key key;
    static const char weak[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MCowBQYDK2VwAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
                               "-----END PUBLIC KEY-----\n";
    static const char x25519[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MCowBQYDK2VuAyEAgkybmp1qb7ejYCxSepSuBUEa902fHbHdH3WuLmsXz94=\n"
                                 "-----END PUBLIC KEY-----\n";
    char two[4096];
    snprintf(two, sizeof two, "%s%s", signer_pems[0], signer_pems[1]);
    assert_int_equal(signing_key_read(view_of(weak), &key), SK_INPUT);
    assert_int_equal(signing_key_read(view_of(x25519), &key), SK_UNSUPPORTED);
    assert_int_equal(signing_key_read(view_of(two), &key), SK_INPUT);
    assert_int_equal(signing_key_read(view_of(secret_pem), &key), SK_INPUT);
    assert_int_equal(signing_key_read(VIEW(""), &key), SK_INPUT);
    assert_int_equal(signing_secret_read(view_of(signer_pems[0]), &key), SK_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_hands),   cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_other_layouts), cmocka_unit_test(test_statements),
        cmocka_unit_test(test_made),          cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
