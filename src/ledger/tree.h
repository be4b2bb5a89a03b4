// Tree: the hashes of an RFC 6962 tree that only grows, kept whole in memory.
//
// Level l holds the hash of every full subtree of 2^l leaves, in order, so a proof for any size up
// to `size` is O(log n) look-ups. Memory is reserved address space: 64 bytes are touched per leaf.
// Refuses: growing past `max`.
#pragma once
#include "ledger/ledger.h"

struct tree {
    struct buf room;      // 2 x max hashes
    struct tree_hash *at; // level l starts at 2 x max - (2 x max >> l)
    uint64_t size, max;   // leaves; max is a power of two
};

enum sk_code tree_open(struct tree *tree, uint64_t max);
void tree_close(struct tree *tree);

// size < max is the caller's to hold.
void tree_put(struct tree *tree, const struct tree_hash *leaf);
// Forgets the leaves from `size` on.
void tree_cut(struct tree *tree, uint64_t size);

// 0 <= size <= tree->size; index < tree->size.
void tree_root(const struct tree *tree, uint64_t size, struct tree_hash *out);
const struct tree_hash *tree_leaf_at(const struct tree *tree, uint64_t index);
// The hashes of the full subtrees of 2^level leaves from `index` on; as many as tree->size fills.
const struct tree_hash *tree_hashes(const struct tree *tree, unsigned level, uint64_t index);
// index < size <= tree->size; 0 < size1 <= size2 <= tree->size.
size_t tree_inclusion(const struct tree *tree, uint64_t index, uint64_t size,
                      struct tree_hash proof[LEDGER_PROOF_MAX]);
size_t tree_consistency(const struct tree *tree, uint64_t size1, uint64_t size2,
                        struct tree_hash proof[LEDGER_PROOF_MAX]);
