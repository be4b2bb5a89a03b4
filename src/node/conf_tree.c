// The tree of a configuration file, field by field into struct conf.
#include "node/conf_fields.h"
#include "node/conf_tree.h"

#include <stdio.h>

static void node_where(const struct conf *conf, const struct yaml_node *node, char out[256]) {
    snprintf(out, 256, "%.200s:%u:%u", conf->file, node->line, node->column);
}

static enum sk_code unknown_key(const struct yaml_node *node, const char *where) {
    return FAIL(SK_INPUT, "%s: unknown key '%.*s'; `sekisho config print` shows all", where,
                (int)node->key.len, node->key.at);
}

// A list of texts becomes one text, comma separated.
static enum sk_code list_set(void *at, const struct conf_field *field, const struct yaml_node *list,
                             const char *where) {
    char storage[CONF_LIST_MAX];
    struct buf joined = buf_over(storage, sizeof storage);
    for (const struct yaml_node *one = list->first; one; one = one->next) {
        if (one->type != YAML_SCALAR || !one->text.len || memchr(one->text.at, ',', one->text.len))
            return FAIL(SK_INPUT, "%s: %s must be a list of texts without commas", where,
                        field->name);
        if (joined.len) buf_put_char(&joined, ',');
        buf_put_view(&joined, one->text);
    }
    TRY(buf_check(&joined, field->name));
    return conf_field_set(at, field, buf_view(&joined), where);
}

// A member of a map: `at` is the struct its field is of.
static enum sk_code member_set(const struct conf *conf, void *at, const struct conf_field *field,
                               const struct yaml_node *node) {
    char where[256];
    node_where(conf, node, where);
    if (!field) return unknown_key(node, where);
    if (field->kind == CONF_LIST && node->type == YAML_LIST)
        return list_set(at, field, node, where);
    if (node->type != YAML_SCALAR || field->kind == CONF_LIST)
        return FAIL(SK_INPUT, "%s: %s must be %s", where, field->name,
                    field->kind == CONF_LIST ? "a list" : "one value");
    return conf_field_set(at, field, node->text, where);
}

static enum sk_code key_set(struct conf *conf, const struct yaml_node *row) {
    char where[256];
    node_where(conf, row, where);
    if (row->type != YAML_MAP || !yaml_find(row, "name") || !yaml_find(row, "sha256"))
        return FAIL(SK_INPUT,
                    "%s: a key is {name: TEXT, sha256: 64 hex digits}; `sekisho key NAME` makes "
                    "one",
                    where);
    struct conf_key *key = conf_key_add(conf, "?");
    must(key != NULL); // they were counted
    for (const struct yaml_node *node = row->first; node; node = node->next)
        TRY(member_set(conf, key, conf_field_find(&conf_key_fields, VIEW("key"), node->key), node));
    return key->name[0] ? SK_OK : FAIL(SK_INPUT, "%s: a key's name is empty", where);
}

static enum sk_code keys_set(struct conf *conf, const struct yaml_node *list) {
    char where[256];
    node_where(conf, list, where);
    if (list->type == YAML_NULL) return SK_OK;
    if (list->type != YAML_LIST || list->count > CONF_KEYS_MAX)
        return FAIL(SK_INPUT, "%s: keys must be a list of at most %d", where, CONF_KEYS_MAX);
    for (const struct yaml_node *row = list->first; row; row = row->next)
        TRY(key_set(conf, row));
    return SK_OK;
}

static const struct conf_field *model_field_find(struct view name) {
    return conf_field_find(&conf_model_fields, VIEW("model"), name);
}

// The one model of a section `model:`, where what is the engine's stood too.
static enum sk_code model_section_set(struct conf *conf, const struct yaml_node *map) {
    for (const struct yaml_node *node = map->first; node; node = node->next) {
        const struct conf_field *field = model_field_find(node->key),
                                *engine = conf_field_find(&conf_fields, VIEW("engine"), node->key);
        if (field)
            TRY(member_set(conf, &conf->models[0], field, node));
        else
            TRY(member_set(conf, conf, engine, node));
    }
    return SK_OK;
}

static enum sk_code models_set(struct conf *conf, const struct yaml_node *list) {
    char where[256];
    node_where(conf, list, where);
    if (list->type != YAML_LIST || list->count < 1 || list->count > CONF_MODELS_MAX)
        return FAIL(SK_INPUT, "%s: models must be a list of 1 to %d, each {id: TEXT, file: PATH}",
                    where, CONF_MODELS_MAX);
    conf->models_len = 0;
    for (const struct yaml_node *row = list->first; row; row = row->next) {
        struct conf_model *model = &conf->models[conf->models_len++];
        conf_model_defaults(model);
        node_where(conf, row, where);
        if (row->type != YAML_MAP || !yaml_find(row, "id") || !yaml_find(row, "file"))
            return FAIL(SK_INPUT, "%s: a model is {id: TEXT, file: PATH}", where);
        for (const struct yaml_node *node = row->first; node; node = node->next)
            TRY(member_set(conf, model, model_field_find(node->key), node));
    }
    return SK_OK;
}

static bool section_known(struct view name) {
    for (size_t i = 0; i < conf_fields.len; i++) {
        const char *section = conf_fields.rows[i].section;
        if (section[0] && view_is(name, section)) return true;
    }
    return false;
}

static enum sk_code section_set(struct conf *conf, const struct yaml_node *map) {
    for (const struct yaml_node *node = map->first; node; node = node->next)
        TRY(member_set(conf, conf, conf_field_find(&conf_fields, map->key, node->key), node));
    return SK_OK;
}

enum sk_code conf_tree_set(struct conf *conf, const struct yaml_node *root) {
    char where[256];
    if (root->type == YAML_NULL) return SK_OK;
    if (root->type != YAML_MAP) return FAIL(SK_INPUT, "%s: must be a map", conf->file);
    for (const struct yaml_node *node = root->first; node; node = node->next) {
        node_where(conf, node, where);
        if (view_is(node->key, "model") && yaml_find(root, "models"))
            return FAIL(SK_INPUT, "%s: model beside models: put it into the list", where);
        if (view_is(node->key, "keys"))
            TRY(keys_set(conf, node));
        else if (view_is(node->key, "models"))
            TRY(models_set(conf, node));
        else if (view_is(node->key, "model") && node->type == YAML_MAP)
            TRY(model_section_set(conf, node));
        else if (section_known(node->key) && node->type == YAML_MAP)
            TRY(section_set(conf, node));
        else
            TRY(member_set(conf, conf, conf_field_find(&conf_fields, VIEW(""), node->key), node));
    }
    return SK_OK;
}
