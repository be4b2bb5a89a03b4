// What a change of a policy opens and closes besides the cells of its table.
#include "border/policy_diff.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/text.h"

static const char *const yes_no[2][2] = {{"yes", "no"}, {"no", "yes"}}; // by whether it is now

static uint16_t or_default(uint16_t tenant) {
    return tenant == POLICY_NONE ? 0 : tenant;
}

// A set of classes that opens what is in it.
static void sets(struct diff *diff, const char *where, const char *what, uint64_t old,
                 uint64_t fresh) {
    struct pairs classes;
    policy_pairs(diff, policy_class_name, &classes);
    for (uint32_t i = 0; i < classes.len; i++) {
        struct pair pair = classes.rows[i];
        bool was = pair.old != POLICY_NONE && old >> pair.old & 1;
        bool is = pair.fresh != POLICY_NONE && fresh >> pair.fresh & 1;
        char text[WORDS_MAX];
        snprintf(text, sizeof text, "%s %s", what, policy_pair_name(diff, policy_class_name, pair));
        if (was != is) policy_diff_say(diff, is, where, text, yes_no[is]);
    }
}

static void reaches(struct diff *diff, const char *where, const char *what, enum border_reach old,
                    enum border_reach fresh) {
    const char *const values[] = {border_reach_name(old), border_reach_name(fresh)};
    if (old != fresh) policy_diff_say(diff, fresh > old, where, what, values);
}

static void days(struct diff *diff, const char *where, uint32_t old, uint32_t fresh) {
    char was[24], is[24];
    const char *const values[] = {was, is};
    snprintf(was, sizeof was, "%u days", old);
    snprintf(is, sizeof is, "%u days", fresh);
    if (old != fresh) policy_diff_say(diff, fresh > old, where, "keep", values);
}

// ---- classes ----

static void class_rest(struct diff *diff, const struct policy_class *old,
                       const struct policy_class *fresh) {
    char where[WORDS_MAX], what[WORDS_MAX];
    const char *const levels[] = {policy_level_names[old->level], policy_level_names[fresh->level]};
    snprintf(where, sizeof where, "class.%s", fresh->id);
    for (unsigned i = 0; i < DETECTOR_COUNT; i++) {
        bool was = old->detect.bits >> i & 1, is = fresh->detect.bits >> i & 1;
        snprintf(what, sizeof what, "detect %s", detector_name((enum detector)i));
        if (was != is) policy_diff_say(diff, !is, where, what, yes_no[is]);
    }
    if (old->level != fresh->level)
        policy_diff_say(diff, fresh->level < old->level, where, "level", levels);
    days(diff, where, old->keep_days, fresh->keep_days);
    if (old->one_way != fresh->one_way)
        policy_diff_say(diff, !fresh->one_way, where, "one_way", yes_no[fresh->one_way]);
    const char *const masks[] = {policy_mask_names[old->mask], policy_mask_names[fresh->mask]};
    if (old->mask != fresh->mask)
        policy_diff_say(diff, fresh->mask == MASK_FORMAT, where, "mask", masks);
}

// ---- places: who may be at the other end ----

static bool held(const void *row, size_t size, const void *rows, uint32_t len) {
    for (uint32_t i = 0; i < len; i++)
        if (memcmp(row, (const char *)rows + i * size, size) == 0) return true;
    return false;
}

static void address_text(const struct policy_address *address, char out[INET6_ADDRSTRLEN]) {
    static const uint8_t four[12] = {[10] = 0xff, [11] = 0xff};
    bool mapped = memcmp(address->bytes, four, sizeof four) == 0;
    inet_ntop(mapped ? AF_INET : AF_INET6, address->bytes + (mapped ? 12 : 0), out,
              INET6_ADDRSTRLEN);
}

// Rows of `a` that `b` has not.
static void place_only(struct diff *diff, const char *where, const struct policy_place *a,
                       const struct policy_place *b, bool is) {
    char what[WORDS_MAX], text[2 * HASH_LEN + 1];
    for (uint32_t i = 0; i < a->addresses_len; i++) {
        if (held(&a->addresses[i], sizeof a->addresses[i], b->addresses, b->addresses_len))
            continue;
        address_text(&a->addresses[i], text);
        snprintf(what, sizeof what, "address %s", text);
        policy_diff_say(diff, is, where, what, yes_no[is]);
    }
    for (uint32_t i = 0; i < a->pins_len; i++) {
        if (held(a->pins[i], HASH_LEN, b->pins, b->pins_len)) continue;
        struct buf hex = buf_over(text, sizeof text - 1);
        hex_put(&hex, a->pins[i], HASH_LEN);
        text[hex.len] = 0;
        snprintf(what, sizeof what, "key %.16s...", text);
        policy_diff_say(diff, is, where, what, yes_no[is]);
    }
}

static void place_rest(struct diff *diff, const struct policy_place *old,
                       const struct policy_place *fresh) {
    char where[WORDS_MAX];
    const char *const urls[] = {old->url, fresh->url}, *const cas[] = {old->ca, fresh->ca};
    snprintf(where, sizeof where, "place.%s", fresh->id);
    place_only(diff, where, fresh, old, true);
    place_only(diff, where, old, fresh, false);
    if (strcmp(old->url, fresh->url) != 0) policy_diff_say(diff, true, where, "url", urls);
    if (strcmp(old->ca, fresh->ca) != 0) policy_diff_say(diff, true, where, "ca", cas);
}

// ---- routes: a model without one is this node's ----

static bool leads(const struct policy *policy, const struct policy_route *route, const char *place,
                  const char *model) {
    for (uint32_t i = 0; route && i < route->steps_len; i++)
        if (strcmp(policy->places[route->steps[i].place].id, place) == 0 &&
            strcmp(route->steps[i].model, model) == 0)
            return true;
    return false;
}

static void route_only(struct diff *diff, const struct policy *a, const struct policy_route *route,
                       const struct policy *b, const struct policy_route *other) {
    bool is = a == diff->fresh;
    for (uint32_t i = 0; route && i < route->steps_len; i++) {
        const struct policy_step *step = &route->steps[i];
        const char *place = a->places[step->place].id;
        char where[512], what[WORDS_MAX + 256];
        if (step->place == 0 || leads(b, other, place, step->model)) continue;
        snprintf(where, sizeof where, "route %s", route->model);
        snprintf(what, sizeof what, "to %s (%s)", place, step->model);
        policy_diff_say(diff, is, where, what, yes_no[is]);
    }
}

// ---- tenants ----

static void tenant_rest(struct diff *diff, struct pair pair) {
    const struct policy_tenant *old = &diff->old->tenants[or_default(pair.old)];
    const struct policy_tenant *fresh = &diff->fresh->tenants[or_default(pair.fresh)];
    const char *const purposes[] = {
        old->purpose == POLICY_NONE ? "none" : diff->old->purposes[old->purpose].id,
        fresh->purpose == POLICY_NONE ? "none" : diff->fresh->purposes[fresh->purpose].id};
    char where[WORDS_MAX];
    snprintf(where, sizeof where, "tenant.%s", policy_pair_name(diff, policy_tenant_name, pair));
    sets(diff, where, "label", old->label, fresh->label);
    sets(diff, where, "may label", old->labels, fresh->labels);
    reaches(diff, where, "consent", old->consent, fresh->consent);
    reaches(diff, where, "consent_max", old->consent_max, fresh->consent_max);
    if (strcmp(purposes[0], purposes[1]) != 0) // to a purpose from none can only close
        policy_diff_say(diff, old->purpose != POLICY_NONE, where, "purpose", purposes);
}

static void key_rest(struct diff *diff, const struct policy *policy) {
    for (uint32_t t = 1; t < policy->tenants_len; t++) {
        for (uint32_t k = 0; k < policy->tenants[t].keys_len; k++) {
            struct view key = view_of(policy->tenants[t].keys[k]);
            uint16_t was = policy_tenant_of(diff->old, key),
                     is = policy_tenant_of(diff->fresh, key);
            const char *const ids[] = {diff->old->tenants[was].id, diff->fresh->tenants[is].id};
            bool met = policy == diff->old && is != 0; // said as a key of the fresh one
            char where[WORDS_MAX + 256];
            snprintf(where, sizeof where, "key %s", policy->tenants[t].keys[k]);
            if (!met && strcmp(ids[0], ids[1]) != 0)
                policy_diff_say(diff, true, where, "tenant", ids);
        }
    }
}

// ---- clients ----

static void client_rest(struct diff *diff, const struct policy *policy) {
    for (uint32_t i = 0; i < policy->networks_len; i++) {
        const struct policy_network *network = &policy->networks[i];
        enum border_reach was = policy_client(diff->old, &network->address);
        enum border_reach is = policy_client(diff->fresh, &network->address);
        const char *const values[] = {border_reach_name(was), border_reach_name(is)};
        bool met = policy == diff->old &&
                   held(network, sizeof *network, diff->fresh->networks, diff->fresh->networks_len);
        char text[INET6_ADDRSTRLEN], where[WORDS_MAX];
        address_text(&network->address, text);
        snprintf(where, sizeof where, "clients of %s", text);
        if (!met && was != is) policy_diff_say(diff, is < was, where, "are", values);
    }
}

void policy_diff_rest(struct diff *diff) {
    const struct policy *old = diff->old, *fresh = diff->fresh;
    const char *const errors[] = {border_verdict_name(old->on_detector_error),
                                  border_verdict_name(fresh->on_detector_error)};
    struct pairs pairs;
    days(diff, "policy", old->keep_days, fresh->keep_days);
    if (old->on_detector_error != fresh->on_detector_error)
        policy_diff_say(diff, fresh->on_detector_error < old->on_detector_error, "policy",
                        "on_detector_error", errors);
    policy_pairs(diff, policy_class_name, &pairs);
    for (uint32_t i = 0; i < pairs.len; i++)
        if (pairs.rows[i].old != POLICY_NONE && pairs.rows[i].fresh != POLICY_NONE)
            class_rest(diff, &old->classes[pairs.rows[i].old],
                       &fresh->classes[pairs.rows[i].fresh]);
    policy_pairs(diff, policy_place_name, &pairs);
    for (uint32_t i = 0; i < pairs.len; i++)
        if (pairs.rows[i].old != POLICY_NONE && pairs.rows[i].fresh != POLICY_NONE)
            place_rest(diff, &old->places[pairs.rows[i].old], &fresh->places[pairs.rows[i].fresh]);
    policy_pairs(diff, policy_route_name, &pairs);
    for (uint32_t i = 0; i < pairs.len; i++) {
        struct pair pair = pairs.rows[i];
        const struct policy_route *was = pair.old == POLICY_NONE ? NULL : &old->routes[pair.old];
        const struct policy_route *is =
            pair.fresh == POLICY_NONE ? NULL : &fresh->routes[pair.fresh];
        route_only(diff, fresh, is, old, was);
        route_only(diff, old, was, fresh, is);
    }
    policy_pairs(diff, policy_purpose_name, &pairs);
    for (uint32_t i = 0; i < pairs.len; i++) {
        struct pair pair = pairs.rows[i];
        char where[WORDS_MAX];
        snprintf(where, sizeof where, "purpose.%s",
                 policy_pair_name(diff, policy_purpose_name, pair));
        if (pair.old != POLICY_NONE && pair.fresh != POLICY_NONE)
            sets(diff, where, "covers", old->purposes[pair.old].classes,
                 fresh->purposes[pair.fresh].classes);
    }
    policy_pairs(diff, policy_tenant_name, &pairs);
    for (uint32_t i = 0; i < pairs.len; i++)
        tenant_rest(diff, pairs.rows[i]);
    key_rest(diff, fresh);
    key_rest(diff, old);
    client_rest(diff, fresh);
    client_rest(diff, old);
}
