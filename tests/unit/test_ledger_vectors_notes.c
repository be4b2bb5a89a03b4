// Notes of others: the values that the tests of golang.org/x/mod (note, tlog) and sigsum-go sign,
// C2SP's own example and sum.golang.org's checkpoints. They are few and short, and stand here.
//
// Where we are stricter than these tests: a signature line of less than 5 bytes is refused
// (signed-note: 4+n), which sigsum-go passes over; so is every later signature of a known key that
// fails, which x/mod passes over as a duplicate; and more than 64 lines, x/mod's limit being 100.
#include "ledger_fixture.h"

static struct note_key key_of(const char *vkey) {
    struct note_key key;
    if (note_key_parse(view_of(vkey), &key) != SK_OK) fail_msg("%s: %s", vkey, fail_text());
    return key;
}

static enum sk_code signed_by(const char *note, const struct note_key *key) {
    uint64_t time_s;
    return note_signed(view_of(note), key, &time_s);
}

// ---- golang.org/x/mod/sumdb ----

#define PETER_KEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define ENOCH_KEY "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
#define TEXT                                                                                       \
    "If you think cryptography is the answer to your problem,\n"                                   \
    "then you don't know what your problem is.\n"
#define PETER_BLOB                                                                                 \
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
#define PETER "\u2014 PeterNeumann " PETER_BLOB "\n"
#define ENOCH_A "\u2014 EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n"
#define ENOCH_B "2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
#define ENOCH ENOCH_A ENOCH_B

static void test_golang_key(void **unused) {
    (void)unused;
    struct note_key key;
    const size_t len = sizeof PETER_KEY - 1;
    char copy[] = PETER_KEY;
    (void)key_of(PETER_KEY);
    for (size_t i = 0; i <= len; i++)
        for (size_t j = i + 1; j <= len; j++)
            if (i != 0 || j != len)
                assert_int_not_equal(note_key_parse((struct view){copy + i, j - i}, &key), SK_OK);
    for (size_t i = 0; i < len; i++) {
        copy[i]++;
        assert_int_not_equal(note_key_parse(view_of(copy), &key), SK_OK);
        copy[i]--;
    }
    assert_int_equal(note_key_parse(VIEW("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
                                         "LDE4izWy10TWBADKEY=="),
                                    &key),
                     SK_INPUT); // too long
    assert_int_equal(note_key_parse(VIEW("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
                                         "LDE4izWy10TW"),
                                    &key),
                     SK_UNSUPPORTED); // type 0x65
}

static void test_golang_sign(void **unused) {
    (void)unused;
    // PRIVATE+KEY+PeterNeumann+c74f20a3+…: type and seed.
    uint8_t bytes[1 + SIGN_SEED_LEN];
    size_t len;
    struct sign_key secret;
    struct note_key key = key_of(PETER_KEY);
    char text[256];
    struct buf out = buf_over(text, sizeof text);
    assert_true(base64_take(VIEW("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"), bytes,
                            sizeof bytes, &len));
    sign_init(&secret, bytes + 1);
    assert_memory_equal(secret.public, key.public, SIGN_PUBLIC_LEN);
    note_sign(VIEW(TEXT), &key, &secret, &out);
    assert_true(view_is(buf_view(&out), PETER));
}

static void test_golang_open(void **unused) {
    (void)unused;
    struct note_key peter = key_of(PETER_KEY), enoch = key_of(ENOCH_KEY);
    struct view text, lines;
    assert_int_equal(note_split(VIEW(TEXT "\n" PETER ENOCH), &text, &lines), SK_OK);
    assert_true(view_is(text, TEXT));
    assert_true(view_is(lines, PETER ENOCH));
    assert_int_equal(signed_by(TEXT "\n" PETER ENOCH, &peter), SK_OK);
    assert_int_equal(signed_by(TEXT "\n" PETER ENOCH, &enoch), SK_OK);
    assert_int_equal(signed_by(TEXT "\n" PETER, &enoch), SK_UNKNOWN);
    assert_int_equal(signed_by(TEXT "\n" PETER PETER ENOCH ENOCH ENOCH_A "ABCD" ENOCH_B, &peter),
                     SK_OK);
    assert_int_equal(signed_by(TEXT "\n" ENOCH ENOCH_A "ABCD" ENOCH_B, &enoch), SK_CORRUPT);
    static const char *const wrong[] = {
        TEXT,
        TEXT "\n",
        TEXT "\n\u2014 PeterNeumann " PETER_BLOB,
        "\x01" TEXT "\n" PETER,
        "\xff" TEXT "\n" PETER,
        TEXT "\n\u2014 Bad Name " PETER_BLOB,
        TEXT "\n" PETER "Unexpected line.\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(signed_by(wrong[i], &peter), SK_INPUT);
    // Another name, another id: another key.
    assert_int_equal(signed_by(TEXT "\n\u2014 CarmenSandiego " PETER_BLOB "\n", &peter),
                     SK_UNKNOWN);
    assert_int_equal(signed_by(TEXT "\n\u2014 PeterNeumann xxxxo/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcE"
                                    "lZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
                               &peter),
                     SK_UNKNOWN);
    print_message("golang.org/x/mod: 2 keys, 10 notes\n");
}

#define SUMDB "go.sum database tree\n"

static void test_golang_tree(void **unused) {
    (void)unused;
    struct checkpoint checkpoint;
    struct tree_hash hello;
    tree_leaf(VIEW("hello world"), &hello);
    assert_int_equal(
        checkpoint_read(VIEW(SUMDB "123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n"),
                        &checkpoint),
        SK_OK);
    assert_int_equal(checkpoint.size, 123456789012);
    assert_memory_equal(&checkpoint.root, &hello, sizeof hello);
    static const char *const wrong[] = {
        SUMDB "0xabcdef\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n",
        SUMDB "123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBTOOBIG=\n",
        SUMDB "123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\nJOE",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(checkpoint_read(view_of(wrong[i]), &checkpoint), SK_INPUT);
    assert_int_equal(
        checkpoint_read(
            VIEW(SUMDB "123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\nJOE\nX\n"),
            &checkpoint),
        SK_OK);
    assert_true(view_is(checkpoint.extension, "JOE\nX\n"));
}

static void test_sumdb(void **unused) { // as it is on the net, at two sizes
    (void)unused;
    struct note_key key =
        key_of("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8");
    assert_int_equal(signed_by(SUMDB "30055305\nmXfgRcJ0bG0j3CPdKwgGWtUzBUbX67saZGRmFuJGGsM=\n\n"
                                     "\u2014 sum.golang.org Az3grpgEild5qw7+5dtV13Kf1C2Xurm8q4fhdxvc"
                                     "sDHnqNTaxL2AFjBY+2TyGKevucFcAAlWFJJYle3EJlDCrQ+y3A8=\n",
                               &key),
                     SK_OK);
    assert_int_equal(signed_by(SUMDB "35225469\nvt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ=\n\n"
                                     "\u2014 sum.golang.org Az3grpukl5AXaVfYkLiDGORx/DN2nlcS5kZHR5uY"
                                     "OBV2KA2HgXpD+gu9HHONebHLAyaKbbTM75QTtPydhKCExixSfwQ=\n",
                               &key),
                     SK_OK);
    print_message("sum.golang.org: 2 checkpoints\n");
}

// ---- C2SP signed-note ----

static void test_c2sp(void **unused) {
    (void)unused;
    struct note_key key =
        key_of("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    assert_int_equal(signed_by("This is an example message.\n\n"
                               "\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ON"
                               "ncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
                               &key),
                     SK_OK);
}

// ---- sigsum-go, all by the key of the seed 17, 0, 0 … ----

#define SIGSUM_ORIGIN                                                                              \
    "sigsum.org/v1/tree/e796172b92befd62d9dc67e41c2f5bc9d3100a3023b20b1ca40288dd1c679e69"
#define SIGSUM_ROOT "HA5HAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define SIGSUM_NOTE                                                                                \
    SIGSUM_ORIGIN "\n10\n" SIGSUM_ROOT "\n\n\u2014 " SIGSUM_ORIGIN                                 \
                  " gJ2ho0n8F8olcerUF1FFdv235A/5as/coWrpLrtE7ovMeP5whgwouYExowG/lTznxu6OUGjjt5yJQ6" \
                  "bXtTcf718MqAQ=\n"

static struct sign_key sigsum_key(void) {
    struct sign_key key;
    static const uint8_t seed[SIGN_SEED_LEN] = {17};
    sign_init(&key, seed);
    return key;
}

static void test_sigsum_checkpoint(void **unused) {
    (void)unused;
    struct sign_key secret = sigsum_key();
    struct note_key key;
    struct checkpoint checkpoint;
    struct tree_hash root = {{28, 14, 71}};
    char text[1024], hex[2 * HASH_LEN + 1];
    struct buf out = buf_over(text, sizeof text);
    // A sigsum log's origin ends in the hash of its key.
    witness_origin_hex((struct view){(const char *)secret.public, SIGN_PUBLIC_LEN}, hex);
    assert_string_equal(hex, &SIGSUM_ORIGIN[strlen("sigsum.org/v1/tree/")]);
    assert_int_equal(note_key_of(SIGSUM_ORIGIN, NOTE_ED25519, secret.public, &key), SK_OK);
    checkpoint_sign(SIGSUM_ORIGIN, 10, &root, &key, &secret, &out);
    assert_true(view_is(buf_view(&out), SIGSUM_NOTE));
    assert_int_equal(checkpoint_check(VIEW(SIGSUM_NOTE), &key, &checkpoint), SK_OK);
    assert_int_equal(signed_by(SIGSUM_NOTE "\u2014 example.org/log2 DEADBEEFAAAA\n", &key), SK_OK);
    assert_int_equal(signed_by(SIGSUM_NOTE "\u2014 example.org/log DEAD\n", &key), SK_INPUT);
    assert_int_equal(signed_by(SIGSUM_NOTE "\u2014 example.org/log DEADB\n", &key), SK_INPUT);
}

#define COSIGNED "example.org/log\n10\n" SIGSUM_ROOT "\n"

static void test_sigsum_cosign(void **unused) {
    (void)unused;
    // The line as sigsum-go writes it for time 1234, and three that are of other keys or no such.
    static const char line[] =
        "\u2014 example.org/witness ys8uUAAAAAAAAATSftMzceM8zssdZ9jin9SjwIxzx9iADMf63VqirX2hafol9Rsq"
        "NqbofIz0LVRqHXI2kpEBSki5RTXFtxz1vo9+Cg==\n";
    static const char others[] =
        "\u2014 example.org/witness yX8uUAAAAAAAAATSftMzceM8zssdZ9jin9SjwIxzx9iADMf63VqirX2hafol9Rsq"
        "NqbofIz0LVRqHXI2kpEBSki5RTXFtxz1vo9+Cg==\n"
        "\u2014 example.org/witness-2 ys8uUAAAAAAAAATSftMzceM8zssdZ9jin9SjwIxzx9iADMf63VqirX2hafol9R"
        "sqNqbofIz0LVRqHXI2kpEBSki5RTXFtxz1vo9+Cg==\n";
    static const char longer[] =
        "\u2014 example.org/witness ys8uUAAAAAAAAATSftMzceM8zssdZ9jin9SjwIxzx9iADMf63VqirX2hafol9Rsq"
        "NqbofIz0LVRqHXI2kpEBSki5RTXFtxz1vo9+CgXX\n";
    struct sign_key secret = sigsum_key();
    struct note_key key;
    char text[1024];
    struct buf out = buf_over(text, sizeof text);
    uint64_t time_s;
    assert_int_equal(note_key_of("example.org/witness", NOTE_COSIGNATURE, secret.public, &key),
                     SK_OK);
    checkpoint_cosign(VIEW(COSIGNED), &key, &secret, 1234, &out);
    assert_true(view_is(buf_view(&out), line));
    (void)snprintf(text, sizeof text, "%s\n%s%s", COSIGNED, others, line);
    assert_int_equal(note_signed(view_of(text), &key, &time_s), SK_OK);
    assert_int_equal(time_s, 1234);
    (void)snprintf(text, sizeof text, "%s\n%s", COSIGNED, others);
    assert_int_equal(note_signed(view_of(text), &key, &time_s), SK_UNKNOWN);
    (void)snprintf(text, sizeof text, "%s\n%s%s", COSIGNED, line, longer);
    assert_int_equal(note_signed(view_of(text), &key, &time_s), SK_CORRUPT);
}

static void test_sigsum_request(void **unused) {
    (void)unused;
#define REQUEST                                                                                    \
    "old 3\nAAAAHA5HAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nexample.org/log\n5\n" SIGSUM_ROOT      \
    "\n\n\u2014 example.org/log DEADBEEFAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
    "AAAAAAAAAAAAAAAAAAAAAAAA=\n"
    struct witness_request request;
    char text[512];
    struct buf out = buf_over(text, sizeof text);
    assert_int_equal(witness_request_read(VIEW(REQUEST), &request), SK_OK);
    assert_int_equal(request.old, 3);
    assert_int_equal(request.proof_len, 1);
    assert_int_equal(request.checkpoint.size, 5);
    witness_request_write(&request, &out);
    assert_true(view_is(buf_view(&out), REQUEST));
    print_message("sigsum-go: checkpoint, cosignature, request, byte for byte\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golang_key),  cmocka_unit_test(test_golang_sign),
        cmocka_unit_test(test_golang_open), cmocka_unit_test(test_golang_tree),
        cmocka_unit_test(test_sumdb),       cmocka_unit_test(test_c2sp),
        cmocka_unit_test(test_sigsum_checkpoint), cmocka_unit_test(test_sigsum_cosign),
        cmocka_unit_test(test_sigsum_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
