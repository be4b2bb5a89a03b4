#include <string.h>

#include "engine/schema_format.h"
#include "engine/schema_parts.h"

// ---- types ----

static unsigned type_of(struct view name, bool *integer) {
    static const struct {
        const char *name;
        unsigned types;
    } types[] = {{"null", TYPE_NULL},     {"boolean", TYPE_FALSE | TYPE_TRUE},
                 {"number", TYPE_NUMBER}, {"integer", TYPE_NUMBER},
                 {"string", TYPE_STRING}, {"array", TYPE_ARRAY},
                 {"object", TYPE_OBJECT}};
    *integer = view_is(name, "integer");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (view_is(name, types[i].name)) return types[i].types;
    return 0;
}

static enum sk_code merge_type(const struct schema *s, uint32_t node, struct shape *shape) {
    const struct json_node *type = json_find(s->root + node, "type"), *at = type;
    bool null = false, integer = false, number = false, one;
    unsigned types = 0;
    const struct json_node *nullable = json_find(s->root + node, "nullable");
    if (nullable && !json_bool(nullable, &null))
        return schema_refuse(s, SK_INPUT, node, "nullable", "no boolean");
    if (!type) return SK_OK; // nothing that null could be added to
    uint32_t len = type->type == JSON_ARRAY ? type->len : 1;
    if (type->type == JSON_ARRAY) at = json_first(type);
    for (uint32_t i = 0; i < len; i++, at = json_next(at)) {
        unsigned found = json_is(at, JSON_STRING) ? type_of(json_view(at), &one) : 0;
        if (!found) return schema_refuse(s, SK_INPUT, node, "type", "names no type");
        types |= found;
        if (found == TYPE_NUMBER) *(one ? &integer : &number) = true;
    }
    shape->types &= types | (null ? TYPE_NULL : 0u);
    if (integer && !number) shape->range.integer = true;
    return SK_OK;
}

// ---- numbers ----

static enum sk_code merge_range(const struct schema *s, uint32_t node, struct shape *shape) {
    static const char *const names[] = {"minimum", "exclusiveMinimum", "maximum",
                                        "exclusiveMaximum", "multipleOf"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct json_node *number = json_find(s->root + node, names[i]);
        if (!number) continue;
        if (number->type != JSON_NUMBER)
            return schema_refuse(s, SK_INPUT, node, names[i], "no number");
        struct view text = json_view(number);
        enum sk_code code = i < 2   ? range_raise(&shape->range, text, i == 1)
                            : i < 4 ? range_lower(&shape->range, text, i == 3)
                                    : range_multiply(&shape->range, text);
        if (code != SK_OK) return schema_within(s, code, node, names[i]);
    }
    return SK_OK;
}

// ---- strings ----

static enum sk_code merge_pattern(struct schema *s, struct shape *shape, struct view pattern) {
    const struct dfa *found;
    TRY(regex_parse(&s->regex, pattern, s->arena, &found));
    if (shape->strings) TRY(dfa_and(&s->make, shape->strings, found, s->arena, &found));
    shape->strings = found;
    return SK_OK;
}

// Formats that OpenAPI gives to numbers.
static enum sk_code merge_number_format(struct shape *shape, struct view format, bool *found) {
    *found = true;
    if (view_is(format, "int32")) {
        TRY(range_raise(&shape->range, VIEW("-2147483648"), false));
        TRY(range_lower(&shape->range, VIEW("2147483647"), false));
        shape->range.integer = true;
    } else if (view_is(format, "int64")) {
        TRY(range_raise(&shape->range, VIEW("-9223372036854775808"), false));
        TRY(range_lower(&shape->range, VIEW("9223372036854775807"), false));
        shape->range.integer = true;
    } else {
        *found = view_is(format, "float") || view_is(format, "double");
    }
    return SK_OK;
}

static enum sk_code merge_strings(struct schema *s, uint32_t node, struct shape *shape) {
    const struct json_node *pattern = json_find(s->root + node, "pattern"),
                           *format = json_find(s->root + node, "format");
    if (pattern) {
        if (pattern->type != JSON_STRING)
            return schema_refuse(s, SK_INPUT, node, "pattern", "no string");
        enum sk_code code = merge_pattern(s, shape, json_view(pattern));
        if (code != SK_OK) return schema_within(s, code, node, "pattern");
    }
    if (format) {
        if (format->type != JSON_STRING)
            return schema_refuse(s, SK_INPUT, node, "format", "no string");
        bool of_numbers;
        TRY(merge_number_format(shape, json_view(format), &of_numbers));
        const char *text = of_numbers ? "" : format_pattern(json_view(format));
        if (!text)
            return schema_refuse(s, SK_UNSUPPORTED, node, "format", "this one is not supported");
        enum sk_code code = *text ? merge_pattern(s, shape, view_of(text)) : SK_OK;
        if (code != SK_OK) return schema_within(s, code, node, "format");
    }
    TRY(shape_count(s, node, "minLength", 1, &shape->length[0]));
    return shape_count(s, node, "maxLength", -1, &shape->length[1]);
}

enum sk_code shape_count(const struct schema *s, uint32_t node, const char *keyword, int sign,
                         uint64_t *count) {
    const struct json_node *number = json_find(s->root + node, keyword);
    int64_t found;
    if (!number) return SK_OK;
    if (!json_i64(number, &found) || found < 0)
        return schema_refuse(s, SK_INPUT, node, keyword, "no whole number from 0 on");
    if (found > SCHEMA_COUNT_MAX && sign > 0)
        return schema_refuse(s, SK_LIMIT, node, keyword, "more than 1000000");
    if (found > SCHEMA_COUNT_MAX) found = SCHEMA_COUNT_MAX; // fewer than allowed is allowed
    if (sign > 0 ? (uint64_t)found > *count : (uint64_t)found < *count) *count = (uint64_t)found;
    return SK_OK;
}

// ---- the whole ----

// What was merged becomes sets of texts.
static enum sk_code settle(struct schema *s, struct shape *shape) {
    uint32_t node = shape->schemas_len ? shape->schemas[0] : 0;
    enum sk_code code = SK_OK;
    if (shape->types & TYPE_NUMBER && !range_open(&shape->range))
        code = range_texts(&shape->range, &s->make, s->arena, &shape->numbers);
    if (code != SK_OK) return schema_within(s, code, node, "multipleOf");
    bool lengths = shape->length[0] > 0 || shape->length[1] != UINT64_MAX;
    if (!(shape->types & TYPE_STRING) || !shape->strings || !lengths) return SK_OK;
    code = dfa_length(&s->make, shape->strings, shape->length, s->arena, &shape->strings);
    return code == SK_OK ? SK_OK : schema_within(s, code, node, "pattern");
}

enum sk_code shape_strings(struct schema *s, uint32_t node, const struct dfa **out) {
    struct shape shape = {.schemas = &node, .schemas_len = 1, .types = TYPE_ALL};
    shape.length[1] = UINT64_MAX;
    TRY(merge_type(s, node, &shape));
    TRY(merge_strings(s, node, &shape));
    TRY(shape_values(s, &shape));
    if (!shape.strings) shape.strings = dfa_any();
    struct view *texts = arena_take(s->arena, shape.values_len + 1, sizeof *texts);
    uint32_t len = 0;
    if (!texts) return SK_LIMIT;
    for (uint32_t i = 0; i < shape.values_len; i++)
        if (shape.values[i]->type == JSON_STRING) texts[len++] = json_view(shape.values[i]);
    if (shape.values || !(shape.types & TYPE_STRING))
        return regex_texts(&s->regex, texts, len, s->arena, out);
    TRY(settle(s, &shape));
    *out = shape.strings;
    return SK_OK;
}

enum sk_code shape_build(struct schema *s, struct shape *shape) {
    shape->types = TYPE_ALL;
    shape->length[1] = UINT64_MAX;
    for (uint32_t i = 0; i < shape->schemas_len; i++) {
        uint32_t node = shape->schemas[i];
        TRY(merge_type(s, node, shape));
        TRY(merge_range(s, node, shape));
        TRY(merge_strings(s, node, shape));
    }
    TRY(shape_values(s, shape));
    if (shape->values) return SK_OK;
    TRY(settle(s, shape));
    if (shape->types & TYPE_ARRAY) TRY(shape_list(s, shape));
    return shape->types & TYPE_OBJECT ? shape_object(s, shape) : SK_OK;
}
