#include "base/utf8.h"
#include "engine/schema_parts.h"

enum kind {
    NOTE,      // says nothing of a value
    APPLIES,   // followed by schema_goal.c
    ASSERTS,   // merged by schema_shape.c
    STRUCTURE, // the same, of what is inside of arrays and objects
    REFUSED,
    REFUSED_UNLESS_FALSE,
    REFUSED_UNLESS_ALL, // of values: true or {}
};

static const struct {
    const char *name;
    enum kind kind;
} keywords[] = {
    {"type", ASSERTS},
    {"enum", ASSERTS},
    {"const", ASSERTS},
    {"nullable", ASSERTS},
    {"minimum", ASSERTS},
    {"maximum", ASSERTS},
    {"exclusiveMinimum", ASSERTS},
    {"exclusiveMaximum", ASSERTS},
    {"multipleOf", ASSERTS},
    {"minLength", ASSERTS},
    {"maxLength", ASSERTS},
    {"pattern", ASSERTS},
    {"format", ASSERTS},
    {"items", STRUCTURE},
    {"prefixItems", STRUCTURE},
    {"additionalItems", STRUCTURE},
    {"minItems", STRUCTURE},
    {"maxItems", STRUCTURE},
    {"properties", STRUCTURE},
    {"required", STRUCTURE},
    {"additionalProperties", STRUCTURE},
    {"patternProperties", STRUCTURE},
    {"propertyNames", STRUCTURE},
    {"minProperties", STRUCTURE},
    {"maxProperties", STRUCTURE},
    {"uniqueItems", REFUSED_UNLESS_FALSE},
    {"$ref", APPLIES},
    {"allOf", APPLIES},
    {"anyOf", APPLIES},
    {"oneOf", APPLIES},
    {"$schema", NOTE},
    {"$comment", NOTE},
    {"$anchor", NOTE},
    {"$defs", NOTE},
    {"definitions", NOTE},
    {"title", NOTE},
    {"description", NOTE},
    {"default", NOTE},
    {"example", NOTE},
    {"examples", NOTE},
    {"deprecated", NOTE},
    {"readOnly", NOTE},
    {"writeOnly", NOTE},
    {"contentEncoding", NOTE},
    {"contentMediaType", NOTE},
    {"contentSchema", NOTE},
    {"discriminator", NOTE},
    {"externalDocs", NOTE},
    {"xml", NOTE},
    {"not", REFUSED_UNLESS_ALL},
};

static enum kind kind_of(struct view name) {
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (view_is(name, keywords[i].name)) return keywords[i].kind;
    return view_starts(name, VIEW("x-")) ? NOTE : REFUSED;
}

// A name of the schema's as text: cut when long.
static const char *name_text(const struct json_node *name, char text[80]) {
    size_t len = name->len < 79 ? name->len : 79;
    memcpy(text, name->at, len);
    len -= utf8_tail((struct view){text, len});
    text[len] = 0;
    return text;
}

enum sk_code schema_inspect(const struct schema *s, uint32_t node, bool *asserts) {
    const struct json_node *schema = s->root + node, *name = json_first(schema);
    char text[80];
    *asserts = false;
    for (uint32_t i = 0; i < schema->len; i++, name = json_next(name + 1)) {
        // Of the whole document it is only a name; inside, it would change what $ref means.
        bool id = view_is(json_view(name), "$id") && node == 0;
        enum kind kind = id ? NOTE : kind_of(json_view(name));
        bool all = name[1].type == JSON_TRUE || (name[1].type == JSON_OBJECT && name[1].len == 0);
        if (kind == REFUSED || (kind == REFUSED_UNLESS_FALSE && name[1].type != JSON_FALSE) ||
            (kind == REFUSED_UNLESS_ALL && !all))
            return schema_refuse(s, SK_UNSUPPORTED, node, name_text(name, text), NULL);
        if (kind == ASSERTS || kind == STRUCTURE) *asserts = true;
    }
    return SK_OK;
}

const char *schema_structural(const struct json_node *node) {
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (keywords[i].kind == STRUCTURE && json_find(node, keywords[i].name))
            return keywords[i].name;
    return NULL;
}

// ---- references ----

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

// One token of a pointer inside of a fragment, up to the next slash: %XX, ~0 and ~1 are undone.
// False when that is malformed or longer than the room.
static bool take_token(struct view *left, struct buf *token) {
    buf_reset(token);
    while (left->len && *left->at != '/') {
        char c = *left->at;
        size_t used = 1;
        if (c == '%') {
            if (left->len < 3 || hex(left->at[1]) < 0 || hex(left->at[2]) < 0) return false;
            c = (char)(hex(left->at[1]) << 4 | hex(left->at[2]));
            used = 3;
        } else if (c == '~') {
            if (left->len < 2 || (left->at[1] != '0' && left->at[1] != '1')) return false;
            c = left->at[1] == '0' ? '~' : '/';
            used = 2;
        }
        buf_put_char(token, c);
        *left = view_from(*left, used);
    }
    return !token->over;
}

static const struct json_node *child_of(const struct json_node *parent, struct view token) {
    const struct json_node *child = json_first(parent);
    bool object = json_is(parent, JSON_OBJECT);
    char index[16];
    struct buf text = buf_over(index, sizeof index);
    for (uint32_t i = 0; child && i < parent->len; i++) {
        buf_reset(&text);
        buf_put_u64(&text, i);
        if (view_same(token, object ? json_view(child) : buf_view(&text))) return child + object;
        child = json_next(child + object);
    }
    return NULL;
}

static const struct json_node *anchored(const struct schema *s, struct view name) {
    for (uint32_t i = 0; i < s->nodes_len; i++) {
        const struct json_node *anchor = json_find(s->root + i, "$anchor");
        if (json_is(anchor, JSON_STRING) && view_same(json_view(anchor), name)) return s->root + i;
    }
    return NULL;
}

enum sk_code schema_follow(const struct schema *s, uint32_t node, const struct json_node *ref,
                           uint32_t *target) {
    if (!json_is(ref, JSON_STRING)) return schema_refuse(s, SK_INPUT, node, "$ref", "no string");
    struct view left = json_view(ref);
    const struct json_node *id = json_find(s->root, "$id"), *at = s->root;
    if (json_is(id, JSON_STRING) && id->len && view_starts(left, json_view(id)))
        left = view_from(left, id->len);
    if (left.len && *left.at != '#')
        return schema_refuse(s, SK_UNSUPPORTED, node, "$ref", "other documents are not supported");
    left = view_from(left, 1);
    char room[1024];
    struct buf token = buf_over(room, sizeof room);
    if (left.len && *left.at != '/') {
        at = take_token(&left, &token) && left.len == 0 ? anchored(s, buf_view(&token)) : NULL;
    }
    while (at && left.len) {
        left = view_from(left, 1);
        at = take_token(&left, &token) ? child_of(at, buf_view(&token)) : NULL;
    }
    if (!at) return schema_refuse(s, SK_INPUT, node, "$ref", "names nothing in this schema");
    *target = schema_place(s, at);
    return SK_OK;
}
