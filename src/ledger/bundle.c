// Bundles written, by whoever has the log.
#include "ledger/bundle.h"

#include "ledger/ledger.h"

static enum sk_code leaf_put(struct ledger *ledger, struct json_writer *w, const char *name,
                             uint64_t index) {
    char leaf_text[LEDGER_LEAF_MAX], proof_text[PROOF_TEXT_MAX];
    struct buf leaf = buf_over(leaf_text, sizeof leaf_text);
    struct buf text = buf_over(proof_text, sizeof proof_text);
    struct proof proof = {.index = index, .checkpoint = ledger_checkpoint(ledger)};
    json_name(w, name);
    if (index == UINT64_MAX) {
        json_put_null(w);
        return SK_OK;
    }
    TRY(ledger_leaf(ledger, index, &leaf));
    TRY(ledger_inclusion(ledger, index, ledger_size(ledger), proof.hashes, &proof.len));
    proof_write(&proof, VIEW(""), &text);
    TRY(buf_check(&text, "proof"));
    json_open(w, '{');
    json_member_string(w, "leaf", buf_view(&leaf));
    json_member_string(w, "proof", buf_view(&text));
    json_close(w, '}');
    return SK_OK;
}

enum sk_code bundle_write(struct ledger *ledger, uint64_t open, uint64_t close, uint64_t erasure,
                          struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    TRY(leaf_put(ledger, &w, "close", close));
    TRY(leaf_put(ledger, &w, "erasure", erasure));
    json_name(&w, "fields");
    json_open(&w, '[');
    json_close(&w, ']');
    TRY(leaf_put(ledger, &w, "open", open));
    json_member_text(&w, "v", BUNDLE_VERSION);
    json_close(&w, '}');
    return buf_check(out, "disclosure");
}

static void field_put(struct json_writer *w, const struct kept_field *field) {
    json_open(w, '{');
    json_member_string(w, "name", field->name);
    json_member_hex(w, "salt", field->salt, HASH_LEN);
    json_name(w, "value");
    if (field->valued) json_put_base64(w, field->value.at, field->value.len);
    else json_put_null(w);
    json_close(w, '}');
}

enum sk_code bundle_open(struct buf *bundle, const struct kept *fields, struct arena *arena,
                         struct buf *out) {
    static const char *const leaves[] = {"close", "erasure", "open"};
    const struct json_node *root;
    struct json_writer w = json_writer_to(out);
    TRY(json_parse(bundle->at, bundle->len, arena, &root));
    json_open(&w, '{');
    for (size_t i = 0; i < 3; i++) {
        const struct json_node *leaf = json_find(root, leaves[i]);
        if (!leaf) return FAIL(SK_INPUT, "not a disclosure: no %s", leaves[i]);
        if (i == 2) {
            json_name(&w, "fields");
            json_open(&w, '[');
            for (size_t k = 0; k < fields->len; k++)
                field_put(&w, &fields->fields[k]);
            json_close(&w, ']');
        }
        json_name(&w, leaves[i]);
        json_put_node(&w, leaf);
    }
    json_member_text(&w, "v", BUNDLE_VERSION);
    json_close(&w, '}');
    return buf_check(out, "disclosure");
}
