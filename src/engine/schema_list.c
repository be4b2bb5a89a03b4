#include "engine/schema_parts.h"

// items, prefixItems, minItems, maxItems; draft 7's items as an array, with additionalItems.

// What one schema says of items: of the leading ones (NULL: nothing), and of the others.
struct said {
    const struct json_node *prefix, *rest;
};

static enum sk_code read_said(const struct schema *s, uint32_t node, struct said *said) {
    const char *keyword = "prefixItems";
    said->prefix = json_find(s->root + node, keyword);
    said->rest = json_find(s->root + node, "items");
    if (json_is(said->rest, JSON_ARRAY)) { // draft 7
        keyword = "items";
        said->prefix = said->rest;
        said->rest = json_find(s->root + node, "additionalItems");
    }
    if (!said->prefix) return SK_OK;
    if (said->prefix->type != JSON_ARRAY)
        return schema_refuse(s, SK_INPUT, node, keyword, "no array of schemas");
    if (said->prefix->len > SCHEMA_PROPERTIES_MAX)
        return schema_refuse(s, SK_LIMIT, node, keyword, "too many");
    return SK_OK;
}

// What must hold for the item at `index`; *asked: an own schema speaks of it.
static enum sk_code item_goal(struct schema *s, const struct shape *shape, uint32_t index,
                              bool *asked, uint32_t *goal) {
    struct schema_set set = {.len = 0};
    *asked = false;
    for (uint32_t i = 0; i < shape->schemas_len; i++) {
        struct said said;
        TRY(read_said(s, shape->schemas[i], &said));
        const struct json_node *item = said.rest;
        if (said.prefix && index < said.prefix->len) {
            item = json_first(said.prefix);
            for (uint32_t j = 0; j < index; j++)
                item = json_next(item);
        }
        if (!item) continue;
        *asked |= i < shape->own;
        TRY(schema_set_add(s, &set, item));
    }
    return schema_goal(s, &set, goal);
}

enum sk_code shape_list(struct schema *s, struct shape *shape) {
    struct list *list = &shape->list;
    uint32_t own = 0; // leading items of own schemas
    list->max = UINT64_MAX;
    for (uint32_t i = 0; i < shape->schemas_len; i++) {
        uint32_t node = shape->schemas[i];
        struct said said;
        TRY(read_said(s, node, &said));
        if (said.prefix && said.prefix->len > list->prefix_len) list->prefix_len = said.prefix->len;
        if (i + 1 == shape->own) own = list->prefix_len;
        TRY(shape_count(s, node, "minItems", 1, &list->min));
        TRY(shape_count(s, node, "maxItems", -1, &list->max));
    }
    bool asked;
    list->prefix = arena_take(s->arena, list->prefix_len + 1, sizeof *list->prefix);
    if (!list->prefix) return SK_LIMIT;
    for (uint32_t i = 0; i <= list->prefix_len; i++) {
        uint32_t *goal = i < list->prefix_len ? &list->prefix[i] : &list->rest;
        TRY(item_goal(s, shape, i, &asked, goal));
        if (own && i >= own && !asked && list->min <= own) *goal = GOAL_NEVER;
    }
    return SK_OK;
}
