// What a policy's names are, and where places and clients stand.
#include "border/policy_parts.h"

static const char *const reach_names[] = {"node", "country", "listed", "world"};
static const char *const verdict_names[] = {"send", "mask", "local-only", "block"};

const char *border_reach_name(enum border_reach reach) {
    must((unsigned)reach < REACH_COUNT);
    return reach_names[reach];
}

const char *border_verdict_name(enum border_verdict verdict) {
    must((unsigned)verdict <= VERDICT_BLOCK);
    return verdict_names[verdict];
}

enum sk_code policy_reach_parse(struct view text, enum border_reach *out) {
    for (unsigned i = 0; i < REACH_COUNT; i++) {
        if (!view_is(text, reach_names[i])) continue;
        *out = (enum border_reach)i;
        return SK_OK;
    }
    return FAIL(SK_INPUT, "'%.*s' is no reach: node, country, listed or world", (int)text.len,
                text.at);
}

// ---- by name ----

#define FIND(noun, rows, id)                                                                       \
    uint16_t policy_##noun##_find(const struct policy *policy, struct view name) {                 \
        for (uint32_t i = 0; i < policy->rows##_len; i++)                                          \
            if (view_is(name, policy->rows[i].id)) return (uint16_t)i;                             \
        return POLICY_NONE;                                                                        \
    }
FIND(class, classes, id)
FIND(place, places, id)
FIND(purpose, purposes, id)
FIND(tenant, tenants, id)
FIND(route, routes, model)

uint16_t policy_tenant_of(const struct policy *policy, struct view key_name) {
    for (uint32_t i = 1; i < policy->tenants_len; i++)
        for (uint32_t k = 0; k < policy->tenants[i].keys_len; k++)
            if (view_is(key_name, policy->tenants[i].keys[k])) return (uint16_t)i;
    return 0;
}

// ---- findings ----

uint64_t policy_classes(const struct policy *policy, const struct detector_set *found) {
    uint64_t classes = 0;
    for (uint32_t i = 0; i < policy->classes_len; i++)
        if (policy->classes[i].detect.bits & found->bits) classes |= UINT64_C(1) << i;
    return classes;
}

void policy_detectors(const struct policy *policy, struct detector_set *out) {
    out->bits = 0;
    for (uint32_t i = 0; i < policy->classes_len; i++)
        out->bits |= policy->classes[i].detect.bits;
}

// ---- where places are ----

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; // ::ffff:0:0/96, IPv4 in IPv6

bool policy_loopback(const struct policy_address *address) {
    static const uint8_t six[16] = {[15] = 1};
    const uint8_t *at = address->bytes;
    return memcmp(at, six, sizeof six) == 0 ||
           (memcmp(at, mapped, sizeof mapped) == 0 && at[12] == 127);
}

static bool same(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

// On this machine, and nobody abroad is named: a tunnel to abroad should say where it leads.
bool policy_at_home(const struct policy *policy, const struct policy_place *place) {
    for (uint32_t i = 0; i < place->addresses_len; i++)
        if (!policy_loopback(&place->addresses[i])) return false;
    return place->addresses_len > 0 && (!place->country[0] || same(place->country, policy->home)) &&
           (!place->operator_home[0] || same(place->operator_home, policy->home));
}

static enum border_reach derived(const struct policy *policy, const struct policy_place *place,
                                 const char *home) {
    if (policy_at_home(policy, place)) return REACH_NODE;
    if (place->training || place->processing == PROCESSING_GLOBAL) return REACH_WORLD;
    bool ours = home[0] && same(place->country, home) && same(place->operator_home, home);
    return ours && place->processing == PROCESSING_SINGLE_REGION ? REACH_COUNTRY : REACH_LISTED;
}

enum border_reach policy_distance(const struct policy *policy, uint16_t place, uint16_t tenant) {
    must(place < policy->places_len && tenant < policy->tenants_len);
    if (place == 0) return REACH_NODE;
    const struct policy_place *row = &policy->places[place];
    enum border_reach reach = derived(policy, row, policy->tenants[tenant].home);
    return reach > row->reach ? reach : row->reach;
}

// ---- where clients are ----

bool policy_address_within(const struct policy_address *address,
                           const struct policy_network *network) {
    unsigned whole = network->prefix / 8u, rest = network->prefix % 8u;
    if (memcmp(address->bytes, network->address.bytes, whole) != 0) return false;
    unsigned differ = rest ? address->bytes[whole] ^ network->address.bytes[whole] : 0u;
    return (differ & 0xff00u >> rest & 0xffu) == 0;
}

enum border_reach policy_client(const struct policy *policy, const struct policy_address *address) {
    bool here = policy_loopback(address);
    const struct policy_network *best = NULL;
    for (uint32_t i = 0; i < policy->networks_len; i++) {
        const struct policy_network *network = &policy->networks[i];
        if (here && !policy_loopback(&network->address)) continue;
        if (policy_address_within(address, network) && (!best || network->prefix > best->prefix))
            best = network;
    }
    return best ? best->reach : here ? REACH_NODE : REACH_WORLD;
}

void policy_shown(const struct policy *policy, enum border_reach client, enum border_level level,
                  uint64_t *clear, uint64_t *masked) {
    *clear = *masked = 0;
    for (uint32_t i = 0; i < policy->classes_len; i++) {
        const struct policy_class *class = &policy->classes[i];
        bool stays = level < class->level && !class->shadow; // as if its reach were the node
        enum border_reach reach = stays ? REACH_NODE : class->reach;
        enum border_reach under = stays ? REACH_NODE : class->masked;
        if (class->shadow || client <= reach)
            *clear |= UINT64_C(1) << i;
        else if (client <= under)
            *masked |= UINT64_C(1) << i;
    }
}

// ---- without a file ----

// RFC 1918, RFC 4193 and link-local: what a router does not carry to other networks.
static const struct policy_network private_networks[] = {
    {{{[10] = 0xff, [11] = 0xff, 10}}, 96 + 8, REACH_NODE},
    {{{[10] = 0xff, [11] = 0xff, 172, 16}}, 96 + 12, REACH_NODE},
    {{{[10] = 0xff, [11] = 0xff, 192, 168}}, 96 + 16, REACH_NODE},
    {{{[10] = 0xff, [11] = 0xff, 169, 254}}, 96 + 16, REACH_NODE},
    {{{0xfc}}, 7, REACH_NODE},
    {{{0xfe, 0x80}}, 10, REACH_NODE},
};

void policy_begin(struct policy *policy, const char *home) {
    *policy = (struct policy){.name = "default",
                              .home = home,
                              .unknown = REACH_NODE,
                              .on_detector_error = VERDICT_BLOCK,
                              .places_len = 1,
                              .tenants_len = 1,
                              .networks_len = sizeof private_networks / sizeof *private_networks};
    policy->places[0] = (struct policy_place){.id = "node",
                                              .country = home,
                                              .region = "",
                                              .operator_name = "",
                                              .operator_home = home,
                                              .url = "",
                                              .host = "",
                                              .ca = "",
                                              .credential = "",
                                              .contract = "",
                                              .contract_until = INT64_MIN,
                                              .retention = ""};
    policy->tenants[0] =
        (struct policy_tenant){.id = "default", .home = home, .purpose = POLICY_NONE};
    memcpy(policy->networks, private_networks, sizeof private_networks);
}

void policy_default(const char *home, struct arena *arena, struct policy *out) {
    static const char text[] = "sekisho-policy/1 default: nothing leaves the node, home ";
    const char *copy = arena_text(arena, view_of(home));
    must(copy != NULL); // a few bytes: the caller's arena is born larger
    policy_begin(out, copy);
    char whole[sizeof text + 8];
    struct buf digested = buf_over(whole, sizeof whole);
    buf_print(&digested, "%s%.2s", text, home);
    hash_of(digested.at, digested.len, out->digest);
}

// ---- mask: format ----

// Digits and what parts them, that another number of the form may stand for: not My Number, whose
// substitute counts as one, not cards, where another could be hit.
static const struct detector_set digit_numbers = {
    UINT64_C(1) << DETECTOR_CORPORATE | UINT64_C(1) << DETECTOR_LICENCE |
    UINT64_C(1) << DETECTOR_INSURER | UINT64_C(1) << DETECTOR_PENSION |
    UINT64_C(1) << DETECTOR_EMPLOYMENT | UINT64_C(1) << DETECTOR_RESIDENT |
    UINT64_C(1) << DETECTOR_PHONE | UINT64_C(1) << DETECTOR_POSTAL |
    UINT64_C(1) << DETECTOR_PHONE_INTL | UINT64_C(1) << DETECTOR_US_SSN |
    UINT64_C(1) << DETECTOR_UK_NHS | UINT64_C(1) << DETECTOR_DE_TAX |
    UINT64_C(1) << DETECTOR_KR_RRN | UINT64_C(1) << DETECTOR_IN_AADHAAR};

const char *policy_format_lacks(const struct policy_class *class) {
    uint64_t cannot = class->detect.bits & ~digit_numbers.bits;
    if (class->detect.bits == 0) return "needs detectors";
    if (detector_in(&class->detect, DETECTOR_MYNUMBER) ||
        detector_in(&class->detect, DETECTOR_CARD))
        return "is not for jp.mynumber and card, whose substitutes count or could be hit: give "
               "them a class of their own";
    if (cannot)
        return "is for numbers of digits alone, as jp.phone, us.ssn, jp.licence: give the other "
               "detectors a class of their own";
    if (class->masked > REACH_COUNTRY)
        return "is for inside the country: masked_reach must be node or country";
    return class->one_way ? "is restored, one_way never: one_way must be false" : NULL;
}
