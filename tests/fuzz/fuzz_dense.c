// Hostile leaves, one a line: every one is counted once, and what the account says adds up.
#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct dense *dense;
    struct dense_facts facts;
    struct view rest = {(const char *)data, size};
    uint64_t leaves = 0, decisions = 0;
    must(dense_open(&dense) == SK_OK);
    while (rest.len > 0) {
        const char *end = memchr(rest.at, '\n', rest.len);
        struct view leaf = {rest.at, end ? (size_t)(end - rest.at) : rest.len};
        rest = view_from(rest, leaf.len + 1);
        if (leaf.len > LEDGER_LEAF_MAX) continue;
        if (dense_leaf(dense, leaves, leaf) != SK_OK) break;
        leaves++;
    }
    dense_end(dense, &facts);
    must(facts.leaves >= leaves);
    must(facts.opens + facts.closes + facts.others + facts.strange == facts.leaves);
    must(facts.unclosed <= facts.opens);
    for (size_t i = 0; i < facts.keys_len; i++) decisions += facts.keys[i].decisions;
    must(decisions <= facts.opens);
    dense_close(dense);
    return 0;
}
