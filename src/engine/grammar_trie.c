// The vocabulary's tokens in the order of their bytes, and the tree of their beginnings.
#include <stdlib.h>
#include <string.h>

#include "engine/grammar_parts.h"
#include "engine/tokenize.h"

// The bytes of each token; none for those that no text can be.
static enum sk_code put_bytes(struct grammar_trie *trie, const struct vocab *vocab) {
    uint64_t max = VOCAB_PIECE_MAX;
    for (uint32_t i = 0; i < vocab->len; i++)
        max += vocab_text(vocab, (int32_t)i).len;
    trie->bytes = malloc(max);
    trie->starts = malloc((vocab->len + UINT64_C(1)) * sizeof *trie->starts);
    trie->ends = malloc((vocab->len + UINT64_C(1)) * sizeof *trie->ends);
    if (!trie->bytes || !trie->starts || !trie->ends || max > UINT32_MAX)
        return FAIL(SK_LIMIT, "memory: none left for the tokens' texts");
    struct buf out = buf_over(trie->bytes, max);
    for (uint32_t i = 0; i < vocab->len; i++) {
        trie->starts[i] = (uint32_t)out.len;
        if (vocab->tokens[i].end)
            trie->ends[trie->ends_len++] = (int32_t)i;
        else
            detokenize(vocab, (int32_t)i, &out);
        trie->tokens_len += out.len > trie->starts[i];
    }
    must(!out.over);
    trie->starts[vocab->len] = (uint32_t)out.len;
    return SK_OK;
}

// Tokens while they are sorted, with their first bytes as a number: those decide most often.
struct sorted {
    uint64_t head;
    int32_t token;
};

static bool comes_first(const struct grammar_trie *trie, const struct sorted *a,
                        const struct sorted *b) {
    if (a->head != b->head) return a->head < b->head;
    struct view x = grammar_trie_bytes(trie, a->token), y = grammar_trie_bytes(trie, b->token);
    int by_bytes = memcmp(x.at, y.at, x.len < y.len ? x.len : y.len);
    if (by_bytes) return by_bytes < 0;
    return x.len != y.len ? x.len < y.len : a->token < b->token;
}

// Merges runs of `len` tokens into ones of twice as many.
static void merge_runs(const struct grammar_trie *trie, const struct sorted *from,
                       struct sorted *to, uint32_t len) {
    for (uint32_t start = 0; start < trie->tokens_len; start += 2 * len) {
        uint32_t left = start, middle = start + len, end = start + 2 * len;
        if (middle > trie->tokens_len) middle = trie->tokens_len;
        if (end > trie->tokens_len) end = trie->tokens_len;
        for (uint32_t right = middle, at = start; at < end; at++) {
            bool take =
                left < middle && (right == end || !comes_first(trie, &from[right], &from[left]));
            to[at] = take ? from[left++] : from[right++];
        }
    }
}

static void sort_in(struct grammar_trie *trie, uint32_t vocabulary, struct sorted *from,
                    struct sorted *to) {
    uint32_t len = 0;
    for (uint32_t i = 0; i < vocabulary; i++) {
        struct view bytes = grammar_trie_bytes(trie, (int32_t)i);
        if (bytes.len == 0) continue;
        uint64_t head = 0;
        for (size_t k = 0; k < 8; k++)
            head = head << 8 | (k < bytes.len ? (uint8_t)bytes.at[k] : 0);
        from[len++] = (struct sorted){head, (int32_t)i};
    }
    for (len = 1; len < trie->tokens_len; len *= 2) {
        merge_runs(trie, from, to, len);
        struct sorted *sorted = to;
        to = from;
        from = sorted;
    }
    for (uint32_t i = 0; i < trie->tokens_len; i++)
        trie->tokens[i] = from[i].token;
}

static enum sk_code sort(struct grammar_trie *trie, uint32_t vocabulary) {
    size_t len = trie->tokens_len + UINT64_C(1);
    struct sorted *from = malloc(2 * len * sizeof *from);
    trie->tokens = malloc(len * sizeof *trie->tokens);
    bool room = from && trie->tokens;
    if (room) sort_in(trie, vocabulary, from, from + len);
    free(from);
    return room ? SK_OK : FAIL(SK_LIMIT, "memory: none left for the tokens' order");
}

static uint32_t in_common(struct view a, struct view b) {
    uint32_t len = 0;
    while (len < a.len && len < b.len && a.at[len] == b.at[len])
        len++;
    return len;
}

static uint32_t count_nodes(const struct grammar_trie *trie) {
    struct view before = {"", 0};
    uint64_t len = 0;
    for (uint32_t i = 0; i < trie->tokens_len; i++) {
        struct view token = grammar_trie_bytes(trie, trie->tokens[i]);
        len += token.len - in_common(before, token);
        before = token;
    }
    return (uint32_t)len; // not more than the bytes, which are
}

static void put_nodes(struct grammar_trie *trie) {
    uint32_t path[VOCAB_PIECE_MAX], depth = 0, at = 0;
    struct view before = {"", 0};
    for (uint32_t i = 0; i <= trie->tokens_len; i++) {
        bool last = i == trie->tokens_len;
        struct view token = last ? VIEW("") : grammar_trie_bytes(trie, trie->tokens[i]);
        for (uint32_t common = in_common(before, token); depth > common;)
            trie->nodes[path[--depth]].skip = at;
        while (depth < token.len) {
            trie->nodes[at] = (struct grammar_trie_node){
                .first = i, .depth = (uint16_t)(depth + 1), .byte = (uint8_t)token.at[depth]};
            path[depth++] = at++;
        }
        uint8_t reach = (uint8_t)(depth < 255 ? depth : 255);
        for (uint32_t k = depth; k-- > 0 && trie->nodes[path[k]].reach < reach;)
            trie->nodes[path[k]].reach = reach;
        if (depth > trie->longest) trie->longest = depth;
        before = token;
    }
    trie->nodes[at] = (struct grammar_trie_node){.first = trie->tokens_len, .skip = at};
}

static enum sk_code build(struct grammar_trie *trie, const struct vocab *vocab) {
    trie->vocab = vocab;
    TRY(put_bytes(trie, vocab));
    TRY(sort(trie, vocab->len));
    trie->len = count_nodes(trie);
    trie->nodes = malloc((trie->len + UINT64_C(1)) * sizeof *trie->nodes);
    if (!trie->nodes) return FAIL(SK_LIMIT, "memory: none left for the tokens' tree");
    put_nodes(trie);
    return SK_OK;
}

enum sk_code grammar_trie_open(struct grammar_trie **out, const struct vocab *vocab) {
    *out = NULL;
    struct grammar_trie *trie = calloc(1, sizeof *trie);
    if (!trie) return FAIL(SK_LIMIT, "memory: none left");
    enum sk_code code = build(trie, vocab);
    if (code == SK_OK)
        *out = trie;
    else
        grammar_trie_close(trie);
    return code;
}

void grammar_trie_close(struct grammar_trie *trie) {
    if (!trie) return;
    free(trie->nodes);
    free(trie->tokens);
    free(trie->ends);
    free(trie->starts);
    free(trie->bytes);
    free(trie);
}
