// Routes of a policy file, and the proof that none widens by itself.
#include "border/policy_parts.h"

struct step_draft {
    struct policy_step row;
    uint32_t rank, weight;
};

static enum sk_code take_place(struct policy_reader *reader, const struct yaml_node *node, void *at,
                               const struct policy_field *field) {
    uint16_t *index = at;
    *index = policy_place_find(reader->policy, node->text);
    if (node->type == YAML_SCALAR && *index != POLICY_NONE) return SK_OK;
    return policy_wrong(reader, node, "%s: no place is called '%.*s'", field->name,
                        (int)node->text.len, node->text.at);
}

enum { MODEL_MAX = 256 };
static const struct policy_field step_rows[] = {
    {FIELD("place", take_place), .offset = offsetof(struct step_draft, row.place), .needed = true},
    {FIELD("model", policy_take_text), .offset = offsetof(struct step_draft, row.model),
     .max = MODEL_MAX},
    {FIELD("rank", policy_take_number), .offset = offsetof(struct step_draft, rank), .min = 0,
     .max = 1000},
    {FIELD("weight", policy_take_number), .offset = offsetof(struct step_draft, weight), .min = 1,
     .max = 1000},
    {0}};

static enum sk_code step_check(const struct policy_reader *reader, const struct yaml_node *node,
                               const struct policy_step *step) {
    const struct policy_place *place = &reader->policy->places[step->place];
    if (step->place == 0) return SK_OK; // what models it has the configuration says
    if (place->use != USE_MODELS)
        return policy_wrong(reader, node, "place %s is not for models", place->id);
    for (uint32_t i = 0; i < place->models_len; i++)
        if (strcmp(place->models[i], step->model) == 0) return SK_OK;
    return policy_wrong(reader, node,
                        "place %s does not allow the model '%s': add it to its models", place->id,
                        step->model);
}

static enum sk_code take_steps(struct policy_reader *reader, const struct yaml_node *node, void *at,
                               const struct policy_field *field) {
    struct policy_route *route = at;
    (void)field;
    TRY(policy_list(reader, node, YAML_LIST, POLICY_STEPS_MAX));
    if (node->count == 0) return policy_wrong(reader, node, "a route needs a step");
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        struct step_draft draft = {.weight = 1};
        uint32_t given, last = route->steps_len;
        TRY(policy_fields(reader, one, step_rows, &draft, &given));
        uint32_t least = last ? route->steps[last - 1].rank : 0;
        if (!policy_given(step_rows, given, "rank")) draft.rank = last ? least + 1 : 0;
        if (draft.rank < least)
            return policy_wrong(reader, one, "rank %u comes after rank %u: steps are in order",
                                draft.rank, least);
        if (!policy_given(step_rows, given, "model")) draft.row.model = route->model;
        draft.row.rank = (uint16_t)draft.rank;
        draft.row.weight = (uint16_t)draft.weight;
        TRY(step_check(reader, one, &draft.row));
        route->steps[route->steps_len++] = draft.row;
    }
    return SK_OK;
}

static const struct policy_field route_rows[] = {
    {FIELD("model", policy_take_text), .offset = offsetof(struct policy_route, model),
     .needed = true, .max = MODEL_MAX},
    {FIELD("reach", policy_take_reach), .offset = offsetof(struct policy_route, reach)},
    {FIELD("to", policy_take_later), .needed = true},
    {0}};

enum sk_code policy_read_routes(struct policy_reader *reader, const struct yaml_node *node,
                                void *at, const struct policy_field *field) {
    struct policy *policy = reader->policy;
    (void)at, (void)field;
    TRY(policy_list(reader, node, YAML_LIST, POLICY_ROUTES_MAX));
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        struct policy_route route = {0};
        uint32_t given;
        TRY(policy_fields(reader, one, route_rows, &route, &given));
        TRY(take_steps(reader, yaml_find(one, "to"), &route, NULL));
        if (policy_route_find(policy, view_of(route.model)) != POLICY_NONE)
            return policy_wrong(reader, one, "model %s has two routes", route.model);
        reader->route_nodes[policy->routes_len] = one;
        reader->route_reach[policy->routes_len] = policy_given(route_rows, given, "reach");
        policy->routes[policy->routes_len++] = route;
    }
    return SK_OK;
}

// ---- the proof ----

static enum sk_code place_prove(const struct policy_reader *reader, uint16_t index) {
    struct policy *policy = reader->policy;
    struct policy_place *place = &policy->places[index];
    enum border_reach declared = place->reach, nearest = REACH_WORLD;
    place->reach = REACH_NODE; // what it is without its own word
    for (uint32_t i = 0; i < policy->tenants_len; i++) {
        enum border_reach reach = policy_distance(policy, index, (uint16_t)i);
        if (reach < nearest) nearest = reach;
    }
    bool given = yaml_find(reader->place_nodes[index], "reach") != NULL;
    place->reach = declared;
    if (!given || declared >= nearest) return SK_OK;
    return policy_wrong(reader, reader->place_nodes[index],
                        "place %s: reach %s, but by where it is and who can compel it, it is %s",
                        place->id, border_reach_name(declared), border_reach_name(nearest));
}

// The first class that a place so far away may get, and how; NULL: none.
static const char *opened(const struct policy *policy, uint16_t place, uint16_t tenant,
                          struct policy_verdict *verdict) {
    for (uint32_t i = 0; i < policy->classes_len; i++) {
        struct policy_ask ask = {.classes = UINT64_C(1) << i,
                                 .vouched = true,
                                 .tenant = tenant,
                                 .purpose = POLICY_NONE,
                                 .place = place,
                                 .consent = REACH_WORLD,
                                 .level = LEVEL_FORTRESS,
                                 .day = INT64_MIN};
        policy_judge(policy, &ask, verdict);
        if (verdict->verdict <= VERDICT_MASK) return policy->classes[i].id;
    }
    return NULL;
}

static enum sk_code too_far(const struct policy_reader *reader, const struct policy_route *route,
                            uint32_t step, uint16_t tenant, enum border_reach limit) {
    const struct policy *policy = reader->policy;
    uint16_t place = route->steps[step].place;
    enum border_reach reach = policy_distance(policy, place, tenant);
    struct policy_verdict verdict;
    const char *class = opened(policy, place, tenant, &verdict);
    return policy_wrong(reader, reader->route_nodes[route - policy->routes],
                        "route %s, step %u (%s): %s for tenant %s, farther than %s; class %s would "
                        "%s. Where that is meant, write reach: %s",
                        route->model, step + 1, policy->places[place].id, border_reach_name(reach),
                        policy->tenants[tenant].id, border_reach_name(limit), class ? class : "any",
                        !class                            ? "not go there"
                        : verdict.verdict == VERDICT_MASK ? "go there masked"
                                                          : "go there in clear",
                        border_reach_name(reach));
}

static enum sk_code route_prove(const struct policy_reader *reader, uint32_t index,
                                uint16_t tenant) {
    struct policy *policy = reader->policy;
    struct policy_route *route = &policy->routes[index];
    enum border_reach first = policy_distance(policy, route->steps[0].place, tenant);
    enum border_reach limit = reader->route_reach[index] ? route->reach : first;
    for (uint32_t i = 0; i < route->steps_len; i++) {
        const struct policy_step *step = &route->steps[i], *last = step - (i > 0);
        enum border_reach reach = policy_distance(policy, step->place, tenant);
        enum border_reach beside = policy_distance(policy, last->place, tenant);
        if (reach > limit) return too_far(reader, route, i, tenant, limit);
        if (last->rank == step->rank && reach != beside)
            return policy_wrong(reader, reader->route_nodes[index],
                                "route %s: steps %u and %u are of one rank but %s and %s for "
                                "tenant %s: how text is treated would be left to chance",
                                route->model, i, i + 1, border_reach_name(beside),
                                border_reach_name(reach), policy->tenants[tenant].id);
    }
    if (!reader->route_reach[index] && limit > route->reach) route->reach = limit;
    return SK_OK;
}

enum sk_code policy_prove(const struct policy_reader *reader) {
    const struct policy *policy = reader->policy;
    for (uint32_t i = 1; i < policy->places_len; i++)
        TRY(place_prove(reader, (uint16_t)i));
    for (uint32_t i = 0; i < policy->routes_len; i++)
        for (uint32_t t = 0; t < policy->tenants_len; t++)
            TRY(route_prove(reader, i, (uint16_t)t));
    return SK_OK;
}
