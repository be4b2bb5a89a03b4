// Tests that stand in a policy file or a pack.
//
// A test asks the lattice, on a day on which every contract runs unless it says `on:`, so that a
// file that was good does not turn bad by the calendar.
#include "border/policy_parts.h"

#include <stdio.h>

enum { TESTS_MAX = 1024, SAY_MAX = 256, MODEL_MAX = 256, PLACE_TOLD_MAX = 320 };

struct test {
    const char *say, *rule, *model;
    struct policy_ask ask;
    uint64_t label;
    enum border_verdict expect;
};

static const char *const verdict_names[] = {"send", "mask", "local-only", "block", NULL};

static enum sk_code take_consents(struct policy_reader *reader, const struct yaml_node *node,
                                  void *at, const struct policy_field *field) {
    enum border_reach *consent = at;
    if (node->type == YAML_SCALAR) return policy_take_reach(reader, node, at, field);
    TRY(policy_list(reader, node, YAML_LIST, REACH_COUNT));
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        enum border_reach reach;
        TRY(policy_take_reach(reader, one, &reach, field));
        if (reach > *consent) *consent = reach;
    }
    return SK_OK;
}

static enum sk_code take_named(const struct policy_reader *reader, const struct yaml_node *node,
                               const char *what, uint16_t index, uint16_t *out) {
    *out = index;
    if (node->type == YAML_SCALAR && index != POLICY_NONE) return SK_OK;
    return policy_wrong(reader, node, "no %s is called '%.*s'", what, (int)node->text.len,
                        node->text.at);
}

static enum sk_code take_to(struct policy_reader *reader, const struct yaml_node *node, void *at,
                            const struct policy_field *field) {
    (void)field;
    return take_named(reader, node, "place", policy_place_find(reader->policy, node->text), at);
}

static enum sk_code take_purpose(struct policy_reader *reader, const struct yaml_node *node,
                                 void *at, const struct policy_field *field) {
    (void)field;
    return take_named(reader, node, "purpose", policy_purpose_find(reader->policy, node->text), at);
}

static enum sk_code take_tenant(struct policy_reader *reader, const struct yaml_node *node,
                                void *at, const struct policy_field *field) {
    (void)field;
    return take_named(reader, node, "tenant", policy_tenant_find(reader->policy, node->text), at);
}

#define TEST(member) offsetof(struct test, member)
static const struct policy_field test_rows[] = {
    {FIELD("say", policy_take_text), .offset = TEST(say), .needed = true, .max = SAY_MAX},
    {FIELD("classes", policy_take_classes), .offset = TEST(ask.classes)},
    {FIELD("label", policy_take_classes), .offset = TEST(label)},
    {FIELD("consent", take_consents), .offset = TEST(ask.consent)},
    {FIELD("purpose", take_purpose), .offset = TEST(ask.purpose)},
    {FIELD("level", policy_take_choice), .offset = TEST(ask.level), .names = policy_level_names},
    {FIELD("to", take_to), .offset = TEST(ask.place)},
    {FIELD("model", policy_take_text), .offset = TEST(model), .needed = false, .max = MODEL_MAX},
    {FIELD("on", policy_take_day), .offset = TEST(ask.day)},
    {FIELD("detector_error", policy_take_bool), .offset = TEST(ask.detector_error)},
    {FIELD("tenant", take_tenant), .offset = TEST(ask.tenant)},
    {FIELD("expect", policy_take_choice), .offset = TEST(expect), .needed = true,
     .names = verdict_names},
    {FIELD("rule", policy_take_text), .offset = TEST(rule), .max = POLICY_RULE_MAX},
    {0}};

// As the border goes through a route where every place can be reached: to the first step that may
// have the text. What kept it from a better place is the rule by which it stays on the node.
static void judge_route(const struct policy *policy, const char *model, struct policy_ask *ask,
                        struct policy_verdict *out) {
    uint16_t index = policy_route_find(policy, view_of(model));
    const struct policy_route *route = index == POLICY_NONE ? NULL : &policy->routes[index];
    uint32_t len = route ? route->steps_len : 1;
    for (uint32_t i = 0; i < len; i++) {
        struct policy_verdict verdict;
        ask->place = route ? route->steps[i].place : 0;
        policy_judge(policy, ask, &verdict);
        bool may = verdict.verdict <= VERDICT_MASK;
        bool stays = may && i > 0 && ask->place == 0 && out->verdict == VERDICT_LOCAL_ONLY;
        if ((i == 0 || may) && !stays) *out = verdict;
        if (may) return;
    }
}

// Why it may have come out so, as far as the place says: off, or how far it is for that tenant.
static const char *place_told(const struct policy *policy, const struct policy_ask *ask, char *out,
                              size_t max) {
    const struct policy_place *place = &policy->places[ask->place];
    if (place->off)
        snprintf(out, max, "; place '%s' is off: %s", place->id, place->off);
    else
        snprintf(out, max, "; place '%s' is %s for tenant '%s'", place->id,
                 border_reach_name(policy_distance(policy, ask->place, ask->tenant)),
                 policy->tenants[ask->tenant].id);
    return out;
}

static enum sk_code test_run(struct policy_reader *reader, const struct yaml_node *node) {
    struct policy *policy = reader->policy;
    struct test test = {.ask = {.purpose = POLICY_NONE, .level = LEVEL_FORTRESS, .day = INT64_MIN}};
    uint32_t given;
    struct policy_verdict verdict;
    TRY(policy_fields(reader, node, test_rows, &test, &given));
    bool to = policy_given(test_rows, given, "to"), model = policy_given(test_rows, given, "model");
    bool labelled = policy_given(test_rows, given, "label");
    if (to == model) return policy_wrong(reader, node, "a test is of one place, to, or one model");
    test.ask.vouched = labelled ? test.label != 0 : test.ask.classes != 0;
    test.ask.classes |= test.label;
    if (to)
        policy_judge(policy, &test.ask, &verdict);
    else
        judge_route(policy, test.model, &test.ask, &verdict);
    bool ruled = !test.rule || strcmp(test.rule, verdict.rule) == 0;
    if (verdict.verdict == test.expect && ruled) return SK_OK;
    char told[PLACE_TOLD_MAX];
    return policy_wrong(reader, node, "test \"%s\" fails: expected %s%s%s, got %s by %s%s",
                        test.say, border_verdict_name(test.expect), test.rule ? " by " : "",
                        test.rule ? test.rule : "", border_verdict_name(verdict.verdict),
                        verdict.rule, place_told(policy, &test.ask, told, sizeof told));
}

enum sk_code policy_tests(struct policy_reader *reader, const struct yaml_node *tests) {
    if (!tests) return SK_OK;
    TRY(policy_list(reader, tests, YAML_LIST, TESTS_MAX));
    for (const struct yaml_node *one = tests->first; one; one = one->next)
        TRY(test_run(reader, one));
    reader->policy->tests_len += tests->count;
    return SK_OK;
}
