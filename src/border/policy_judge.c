// The verdict: the most restrictive of what place, detectors, purpose, level and each class say.
#include "border/policy_parts.h"

#include <stdio.h>

// Of equal verdicts the first said names the rule.
static void say(struct policy_verdict *out, enum border_verdict verdict, const char *kind,
                const char *id) {
    if (out->rule[0] && verdict <= out->verdict) return;
    out->verdict = verdict;
    snprintf(out->rule, sizeof out->rule, "%s%s", kind, id);
}

enum border_verdict policy_class_verdict(const struct policy_class *class,
                                         enum border_reach distance, enum border_reach consent) {
    if (consent > class->consent) consent = class->consent;
    if (distance <= class->reach || distance <= consent) return VERDICT_SEND;
    return distance <= class->masked ? VERDICT_MASK : VERDICT_LOCAL_ONLY;
}

static enum border_verdict of_class(const struct policy_class *class, const struct policy_ask *ask,
                                    enum border_reach distance) {
    if (distance > REACH_NODE && ask->level < class->level) return VERDICT_LOCAL_ONLY;
    return policy_class_verdict(class, distance, ask->consent);
}

static bool place_off(const struct policy_place *place, int64_t day) {
    return place->off || (place->contract_until != INT64_MIN && place->contract_until < day);
}

// What holds whatever the classes are.
static void judge_frame(const struct policy *policy, const struct policy_ask *ask,
                        enum border_reach distance, struct policy_verdict *out) {
    const struct policy_place *place = &policy->places[ask->place];
    bool stays = distance == REACH_NODE;
    if (place_off(place, ask->day)) say(out, VERDICT_BLOCK, "place.", place->id);
    if (ask->detector_error) {
        bool send = stays && policy->on_detector_error == VERDICT_LOCAL_ONLY;
        say(out, send ? VERDICT_SEND : policy->on_detector_error, "on_detector_error", "");
    }
    if (ask->level == LEVEL_OPEN && !stays) say(out, VERDICT_LOCAL_ONLY, "level", "");
}

// As if `enforced` were all classes there are.
static void judge(const struct policy *policy, const struct policy_ask *ask, uint64_t enforced,
                  struct policy_verdict *out) {
    *out = (struct policy_verdict){.verdict = VERDICT_SEND};
    uint64_t classes = ask->classes & enforced;
    enum border_reach distance = policy_distance(policy, ask->place, ask->tenant);
    judge_frame(policy, ask, distance, out);
    if (ask->purpose != POLICY_NONE) {
        const struct policy_purpose *purpose = &policy->purposes[ask->purpose];
        if (classes & ~purpose->classes) say(out, VERDICT_BLOCK, "purpose.", purpose->id);
    }
    for (uint32_t i = 0; i < policy->classes_len; i++) {
        if (!(classes >> i & 1)) continue;
        enum border_verdict verdict = of_class(&policy->classes[i], ask, distance);
        if (verdict == VERDICT_MASK) out->mask |= UINT64_C(1) << i;
        say(out, verdict, "class.", policy->classes[i].id);
    }
    if (!ask->vouched || classes == 0)
        say(out, distance <= policy->unknown ? VERDICT_SEND : VERDICT_LOCAL_ONLY, "unknown", "");
    if (out->verdict != VERDICT_MASK) out->mask = 0;
}

void policy_judge(const struct policy *policy, const struct policy_ask *ask,
                  struct policy_verdict *out) {
    must(ask->purpose == POLICY_NONE || ask->purpose < policy->purposes_len);
    must((ask->classes >> policy->classes_len) == 0);
    uint64_t shadows = 0;
    for (uint32_t i = 0; i < policy->classes_len; i++)
        if (policy->classes[i].shadow) shadows |= UINT64_C(1) << i;
    judge(policy, ask, ~shadows, out);
    if (out->verdict == VERDICT_MASK || out->verdict == VERDICT_LOCAL_ONLY) {
        struct policy_ask asked = *ask;
        struct policy_verdict consented;
        asked.consent = REACH_WORLD;
        judge(policy, &asked, ~shadows, &consented);
        out->consent_required = consented.verdict < out->verdict;
    }
    if (ask->classes & shadows) {
        struct policy_verdict whole;
        judge(policy, ask, UINT64_MAX, &whole);
        out->shadowed = whole.verdict > out->verdict;
        out->shadow = whole.verdict;
        if (out->shadowed) memcpy(out->shadow_rule, whole.rule, sizeof out->shadow_rule);
    }
}

uint32_t policy_keep_days(const struct policy *policy, uint64_t classes) {
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < policy->classes_len; i++) {
        const struct policy_class *class = &policy->classes[i];
        bool counts = classes >> i & 1 && !class->shadow;
        if (counts && class->keep_days < least) least = class->keep_days;
    }
    return least == UINT32_MAX ? policy->keep_days : least;
}
