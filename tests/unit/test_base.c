// Floor 0: failure texts, arenas, buffers, wire fields, encodings, checksums, hashes, signatures.
// Vectors: RFC 4648 section 10, RFC 3720 appendix B.4, FIPS 180-4 (NIST examples), RFC 8032
// section 7.1.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crc32c.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/sign.h"
#include "base/text.h"
#include "base/wire.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void assert_view(struct view view, const char *text) {
    assert_int_equal(view.len, strlen(text));
    assert_memory_equal(view.at, text, view.len);
}

static void from_hex(const char *hex, uint8_t *out, size_t len) {
    assert_true(hex_take(view_of(hex), out, len));
}

// ---- fail ----

static enum sk_code passes_on(enum sk_code code) {
    TRY(code);
    return SK_UNKNOWN;
}

static void fail_keeps_code_and_text(void **state) {
    (void)state;
    assert_int_equal(FAIL(SK_LIMIT, "body %d > %d", 9, 8), SK_LIMIT);
    assert_string_equal(fail_text(), "body 9 > 8");
    assert_int_equal(fail_within(SK_LIMIT, "ask %d", 7), SK_LIMIT);
    assert_string_equal(fail_text(), "ask 7: body 9 > 8");
    assert_int_equal(FAIL(SK_IO, "again: %s", fail_text()), SK_IO);
    assert_string_equal(fail_text(), "again: ask 7: body 9 > 8");
    assert_int_equal(passes_on(SK_BUSY), SK_BUSY);
    assert_int_equal(passes_on(SK_OK), SK_UNKNOWN);
}

static void fail_names_every_code(void **state) {
    (void)state;
    assert_string_equal(fail_name(SK_OK), "SK_OK");
    assert_string_equal(fail_name(SK_UNSUPPORTED), "SK_UNSUPPORTED");
    for (int code = SK_OK; code <= SK_UNSUPPORTED; code++) {
        assert_memory_equal(fail_name((enum sk_code)code), "SK_", 3);
    }
    assert_string_equal(fail_name((enum sk_code)99), "SK_?");
}

static void fail_cuts_long_texts(void **state) {
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    FAIL(SK_INPUT, "%s", text);
    assert_int_equal(strlen(fail_text()), 511);
    for (int i = 0; i < 3; i++)
        fail_within(SK_INPUT, "%s", text);
    assert_true(strlen(fail_text()) <= 511);
}

static void must_aborts(void **state) {
    (void)state;
    must(1 + 1 == 2);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        must(1 + 1 == 3);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

// ---- arena ----

static void arena_gives_zeroed_aligned_blocks(void **state) {
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, "unit", 4096), SK_OK);
    for (size_t n = 1; n < 40; n++) {
        char *block = arena_take(&arena, n, 1);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 16, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(block[i], 0);
        memset(block, 0xff, n);
    }
    arena_reset(&arena);
    const char *again = arena_take(&arena, 64, 8);
    assert_ptr_equal(again, arena.base);
    for (size_t i = 0; i < 64 * 8; i++)
        assert_int_equal(again[i], 0);
    assert_string_equal(arena_text(&arena, (struct view){"cut here", 3}), "cut");
    assert_string_equal(arena_text(&arena, (struct view){NULL, 0}), "");
    arena_close(&arena);
    arena_close(&arena);
}

static void arena_gives_pages_back(void **state) {
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, "unit", 16 * 4096), SK_OK);
    char *block = arena_take_raw(&arena, 12, 4096);
    memset(block, 1, 12 * 4096);
    arena.used = 0; // a part of it is given back before
    arena_take_raw(&arena, 1, 16);
    arena_shrink(&arena, 4 * 4096);
    assert_int_equal(arena.used, 0);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(block[i * 4096], i < 4);
    memset(block, 2, 4 * 4096);
    arena_take_raw(&arena, 4, 4096);
    arena_shrink(&arena, 4 * 4096);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(block[i * 4096], i < 4 ? 2 : 0);
    arena_close(&arena);
}

static void arena_stops_at_its_ceiling(void **state) {
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, "unit", 100), SK_OK);
    assert_null(arena_take(&arena, 101, 1));
    assert_non_null(strstr(fail_text(), "arena unit"));
    assert_null(arena_take(&arena, SIZE_MAX / 2, 3)); // the product overflows
    assert_int_equal(arena.used, 0);
    assert_non_null(arena_take(&arena, 97, 1));
    assert_int_equal(arena.used, 100); // padding ends at the ceiling
    assert_null(arena_take(&arena, 1, 1));
    assert_null(arena_text(&arena, VIEW("")));
    arena_close(&arena);
    assert_int_equal(arena_open(&arena, "huge", SIZE_MAX / 2), SK_LIMIT);
}

// ---- buf ----

static void buf_overflow_is_sticky(void **state) {
    (void)state;
    char storage[8];
    struct buf buf = buf_over(storage, sizeof storage);
    buf_put_text(&buf, "1234567");
    assert_int_equal(buf_check(&buf, "line"), SK_OK);
    buf_put_text(&buf, "89");
    assert_int_equal(buf.len, 7);
    buf_put_char(&buf, 'x'); // it would fit, but the line is lost already
    assert_view(buf_view(&buf), "1234567");
    assert_int_equal(buf_check(&buf, "line"), SK_LIMIT);
    assert_string_equal(fail_text(), "line: more than 8 bytes");
    buf_reset(&buf);
    buf_put_text(&buf, "12345678");
    assert_int_equal(buf_check(&buf, "line"), SK_OK);
    assert_null(buf_room(&buf, 1));
    assert_null(buf_room(&buf, SIZE_MAX));
}

// Also what was taken back, and what a format wrote before it had no room.
static void buf_wipe_leaves_nothing(void **state) {
    (void)state;
    static const char zeros[64];
    char storage[64] = {0};
    struct buf buf = buf_over(storage, sizeof storage);
    buf_put_text(&buf, "secret");
    buf_reset(&buf);
    buf_put_text(&buf, "a");
    buf_wipe(&buf);
    assert_memory_equal(storage, zeros, sizeof storage);
    buf_print(&buf, "%s", "a secret");
    buf.len = 0;
    buf_print(&buf, "%080d", 7);
    assert_true(buf.over);
    buf_wipe(&buf);
    assert_memory_equal(storage, zeros, sizeof storage);
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf_check(&buf, "line"), SK_OK);
}

static void buf_writes_numbers_and_formats(void **state) {
    (void)state;
    struct buf buf;
    assert_int_equal(buf_open(&buf, 1 << 16), SK_OK);
    buf_put_u64(&buf, 0);
    buf_put_char(&buf, ' ');
    buf_put_u64(&buf, UINT64_MAX);
    buf_put_char(&buf, ' ');
    buf_put_i64(&buf, INT64_MIN);
    buf_put_view(&buf, VIEW(" -"));
    buf_print(&buf, "%03d%s", 7, "!");
    assert_view(buf_view(&buf), "0 18446744073709551615 -9223372036854775808 -007!");
    buf_close(&buf);
    buf_close(&buf);
    char storage[4];
    buf = buf_over(storage, sizeof storage);
    buf_print(&buf, "%d", 1234); // four bytes, but no place for the NUL
    assert_true(buf.over);
    assert_int_equal(buf.len, 0);
    buf_reset(&buf);
    buf_print(&buf, "%d", 123);
    assert_view(buf_view(&buf), "123");
}

// ---- wire ----

static void wire_reads_what_it_wrote(void **state) {
    (void)state;
    char storage[64];
    struct buf buf = buf_over(storage, sizeof storage);
    wire_put_u8(&buf, 0xfe);
    wire_put_u16(&buf, 0x1234);
    wire_put_u32(&buf, 0x89abcdef);
    wire_put_u64(&buf, 0x0123456789abcdef);
    wire_put_f32(&buf, -1.5f);
    wire_put_text(&buf, VIEW("text"));
    buf_put_text(&buf, "tail");
    static const uint8_t head[] = {0xfe, 0x34, 0x12, 0xef, 0xcd, 0xab, 0x89};
    assert_memory_equal(storage, head, sizeof head);
    struct wire wire = wire_over(buf_view(&buf));
    assert_int_equal(wire_take_u8(&wire), 0xfe);
    assert_int_equal(wire_take_u16(&wire), 0x1234);
    assert_int_equal(wire_take_u32(&wire), 0x89abcdef);
    assert_int_equal(wire_take_u64(&wire), 0x0123456789abcdef);
    assert_true(wire_take_f32(&wire) == -1.5f);
    assert_view(wire_take_text(&wire, 4), "text");
    assert_int_equal(wire_end(&wire, "unit"), SK_CORRUPT); // "tail" is left
    assert_view(wire_take_bytes(&wire, 4), "tail");
    assert_int_equal(wire_end(&wire, "unit"), SK_OK);
}

static void wire_refuses_every_cut(void **state) {
    (void)state;
    char storage[64];
    struct buf buf = buf_over(storage, sizeof storage);
    wire_put_u64(&buf, 1);
    wire_put_text(&buf, VIEW("four"));
    for (size_t len = 0; len < buf.len; len++) {
        char *cut = malloc(len ? len : 1); // exact, so that a sanitizer sees one byte too far
        memcpy(cut, storage, len);
        struct wire wire = wire_over((struct view){cut, len});
        wire_take_u64(&wire);
        wire_take_text(&wire, 4);
        assert_int_equal(wire_end(&wire, "unit"), SK_CORRUPT);
        assert_int_equal(wire_take_u8(&wire), 0); // bad stays bad
        free(cut);
    }
    struct wire wire = wire_over(buf_view(&buf));
    wire_take_u64(&wire);
    assert_int_equal(wire_take_text(&wire, 3).len, 0);
    assert_true(wire.bad);
    wire = wire_over((struct view){NULL, 0});
    assert_int_equal(wire_end(&wire, "empty"), SK_OK);
    wire_take_u8(&wire);
    assert_int_equal(wire_end(&wire, "empty"), SK_CORRUPT);
}

// ---- text ----

static void hex_is_strict(void **state) {
    (void)state;
    char storage[16];
    struct buf buf = buf_over(storage, sizeof storage);
    uint8_t bytes[4];
    hex_put(&buf, "\x00\x7f\x80\xff", 4);
    assert_view(buf_view(&buf), "007f80ff");
    assert_true(hex_take(buf_view(&buf), bytes, 4));
    assert_memory_equal(bytes, "\x00\x7f\x80\xff", 4);
    assert_false(hex_take(VIEW("007F80FF"), bytes, 4));
    assert_false(hex_take(VIEW("007f80f"), bytes, 4));
    assert_false(hex_take(VIEW("007f80ff0"), bytes, 4));
    assert_false(hex_take(VIEW("007f80fg"), bytes, 4));
    assert_false(hex_take(VIEW("007f80 f"), bytes, 4));
    assert_true(hex_take(VIEW(""), bytes, 0));
}

static void base64_follows_rfc_4648(void **state) {
    (void)state;
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < COUNT(vectors); i++) {
        char storage[16];
        struct buf buf = buf_over(storage, sizeof storage);
        base64_put(&buf, vectors[i][0], strlen(vectors[i][0]));
        assert_view(buf_view(&buf), vectors[i][1]);
        uint8_t bytes[6];
        size_t len;
        assert_true(base64_take(buf_view(&buf), bytes, sizeof bytes, &len));
        assert_int_equal(len, strlen(vectors[i][0]));
        assert_memory_equal(bytes, vectors[i][0], len);
    }
    static const char *const refused[] = {
        "Z",    "Zg",   "Zg=",   "Zh==",  "Zm9=",  "Zm9v====", "=m9v", "Z=9v", "====",    "Zm=v",
        "Zm9-", "Zm9_", "Zm9v ", " Zm9v", "Zm\n9", "Zg==Zg==", "Zm8",  "Z===", "Zm8=Zm9v"};
    for (size_t i = 0; i < COUNT(refused); i++) {
        uint8_t bytes[16];
        size_t len;
        assert_false(base64_take(view_of(refused[i]), bytes, sizeof bytes, &len));
    }
    uint8_t bytes[6];
    size_t len;
    assert_false(base64_take(VIEW("Zm9vYmFy"), bytes, 5, &len));
}

static void base64_takes_back_all_bytes(void **state) {
    (void)state;
    uint8_t bytes[256], back[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 167);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        char storage[400];
        struct buf buf = buf_over(storage, sizeof storage);
        size_t len;
        base64_put(&buf, bytes, n);
        assert_int_equal(buf_check(&buf, "base64"), SK_OK);
        assert_true(base64_take(buf_view(&buf), back, n, &len));
        assert_int_equal(len, n);
        assert_memory_equal(back, bytes, n);
    }
}

static void decimal_is_strict(void **state) {
    (void)state;
    uint64_t value;
    assert_true(decimal_take(VIEW("0"), &value) && value == 0);
    assert_true(decimal_take(VIEW("18446744073709551615"), &value) && value == UINT64_MAX);
    static const char *const refused[] = {"",
                                          "00",
                                          "01",
                                          "-1",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "1.0",
                                          "18446744073709551616",
                                          "99999999999999999999"};
    for (size_t i = 0; i < COUNT(refused); i++) {
        assert_false(decimal_take(view_of(refused[i]), &value));
    }
}

// ---- crc32c ----

static void crc32c_follows_rfc_3720(void **state) {
    (void)state;
    uint8_t bytes[32] = {0};
    assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(crc32c(0, bytes, 32), 0x46dd794e);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(crc32c(0, bytes, 32), 0x113fdb5c);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, "", 0), 0);
    for (size_t cut = 0; cut <= 32; cut++) {
        assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, 32 - cut), 0x113fdb5c);
    }
}

// ---- hash ----

static void sha256_follows_fips_180(void **state) {
    (void)state;
    char *million = malloc(1000000);
    assert_non_null(million);
    memset(million, 'a', 1000000);
    const struct {
        struct view message;
        const char *digest;
    } vectors[] = {
        {VIEW(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {VIEW("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {VIEW("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {{million, 1000000}, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    };
    struct hash hash;
    assert_int_equal(hash_open(&hash), SK_OK);
    for (size_t i = 0; i < COUNT(vectors); i++) {
        uint8_t expected[HASH_LEN], got[HASH_LEN];
        from_hex(vectors[i].digest, expected, HASH_LEN);
        hash_of(vectors[i].message.at, vectors[i].message.len, got);
        assert_memory_equal(got, expected, HASH_LEN);
        hash_begin(&hash); // the context is used again, in uneven steps
        struct view rest = vectors[i].message;
        for (size_t step = 1; rest.len > 0; rest = view_from(rest, step), step = step * 3 + 1) {
            hash_more(&hash, rest.at, rest.len < step ? rest.len : step);
        }
        hash_end(&hash, got);
        assert_memory_equal(got, expected, HASH_LEN);
    }
    hash_close(&hash);
    hash_close(&hash);
    free(million);
}

// The definition in hash.h, put together by hand.
// RFC 4231, cases 1 to 4: those with keys of at most 32 bytes.
static void hmac_follows_rfc_4231(void **state) {
    (void)state;
    uint8_t keys[4][HASH_LEN] = {{0}, "Jefe"}, data[2][50];
    memset(keys[0], 0x0b, 20);
    memset(keys[2], 0xaa, 20);
    for (uint8_t i = 0; i < 25; i++)
        keys[3][i] = (uint8_t)(i + 1);
    memset(data[0], 0xdd, 50);
    memset(data[1], 0xcd, 50);
    const struct {
        struct view message;
        const char *mac;
    } vectors[] = {
        {VIEW("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {VIEW("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {{(const char *)data[0], 50},
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {{(const char *)data[1], 50},
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    };
    for (size_t i = 0; i < 4; i++) {
        uint8_t expected[HASH_LEN], got[HASH_LEN];
        from_hex(vectors[i].mac, expected, sizeof expected);
        struct view all = vectors[i].message;
        struct view parts[] = {{all.at, 3}, {NULL, 0}, view_from(all, 3)};
        hmac_of(keys[i], parts, 3, got);
        assert_memory_equal(got, expected, HASH_LEN);
    }
}

static void commitment_is_what_its_header_says(void **state) {
    (void)state;
    uint8_t salt[HASH_LEN], expected[HASH_LEN], got[HASH_LEN];
    for (uint8_t i = 0; i < HASH_LEN; i++)
        salt[i] = i;
    char storage[256];
    struct buf buf = buf_over(storage, sizeof storage);
    buf_put(&buf, "sekisho/commit/v1\0request_body\0", 31);
    buf_put(&buf, salt, sizeof salt);
    buf_put_text(&buf, "hello");
    wire_put_u64(&buf, 5);
    hash_of(storage, buf.len, expected);
    commit_of("request_body", salt, VIEW("hello"), got);
    assert_memory_equal(got, expected, HASH_LEN);
    struct commit commit = {0};
    commit_begin(&commit, "request_body", salt);
    commit_more(&commit, VIEW("he"));
    commit_more(&commit, VIEW(""));
    commit_more(&commit, VIEW("llo"));
    commit_end(&commit, got);
    assert_memory_equal(got, expected, HASH_LEN);
    hash_close(&commit.hash);
    commit_of("request_bod", salt, VIEW("yhello"), got);
    assert_memory_not_equal(got, expected, HASH_LEN);
    salt[0] ^= 1;
    commit_of("request_body", salt, VIEW("hello"), got);
    assert_memory_not_equal(got, expected, HASH_LEN);
}

// ---- sign ----

static void ed25519_follows_rfc_8032(void **state) {
    (void)state;
    static const struct {
        const char *seed, *public, *message, *signature;
    } vectors[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
         "cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d"
         "0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7609"
         "84dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        uint8_t seed[SIGN_SEED_LEN], public[SIGN_PUBLIC_LEN], expected[SIGN_LEN], got[SIGN_LEN];
        uint8_t bytes[2];
        size_t len = strlen(vectors[i].message) / 2;
        from_hex(vectors[i].seed, seed, sizeof seed);
        from_hex(vectors[i].public, public, sizeof public);
        from_hex(vectors[i].message, bytes, len);
        from_hex(vectors[i].signature, expected, sizeof expected);
        struct view message = {(const char *)bytes, len};
        struct sign_key key;
        sign_init(&key, seed);
        assert_memory_equal(key.public, public, sizeof public);
        sign_make(&key, message, got);
        assert_memory_equal(got, expected, sizeof expected);
        assert_true(sign_check(public, message, got));
        assert_true(sign_key_check(public));
        for (size_t byte = 0; byte < SIGN_LEN; byte++) {
            got[byte] ^= 1;
            assert_false(sign_check(public, message, got));
            got[byte] ^= 1;
        }
        assert_false(sign_check(public, VIEW("another"), got));
        sign_fini(&key);
        assert_int_equal(key.secret[0] | key.secret[31] | key.public[0], 0);
    }
}

static void small_order_keys_are_refused(void **state) {
    (void)state;
    static const char *const refused[] = {
        "0100000000000000000000000000000000000000000000000000000000000000", // order 1
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
        "0000000000000000000000000000000000000000000000000000000000000000", // order 4
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p, for 0
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 1, for 1
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        uint8_t public[SIGN_PUBLIC_LEN];
        from_hex(refused[i], public, sizeof public);
        assert_false(sign_key_check(public));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_keeps_code_and_text),
        cmocka_unit_test(fail_names_every_code),
        cmocka_unit_test(fail_cuts_long_texts),
        cmocka_unit_test(must_aborts),
        cmocka_unit_test(arena_gives_zeroed_aligned_blocks),
        cmocka_unit_test(arena_gives_pages_back),
        cmocka_unit_test(arena_stops_at_its_ceiling),
        cmocka_unit_test(buf_overflow_is_sticky),
        cmocka_unit_test(buf_wipe_leaves_nothing),
        cmocka_unit_test(buf_writes_numbers_and_formats),
        cmocka_unit_test(wire_reads_what_it_wrote),
        cmocka_unit_test(wire_refuses_every_cut),
        cmocka_unit_test(hex_is_strict),
        cmocka_unit_test(base64_follows_rfc_4648),
        cmocka_unit_test(base64_takes_back_all_bytes),
        cmocka_unit_test(decimal_is_strict),
        cmocka_unit_test(crc32c_follows_rfc_3720),
        cmocka_unit_test(sha256_follows_fips_180),
        cmocka_unit_test(hmac_follows_rfc_4231),
        cmocka_unit_test(commitment_is_what_its_header_says),
        cmocka_unit_test(ed25519_follows_rfc_8032),
        cmocka_unit_test(small_order_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
