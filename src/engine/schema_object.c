#include <string.h>

#include "engine/schema_parts.h"

// properties, required, additionalProperties, patternProperties, propertyNames and their counts.
// Each name that is given has a goal of its own; all others fall into regions by the patterns that
// they match, and each region has a set of names and a goal.

struct pattern {
    uint32_t schema; // which of the shape's
    const struct json_node *value;
    const struct dfa *names;
};

struct objects {
    struct schema *s;
    struct shape *shape;
    struct pattern patterns[SCHEMA_PATTERNS_MAX];
    uint32_t patterns_len;
    unsigned own_patterns;     // a bit each
    const struct dfa *allowed; // by propertyNames; NULL: all
    bool closed;               // only what own schemas name comes
};

static const struct json_node *schema_of(const struct objects *o, uint32_t i) {
    return o->s->root + o->shape->schemas[i];
}

static enum sk_code member_of(const struct objects *o, uint32_t i, const char *keyword,
                              enum json_type type, const struct json_node **member) {
    *member = json_find(schema_of(o, i), keyword);
    if (*member && (*member)->type != type)
        return schema_refuse(o->s, SK_INPUT, o->shape->schemas[i], keyword,
                             type == JSON_OBJECT ? "no object" : "no array");
    return SK_OK;
}

// ---- the names that are given ----

static enum sk_code add_key(struct objects *o, uint32_t i, struct view name, bool required) {
    struct object *object = &o->shape->object;
    bool own = i < o->shape->own;
    for (uint32_t j = 0; j < object->keys_len; j++) {
        if (!view_same(object->keys[j].name, name)) continue;
        object->keys[j].required |= required;
        object->keys[j].own |= own;
        return SK_OK;
    }
    if (object->keys_len == SCHEMA_PROPERTIES_MAX)
        return FAIL(SK_LIMIT, "schema: more than %d properties", SCHEMA_PROPERTIES_MAX);
    object->keys[object->keys_len++] = (struct key){.name = name, .required = required, .own = own};
    return SK_OK;
}

static enum sk_code collect_keys(struct objects *o) {
    const struct json_node *member, *name;
    size_t most = 1;
    for (uint32_t i = 0; i < o->shape->schemas_len; i++) {
        TRY(member_of(o, i, "properties", JSON_OBJECT, &member));
        most += member ? member->len : 0;
        TRY(member_of(o, i, "required", JSON_ARRAY, &member));
        most += member ? member->len : 0;
    }
    o->shape->object.keys = arena_take(o->s->arena, most, sizeof(struct key));
    if (!o->shape->object.keys) return SK_LIMIT;
    for (uint32_t i = 0; i < o->shape->schemas_len; i++) {
        TRY(member_of(o, i, "properties", JSON_OBJECT, &member));
        name = json_first(member);
        for (uint32_t j = 0; member && j < member->len; j++, name = json_next(name + 1))
            TRY(add_key(o, i, json_view(name), false));
    }
    for (uint32_t i = 0; i < o->shape->schemas_len; i++) {
        TRY(member_of(o, i, "required", JSON_ARRAY, &member));
        name = json_first(member);
        for (uint32_t j = 0; member && j < member->len; j++, name = json_next(name)) {
            if (name->type != JSON_STRING)
                return schema_refuse(o->s, SK_INPUT, o->shape->schemas[i], "required", "no name");
            TRY(add_key(o, i, json_view(name), true));
        }
    }
    return SK_OK;
}

static enum sk_code collect_patterns(struct objects *o, uint32_t i) {
    const struct json_node *member, *name;
    uint32_t node = o->shape->schemas[i];
    TRY(member_of(o, i, "patternProperties", JSON_OBJECT, &member));
    name = json_first(member);
    for (uint32_t j = 0; member && j < member->len; j++, name = json_next(name + 1)) {
        if (o->patterns_len == SCHEMA_PATTERNS_MAX)
            return schema_refuse(o->s, SK_LIMIT, node, "patternProperties", "too many patterns");
        o->own_patterns |= (unsigned)(i < o->shape->own) << o->patterns_len;
        struct pattern *pattern = &o->patterns[o->patterns_len++];
        *pattern = (struct pattern){.schema = i, .value = name + 1};
        struct view text = json_view(name);
        enum sk_code code = regex_parse(&o->s->regex, text, o->s->arena, &pattern->names);
        if (code != SK_OK) return schema_within(o->s, code, node, "patternProperties");
    }
    return SK_OK;
}

// propertyNames: what it says of strings, when that is one shape of sets.
static enum sk_code narrow_names(struct objects *o, uint32_t i) {
    const struct json_node *names = json_find(schema_of(o, i), "propertyNames");
    uint32_t node = o->shape->schemas[i];
    bool asserts = false;
    if (!names || names->type == JSON_TRUE) return SK_OK;
    if (names->type == JSON_OBJECT) {
        static const char *const choices[] = {"$ref", "allOf", "anyOf", "oneOf"};
        TRY(schema_inspect(o->s, schema_place(o->s, names), &asserts));
        for (size_t j = 0; j < sizeof choices / sizeof *choices; j++)
            if (json_find(names, choices[j]))
                return schema_refuse(o->s, SK_UNSUPPORTED, schema_place(o->s, names), choices[j],
                                     "inside of propertyNames it is not supported");
    }
    if (!asserts)
        return names->type == JSON_OBJECT
                   ? SK_OK
                   : schema_refuse(o->s, SK_UNSUPPORTED, node, "propertyNames", NULL);
    const struct dfa *found;
    TRY(shape_strings(o->s, schema_place(o->s, names), &found));
    if (o->allowed) TRY(dfa_and(&o->s->make, o->allowed, found, o->s->arena, &found));
    o->allowed = found;
    return SK_OK;
}

// Adds what one schema asks of a property: by its name, by patterns it matches (bits), else as an
// additional one.
static enum sk_code ask_one(struct objects *o, uint32_t i, const struct view *name,
                            unsigned matched, struct schema_set *set) {
    const struct json_node *schema = schema_of(o, i), *named = NULL;
    const struct json_node *properties = json_find(schema, "properties");
    const struct json_node *at = json_first(properties);
    bool asked = false;
    for (uint32_t j = 0; name && properties && j < properties->len; j++, at = json_next(at + 1))
        if (view_same(json_view(at), *name)) named = at + 1;
    if (named) {
        TRY(schema_set_add(o->s, set, named));
        asked = true;
    }
    for (uint32_t j = 0; j < o->patterns_len; j++) {
        if (o->patterns[j].schema != i || !(matched >> j & 1)) continue;
        TRY(schema_set_add(o->s, set, o->patterns[j].value));
        asked = true;
    }
    const struct json_node *additional = json_find(schema, "additionalProperties");
    return additional && !asked ? schema_set_add(o->s, set, additional) : SK_OK;
}

// What all ask of a key, or (NULL) of the others that match these patterns.
static enum sk_code ask_all(struct objects *o, const struct key *key, unsigned matched,
                            uint32_t *goal) {
    struct schema_set set = {.len = 0};
    if (key && o->allowed && !dfa_has(o->allowed, key->name)) set.never = true;
    if (o->closed && !(key && key->own) && !(matched & o->own_patterns)) set.never = true;
    for (uint32_t i = 0; i < o->shape->schemas_len; i++)
        TRY(ask_one(o, i, key ? &key->name : NULL, matched, &set));
    return schema_goal(o->s, &set, goal);
}

static enum sk_code ask_keys(struct objects *o) {
    struct object *object = &o->shape->object;
    for (uint32_t i = 0; i < object->keys_len; i++) {
        unsigned matched = 0;
        for (uint32_t j = 0; j < o->patterns_len; j++)
            matched |= (unsigned)dfa_has(o->patterns[j].names, object->keys[i].name) << j;
        TRY(ask_all(o, &object->keys[i], matched, &object->keys[i].goal));
    }
    return SK_OK;
}

// ---- the others ----

// The names of a region: of no key, allowed, matched by exactly these patterns. NULL: any.
static enum sk_code region_names(struct objects *o, unsigned matched, const struct dfa *given,
                                 const struct dfa **out) {
    const struct dfa *names = o->allowed;
    struct schema *s = o->s;
    if (!names && (o->patterns_len || given)) names = dfa_any();
    if (given) TRY(dfa_minus(&s->make, names, given, s->arena, &names));
    for (uint32_t i = 0; i < o->patterns_len; i++) {
        const struct dfa *pattern = o->patterns[i].names;
        TRY(matched >> i & 1 ? dfa_and(&s->make, names, pattern, s->arena, &names)
                             : dfa_minus(&s->make, names, pattern, s->arena, &names));
    }
    *out = names;
    return SK_OK;
}

static enum sk_code add_regions(struct objects *o) {
    struct object *object = &o->shape->object;
    struct schema *s = o->s;
    const struct dfa *given = NULL;
    if (object->keys_len) {
        struct view *texts = arena_take(s->arena, object->keys_len, sizeof *texts);
        if (!texts) return SK_LIMIT;
        for (uint32_t i = 0; i < object->keys_len; i++)
            texts[i] = object->keys[i].name;
        TRY(regex_texts(&s->regex, texts, object->keys_len, s->arena, &given));
    }
    for (unsigned matched = 0; matched < 1u << o->patterns_len; matched++) {
        struct extra *extra = &object->extras[object->extras_len];
        TRY(ask_all(o, NULL, matched, &extra->goal));
        if (extra->goal == GOAL_NEVER) continue;
        TRY(region_names(o, matched, given, &extra->names));
        if (!extra->names || extra->names->len) object->extras_len++;
    }
    return SK_OK;
}

// Where own schemas name properties and none speaks of additional ones.
static bool is_closed(const struct objects *o) {
    bool names = o->own_patterns;
    for (uint32_t i = 0; i < o->shape->object.keys_len; i++)
        names |= o->shape->object.keys[i].own;
    for (uint32_t i = 0; i < o->shape->own; i++)
        if (json_find(schema_of(o, i), "additionalProperties")) return false;
    return names;
}

enum sk_code shape_object(struct schema *s, struct shape *shape) {
    struct objects o = {.s = s, .shape = shape};
    struct object *object = &shape->object;
    object->max = UINT64_MAX;
    TRY(collect_keys(&o));
    for (uint32_t i = 0; i < shape->schemas_len; i++) {
        TRY(collect_patterns(&o, i));
        TRY(narrow_names(&o, i));
        TRY(shape_count(s, shape->schemas[i], "minProperties", 1, &object->min));
        TRY(shape_count(s, shape->schemas[i], "maxProperties", -1, &object->max));
    }
    o.closed = is_closed(&o);
    TRY(ask_keys(&o));
    TRY(add_regions(&o));
    uint64_t required = 0;
    for (uint32_t i = 0; i < object->keys_len; i++)
        required += object->keys[i].required;
    if (object->extras_len == 0 || object->min < required + 2) return SK_OK;
    for (uint32_t i = 0; i < shape->schemas_len; i++)
        if (json_find(s->root + shape->schemas[i], "minProperties"))
            return schema_refuse(s, SK_UNSUPPORTED, shape->schemas[i], "minProperties",
                                 "with properties of any name it is supported up to one of them");
    return SK_OK;
}
