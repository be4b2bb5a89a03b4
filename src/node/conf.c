#include "node/conf.h"

#include "base/text.h"
#include "base/yaml.h"
#include "gate/gate.h"
#include "ledger/ledger.h"
#include "node/conf_fields.h"
#include "node/conf_tree.h"
#include "node/files.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// Gate holds 256 requests at once: what runs (`parallel` of all models) and what waits must fit.
enum { OPEN_MAX = 254 };

void conf_model_defaults(struct conf_model *model) {
    *model =
        (struct conf_model){.parallel = CONF_PARALLEL, .cache_type = "f16", .scale = "1"};
}

void conf_defaults(struct conf *conf) {
    *conf = (struct conf){.models_len = 1,
                          .idle_s = 900,
                          .connections = 1024,
                          .queue = 64,
                          .body = 4 << 20,
                          .header = 16 << 10,
                          .header_ms = 10000,
                          .idle_ms = 60000,
                          .drain_ms = 30000,
                          .keep_s = 3600,
                          .probe_s = 300,
                          .witness_every_s = 60,
                          .scrub_days = 7,
                          .keep_memory = 64 << 20};
    char host[64] = "localhost";
    gethostname(host, sizeof host - 1);
    snprintf(conf->node, sizeof conf->node, "sekisho.invalid/%s", host);
    snprintf(conf->listen, sizeof conf->listen, "127.0.0.1:8844");
    snprintf(conf->isolation, sizeof conf->isolation, "walled");
    snprintf(conf->witness_required, sizeof conf->witness_required, "no");
    snprintf(conf->require_signed_models, sizeof conf->require_signed_models, "no");
    struct conf_model *model = &conf->models[0];
    conf_model_defaults(model);
    snprintf(model->id, sizeof model->id, "sekisho-keigo");
    files_default_model(model->file, sizeof model->file);
    files_default_data(conf->data, sizeof conf->data);
}

// SEKISHO_LIMITS_BODY for limits.body.
static enum sk_code variable_set(void *at, const struct conf_field *field) {
    char name[64];
    snprintf(name, sizeof name, "SEKISHO_%s%s%s", field->section, field->section[0] ? "_" : "",
             field->name);
    for (char *c = name; *c; c++) *c = (char)toupper((unsigned char)*c);
    const char *value = getenv(name);
    return value ? conf_field_set(at, field, view_of(value), name) : SK_OK;
}

// SEKISHO_MODEL_FILE and the like are of the first model.
static enum sk_code environment_set(struct conf *conf) {
    for (size_t i = 0; i < conf_fields.len; i++) TRY(variable_set(conf, &conf_fields.rows[i]));
    for (size_t i = 0; i < conf_model_fields.len; i++)
        TRY(variable_set(&conf->models[0], &conf_model_fields.rows[i]));
    return SK_OK;
}

struct conf_key *conf_key_add(struct conf *conf, const char *name) {
    if (conf->keys_len == CONF_KEYS_MAX || !name[0]) return NULL;
    struct conf_key *key = &conf->keys[conf->keys_len];
    if (strlen(name) >= sizeof key->name) return NULL;
    *key = (struct conf_key){.use = "ask", .limits = {CONF_INHERIT, CONF_INHERIT, CONF_INHERIT},
                              .weight = CONF_INHERIT};
    memcpy(key->name, name, strlen(name));
    conf->keys_len++;
    return key;
}

struct conf_limits conf_limits(const struct conf *conf, const struct conf_key *key) {
    struct conf_limits limits = key->limits;
    if (limits.requests == CONF_INHERIT) limits.requests = conf->limits.requests;
    if (limits.tokens == CONF_INHERIT) limits.tokens = conf->limits.tokens;
    if (limits.parallel == CONF_INHERIT) limits.parallel = conf->limits.parallel;
    return limits;
}

uint64_t conf_memory(const struct conf *conf) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (conf->memory > 0 || pages <= 0 || page <= 0) return conf->memory;
    return (uint64_t)pages * (uint64_t)page / 4 * 3;
}

uint32_t conf_threads(const struct conf *conf) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t threads = conf->threads ? conf->threads : (uint64_t)(cpus < 1 ? 1 : cpus);
    return (uint32_t)(threads > CONF_THREADS_MAX ? CONF_THREADS_MAX : threads);
}

uint32_t conf_model_base(const struct conf *conf, uint32_t index) {
    const char *of = conf->models[index].adapter_of;
    for (uint32_t i = 0; of[0] && i < conf->models_len; i++)
        if (strcmp(conf->models[i].id, of) == 0) return i;
    return index;
}

enum sk_code conf_scale(const char *text, float *out) {
    char *end;
    double scale = strtod(text, &end);
    if (!text[0] || *end || !(scale >= -100 && scale <= 100))
        return FAIL(SK_INPUT, "scale: '%s' is no number from -100 to 100", text);
    *out = (float)scale;
    return SK_OK;
}

// What it has in common with the others of its model stands there.
static enum sk_code adapter_check(const struct conf *conf, uint32_t index) {
    const struct conf_model *model = &conf->models[index];
    const struct conf_model *base = &conf->models[conf_model_base(conf, index)];
    struct conf_model plain;
    float scale;
    TRY(conf_scale(model->scale, &scale));
    if (!model->adapter_of[0]) return SK_OK;
    conf_model_defaults(&plain);
    if (base == model || base->adapter_of[0])
        return FAIL(SK_INPUT, "adapter_of: no model has the id %s", model->adapter_of);
    if (index == 0) return FAIL(SK_INPUT, "adapter_of: the first of models must be no adapter");
    if (model->context == 0 && model->parallel == plain.parallel &&
        strcmp(model->cache_type, plain.cache_type) == 0)
        return SK_OK;
    return FAIL(SK_INPUT,
                "context, parallel and cache_type of an adapter are those of %s: set them there",
                base->id);
}

static enum sk_code models_check(const struct conf *conf) {
    uint64_t open = conf->queue;
    for (uint32_t i = 0; i < conf->models_len; i++) {
        const char *id = conf->models[i].id;
        if (!conf->models[i].adapter_of[0]) open += conf->models[i].parallel;
        if (!id[0]) return FAIL(SK_INPUT, "models: each must have an id");
        enum sk_code code = adapter_check(conf, i);
        if (code != SK_OK) return fail_within(code, "models: %s", id);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(id, conf->models[j].id) == 0)
                return FAIL(SK_INPUT, "models: the id %s is given twice", id);
    }
    if (open > OPEN_MAX)
        return FAIL(SK_LIMIT, "parallel of all models + limits.queue is %llu, at most %d",
                    (unsigned long long)open, OPEN_MAX);
    return SK_OK;
}

static enum sk_code witness_check(const struct conf *conf) {
    struct witness_log logs[WITNESS_LOGS_MAX];
    size_t len;
    enum sk_code code = witness_logs_parse(view_of(conf->witness_logs), logs, &len);
    return code == SK_OK ? SK_OK : fail_within(code, "witness.logs");
}

enum sk_code conf_check(const struct conf *conf) {
    char host[64];
    uint16_t port;
    TRY(conf_listen(conf, host, &port));
    bool loopback = strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
    if (conf->keys_len == 0 && !loopback)
        return FAIL(SK_DENIED,
                    "listen is %s but no key is configured: add one (`sekisho key NAME`) or listen "
                    "on 127.0.0.1",
                    conf->listen);
    TRY(gate_origins_check(view_of(conf->origins)));
    if (conf->keys_len == 0 && strcmp(conf->origins, "*") == 0)
        return FAIL(SK_DENIED,
                    "cors.origins is '*' but no key is configured: any web page could use this "
                    "node. List its origins, or add a key (`sekisho key NAME`)");
    if (!conf->node[0] || strpbrk(conf->node, " +\t\r\n"))
        return FAIL(SK_INPUT, "node must be a name without spaces or '+', like example.jp/node-1");
    TRY(witness_check(conf));
    return models_check(conf);
}

enum sk_code conf_listen(const struct conf *conf, char host[64], uint16_t *port) {
    const char *colon = strrchr(conf->listen, ':');
    uint64_t number;
    size_t len = colon ? (size_t)(colon - conf->listen) : 0;
    if (!colon || len == 0 || len >= 64 || !decimal_take(view_of(colon + 1), &number) ||
        number > UINT16_MAX)
        return FAIL(SK_INPUT, "listen is '%s': write host:port, like 127.0.0.1:8844 or [::1]:8844",
                    conf->listen);
    bool bracket = conf->listen[0] == '[' && conf->listen[len - 1] == ']';
    snprintf(host, 64, "%.*s", (int)(bracket ? len - 2 : len), conf->listen + bracket);
    *port = (uint16_t)number;
    return SK_OK;
}

enum sk_code conf_read_file(const char *path, struct conf *conf) {
    static const char *const places[] = {"/etc/sekisho/sekisho.yaml", "sekisho.yaml"};
    conf_defaults(conf);
    for (size_t i = 0; !path && i < 2; i++)
        if (access(places[i], F_OK) == 0) path = places[i];
    if (!path)
        return FAIL(SK_UNKNOWN, "no configuration: neither %s nor ./%s; `sekisho init` makes one",
                    places[0], places[1]);
    snprintf(conf->file, sizeof conf->file, "%s", path);
    struct arena arena;
    struct buf text = {0};
    const struct yaml_node *root;
    TRY(arena_open(&arena, "configuration", 64 << 20));
    enum sk_code code = buf_open(&text, YAML_MAX);
    if (code == SK_OK) code = files_read(path, &text);
    if (code == SK_OK) code = yaml_parse(buf_view(&text), path, &arena, &root);
    if (code == SK_OK) code = conf_tree_set(conf, root);
    buf_close(&text);
    arena_close(&arena);
    return code;
}

enum sk_code conf_read(const char *path, struct conf *conf) {
    enum sk_code code = conf_read_file(path, conf);
    if (code != SK_OK && (path || code != SK_UNKNOWN)) return code;
    char why[512];
    snprintf(why, sizeof why, "%s", fail_text());
    TRY(environment_set(conf));
    return code == SK_OK ? conf_check(conf) : FAIL(code, "%s", why);
}

enum sk_code conf_keep_fixed(const struct conf *old, struct conf *fresh, char *names, size_t max) {
    struct buf list = buf_over(names, max - 1);
    for (size_t i = 0; i < conf_fields.len; i++) {
        const struct conf_field *field = &conf_fields.rows[i];
        if (field->live || conf_field_same(old, fresh, field)) continue;
        buf_print(&list, "%s%s%s%s", list.len ? ", " : "", field->section,
                  field->section[0] ? "." : "", field->name);
        conf_field_copy(fresh, old, field);
    }
    if (fresh->models_len != old->models_len ||
        memcmp(fresh->models, old->models, sizeof old->models) != 0) {
        buf_print(&list, "%smodels", list.len ? ", " : "");
        memcpy(fresh->models, old->models, sizeof old->models);
        fresh->models_len = old->models_len;
    }
    names[list.len] = 0;
    return conf_check(fresh);
}
