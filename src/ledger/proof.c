#include "ledger/proof.h"

#include "base/text.h"

static const char proof_first[] = "c2sp.org/tlog-proof@v1";

void proof_write(const struct proof *proof, struct view extra, struct buf *out) {
    buf_print(out, "%s\n", proof_first);
    if (extra.len > 0) {
        buf_put_text(out, "extra ");
        base64_put(out, extra.at, extra.len);
        buf_put_char(out, '\n');
    }
    buf_put_text(out, "index ");
    buf_put_u64(out, proof->index);
    buf_put_char(out, '\n');
    note_hashes_put(proof->hashes, proof->len, out);
    buf_put_view(out, proof->checkpoint);
}

static bool word_take(struct view *line, const char *word) {
    bool is = view_starts(*line, view_of(word));
    if (is) *line = view_from(*line, strlen(word));
    return is;
}

static enum sk_code extra_take(struct view *rest, struct view *line, struct proof *out) {
    uint8_t bytes[PROOF_EXTRA_MAX];
    size_t len = 0;
    if (!word_take(line, "extra ")) return SK_OK;
    if (line->len / 4 > sizeof bytes / 3 + 1)
        return FAIL(SK_LIMIT, "proof line 2: extra data of more than %d bytes", PROOF_EXTRA_MAX);
    if (!base64_take(*line, bytes, sizeof bytes, &len) || len == 0)
        return FAIL(SK_INPUT, "proof line 2: not 'extra base64'");
    out->extra = *line;
    if (!view_cut(rest, '\n', line)) return FAIL(SK_INPUT, "proof line 3: not 'index number'");
    return SK_OK;
}

enum sk_code proof_read(struct view text, struct proof *out) {
    struct view rest = text, line;
    *out = (struct proof){0};
    if (text.len > PROOF_TEXT_MAX)
        return FAIL(SK_LIMIT, "proof of %zu bytes > %d", text.len, PROOF_TEXT_MAX);
    if (!view_cut(&rest, '\n', &line) || !view_is(line, proof_first))
        return FAIL(SK_INPUT, "proof line 1: not '%s'", proof_first);
    if (!view_cut(&rest, '\n', &line)) return FAIL(SK_INPUT, "proof line 2: not 'index number'");
    TRY(extra_take(&rest, &line, out));
    int number = out->extra.len > 0 ? 3 : 2;
    if (!word_take(&line, "index ") || !decimal_take(line, &out->index))
        return FAIL(SK_INPUT, "proof line %d: not 'index number'", number);
    for (;;) {
        number++;
        if (!view_cut(&rest, '\n', &line))
            return FAIL(SK_INPUT, "proof line %d: no hash, no blank line", number);
        if (line.len == 0) break;
        if (out->len == LEDGER_PROOF_MAX)
            return FAIL(SK_LIMIT, "proof line %d: more than %d hashes", number, LEDGER_PROOF_MAX);
        if (!tree_hash_take(line, &out->hashes[out->len++]))
            return FAIL(SK_INPUT, "proof line %d: no hash of 32 bytes in base64", number);
    }
    if (rest.len == 0) return FAIL(SK_INPUT, "proof line %d: no checkpoint", number + 1);
    out->checkpoint = rest;
    return SK_OK;
}

enum sk_code proof_check(struct view text, struct view leaf, const struct trust *trust,
                         struct proof_facts *facts) {
    struct proof *proof = &facts->proof;
    struct tree_hash hash;
    *facts = (struct proof_facts){0};
    if (leaf.len > LEDGER_LEAF_MAX)
        return FAIL(SK_LIMIT, "leaf of %zu bytes > %d", leaf.len, LEDGER_LEAF_MAX);
    TRY(proof_read(text, proof));
    enum sk_code trusted = trust_check(trust, proof->checkpoint, &facts->trust);
    if (trusted != SK_OK && trusted != SK_DENIED) return trusted;
    tree_leaf(leaf, &hash);
    TRY(tree_inclusion_check(proof->index, facts->trust.checkpoint.size, &hash, proof->hashes,
                             proof->len, &facts->trust.checkpoint.root));
    facts->included = true;
    return trusted;
}
