// Proofs of others: transparency-dev/merkle (inclusion, consistency, and of subtrees what is a tree
// of its own), sigsum-rs.
//
// Not covered: consistency of subtrees that do not begin at 0 (MTC draft, section 4.4); we neither
// make nor check such proofs, so these vectors are counted and passed over.
#include "ledger_vectors.h"

#define MERKLE "transparency-dev-merkle/testdata/"

static int tried, policy, passed_over;

static bool vector_wrong(const struct json_node *vector) {
    bool wrong = false;
    json_bool(json_find(vector, "wantErr"), &wrong);
    return wrong;
}

static void inclusion_try(const char *path) {
    const struct json_node *vector = vectors_json(path);
    struct vectors_proof proof;
    struct tree_hash leaf, root;
    bool hashes = vectors_hash(json_find(vector, "leafHash"), &leaf);
    hashes &= vectors_hash(json_find(vector, "root"), &root);
    hashes &= vectors_proof(json_find(vector, "proof"), &proof);
    enum sk_code code = SK_INPUT; // what is no hash is refused before a proof is looked at
    if (hashes)
        code = tree_inclusion_check(vectors_number(vector, "leafIdx"),
                                    vectors_number(vector, "treeSize"), &leaf, proof.at, proof.len,
                                    &root);
    if ((code != SK_OK) != vector_wrong(vector)) fail_msg("%s: %s", path, fail_name(code));
    tried++;
}

// The four where RFC 9162 leaves the answer to the verifier. Three would have a tree grow from an
// empty one proven, which proves nothing: refused, as the vectors want. One has roots that are no
// hashes, equal: the vector accepts them, we have no such roots.
static const struct policy_case {
    const char *name;
    bool differs; // our answer from the vector's
} policy_cases[] = {
    {"size1-is-zero-and-size2-is-not-zero.json", false},
    {"size1-is-zero-and-does-not-equal-size2.json", false},
    {"sizes-are-equal-zero-and-proof-is-empty.json", false},
    {"sizes-are-equal-one-and-proof-is-empty.json", true},
};

static const struct policy_case *policy_find(const char *path) {
    const char *name = strrchr(path, '/') + 1;
    for (size_t i = 0; i < sizeof policy_cases / sizeof *policy_cases; i++)
        if (strcmp(policy_cases[i].name, name) == 0 && strstr(path, "/additional/"))
            return &policy_cases[i];
    return NULL;
}

static void consistency_try(const char *path) {
    const struct json_node *vector = vectors_json(path);
    const struct policy_case *listed = policy_find(path);
    struct vectors_proof proof;
    struct tree_hash root1, root2;
    uint64_t size1 = vectors_number(vector, "size1");
    bool hashes = vectors_hash(json_find(vector, "root1"), &root1);
    hashes &= vectors_hash(json_find(vector, "root2"), &root2);
    hashes &= vectors_proof(json_find(vector, "proof"), &proof);
    enum sk_code code = tree_consistency_check(size1, vectors_number(vector, "size2"), &root1,
                                               &root2, proof.at, proof.len);
    if (listed) {
        assert_true(size1 == 0 ? code == SK_CORRUPT : !hashes);
        assert_int_equal(listed->differs, !vector_wrong(vector));
        policy++;
    }
    if (!hashes) code = SK_INPUT;
    if (!(listed && listed->differs) && (code != SK_OK) != vector_wrong(vector))
        fail_msg("%s: %s", path, fail_name(code));
    tried++;
}

static void test_merkle(void **unused) {
    (void)unused;
    if (!vectors_have(MERKLE)) return;
    tried = 0;
    vectors_each(MERKLE "inclusion", inclusion_try, 2);
    print_message("transparency-dev/merkle inclusion: %d\n", tried);
    assert_int_equal(tried, 98);
    tried = policy = 0;
    vectors_each(MERKLE "consistency", consistency_try, 2);
    print_message("transparency-dev/merkle consistency: %d, %d of them by policy\n", tried, policy);
    assert_int_equal(tried, 98);
    assert_int_equal(policy, 4);
}

// [start, end) is a node of some tree's right edge or whole: MTC draft, section 4.1.
static bool subtree_is(uint64_t start, uint64_t end) {
    if (start >= end) return false;
    uint64_t width = 1;
    while (width && width < end - start) width *= 2; // 0: past 2^63
    return width ? start % width == 0 : start == 0;
}

static void subtree_inclusion_try(const char *path) {
    const struct json_node *vector = vectors_json(path);
    struct vectors_proof proof;
    struct tree_hash leaf, root;
    uint64_t index = vectors_number(vector, "leafIdx"), start = vectors_number(vector, "start"),
             end = vectors_number(vector, "end");
    bool fits = vectors_hash(json_find(vector, "leafHash"), &leaf);
    fits &= vectors_hash(json_find(vector, "root"), &root);
    fits &= vectors_proof(json_find(vector, "proof"), &proof);
    fits &= subtree_is(start, end) && index >= start;
    enum sk_code code = SK_INPUT;
    if (fits) // a subtree is the tree of its own leaves
        code = tree_inclusion_check(index - start, end - start, &leaf, proof.at, proof.len, &root);
    if ((code != SK_OK) != vector_wrong(vector)) fail_msg("%s: %s", path, fail_name(code));
    tried++;
}

static void subtree_consistency_try(const char *path) {
    const struct json_node *vector = vectors_json(path);
    struct vectors_proof proof;
    struct tree_hash part, root;
    uint64_t start = vectors_number(vector, "start"), end = vectors_number(vector, "end");
    bool fits = vectors_hash(json_find(vector, "root1"), &part);
    fits &= vectors_hash(json_find(vector, "root2"), &root);
    fits &= vectors_proof(json_find(vector, "proof"), &proof);
    const struct policy_case *listed = policy_find(path);
    if (start != 0 || end == 0 || (listed && listed->differs)) { // no older size of the log
        passed_over++;
        return;
    }
    enum sk_code code = SK_INPUT;
    if (fits) // [0, end) is the log as it was
        code = tree_consistency_check(end, vectors_number(vector, "size"), &part, &root,
                                      proof.at, proof.len);
    if ((code != SK_OK) != vector_wrong(vector)) fail_msg("%s: %s", path, fail_name(code));
    tried++;
}

static void test_subtrees(void **unused) {
    (void)unused;
    if (!vectors_have(MERKLE)) return;
    tried = 0;
    vectors_each(MERKLE "subtreeinclusion", subtree_inclusion_try, 2);
    print_message("transparency-dev/merkle subtree inclusion: %d\n", tried);
    assert_int_equal(tried, 204);
    tried = passed_over = 0;
    vectors_each(MERKLE "subtreeconsistency", subtree_consistency_try, 2);
    print_message("transparency-dev/merkle subtree consistency from 0: %d, passed over: %d\n",
                  tried, passed_over);
    assert_int_equal(tried + passed_over, 118);
}

static int sigsum_try(const char *name, bool wrong) {
    const struct json_node *root = vectors_json(name), *vector = json_first(root);
    assert_true(json_is(root, JSON_ARRAY));
    for (uint32_t i = 0; i < root->len; i++, vector = json_next(vector)) {
        struct vectors_proof proof;
        struct tree_hash leaf, top;
        bool hashes = vectors_hash(json_find(vector, "leaf_hash"), &leaf);
        hashes &= vectors_hash(json_find(vector, "root_hash"), &top);
        hashes &= vectors_proof(json_find(vector, "inclusion_path"), &proof);
        assert_true(hashes);
        enum sk_code code = tree_inclusion_check(vectors_number(vector, "leaf_index"),
                                                 vectors_number(vector, "tree_size"), &leaf,
                                                 proof.at, proof.len, &top);
        if ((code != SK_OK) != wrong) fail_msg("%s number %u: %s", name, i, fail_name(code));
    }
    return (int)root->len;
}

static void test_sigsum(void **unused) {
    (void)unused;
    if (!vectors_have("sigsum-rs/src/merkle/testdata")) return;
    int valid = sigsum_try("sigsum-rs/src/merkle/testdata/inclusion-valid.json", false);
    int invalid = sigsum_try("sigsum-rs/src/merkle/testdata/inclusion-invalid.json", true);
    print_message("sigsum-rs inclusion: %d valid, %d invalid\n", valid, invalid);
    assert_true(valid > 0 && invalid > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merkle),
        cmocka_unit_test(test_subtrees),
        cmocka_unit_test(test_sigsum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
