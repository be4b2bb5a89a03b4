#include "gate/field.h"

#include <stdarg.h>
#include <stdio.h>

const struct json_node *field_given(const struct json_node *object, const char *name) {
    const struct json_node *node = json_find(object, name);
    return json_is(node, JSON_NULL) ? NULL : node;
}

bool field_is(const struct json_node *node, const char *text) {
    return json_is(node, JSON_STRING) && view_is(json_view(node), text);
}

bool harmless_false(const struct json_node *node) { return json_is(node, JSON_FALSE); }

bool harmless_zero(const struct json_node *node) {
    double value;
    return json_is(node, JSON_NUMBER) && json_f64(node, &value) && value == 0;
}

bool harmless_empty(const struct json_node *node) {
    return (json_is(node, JSON_ARRAY) || json_is(node, JSON_OBJECT)) && node->len == 0;
}

bool harmless_never(const struct json_node *node) {
    (void)node;
    return false;
}

// ---- the path ----

size_t path_enter(struct reading *r, const char *name) {
    size_t before = r->path_len, room = sizeof r->path - before;
    int n = snprintf(r->path + before, room, "%s%s", before ? "." : "", name);
    if (n > 0) r->path_len = (size_t)n < room ? before + (size_t)n : sizeof r->path - 1;
    return before;
}

size_t path_enter_at(struct reading *r, uint32_t index) {
    size_t before = r->path_len, room = sizeof r->path - before;
    int n = snprintf(r->path + before, room, r->anthropic ? ".%u" : "[%u]", index);
    if (n > 0) r->path_len = (size_t)n < room ? before + (size_t)n : sizeof r->path - 1;
    return before;
}

void path_leave(struct reading *r, size_t len) {
    r->path_len = len;
    r->path[len] = 0;
}

// ---- refusals ----

static enum sk_code refuse(const struct reading *r, const char *code, const char *text) {
    return gate_refuse(r->error, 400, code, r->path, r->anthropic ? "%s: %s" : "'%s' %s", r->path,
                       text);
}

enum sk_code refuse_type(const struct reading *r, const char *want) {
    char text[512];
    snprintf(text, sizeof text, "must be %s.", want);
    return refuse(r, "invalid_type", text);
}

enum sk_code refuse_value(const struct reading *r, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return refuse(r, "invalid_value", text);
}

enum sk_code refuse_unsupported(const struct reading *r, const char *what) {
    return gate_refuse(r->error, 400, "unsupported_value", r->path,
                       r->anthropic ? "%s: %s is not supported by this node."
                                    : "'%s': %s is not supported by this node.",
                       r->path, what);
}

enum sk_code refuse_missing(struct reading *r, const char *name) {
    size_t before = path_enter(r, name);
    gate_refuse(r->error, 400, "missing_required_parameter", r->path,
                r->anthropic ? "%s: Field required" : "'%s' is required.", r->path);
    path_leave(r, before);
    return SK_INPUT;
}

enum sk_code refuse_memory(const struct reading *r) {
    return gate_refuse(r->error, 413, "request_too_large", r->path, "%s", fail_text());
}

static enum sk_code refuse_unknown(struct reading *r, struct view name) {
    char shown[65];
    snprintf(shown, sizeof shown, "%.*s", name.len < 64 ? (int)name.len : 64, name.at);
    path_enter(r, shown);
    return gate_refuse(r->error, 400, "unknown_parameter", r->path,
                       r->anthropic ? "%s: Extra inputs are not permitted"
                                    : "Unknown parameter: '%s'. /openapi.json lists those there "
                                      "are.",
                       r->path);
}

// ---- kinds ----

static enum sk_code take_bool(struct reading *r, const struct json_node *node, bool *out) {
    return json_bool(node, out) ? SK_OK : refuse_type(r, "true or false");
}

// Integers in the range of the field, which is within 64 bits.
static enum sk_code take_integer(struct reading *r, const struct json_node *node,
                                 const struct field *field, int64_t *out) {
    if (!json_is(node, JSON_NUMBER)) return refuse_type(r, "an integer");
    bool bounded = field->low < field->high;
    if (json_i64(node, out) &&
        (!bounded || ((double)*out >= field->low && (double)*out <= field->high)))
        return SK_OK;
    if (!bounded) return refuse_value(r, "must be an integer of 64 bits.");
    return refuse_value(r, "must be an integer from %.0f to %.0f.", field->low, field->high);
}

static enum sk_code take_number(struct reading *r, const struct json_node *node,
                                const struct field *field, float *out) {
    double value;
    if (!json_is(node, JSON_NUMBER)) return refuse_type(r, "a number");
    if (json_f64(node, &value) && value >= field->low && value <= field->high) {
        *out = (float)value;
        if (!field->above || (double)*out > field->low) return SK_OK;
    }
    return refuse_value(r, "must be %s%g and at most %g.", field->above ? "above " : "at least ",
                        field->low, field->high);
}

enum sk_code take_text(struct reading *r, const struct json_node *node, size_t low, size_t high,
                       struct view *out) {
    if (!json_is(node, JSON_STRING)) return refuse_type(r, "a string");
    *out = json_view(node);
    if (out->len >= low && out->len <= high) return SK_OK;
    return refuse_value(r, "must have %zu to %zu bytes, not %zu.", low, high, out->len);
}

enum sk_code take_word(struct reading *r, const struct json_node *node,
                              const char *const *words, int *out) {
    if (!json_is(node, JSON_STRING)) return refuse_type(r, "a string");
    char list[320] = "";
    struct buf names = buf_over(list, sizeof list - 1);
    for (int i = 0; words[i]; i++) {
        *out = i;
        if (view_is(json_view(node), words[i])) return SK_OK;
        buf_print(&names, "%s%s", i ? ", " : "", words[i]);
    }
    return refuse_value(r, "must be one of: %s.", list);
}

static enum sk_code field_take(struct reading *r, const struct json_node *node,
                               const struct field *field, void *out) {
    void *to = (char *)out + field->at;
    int64_t integer;
    switch (field->kind) {
    case FIELD_BOOL: return take_bool(r, node, to);
    case FIELD_COUNT:
        TRY(take_integer(r, node, field, &integer));
        *(uint32_t *)to = (uint32_t)integer;
        return SK_OK;
    case FIELD_INTEGER: return take_integer(r, node, field, to);
    case FIELD_NUMBER: return take_number(r, node, field, to);
    case FIELD_TEXT: return take_text(r, node, (size_t)field->low, (size_t)field->high, to);
    case FIELD_WORD: return take_word(r, node, field->words, to);
    case FIELD_OBJECT: return fields_take(r, node, field->shape, to);
    case FIELD_OTHER: return field->take(r, node, to);
    case FIELD_PASS: return SK_OK;
    case FIELD_NOT: return field->harmless(node) ? SK_OK : refuse_unsupported(r, field->doc);
    }
    return SK_OK;
}

static const struct field *field_find(const struct shape *shape, struct view name) {
    for (; shape; shape = shape->also)
        for (size_t i = 0; i < shape->len; i++)
            if (view_is(name, shape->fields[i].name)) return &shape->fields[i];
    return NULL;
}

enum sk_code fields_take(struct reading *r, const struct json_node *object,
                         const struct shape *shape, void *out) {
    if (!json_is(object, JSON_OBJECT)) return refuse_type(r, "an object");
    for (const struct shape *part = shape; part; part = part->also)
        for (size_t i = 0; i < part->len; i++)
            if (part->fields[i].required && !field_given(object, part->fields[i].name))
                return refuse_missing(r, part->fields[i].name);
    const struct json_node *name = json_first(object), *value;
    for (uint32_t i = 0; i < object->len; i++, name = json_next(value)) {
        value = json_next(name);
        const struct field *field = field_find(shape, json_view(name));
        if (!field) return refuse_unknown(r, json_view(name));
        if (json_is(value, JSON_NULL)) continue;
        size_t before = path_enter(r, field->name);
        TRY(field_take(r, value, field, out));
        path_leave(r, before);
    }
    return SK_OK;
}

// ---- values written again ----

enum sk_code take_written(struct reading *r, const struct buf *rest, struct view *out) {
    if (buf_check(rest, "what is made of the request") != SK_OK) return refuse_memory(r);
    *out = arena_keep(r->arena, rest->len);
    return SK_OK;
}

enum sk_code take_json(struct reading *r, const struct json_node *node, struct view *out) {
    struct buf rest = arena_rest(r->arena);
    struct json_writer w = json_writer_to(&rest);
    json_put_node(&w, node);
    return take_written(r, &rest, out);
}
