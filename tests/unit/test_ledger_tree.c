// The tree against RFC 6962 written down word for word (recursive, slow), and against the vectors
// of transparency-dev/merkle when ../shared is there.
#include <dirent.h>

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

// ---- vectors of others ----

struct vector {
    uint64_t a, b; // leaf index and size, or both sizes
    struct tree_hash hash1, hash2, proof[LEDGER_PROOF_MAX];
    size_t proof_len;
    bool wrong, fits; // fits: every hash has 32 bytes
};

static bool vector_hash(const struct json_node *node, struct tree_hash *out) {
    size_t len = 0;
    return json_is(node, JSON_STRING) && base64_take(json_view(node), out->at, HASH_LEN, &len) &&
           len == HASH_LEN;
}

static void vector_number(const struct json_node *object, const char *name, uint64_t *out) {
    const struct json_node *node = json_find(object, name);
    if (!json_is(node, JSON_NUMBER) || !decimal_take(json_view(node), out))
        fail_msg("vector: %s", name);
}

static struct vector vector_read(const char *path, bool inclusion) {
    static char text[65536], room[1 << 20];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text, file);
    fclose(file);
    struct arena arena = {.base = room, .max = sizeof room, .name = "vector"};
    const struct json_node *root, *proof;
    if (json_parse(text, len, &arena, &root) != SK_OK) fail_msg("%s: %s", path, fail_text());
    struct vector v = {.fits = true};
    vector_number(root, inclusion ? "leafIdx" : "size1", &v.a);
    vector_number(root, inclusion ? "treeSize" : "size2", &v.b);
    v.fits &= vector_hash(json_find(root, inclusion ? "leafHash" : "root1"), &v.hash1);
    v.fits &= vector_hash(json_find(root, inclusion ? "root" : "root2"), &v.hash2);
    proof = json_find(root, "proof");
    if (json_is(proof, JSON_ARRAY)) {
        assert_true(proof->len <= LEDGER_PROOF_MAX);
        const struct json_node *hash = json_first(proof);
        for (; v.proof_len < proof->len; hash = json_next(hash))
            v.fits &= vector_hash(hash, &v.proof[v.proof_len++]);
    }
    json_bool(json_find(root, "wantErr"), &v.wrong);
    return v;
}

static int tried, unfit;

static void vector_try(const char *path, bool inclusion) {
    struct vector v = vector_read(path, inclusion);
    tried++;
    if (!v.fits) { // cannot be put to this interface, which has 32-byte hashes only: refused
        unfit += !v.wrong;
        return;
    }
    enum sk_code code =
        inclusion
            ? tree_inclusion_check(v.a, v.b, &v.hash1, v.proof, v.proof_len, &v.hash2)
            : tree_consistency_check(v.a, v.b, &v.hash1, &v.hash2, v.proof, v.proof_len);
    if ((code != SK_OK) != v.wrong) fail_msg("%s: %s", path, fail_name(code));
}

static void vectors_in(const char *directory, bool inclusion, int depth) {
    DIR *dir = opendir(directory);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[2048];
        if (entry->d_name[0] == '.') continue;
        (void)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (strstr(entry->d_name, ".json")) vector_try(path, inclusion);
        else if (depth > 0) vectors_in(path, inclusion, depth - 1);
    }
    closedir(dir);
}

static void test_vectors(void **unused) {
    (void)unused;
    const char *shared = getenv("SEKISHO_SHARED"), *strict = getenv("SEKISHO_STRICT");
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/data/ledger-vectors/transparency-dev-merkle/testdata",
                   shared ? shared : SEKISHO_ROOT "/../shared");
    DIR *dir = opendir(path);
    if (!dir) {
        print_message("skip: no vectors in %s\n", path);
        assert_true(!strict || strcmp(strict, "1") != 0);
        return;
    }
    closedir(dir);
    char kind[1100];
    (void)snprintf(kind, sizeof kind, "%s/inclusion", path);
    vectors_in(kind, true, 2);
    assert_int_equal(tried, 98);
    (void)snprintf(kind, sizeof kind, "%s/consistency", path);
    vectors_in(kind, false, 2);
    assert_int_equal(tried, 196);
    assert_int_equal(unfit, 1); // equal roots that are no hashes at all
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_all_sizes),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
