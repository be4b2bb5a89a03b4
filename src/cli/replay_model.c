#include "cli/replay_model.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static bool digest_is(const uint8_t digest[HASH_LEN], struct view hex) {
    char text[2 * HASH_LEN];
    struct buf out = buf_over(text, sizeof text);
    hex_put(&out, digest, HASH_LEN);
    return view_same(buf_view(&out), hex);
}

// The configured model with the receipt's name, or the first; with --adapter one over it.
static enum sk_code row_choose(struct conf *conf, const struct replay_weights *weights,
                               struct conf_model **out) {
    struct conf_model *row = &conf->models[0];
    for (uint32_t i = 0; i < conf->models_len; i++)
        if (view_is(weights->model, conf->models[i].id)) row = &conf->models[i];
    uint32_t base = conf_model_base(conf, (uint32_t)(row - conf->models));
    struct conf_model *model = &conf->models[base];
    if (!weights->adapter_sha256.len) row = model;
    if (weights->model_file)
        snprintf(model->file, sizeof model->file, "%s", weights->model_file);
    if (weights->adapter_sha256.len && weights->adapter_file)
        TRY(cli_adapter_row(conf, base, weights->adapter_file, &row));
    if (weights->adapter_sha256.len && row == model)
        return FAIL(SK_UNKNOWN, "its adapter, which has the SHA-256 %.*s, is not configured: give "
                    "--adapter", (int)weights->adapter_sha256.len, weights->adapter_sha256.at);
    if (row != model && weights->adapter_scale.len >= sizeof row->scale)
        return FAIL(SK_CORRUPT, "its adapter_scale has over %zu bytes", sizeof row->scale - 1);
    if (row != model)
        snprintf(row->scale, sizeof row->scale, "%.*s", (int)weights->adapter_scale.len,
                 weights->adapter_scale.at);
    model->context = (uint64_t)weights->context;
    snprintf(model->cache_type, sizeof model->cache_type, "%s",
             engine_cache_name(weights->cache));
    *out = row;
    return SK_OK;
}

// Reads the files whole.
static enum sk_code files_check(const char *file, const char *what, struct view sha256,
                                struct weights *weights) {
    static struct digests digests;
    TRY(weights_open(weights, file));
    enum sk_code code = weights_check(weights, &digests, true, NULL);
    if (code == SK_OK && !digest_is(weights->digest, sha256))
        code = FAIL(SK_UNKNOWN, "%s is not its %s, which has the SHA-256 %.*s", file, what,
                    (int)sha256.len, sha256.at);
    weights_close(weights);
    return code;
}

// Those that were opened are those that were checked: `parts` of them.
static enum sk_code files_same(const struct weights *opened, const struct weights *checked,
                               const char *file) {
    for (uint32_t i = 0; i < opened->len; i++)
        if (!file_state_same(&opened->parts[i].file, &checked->parts[i].file))
            return FAIL(SK_BUSY, "%s was changed meanwhile", file);
    return SK_OK;
}

enum sk_code replay_model_open(struct conf *conf, const struct replay_weights *weights,
                               struct cli_model *model, const char **file) {
    static struct weights checked, adapter_checked;
    struct conf_model *row = NULL;
    if (weights->model_file && strlen(weights->model_file) >= CONF_PATH_MAX)
        return FAIL(SK_LIMIT, "--model: too long a path");
    TRY(row_choose(conf, weights, &row));
    uint32_t index = (uint32_t)(row - conf->models);
    struct conf_model *base = &conf->models[conf_model_base(conf, index)];
    *file = base->file;
    TRY(files_check(base->file, "model", weights->model_sha256, &checked));
    if (row != base)
        TRY(files_check(row->file, "adapter", weights->adapter_sha256, &adapter_checked));
    TRY(cli_model_open(conf, index, model));
    TRY(files_same(&model->weights, &checked, base->file));
    TRY(files_same(&model->adapter_weights, &adapter_checked, row->file));
    uint8_t digest[HASH_LEN];
    struct view chat_template = engine_shape(model->engine).chat_template;
    hash_of(chat_template.at, chat_template.len, digest);
    if (digest_is(digest, weights->template_sha256)) return SK_OK;
    return FAIL(SK_UNSUPPORTED, "its chat template was another");
}
