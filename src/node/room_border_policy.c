// The policy in force at the border, what finds things in texts, and what is known of places.
//
// A policy comes whole, as what the parent read of its file, and is in force for the next decision;
// asks that were decided by an older one keep it until they end.
#include "base/log.h"
#include "node/room_border.h"
#include "node/sealed.h"

#include <stdio.h>
#include <unistd.h>

enum {
    POLICY_BYTES_MAX = 8 << 20,
    DETECTOR_BYTES_MAX = 64 << 20,
    BREAKER_FAILURES = 3, // in a row, then a place is not asked for
    BREAKER_MS = 5000,    //   so long, twice as long after each further one
    BREAKER_MS_MAX = 300000,
};

// ---- what finds things ----

void detector_arrives(struct border_state *state, struct msg *msg) {
    struct view file;
    uint32_t len = msg->as.border_detector.len;
    enum sk_code code = len > DETECTOR_BYTES_MAX
                            ? FAIL(SK_LIMIT, "over %d bytes", DETECTOR_BYTES_MAX)
                            : sealed_map(msg->descriptor, len, &file);
    if (code == SK_OK) code = detectors_add(state->detectors, file); // stays mapped
    if (code == SK_OK) return;
    const char *name = table_name((enum table_kind)msg->as.border_detector.kind);
    log_line(LOG_ERROR, "detector", "file=%s.skdt text=\"%s\"", name, fail_text());
    snprintf(state->detector_trouble, sizeof state->detector_trouble, "%s.skdt: %.200s", name,
             fail_text());
}

// ---- the policy ----

static struct border_rules *rules_free(struct border_state *state) {
    for (size_t i = 0; i < RULES_MAX; i++) {
        struct border_rules *rules = &state->rules[i];
        if (rules == state->now || rules->users > 0) continue;
        return rules;
    }
    return NULL;
}

static void remotes_name(struct border_state *state, const struct policy *policy) {
    for (uint32_t i = 0; i < policy->routes_len; i++) {
        const char *model = policy->routes[i].model;
        size_t at = 0;
        while (at < REMOTES_MAX && state->remotes[at][0] && strcmp(state->remotes[at], model) != 0)
            at++;
        if (at < REMOTES_MAX) snprintf(state->remotes[at], sizeof state->remotes[at], "%s", model);
    }
}

static enum sk_code policy_load(struct border_state *state, struct border_rules *rules, int file,
                                uint32_t len) {
    struct view bytes;
    if (len > POLICY_BYTES_MAX) return FAIL(SK_LIMIT, "policy of %u bytes", len);
    if (!rules->arena.base) TRY(arena_open(&rules->arena, "policy", 2 * POLICY_BYTES_MAX));
    arena_reset(&rules->arena);
    TRY(sealed_map(file, len, &bytes));
    enum sk_code code = policy_take(bytes, &rules->arena, &rules->policy);
    sealed_unmap(&bytes);
    TRY(code);
    policy_detectors(&rules->policy, &rules->wanted);
    state->now = rules;
    state->policy_ms = border_now_ms();
    remotes_name(state, &rules->policy);
    return SK_OK;
}

void policy_state(struct border_state *state) {
    if (!state->now) return;
    char leaf[8192];
    struct buf out = buf_over(leaf, sizeof leaf);
    border_policy_write(&state->now->policy, border_now_ms(), &out);
    struct msg append = {.type = MSG_append, .descriptor = -1, .as.append.leaf = buf_view(&out)};
    if (!out.over) room_send(&state->room, ROOM_LEDGER, &append);
}

// A policy that the parent read and this room cannot is our own fault: the border closes.
static void policy_enter(struct border_state *state, struct border_rules *rules) {
    enum sk_code code = policy_load(state, rules, state->fresh, state->fresh_len);
    if (code != SK_OK) room_fail(&state->room, code);
    close(state->fresh);
    state->fresh = -1;
    if (state->recalled) policy_state(state);
    if (state->room.setup) detectors_ready(state);
    judges_again(state); // it may want what was not looked for
}

void detectors_ready(struct border_state *state) {
    state->detector_missing[0] = 0;
    if (!state->now || detectors_check(state->detectors, &state->now->wanted) == SK_OK) return;
    snprintf(state->detector_missing, sizeof state->detector_missing, "%s", fail_text());
    log_line(LOG_ERROR, "detector", "text=\"%s\"", fail_text());
}

void policy_beat(struct border_state *state) {
    if (state->fresh < 0) return;
    struct border_rules *rules = rules_free(state);
    if (rules) policy_enter(state, rules);
}

void policy_arrives(struct border_state *state, struct msg *msg) {
    if (state->fresh >= 0) close(state->fresh); // the newer one counts
    state->fresh = msg->descriptor;
    state->fresh_len = msg->as.border_policy.len;
    msg->descriptor = -1;
    policy_beat(state);
}

void rules_hold(struct ask *ask, struct border_rules *rules) {
    if (ask->decision.rules) ask->decision.rules->users--;
    if (rules) rules->users++;
    ask->decision.rules = rules;
}

void rules_leave(const struct border_state *state, struct ask *ask) {
    if (ask->decision.rules != state->now) rules_hold(ask, NULL);
}

// ---- places ----

struct border_place *place_of(struct border_state *state, const char *id) {
    struct border_place *free_row = NULL;
    for (size_t i = 0; i < PLACES_MAX; i++) {
        struct border_place *place = &state->places[i];
        if (strcmp(place->id, id) == 0) return place;
        bool idle = place->running == 0;
        if (idle && (!free_row || (free_row->id[0] && !place->id[0]))) free_row = place;
    }
    must(free_row != NULL); // no more than POLICY_PLACES_MAX are in a policy; old ones end
    *free_row = (struct border_place){0};
    snprintf(free_row->id, sizeof free_row->id, "%s", id);
    return free_row;
}

void place_failed(struct border_place *place, int64_t now_us) {
    place->failed++;
    if (++place->failures < BREAKER_FAILURES) return;
    int64_t ms = BREAKER_MS;
    for (uint32_t i = BREAKER_FAILURES; i < place->failures && ms < BREAKER_MS_MAX; i++)
        ms *= 2;
    place->closed_until_us = now_us + (ms < BREAKER_MS_MAX ? ms : BREAKER_MS_MAX) * 1000;
}

void place_worked(struct border_place *place) {
    place->failures = 0;
    place->closed_until_us = 0;
}
