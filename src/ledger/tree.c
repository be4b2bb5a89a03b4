#include "ledger/tree.h"

enum sk_code tree_open(struct tree *tree, uint64_t max) {
    must(max > 0 && (max & (max - 1)) == 0 && max <= (uint64_t)1 << 40);
    TRY(buf_open(&tree->room, (size_t)(2 * max) * sizeof *tree->at));
    tree->at = (struct tree_hash *)(void *)tree->room.at;
    tree->size = 0;
    tree->max = max;
    return SK_OK;
}

void tree_close(struct tree *tree) {
    buf_close(&tree->room);
    *tree = (struct tree){0};
}

static struct tree_hash *tree_level(const struct tree *tree, unsigned level) {
    return tree->at + (2 * tree->max - (2 * tree->max >> level));
}

void tree_put(struct tree *tree, const struct tree_hash *leaf) {
    must(tree->size < tree->max);
    uint64_t index = tree->size++;
    tree_level(tree, 0)[index] = *leaf;
    // Each trailing one of the index ends a full subtree one level up.
    for (unsigned level = 0; index & 1; level++, index >>= 1) {
        const struct tree_hash *pair = tree_level(tree, level) + index - 1;
        tree_node(&pair[0], &pair[1], tree_level(tree, level + 1) + (index >> 1));
    }
}

void tree_cut(struct tree *tree, uint64_t size) {
    must(size <= tree->size);
    tree->size = size;
}

const struct tree_hash *tree_leaf_at(const struct tree *tree, uint64_t index) {
    must(index < tree->size);
    return tree->at + index;
}

const struct tree_hash *tree_hashes(const struct tree *tree, unsigned level, uint64_t index) {
    must(level < 64 && index < tree->size >> level);
    return tree_level(tree, level) + index;
}

// The hash of the leaves that `size` has past its last multiple of 2^level: the ragged right edge.
static void tree_edge(const struct tree *tree, uint64_t size, unsigned level,
                      struct tree_hash *out) {
    bool any = false;
    for (unsigned l = 0; l < level && size >> l; l++) {
        if (!(size >> l & 1)) continue;
        const struct tree_hash *full = tree_level(tree, l) + (size >> l) - 1;
        if (any) tree_node(full, out, out);
        else *out = *full;
        any = true;
    }
    must(any);
}

void tree_root(const struct tree *tree, uint64_t size, struct tree_hash *out) {
    must(size <= tree->size);
    if (size == 0) hash_of("", 0, out->at);
    else tree_edge(tree, size, 64, out);
}

// The siblings on the way from subtree `index` of `level` up to the root of `size` leaves.
static size_t tree_path(const struct tree *tree, unsigned level, uint64_t index, uint64_t size,
                        struct tree_hash *proof) {
    size_t len = 0;
    for (; (size - 1) >> level; level++, index >>= 1) {
        uint64_t sibling = index ^ 1, full = size >> level;
        if (sibling < full) proof[len++] = tree_level(tree, level)[sibling];
        else if (sibling << level < size) tree_edge(tree, size, level, &proof[len++]);
    }
    return len;
}

size_t tree_inclusion(const struct tree *tree, uint64_t index, uint64_t size,
                      struct tree_hash proof[LEDGER_PROOF_MAX]) {
    must(index < size && size <= tree->size);
    return tree_path(tree, 0, index, size, proof);
}

size_t tree_consistency(const struct tree *tree, uint64_t size1, uint64_t size2,
                        struct tree_hash proof[LEDGER_PROOF_MAX]) {
    must(size1 > 0 && size1 <= size2 && size2 <= tree->size);
    if (size1 == size2) return 0;
    // The old tree's last full subtree; when that is the whole old tree its hash is root1 itself.
    unsigned level = (unsigned)__builtin_ctzll(size1);
    uint64_t index = (size1 >> level) - 1;
    size_t len = 0;
    if (index > 0) proof[len++] = tree_level(tree, level)[index];
    return len + tree_path(tree, level, index, size2, proof + len);
}
