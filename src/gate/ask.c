// A body to an ask, by the endpoint's table.
#include "gate/endpoint.h"

enum sk_code gate_ask_read(const struct gate_route *route, char *body, size_t len,
                           struct arena *arena, struct gate_ask *out, struct gate_error *error) {
    *out = (struct gate_ask){.copies = 1};
    struct reading r = {.arena = arena,
                        .error = error,
                        .keeps = route->keeps,
                        .kept = route->kept,
                        .anthropic = route->protocol->anthropic};
    enum sk_code code = json_parse(body, len, arena, &r.root);
    if (code == SK_LIMIT)
        return gate_refuse(error, 400, "json_limit", "",
                           "The JSON is too deep or has too many values: %s.", fail_text());
    if (code != SK_OK)
        return gate_refuse(error, 400, "invalid_json", "", "The body is not JSON: %s.",
                           fail_text());
    if (!json_is(r.root, JSON_OBJECT))
        return gate_refuse(error, 400, "invalid_type", "", "The body must be a JSON object.");
    TRY(route->endpoint->read(&r, out));
    must(out->protocol && out->tasks_len * out->copies <= GATE_TASKS_MAX);
    return SK_OK;
}
