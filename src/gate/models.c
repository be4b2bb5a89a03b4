// GET /v1/models and /v1/models/{model}: border's list of models, or one of it.
#include <time.h>

#include "base/json.h"
#include "gate/gate.h"

static struct view text_of(const struct json_node *model, const char *name) {
    const struct json_node *node = json_find(model, name);
    return json_is(node, JSON_STRING) ? json_view(node) : (struct view){0};
}

static int64_t number_of(const struct json_node *model, const char *name) {
    const struct json_node *node = json_find(model, name);
    int64_t number = 0;
    return json_is(node, JSON_NUMBER) && json_i64(node, &number) ? number : 0;
}

// As Anthropic describes a model. A name of the file is for people; an id is always there.
static void put_anthropic(struct json_writer *w, const struct json_node *model) {
    const struct json_node *ours = json_find(model, "sekisho");
    struct view id = text_of(model, "id"), name = text_of(ours, "name");
    char created[32] = "";
    struct tm at;
    time_t time = (time_t)number_of(model, "created");
    if (gmtime_r(&time, &at)) strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &at);
    json_open(w, '{');
    json_member_text(w, "type", "model");
    json_member_string(w, "id", id);
    json_member_string(w, "display_name", name.len ? name : id);
    json_member_text(w, "created_at", created);
    json_member_i64(w, "max_input_tokens", number_of(ours, "context"));
    json_member_i64(w, "max_tokens", number_of(ours, "context"));
    if (ours) {
        json_name(w, "sekisho");
        json_put_node(w, ours);
    }
    json_close(w, '}');
}

static void put_id_or_null(struct json_writer *w, const char *name, const struct json_node *model) {
    json_name(w, name);
    if (model)
        json_put_string(w, text_of(model, "id"));
    else
        json_put_null(w);
}

static void put_anthropic_list(struct json_writer *w, const struct json_node *list) {
    const struct json_node *model = json_first(list), *last = NULL;
    json_open(w, '{');
    json_name(w, "data");
    json_open(w, '[');
    for (uint32_t i = 0; i < list->len; i++, model = json_next(model)) {
        put_anthropic(w, model);
        last = model;
    }
    json_close(w, ']');
    json_member_bool(w, "has_more", false);
    put_id_or_null(w, "first_id", list->len ? json_first(list) : NULL);
    put_id_or_null(w, "last_id", last);
    json_close(w, '}');
}

enum sk_code gate_models_write(const struct gate_route *route, char *models, size_t len,
                               struct arena *arena, struct buf *out, struct gate_error *error) {
    const struct json_node *root, *list = NULL;
    struct json_writer w = json_writer_to(out);
    if (json_parse(models, len, arena, &root) == SK_OK) list = json_find(root, "data");
    if (!json_is(list, JSON_ARRAY))
        return gate_refuse(error, 500, "internal_error", "", "The list of models cannot be read.");
    bool anthropic = route->protocol->anthropic;
    if (route->what == GATE_MODELS) {
        if (anthropic)
            put_anthropic_list(&w, list);
        else
            json_put_node(&w, root);
        return SK_OK;
    }
    const struct json_node *model = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, model = json_next(model)) {
        if (!view_is(text_of(model, "id"), route->model)) continue;
        if (anthropic)
            put_anthropic(&w, model);
        else
            json_put_node(&w, model);
        return SK_OK;
    }
    return gate_refuse(error, 404, "model_not_found", "model",
                       "The model '%s' does not exist here.", route->model);
}
