// A bundle written. Members stand in the order of the reference's own output.
#include "base/json.h"
#include "signing/parts.h"

static void statement_write(struct view model, const struct signing_file *files, size_t len,
                            struct buf *out) {
    struct json_writer w = json_writer_to(out);
    uint8_t subject[HASH_LEN];
    signing_subject(files, len, subject);
    json_open(&w, '{');
    json_member_text(&w, "_type", SIGNING_STATEMENT_TYPE);
    json_name(&w, "subject");
    json_open(&w, '[');
    json_open(&w, '{');
    json_member_string(&w, "name", model);
    json_name(&w, "digest");
    json_open(&w, '{');
    json_member_hex(&w, "sha256", subject, HASH_LEN);
    json_close(&w, '}');
    json_close(&w, '}');
    json_close(&w, ']');
    json_member_text(&w, "predicateType", SIGNING_PREDICATE_TYPE);
    json_name(&w, "predicate");
    json_open(&w, '{');
    json_name(&w, "serialization");
    json_open(&w, '{');
    json_member_text(&w, "method", "files");
    json_member_text(&w, "hash_type", "sha256");
    json_member_bool(&w, "allow_symlinks", false);
    json_close(&w, '}');
    json_name(&w, "resources");
    json_open(&w, '[');
    for (size_t i = 0; i < len; i++) {
        json_open(&w, '{');
        json_member_string(&w, "name", files[i].name);
        json_member_text(&w, "algorithm", "sha256");
        json_member_hex(&w, "digest", files[i].digest, HASH_LEN);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_close(&w, '}');
    json_close(&w, '}');
}

static void bundle_write(const struct signing_key *key, struct view statement,
                         struct view signature, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "mediaType", SIGNING_MEDIA_TYPE);
    json_name(&w, "verificationMaterial");
    json_open(&w, '{');
    json_name(&w, "publicKey");
    json_open(&w, '{');
    json_member_hex(&w, "hint", key->id, HASH_LEN);
    json_close(&w, '}');
    json_name(&w, "tlogEntries");
    json_open(&w, '[');
    json_close(&w, ']');
    json_close(&w, '}');
    json_name(&w, "dsseEnvelope");
    json_open(&w, '{');
    json_member_base64(&w, "payload", statement.at, statement.len);
    json_member_text(&w, "payloadType", SIGNING_PAYLOAD_TYPE);
    json_name(&w, "signatures");
    json_open(&w, '[');
    json_open(&w, '{');
    json_member_base64(&w, "sig", signature.at, signature.len);
    json_member_text(&w, "keyid", "");
    json_close(&w, '}');
    json_close(&w, ']');
    json_close(&w, '}');
    json_close(&w, '}');
}

enum sk_code signing_make(const struct signing_key *secret, struct view model,
                          const struct signing_file *files, size_t files_len, struct arena *arena,
                          struct buf *out) {
    uint8_t signature[SIGNING_SIGNATURE_MAX];
    size_t len;
    must(files_len > 0 && files_len <= SIGNING_FILES_MAX);
    for (size_t i = 0; i < files_len; i++)
        if (!signing_name_good(files[i].name))
            return FAIL(SK_INPUT, "'%.*s' cannot be signed: its name is no plain UTF-8",
                        (int)files[i].name.len, files[i].name.at);
    struct buf rest = arena_rest(arena);
    statement_write(model, files, files_len, &rest);
    TRY(buf_check(&rest, "statement"));
    struct view statement = arena_keep(arena, rest.len);
    const struct buf *bytes = signing_pae(statement, arena);
    if (!bytes) return SK_LIMIT;
    TRY(signing_key_sign(secret, buf_view(bytes), signature, &len));
    bundle_write(secret, statement, (struct view){(const char *)signature, len}, out);
    return buf_check(out, "signature");
}
