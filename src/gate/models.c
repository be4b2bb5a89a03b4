// GET /v1/models/{model}: one of the list.
#include "base/json.h"
#include "gate/gate.h"

enum sk_code gate_model_pick(char *models, size_t len, const char *id, struct arena *arena,
                             struct buf *out, struct gate_error *error) {
    const struct json_node *root;
    if (json_parse(models, len, arena, &root) != SK_OK)
        return gate_refuse(error, 500, "internal_error", "", "The list of models cannot be read.");
    const struct json_node *list = json_find(root, "data"), *node = list ? json_first(list) : NULL;
    for (uint32_t i = 0; node && i < list->len; i++, node = json_next(node)) {
        const struct json_node *name = json_find(node, "id");
        if (!json_is(name, JSON_STRING) || !view_is(json_view(name), id)) continue;
        struct json_writer w = json_writer_to(out);
        json_put_node(&w, node);
        return SK_OK;
    }
    return gate_refuse(error, 404, "model_not_found", "model",
                       "The model '%s' does not exist here.", id);
}
