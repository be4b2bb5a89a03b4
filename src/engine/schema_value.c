#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/schema_parts.h"

// enum and const: the values that are left when all else of the shape has judged them.

static bool structured(const struct json_node *value) {
    return value->type == JSON_ARRAY || value->type == JSON_OBJECT;
}

// As a reader compares them: numbers as doubles.
static bool same_scalar(const struct json_node *a, const struct json_node *b) {
    double x, y;
    if (a->type != b->type) return false;
    if (a->type == JSON_NUMBER) return json_f64(a, &x) && json_f64(b, &y) && x == y;
    return a->type != JSON_STRING || view_same(json_view(a), json_view(b));
}

// The values of one schema's enum or const; len 0 and false when it has none.
static enum sk_code listed(const struct schema *s, uint32_t node, const char *keyword,
                           const struct json_node **first, uint32_t *len) {
    const struct json_node *value = json_find(s->root + node, keyword);
    *first = NULL;
    if (!value) return SK_OK;
    *first = value;
    *len = 1;
    if (*keyword == 'c') return SK_OK;
    if (value->type != JSON_ARRAY || value->len == 0)
        return schema_refuse(s, SK_INPUT, node, keyword, "no array of values");
    *first = json_first(value);
    *len = value->len;
    return SK_OK;
}

// Keeps of the values so far (all, when there were none) those that are in this list too.
static enum sk_code keep_listed(const struct schema *s, uint32_t node, const char *keyword,
                                struct shape *shape) {
    const struct json_node *first, *value;
    uint32_t len, kept = 0;
    TRY(listed(s, node, keyword, &first, &len));
    if (!first) return SK_OK;
    if (!shape->values) {
        shape->values = arena_take(s->arena, len, sizeof *shape->values);
        if (!shape->values) return SK_LIMIT;
        value = first;
        for (uint32_t i = 0; i < len; i++, value = json_next(value))
            shape->values[i] = value;
        shape->values_len = len;
        return SK_OK;
    }
    for (uint32_t i = 0; i < shape->values_len; i++) {
        bool held = false;
        value = first;
        for (uint32_t j = 0; j < len; j++, value = json_next(value)) {
            if (structured(value) && structured(shape->values[i]))
                return schema_refuse(s, SK_UNSUPPORTED, node, keyword,
                                     "arrays and objects in two lists are not supported");
            held |= same_scalar(value, shape->values[i]);
        }
        if (held) shape->values[kept++] = shape->values[i];
    }
    shape->values_len = kept;
    return SK_OK;
}

static uint64_t count_chars(struct view text) {
    uint64_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return count;
}

// Whether a value has what the shape says of its type. Values are whole: of arrays and objects
// only the type is asked.
static bool fits(const struct shape *shape, const struct json_node *value) {
    static const unsigned types[] = {
        [JSON_NULL] = TYPE_NULL,     [JSON_FALSE] = TYPE_FALSE,   [JSON_TRUE] = TYPE_TRUE,
        [JSON_NUMBER] = TYPE_NUMBER, [JSON_STRING] = TYPE_STRING, [JSON_ARRAY] = TYPE_ARRAY,
        [JSON_OBJECT] = TYPE_OBJECT};
    double number;
    if (!(shape->types & types[value->type])) return false;
    if (value->type == JSON_NUMBER)
        return json_f64(value, &number) && range_has(&shape->range, number);
    if (value->type != JSON_STRING) return true;
    uint64_t length = count_chars(json_view(value));
    if (length < shape->length[0] || length > shape->length[1]) return false;
    return !shape->strings || dfa_has(shape->strings, json_view(value));
}

enum sk_code shape_values(struct schema *s, struct shape *shape) {
    for (uint32_t i = 0; i < shape->schemas_len; i++) {
        TRY(keep_listed(s, shape->schemas[i], "enum", shape));
        TRY(keep_listed(s, shape->schemas[i], "const", shape));
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < shape->values_len; i++) {
        const struct json_node *value = shape->values[i];
        if (!fits(shape, value)) continue;
        for (uint32_t j = 0; j < shape->schemas_len && structured(value); j++) {
            const char *beside = schema_structural(s->root + shape->schemas[j]);
            if (beside)
                return schema_refuse(s, SK_UNSUPPORTED, shape->schemas[j], beside,
                                     "beside arrays and objects of enum or const it is not "
                                     "supported");
        }
        shape->values[kept++] = value;
    }
    shape->values_len = kept;
    return SK_OK;
}
