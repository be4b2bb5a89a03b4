// Bundles checked, by whoever has one.
#include <stdio.h>

#include "base/text.h"
#include "ledger/bundle.h"

struct check {
    const struct trust *trust;
    struct arena *arena;
    const struct json_node *open, *close; // leaves, parsed
    struct bundle_facts *facts;
};

static const struct json_node *text_of(const struct json_node *of, const char *name) {
    const struct json_node *node = json_find(of, name);
    return json_is(node, JSON_STRING) ? node : NULL;
}

// The leaf's text into *leaf, parsed into *root. One that is null is fine: *root is NULL.
static enum sk_code leaf_check(struct check *check, const struct json_node *bundle,
                               const char *name, struct proof_facts *facts,
                               const struct json_node **root, struct view *leaf) {
    const struct json_node *member = json_find(bundle, name);
    *root = NULL;
    if (json_is(member, JSON_NULL)) return SK_OK;
    const struct json_node *text = text_of(member, "leaf"), *proof = text_of(member, "proof");
    if (!text || !proof) return FAIL(SK_INPUT, "not a disclosure: %s without leaf or proof", name);
    *leaf = json_view(text);
    enum sk_code code = proof_check(json_view(proof), *leaf, check->trust, facts);
    if (code != SK_OK) return fail_within(code, "%s", name);
    char *copy = arena_text(check->arena, *leaf); // parsing changes it
    if (!copy) return SK_LIMIT;
    code = json_parse(copy, leaf->len, check->arena, root);
    return code == SK_OK ? SK_OK : fail_within(SK_CORRUPT, "%s: its leaf", name);
}

static bool close_fits(const struct check *check) {
    const struct json_node *key = text_of(check->open, "key"), *same = text_of(check->close, "key");
    int64_t open = -1, n = -1, n_close = -2;
    json_i64(json_find(check->close, "open"), &open);
    json_i64(json_find(check->open, "n"), &n);
    json_i64(json_find(check->close, "n"), &n_close);
    return json_is_text(json_find(check->close, "type"), "close") && open >= 0 &&
           (uint64_t)open == check->facts->open.proof.index && n == n_close && key && same &&
           view_same(json_view(key), json_view(same));
}

static enum sk_code bound_check(const struct check *check) {
    bool decision = json_is_text(json_find(check->open, "type"), "open");
    if (decision && (!check->close || close_fits(check))) return SK_OK;
    check->facts->refuted = VIEW("bound");
    return FAIL(SK_CORRUPT, "open and close are not the leaves of one request");
}

static enum sk_code erasure_check(struct check *check, const struct json_node *leaf) {
    struct erasure erasure;
    check->facts->refuted = VIEW("erased");
    if (erasure_read(leaf, &erasure) != SK_OK)
        return FAIL(SK_CORRUPT, "erasure: its leaf is none");
    for (size_t i = 0; i < erasure.len; i++)
        check->facts->erased |= erasure.opens[i] == check->facts->open.proof.index;
    check->facts->erased_ms = erasure.time_ms;
    check->facts->reason = erasure.reason;
    if (!check->facts->erased) return FAIL(SK_CORRUPT, "erasure: of other requests");
    check->facts->refuted = VIEW("");
    return SK_OK;
}

// Where the leaves commit to a field; NULL: they do not.
static const struct json_node *committed(const struct check *check, struct view name) {
    if (view_is(name, "request_body")) return text_of(check->open, "body");
    if (view_is(name, "prompt_tokens")) return text_of(check->open, "prompt");
    if (view_is(name, "envelope")) return text_of(check->open, "envelope");
    const struct json_node *choices = json_find(check->close, "choices");
    if (!view_is(name, "choice_0") || !json_is(choices, JSON_ARRAY) || !choices->len) return NULL;
    const struct json_node *first = json_first(choices);
    return json_is(first, JSON_STRING) ? first : NULL;
}

static enum sk_code value_take(struct arena *arena, struct view base64, struct view *out) {
    size_t max = base64.len / 4 * 3, len;
    uint8_t *at = arena_take_raw(arena, max + 1, 1);
    if (!at) return SK_LIMIT;
    if (!base64_take(base64, at, max, &len)) return FAIL(SK_INPUT, "a value is not base64");
    *out = (struct view){(const char *)at, len};
    return SK_OK;
}

static enum sk_code field_check(const struct check *check, const struct json_node *node,
                                struct kept_field *out) {
    char name[KEPT_NAME_MAX + 1];
    uint8_t said[HASH_LEN], is[HASH_LEN];
    const struct json_node *named = text_of(node, "name"), *salt = text_of(node, "salt"),
                           *value = text_of(node, "value");
    if (!named || named->len > KEPT_NAME_MAX || memchr(named->at, 0, named->len) || !salt ||
        !hex_take(json_view(salt), out->salt, HASH_LEN))
        return FAIL(SK_INPUT, "not a disclosure: a field without name or salt");
    out->name = json_view(named);
    if (!value) return SK_OK; // its value is made again from others
    TRY(value_take(check->arena, json_view(value), &out->value));
    snprintf(name, sizeof name, "%.*s", (int)out->name.len, out->name.at);
    check->facts->refuted = out->name;
    const struct json_node *commitment = committed(check, out->name);
    if (!commitment || !hex_take(json_view(commitment), said, HASH_LEN))
        return FAIL(SK_CORRUPT, "%s: the log commits to none", name);
    commit_of(name, out->salt, out->value, is);
    out->valued = memcmp(said, is, HASH_LEN) == 0;
    if (!out->valued) return FAIL(SK_CORRUPT, "%s is not what the log commits to", name);
    check->facts->refuted = VIEW("");
    return SK_OK;
}

static enum sk_code fields_check(const struct check *check, const struct json_node *fields) {
    if (!json_is(fields, JSON_ARRAY) || fields->len > KEPT_FIELDS_MAX)
        return FAIL(SK_INPUT, "not a disclosure: no fields");
    const struct json_node *one = json_first(fields);
    for (uint32_t i = 0; i < fields->len; i++, one = json_next(one)) {
        struct kept *kept = &check->facts->fields;
        TRY(field_check(check, one, &kept->fields[kept->len]));
        kept->len++;
    }
    return SK_OK;
}

enum sk_code bundle_check(struct buf *text, const struct trust *trust, struct arena *arena,
                          struct bundle_facts *facts) {
    struct check check = {.trust = trust, .arena = arena, .facts = facts};
    const struct json_node *root, *erasure;
    struct view leaf;
    *facts = (struct bundle_facts){0};
    TRY(json_parse(text->at, text->len, arena, &root));
    if (!json_is_text(json_find(root, "v"), BUNDLE_VERSION))
        return FAIL(SK_INPUT, "not a disclosure");
    TRY(leaf_check(&check, root, "open", &facts->open, &check.open, &facts->open_leaf));
    TRY(leaf_check(&check, root, "close", &facts->close, &check.close, &facts->close_leaf));
    TRY(bound_check(&check));
    facts->closed = check.close != NULL;
    TRY(leaf_check(&check, root, "erasure", &facts->erasure, &erasure, &leaf));
    if (erasure) TRY(erasure_check(&check, erasure));
    return fields_check(&check, json_find(root, "fields"));
}
