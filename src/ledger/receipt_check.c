#include <stdio.h>

#include "base/text.h"
#include "ledger/ledger.h"

// One receipt being checked. A refuted fact does not stop the reading: the report names them all.
struct check {
    struct arena *arena;
    struct receipt_facts *facts;
    bool refuted, unwitnessed;
    char why[256]; // the first refutation
};

static void check_settle(struct check *check, enum receipt_fact *fact, enum sk_code code) {
    *fact = code == SK_OK ? RECEIPT_PROVEN : RECEIPT_REFUTED;
    if (code == SK_OK || check->refuted) return;
    check->refuted = true;
    snprintf(check->why, sizeof check->why, "%s", fail_text());
}

// A text of the receipt, read as an object on a copy of its own.
static enum sk_code object_read(struct check *check, struct view text,
                                const struct json_node **object) {
    char *copy = arena_text(check->arena, text);
    if (!copy) return SK_LIMIT;
    TRY(json_parse(copy, text.len, check->arena, object));
    return json_is(*object, JSON_OBJECT) ? SK_OK : FAIL(SK_INPUT, "not a JSON object");
}

// ---- the leaves are in the tree ----

struct entry {
    uint64_t index;
    struct view leaf;
    struct tree_hash proof[LEDGER_PROOF_MAX];
    size_t proof_len;
};

static enum sk_code entry_read(const struct json_node *node, struct entry *out) {
    const struct json_node *leaf = json_find(node, "leaf"), *proof = json_find(node, "proof");
    int64_t index;
    if (!json_i64(json_find(node, "index"), &index) || index < 0 || !json_is(leaf, JSON_STRING) ||
        leaf->len > LEDGER_LEAF_MAX || !json_is(proof, JSON_ARRAY) || proof->len > LEDGER_PROOF_MAX)
        return FAIL(SK_INPUT, "receipt: an entry is not {index, leaf, proof}");
    out->index = (uint64_t)index;
    out->leaf = json_view(leaf);
    out->proof_len = proof->len;
    const struct json_node *hash = json_first(proof);
    for (size_t i = 0; i < proof->len; i++, hash = json_next(hash)) {
        if (!json_is(hash, JSON_STRING) || !tree_hash_take(json_view(hash), &out->proof[i]))
            return FAIL(SK_INPUT, "receipt: hash %zu of a proof is not base64 of 32 bytes", i);
    }
    return SK_OK;
}

static void entry_check(struct check *check, const struct entry *entry, enum receipt_fact *fact) {
    if (check->facts->signature != RECEIPT_PROVEN) return; // no root to lead to
    const struct checkpoint *checkpoint = &check->facts->trust.checkpoint;
    struct tree_hash hash;
    tree_leaf(entry->leaf, &hash);
    check_settle(check, fact,
                 tree_inclusion_check(entry->index, checkpoint->size, &hash, entry->proof,
                                      entry->proof_len, &checkpoint->root));
}

// ---- the leaves are of one request ----

static enum sk_code leaf_read(struct check *check, struct view text, const char *type,
                              const struct json_node **leaf) {
    const struct json_node *read = NULL;
    enum sk_code code = object_read(check, text, &read);
    if (code != SK_OK) return fail_within(code, "the %s leaf", type);
    if (!json_is_text(json_find(read, "type"), type))
        return FAIL(SK_CORRUPT, "the %s leaf is of another type", type);
    *leaf = read;
    return SK_OK;
}

static enum sk_code leaves_bound(const struct json_node *open, const struct json_node *close,
                                 uint64_t open_index) {
    int64_t named, n1, n2;
    const struct json_node *key1 = json_find(open, "key"), *key2 = json_find(close, "key");
    if (!json_i64(json_find(close, "open"), &named) || named < 0 || (uint64_t)named != open_index)
        return FAIL(SK_CORRUPT, "the close leaf names another open leaf than %llu",
                    (unsigned long long)open_index);
    if (!json_i64(json_find(open, "n"), &n1) || !json_i64(json_find(close, "n"), &n2) || n1 != n2 ||
        !json_is(key1, JSON_STRING) || !json_is(key2, JSON_STRING) ||
        !view_same(json_view(key1), json_view(key2)))
        return FAIL(SK_CORRUPT, "the two leaves are not of one request");
    return SK_OK;
}

// ---- the commitments open ----

static enum sk_code salt_read(const struct json_node *salts, const char *field,
                              uint8_t salt[HASH_LEN]) {
    const struct json_node *node = json_find(salts, field);
    if (!json_is(node, JSON_STRING) || !hex_take(json_view(node), salt, HASH_LEN))
        return FAIL(SK_INPUT, "receipt: the salt of %s is not 64 hex digits", field);
    return SK_OK;
}

static enum sk_code commitment_check(const struct json_node *committed, const char *field,
                                     const uint8_t salt[HASH_LEN], struct view value) {
    uint8_t stated[HASH_LEN], made[HASH_LEN];
    if (!json_is(committed, JSON_STRING) || !hex_take(json_view(committed), stated, HASH_LEN))
        return FAIL(SK_CORRUPT, "the leaf has no commitment of %s", field);
    commit_of(field, salt, value, made);
    if (memcmp(stated, made, HASH_LEN) != 0)
        return FAIL(SK_CORRUPT, "what was given is not the %s of this receipt", field);
    return SK_OK;
}

static enum sk_code opening_check(struct check *check, const struct json_node *salts,
                                  const struct json_node *open, const struct json_node *close,
                                  const struct receipt_inputs *inputs) {
    struct receipt_facts *facts = check->facts;
    const struct json_node *choices = json_find(close, "choices");
    const struct json_node *envelope = json_find(open, "envelope");
    bool chosen = json_is(choices, JSON_ARRAY) && choices->len > 0;
    const struct {
        const char *salt, *field;
        bool given;
        struct view value;
        const struct json_node *leaf, *committed;
        enum receipt_fact *fact;
    } rows[] = {
        {"request_body", "request_body", inputs->has_body, inputs->body, open,
         json_find(open, "body"), &facts->body},
        {"prompt_tokens", envelope ? "envelope" : "prompt_tokens", inputs->has_prompt,
         inputs->prompt, open, envelope ? envelope : json_find(open, "prompt"), &facts->prompt},
        {"choice_0", "choice_0", inputs->has_response, inputs->response, close,
         chosen ? json_first(choices) : NULL, &facts->choice},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t salt[HASH_LEN];
        TRY(salt_read(salts, rows[i].salt, salt));
        if (!rows[i].given || !rows[i].leaf) continue;
        check_settle(check, rows[i].fact,
                     commitment_check(rows[i].committed, rows[i].field, salt, rows[i].value));
    }
    return SK_OK;
}

// ---- the whole ----

static enum sk_code signature_check(struct check *check, const struct json_node *receipt,
                                    const struct trust *trust) {
    struct trust_facts *facts = &check->facts->trust;
    const struct json_node *note = json_find(receipt, "checkpoint");
    const struct json_node *origin = json_find(receipt, "origin");
    if (!json_is(note, JSON_STRING) || !json_is(origin, JSON_STRING) ||
        origin->len > LEDGER_ORIGIN_MAX)
        return FAIL(SK_INPUT, "receipt: no origin or checkpoint");
    if (origin->len) memcpy(check->facts->origin, origin->at, origin->len);
    enum sk_code code = trust_check(trust, json_view(note), facts);
    check->unwitnessed = code == SK_DENIED;
    if (code == SK_DENIED) code = SK_OK;
    // What an extension line says nobody audits.
    if (code == SK_OK && facts->checkpoint.extension.len > 0)
        code = FAIL(SK_INPUT, "checkpoint: more lines than origin, size and root");
    if (code == SK_OK && !view_same(json_view(origin), facts->checkpoint.origin))
        code = FAIL(SK_CORRUPT, "the receipt is of log %s, its checkpoint of %s",
                    check->facts->origin, facts->log->key.name);
    check_settle(check, &check->facts->signature, code);
    if (code == SK_OK) check->facts->tree_size = facts->checkpoint.size;
    return SK_OK;
}

static enum sk_code entries_check(struct check *check, const struct json_node *receipt,
                                  const struct receipt_inputs *inputs) {
    struct receipt_facts *facts = check->facts;
    const struct json_node *close_node = json_find(receipt, "close");
    const struct json_node *open = NULL, *close = NULL;
    struct entry entry;
    TRY(entry_read(json_find(receipt, "open"), &entry));
    entry_check(check, &entry, &facts->open_in);
    facts->open_leaf = entry.leaf;
    facts->open_index = entry.index;
    enum sk_code bound = leaf_read(check, facts->open_leaf, "open", &open);
    if (!json_is(close_node, JSON_NULL)) {
        TRY(entry_read(close_node, &entry));
        entry_check(check, &entry, &facts->close_in);
        facts->close_leaf = entry.leaf;
        facts->close_index = entry.index;
        if (bound == SK_OK) bound = leaf_read(check, facts->close_leaf, "close", &close);
        if (bound == SK_OK) bound = leaves_bound(open, close, facts->open_index);
        check_settle(check, &facts->bound, bound);
    } else if (bound != SK_OK) {
        check_settle(check, &facts->bound, bound);
    }
    const struct json_node *salts = json_find(receipt, "salts");
    if (!json_is(salts, JSON_NULL) && !json_is(salts, JSON_OBJECT))
        return FAIL(SK_INPUT, "receipt: salts are not an object or null");
    if (json_is(salts, JSON_NULL)) return SK_OK;
    return opening_check(check, salts, open, close, inputs);
}

// Who gives a value wants it opened: taking the salts or the outcome away is no way around that.
static enum sk_code given_opened(const struct receipt_inputs *inputs,
                                 const struct receipt_facts *facts) {
    const char *what = NULL;
    if (inputs->has_body && facts->body == RECEIPT_NOT_CHECKED) what = "request";
    if (inputs->has_prompt && facts->prompt == RECEIPT_NOT_CHECKED) what = "prompt";
    if (inputs->has_response && facts->choice == RECEIPT_NOT_CHECKED) what = "answer";
    if (!what) return SK_OK;
    return FAIL(SK_UNKNOWN,
                "receipt: it has no salt or no outcome to check the given %s by (salts are in the "
                "answer as it came, not in GET /v1/receipts)",
                what);
}

static enum sk_code unwitnessed(const struct trust *trust, const struct receipt_facts *facts) {
    char text[192];
    struct buf why = buf_over(text, sizeof text);
    trust_explain(trust, &facts->trust, &why);
    return FAIL(SK_DENIED, "receipt: the quorum is missing: %.*s", (int)why.len, why.at);
}

enum sk_code receipt_check(struct view receipt, const struct trust *trust,
                           const struct receipt_inputs *inputs, struct arena *arena,
                           struct receipt_facts *facts) {
    *facts = (struct receipt_facts){0};
    if (receipt.len > RECEIPT_MAX)
        return FAIL(SK_LIMIT, "receipt of %zu bytes > %d", receipt.len, RECEIPT_MAX);
    struct check check = {.arena = arena, .facts = facts};
    const struct json_node *root = NULL;
    enum sk_code code = object_read(&check, receipt, &root);
    if (code != SK_OK) return fail_within(code, "receipt");
    if (!json_is_text(json_find(root, "v"), RECEIPT_VERSION))
        return FAIL(SK_INPUT, "receipt: it is not a " RECEIPT_VERSION);
    TRY(signature_check(&check, root, trust));
    TRY(entries_check(&check, root, inputs));
    if (check.refuted) return FAIL(SK_CORRUPT, "receipt: %s", check.why);
    TRY(given_opened(inputs, facts));
    if (check.unwitnessed) return unwitnessed(trust, facts);
    if (facts->bound != RECEIPT_PROVEN)
        return FAIL(SK_BUSY, "receipt: cut before the request was closed");
    return SK_OK;
}
