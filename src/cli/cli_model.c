// Models opened in this process, for the commands that need no node.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/world.h"
#include "cli/cli.h"
#include "node/lineage.h"
#include "node/mapped.h"
#include "node/parent.h"

// As a node does before it loads a model; bytes that a node read lately are not read again.
static enum sk_code lineage_good(const struct conf *conf, const struct conf_model *row,
                                 struct weights *weights) {
    static struct digests digests;
    struct lineage lineage;
    char cache[PARENT_PATH_MAX];
    if (!lineage_signed_by(conf, row)[0]) return lineage_check(conf, row, weights, &lineage);
    parent_digests_path(conf, cache);
    digests_read(cache, &digests);
    TRY(weights_check(weights, &digests, false, NULL));
    return lineage_check(conf, row, weights, &lineage);
}

// What the configured memory leaves beside the weights.
static enum sk_code memory_leave(const struct conf *conf, struct engine_options *options,
                                 const struct cli_model *model) {
    struct engine_shape shape;
    if (options->memory_max || options->tokens_only) return SK_OK;
    TRY(engine_look(model->views, model->weights.len, *options, &shape));
    uint64_t memory = conf_memory(conf), weights = shape.weights_bytes;
    options->memory_max = memory > weights ? memory - weights : 1;
    return SK_OK;
}

static enum sk_code adapter_open(const struct conf *conf, const struct conf_model *row,
                                 struct engine_options *options, struct cli_model *model) {
    bool configured = row->id[0]; // not of the command line
    TRY(weights_open(&model->adapter_weights, row->file));
    if (model->adapter_weights.len != 1) return FAIL(SK_UNSUPPORTED, "an adapter of several files");
    if (configured) TRY(lineage_good(conf, row, &model->adapter_weights));
    TRY(weights_map(&model->adapter_weights, &model->adapter_view));
    model->lora = (struct engine_adapter){.file = model->adapter_view,
                                          .name = view_of(configured ? row->id : row->file)};
    TRY(conf_scale(row->scale, &model->lora.scale));
    options->adapters = &model->lora;
    options->adapters_len = model->adapter = 1;
    return SK_OK;
}

// What is 0 in `options` is as the row says; a conf outlives its model.
static enum sk_code model_open(const struct conf *conf, const struct conf_model *asked,
                               struct engine_options *options, struct cli_model *model) {
    const struct conf_model *row =
        &conf->models[conf_model_base(conf, (uint32_t)(asked - conf->models))];
    *model = (struct cli_model){.path = row->file, .configured = model->configured};
    if (asked != row) {
        enum sk_code code = adapter_open(conf, asked, options, model);
        if (code != SK_OK) return fail_within(code, "adapter %s", asked->file);
    }
    if (!options->context) options->context = (uint32_t)row->context;
    if (!options->slots) options->slots = 1;
    TRY(engine_cache_find(view_of(row->cache_type), &options->cache));
    if (!options->threads) options->threads = conf_threads(conf);
    enum sk_code code = weights_open(&model->weights, row->file);
    if (code != SK_OK) return fail_within(code, "model");
    options->release = mapped_release;
    if (model->configured) code = lineage_good(conf, row, &model->weights);
    if (code == SK_OK) code = weights_map(&model->weights, model->views);
    if (code == SK_OK) code = memory_leave(conf, options, model);
    if (code == SK_OK)
        code = engine_open(&model->engine, model->views, model->weights.len, *options);
    return code == SK_OK ? code : fail_within(code, "model %s", row->file);
}

enum sk_code cli_adapter_row(struct conf *conf, uint32_t base, const char *adapter,
                             struct conf_model **out) {
    float scale;
    const char *colon = strrchr(adapter, ':');
    bool scaled = colon && conf_scale(colon + 1, &scale) == SK_OK;
    size_t len = scaled ? (size_t)(colon - adapter) : strlen(adapter);
    if (conf->models_len == CONF_MODELS_MAX)
        return FAIL(SK_LIMIT, "adapter: beside %d configured models", CONF_MODELS_MAX);
    struct conf_model *row = *out = &conf->models[conf->models_len++];
    if (len >= sizeof row->file || (scaled && strlen(colon + 1) >= sizeof row->scale))
        return FAIL(SK_LIMIT, "adapter: the path is longer than %zu bytes", sizeof row->file);
    conf_model_defaults(row);
    memcpy(row->file, adapter, len);
    if (scaled) memcpy(row->scale, colon + 1, strlen(colon + 1) + 1);
    memcpy(row->adapter_of, conf->models[base].id, sizeof row->adapter_of);
    return SK_OK;
}

enum sk_code cli_model_with(const char *file, const char *adapter, struct engine_options *options,
                            struct cli_model *model) {
    static struct conf conf;
    *model = (struct cli_model){.configured = !file};
    enum sk_code code = conf_read(NULL, &conf);
    if (code != SK_OK && code != SK_UNKNOWN) return code;
    struct conf_model *first = &conf.models[0];
    if (file && strlen(file) >= sizeof first->file)
        return FAIL(SK_LIMIT, "model: the path is longer than %zu bytes", sizeof first->file);
    if (file) snprintf(first->file, sizeof first->file, "%s", file);
    if (adapter) TRY(cli_adapter_row(&conf, 0, adapter, &first));
    return model_open(&conf, first, options, model);
}

enum sk_code cli_model_configured(const char *file, const char *adapter, struct cli_model *model) {
    struct engine_options options = {0};
    return cli_model_with(file, adapter, &options, model);
}

enum sk_code cli_model_open(const struct conf *conf, uint32_t index, struct cli_model *model) {
    struct engine_options options = {0};
    model->configured = true;
    return model_open(conf, &conf->models[index], &options, model);
}

void cli_model_close(struct cli_model *model) {
    if (model->engine) engine_close(model->engine);
    if (model->views[0].len) weights_unmap(&model->weights, model->views);
    if (model->adapter_view.len) weights_unmap(&model->adapter_weights, &model->adapter_view);
    weights_close(&model->weights);
    weights_close(&model->adapter_weights);
    *model = (struct cli_model){0};
}

static enum sk_code answer_steps(struct cli_model *model, const volatile sig_atomic_t *stop,
                                 struct buf *out, struct cli_answer *answer) {
    struct world world = world_real(-1);
    int64_t started = world.monotonic_us(world.self);
    for (;;) {
        if (stop && *stop) {
            engine_stop(model->engine, 0);
            answer->stopped = true;
            return SK_OK;
        }
        struct engine_event event;
        engine_step(model->engine, &(uint32_t){0}, 1, &event);
        if (event.kind == ENGINE_FAILED)
            return FAIL(event.code, "%.*s", (int)event.why.len, event.why.at);
        answer->all_us = world.monotonic_us(world.self) - started;
        answer->tokens = event.tokens;
        if (event.kind == ENGINE_PREFILL) continue;
        char storage[ENGINE_PIECE_MAX];
        struct buf text = buf_over(storage, sizeof storage);
        engine_event_content(&event, &text);
        must(!text.over);
        if (text.len > 0) {
            if (answer->first_us == 0) answer->first_us = answer->all_us;
            fwrite(text.at, 1, text.len, stdout);
            fflush(stdout);
            if (out) buf_put_view(out, buf_view(&text));
        }
        if (event.kind != ENGINE_TEXT) return SK_OK;
    }
}

enum sk_code cli_answer(struct cli_model *model, const struct engine_job *job,
                        const volatile sig_atomic_t *stop, struct buf *out,
                        struct cli_answer *answer) {
    *answer = (struct cli_answer){0};
    size_t max = engine_shape(model->engine).context, len;
    int32_t *ids = calloc(max, sizeof *ids);
    if (!ids) return FAIL(SK_LIMIT, "no memory for %zu token ids", max);
    struct engine_job with = *job;
    with.adapter = model->adapter;
    enum sk_code code = engine_prompt(model->engine, job, ids, max, &len);
    if (code == SK_OK) code = engine_start(model->engine, 0, &with, ids, len);
    free(ids);
    if (code != SK_OK) return code;
    answer->prompt_tokens = (uint32_t)len;
    return answer_steps(model, stop, out, answer);
}
