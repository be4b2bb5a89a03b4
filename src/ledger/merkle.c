#include "ledger/merkle.h"

#include "base/text.h"

bool tree_hash_take(struct view base64, struct tree_hash *out) {
    size_t len;
    return base64_take(base64, out->at, HASH_LEN, &len) && len == HASH_LEN;
}

void tree_leaf(struct view leaf, struct tree_hash *out) {
    char bytes[1 + LEDGER_LEAF_MAX];
    must(leaf.len <= LEDGER_LEAF_MAX);
    bytes[0] = 0;
    if (leaf.len) memcpy(bytes + 1, leaf.at, leaf.len);
    hash_of(bytes, 1 + leaf.len, out->at);
}

void tree_node(const struct tree_hash *left, const struct tree_hash *right, struct tree_hash *out) {
    uint8_t bytes[1 + 2 * HASH_LEN] = {1};
    memcpy(bytes + 1, left, HASH_LEN);
    memcpy(bytes + 1 + HASH_LEN, right, HASH_LEN);
    hash_of(bytes, sizeof bytes, out->at);
}

void tree_subtree(const struct tree_hash *items, unsigned len, struct tree_hash *out) {
    struct tree_hash full[8 * sizeof len]; // at h: the newest full subtree of 2^h items
    must(len > 0 && (len & (len - 1)) == 0);
    for (unsigned i = 0, h; i < len; i++) {
        *out = items[i];
        for (h = 0; i >> h & 1; h++) tree_node(&full[h], out, out);
        full[h] = *out;
    }
}

static bool hash_same(const struct tree_hash *a, const struct tree_hash *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

// RFC 9162 section 2.1.3.2.
enum sk_code tree_inclusion_check(uint64_t index, uint64_t size, const struct tree_hash *leaf,
                                  const struct tree_hash *proof, size_t proof_len,
                                  const struct tree_hash *root) {
    if (index >= size)
        return FAIL(SK_CORRUPT, "inclusion proof: leaf %llu is not in a tree of %llu",
                    (unsigned long long)index, (unsigned long long)size);
    uint64_t node = index, last = size - 1;
    struct tree_hash hash = *leaf;
    for (size_t i = 0; i < proof_len; i++) {
        if (last == 0)
            return FAIL(SK_CORRUPT, "inclusion proof: %zu hashes too many", proof_len - i);
        if ((node & 1) || node == last) {
            tree_node(&proof[i], &hash, &hash);
            for (; !(node & 1) && node; last >>= 1) node >>= 1;
        } else {
            tree_node(&hash, &proof[i], &hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if (last != 0) return FAIL(SK_CORRUPT, "inclusion proof: %zu hashes are too few", proof_len);
    if (!hash_same(&hash, root))
        return FAIL(SK_CORRUPT, "inclusion proof: it does not lead to the root");
    return SK_OK;
}

// RFC 9162 section 2.1.4.2. An empty old tree proves nothing and is refused.
enum sk_code tree_consistency_check(uint64_t size1, uint64_t size2, const struct tree_hash *root1,
                                    const struct tree_hash *root2, const struct tree_hash *proof,
                                    size_t proof_len) {
    if (size1 == 0 || size1 > size2)
        return FAIL(SK_CORRUPT, "consistency proof: no tree of %llu grows from one of %llu",
                    (unsigned long long)size2, (unsigned long long)size1);
    if (size1 == size2) {
        if (proof_len > 0 || !hash_same(root1, root2))
            return FAIL(SK_CORRUPT, "consistency proof: two roots, or a proof, for one size");
        return SK_OK;
    }
    uint64_t node = size1 - 1, last = size2 - 1;
    for (; node & 1; last >>= 1) node >>= 1;
    size_t used = 0;
    struct tree_hash old = *root1; // of a whole subtree of the new tree, else its first hash
    if (node) {
        if (proof_len == 0) return FAIL(SK_CORRUPT, "consistency proof: it is empty");
        old = proof[used++];
    }
    struct tree_hash new = old;
    for (; used < proof_len; used++) {
        if (last == 0)
            return FAIL(SK_CORRUPT, "consistency proof: %zu hashes too many", proof_len - used);
        if ((node & 1) || node == last) {
            tree_node(&proof[used], &old, &old);
            tree_node(&proof[used], &new, &new);
            for (; !(node & 1) && node; last >>= 1) node >>= 1;
        } else {
            tree_node(&new, &proof[used], &new);
        }
        node >>= 1;
        last >>= 1;
    }
    if (last != 0) return FAIL(SK_CORRUPT, "consistency proof: %zu hashes are too few", proof_len);
    if (!hash_same(&old, root1) || !hash_same(&new, root2))
        return FAIL(SK_CORRUPT, "consistency proof: it does not lead to both roots");
    return SK_OK;
}
