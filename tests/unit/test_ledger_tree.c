// The tree against RFC 6962 written down word for word (recursive, slow).
#include "ledger_fixture.h"

enum { LEAVES = 130 };

static struct tree_hash leaves[LEAVES];

// ---- RFC 6962 section 2.1, as it stands ----

static uint64_t slow_split(uint64_t n) { // the largest power of two < n
    uint64_t k = 1;
    while (2 * k < n) k *= 2;
    return k;
}

static void slow_root(uint64_t from, uint64_t to, struct tree_hash *out) { // MTH(D[from:to])
    if (to - from == 1) {
        *out = leaves[from];
        return;
    }
    struct tree_hash left, right;
    uint64_t k = slow_split(to - from);
    slow_root(from, from + k, &left);
    slow_root(from + k, to, &right);
    tree_node(&left, &right, out);
}

// PATH(m, D[from:to])
static size_t slow_path(uint64_t m, uint64_t from, uint64_t to, struct tree_hash *out) {
    if (to - from == 1) return 0;
    uint64_t k = slow_split(to - from);
    size_t len = m < k ? slow_path(m, from, from + k, out) : slow_path(m - k, from + k, to, out);
    if (m < k) slow_root(from + k, to, &out[len]);
    else slow_root(from, from + k, &out[len]);
    return len + 1;
}

// SUBPROOF(m, D[from:to], whole)
static size_t slow_subproof(uint64_t m, uint64_t from, uint64_t to, bool whole,
                            struct tree_hash *out) {
    if (m == to - from) {
        if (!whole) slow_root(from, to, out);
        return whole ? 0 : 1;
    }
    uint64_t k = slow_split(to - from);
    size_t len = m <= k ? slow_subproof(m, from, from + k, whole, out)
                        : slow_subproof(m - k, from + k, to, false, out);
    if (m <= k) slow_root(from + k, to, &out[len]);
    else slow_root(from, from + k, &out[len]);
    return len + 1;
}

// ---- ours ----

static void hash_is(const struct tree_hash *hash, const char *hex) {
    struct tree_hash want;
    assert_true(hex_take(view_of(hex), want.at, HASH_LEN));
    assert_memory_equal(hash, &want, sizeof want);
}

static void test_known(void **unused) {
    (void)unused;
    struct tree_hash hash;
    tree_leaf(VIEW(""), &hash);
    hash_is(&hash, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    // RFC 6962 section 2.1.3's tree of d0 d1 .. as Certificate Transparency tests it.
    struct tree_hash second, root;
    const char zero = 0;
    tree_leaf((struct view){&zero, 1}, &second);
    tree_node(&hash, &second, &root);
    hash_is(&root, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
}

static void proofs_from(struct ledger *ledger, uint64_t size, const struct tree_hash *root) {
    struct tree_hash proof[LEDGER_PROOF_MAX], slow[LEDGER_PROOF_MAX], old;
    size_t len = 0;
    for (uint64_t i = 0; i < size; i++) {
        assert_int_equal(ledger_inclusion(ledger, i, size, proof, &len), SK_OK);
        assert_int_equal(len, slow_path(i, 0, size, slow));
        assert_memory_equal(proof, slow, len * sizeof *proof);
        assert_int_equal(tree_inclusion_check(i, size, &leaves[i], proof, len, root), SK_OK);
        assert_int_equal(tree_inclusion_check(i ^ 1, size, &leaves[i], proof, len, root),
                         SK_CORRUPT);
        if (len == 0) continue;
        assert_int_equal(tree_inclusion_check(i, size, &leaves[i], proof, len - 1, root),
                         SK_CORRUPT);
        proof[i % len].at[i % HASH_LEN] ^= 1;
        assert_int_equal(tree_inclusion_check(i, size, &leaves[i], proof, len, root), SK_CORRUPT);
    }
    for (uint64_t m = 1; m <= size; m++) {
        slow_root(0, m, &old);
        assert_int_equal(ledger_consistency(ledger, m, size, proof, &len), SK_OK);
        assert_int_equal(len, slow_subproof(m, 0, size, true, slow));
        assert_memory_equal(proof, slow, len * sizeof *proof);
        assert_int_equal(tree_consistency_check(m, size, &old, root, proof, len), SK_OK);
        if (m == size) continue;
        assert_int_equal(tree_consistency_check(m, size, root, &old, proof, len), SK_CORRUPT);
        proof[m % len].at[m % HASH_LEN] ^= 1;
        assert_int_equal(tree_consistency_check(m, size, &old, root, proof, len), SK_CORRUPT);
    }
}

static void test_all_sizes(void **unused) {
    (void)unused;
    struct world_sim *sim;
    struct ledger_found found;
    assert_int_equal(world_sim_open(&sim, 1), SK_OK);
    struct ledger *ledger = fixture_open(sim, &found);
    struct tree_hash root, slow;
    ledger_root(ledger, &root);
    hash_is(&root, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (uint64_t size = 1; size <= LEAVES; size++) {
        tree_leaf(fixture_leaf(size - 1), &leaves[size - 1]);
        fixture_grow(ledger, 1);
        ledger_root(ledger, &root);
        slow_root(0, size, &slow);
        assert_memory_equal(&root, &slow, sizeof root);
    }
    // All proofs come from the grown log: those of older sizes too.
    for (uint64_t size = 1; size <= LEAVES; size++) {
        slow_root(0, size, &slow);
        proofs_from(ledger, size, &slow);
    }
    size_t len;
    struct tree_hash proof[LEDGER_PROOF_MAX];
    assert_int_equal(ledger_inclusion(ledger, LEAVES, LEAVES, proof, &len), SK_UNKNOWN);
    assert_int_equal(ledger_inclusion(ledger, 0, LEAVES + 1, proof, &len), SK_UNKNOWN);
    assert_int_equal(ledger_consistency(ledger, 0, 1, proof, &len), SK_UNKNOWN);
    assert_int_equal(ledger_consistency(ledger, 3, 2, proof, &len), SK_UNKNOWN);
    ledger_close(ledger);
    world_sim_close(sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_all_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
