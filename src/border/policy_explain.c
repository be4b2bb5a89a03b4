// The whole table of a policy, for people and as JSON.
//
// A verdict depends on a place by its distance alone (and by whether it is on), so for people the
// table is class x consent x distance, beside the distance of each place. JSON has every cell.
#include "border/columns.h"
#include "border/policy_parts.h"

#include "base/day.h"
#include "base/json.h"
#include "base/text.h"

const char *policy_consent_name(unsigned consent) {
    return consent == REACH_NODE ? "none" : border_reach_name((enum border_reach)consent);
}

bool policy_home_seen(const struct policy *policy, uint16_t tenant) {
    for (uint16_t i = 0; i < tenant; i++)
        if (strcmp(policy->tenants[i].home, policy->tenants[tenant].home) == 0) return true;
    return false;
}

// ---- for people ----

// One class as if a place were so far away; POLICY_NONE: text that nothing vouches for.
static enum border_verdict at_distance(const struct policy *policy, uint16_t class,
                                       enum border_reach distance, unsigned consent) {
    if (class == POLICY_NONE)
        return distance <= policy->unknown ? VERDICT_SEND : VERDICT_LOCAL_ONLY;
    return policy_class_verdict(&policy->classes[class], distance, (enum border_reach)consent);
}

static bool same_row(const struct policy *policy, uint16_t class, unsigned a, unsigned b) {
    for (unsigned d = 0; d < REACH_COUNT; d++)
        if (at_distance(policy, class, (enum border_reach)d, a) !=
            at_distance(policy, class, (enum border_reach)d, b))
            return false;
    return true;
}

static void class_rows(struct columns *columns, const struct policy *policy, uint16_t index) {
    const struct policy_class *class = index == POLICY_NONE ? NULL : &policy->classes[index];
    for (unsigned from = 0, to; from < REACH_COUNT; from = to) {
        char consent[32];
        for (to = from + 1; to < REACH_COUNT && same_row(policy, index, from, to);)
            to++;
        bool any = from == 0 && to == REACH_COUNT, more = to - from > 1;
        struct buf text = buf_over(consent, sizeof consent - 1);
        buf_print(&text, "%s%s", any ? "any" : policy_consent_name(from),
                  any || !more        ? ""
                  : to == REACH_COUNT ? " or more"
                                      : " to ");
        if (more && to < REACH_COUNT) buf_put_text(&text, policy_consent_name(to - 1));
        consent[text.len] = 0;
        columns_cell(columns, from ? "" : class ? class->id : "(nothing vouches)");
        columns_cell(columns, consent);
        for (unsigned d = 0; d < REACH_COUNT; d++)
            columns_cell(columns, border_verdict_name(
                                      at_distance(policy, index, (enum border_reach)d, from)));
        if (!from && class) columns_cell(columns, policy_level_names[class->level]);
        if (!from && class)
            columns_cell(columns, class->shadow                ? "shadow"
                                  : class->one_way             ? "one-way"
                                  : class->mask == MASK_FORMAT ? "format"
                                                               : "");
        columns_end(columns);
    }
}

static void class_table(struct columns *columns, const struct policy *policy) {
    static const char *const heads[] = {"class",  "consent", "node",  "country",
                                        "listed", "world",   "level", ""};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        columns_cell(columns, heads[i]);
    columns_end(columns);
    for (uint32_t i = 0; i < policy->classes_len; i++)
        class_rows(columns, policy, (uint16_t)i);
    class_rows(columns, policy, POLICY_NONE);
}

static const char *off_text(const struct policy_place *place, int64_t day) {
    if (place->off) return place->off;
    return place->contract_until != INT64_MIN && place->contract_until < day ? "contract is over"
                                                                             : NULL;
}

static void place_table(struct columns *columns, const struct policy *policy, int64_t day) {
    static const char *const heads[] = {"place",           "country", "operator", "compelled by",
                                        "for a tenant of", "is",      "",         ""};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        columns_cell(columns, heads[i]);
    columns_end(columns);
    for (uint32_t i = 0; i < policy->places_len; i++) {
        const struct policy_place *place = &policy->places[i];
        const char *off = off_text(place, day);
        for (uint16_t t = 0; t < policy->tenants_len; t++) {
            if (policy_home_seen(policy, t)) continue;
            columns_cell(columns, t ? "" : place->id);
            columns_cell(columns, t ? "" : place->country);
            columns_cell(columns, t ? "" : place->operator_name);
            columns_cell(columns, t ? "" : place->operator_home);
            columns_cell(columns, policy->tenants[t].home);
            columns_cell(columns, border_reach_name(policy_distance(policy, (uint16_t)i, t)));
            columns_cell(columns, off && !t ? "off:" : "");
            columns_cell(columns, off && !t ? off : "");
            columns_end(columns);
        }
    }
}

static void route_table(struct columns *columns, const struct policy *policy) {
    for (uint32_t i = 0; i < policy->routes_len; i++) {
        const struct policy_route *route = &policy->routes[i];
        for (uint32_t k = 0; k < route->steps_len; k++) {
            char rank[64];
            struct buf text = buf_over(rank, sizeof rank - 1);
            buf_print(&text, "%u", route->steps[k].rank);
            if (route->steps[k].weight != 1)
                buf_print(&text, ", weight %u", route->steps[k].weight);
            rank[text.len] = 0;
            columns_cell(columns, k ? "" : route->model);
            columns_cell(columns, k ? "" : border_reach_name(route->reach));
            columns_cell(columns, rank);
            columns_cell(columns, policy->places[route->steps[k].place].id);
            columns_cell(columns, route->steps[k].model);
            columns_end(columns);
        }
    }
}

static void explain_text(const struct policy *policy, int64_t day, struct buf *out) {
    buf_print(out, "%s, home %s, on ", policy->name, policy->home[0] ? policy->home : "unknown");
    day_put(out, day);
    buf_put_text(out, "\nsha256 ");
    hex_put(out, policy->digest, HASH_LEN);
    buf_put_text(out,
                 "\n\nHow far each class may go. Below its level a class stays on the node.\n");
    COLUMNS_SAY(out, class_table(columns, policy));
    buf_print(out, "A detector that fails: %s. The most restrictive class counts.\n\nPlaces\n",
              border_verdict_name(policy->on_detector_error));
    COLUMNS_SAY(out, place_table(columns, policy, day));
    if (!policy->routes_len) return;
    buf_put_text(out, "\nRoutes: model, no farther than, in order\n");
    COLUMNS_SAY(out, route_table(columns, policy));
}

// ---- JSON ----

static void json_cell(struct json_writer *w, const struct policy *policy,
                      const struct policy_ask *ask, const char *class) {
    struct policy_verdict verdict;
    policy_judge(policy, ask, &verdict);
    json_open(w, '{');
    json_member_text(w, "home", policy->tenants[ask->tenant].home); // of all its tenants
    json_member_text(w, "place", policy->places[ask->place].id);
    json_name(w, "class");
    if (class)
        json_put_text(w, class);
    else
        json_put_null(w);
    json_member_text(w, "consent", policy_consent_name(ask->consent));
    json_member_text(w, "verdict", border_verdict_name(verdict.verdict));
    json_member_text(w, "rule", verdict.rule);
    json_member_bool(w, "consent_required", verdict.consent_required);
    if (verdict.shadowed) {
        json_member_text(w, "shadow_verdict", border_verdict_name(verdict.shadow));
        json_member_text(w, "shadow_rule", verdict.shadow_rule);
    }
    json_close(w, '}');
}

static void json_tenant(struct json_writer *w, const struct policy *policy, uint16_t tenant,
                        int64_t day) {
    for (uint16_t place = 0; place < policy->places_len; place++) {
        for (uint32_t i = 0; i <= policy->classes_len; i++) {
            bool class = i < policy->classes_len;
            for (unsigned consent = 0; consent < (class ? REACH_COUNT : 1); consent++) {
                struct policy_ask ask = {.classes = class ? UINT64_C(1) << i : 0,
                                         .vouched = class,
                                         .tenant = tenant,
                                         .purpose = POLICY_NONE,
                                         .place = place,
                                         .consent = (enum border_reach)consent,
                                         .level = LEVEL_FORTRESS,
                                         .day = day};
                json_cell(w, policy, &ask, class ? policy->classes[i].id : NULL);
            }
        }
    }
}

static void explain_json(const struct policy *policy, int64_t day, struct buf *out) {
    struct json_writer writer = json_writer_to(out), *w = &writer;
    char storage[2 * HASH_LEN];
    struct buf text = buf_over(storage, sizeof storage);
    json_open(w, '{');
    json_member_text(w, "policy", policy->name);
    json_member_text(w, "home", policy->home);
    json_member_hex(w, "sha256", policy->digest, HASH_LEN);
    day_put(&text, day);
    json_member_string(w, "day", buf_view(&text));
    json_member_text(w, "unknown", border_reach_name(policy->unknown));
    json_member_text(w, "on_detector_error", border_verdict_name(policy->on_detector_error));
    json_name(w, "cells");
    json_open(w, '[');
    for (uint16_t t = 0; t < policy->tenants_len; t++)
        if (!policy_home_seen(policy, t)) json_tenant(w, policy, t, day);
    json_close(w, ']');
    json_close(w, '}');
    buf_put_char(out, '\n');
}

void policy_explain(const struct policy *policy, int64_t day, bool json, struct buf *out) {
    if (json)
        explain_json(policy, day, out);
    else
        explain_text(policy, day, out);
}
