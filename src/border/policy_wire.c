// A policy as bytes: one walk over its fields, which writes them or reads them.
#include "border/policy_parts.h"

#include "base/wire.h"

enum { MAGIC = 0x4f504b53, VERSION = 2, TEXT_MAX = 2048, LIST_MAX = 4096 };

// With `out` fields are only looked at; without, they are set from `in` where it may be so.
struct walk {
    struct buf *out;
    struct wire in;
    struct arena *arena;
    bool full; // the arena
};

static void fixed(struct walk *walk, uint32_t value) {
    if (walk->out)
        wire_put_u32(walk->out, value);
    else if (wire_take_u32(&walk->in) != value)
        walk->in.bad = true;
}

static void bytes(struct walk *walk, uint8_t *at, size_t len) {
    if (walk->out) {
        buf_put(walk->out, at, len);
        return;
    }
    struct view taken = wire_take_bytes(&walk->in, len);
    if (!walk->in.bad) memcpy(at, taken.at, len);
}

static void u64(struct walk *walk, uint64_t *value) {
    if (walk->out)
        wire_put_u64(walk->out, *value);
    else
        *value = wire_take_u64(&walk->in);
}

static void i64(struct walk *walk, int64_t *value) {
    if (walk->out)
        wire_put_u64(walk->out, (uint64_t)*value);
    else
        *value = (int64_t)wire_take_u64(&walk->in);
}

// Bits of the first `len` of something.
static void bits(struct walk *walk, uint64_t *value, uint32_t len) {
    u64(walk, value);
    if (!walk->out && len < 64 && *value >> len) walk->in.bad = true;
}

// A number below `end`; past it, it becomes 0.
static uint32_t below(struct walk *walk, uint32_t value, uint32_t end) {
    if (walk->out) {
        wire_put_u32(walk->out, value);
        return value;
    }
    value = wire_take_u32(&walk->in);
    if (value < end) return value;
    walk->in.bad = true;
    return 0;
}

static void u32(struct walk *walk, uint32_t *value, uint32_t max) {
    uint32_t got = below(walk, *value, max + 1);
    if (!walk->out) *value = got;
}

static void u16(struct walk *walk, uint16_t *value, uint32_t max) {
    uint32_t got = below(walk, *value, max + 1);
    if (!walk->out) *value = (uint16_t)got;
}

static void flag(struct walk *walk, bool *value) {
    uint32_t got = below(walk, *value, 2);
    if (!walk->out) *value = got;
}

// Any of our enumerations: they count from 0.
static void choice(struct walk *walk, void *at, uint32_t end) {
    _Static_assert(sizeof(enum border_reach) == sizeof(uint32_t), "an enumeration is an unsigned");
    uint32_t value;
    memcpy(&value, at, sizeof value);
    value = below(walk, value, end);
    if (!walk->out) memcpy(at, &value, sizeof value);
}

static void text(struct walk *walk, const char **at) {
    if (walk->out) {
        wire_put_text(walk->out, view_of(*at));
        return;
    }
    struct view taken = wire_take_text(&walk->in, TEXT_MAX);
    if (taken.len && memchr(taken.at, 0, taken.len)) walk->in.bad = true;
    *at = walk->in.bad ? "" : arena_text(walk->arena, taken);
    if (*at) return;
    walk->full = walk->in.bad = true;
    *at = "";
}

static void id(struct walk *walk, const char **at) {
    text(walk, at);
    if (!walk->out && (!(*at)[0] || strlen(*at) > POLICY_NAME_MAX)) walk->in.bad = true;
}

static void texts(struct walk *walk, const char *const **at, uint32_t *len) {
    u32(walk, len, LIST_MAX);
    if (walk->out) {
        for (uint32_t i = 0; i < *len; i++)
            wire_put_text(walk->out, view_of((*at)[i]));
        return;
    }
    const char **list = walk->in.bad ? NULL : arena_take(walk->arena, *len, sizeof *list);
    if (!list) {
        walk->full = walk->full || !walk->in.bad;
        walk->in.bad = true;
        *len = 0;
    }
    for (uint32_t i = 0; i < *len; i++)
        text(walk, &list[i]);
    *at = list;
}

static void class_walk(struct walk *walk, struct policy_class *class) {
    id(walk, &class->id);
    bits(walk, &class->detect.bits, DETECTOR_COUNT);
    choice(walk, &class->reach, REACH_COUNT);
    choice(walk, &class->consent, REACH_COUNT);
    choice(walk, &class->masked, REACH_COUNT);
    choice(walk, &class->level, LEVEL_FORTRESS + 1);
    flag(walk, &class->shadow);
    flag(walk, &class->one_way);
    u32(walk, &class->keep_days, POLICY_KEEP_MAX);
    choice(walk, &class->mask, MASK_FORMAT + 1);
    text(walk, &class->source);
    if (class->consent < class->reach || class->masked < class->reach) walk->in.bad = true;
    if (class->mask == MASK_FORMAT && policy_format_lacks(class)) walk->in.bad = true;
}

static void place_walk(struct walk *walk, struct policy_place *place) {
    const char **const words[] = {&place->country,
                                  &place->region,
                                  &place->operator_name,
                                  &place->operator_home,
                                  &place->url,
                                  &place->host,
                                  &place->ca,
                                  &place->credential,
                                  &place->contract,
                                  &place->retention};
    id(walk, &place->id);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        text(walk, words[i]);
    choice(walk, &place->processing, PROCESSING_GLOBAL + 1);
    choice(walk, &place->use, USE_COUNT);
    choice(walk, &place->kind, KIND_ANTHROPIC + 1);
    u16(walk, &place->port, UINT16_MAX);
    u32(walk, &place->addresses_len, POLICY_ADDRESSES_MAX);
    for (uint32_t i = 0; i < place->addresses_len; i++)
        bytes(walk, place->addresses[i].bytes, sizeof place->addresses[i].bytes);
    u32(walk, &place->pins_len, POLICY_PINS_MAX);
    for (uint32_t i = 0; i < place->pins_len; i++)
        bytes(walk, place->pins[i], HASH_LEN);
    i64(walk, &place->contract_until);
    flag(walk, &place->training);
    texts(walk, &place->models, &place->models_len);
    u32(walk, &place->timeout_ms, INT32_MAX);
    u32(walk, &place->parallel, INT32_MAX);
    choice(walk, &place->reach, REACH_COUNT);
    bool off = place->off != NULL;
    flag(walk, &off);
    if (off) text(walk, &place->off);
}

static void route_walk(struct walk *walk, const struct policy *policy, struct policy_route *route) {
    text(walk, &route->model);
    choice(walk, &route->reach, REACH_COUNT);
    u32(walk, &route->steps_len, POLICY_STEPS_MAX);
    for (uint32_t i = 0; i < route->steps_len; i++) {
        struct policy_step *step = &route->steps[i];
        u16(walk, &step->place, policy->places_len - 1);
        u16(walk, &step->rank, UINT16_MAX);
        u16(walk, &step->weight, UINT16_MAX);
        text(walk, &step->model);
    }
}

// POLICY_NONE travels as one past the last.
static void purpose_index(struct walk *walk, const struct policy *policy, uint16_t *purpose) {
    uint16_t last = (uint16_t)policy->purposes_len;
    uint16_t at = *purpose == POLICY_NONE ? last : *purpose;
    u16(walk, &at, last);
    if (!walk->out) *purpose = at == last ? POLICY_NONE : at;
}

static void tenant_walk(struct walk *walk, const struct policy *policy,
                        struct policy_tenant *tenant) {
    id(walk, &tenant->id);
    text(walk, &tenant->home);
    texts(walk, &tenant->keys, &tenant->keys_len);
    bits(walk, &tenant->label, policy->classes_len);
    bits(walk, &tenant->labels, policy->classes_len);
    choice(walk, &tenant->consent, REACH_COUNT);
    choice(walk, &tenant->consent_max, REACH_COUNT);
    purpose_index(walk, policy, &tenant->purpose);
}

static void network_walk(struct walk *walk, struct policy_network *network) {
    bytes(walk, network->address.bytes, sizeof network->address.bytes);
    uint32_t prefix = network->prefix;
    u32(walk, &prefix, 128);
    if (!walk->out) network->prefix = (uint8_t)prefix;
    choice(walk, &network->reach, REACH_COUNT);
}

static void policy_walk(struct walk *walk, struct policy *policy) {
    fixed(walk, MAGIC);
    fixed(walk, VERSION);
    fixed(walk, DETECTOR_COUNT);
    text(walk, &policy->name);
    text(walk, &policy->home);
    choice(walk, &policy->unknown, REACH_COUNT);
    choice(walk, &policy->on_detector_error, VERDICT_BLOCK + 1);
    if (policy->on_detector_error < VERDICT_LOCAL_ONLY) walk->in.bad = true;
    u32(walk, &policy->keep_days, POLICY_KEEP_MAX);
    u32(walk, &policy->classes_len, POLICY_CLASSES_MAX);
    for (uint32_t i = 0; i < policy->classes_len; i++)
        class_walk(walk, &policy->classes[i]);
    u32(walk, &policy->places_len, POLICY_PLACES_MAX);
    if (policy->places_len == 0) walk->in.bad = true; // this node is one
    for (uint32_t i = 0; i < policy->places_len; i++)
        place_walk(walk, &policy->places[i]);
    u32(walk, &policy->routes_len, walk->in.bad ? 0 : POLICY_ROUTES_MAX);
    for (uint32_t i = 0; i < policy->routes_len; i++)
        route_walk(walk, policy, &policy->routes[i]);
    u32(walk, &policy->purposes_len, POLICY_PURPOSES_MAX);
    for (uint32_t i = 0; i < policy->purposes_len; i++) {
        id(walk, &policy->purposes[i].id);
        bits(walk, &policy->purposes[i].classes, policy->classes_len);
    }
    u32(walk, &policy->tenants_len, POLICY_TENANTS_MAX);
    if (policy->tenants_len == 0) walk->in.bad = true; // keys of no tenant have one
    for (uint32_t i = 0; i < policy->tenants_len; i++)
        tenant_walk(walk, policy, &policy->tenants[i]);
    u32(walk, &policy->networks_len, POLICY_NETWORKS_MAX);
    for (uint32_t i = 0; i < policy->networks_len; i++)
        network_walk(walk, &policy->networks[i]);
    bytes(walk, policy->digest, HASH_LEN);
}

enum sk_code policy_put(const struct policy *policy, struct buf *out) {
    struct walk walk = {.out = out};
    policy_walk(&walk, (struct policy *)(uintptr_t)policy); // writing sets nothing
    return buf_check(out, "policy");
}

enum sk_code policy_take(struct view given, struct arena *arena, struct policy *out) {
    struct walk walk = {.in = wire_over(given), .arena = arena};
    *out = (struct policy){0};
    policy_walk(&walk, out);
    return walk.full ? SK_LIMIT : wire_end(&walk.in, "policy");
}
