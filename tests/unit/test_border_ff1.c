// FF1: the nine samples NIST published with SP 800-38G, back again, and what is refused.
#include "cmocka_all.h"

#include "base/text.h"
#include "border/mask.h"

static const struct {
    const char *key, *tweak, *plain, *cipher;
    unsigned radix;
} samples[] = {
    {"2b7e151628aed2a6abf7158809cf4f3c", "", "0123456789", "2433477484", 10},
    {"2b7e151628aed2a6abf7158809cf4f3c", "39383736353433323130", "0123456789", "6124200773", 10},
    {"2b7e151628aed2a6abf7158809cf4f3c", "3737373770717273373737", "0123456789abcdefghi",
     "a9tv40mll9kdu509eum", 36},
    {"2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f", "", "0123456789", "2830668132", 10},
    {"2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f", "39383736353433323130", "0123456789",
     "2496655549", 10},
    {"2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f", "3737373770717273373737",
     "0123456789abcdefghi", "xbj3kv35jrawxv32ysr", 36},
    {"2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94", "", "0123456789",
     "6657667009", 10},
    {"2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94", "39383736353433323130",
     "0123456789", "1001623463", 10},
    {"2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94", "3737373770717273373737",
     "0123456789abcdefghi", "xs8a0azh2avyalyzuwd", 36},
};

static size_t digits_of(const char *text, uint8_t *out) {
    size_t len = 0;
    for (; text[len]; len++)
        out[len] = (uint8_t)(text[len] <= '9' ? text[len] - '0' : text[len] - 'a' + 10);
    return len;
}

static struct ff1_key key_of(const char *hex) {
    struct ff1_key key = {.len = (uint32_t)strlen(hex) / 2};
    assert_true(hex_take(view_of(hex), key.bytes, key.len));
    return key;
}

static void the_samples_of_nist(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        uint8_t digits[64], plain[64], cipher[64], tweak[16];
        struct ff1_key key = key_of(samples[i].key);
        struct view t = {(const char *)tweak, strlen(samples[i].tweak) / 2};
        assert_true(hex_take(view_of(samples[i].tweak), tweak, t.len));
        size_t len = digits_of(samples[i].plain, plain);
        digits_of(samples[i].cipher, cipher);
        memcpy(digits, plain, len);
        assert_int_equal(ff1_encrypt(&key, t, samples[i].radix, digits, len), SK_OK);
        assert_memory_equal(digits, cipher, len);
        assert_int_equal(ff1_decrypt(&key, t, samples[i].radix, digits, len), SK_OK);
        assert_memory_equal(digits, plain, len);
    }
}

static void every_length_and_radix_comes_back(void **state) {
    (void)state;
    struct ff1_key key = key_of(samples[0].key);
    for (unsigned radix = 2; radix <= 36; radix++) {
        for (size_t len = 20; len <= 56; len++) {
            uint8_t digits[56], was[56];
            for (size_t i = 0; i < len; i++)
                was[i] = (uint8_t)((i * 7 + len + 1) % radix);
            was[len - 1] = (uint8_t)(radix - 1);
            memcpy(digits, was, len);
            assert_int_equal(ff1_encrypt(&key, VIEW("t"), radix, digits, len), SK_OK);
            assert_memory_not_equal(digits, was, len);
            for (size_t i = 0; i < len; i++)
                assert_true(digits[i] < radix);
            assert_int_equal(ff1_decrypt(&key, VIEW("t"), radix, digits, len), SK_OK);
            assert_memory_equal(digits, was, len);
        }
    }
}

static void what_is_not_safe_is_refused(void **state) {
    (void)state;
    struct ff1_key key = key_of(samples[0].key), odd = {.len = 17};
    uint8_t digits[64] = {0}, wrong[10] = {0, 0, 0, 10};
    assert_int_equal(ff1_encrypt(&key, VIEW(""), 10, digits, 6), SK_OK); // 10^6 values
    assert_int_equal(ff1_encrypt(&key, VIEW(""), 10, digits, 5), SK_INPUT);
    assert_int_equal(ff1_encrypt(&key, VIEW(""), 2, digits, 19), SK_INPUT);
    assert_int_equal(ff1_encrypt(&key, VIEW(""), 10, digits, 0), SK_INPUT);
    assert_int_equal(ff1_encrypt(&key, VIEW(""), 10, digits, 57), SK_INPUT);
    assert_int_equal(ff1_encrypt(&key, VIEW(""), 1, digits, 56), SK_INPUT);
    assert_int_equal(ff1_encrypt(&key, VIEW(""), 37, digits, 10), SK_INPUT);
    assert_int_equal(ff1_encrypt(&key, VIEW("12345678901234567"), 10, digits, 10), SK_INPUT);
    assert_int_equal(ff1_encrypt(&key, VIEW(""), 10, wrong, sizeof wrong), SK_INPUT);
    assert_int_equal(ff1_decrypt(&odd, VIEW(""), 10, digits, 10), SK_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_samples_of_nist),
        cmocka_unit_test(every_length_and_radix_comes_back),
        cmocka_unit_test(what_is_not_safe_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
