// Notes and checkpoints: what is accepted, byte for byte, and what is not.
#include "ledger_fixture.h"

static char signed_text[LEDGER_NOTE_MAX];

static struct view signed_note(uint64_t size) {
    struct buf out = buf_over(signed_text, sizeof signed_text);
    struct note_key key = fixture_note_key();
    struct tree_hash root;
    tree_leaf(VIEW("x"), &root);
    checkpoint_sign(FIXTURE_ORIGIN, size, &root, &key, fixture_key(), &out);
    assert_int_equal(buf_check(&out, "note"), SK_OK);
    return buf_view(&out);
}

static enum sk_code check(struct view note) {
    struct note_key key = fixture_note_key();
    struct checkpoint checkpoint;
    return checkpoint_check(note, &key, &checkpoint);
}

// `text` signed with the test's key, whatever it says; then `more` signature lines.
static struct view signed_as(const char *text, const char *more) {
    static char note[8192];
    struct buf out = buf_over(note, sizeof note);
    struct note_key key = fixture_note_key();
    uint8_t blob[4 + SIGN_LEN];
    memcpy(blob, key.id, 4);
    sign_make(fixture_key(), view_of(text), blob + 4);
    buf_print(&out, "%s\n\u2014 %s ", text, key.name);
    base64_put(&out, blob, sizeof blob);
    buf_print(&out, "\n%s", more);
    return buf_view(&out);
}

static void test_round(void **unused) {
    (void)unused;
    struct note_key key = fixture_note_key();
    struct checkpoint checkpoint;
    struct tree_hash root;
    tree_leaf(VIEW("x"), &root);
    assert_int_equal(checkpoint_check(signed_note(77), &key, &checkpoint), SK_OK);
    assert_true(view_is(checkpoint.origin, FIXTURE_ORIGIN));
    assert_int_equal(checkpoint.size, 77);
    assert_memory_equal(&checkpoint.root, &root, sizeof root);
}

static void test_every_byte(void **unused) {
    (void)unused;
    char copy[LEDGER_NOTE_MAX];
    struct view note = signed_note(123456789);
    for (size_t i = 0; i < note.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, note.at, note.len);
            copy[i] = (char)(copy[i] ^ 1 << bit);
            assert_int_not_equal(check((struct view){copy, note.len}), SK_OK);
        }
        assert_int_not_equal(check((struct view){note.at, i}), SK_OK);
    }
}

#define ROOT "tPwlX3gGZDO0ijFqwZ0GJtJgdXFHdfTXY0f0nPf3Mco="
#define ORIGIN_LINE FIXTURE_ORIGIN "\n"
#define TEXT ORIGIN_LINE "5\n" ROOT "\n"

static void test_text(void **unused) {
    (void)unused;
    assert_int_equal(check(signed_as(TEXT, "")), SK_OK);
    // Correctly signed texts that are no checkpoint of this log.
    static const char *const wrong[] = {
        "other.example/log\n5\n" ROOT "\n",
        ORIGIN_LINE "05\n" ROOT "\n",
        ORIGIN_LINE "+5\n" ROOT "\n",
        ORIGIN_LINE "5 \n" ROOT "\n",
        ORIGIN_LINE "-5\n" ROOT "\n",
        ORIGIN_LINE "\n" ROOT "\n",
        ORIGIN_LINE "18446744073709551616\n" ROOT "\n",
        ORIGIN_LINE "5\n" ROOT "\nextension\n",
        ORIGIN_LINE "5\n" ROOT "\n\n",
        ORIGIN_LINE "5\ntPwlX3gGZDO0ijFqwZ0GJtJgdXFHdfTXY0f0nPf3Mcp=\n", // pad bits
        ORIGIN_LINE "5\ntPwlX3gGZDO0ijFqwZ0GJtJgdXFHdfTXY0f0nPf3Mco\n",  // no padding
        ORIGIN_LINE "5\ntPwlX3gGZDO0ijFqwZ0GJtJgdXFHdfTXY0f0nPf3\n",     // 30 bytes
        ORIGIN_LINE "5\n",
        "\n",
        ORIGIN_LINE "5\n" ROOT "\r\n",
        ORIGIN_LINE "5\n" ROOT "\xff\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (check(signed_as(wrong[i], "")) == SK_OK) fail_msg("accepted text %zu", i);
}

static void test_lines(void **unused) {
    (void)unused;
    // Signatures of others do not matter, in any number up to 64.
    const char *other = "\u2014 witness.example/w1 AAAAAAAAAAAA\n";
    assert_int_equal(check(signed_as(TEXT, other)), SK_OK);
    char many[64 * 48] = "";
    for (int i = 0; i < 63; i++) strcat(many, other);
    assert_int_equal(check(signed_as(TEXT, many)), SK_OK);
    strcat(many, other);
    assert_int_equal(check(signed_as(TEXT, many)), SK_LIMIT);
    // Our name with another key id is another key; our key with a false signature refuses all.
    assert_int_equal(check(signed_as(TEXT, "\u2014 " FIXTURE_ORIGIN " AAAAAAAA\n")), SK_OK);
    struct note_key key = fixture_note_key();
    uint8_t blob[4 + SIGN_LEN] = {0};
    memcpy(blob, key.id, 4);
    char line[256];
    struct buf out = buf_over(line, sizeof line);
    buf_put_text(&out, "\u2014 " FIXTURE_ORIGIN " ");
    base64_put(&out, blob, sizeof blob);
    buf_print(&out, "\n");
    buf_put_char(&out, '\0');
    assert_int_equal(check(signed_as(TEXT, line)), SK_CORRUPT);
    static const char *const wrong[] = {
        "- name AAAAAAAA\n",           "\u2014 name AAAAAAA\n",    "\u2014 name AAAA\n",
        "\u2014 na+me AAAAAAAA\n",     "\u2014  AAAAAAAA\n",       "\u2014 name  AAAAAAAA\n",
        "\u2014 name AAAAAAAA \n",     "\u2014 name AAAAAAAA",     "\u2014name AAAAAAAA\n",
        "\u2014 na\u3000me AAAAAAAA\n", "\u2014 na\u00a0me AAAAAAAA\n", "text\n", "\n",
        "\u2014 name AAAAAAAB==\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (check(signed_as(TEXT, wrong[i])) == SK_OK) fail_msg("accepted line %zu", i);
    // No signature of ours at all.
    assert_int_equal(check(VIEW(TEXT "\n\u2014 witness.example/w1 AAAAAAAAAAAA\n")), SK_CORRUPT);
    assert_int_not_equal(check(VIEW(TEXT)), SK_OK);
    assert_int_not_equal(check(VIEW(TEXT "\n")), SK_OK);
    assert_int_not_equal(check(VIEW("")), SK_OK);
}

static void test_key(void **unused) {
    (void)unused;
    struct note_key key = fixture_note_key(), again;
    char text[512];
    struct buf out = buf_over(text, sizeof text);
    note_key_write(&key, &out);
    assert_int_equal(note_key_parse(buf_view(&out), &again), SK_OK);
    assert_memory_equal(&key, &again, sizeof key);
    for (size_t i = 0; i < out.len; i++) {
        char copy[512];
        memcpy(copy, text, out.len);
        copy[i] ^= 1;
        assert_int_not_equal(note_key_parse((struct view){copy, out.len}, &again), SK_OK);
        assert_int_not_equal(note_key_parse((struct view){text, i}, &again), SK_OK);
    }
    static const char *const names[] = {"", "a b", "a+b", "a\nb", "a\u2003b", "a\x7f", "\xff"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(note_key_of(names[i], NOTE_ED25519, fixture_key()->public, &again), SK_INPUT);
    char name[LEDGER_ORIGIN_MAX + 2] = "";
    memset(name, 'n', LEDGER_ORIGIN_MAX + 1);
    assert_int_equal(note_key_of(name, NOTE_ED25519, fixture_key()->public, &again), SK_INPUT);
    name[LEDGER_ORIGIN_MAX] = 0;
    assert_int_equal(note_key_of(name, NOTE_ED25519, fixture_key()->public, &again), SK_OK);
    const uint8_t small[SIGN_PUBLIC_LEN] = {1}; // the neutral element
    assert_int_equal(note_key_of("name", NOTE_ED25519, small, &again), SK_INPUT);
}

static enum sk_code typed_key(uint8_t type, const uint8_t *public, size_t len) {
    uint8_t bytes[2048] = {type}, hash[HASH_LEN];
    char text[4096], head[4 + 2048] = "k\n";
    struct note_key key;
    struct buf out = buf_over(text, sizeof text);
    if (len) memcpy(bytes + 1, public, len);
    memcpy(head + 2, bytes, 1 + len);
    hash_of(head, 3 + len, hash);
    buf_put_text(&out, "k+");
    hex_put(&out, hash, 4);
    buf_put_char(&out, '+');
    base64_put(&out, bytes, 1 + len);
    return note_key_parse(buf_view(&out), &key);
}

static void test_types(void **unused) {
    (void)unused;
    static const uint8_t mldsa[1312], small[2][SIGN_PUBLIC_LEN] = {{1}, {0}};
    const uint8_t *public = fixture_key()->public;
    assert_int_equal(typed_key(NOTE_ED25519, public, SIGN_PUBLIC_LEN), SK_OK);
    assert_int_equal(typed_key(NOTE_COSIGNATURE, public, SIGN_PUBLIC_LEN), SK_OK);
    static const uint8_t others[] = {0, 2, 3, 5, 6, 7, 0xfa, 0xff};
    for (size_t i = 0; i < sizeof others; i++)
        assert_int_equal(typed_key(others[i], public, SIGN_PUBLIC_LEN), SK_UNSUPPORTED);
    assert_int_equal(typed_key(6, mldsa, sizeof mldsa), SK_UNSUPPORTED); // as it will be
    for (uint8_t type = 1; type <= 4; type = (uint8_t)(type + 3)) {
        assert_int_equal(typed_key(type, public, SIGN_PUBLIC_LEN - 1), SK_INPUT);
        assert_int_equal(typed_key(type, mldsa, SIGN_PUBLIC_LEN + 1), SK_INPUT);
        assert_int_equal(typed_key(type, public, 0), SK_INPUT);
        for (int i = 0; i < 2; i++)
            assert_int_equal(typed_key(type, small[i], SIGN_PUBLIC_LEN), SK_INPUT);
    }
}

// A cosignature of `bytes`, whose last 64 are made good for its first 8.
static enum sk_code cosigned_at(uint64_t time_s, size_t drop, uint64_t *found) {
    struct note_key key;
    char message[512], note[1024];
    uint8_t blob[4 + 8 + SIGN_LEN];
    assert_int_equal(
        note_key_of("w.example/1", NOTE_COSIGNATURE, fixture_key()->public, &key), SK_OK);
    memcpy(blob, key.id, 4);
    for (int i = 0; i < 8; i++) blob[4 + i] = (uint8_t)(time_s >> (56 - 8 * i));
    struct buf out = buf_over(message, sizeof message);
    buf_print(&out, "cosignature/v1\ntime %llu\n" TEXT, (unsigned long long)time_s);
    sign_make(fixture_key(), buf_view(&out), blob + 12);
    out = buf_over(note, sizeof note);
    buf_print(&out, TEXT "\n\u2014 w.example/1 ");
    base64_put(&out, blob, sizeof blob - drop);
    buf_put_char(&out, '\n');
    return note_signed(buf_view(&out), &key, found);
}

static void test_cosign(void **unused) {
    (void)unused;
    uint64_t time_s;
    assert_int_equal(cosigned_at(1700000000, 0, &time_s), SK_OK);
    assert_int_equal(time_s, 1700000000);
    assert_int_equal(cosigned_at(INT64_MAX, 0, &time_s), SK_OK);
    assert_int_equal(cosigned_at((uint64_t)INT64_MAX + 1, 0, &time_s), SK_CORRUPT);
    assert_int_equal(cosigned_at(UINT64_MAX, 0, &time_s), SK_CORRUPT);
    assert_int_equal(cosigned_at(0, 0, &time_s), SK_CORRUPT); // a witness says when
    assert_int_equal(cosigned_at(5, 1, &time_s), SK_CORRUPT);
    assert_int_equal(time_s, 0);
    // A log's signature has no time.
    struct note_key log = fixture_note_key();
    assert_int_equal(note_signed(signed_as(TEXT, ""), &log, &time_s), SK_OK);
    assert_int_equal(time_s, 0);
}

// Notes of others: sum.golang.org's (of a log with another name than its key) and Tessera's.
static void test_others(void **unused) {
    (void)unused;
    struct note_key key;
    struct checkpoint checkpoint;
    assert_int_equal(note_key_parse(VIEW("sum.golang.org+033de0ae+"
                                         "Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"),
                                    &key),
                     SK_OK);
    struct view note = VIEW("go.sum database tree\n35225469\n"
                            "vt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ=\n\n"
                            "\u2014 sum.golang.org Az3grpukl5AXaVfYkLiDGORx/DN2nlcS5kZHR5uYOBV2KA2H"
                            "gXpD+gu9HHONebHLAyaKbbTM75QTtPydhKCExixSfwQ=\n");
    assert_int_equal(checkpoint_check(note, &key, &checkpoint), SK_CORRUPT);
    assert_non_null(strstr(fail_text(), "of log go.sum database tree")); // its signature is good
    assert_int_equal(note_key_parse(VIEW("example.com/log/testdata+33d7b496+"
                                         "AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"),
                                    &key),
                     SK_OK);
    note = VIEW("example.com/log/testdata\n15\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n\n"
                "\u2014 example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+"
                "CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=\n");
    assert_int_equal(checkpoint_check(note, &key, &checkpoint), SK_OK);
    assert_int_equal(checkpoint.size, 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_text),  cmocka_unit_test(test_lines),
        cmocka_unit_test(test_key),   cmocka_unit_test(test_types),
        cmocka_unit_test(test_cosign), cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
