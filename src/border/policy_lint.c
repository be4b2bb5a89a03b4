// What a person should look at in a policy: what ends soon, what does nothing.
#include "border/policy_parts.h"

#include "base/day.h"

static void ends(struct buf *out, int64_t end, int64_t day) {
    day_put(out, end);
    if (end < day)
        buf_put_text(out, " is over");
    else if (end == day)
        buf_put_text(out, " is today");
    else
        buf_print(out, " in %lld days", (long long)(end - day));
    buf_put_char(out, '\n');
}

static void rule_expiring(const struct policy_rule *rule, int64_t day, int64_t last,
                          struct buf *out) {
    int64_t review = rule->reviewed_on + POLICY_REVIEW_DAYS;
    if (review <= last) {
        buf_print(out, "pack.%s %s, %s: review by ", rule->pack, rule->law, rule->article);
        ends(out, review, day);
    }
    if (rule->to <= last) {
        buf_print(out, "pack.%s %s, %s: in force to ", rule->pack, rule->law, rule->article);
        ends(out, rule->to, day);
    }
}

void policy_expiring(const struct policy *policy, int64_t day, uint32_t days, struct buf *out) {
    int64_t last = day + days;
    if (policy->keep_days)
        buf_print(out, "keep: a text of no class is kept for %u days\n", policy->keep_days);
    for (uint32_t i = 0; i < policy->classes_len; i++)
        if (policy->classes[i].keep_days)
            buf_print(out, "class.%s: its texts are kept for %u days\n", policy->classes[i].id,
                      policy->classes[i].keep_days);
    for (uint32_t i = 1; i < policy->places_len; i++) {
        const struct policy_place *place = &policy->places[i];
        if (place->contract_until == INT64_MIN || place->contract_until > last) continue;
        buf_print(out, "place.%s contract_until ", place->id);
        ends(out, place->contract_until, day);
    }
    for (uint32_t i = 0; i < policy->rules_len; i++)
        rule_expiring(&policy->rules[i], day, last, out);
}

static bool routed(const struct policy *policy, uint16_t place) {
    for (uint32_t i = 0; i < policy->routes_len; i++)
        for (uint32_t k = 0; k < policy->routes[i].steps_len; k++)
            if (policy->routes[i].steps[k].place == place) return true;
    return false;
}

static bool vouched(const struct policy *policy, uint64_t class) {
    for (uint32_t i = 0; i < policy->tenants_len; i++)
        if (policy->tenants[i].labels & class) return true;
    return false;
}

static void rule_lint(const struct policy_rule *rule, int64_t day, struct buf *out) {
    bool unknown = rule->from == INT64_MAX, later = rule->from > day, over = rule->to < day;
    if (!later && !over) return;
    buf_print(out, "pack.%s %s, %s: %s", rule->pack, rule->law, rule->article,
              unknown ? "no day is known on which it is in force"
              : later ? "in force from "
                      : "no longer in force");
    if (later && !unknown) day_put(out, rule->from);
    buf_print(out, " (%s)\n", rule->status);
}

void policy_lint(const struct policy *policy, int64_t day, struct buf *out) {
    if (policy->unknown != REACH_NODE)
        buf_print(out, "unknown: what nothing vouches for may go as far as %s\n",
                  border_reach_name(policy->unknown));
    for (uint32_t i = 1; i < policy->places_len; i++) {
        const struct policy_place *place = &policy->places[i];
        if (place->off) buf_print(out, "place.%s is off: %s\n", place->id, place->off);
        if (place->unverified)
            buf_print(out, "place.%s is unverified: %s\n", place->id, place->unverified);
        if (place->use == USE_MODELS && !routed(policy, (uint16_t)i))
            buf_print(out, "place.%s: no route leads there\n", place->id);
    }
    for (uint32_t i = 0; i < policy->classes_len; i++) {
        const struct policy_class *class = &policy->classes[i];
        if (class->shadow) buf_print(out, "class.%s is a shadow: nothing enforces it\n", class->id);
        if (class->detect.bits || vouched(policy, UINT64_C(1) << i)) continue;
        buf_print(out, "class.%s: no detector finds it and no tenant may label it\n", class->id);
    }
    for (uint32_t i = 0; i < policy->rules_len; i++)
        rule_lint(&policy->rules[i], day, out);
}
