// Random policies and asks for tests: every field takes every value it may have.
#pragma once
#include "border/border.h"
#include "chance.h"

#include <stdio.h>

static inline uint32_t make_below(uint64_t *chance, uint32_t end) {
    return (uint32_t)(chance_next(chance) % end);
}

static inline const char *make_home(uint64_t *chance) {
    static const char *const homes[] = {"JP", "DE", "LK", "NO"};
    return homes[make_below(chance, 4)];
}

static inline const char *make_id(uint64_t *chance, struct arena *arena) {
    char text[24];
    snprintf(text, sizeof text, "id-%llx", (unsigned long long)chance_next(chance) >> 32);
    return arena_text(arena, view_of(text));
}

static inline struct policy_class make_class(uint64_t *chance, struct arena *arena) {
    struct policy_class class = {.id = make_id(chance, arena),
                                 .detect = {chance_next(chance) & chance_next(chance) &
                                            ((UINT64_C(1) << DETECTOR_COUNT) - 1)},
                                 .reach = (enum border_reach)make_below(chance, REACH_COUNT),
                                 .level = (enum border_level)make_below(chance, 4),
                                 .shadow = make_below(chance, 4) == 0,
                                 .one_way = make_below(chance, 2) == 0,
                                 .keep_days = make_below(chance, 400),
                                 .source = "a law"};
    class.consent = class.reach + make_below(chance, REACH_COUNT - class.reach);
    class.masked = class.reach + make_below(chance, REACH_COUNT - class.reach);
    if (make_below(chance, 8) == 0 && class.masked <= REACH_COUNTRY) {
        class.detect.bits = UINT64_C(1) << DETECTOR_PHONE;
        class.one_way = false;
        class.mask = MASK_FORMAT;
    }
    return class;
}

static inline struct policy_place make_place(uint64_t *chance, struct arena *arena) {
    static const char *const models[] = {"small", "large"};
    struct policy_place place = {
        .id = make_id(chance, arena),
        .country = make_home(chance),
        .region = "",
        .operator_name = "Example KK",
        .operator_home = make_home(chance),
        .processing = (enum policy_processing)make_below(chance, 3),
        .kind = (enum policy_kind)make_below(chance, 2),
        .url = "https://llm.example/v1",
        .host = "llm.example",
        .port = 443,
        .addresses = {{{[10] = 0xff, [11] = 0xff, 203, 0, 113, 9}}},
        .addresses_len = 1,
        .pins_len = 1 + make_below(chance, POLICY_PINS_MAX),
        .ca = "system",
        .credential = "",
        .contract = "DPA-1",
        .contract_until = 20000 + make_below(chance, 1000),
        .retention = "none",
        .training = make_below(chance, 8) == 0,
        .models = models,
        .models_len = make_below(chance, 3),
        .timeout_ms = 30000,
        .parallel = 8,
        .reach = (enum border_reach)make_below(chance, REACH_COUNT),
        .off = make_below(chance, 8) == 0 ? "no contract" : NULL,
    };
    for (uint32_t i = 0; i < place.pins_len; i++)
        memset(place.pins[i], (int)make_below(chance, 256), HASH_LEN);
    return place;
}

static inline void make_policy(uint64_t *chance, struct arena *arena, struct policy *out) {
    static const char *const keys[] = {"alice", "bob"};
    policy_default(make_home(chance), arena, out);
    out->unknown = (enum border_reach)make_below(chance, REACH_COUNT);
    out->on_detector_error = make_below(chance, 2) ? VERDICT_BLOCK : VERDICT_LOCAL_ONLY;
    out->classes_len = 1 + make_below(chance, 8);
    for (uint32_t i = 0; i < out->classes_len; i++) out->classes[i] = make_class(chance, arena);
    out->places_len = 2 + make_below(chance, 6);
    for (uint32_t i = 1; i < out->places_len; i++) out->places[i] = make_place(chance, arena);
    uint64_t all = (UINT64_C(1) << out->classes_len) - 1;
    out->purposes_len = make_below(chance, 3);
    for (uint32_t i = 0; i < out->purposes_len; i++)
        out->purposes[i] =
            (struct policy_purpose){make_id(chance, arena), chance_next(chance) & all};
    out->tenants_len = 1 + make_below(chance, 3);
    for (uint32_t i = 1; i < out->tenants_len; i++)
        out->tenants[i] = (struct policy_tenant){
            .id = make_id(chance, arena),
            .home = make_home(chance),
            .keys = keys,
            .keys_len = make_below(chance, 3),
            .labels = chance_next(chance) & all,
            .consent_max = (enum border_reach)make_below(chance, REACH_COUNT),
            .purpose = out->purposes_len ? 0 : POLICY_NONE};
    out->routes_len = make_below(chance, 3);
    for (uint32_t i = 0; i < out->routes_len; i++) {
        struct policy_route *route = &out->routes[i];
        route->model = i ? "b" : "a";
        route->steps_len = 1 + make_below(chance, POLICY_STEPS_MAX);
        for (uint32_t k = 0; k < route->steps_len; k++)
            route->steps[k] = (struct policy_step){
                (uint16_t)make_below(chance, out->places_len), (uint16_t)k, 1, "small"};
    }
}

static inline struct policy_ask make_ask(uint64_t *chance, const struct policy *policy) {
    uint64_t all = (UINT64_C(1) << policy->classes_len) - 1;
    uint32_t purpose = make_below(chance, policy->purposes_len + 1);
    return (struct policy_ask){
        .classes = chance_next(chance) & all,
        .vouched = make_below(chance, 4) != 0,
        .detector_error = make_below(chance, 8) == 0,
        .tenant = (uint16_t)make_below(chance, policy->tenants_len),
        .purpose = purpose == policy->purposes_len ? (uint16_t)POLICY_NONE : (uint16_t)purpose,
        .place = (uint16_t)make_below(chance, policy->places_len),
        .consent = (enum border_reach)make_below(chance, REACH_COUNT),
        .level = (enum border_level)make_below(chance, 4),
        .day = 20000 + make_below(chance, 1000)};
}
