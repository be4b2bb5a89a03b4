#include <string.h>

#include "engine/schema_parts.h"

static const uint32_t NO_STEP = UINT32_MAX;

#define NOT_A_SCHEMA "a schema is an object, true or false"

struct ways {
    struct way *at;
    uint32_t len;
};

// ---- sets ----

enum sk_code schema_set_add(const struct schema *s, struct schema_set *set,
                            const struct json_node *node) {
    uint32_t place = schema_place(s, node);
    if (node->type == JSON_TRUE) return SK_OK;
    if (node->type == JSON_FALSE) {
        set->never = true;
        return SK_OK;
    }
    if (node->type != JSON_OBJECT) return schema_refuse(s, SK_INPUT, place, "", NOT_A_SCHEMA);
    for (uint32_t i = 0; i < set->len; i++)
        if (set->at[i] == place) return SK_OK;
    if (set->len == SCHEMA_TOGETHER_MAX)
        return schema_refuse(s, SK_LIMIT, place, "allOf", "too many schemas hold together");
    set->at[set->len++] = place;
    if (!set->others) set->own = set->len;
    return SK_OK;
}

static bool set_same(const uint32_t *a, uint32_t a_len, uint32_t a_own,
                     const struct schema_set *b) {
    return a_len == b->len && a_own == b->own && memcmp(a, b->at, a_len * sizeof *a) == 0;
}

static const uint32_t *set_copy(const struct schema *s, const struct schema_set *set) {
    uint32_t *copy = arena_take(s->arena, set->len + 1, sizeof *copy);
    if (copy) memcpy(copy, set->at, set->len * sizeof *copy);
    return copy;
}

enum { GOAL_WORK = 256 };

enum sk_code schema_goal(struct schema *s, const struct schema_set *set, uint32_t *goal) {
    if (set->never && s->goals_len > GOAL_NEVER) {
        *goal = GOAL_NEVER;
        return SK_OK;
    }
    dfa_make_work(&s->make, GOAL_WORK + s->goals_len);
    for (uint32_t i = 0; i < s->goals_len && !set->never; i++) {
        const struct goal *known = &s->goals[i];
        if (i == GOAL_NEVER) continue;
        if (!set_same(known->schemas, known->schemas_len, known->own, set)) continue;
        *goal = i;
        return SK_OK;
    }
    if (s->goals_len == SCHEMA_SETS_MAX)
        return FAIL(SK_LIMIT, "schema: more than %d different ones", SCHEMA_SETS_MAX);
    *goal = s->goals_len;
    s->goals[s->goals_len] =
        (struct goal){.schemas = set_copy(s, set), .schemas_len = set->len, .own = set->own};
    return s->goals[s->goals_len++].schemas ? SK_OK : SK_LIMIT;
}

static enum sk_code shape_of(struct schema *s, const struct schema_set *set, uint32_t *shape) {
    for (uint32_t i = 0; i < s->shapes_len; i++) {
        const struct shape *known = &s->shapes[i];
        if (!set_same(known->schemas, known->schemas_len, known->own, set)) continue;
        *shape = i;
        return SK_OK;
    }
    if (s->shapes_len == SCHEMA_SETS_MAX)
        return FAIL(SK_LIMIT, "schema: more than %d different ones", SCHEMA_SETS_MAX);
    *shape = s->shapes_len;
    s->shapes[s->shapes_len] =
        (struct shape){.schemas = set_copy(s, set), .schemas_len = set->len, .own = set->own};
    return s->shapes[s->shapes_len++].schemas ? SK_OK : SK_LIMIT;
}

// ---- choices ----

// A schema, or an array of choices, on a way through a goal: next, before those that wait, so that
// schemas are met in the order of the document.
static enum sk_code add_step(const struct schema *s, struct way *way, const struct json_node *node,
                             uint32_t from) {
    uint32_t place = schema_place(s, node);
    for (uint32_t i = from; i != NO_STEP; i = way->steps[i].from)
        if (way->steps[i].node == place)
            return schema_refuse(s, SK_INPUT, place, "$ref", "leads back to itself");
    for (uint32_t i = 0; i < way->len; i++)
        if (way->steps[i].node == place) return SK_OK;
    if (way->len == WAY_STEPS_MAX)
        return schema_refuse(s, SK_LIMIT, place, "allOf", "too many schemas hold together");
    uint32_t at = way->room++;
    memmove(way->steps + at + 1, way->steps + at, (way->len++ - at) * sizeof *way->steps);
    way->steps[at] = (struct way_step){place, from, from != NO_STEP && way->steps[from].other};
    return SK_OK;
}

static enum sk_code add_schema(const struct schema *s, struct way *way,
                               const struct json_node *node, uint32_t from) {
    bool schema = node->type == JSON_OBJECT || node->type == JSON_TRUE || node->type == JSON_FALSE;
    if (!schema) return schema_refuse(s, SK_INPUT, schema_place(s, node), "", NOT_A_SCHEMA);
    return add_step(s, way, node, from);
}

static enum sk_code keep_apart(struct schema *s, const struct json_node *a,
                               const struct json_node *b, uint32_t one_of) {
    struct schema_set set = {.len = 0};
    TRY(schema_set_add(s, &set, a));
    set.others = true;
    TRY(schema_set_add(s, &set, b));
    if (s->apart_len == SCHEMA_SETS_MAX)
        return schema_refuse(s, SK_LIMIT, one_of, "oneOf", "too many branches");
    struct apart *apart = &s->apart[s->apart_len++];
    apart->one_of = one_of;
    return schema_goal(s, &set, &apart->goal);
}

// The constant of a required property of a branch, all whose values are objects; else NULL.
static const struct json_node *constant_of(const struct json_node *branch, struct view name) {
    const struct json_node *properties = json_find(branch, "properties"),
                           *required = json_find(branch, "required"),
                           *type = json_find(branch, "type"), *at = json_first(properties);
    if (!json_is(type, JSON_STRING) || !view_is(json_view(type), "object")) return NULL;
    const struct json_node *one = json_is(required, JSON_ARRAY) ? json_first(required) : NULL;
    uint32_t left = one ? required->len : 0;
    while (left && !view_same(json_view(one), name))
        one = json_next(one), left--;
    if (!left || !json_is(properties, JSON_OBJECT)) return NULL;
    for (uint32_t i = 0; i < properties->len; i++, at = json_next(at + 1))
        if (view_same(json_view(at), name)) return json_find(at + 1, "const");
    return NULL;
}

// What a branch refers to, when that is all it does.
static const struct json_node *branch_of(const struct schema *s, const struct json_node *branch) {
    uint32_t target;
    for (int hops = 0; hops < 8 && branch->type == JSON_OBJECT && branch->len == 1; hops++) {
        const struct json_node *ref = json_find(branch, "$ref");
        if (!ref || schema_follow(s, schema_place(s, branch), ref, &target) != SK_OK) break;
        branch = s->root + target;
    }
    return branch;
}

// The usual union, told apart at once: a required property has another text in each branch.
static bool tagged(const struct schema *s, const struct json_node *a, const struct json_node *b) {
    a = branch_of(s, a);
    b = branch_of(s, b);
    const struct json_node *properties = json_find(a, "properties"), *at = json_first(properties);
    for (uint32_t i = 0; at && i < properties->len; i++, at = json_next(at + 1)) {
        if (!json_is(properties, JSON_OBJECT)) return false;
        const struct json_node *x = constant_of(a, json_view(at)),
                               *y = constant_of(b, json_view(at));
        if (json_is(x, JSON_STRING) && json_is(y, JSON_STRING) &&
            !view_same(json_view(x), json_view(y)))
            return true;
    }
    return false;
}

// That no value is of two branches is checked when it is known what lives.
static enum sk_code branches_apart(struct schema *s, const struct json_node *branches) {
    uint32_t node = schema_place(s, branches);
    for (uint32_t i = 0; i < s->apart_len; i++)
        if (s->apart[i].one_of == node) return SK_OK;
    const struct json_node *a = json_first(branches);
    for (uint32_t i = 0; i < branches->len; i++, a = json_next(a)) {
        const struct json_node *b = json_next(a);
        for (uint32_t j = i + 1; j < branches->len; j++, b = json_next(b)) {
            if (tagged(s, a, b)) continue;
            TRY(keep_apart(s, a, b, node));
            TRY(keep_apart(s, b, a, node));
        }
    }
    return SK_OK;
}

static enum sk_code add_all(struct schema *s, struct way *way, uint32_t from, const char *keyword) {
    uint32_t node = way->steps[from].node;
    const struct json_node *array = json_find(s->root + node, keyword);
    if (!array) return SK_OK;
    if (!json_is(array, JSON_ARRAY) || array->len == 0)
        return schema_refuse(s, SK_INPUT, node, keyword, "no array of schemas");
    if (!view_is(view_of(keyword), "allOf")) return add_step(s, way, array, from);
    const struct json_node *child = json_first(array);
    for (uint32_t i = 0; i < array->len; i++, child = json_next(child))
        TRY(add_schema(s, way, child, from));
    return SK_OK;
}

// A schema on the way: what it leads to is added, itself when it asserts.
static enum sk_code pass_schema(struct schema *s, struct way *way, uint32_t at) {
    uint32_t node = way->steps[at].node, target;
    bool asserts;
    TRY(schema_inspect(s, node, &asserts));
    if (asserts) TRY(schema_set_add(s, &way->asserts, s->root + node));
    if (json_find(s->root + node, "not")) way->asserts.never = true; // not {}: nothing
    const struct json_node *ref = json_find(s->root + node, "$ref");
    if (ref) {
        TRY(schema_follow(s, node, ref, &target));
        TRY(add_schema(s, way, s->root + target, at));
    }
    TRY(add_all(s, way, at, "allOf"));
    TRY(add_all(s, way, at, "anyOf"));
    const struct json_node *one_of = json_find(s->root + node, "oneOf");
    TRY(add_all(s, way, at, "oneOf"));
    return one_of ? branches_apart(s, one_of) : SK_OK;
}

// The way splits: one for each branch, the first of them on top.
static enum sk_code split(struct schema *s, struct ways *ways, uint32_t at) {
    struct way *way = &ways->at[ways->len - 1];
    const struct json_node *choice = s->root + way->steps[at].node, *child = json_first(choice);
    if (ways->len + choice->len > SCHEMA_BRANCHES_MAX)
        return schema_refuse(s, SK_LIMIT, way->steps[at].node, "anyOf", "too many branches");
    uint32_t top = ways->len + choice->len - 2;
    for (uint32_t i = 1; i < choice->len; i++)
        ways->at[ways->len - 1 + i] = *way;
    for (uint32_t i = 0; i < choice->len; i++, child = json_next(child))
        TRY(add_schema(s, &ways->at[top - i], child, at));
    ways->len = top + 1;
    return SK_OK;
}

// Goes on with the way on top until it ends or splits; *shape is NO_STEP when it gave none.
static enum sk_code go_on(struct schema *s, struct ways *ways, uint32_t *shape) {
    struct way *way = &ways->at[ways->len - 1];
    *shape = NO_STEP;
    while (way->done < way->len) {
        uint32_t at = way->done++;
        const struct json_node *node = s->root + way->steps[at].node;
        way->room = way->done;
        way->asserts.others = way->steps[at].other;
        if (node->type == JSON_ARRAY) return split(s, ways, at);
        if (node->type == JSON_OBJECT) {
            TRY(pass_schema(s, way, at));
        } else {
            TRY(schema_set_add(s, &way->asserts, node));
        }
        if (way->asserts.never) break;
    }
    ways->len--;
    return way->asserts.never ? SK_OK : shape_of(s, &way->asserts, shape);
}

enum sk_code schema_expand(struct schema *s, uint32_t goal) {
    struct goal *of = &s->goals[goal];
    if (goal == GOAL_NEVER) return SK_OK;
    uint32_t found[SCHEMA_BRANCHES_MAX], found_len = 0, shape;
    struct ways ways = {s->ways, 1};
    struct way *first = ways.at;
    first->len = first->done = first->room = 0;
    first->asserts = (struct schema_set){.len = 0};
    for (uint32_t i = 0; i < of->schemas_len; i++) {
        TRY(add_schema(s, first, s->root + of->schemas[i], NO_STEP));
        first->steps[i].other = i >= of->own;
    }
    while (ways.len) {
        TRY(go_on(s, &ways, &shape));
        bool known = shape == NO_STEP;
        for (uint32_t i = 0; i < found_len; i++)
            known |= found[i] == shape;
        if (known) continue;
        if (found_len == SCHEMA_BRANCHES_MAX)
            return schema_refuse(s, SK_LIMIT, of->schemas[0], "anyOf", "too many branches");
        found[found_len++] = shape;
    }
    of->shapes = arena_take(s->arena, found_len + 1, sizeof *of->shapes);
    if (!of->shapes) return SK_LIMIT;
    memcpy(of->shapes, found, found_len * sizeof *found);
    of->shapes_len = found_len;
    return SK_OK;
}
