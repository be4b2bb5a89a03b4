// A policy file, section by section, in the order in which they need each other.
#include "border/policy_parts.h"

#include <stdio.h>

enum { NAME_MAX_LEN = 128, STALE_DAYS = 45 };

const char *const policy_level_names[] = {"open", "fenced", "walled", "fortress", NULL};
const char *const policy_mask_names[] = {"tokens", "format", NULL};

// ---- the top ----

enum sk_code policy_take_format(struct policy_reader *reader, const struct yaml_node *node,
                                void *at, const struct policy_field *field) {
    (void)at, (void)field;
    if (node->type == YAML_SCALAR && view_is(node->text, "1")) return SK_OK;
    return policy_wrong(reader, node, "format must be 1, the one this build reads");
}

static enum sk_code take_error(struct policy_reader *reader, const struct yaml_node *node, void *at,
                               const struct policy_field *field) {
    static const char *const names[] = {"local-only", "block", NULL};
    const struct policy_field choice = {.name = field->name, .names = names};
    uint32_t index;
    TRY(policy_take_choice(reader, node, &index, &choice));
    *(enum border_verdict *)at = index ? VERDICT_BLOCK : VERDICT_LOCAL_ONLY;
    return SK_OK;
}

// A file name, or {file: NAME, operators: true} where it says whose network an address is in.
static enum sk_code take_geo(struct policy_reader *reader, const struct yaml_node *node, void *at,
                             const struct policy_field *field) {
    static const struct policy_field rows[] = {
        {FIELD("file", policy_take_text), .offset = offsetof(struct policy_geo, file),
         .needed = true, .max = 1024},
        {FIELD("operators", policy_take_bool), .offset = offsetof(struct policy_geo, operators)},
        {0}};
    (void)at, (void)field;
    TRY(policy_list(reader, node, YAML_LIST, POLICY_GEO_MAX));
    struct policy_geo *files = arena_take(reader->arena, node->count, sizeof *files);
    if (!files) return SK_LIMIT;
    reader->policy->geo = files;
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        struct policy_geo *file = &files[reader->policy->geo_len++];
        if (one->type == YAML_SCALAR)
            TRY(policy_take_text(reader, one, &file->file, &rows[0]));
        else
            TRY(policy_fields(reader, one, rows, file, NULL));
    }
    return SK_OK;
}

#define TOP(member) offsetof(struct policy, member)
static const struct policy_field top_rows[] = {
    {FIELD("format", policy_take_format), .needed = true},
    {FIELD("name", policy_take_text), .offset = TOP(name), .needed = true, .max = NAME_MAX_LEN},
    {FIELD("home", policy_take_country), .offset = TOP(home), .needed = true},
    {FIELD("packs", policy_take_later)},
    {FIELD("unknown", policy_take_reach), .offset = TOP(unknown)},
    {FIELD("on_detector_error", take_error), .offset = TOP(on_detector_error)},
    {FIELD("keep", policy_take_number), .offset = TOP(keep_days), .max = POLICY_KEEP_MAX},
    {FIELD("on_stale_geo_days", policy_take_number), .offset = TOP(stale_geo_days), .min = 1,
     .max = 3650},
    {FIELD("geo", take_geo)},
    {FIELD("classes", policy_take_later)},
    {FIELD("purposes", policy_take_later)},
    {FIELD("places", policy_take_later)},
    {FIELD("tenants", policy_take_later)},
    {FIELD("routes", policy_take_later)},
    {FIELD("clients", policy_take_later)},
    {FIELD("tests", policy_take_later)},
    {0}};

// ---- purposes ----

static enum sk_code read_purposes(struct policy_reader *reader, const struct yaml_node *node,
                                  void *at, const struct policy_field *field) {
    static const struct policy_field rows[] = {
        {FIELD("id", policy_take_id), .offset = offsetof(struct policy_purpose, id),
         .needed = true},
        {FIELD("allow_classes", policy_take_classes),
         .offset = offsetof(struct policy_purpose, classes), .needed = true},
        {0}};
    struct policy *policy = reader->policy;
    (void)at, (void)field;
    TRY(policy_list(reader, node, YAML_LIST, POLICY_PURPOSES_MAX));
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        struct policy_purpose purpose = {0};
        TRY(policy_fields(reader, one, rows, &purpose, NULL));
        if (policy_purpose_find(policy, view_of(purpose.id)) != POLICY_NONE)
            return policy_wrong(reader, one, "purpose %s is given twice", purpose.id);
        policy->purposes[policy->purposes_len++] = purpose;
    }
    return SK_OK;
}

// ---- tenants ----

struct tenant_draft {
    struct policy_tenant row;
    struct policy_texts keys;
};

static enum sk_code take_purpose(struct policy_reader *reader, const struct yaml_node *node,
                                 void *at, const struct policy_field *field) {
    uint16_t *index = at;
    (void)field;
    *index = policy_purpose_find(reader->policy, node->text);
    if (node->type == YAML_SCALAR && *index != POLICY_NONE) return SK_OK;
    return policy_wrong(reader, node, "no purpose is called '%.*s'", (int)node->text.len,
                        node->text.at);
}

#define TENANT(member) offsetof(struct tenant_draft, row.member)
static const struct policy_field tenant_rows[] = {
    {FIELD("id", policy_take_id), .offset = TENANT(id), .needed = true},
    {FIELD("home", policy_take_country), .offset = TENANT(home)},
    {FIELD("keys", policy_take_texts), .offset = offsetof(struct tenant_draft, keys), .max = 4096},
    {FIELD("label", policy_take_classes), .offset = TENANT(label)},
    {FIELD("labels", policy_take_classes), .offset = TENANT(labels)},
    {FIELD("consent", policy_take_reach), .offset = TENANT(consent)},
    {FIELD("consent_max", policy_take_reach), .offset = TENANT(consent_max)},
    {FIELD("purpose", take_purpose), .offset = TENANT(purpose)},
    {0}};

static enum sk_code tenant_check(const struct policy_reader *reader, const struct yaml_node *node,
                                 const struct policy_tenant *tenant, bool begins) {
    const struct policy *policy = reader->policy;
    bool first = strcmp(tenant->id, "default") == 0;
    if (first && tenant->keys_len)
        return policy_wrong(reader, node, "the tenant default has the keys of no other: give none");
    for (uint32_t i = 0; i < policy->tenants_len; i++)
        if (strcmp(policy->tenants[i].id, tenant->id) == 0 && !begins)
            return policy_wrong(reader, node, "tenant %s is given twice, or default is not first",
                                tenant->id);
    for (uint32_t i = 0; i < tenant->keys_len; i++) {
        uint16_t other = policy_tenant_of(policy, view_of(tenant->keys[i]));
        if (other)
            return policy_wrong(reader, node, "key %s is of tenant %s already", tenant->keys[i],
                                policy->tenants[other].id);
    }
    if (tenant->label & ~tenant->labels)
        return policy_wrong(reader, node, "labels must hold all classes of label");
    if (tenant->consent > tenant->consent_max)
        return policy_wrong(reader, node, "consent_max %s is nearer than consent %s",
                            border_reach_name(tenant->consent_max),
                            border_reach_name(tenant->consent));
    return SK_OK;
}

static enum sk_code read_tenants(struct policy_reader *reader, const struct yaml_node *node,
                                 void *at, const struct policy_field *field) {
    struct policy *policy = reader->policy;
    (void)at, (void)field;
    TRY(policy_list(reader, node, YAML_LIST, POLICY_TENANTS_MAX - 1));
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        struct tenant_draft draft = {.row = {.home = policy->home, .purpose = POLICY_NONE}};
        struct policy_tenant *tenant = &draft.row;
        uint32_t given;
        TRY(policy_fields(reader, one, tenant_rows, &draft, &given));
        tenant->keys = draft.keys.at;
        tenant->keys_len = draft.keys.len;
        if (!policy_given(tenant_rows, given, "labels")) tenant->labels = tenant->label;
        if (!policy_given(tenant_rows, given, "consent_max")) tenant->consent_max = tenant->consent;
        TRY(tenant_check(reader, one, tenant, one == node->first));
        bool first = strcmp(tenant->id, "default") == 0;
        policy->tenants[first ? 0 : policy->tenants_len++] = *tenant;
    }
    return SK_OK;
}

// ---- clients ----

static enum sk_code take_network(struct policy_reader *reader, const struct yaml_node *node,
                                 void *at, const struct policy_field *field) {
    struct policy_network *network = at;
    if (node->type == YAML_SCALAR &&
        policy_address_take(node->text, &network->address, &network->prefix))
        return SK_OK;
    return policy_wrong(reader, node, "%s must be like 203.0.113.0/24 or 2001:db8::/32",
                        field->name);
}

static enum sk_code read_clients(struct policy_reader *reader, const struct yaml_node *node,
                                 void *at, const struct policy_field *field) {
    static const struct policy_field rows[] = {
        {FIELD("network", take_network), .offset = 0, .needed = true},
        {FIELD("reach", policy_take_reach), .offset = offsetof(struct policy_network, reach),
         .needed = true},
        {0}};
    struct policy *policy = reader->policy;
    (void)at, (void)field;
    TRY(policy_list(reader, node, YAML_LIST, POLICY_NETWORKS_MAX));
    policy->networks_len = 0;
    for (const struct yaml_node *one = node->first; one; one = one->next)
        TRY(policy_fields(reader, one, rows, &policy->networks[policy->networks_len++], NULL));
    return SK_OK;
}

// ---- the whole ----

static bool pack_name_good(struct view name) { // it becomes the name of a file
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_') return false;
    }
    return name.len > 0 && name.len <= POLICY_NAME_MAX;
}

static enum sk_code packs_named(struct policy_reader *reader, const struct yaml_node *root,
                                struct view *names, uint32_t *len) {
    const struct yaml_node *list = yaml_find(root, "packs");
    *len = 0;
    if (!list) return SK_OK;
    TRY(policy_list(reader, list, YAML_LIST, POLICY_PACKS_MAX));
    for (const struct yaml_node *one = list->first; one; one = one->next) {
        if (one->type != YAML_SCALAR || !pack_name_good(one->text))
            return policy_wrong(reader, one,
                                "a pack is named by small letters, digits, '-' and '_', like jp");
        for (uint32_t i = 0; i < *len; i++)
            if (view_same(names[i], one->text))
                return policy_wrong(reader, one, "pack %.*s is given twice", (int)one->text.len,
                                    one->text.at);
        names[(*len)++] = one->text;
    }
    return SK_OK;
}

enum sk_code policy_packs(struct policy_source policy, struct arena *arena, struct view *names,
                          uint32_t *len) {
    struct policy_reader reader = {.file = policy.name, .arena = arena};
    const struct yaml_node *root;
    TRY(yaml_parse(policy.text, policy.name, arena, &root));
    return packs_named(&reader, root, names, len);
}

static enum sk_code read_packs(struct policy_reader *reader, const struct yaml_node *root,
                               const struct policy_sources *sources) {
    struct view names[POLICY_PACKS_MAX];
    uint32_t len;
    TRY(packs_named(reader, root, names, &len));
    must(len == sources->packs_len); // as policy_packs said
    for (uint32_t i = 0; i < len; i++)
        TRY(policy_read_pack(reader, &sources->packs[i], names[i]));
    return SK_OK;
}

static enum sk_code read_sections(struct policy_reader *reader, const struct yaml_node *root) {
    static const struct policy_field sections[] = {{FIELD("classes", policy_read_classes)},
                                                   {FIELD("purposes", read_purposes)},
                                                   {FIELD("places", policy_read_places)},
                                                   {FIELD("tenants", read_tenants)},
                                                   {FIELD("routes", policy_read_routes)},
                                                   {FIELD("clients", read_clients)},
                                                   {0}};
    for (const struct policy_field *row = sections; row->name; row++) {
        const struct yaml_node *node = yaml_find(root, row->name);
        if (node) TRY(row->take(reader, node, NULL, row));
    }
    return SK_OK;
}

static void digest(const struct policy_sources *sources, uint8_t out[HASH_LEN]) {
    uint8_t parts[POLICY_PACKS_MAX + 1][HASH_LEN];
    hash_of(sources->policy.text.at, sources->policy.text.len, parts[0]);
    for (uint32_t i = 0; i < sources->packs_len; i++)
        hash_of(sources->packs[i].text.at, sources->packs[i].text.len, parts[i + 1]);
    hash_of(parts, (sources->packs_len + 1u) * HASH_LEN, out);
}

enum sk_code policy_read(const struct policy_sources *sources, int64_t day, struct arena *arena,
                         struct policy *out) {
    const char *file = sources->policy.name;
    struct policy_reader reader = {.file = file, .arena = arena, .policy = out};
    const struct yaml_node *root;
    policy_begin(out, "");
    out->stale_geo_days = STALE_DAYS;
    TRY(yaml_parse(sources->policy.text, file, arena, &root));
    TRY(policy_fields(&reader, root, top_rows, out, NULL));
    out->places[0].country = out->places[0].operator_home = out->tenants[0].home = out->home;
    TRY(read_packs(&reader, root, sources));
    reader.file = file;
    TRY(read_sections(&reader, root));
    TRY(policy_prove(&reader));
    for (uint32_t i = 1; i < out->places_len; i++)
        out->places[i].off = policy_place_lacks(out, &out->places[i], reader.place_networks[i]);
    TRY(policy_tests(&reader, yaml_find(root, "tests")));
    TRY(policy_places_day(out, day, arena));
    digest(sources, out->digest);
    return SK_OK;
}
