// Packs: classes that a law asks for, the rules of it they come from, and tests.
#include "border/policy_parts.h"

enum { TEXT_MAX = 1024, WORD_MAX = 256 };

static const char *const statuses[] = {"in force", "not yet in force", "to confirm by counsel",
                                       NULL};

struct rule_draft {
    struct policy_rule row;
    uint32_t status;
};

#define RULE(member) offsetof(struct rule_draft, row.member)
static const struct policy_field rule_rows[] = {
    {FIELD("law", policy_take_text), .offset = RULE(law), .needed = true, .max = WORD_MAX},
    {FIELD("article", policy_take_text), .offset = RULE(article), .needed = true, .max = WORD_MAX},
    {FIELD("classes", policy_take_classes), .offset = RULE(classes), .needed = true},
    {FIELD("from", policy_take_day), .offset = RULE(from)},
    {FIELD("to", policy_take_day), .offset = RULE(to)},
    {FIELD("status", policy_take_choice), .offset = offsetof(struct rule_draft, status),
     .needed = true, .names = statuses},
    {FIELD("reviewed_on", policy_take_day), .offset = RULE(reviewed_on), .needed = true},
    {FIELD("text", policy_take_text), .offset = RULE(text), .needed = true, .max = TEXT_MAX},
    {0}};

static enum sk_code read_rules(struct policy_reader *reader, const struct yaml_node *node) {
    struct policy *policy = reader->policy;
    struct policy_rule *rules =
        (struct policy_rule *)(uintptr_t)policy->rules; // ours, from `arena`
    TRY(policy_list(reader, node, YAML_LIST, POLICY_RULES_MAX - policy->rules_len));
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        struct rule_draft draft = {.row.pack = reader->pack};
        draft.row.from = draft.row.to = INT64_MAX;
        TRY(policy_fields(reader, one, rule_rows, &draft, NULL));
        if (draft.row.to < draft.row.from)
            return policy_wrong(reader, one, "a rule ends before it begins");
        draft.row.status = statuses[draft.status];
        rules[policy->rules_len++] = draft.row;
    }
    return SK_OK;
}

// Tests of a pack are of its classes alone, with one place of each distance, called so.
static enum sk_code run_tests(const struct policy_reader *reader, uint32_t from,
                              const struct yaml_node *tests) {
    static const char abroad[] = "ZZ"; // ISO 3166-1 leaves it to users: nowhere
    struct policy *policy = reader->policy, *alone = arena_take(reader->arena, 1, sizeof *alone);
    if (!alone) return SK_LIMIT;
    policy_begin(alone, "JP");
    struct policy_place place = alone->places[0];
    for (unsigned i = REACH_COUNTRY; i < REACH_COUNT; i++) {
        place.id = border_reach_name((enum border_reach)i);
        if (i == REACH_LISTED) place.country = place.operator_home = abroad;
        if (i == REACH_WORLD) place.processing = PROCESSING_GLOBAL;
        alone->places[alone->places_len++] = place;
    }
    for (uint32_t i = from; i < policy->classes_len; i++)
        alone->classes[alone->classes_len++] = policy->classes[i];
    struct policy_reader one = {.file = reader->file, .arena = reader->arena, .policy = alone};
    TRY(policy_tests(&one, tests));
    policy->tests_len += alone->tests_len;
    return SK_OK;
}

enum sk_code policy_read_pack(struct policy_reader *reader, const struct policy_source *source,
                              struct view name) {
    static const struct policy_field rows[] = {
        {FIELD("format", policy_take_format), .needed = true},
        {FIELD("pack", policy_take_id), .offset = 0, .needed = true},
        {FIELD("title", policy_take_text), .offset = 0, .needed = true, .max = WORD_MAX},
        {FIELD("notice", policy_take_text), .offset = 0, .needed = true, .max = TEXT_MAX},
        {FIELD("classes", policy_take_later), .needed = true},
        {FIELD("rules", policy_take_later), .needed = true},
        {FIELD("tests", policy_take_later), .needed = true},
        {0}};
    struct policy *policy = reader->policy;
    const struct yaml_node *root, *id;
    const char *scratch;
    uint32_t from = policy->classes_len;
    reader->file = source->name;
    TRY(yaml_parse(source->text, source->name, reader->arena, &root));
    TRY(policy_fields(reader, root, rows, &scratch, NULL));
    id = yaml_find(root, "pack");
    if (!view_same(id->text, name))
        return policy_wrong(reader, id, "this is pack %.*s, not %.*s", (int)id->text.len,
                            id->text.at, (int)name.len, name.at);
    reader->pack = arena_text(reader->arena, name);
    if (!policy->rules)
        policy->rules = arena_take(reader->arena, POLICY_RULES_MAX, sizeof *policy->rules);
    if (!reader->pack || !policy->rules) return SK_LIMIT;
    TRY(policy_read_classes(reader, yaml_find(root, "classes"), NULL, NULL));
    TRY(read_rules(reader, yaml_find(root, "rules")));
    TRY(run_tests(reader, from, yaml_find(root, "tests")));
    reader->pack = NULL;
    return SK_OK;
}
