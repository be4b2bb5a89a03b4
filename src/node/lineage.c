#include "node/lineage.h"

#include "node/files.h"
#include "signing/signing.h"

#include <stdio.h>
#include <unistd.h>

enum sk_code lineage_signature(const struct conf_model *model, char out[CONF_PATH_MAX]) {
    const char *slash = strrchr(model->file, '/');
    int directory = slash ? (int)(slash - model->file) + 1 : 0;
    if (model->signature[0]) {
        memcpy(out, model->signature, CONF_PATH_MAX);
        return SK_OK;
    }
    if (strlen(model->file) + sizeof "/model.sig" > CONF_PATH_MAX)
        return FAIL(SK_LIMIT, "its path is too long for a signature beside it");
    snprintf(out, CONF_PATH_MAX, "%.*smodel.sig", directory, model->file);
    if (access(out, F_OK) == 0) return SK_OK;
    snprintf(out, CONF_PATH_MAX, "%s.sig", model->file);
    return SK_OK;
}

static enum sk_code file_text(const char *path, size_t max, struct arena *arena, struct view *out) {
    char *at = arena_take_raw(arena, max, 1);
    if (!at) return SK_LIMIT;
    struct buf text = buf_over(at, max);
    TRY(files_read(path, &text));
    *out = buf_view(&text);
    return SK_OK;
}

static enum sk_code keys_read(const char *paths, struct arena *arena,
                              struct signing_key keys[LINEAGE_KEYS_MAX], size_t *len) {
    for (struct view rest = view_of(paths); rest.len;) {
        const char *comma = memchr(rest.at, ',', rest.len);
        struct view path = {rest.at, comma ? (size_t)(comma - rest.at) : rest.len}, pem;
        char *name = arena_text(arena, path);
        if (!name) return SK_LIMIT;
        if (*len == LINEAGE_KEYS_MAX)
            return FAIL(SK_LIMIT, "signed_by names more than %d keys", LINEAGE_KEYS_MAX);
        enum sk_code code = file_text(name, SIGNING_PEM_MAX, arena, &pem);
        if (code == SK_OK) code = signing_key_read(pem, &keys[*len]);
        if (code != SK_OK) return fail_within(code, "signed_by: %s", name);
        ++*len;
        rest = view_from(rest, path.len + 1);
    }
    return SK_OK;
}

// The file as the signer lists it: by its path from the signature's directory.
static const struct signing_file *file_find(const struct signing_statement *statement,
                                            const struct weights *weights, uint32_t part,
                                            struct view below) {
    char name[CONF_PATH_MAX + sizeof weights->parts->name];
    snprintf(name, sizeof name, "%.*s%s", (int)below.len, below.at, weights->parts[part].name);
    for (uint32_t i = 0; i < statement->files_len; i++) {
        const struct signing_file *file = &statement->files[i];
        bool whole = statement->files_len == 1 && weights->len == 1 && view_is(file->name, ".");
        if (whole || view_is(file->name, name)) return file;
    }
    return NULL;
}

// From the signature's directory to the model's, ending in a slash; empty when they are one, or
// when the model is not below it.
static struct view path_below(const char *signature, const char *model) {
    const char *last = strrchr(signature, '/'), *slash = strrchr(model, '/');
    size_t root = last ? (size_t)(last - signature) + 1 : 0;
    size_t directory = slash ? (size_t)(slash - model) + 1 : 0;
    if (directory <= root || memcmp(signature, model, root) != 0) return (struct view){model, 0};
    return (struct view){model + root, directory - root};
}

static enum sk_code files_check(const struct signing_statement *statement,
                                const struct weights *weights, struct view below) {
    for (uint32_t i = 0; i < weights->len; i++) {
        const struct weights_part *part = &weights->parts[i];
        const struct signing_file *file = file_find(statement, weights, i, below);
        if (!file)
            return FAIL(SK_DENIED, "%s is not among the %u files that were signed", part->name,
                        statement->files_len);
        if (memcmp(file->digest, part->digest, HASH_LEN) != 0)
            return FAIL(SK_CORRUPT,
                        "%s is not the file that was signed: its bytes are others; get "
                        "it again",
                        part->name);
    }
    return SK_OK;
}

static enum sk_code signature_check(const struct conf_model *model, const struct weights *weights,
                                    const struct signing_key *keys, size_t keys_len,
                                    struct arena *arena, struct lineage *out) {
    char path[CONF_PATH_MAX];
    struct view bundle;
    struct signing_statement statement;
    TRY(lineage_signature(model, path));
    enum sk_code code = file_text(path, SIGNING_TEXT_MAX, arena, &bundle);
    if (code == SK_UNKNOWN)
        return FAIL(SK_DENIED, "it is not signed: no %s (sekisho model sign)", path);
    if (code == SK_OK) code = signing_check(bundle, keys, keys_len, arena, &statement);
    if (code == SK_OK) code = files_check(&statement, weights, path_below(path, model->file));
    if (code != SK_OK) return fail_within(code, "%s", path);
    out->known = true;
    memcpy(out->signer, statement.key->id, HASH_LEN);
    memcpy(out->statement, statement.digest, HASH_LEN);
    return SK_OK;
}

const char *lineage_signed_by(const struct conf *conf, const struct conf_model *model) {
    const struct conf_model *base =
        &conf->models[conf_model_base(conf, (uint32_t)(model - conf->models))];
    return model->signed_by[0] ? model->signed_by : base->signed_by;
}

enum sk_code lineage_check(const struct conf *conf, const struct conf_model *model,
                           const struct weights *weights, struct lineage *out) {
    const char *signed_by = lineage_signed_by(conf, model);
    struct signing_key keys[LINEAGE_KEYS_MAX];
    size_t keys_len = 0;
    struct arena arena;
    *out = (struct lineage){0};
    if (!signed_by[0]) {
        if (strcmp(conf->require_signed_models, "yes") != 0) return SK_OK;
        return FAIL(SK_DENIED, "require_signed_models is yes, and it has no signed_by: name the "
                               "public keys of those who may sign it");
    }
    TRY(arena_open(&arena, "signature", SIGNING_ARENA));
    enum sk_code code = keys_read(signed_by, &arena, keys, &keys_len);
    if (code == SK_OK) code = signature_check(model, weights, keys, keys_len, &arena, out);
    for (size_t i = 0; i < keys_len; i++)
        signing_key_close(&keys[i]);
    arena_close(&arena);
    return code;
}
