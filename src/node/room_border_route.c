// Where a request goes: each step of its model's route is put to the policy, in order of
// preference, and the first that may have the text and can take it does. A failure there is a new
// question, never a detour.
#include "base/day.h"
#include "base/world.h"
#include "node/room_border.h"

#include <stdio.h>

static const struct refusal refusal_detector = {503, 0, "server_error", "detector_unavailable", ""},
                            refusal_place = {503, 5, "server_error", "place_unavailable", ""},
                            refusal_model = {404, 0, "invalid_request_error", "model_not_found",
                                             "model"};

// ---- the words of the request ----

struct words {
    struct border_state *state;
    struct ask *ask;
    const struct policy *policy;
    const struct policy_tenant *tenant;
};

// Refuses before anything is decided, naming the header and the word at fault.
static enum sk_code word_refuse(struct words *words, const char *code, const char *header,
                                struct view word, const char *why) {
    struct refusal refusal = {400, 0, "invalid_request_error", code, ""};
    char text[512];
    snprintf(text, sizeof text, "%s: '%.*s' %s", header, (int)word.len, word.at, why);
    ask_refuse(words->state, words->ask, refusal, text);
    return SK_DENIED;
}

static enum sk_code label_read(struct words *words) {
    struct decision *decision = &words->ask->decision;
    struct view rest = view_of(words->ask->label);
    decision->label = rest.len ? 0 : words->tenant->label;
    while (rest.len) {
        size_t len = 0;
        while (len < rest.len && rest.at[len] != ',')
            len++;
        struct view id = view_trim((struct view){rest.at, len});
        rest = view_from(rest, len < rest.len ? len + 1 : len);
        uint16_t class = policy_class_find(words->policy, id);
        if (class == POLICY_NONE)
            return word_refuse(words, "invalid_label", "Sekisho-Label", id,
                               "is no class of the policy.");
        if (!(words->tenant->labels >> class & 1))
            return word_refuse(words, "invalid_label", "Sekisho-Label", id,
                               "is no class that this API key may vouch for (labels of its "
                               "tenant).");
        decision->label |= UINT64_C(1) << class;
    }
    return SK_OK;
}

static enum sk_code consent_read(struct words *words) {
    struct decision *decision = &words->ask->decision;
    decision->consent = words->tenant->consent;
    struct view word = view_of(words->ask->consent);
    if (!word.len) return SK_OK;
    if (policy_reach_parse(word, &decision->consent) != SK_OK)
        return word_refuse(words, "invalid_consent", "Sekisho-Consent", word,
                           "is none of node, country, listed and world.");
    if (decision->consent > words->tenant->consent_max)
        return word_refuse(words, "invalid_consent", "Sekisho-Consent", word,
                           "is farther than the policy lets this API key say (consent_max of "
                           "its tenant).");
    return SK_OK;
}

// A key that is bound to a purpose may say a narrower one, never a broader one.
static enum sk_code purpose_read(struct words *words) {
    struct decision *decision = &words->ask->decision;
    const struct policy *policy = words->policy;
    uint16_t bound = words->tenant->purpose;
    decision->purpose = bound;
    struct view word = view_of(words->ask->purpose);
    if (!word.len) return SK_OK;
    decision->purpose = policy_purpose_find(policy, word);
    uint64_t allowed = bound == POLICY_NONE ? UINT64_MAX : policy->purposes[bound].classes;
    bool known = decision->purpose != POLICY_NONE;
    if (known && !(policy->purposes[decision->purpose].classes & ~allowed)) return SK_OK;
    decision->purpose = POLICY_NONE;
    return word_refuse(words, "invalid_purpose", "Sekisho-Purpose", word,
                       known ? "covers more than the purpose of this API key."
                             : "is no purpose of the policy.");
}

static enum sk_code words_read(struct border_state *state, struct ask *ask) {
    const struct policy *policy = &ask->decision.rules->policy;
    ask->decision.tenant = policy_tenant_of(policy, view_of(ask->key->name));
    struct words words = {state, ask, policy, &policy->tenants[ask->decision.tenant]};
    TRY(label_read(&words));
    TRY(consent_read(&words));
    return purpose_read(&words);
}

// ---- the steps ----

static const struct policy_step step_here = {.place = 0, .model = ""};

static const struct policy_step *step_of(const struct decision *decision, uint32_t i) {
    if (decision->route == POLICY_NONE) return &step_here;
    return &decision->rules->policy.routes[decision->route].steps[i];
}

static uint32_t steps_len(const struct decision *decision) {
    if (decision->route == POLICY_NONE) return 1;
    return decision->rules->policy.routes[decision->route].steps_len;
}

// The model of this node that a step to place 0 names; NULL: there is none.
static struct border_model *model_here(struct border_state *state, const struct ask *ask,
                                       const struct policy_step *step) {
    return border_model_of(state, view_of(step->model[0] ? step->model : ask->model_name));
}

static void step_judge(const struct ask *ask, uint32_t i, struct policy_verdict *out) {
    const struct decision *decision = &ask->decision;
    struct policy_ask question = {.classes = decision->classes,
                                  .vouched = decision->label != 0,
                                  .detector_error = ask->unjudged,
                                  .tenant = decision->tenant,
                                  .purpose = decision->purpose,
                                  .place = step_of(decision, i)->place,
                                  .consent = decision->consent,
                                  .level = decision->level,
                                  .day = decision->day};
    policy_judge(&decision->rules->policy, &question, out);
}

static bool step_can(struct border_state *state, const struct ask *ask, uint32_t i) {
    const struct policy_step *step = step_of(&ask->decision, i);
    if (step->place == 0) return model_here(state, ask, step) != NULL;
    const struct border_place *place =
        place_of(state, ask->decision.rules->policy.places[step->place].id);
    return border_clock_us() >= place->closed_until_us;
}

static uint64_t step_weight(const struct decision *decision, uint32_t i) {
    uint16_t weight = step_of(decision, i)->weight;
    return weight ? weight : 1;
}

// Among the steps not yet in order, of the lowest rank, one by its share of their weights.
static uint32_t step_draw(const struct decision *decision, uint32_t placed, uint32_t chance) {
    uint32_t len = steps_len(decision), rank = UINT32_MAX;
    uint64_t weights = 0;
    for (uint32_t i = 0; i < len; i++)
        if (!(placed >> i & 1) && step_of(decision, i)->rank < rank)
            rank = step_of(decision, i)->rank;
    for (uint32_t i = 0; i < len; i++)
        if (!(placed >> i & 1) && step_of(decision, i)->rank == rank)
            weights += step_weight(decision, i);
    uint64_t at = chance % weights;
    for (uint32_t i = 0;; i++) {
        must(i < len);
        if (placed >> i & 1 || step_of(decision, i)->rank != rank) continue;
        uint64_t weight = step_weight(decision, i);
        if (at < weight) return i;
        at -= weight;
    }
}

// Steps by rank; those of one rank in an order drawn by their weights.
static void steps_order(const struct decision *decision, uint32_t order[POLICY_STEPS_MAX]) {
    struct world world = world_real(-1);
    uint32_t placed = 0, len = steps_len(decision), chances[POLICY_STEPS_MAX] = {0};
    if (len > 1 && world.random(world.self, chances, sizeof chances) != SK_OK)
        memset(chances, 0, sizeof chances); // any order is right
    for (uint32_t k = 0; k < len; k++) {
        order[k] = step_draw(decision, placed, chances[k]);
        placed |= 1u << order[k];
    }
}

enum choice { CHOSEN, UNABLE, REFUSED };

// The first step that may have it and can take it. Else the verdict is of the preferred one:
// UNABLE where some may have it but none can take it, or none is left.
static enum choice step_choose(struct border_state *state, struct ask *ask) {
    struct decision *decision = &ask->decision;
    uint32_t order[POLICY_STEPS_MAX];
    bool first = true, able = false;
    steps_order(decision, order);
    for (uint32_t k = 0; k < steps_len(decision); k++) {
        struct policy_verdict verdict;
        uint32_t i = order[k];
        if (decision->tried >> i & 1) continue;
        step_judge(ask, i, &verdict);
        bool may = verdict.verdict == VERDICT_SEND || verdict.verdict == VERDICT_MASK;
        bool can = may && step_can(state, ask, i), here = step_of(decision, i)->place == 0;
        // What kept it from a better place is the rule by which it stays here.
        bool stays = can && here && decision->verdict.verdict == VERDICT_LOCAL_ONLY;
        if ((first || can) && !stays) decision->verdict = verdict;
        if (first || can) {
            decision->step = (uint16_t)i;
            decision->place = step_of(decision, i)->place;
        }
        if (can) return CHOSEN;
        first = false;
        able |= may;
    }
    return able || first ? UNABLE : REFUSED;
}

// ---- what is decided ----

// The class that a rule "class.ID" names, for its source.
static const char *rule_source(const struct decision *decision) {
    const struct policy *policy = &decision->rules->policy;
    const char *rule = decision->verdict.rule;
    if (strncmp(rule, "class.", 6) != 0) return "";
    uint16_t class = policy_class_find(policy, view_of(rule + 6));
    return class == POLICY_NONE ? "" : policy->classes[class].source;
}

static void refusal_write(struct ask *ask) {
    const struct decision *decision = &ask->decision;
    const struct policy_verdict *verdict = &decision->verdict;
    const char *source = rule_source(decision);
    struct buf out = buf_over(ask->refusal_text, sizeof ask->refusal_text - 1);
    if (decision->tried) buf_print(&out, "A place before it failed. ");
    buf_print(&out, "%s: ", verdict->rule);
    if (verdict->verdict == VERDICT_LOCAL_ONLY)
        buf_print(&out,
                  "this text stays on this node, and the model '%.100s' answers at '%s' only. Ask "
                  "for a model of this node (/v1/models).",
                  ask->model_name, decision_place(decision)->id);
    else
        buf_print(&out, "the policy does not let this text be processed at '%s'.",
                  decision_place(decision)->id);
    const struct policy_place *place = decision_place(decision);
    if (place->off) buf_print(&out, " It is off: %.200s.", place->off);
    if (strcmp(verdict->rule, "unknown") == 0)
        buf_print(&out, " Nothing vouches for it: Sekisho-Label names a class that does.");
    if (verdict->consent_required)
        buf_print(&out, " Recorded consent would let it go (Sekisho-Consent).");
    if (source[0]) buf_print(&out, " (%.200s)", source);
    ask->refusal_text[out.len] = 0;
    ask->refusal = (struct refusal){403, 0, "permission_error", "residency_blocked", ""};
    if (verdict->verdict == VERDICT_LOCAL_ONLY) ask->refusal.code = "residency_local_only";
    if (verdict->consent_required) ask->refusal.code = "consent_required";
}

// Nothing may have it: stated in the ledger like any decision, then told.
static void decide_refused(struct border_state *state, struct ask *ask) {
    ask->decision.refused = true;
    if (ask->unjudged) {
        const char *why = ask->refusal_text[0]         ? ask->refusal_text
                          : state->detector_trouble[0] ? state->detector_trouble
                                                       : state->detector_missing;
        char cause[512];
        snprintf(cause, sizeof cause, "%.500s", why);
        ask->refusal = refusal_detector;
        snprintf(ask->refusal_text, sizeof ask->refusal_text,
                 "%s: this text cannot be judged, so it is not processed (%.500s).",
                 ask->decision.verdict.rule, cause);
    } else {
        refusal_write(ask);
    }
    ask_seal(state, ask);
}

static void ask_waits(struct border_state *state, struct ask *ask) {
    state->judging--;
    turn_wait(state, ask);
}

static void decide_away(struct border_state *state, struct ask *ask, struct judge *judge) {
    struct refusal cannot = {400, 0, "invalid_request_error", "unsupported_parameter", ""};
    ask->decision.away = true;
    enum sk_code code =
        judge ? envelope_make(state, ask, judge) : FAIL(SK_CORRUPT, "nothing was read of it");
    if (code == SK_OK) {
        ask_waits(state, ask);
        return;
    }
    if (code == SK_UNSUPPORTED || code == SK_INPUT || code == SK_LIMIT) {
        struct view term = job_term(view_of(fail_text()));
        if (term.len) cannot.param = term.at;
        snprintf(ask->refusal_text, sizeof ask->refusal_text, "%.800s (at '%s')", fail_text(),
                 decision_place(&ask->decision)->id);
        ask->refusal = cannot;
        ask->decision.refused = true;
        ask_seal(state, ask);
        return;
    }
    ask->unjudged = true;
    snprintf(ask->refusal_text, sizeof ask->refusal_text, "%s", fail_text());
    decide_refused(state, ask);
}

// No step that may have it can take it.
static void decide_unable(struct border_state *state, struct ask *ask) {
    if (ask->decision.retry_of != UINT64_MAX) { // the last attempt said why
        ask->open = ask->decision.retry_of;
        ask_refuse(state, ask, ask->failure, ask->refusal_text);
    } else if (ask->decision.place == 0) {
        ask_refuse(state, ask, refusal_model, "The model that the route names is not served here.");
    } else {
        char text[512];
        snprintf(text, sizeof text,
                 "The place '%s' failed and is not asked for a while; nothing else may have this "
                 "text. Try again later.",
                 decision_place(&ask->decision)->id);
        ask_refuse(state, ask, refusal_place, text);
    }
    ask_free(state, ask);
}

void ask_decide(struct border_state *state, struct ask *ask, struct judge *judge) {
    struct decision *decision = &ask->decision;
    decision_end(state, ask);
    if (decision->rules != state->now) decision->tried = 0; // steps of another route
    rules_hold(ask, state->now);
    decision->level = state->level_now;
    decision->day = border_now_ms() / DAY_MS;
    const struct policy *policy = &decision->rules->policy;
    if (words_read(state, ask) != SK_OK) {
        ask_free(state, ask);
        return;
    }
    struct detector_set found = {0};
    for (uint32_t i = 0; judge && i < judge->scan.findings_len; i++)
        found.bits |= UINT64_C(1) << judge->scan.findings[i].detector;
    decision->classes = policy_classes(policy, &found) | decision->label;
    decision->route = policy_route_find(policy, view_of(ask->model_name));
    decision->away = false;
    if (!archive_decide(state, ask)) {
        ask_free(state, ask);
        return;
    }
    decision->verdict = (struct policy_verdict){0};
    switch (step_choose(state, ask)) {
    case CHOSEN:
        if (decision->place != 0) {
            decide_away(state, ask, judge);
        } else {
            ask->model = model_here(state, ask, step_of(decision, decision->step));
            ask_waits(state, ask);
        }
        break;
    case UNABLE:
        decide_unable(state, ask);
        break;
    case REFUSED:
        decide_refused(state, ask);
        break;
    }
}

bool decision_stands(const struct border_state *state, const struct ask *ask) {
    const struct decision *decision = &ask->decision;
    return decision->rules == state->now && state->fresh < 0 &&
           decision->level == state->level_now && decision->day == border_now_ms() / DAY_MS;
}

void ask_elsewhere(struct border_state *state, struct ask *ask) {
    ask->decision.retry_of = ask->open;
    rules_leave(state, ask);
    ask->stage = ASK_JUDGING;
    ask->ended = ask->again = false;
    ask->at = ROOM_PARENT;
    ask->rule[0] = ask->peer[0] = 0;
    ask->failure = ask->refusal;
    ask->refusal = (struct refusal){0};
    ask->credit += ask->granted + ask->kept; // what that place left of it
    ask->granted = 0;
    ask->kept = false;
    state->judging++;
}
