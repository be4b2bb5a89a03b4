// A bundle read: envelope, signature, and only then the statement.
#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"
#include "signing/parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { MEMBERS_MAX = 8 };

// What the envelope carries, before anything of it is believed.
struct envelope {
    struct view statement, signature;
    struct view hint; // the key's name; empty: not said
};

// An object that has no members but these.
static enum sk_code only(const struct json_node *object, const char *what,
                         const char *const names[MEMBERS_MAX]) {
    if (!json_is(object, JSON_OBJECT)) return FAIL(SK_INPUT, "%s must be an object", what);
    const struct json_node *node = json_first(object);
    for (uint32_t i = 0; i < object->len; i++, node = json_next(json_next(node))) {
        size_t k = 0;
        while (k < MEMBERS_MAX && names[k] && !json_is_text(node, names[k]))
            k++;
        if (k == MEMBERS_MAX || !names[k])
            return FAIL(SK_INPUT, "%s has a member '%.*s' of no meaning here", what,
                        (int)(node->len > 64 ? 64 : node->len), node->at);
    }
    return SK_OK;
}

// A copy that may be parsed in place.
static enum sk_code parse(struct view text, struct arena *arena, const struct json_node **root) {
    char *copy = arena_text(arena, text);
    return copy ? json_parse(copy, text.len, arena, root) : SK_LIMIT;
}

static enum sk_code base64_read(const struct json_node *node, const char *what, struct arena *arena,
                                struct view *out) {
    if (!json_is(node, JSON_STRING)) return FAIL(SK_INPUT, "%s is missing", what);
    uint8_t *bytes = arena_take_raw(arena, node->len + 1, 1);
    if (!bytes) return SK_LIMIT;
    if (!base64_take(json_view(node), bytes, node->len, &out->len) || out->len == 0)
        return FAIL(SK_INPUT, "%s is not base64", what);
    out->at = (const char *)bytes;
    return SK_OK;
}

static enum sk_code material_read(const struct json_node *root, struct view *hint) {
    static const char *const members[MEMBERS_MAX] = {"publicKey", "tlogEntries",
                                                     "timestampVerificationData"};
    // Up to version 1.0 of the reference the key itself stood there, unnamed.
    static const char *const key_members[MEMBERS_MAX] = {"hint", "rawBytes", "keyDetails"};
    const struct json_node *material = json_find(root, "verificationMaterial");
    if (json_find(material, "certificate") || json_find(material, "x509CertificateChain"))
        return FAIL(SK_UNSUPPORTED, "it is signed with a certificate: sign it with a plain key "
                                    "(sekisho model sign FILE --key PEM)");
    TRY(only(material, "verificationMaterial", members));
    const struct json_node *key = json_find(material, "publicKey"), *name = json_find(key, "hint");
    TRY(only(key, "publicKey", key_members));
    if (json_is(name, JSON_STRING))
        *hint = json_view(name);
    else if (name && !json_is(name, JSON_NULL))
        return FAIL(SK_INPUT, "hint must be a text");
    return SK_OK;
}

static enum sk_code envelope_read(struct view bundle, struct arena *arena, struct envelope *out) {
    static const char *const members[MEMBERS_MAX] = {"mediaType", "verificationMaterial",
                                                     "dsseEnvelope"};
    static const char *const envelope_members[MEMBERS_MAX] = {"payload", "payloadType",
                                                              "signatures"};
    static const char *const signature_members[MEMBERS_MAX] = {"sig", "keyid"};
    const struct json_node *root;
    *out = (struct envelope){0};
    TRY(parse(bundle, arena, &root));
    if (!json_is_text(json_find(root, "mediaType"), SIGNING_MEDIA_TYPE))
        return FAIL(SK_UNSUPPORTED, "its mediaType is not " SIGNING_MEDIA_TYPE);
    if (json_find(root, "messageSignature"))
        return FAIL(SK_UNSUPPORTED, "it signs bare bytes, not a list of files");
    TRY(only(root, "the bundle", members));
    TRY(material_read(root, &out->hint));
    const struct json_node *envelope = json_find(root, "dsseEnvelope"),
                           *list = json_find(envelope, "signatures");
    TRY(only(envelope, "dsseEnvelope", envelope_members));
    if (!json_is_text(json_find(envelope, "payloadType"), SIGNING_PAYLOAD_TYPE))
        return FAIL(SK_UNSUPPORTED, "its payloadType is not " SIGNING_PAYLOAD_TYPE);
    if (!json_is(list, JSON_ARRAY) || list->len != 1)
        return FAIL(SK_INPUT, "it must have exactly one signature");
    TRY(only(json_first(list), "a signature", signature_members));
    TRY(base64_read(json_find(json_first(list), "sig"), "sig", arena, &out->signature));
    return base64_read(json_find(envelope, "payload"), "payload", arena, &out->statement);
}

struct buf *signing_pae(struct view statement, struct arena *arena) {
    size_t max = statement.len + 128;
    struct buf *out = arena_take(arena, 1, sizeof *out);
    char *bytes = out ? arena_take_raw(arena, max, 1) : NULL;
    if (!bytes) return NULL;
    *out = buf_over(bytes, max);
    buf_print(out, "DSSEv1 %zu %s %zu ", sizeof SIGNING_PAYLOAD_TYPE - 1, SIGNING_PAYLOAD_TYPE,
              statement.len);
    buf_put_view(out, statement);
    must(!out->over);
    return out;
}

static enum sk_code signature_check(const struct envelope *envelope, const struct signing_key *keys,
                                    size_t keys_len, struct arena *arena,
                                    const struct signing_key **by) {
    const struct buf *bytes = signing_pae(envelope->statement, arena);
    bool named = false;
    if (!bytes) return SK_LIMIT;
    for (size_t i = 0; i < keys_len; i++) {
        char text[2 * HASH_LEN];
        struct buf id = buf_over(text, sizeof text);
        hex_put(&id, keys[i].id, HASH_LEN);
        if (envelope->hint.len && !view_same(envelope->hint, buf_view(&id))) continue;
        named = envelope->hint.len > 0;
        *by = &keys[i];
        if (signing_key_check(*by, buf_view(bytes), envelope->signature)) return SK_OK;
    }
    if (named) return FAIL(SK_CORRUPT, "its signature is not over this statement: one was changed");
    uint8_t id[HASH_LEN]; // what is no name of a key is not repeated
    if (!hex_take(envelope->hint, id, HASH_LEN))
        return FAIL(SK_DENIED, "none of the keys in signed_by signed it");
    return FAIL(SK_DENIED, "its signer %.*s is not in signed_by", (int)envelope->hint.len,
                envelope->hint.at);
}

// ---- the statement, whose signature is good ----

bool signing_name_good(struct view name) {
    if (name.len == 0 || name.len > SIGNING_NAME_MAX || !utf8_check(name) || name.at[0] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.at[i] < 0x20 || name.at[i] == 0x7f) return false;
    for (struct view rest = name; rest.len;) {
        const char *slash = memchr(rest.at, '/', rest.len);
        struct view part = {rest.at, slash ? (size_t)(slash - rest.at) : rest.len};
        if (part.len == 0 || view_is(part, "..")) return false;
        if (view_is(part, ".") && name.len > 1) return false;
        rest = view_from(rest, part.len + 1);
        if (slash && rest.len == 0) return false;
    }
    return true;
}

void signing_subject(const struct signing_file *files, size_t len, uint8_t out[HASH_LEN]) {
    struct hash hash;
    must(hash_open(&hash) == SK_OK);
    hash_begin(&hash);
    for (size_t i = 0; i < len; i++)
        hash_more(&hash, files[i].digest, HASH_LEN);
    hash_end(&hash, out);
    hash_close(&hash);
}

static enum sk_code kind_check(const struct json_node *root) {
    const struct json_node *how = json_find(json_find(root, "predicate"), "serialization");
    if (!json_is_text(json_find(root, "_type"), SIGNING_STATEMENT_TYPE) ||
        !json_is_text(json_find(root, "predicateType"), SIGNING_PREDICATE_TYPE))
        return FAIL(SK_UNSUPPORTED, "its statement is not of " SIGNING_PREDICATE_TYPE
                                    ": sign the model again, with model-signing 1.0 or later");
    if (!json_is_text(json_find(how, "method"), "files") ||
        !json_is_text(json_find(how, "hash_type"), "sha256"))
        return FAIL(SK_UNSUPPORTED, "it is not over SHA-256 of whole files (serialization files, "
                                    "sha256): sign the model again with these");
    return SK_OK;
}

static enum sk_code file_read(const struct json_node *node, struct signing_file *out) {
    const struct json_node *name = json_find(node, "name"), *digest = json_find(node, "digest");
    if (!json_is(name, JSON_STRING) || !signing_name_good(json_view(name)) ||
        !json_is_text(json_find(node, "algorithm"), "sha256") || !json_is(digest, JSON_STRING) ||
        !hex_take(json_view(digest), out->digest, HASH_LEN))
        return FAIL(SK_INPUT,
                    "a resource must be {name, algorithm: sha256, digest: 64 hex digits}");
    out->name = json_view(name);
    return SK_OK;
}

static int by_name(const void *a, const void *b) {
    const struct signing_file *const *x = a, *const *y = b;
    size_t least = (*x)->name.len < (*y)->name.len ? (*x)->name.len : (*y)->name.len;
    int order = memcmp((*x)->name.at, (*y)->name.at, least);
    if (order == 0) order = (*x)->name.len < (*y)->name.len ? -1 : (*x)->name.len > (*y)->name.len;
    return order;
}

static enum sk_code names_check(const struct signing_file *files, uint32_t len,
                                struct arena *arena) {
    const struct signing_file **sorted = arena_take_raw(arena, len, sizeof(void *));
    if (!sorted) return SK_LIMIT;
    for (uint32_t i = 0; i < len; i++)
        sorted[i] = &files[i];
    qsort(sorted, len, sizeof(void *), by_name);
    for (uint32_t i = 1; i < len; i++)
        if (by_name(&sorted[i - 1], &sorted[i]) == 0)
            return FAIL(SK_INPUT, "it lists '%.*s' twice", (int)sorted[i]->name.len,
                        sorted[i]->name.at);
    return SK_OK;
}

static enum sk_code files_read_all(const struct json_node *list, struct arena *arena,
                                   struct signing_statement *out) {
    if (!json_is(list, JSON_ARRAY) || list->len == 0 || list->len > SIGNING_FILES_MAX)
        return FAIL(SK_LIMIT, "it must list 1 to %d files", SIGNING_FILES_MAX);
    struct signing_file *files = arena_take(arena, list->len, sizeof *files);
    if (!files) return SK_LIMIT;
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node))
        TRY(file_read(node, &files[i]));
    out->files = files;
    out->files_len = list->len;
    return names_check(files, list->len, arena);
}

static enum sk_code subject_check(const struct json_node *list, struct signing_statement *out) {
    uint8_t stated[HASH_LEN], right[HASH_LEN];
    const struct json_node *subject = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    if (!subject || list->len != 1) return FAIL(SK_INPUT, "it must have exactly one subject");
    const struct json_node *name = json_find(subject, "name"),
                           *digest = json_find(json_find(subject, "digest"), "sha256");
    if (!json_is(name, JSON_STRING) || !json_is(digest, JSON_STRING) ||
        !hex_take(json_view(digest), stated, HASH_LEN))
        return FAIL(SK_INPUT, "its subject must be {name, digest: {sha256: 64 hex digits}}");
    out->model = json_view(name);
    signing_subject(out->files, out->files_len, right);
    if (memcmp(stated, right, HASH_LEN) == 0) return SK_OK;
    return FAIL(SK_CORRUPT, "its subject's digest is not that of the files it lists");
}

enum sk_code signing_statement_read(struct view text, struct arena *arena,
                                    struct signing_statement *out) {
    const struct json_node *root;
    hash_of(text.at, text.len, out->digest);
    TRY(parse(text, arena, &root));
    TRY(kind_check(root));
    TRY(files_read_all(json_find(json_find(root, "predicate"), "resources"), arena, out));
    return subject_check(json_find(root, "subject"), out);
}

enum sk_code signing_check(struct view bundle, const struct signing_key *keys, size_t keys_len,
                           struct arena *arena, struct signing_statement *out) {
    struct envelope envelope;
    *out = (struct signing_statement){0};
    if (bundle.len > SIGNING_TEXT_MAX)
        return FAIL(SK_LIMIT, "%zu bytes > %d", bundle.len, SIGNING_TEXT_MAX);
    TRY(envelope_read(bundle, arena, &envelope));
    TRY(signature_check(&envelope, keys, keys_len, arena, &out->key));
    return signing_statement_read(envelope.statement, arena, out);
}
