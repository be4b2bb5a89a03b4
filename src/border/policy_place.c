// Places of a policy file.
#include "border/policy_parts.h"

#include <stdio.h>

#include "base/day.h"
#include "base/text.h"

enum { URL_MAX = 512, WORD_MAX = 128, CIDR_MAX = 16 };

static const char *const processings[] = {"single-region", "geography", "global", NULL};
static const char *const uses[] = {"models", "witness", "feed", "webhook", "sign-in", NULL};
static const char *const kinds[] = {"openai", "anthropic", NULL};

struct place_draft {
    struct policy_place row;
    struct policy_texts models;
    struct policy_network cidr[CIDR_MAX];
    uint32_t cidr_len;
};

static enum sk_code take_pins(struct policy_reader *reader, const struct yaml_node *node, void *at,
                              const struct policy_field *field) {
    struct policy_place *place = at;
    TRY(policy_list(reader, node, YAML_LIST, POLICY_PINS_MAX));
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        uint8_t *pin = place->pins[place->pins_len++];
        size_t len = 0;
        bool good = one->type == YAML_SCALAR &&
                    (hex_take(one->text, pin, HASH_LEN) ||
                     (base64_take(one->text, pin, HASH_LEN, &len) && len == HASH_LEN));
        if (!good)
            return policy_wrong(reader, one,
                                "%s must be SHA-256 of a public key, as base64 or %d "
                                "hex digits",
                                field->name, 2 * HASH_LEN);
    }
    return SK_OK;
}

static enum sk_code take_addresses(struct policy_reader *reader, const struct yaml_node *node,
                                   void *at, const struct policy_field *field) {
    struct policy_place *place = at;
    (void)field;
    TRY(policy_list(reader, node, YAML_LIST, POLICY_ADDRESSES_MAX));
    for (const struct yaml_node *one = node->first; one; one = one->next)
        if (one->type != YAML_SCALAR ||
            !policy_address_take(one->text, &place->addresses[place->addresses_len++], NULL))
            return policy_wrong(reader, one,
                                "an address is like 203.0.113.9 or 2001:db8::9: names "
                                "are not looked up");
    return SK_OK;
}

static enum sk_code take_cidr(struct policy_reader *reader, const struct yaml_node *node, void *at,
                              const struct policy_field *field) {
    struct place_draft *draft = at;
    (void)field;
    TRY(policy_list(reader, node, YAML_LIST, CIDR_MAX));
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        struct policy_network *network = &draft->cidr[draft->cidr_len++];
        if (one->type != YAML_SCALAR ||
            !policy_address_take(one->text, &network->address, &network->prefix))
            return policy_wrong(reader, one, "a network is like 203.0.113.0/24 or 2001:db8::/32");
    }
    return SK_OK;
}

#define PLACE(member) offsetof(struct place_draft, row.member)
static const struct policy_field place_rows[] = {
    {FIELD("id", policy_take_id), .offset = PLACE(id), .needed = true},
    {FIELD("country", policy_take_country), .offset = PLACE(country)},
    {FIELD("region", policy_take_text), .offset = PLACE(region), .max = WORD_MAX},
    {FIELD("operator", policy_take_text), .offset = PLACE(operator_name), .max = WORD_MAX},
    {FIELD("operator_home", policy_take_country), .offset = PLACE(operator_home)},
    {FIELD("processing", policy_take_choice), .offset = PLACE(processing), .names = processings},
    {FIELD("use", policy_take_choice), .offset = PLACE(use), .names = uses},
    {FIELD("kind", policy_take_choice), .offset = PLACE(kind), .names = kinds},
    {FIELD("url", policy_take_text), .offset = PLACE(url), .needed = true, .max = URL_MAX},
    {FIELD("addresses", take_addresses), .offset = offsetof(struct place_draft, row)},
    {FIELD("cidr", take_cidr)},
    {FIELD("spki_sha256", take_pins), .offset = offsetof(struct place_draft, row)},
    {FIELD("ca", policy_take_text), .offset = PLACE(ca), .max = 1024},
    {FIELD("credential", policy_take_id), .offset = PLACE(credential)},
    {FIELD("contract", policy_take_text), .offset = PLACE(contract), .max = WORD_MAX},
    {FIELD("contract_until", policy_take_day), .offset = PLACE(contract_until)},
    {FIELD("retention", policy_take_text), .offset = PLACE(retention), .max = WORD_MAX},
    {FIELD("training", policy_take_bool), .offset = PLACE(training)},
    {FIELD("models", policy_take_texts), .offset = offsetof(struct place_draft, models),
     .max = 256},
    {FIELD("timeout_ms", policy_take_number), .offset = PLACE(timeout_ms), .min = 100,
     .max = 3600000},
    {FIELD("parallel", policy_take_number), .offset = PLACE(parallel), .min = 1, .max = 1024},
    {FIELD("reach", policy_take_reach), .offset = PLACE(reach)},
    {0}};

// ---- url ----

// https://host[:port][/base], the host a name or an address, in brackets for IPv6.
static bool url_split(struct policy_place *place, struct arena *arena, struct view *host) {
    struct view rest = view_of(place->url);
    bool plain = view_starts(rest, VIEW("http://"));
    if (!plain && !view_starts(rest, VIEW("https://"))) return false;
    rest = view_from(rest, plain ? 7 : 8);
    if (strpbrk(place->url, "@?#\\ ")) return false;
    size_t whole = 0, len = 0;
    while (whole < rest.len && rest.at[whole] != '/')
        whole++;
    bool bracket = rest.len && rest.at[0] == '[';
    while (len < whole && rest.at[len] != (bracket ? ']' : ':'))
        len++;
    *host = bracket ? (struct view){rest.at + 1, len ? len - 1 : 0} : (struct view){rest.at, len};
    if (bracket && len++ == whole) return false;
    uint64_t port = plain ? 80 : 443;
    struct view tail = {rest.at + len, whole - len};
    if (tail.len && (tail.at[0] != ':' || !decimal_take(view_from(tail, 1), &port))) return false;
    if (host->len == 0 || host->len > 253 || port == 0 || port > UINT16_MAX) return false;
    place->port = (uint16_t)port;
    place->host = arena_text(arena, *host);
    return place->host != NULL;
}

static bool host_good(struct view host) {
    for (size_t i = 0; i < host.len; i++) {
        char c = host.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '-' && c != '.' && c != ':') return false;
    }
    return true;
}

// ---- addresses ----

// Where none is listed: the one the url names, or the networks that hold one only.
static void addresses_complete(struct place_draft *draft, struct view host) {
    struct policy_place *place = &draft->row;
    struct policy_address named;
    if (place->addresses_len) return;
    if (policy_address_take(host, &named, NULL)) place->addresses[place->addresses_len++] = named;
    for (uint32_t i = 0; i < draft->cidr_len && !place->addresses_len; i++)
        if (draft->cidr[i].prefix == 128)
            place->addresses[place->addresses_len++] = draft->cidr[i].address;
}

static enum sk_code addresses_check(const struct policy_reader *reader,
                                    const struct yaml_node *node, const struct place_draft *draft) {
    const struct policy_place *place = &draft->row;
    bool plain = view_starts(view_of(place->url), VIEW("http://"));
    for (uint32_t i = 0; i < place->addresses_len; i++) {
        bool held = draft->cidr_len == 0;
        for (uint32_t k = 0; k < draft->cidr_len; k++)
            held = held || policy_address_within(&place->addresses[i], &draft->cidr[k]);
        if (!held)
            return policy_wrong(reader, node,
                                "place %s: address %u of it is in no network of its "
                                "cidr",
                                place->id, i + 1);
        if (plain && !policy_loopback(&place->addresses[i]))
            return policy_wrong(reader, node,
                                "place %s: http is for loopback addresses only: "
                                "write https",
                                place->id);
    }
    if (plain && place->addresses_len == 0)
        return policy_wrong(reader, node, "place %s: http needs a loopback address", place->id);
    return SK_OK;
}

// ---- one place ----

const char *policy_place_lacks(const struct policy *policy, const struct policy_place *place,
                               bool networks) {
    bool plain = view_starts(view_of(place->url), VIEW("http://"));
    if (place->addresses_len == 0 && !networks) return "no address";
    if (policy_at_home(policy, place)) return NULL;
    if (place->pins_len == 0 && !plain) return "no spki_sha256";
    if (!place->contract[0]) return "no contract";
    return place->contract_until == INT64_MIN ? "no contract_until" : NULL;
}

enum sk_code policy_places_day(struct policy *policy, int64_t day, struct arena *arena) {
    for (uint32_t i = 1; i < policy->places_len; i++) {
        struct policy_place *place = &policy->places[i];
        place->off = policy_place_lacks(policy, place, false);
        if (place->off || place->contract_until == INT64_MIN || place->contract_until >= day)
            continue;
        char text[64];
        struct buf reason = buf_over(text, sizeof text);
        buf_put_text(&reason, "contract_until ");
        day_put(&reason, place->contract_until);
        buf_put_text(&reason, " is over");
        place->off = arena_text(arena, buf_view(&reason));
        if (!place->off) return SK_LIMIT;
    }
    return SK_OK;
}

// Text abroad needs to know where, whose and how; on this machine the defaults say it.
static enum sk_code place_whole(const struct policy_reader *reader, const struct yaml_node *node,
                                uint32_t given, const struct policy_place *place) {
    static const char *const wanted[] = {"country", "operator", "operator_home", "processing"};
    if (policy_at_home(reader->policy, place)) return SK_OK;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!policy_given(place_rows, given, wanted[i]))
            return policy_wrong(reader, node, "place %s: %s is missing", place->id, wanted[i]);
    return SK_OK;
}

// This node may be listed to say where it is.
static enum sk_code node_read(struct policy_reader *reader, const struct yaml_node *node) {
    static const struct policy_field rows[] = {
        {FIELD("id", policy_take_id), .offset = offsetof(struct policy_place, id), .needed = true},
        {FIELD("country", policy_take_country), .offset = offsetof(struct policy_place, country)},
        {FIELD("operator", policy_take_text),
         .offset = offsetof(struct policy_place, operator_name), .max = WORD_MAX},
        {FIELD("operator_home", policy_take_country),
         .offset = offsetof(struct policy_place, operator_home)},
        {FIELD("reach", policy_take_reach), .offset = offsetof(struct policy_place, reach)},
        {0}};
    struct policy *policy = reader->policy;
    struct policy_place *place = &policy->places[0];
    TRY(policy_fields(reader, node, rows, place, NULL));
    if (place->reach != REACH_NODE)
        return policy_wrong(reader, node, "the place node is this node: its reach is node");
    if (strcmp(place->country, policy->home) != 0)
        return policy_wrong(reader, node, "this node stands in home, %s, not in %s", policy->home,
                            place->country);
    return SK_OK;
}

static enum sk_code place_read(struct policy_reader *reader, const struct yaml_node *node) {
    struct policy *policy = reader->policy;
    struct place_draft draft = {.row = policy->places[0]};
    struct policy_place *place = &draft.row;
    uint32_t given;
    struct view host;
    place->country = place->operator_home = place->operator_name = "";
    place->ca = "system";
    place->timeout_ms = POLICY_TIMEOUT_MS;
    place->parallel = POLICY_PARALLEL;
    TRY(policy_fields(reader, node, place_rows, &draft, &given));
    place->models = draft.models.at;
    place->models_len = draft.models.len;
    for (uint32_t i = 0; i < policy->places_len; i++)
        if (strcmp(policy->places[i].id, place->id) == 0)
            return policy_wrong(reader, node, "place %s is given twice", place->id);
    if (!url_split(place, reader->arena, &host) || !host_good(host))
        return policy_wrong(reader, node, "place %s: url must be https://HOST[:PORT][/BASE]",
                            place->id);
    addresses_complete(&draft, host);
    TRY(addresses_check(reader, node, &draft));
    TRY(place_whole(reader, node, given, place));
    reader->place_nodes[policy->places_len] = node;
    reader->place_networks[policy->places_len] = draft.cidr_len > 0;
    policy->places[policy->places_len++] = *place;
    return SK_OK;
}

enum sk_code policy_read_places(struct policy_reader *reader, const struct yaml_node *node,
                                void *at, const struct policy_field *field) {
    (void)at, (void)field;
    TRY(policy_list(reader, node, YAML_LIST, POLICY_PLACES_MAX - 1));
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        const struct yaml_node *id = yaml_find(one, "id");
        bool own = id && id->type == YAML_SCALAR && view_is(id->text, "node");
        TRY(own ? node_read(reader, one) : place_read(reader, one));
    }
    return SK_OK;
}
