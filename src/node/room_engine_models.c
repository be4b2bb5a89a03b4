// Models of the engine room: descriptors from the parent, mappings and engines of what is loaded.
#include "node/room_engine.h"

#include "base/log.h"
#include "base/utf8.h"
#include "base/world.h"
#include "node/mapped.h"
#include "node/sealed.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void model_arrives(struct engine_models *models, const struct msg_engine_model *setup) {
    must(models->len < MODELS_MAX && setup->slots >= 1 && setup->slots <= 64);
    struct engine_model *model = &models->rows[models->len];
    model->setup = *setup;
    must(engine_cache_find(setup->cache_type, &model->cache) == SK_OK && setup->base <= MODELS_MAX);
    snprintf(model->id, sizeof model->id, "%.*s", (int)setup->id.len, setup->id.at);
    memcpy(&model->scale, &setup->scale, sizeof model->scale);
    model->card.model = models->len++;
    snprintf(model->refused, sizeof model->refused, "%.*s", (int)setup->refused.len,
             setup->refused.at);
    model->chat_template = -1;
}

void model_file_arrives(struct engine_models *models, struct msg *msg) {
    must(models->len > 0);
    struct engine_model *model = &models->rows[models->len - 1];
    must(model->files_len < MODEL_FILES_MAX);
    model->files[model->files_len++] = (struct engine_file){msg->descriptor, msg->as.engine_file};
    model->weights_bytes += msg->as.engine_file.size;
    msg->descriptor = -1;
}

// ---- adapters ----

struct engine_model *model_base(struct engine_models *models, struct engine_model *model) {
    return model->setup.base ? &models->rows[model->setup.base - 1] : model;
}

bool model_is_of(const struct engine_model *model, const struct engine_model *base) {
    return model->setup.base ? model->setup.base - 1 == base->card.model : model == base;
}

uint32_t models_engines(const struct engine_models *models) {
    uint32_t engines = 0;
    for (uint32_t i = 0; i < models->len; i++) engines += !models->rows[i].setup.base;
    return engines;
}

// From now on its model does without it, and says why to who asks for it.
static void adapter_refuse(struct engine_model *adapter) {
    struct view why = view_of(fail_text());
    if (why.len > sizeof adapter->refused - 1) why.len = sizeof adapter->refused - 1;
    why.len -= utf8_tail(why);
    snprintf(adapter->refused, sizeof adapter->refused, "%.*s", (int)why.len, why.at);
    log_line(LOG_ERROR, "adapter", "model=%u text=\"%s\"", adapter->card.model, adapter->refused);
    adapter->adapter = 0;
}

// ---- files ----

// The digest was of this file in this state: what changed since has another, or none.
static enum sk_code file_same(const struct engine_file *file) {
    const struct msg_engine_file *then = &file->state;
    struct file_state was = {then->device, then->inode, then->size, then->mtime_ns, then->ctime_ns};
    struct stat info;
    if (fstat(file->descriptor, &info) != 0) return FAIL(SK_IO, "its file cannot be looked at");
    struct file_state is = file_state_of(&info);
    if (file_state_same(&is, &was)) return SK_OK;
    return FAIL(SK_CORRUPT, "its file was changed after its digest was checked; restart the node "
                            "to serve what it is now");
}

static enum sk_code files_same(const struct engine_model *model) {
    for (uint32_t i = 0; i < model->files_len; i++) TRY(file_same(&model->files[i]));
    return SK_OK;
}

enum sk_code model_same(const struct engine_models *models, const struct engine_model *model) {
    TRY(files_same(model));
    for (uint32_t i = 0; i < models->len; i++) {
        const struct engine_model *row = &models->rows[i];
        enum sk_code code = row->adapter && model_is_of(row, model) ? files_same(row) : SK_OK;
        if (code != SK_OK) return fail_within(code, "adapter %s", row->id);
    }
    return SK_OK;
}

static void own_files_unmap(struct engine_model *model) {
    for (uint32_t i = 0; i < model->files_len; i++) mapped_close(&model->views[i]);
    model->adapter = 0;
}

static void files_unmap(struct engine_models *models, struct engine_model *model) {
    for (uint32_t i = 0; i < models->len; i++)
        if (model_is_of(&models->rows[i], model)) own_files_unmap(&models->rows[i]);
}

static enum sk_code own_files_map(struct engine_model *model) {
    if (model->refused[0]) return FAIL(SK_DENIED, "%s", model->refused);
    TRY(files_same(model));
    for (uint32_t i = 0; i < model->files_len; i++) {
        const struct engine_file *file = &model->files[i];
        enum sk_code code = mapped_open(file->descriptor, file->state.size, &model->views[i]);
        if (code != SK_OK) return fail_within(code, "its file");
    }
    return SK_OK;
}

// Those of its adapters too, as far as they are good.
static enum sk_code files_map(struct engine_models *models, struct engine_model *model) {
    TRY(own_files_map(model));
    for (uint32_t i = 0; i < models->len; i++) {
        struct engine_model *row = &models->rows[i];
        if (row == model || !model_is_of(row, model) || row->refused[0]) continue;
        enum sk_code code = row->files_len == 1
                                ? own_files_map(row)
                                : FAIL(SK_UNSUPPORTED, "an adapter of %u files", row->files_len);
        if (code == SK_OK) continue;
        own_files_unmap(row);
        adapter_refuse(row);
    }
    return SK_OK;
}

// ---- what it is ----

// A GGUF's own words may be longer than the card has room for: cut between two characters.
static struct view card_keep(struct view text, char *to, size_t max) {
    if (text.len > max) {
        text.len = max;
        text.len -= utf8_tail(text);
    }
    if (text.len) memcpy(to, text.at, text.len);
    return (struct view){to, text.len};
}

// What the keys say; the mappings may go afterwards.
static enum sk_code card_fill(struct engine_model *model, const struct engine_shape *shape) {
    struct msg_card *card = &model->card;
    struct view text = shape->chat_template;
    if (model->chat_template < 0) TRY(sealed_make(&text, 1, &model->chat_template));
    card->template_len = (uint32_t)text.len;
    card->name = card_keep(shape->name, model->name, 256);
    card->architecture = card_keep(shape->architecture, model->architecture, 64);
    card->license = card_keep(shape->license, model->license, 64);
    card->types = card_keep(view_of(shape->type_text), model->types, 128);
    card->context = shape->context;
    card->cache_type = view_of(engine_cache_name(shape->cache));
    card->vocabulary = shape->vocabulary;
    card->parameters = shape->parameters;
    card->encoder = shape->encoder;
    card->ranks = shape->ranks;
    return SK_OK;
}

// Those that are mapped, numbered.
static uint32_t adapters_list(struct engine_models *models, const struct engine_model *model) {
    uint32_t len = 0;
    for (uint32_t i = 0; i < models->len; i++) {
        struct engine_model *row = &models->rows[i];
        if (row == model || !model_is_of(row, model) || row->refused[0]) continue;
        models->adapters[len] =
            (struct engine_adapter){row->views[0], view_of(row->id), row->scale};
        row->adapter = ++len;
    }
    return len;
}

// The adapter for whose sake it could not be opened is refused; false: there was none.
static bool adapter_drop(struct engine_models *models, const struct engine_model *model,
                         uint32_t failed) {
    for (uint32_t i = 0; failed && i < models->len; i++) {
        struct engine_model *row = &models->rows[i];
        if (row->adapter != failed || !model_is_of(row, model)) continue;
        own_files_unmap(row);
        adapter_refuse(row);
        return true;
    }
    return false;
}

static struct engine_options options_of(struct engine_models *models, struct engine_model *model) {
    return (struct engine_options){.context = model->setup.context,
                                   .slots = model->setup.slots,
                                   .cache = model->cache,
                                   .pool = models->threads,
                                   .spill = spill_of(model),
                                   .adapters = models->adapters,
                                   .adapters_len = adapters_list(models, model),
                                   .release = mapped_release};
}

static enum sk_code look(struct engine_models *models, struct engine_model *model,
                         struct engine_shape *shape) {
    enum sk_code code;
    uint32_t failed;
    do {
        struct engine_options options = options_of(models, model);
        options.adapter_failed = &failed;
        code = engine_look(model->views, model->files_len, options, shape);
    } while (code != SK_OK && adapter_drop(models, model, failed));
    return code;
}

static enum sk_code keys_read(struct engine_models *models, struct engine_model *model) {
    struct engine_shape shape;
    if (model->state_least) return SK_OK;
    TRY(look(models, model, &shape));
    TRY(card_fill(model, &shape));
    model->weights_bytes = shape.weights_bytes;
    model->state_least = shape.state_bytes;
    model->page_bytes = shape.page_bytes;
    if (models->ready) return SK_OK; // after the lock no memory is taken for keys
    model->spill_places = spill_places(models, model);
    TRY(look(models, model, &shape));
    model->state_least = shape.state_bytes; // with the table of places
    return SK_OK;
}

// ---- memory ----

static uint64_t budget_of(const struct engine_models *models) {
    return models->setup.memory_max ? models->setup.memory_max : UINT64_MAX / 2;
}

static uint64_t bytes_used(const struct engine_models *models) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < models->len; i++) {
        const struct engine_model *model = &models->rows[i];
        if (model->engine) bytes += model->weights_bytes + model->state_bytes;
    }
    return bytes;
}

static struct engine_model *longest_unused(struct engine_models *models) {
    struct engine_model *found = NULL;
    for (uint32_t i = 0; i < models->len; i++) {
        struct engine_model *model = &models->rows[i];
        if (!model->engine || model->running) continue;
        if (!found || model->used_ms < found->used_ms) found = model;
    }
    return found;
}

static enum sk_code room_make(struct engine_models *models, const struct engine_model *model) {
    uint64_t needed = model->weights_bytes + model->state_least, budget = budget_of(models);
    if (needed > budget)
        return FAIL(SK_LIMIT,
                    "it needs %llu bytes of memory, engine.memory is %llu: raise it, or give the "
                    "model a smaller context",
                    (unsigned long long)needed, (unsigned long long)budget);
    while (bytes_used(models) > budget - needed) {
        struct engine_model *old = longest_unused(models);
        if (!old) return FAIL(SK_BUSY, "models that are answering hold the memory it needs");
        model_unload(models, old);
    }
    return SK_OK;
}

// What a model may take beside its weights: when all fit at once an equal part of what is left, so
// that none of them has to go; else all there is.
static uint64_t state_max(const struct engine_models *models, const struct engine_model *model) {
    uint64_t weights = 0, budget = budget_of(models);
    uint64_t left = budget - bytes_used(models) - model->weights_bytes;
    for (uint32_t i = 0; i < models->len; i++) // adapters' stand in their models'
        weights += models->rows[i].setup.base ? 0 : models->rows[i].weights_bytes;
    uint64_t part = weights < budget ? (budget - weights) / models_engines(models) : 0;
    return part >= model->state_least && part < left ? part : left;
}

// ---- loading ----

static int64_t now_us(void) {
    struct world world = world_real(-1);
    return world.monotonic_us(world.self);
}

static enum sk_code open_engine(struct engine_models *models, struct engine_model *model) {
    enum sk_code code;
    uint32_t failed;
    do {
        struct engine_options options = options_of(models, model);
        options.memory_max = state_max(models, model);
        options.adapter_failed = &failed;
        code = engine_open(&model->engine, model->views, model->files_len, options);
    } while (code != SK_OK && adapter_drop(models, model, failed));
    return code;
}

static enum sk_code mapped_load(struct engine_models *models, struct engine_model *model) {
    TRY(keys_read(models, model));
    TRY(room_make(models, model));
    TRY(open_engine(models, model));
    struct engine_shape shape = engine_shape(model->engine);
    model->state_bytes = shape.state_bytes;
    enum sk_code code = card_fill(model, &shape);
    if (code == SK_OK) return SK_OK;
    engine_close(model->engine);
    model->engine = NULL;
    return code;
}

enum sk_code model_load(struct engine_models *models, struct engine_model *model) {
    int64_t began_us = now_us();
    enum sk_code code = files_map(models, model);
    if (code == SK_OK) code = mapped_load(models, model);
    if (code != SK_OK) {
        files_unmap(models, model);
        return code;
    }
    model->used_ms = now_us() / 1000;
    model->card.loaded = 1;
    model->card.kernels = view_of(engine_kernels_name(model->engine));
    log_line(LOG_INFO, "load", "model=%u bytes=%llu ms=%lld", model->card.model,
             (unsigned long long)(model->weights_bytes + model->state_bytes),
             (long long)((now_us() - began_us) / 1000));
    return SK_OK;
}

void model_unload(struct engine_models *models, struct engine_model *model) {
    must(model->engine && model->running == 0);
    spill_forget(model);
    engine_close(model->engine);
    model->engine = NULL;
    model->card.loaded = 0;
    files_unmap(models, model);
    log_line(LOG_INFO, "unload", "model=%u", model->card.model);
}

// Its keys, for the card; of one that cannot be read an empty card.
static enum sk_code model_prepare(struct engine_models *models, struct engine_model *model) {
    struct view none = VIEW("");
    enum sk_code code = files_map(models, model);
    if (code == SK_OK) code = keys_read(models, model);
    if (code != SK_OK)
        log_line(LOG_ERROR, "model", "model=%u text=\"%s\"", model->card.model, fail_text());
    files_unmap(models, model);
    return model->chat_template < 0 ? sealed_make(&none, 1, &model->chat_template) : SK_OK;
}

enum sk_code models_prepare(struct engine_models *models) {
    must(models->len > 0);
    for (uint32_t i = 0; i < models->len; i++) {
        uint32_t base = models->rows[i].setup.base;
        must(!base || (base <= models->len && !models->rows[base - 1].setup.base));
    }
    TRY(engine_threads_open(&models->threads, models->setup.threads));
    enum sk_code code = model_load(models, &models->rows[0]);
    if (code != SK_OK && models->setup.strict) return fail_within(code, "the first model");
    for (uint32_t i = code == SK_OK ? 1 : 0; i < models->len; i++)
        if (!models->rows[i].setup.base) TRY(model_prepare(models, &models->rows[i]));
    models->ready = true;
    return spill_open(models);
}
