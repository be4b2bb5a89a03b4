// The OpenAPI 3.1 document (spec.openapis.org/oas/v3.1.0): each endpoint, and of each body the
// members its table names. What the tables refuse is not in it.
#include "gate/endpoint.h"

enum { SHAPE_DEPTH_MAX = 8 };

// {"type": …, limits} of one member, but for objects.
static void put_kind(struct json_writer *w, const struct field *field) {
    static const char *const types[] = {
        [FIELD_BOOL] = "boolean",  [FIELD_COUNT] = "integer", [FIELD_INTEGER] = "integer",
        [FIELD_NUMBER] = "number", [FIELD_TEXT] = "string",   [FIELD_WORD] = "string",
    };
    json_member_text(w, "type", types[field->kind]);
    if (field->kind == FIELD_WORD) {
        json_name(w, "enum");
        json_open(w, '[');
        for (const char *const *word = field->words; *word; word++) json_put_text(w, *word);
        json_close(w, ']');
    }
    bool text = field->kind == FIELD_TEXT;
    if (field->kind == FIELD_BOOL || field->kind == FIELD_WORD || !(field->low < field->high))
        return;
    if (!text || field->low > 0) {
        json_name(w, text ? "minLength" : field->above ? "exclusiveMinimum" : "minimum");
        json_put_f64(w, field->low);
    }
    if (text) return; // the limit is of bytes
    json_name(w, "maximum");
    json_put_f64(w, field->high);
}

// The members of `object`, which is JSON text of one.
static void put_members(struct json_writer *w, const char *object) {
    json_put_members(w, (struct view){object + 1, strlen(object) - 2});
}

// The member up to and into its schema; one of a shape goes on with the shape's.
static void put_field(struct json_writer *w, const struct field *field) {
    json_name(w, field->name);
    json_open(w, '{');
    if (field->doc) json_member_text(w, "description", field->doc);
    if (field->kind == FIELD_OTHER)
        put_members(w, field->schema);
    else if (field->kind != FIELD_PASS && field->kind != FIELD_OBJECT)
        put_kind(w, field);
    if (field->kind == FIELD_OTHER && field->shape) {
        json_name(w, "items");
        json_open(w, '{');
    }
}

static bool shown(const struct field *field) { return field->kind != FIELD_NOT; }

static void put_required(struct json_writer *w, const struct shape *shape) {
    json_name(w, "required");
    json_open(w, '[');
    for (const struct shape *part = shape; part; part = part->also)
        for (size_t i = 0; i < part->len; i++)
            if (part->fields[i].required) json_put_text(w, part->fields[i].name);
    json_close(w, ']');
}

// The members of an object, those of its objects inside; as deep as the tables are.
static void put_shape(struct json_writer *w, const struct shape *shape) {
    struct {
        const struct shape *whole, *part;
        size_t at;
        bool items; // of an array
    } open[SHAPE_DEPTH_MAX] = {{shape, shape, 0, false}};
    unsigned depth = 1;
    bool begun = false;
    while (depth > 0) {
        const struct shape **part = &open[depth - 1].part;
        size_t *at = &open[depth - 1].at;
        if (!begun) {
            json_member_text(w, "type", "object");
            put_required(w, open[depth - 1].whole);
            json_member_bool(w, "additionalProperties", false);
            json_name(w, "properties");
            json_open(w, '{');
            begun = true;
        }
        if (*at == (*part)->len) {
            *part = (*part)->also;
            *at = 0;
            if (*part) continue;
            json_close(w, '}');
            if (--depth > 0) json_close(w, '}'); // of the member
            if (depth > 0 && open[depth].items) json_close(w, '}');
            continue;
        }
        const struct field *field = &(*part)->fields[(*at)++];
        if (!shown(field)) continue;
        put_field(w, field);
        if (field->shape) {
            must(depth < SHAPE_DEPTH_MAX);
            open[depth].items = field->kind == FIELD_OTHER;
            open[depth].whole = open[depth].part = field->shape;
            open[depth++].at = 0;
            begun = false;
        } else {
            json_close(w, '}');
        }
    }
}

static void put_body(struct json_writer *w, const struct gate_endpoint *endpoint) {
    json_name(w, "requestBody");
    json_open(w, '{');
    json_member_bool(w, "required", true);
    json_name(w, "content");
    json_open(w, '{');
    json_name(w, "application/json");
    json_open(w, '{');
    json_name(w, "schema");
    json_open(w, '{');
    put_shape(w, endpoint->shape);
    for (int i = 0; i < 4; i++) json_close(w, '}');
}

static void put_media(struct json_writer *w, const char *media) {
    struct view type = view_of(media);
    const char *schema = "{}"; // bytes
    if (view_is(type, "application/json")) schema = "{\"schema\":{\"type\":\"object\"}}";
    if (view_starts(type, VIEW("text/"))) schema = "{\"schema\":{\"type\":\"string\"}}";
    json_name(w, media);
    json_put_raw(w, view_of(schema));
}

static void put_answers(struct json_writer *w, const struct gate_endpoint *endpoint) {
    bool anthropic = endpoint->protocol->anthropic;
    json_name(w, "responses");
    json_open(w, '{');
    json_name(w, "200");
    json_open(w, '{');
    json_member_text(w, "description", endpoint->doc);
    json_name(w, "content");
    json_open(w, '{');
    put_media(w, endpoint->media ? endpoint->media : "application/json");
    if (endpoint->streams) put_media(w, "text/event-stream");
    json_close(w, '}');
    json_close(w, '}');
    json_name(w, "default");
    json_open(w, '{');
    json_name(w, "$ref");
    json_put_text(w, anthropic ? "#/components/responses/AnthropicError"
                               : "#/components/responses/Error");
    json_close(w, '}');
    json_close(w, '}');
}

static void put_parameter(struct json_writer *w, struct view name, bool in_path,
                          const char *schema) {
    json_open(w, '{');
    json_member_string(w, "name", name);
    json_member_text(w, "in", in_path ? "path" : "query");
    json_member_bool(w, "required", in_path);
    json_name(w, "schema");
    json_put_raw(w, view_of(schema));
    json_close(w, '}');
}

// As route.c takes them.
static const struct {
    enum gate_what what;
    const char *name, *schema;
} queries[] = {
    {GATE_RESPONSE, "stream", "{\"type\":\"boolean\"}"},
    {GATE_RESPONSE, "starting_after", "{\"type\":\"integer\",\"minimum\":0}"},
    {GATE_RESPONSE_ITEMS, "order", "{\"enum\":[\"asc\",\"desc\"]}"},
    {GATE_RESPONSE_ITEMS, "limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":100}"},
    {GATE_RESPONSE_ITEMS, "after", "{\"type\":\"string\"}"},
};

static void put_parameters(struct json_writer *w, const struct gate_endpoint *endpoint) {
    const char *open = strchr(endpoint->path, '{');
    if (!open) return;
    json_name(w, "parameters");
    json_open(w, '[');
    put_parameter(w, (struct view){open + 1, strcspn(open + 1, "}")}, true,
                  "{\"type\":\"string\"}");
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        if (queries[i].what == endpoint->what)
            put_parameter(w, view_of(queries[i].name), false, queries[i].schema);
    json_close(w, ']');
}

static void put_endpoint(struct json_writer *w, const struct gate_endpoint *endpoint) {
    char method[8] = "";
    for (size_t i = 0; endpoint->method[i] && i < sizeof method - 1; i++)
        method[i] = (char)(endpoint->method[i] | 0x20);
    json_name(w, method);
    json_open(w, '{');
    json_member_text(w, "operationId", endpoint->id);
    json_member_text(w, "summary", endpoint->summary);
    put_parameters(w, endpoint);
    if (endpoint->shape) put_body(w, endpoint);
    put_answers(w, endpoint);
    json_close(w, '}');
}

static void put_components(struct json_writer *w) {
    static const char components[] =
        "{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
        "\"key\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"x-api-key\"}},"
        "\"responses\":{\"Error\":{\"description\":\"Refused, or failed.\",\"content\":{"
        "\"application/json\":{\"schema\":{\"type\":\"object\",\"required\":[\"error\"],"
        "\"properties\":{\"error\":{\"type\":\"object\",\"required\":[\"message\",\"type\","
        "\"param\",\"code\"],\"properties\":{\"message\":{\"type\":\"string\"},\"type\":{"
        "\"type\":\"string\"},\"param\":{\"type\":[\"string\",\"null\"]},\"code\":{\"type\":["
        "\"string\",\"null\"]}}}}}}}},\"AnthropicError\":{\"description\":\"Refused, or "
        "failed.\",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\","
        "\"required\":[\"type\",\"error\"],\"properties\":{\"type\":{\"const\":\"error\"},"
        "\"error\":{\"type\":\"object\",\"required\":[\"type\",\"message\"]},\"request_id\":{"
        "\"type\":[\"string\",\"null\"]}}}}}}}}";
    json_name(w, "components");
    json_put_raw(w, view_of(components));
}

void gate_openapi_write(struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "openapi", "3.1.0");
    json_name(&w, "info");
    json_put_raw(&w, VIEW("{\"title\":\"Sekisho\",\"version\":\"1\",\"description\":"
                          "\"A sovereign AI node: OpenAI's and Anthropic's protocols, with "
                          "receipts.\"}"));
    json_name(&w, "security");
    json_put_raw(&w, VIEW("[{\"bearer\":[]},{\"key\":[]},{}]"));
    json_name(&w, "paths");
    json_open(&w, '{');
    for (size_t i = 0; i < gate_endpoints_len; i++) {
        const char *path = gate_endpoints[i].path;
        bool more = i > 0 && strcmp(path, gate_endpoints[i - 1].path) == 0;
        if (!more) {
            json_name(&w, path);
            json_open(&w, '{');
        }
        put_endpoint(&w, &gate_endpoints[i]);
        bool last = i + 1 == gate_endpoints_len || strcmp(path, gate_endpoints[i + 1].path) != 0;
        if (last) json_close(&w, '}');
    }
    json_close(&w, '}');
    put_components(&w);
    json_close(&w, '}');
}
