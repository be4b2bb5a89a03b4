// Merkle: the hashes of an RFC 6962 tree over SHA-256 and its two proofs, for whoever has no log.
//
// Promises: a proof that passes leads from what it says to the root, by the algorithms of RFC 9162
// sections 2.1.3.2 and 2.1.4.2. Refuses: a hash too many or too few, an old tree of size 0.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/hash.h"
#include "base/view.h"

enum {
    LEDGER_LEAF_MAX = 16384, // bytes of one leaf; C2SP entry bundles allow 65,535
    LEDGER_PROOF_MAX = 64,   // hashes of one proof
    LEDGER_LEAF_VERSION = 2, // "v" of a leaf of ours
};

struct tree_hash {
    uint8_t at[HASH_LEN];
};
// Of its base64, as notes, proofs and receipts write it; false when it is not that of 32 bytes.
bool tree_hash_take(struct view base64, struct tree_hash *out);

// leaf.len <= LEDGER_LEAF_MAX is the caller's to hold.
void tree_leaf(struct view leaf, struct tree_hash *out);
void tree_node(const struct tree_hash *left, const struct tree_hash *right, struct tree_hash *out);
// The root of full subtrees of one height that stand side by side: `len` is a power of two.
void tree_subtree(const struct tree_hash *items, unsigned len, struct tree_hash *out);

// SK_CORRUPT when the proof does not lead from leaf `index` of `size` to root.
enum sk_code tree_inclusion_check(uint64_t index, uint64_t size, const struct tree_hash *leaf,
                                  const struct tree_hash *proof, size_t proof_len,
                                  const struct tree_hash *root);
// SK_CORRUPT when the tree of size2 does not grow from that of size1.
enum sk_code tree_consistency_check(uint64_t size1, uint64_t size2, const struct tree_hash *root1,
                                    const struct tree_hash *root2, const struct tree_hash *proof,
                                    size_t proof_len);
