#include "gate/format.h"

#include "gate/conversation.h"

enum sk_code format_kind(struct reading *r, const struct json_node *object, struct format *out) {
    static const char *const words[] = {"text", "json_object", "json_schema", NULL};
    int kind = 0;
    if (!json_is(object, JSON_OBJECT)) return refuse_type(r, "an object with a type");
    const struct json_node *type = field_given(object, "type");
    if (!type) return refuse_missing(r, "type");
    size_t before = path_enter(r, "type");
    TRY(take_word(r, type, words, &kind));
    path_leave(r, before);
    out->kind = (enum engine_format)kind;
    return SK_OK;
}

struct schema_fields {
    struct view name;
    const struct json_node *schema;
    bool strict;
};

static const struct field schema_rows[] = {
    {.name = "type", .kind = FIELD_PASS},
    {.name = "name",
     .kind = FIELD_TEXT,
     .required = true,
     .at = offsetof(struct schema_fields, name),
     .low = 1,
     .high = 64},
    {.name = "description", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "schema",
     .kind = FIELD_OTHER,
     .required = true,
     .at = offsetof(struct schema_fields, schema),
     .take = take_schema_node,
     .schema = "{\"type\":\"object\"}"},
    {.name = "strict",
     .kind = FIELD_BOOL,
     .at = offsetof(struct schema_fields, strict),
     .doc = "The answer always validates; with true the schema must be in OpenAI's strict form."},
};
static const struct shape schema_shape = {SHAPE_OF(schema_rows)};

enum sk_code format_schema(struct reading *r, const struct json_node *object, struct format *out) {
    struct schema_fields fields = {0};
    TRY(fields_take(r, object, &schema_shape, &fields));
    size_t before = path_enter(r, "schema");
    if (fields.strict) TRY(strict_check(r, fields.schema));
    path_leave(r, before);
    out->kind = ENGINE_JSON_SCHEMA;
    return take_json(r, fields.schema, &out->schema);
}
