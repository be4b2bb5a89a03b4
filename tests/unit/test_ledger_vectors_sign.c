// Signatures of others: the edge cases of C2SP/CCTV and Wycheproof. What we accept, every auditor's
// tool accepts; keys of small order are refused before any signature is looked at.
#include "ledger_vectors.h"

static bool flagged(const struct json_node *vector, const char *flag) {
    const struct json_node *flags = json_find(vector, "flags");
    if (!json_is(flags, JSON_ARRAY)) return false;
    const struct json_node *node = json_first(flags);
    for (uint32_t i = 0; i < flags->len; i++, node = json_next(node))
        if (view_is(json_view(node), flag)) return true;
    return false;
}

static void test_cctv(void **unused) {
    (void)unused;
    if (!vectors_have("cctv/ed25519/ed25519vectors.json")) return;
    const struct json_node *root = vectors_json("cctv/ed25519/ed25519vectors.json");
    const struct json_node *vector = json_first(root);
    int accepted = 0, keys_refused = 0;
    for (uint32_t i = 0; i < root->len; i++, vector = json_next(vector)) {
        uint8_t key[SIGN_PUBLIC_LEN], signature[SIGN_LEN];
        struct note_key note;
        assert_true(hex_take(vectors_text(vector, "key"), key, sizeof key));
        assert_true(hex_take(vectors_text(vector, "sig"), signature, sizeof signature));
        // libsodium: no point of small order, no second encoding, nothing multiplied away.
        bool good = !flagged(vector, "low_order_A") && !flagged(vector, "low_order_R") &&
                    !flagged(vector, "low_order_residue") && !flagged(vector, "non_canonical_A") &&
                    !flagged(vector, "non_canonical_R") && !flagged(vector, "reencoded_k");
        if (sign_check(key, vectors_text(vector, "msg"), signature) != good)
            fail_msg("vector %u: want %d", i, good);
        accepted += good;
        bool bad_key = flagged(vector, "low_order_A") || flagged(vector, "non_canonical_A") ||
                       flagged(vector, "low_order_component_A");
        enum sk_code code = note_key_of("k", NOTE_COSIGNATURE, key, &note);
        if ((code != SK_OK) != bad_key) fail_msg("key of vector %u: %s", i, fail_name(code));
        keys_refused += bad_key;
    }
    print_message("C2SP/CCTV ed25519: %u, accepted %d, keys refused %d\n", root->len, accepted,
                  keys_refused);
    assert_int_equal(root->len, 914);
    assert_int_equal(accepted, 43);
}

static int tests_try(const struct json_node *group, int *accepted) {
    const struct json_node *tests = json_find(group, "tests"), *test = json_first(tests);
    uint8_t key[SIGN_PUBLIC_LEN], message[4096], signature[256];
    assert_true(
        hex_take(vectors_text(json_find(group, "publicKey"), "pk"), key, sizeof key));
    for (uint32_t i = 0; i < tests->len; i++, test = json_next(test)) {
        struct view hex = vectors_text(test, "msg"), sig = vectors_text(test, "sig");
        assert_true(hex.len / 2 <= sizeof message && sig.len / 2 <= sizeof signature);
        assert_true(hex_take(hex, message, hex.len / 2));
        assert_true(hex_take(sig, signature, sig.len / 2));
        struct view text = {(const char *)message, hex.len / 2};
        bool good = sig.len / 2 == SIGN_LEN && sign_check(key, text, signature);
        if (good != view_is(vectors_text(test, "result"), "valid"))
            fail_msg("test %llu: %d", (unsigned long long)vectors_number(test, "tcId"), good);
        *accepted += good;
    }
    return (int)tests->len;
}

static void test_wycheproof(void **unused) {
    (void)unused;
    if (!vectors_have("wycheproof/ed25519_test.json")) return;
    const struct json_node *root = vectors_json("wycheproof/ed25519_test.json");
    const struct json_node *groups = json_find(root, "testGroups"), *group = json_first(groups);
    int tried = 0, accepted = 0;
    for (uint32_t i = 0; i < groups->len; i++, group = json_next(group))
        tried += tests_try(group, &accepted);
    print_message("Wycheproof ed25519: %d, accepted %d\n", tried, accepted);
    assert_int_equal(tried, 151);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cctv),
        cmocka_unit_test(test_wycheproof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
