// Format: the form that a request wants its answer in. Inside the gate module only.
#pragma once
#include "gate/field.h"

struct format {
    enum engine_format kind;
    struct view schema; // JSON
};

// The object's "type": text, json_object or json_schema.
enum sk_code format_kind(struct reading *r, const struct json_node *object, struct format *out);
// {"name","description","schema","strict"}, which may be the object with the type itself. With
// strict the schema must be in the form that OpenAI demands.
enum sk_code format_schema(struct reading *r, const struct json_node *object, struct format *out);
