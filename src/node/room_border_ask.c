// The life of one task at the border, up to its answer (the stages are in room_border.h).
#include "base/utf8.h"
#include "base/world.h"
#include "node/room_border.h"
#include "node/sealed.h"

#include <stdio.h>
#include <unistd.h>

static const struct refusal refusal_model = {404, 0, "invalid_request_error", "model_not_found",
                                             "model"};
static const struct refusal refusal_operation = {400, 0, "invalid_request_error",
                                                 "unsupported_operation", "model"};
static const struct refusal refusal_busy = {429, 1, "rate_limit_error", "queue_full", ""};
static const struct refusal refusal_overloaded = {503, 1, "server_error", "overloaded", ""};
static const struct refusal refusal_stopping = {503, 2, "server_error", "stopping", ""};
static const struct refusal refusal_server = {500, 0, "server_error", "internal_error", ""};
static const struct refusal refusal_engine = {503, 2, "server_error", "engine_restarting", ""};
static struct ask *ask_of_gate(struct border_state *state, uint64_t gate_id) {
    for (size_t i = 0; i < state->asks_end; i++) {
        struct ask *ask = &state->asks[i];
        if (ask->stage != ASK_FREE && !ask->gone && ask->gate_id == gate_id) return ask;
    }
    return NULL;
}

struct ask *ask_of_job(struct border_state *state, uint64_t job_id) {
    struct ask *ask = &state->asks[job_id % ASKS_MAX];
    return ask->stage != ASK_FREE && ask->job_id == job_id ? ask : NULL;
}

struct ask *ask_at(struct border_state *state, enum room worker, uint64_t job_id) {
    struct ask *ask = ask_of_job(state, job_id);
    return ask && ask->at == worker && !ask->ended ? ask : NULL;
}

// What the last decision made, which the next one makes anew.
void decision_end(struct border_state *state, struct ask *ask) {
    struct decision *decision = &ask->decision;
    if (decision->envelope >= 0) close(decision->envelope);
    vault_close(decision->vault);
    decision->envelope = -1;
    decision->vault = NULL;
    filter_end(state, ask);
}

void ask_free(struct border_state *state, struct ask *ask) {
    turn_charge(ask);
    uint64_t used = (uint64_t)ask->prompt_tokens + ask->completion_tokens;
    limits_settle(ask->key, &ask->share, used);
    if (ask->judge) judge_end(ask->judge);
    sealed_unmap(&ask->file);
    if (ask->stage == ASK_JUDGING) state->judging--;
    if (ask->stage == ASK_WAITING) state->waiting--;
    decision_end(state, ask);
    rules_hold(ask, NULL);
    state->open--;
    state->held -= ask->held;
    if (ask->body >= 0) close(ask->body);
    if (ask->result >= 0) close(ask->result);
    archive_end(ask);
    struct hash kept = ask->answer.hash; // a context is made once per row
    *ask = (struct ask){.answer.hash = kept};
    while (state->asks_end > 0 && state->asks[state->asks_end - 1].stage == ASK_FREE)
        state->asks_end--;
}

void ask_refuse(struct border_state *state, struct ask *ask, struct refusal refusal,
                const char *text) {
    if (!ask->gone) border_refuse_of(state, ask->gate_id, refusal, text, ask->open);
    ask->gone = true;
}

static void ask_abandon(struct border_state *state, struct ask *ask) {
    ask->gone = true;
    if (ask->stage == ASK_JUDGING || ask->stage == ASK_WAITING) {
        ask_free(state, ask);
    } else if (ask->at && !ask->ended) {
        struct msg cancel = {.type = MSG_cancel, .id = ask->job_id, .descriptor = -1};
        room_send(&state->room, ask->at, &cancel);
    }
}

// Every model by its name: this node's, then those of routes that are not among them.
static void ask_refuse_model(struct border_state *state, const struct msg *msg) {
    char text[1024];
    struct view asked = msg->as.ask.model;
    struct buf out = buf_over(text, sizeof text - 1);
    buf_print(&out, "The model '%.*s' is not served here. These are:", (int)asked.len, asked.at);
    uint32_t routes = state->now ? state->now->policy.routes_len : 0;
    for (uint32_t i = 0, said = 0; i < state->models_len + routes; i++) { // as many as fit
        bool here = i < state->models_len;
        struct view id = here ? state->models[i].setup.id
                              : view_of(state->now->policy.routes[i - state->models_len].model);
        if (!here && border_model_of(state, id)) continue;
        if (out.max - out.len > id.len + 8)
            buf_print(&out, "%s '%.*s'", said++ ? "," : "", (int)id.len, id.at);
    }
    text[out.len] = 0;
    border_refuse(state, msg->id, refusal_model, text);
}

static bool model_can(const struct border_model *model, uint8_t operation) {
    const struct msg_card *card = &model->card;
    switch (operation) {
    case GATE_OP_EMBED:
        return card->encoder && !card->ranks;
    case GATE_OP_RERANK:
        return card->encoder;
    case GATE_OP_COUNT:
        return true;
    default:
        return !card->encoder;
    }
}

static void ask_refuse_operation(struct border_state *state, uint64_t gate_id,
                                 const struct border_model *model) {
    const struct msg_card *card = &model->card;
    char text[512];
    struct view id = model->setup.id;
    snprintf(text, sizeof text, "The model '%.*s' %s.", (int)id.len, id.at,
             !card->encoder ? "makes text only"
             : card->ranks  ? "ranks documents only"
                            : "makes embeddings only");
    border_refuse(state, gate_id, refusal_operation, text);
}

// Answers at once, of the engine and of all places.
static uint32_t asks_able(const struct border_state *state) {
    uint32_t able = state->jobs_max;
    for (uint32_t i = 1; state->now && i < state->now->policy.places_len; i++)
        able += state->now->policy.places[i].parallel;
    return able;
}

// Who asks, for which model, and is there room? A refusal here leaves no trace but the error.
// *model is NULL for one that only a route knows.
static bool ask_admit(struct border_state *state, const struct msg *msg, struct border_key **key,
                      struct border_model **model) {
    const struct msg_ask *ask = &msg->as.ask;
    char text[512];
    if (!border_admit(state, msg, ask->credential, key)) return false;
    bool routed = state->now && policy_route_find(&state->now->policy, ask->model) != POLICY_NONE;
    *model = routed ? NULL : border_model_of(state, ask->model);
    if (!*model && !routed) {
        ask_refuse_model(state, msg);
        return false;
    }
    if (*model && (*model)->told && !model_can(*model, ask->operation)) {
        ask_refuse_operation(state, msg->id, *model);
        return false;
    }
    if (state->stopping) {
        border_refuse(state, msg->id, refusal_stopping, "The node is stopping. Try again later.");
        return false;
    }
    uint32_t able = asks_able(state);
    uint32_t places = able + state->setup.queue_max;
    if (!turn_admits(state, *key, places < ASKS_MAX ? places : ASKS_MAX)) {
        snprintf(text, sizeof text,
                 "%u requests run and %u wait, which is the limit (limits.queue), of which one API "
                 "key has a part. Try again later.",
                 able, state->setup.queue_max);
        border_refuse(state, msg->id, refusal_busy, text);
        return false;
    }
    return true;
}

static enum sk_code ask_commit_body(struct ask *ask, int body, const struct msg_ask *fields) {
    struct world world = world_real(-1);
    uint8_t salts[3][HASH_LEN];
    TRY(world.random(world.self, salts, sizeof salts));
    memcpy(ask->salt_body, salts[0], HASH_LEN);
    memcpy(ask->salt_prompt, salts[1], HASH_LEN);
    memcpy(ask->salt_choice, salts[2], HASH_LEN);
    explicit_bzero(salts, sizeof salts);
    TRY(sealed_map_any(body, JOB_FILE_MAX, &ask->file));
    ask->held = ask->file.len;
    bool fits = fields->body_len <= fields->job_at && fields->job_at <= ask->held &&
                fields->job_len <= ask->held - fields->job_at;
    if (!fits) return FAIL(SK_CORRUPT, "the job is not in its file");
    struct view raw = {ask->file.at, fields->body_len};
    commit_of("request_body", ask->salt_body, raw, ask->commit_body);
    return SK_OK;
}

static void word_keep(char *out, size_t max, struct view word) {
    must(word.len < max); // msg.def holds them
    if (word.len) memcpy(out, word.at, word.len);
    out[word.len] = 0;
}

static void ask_begin(struct border_state *state, struct ask *ask, struct msg *msg) {
    const struct msg_ask *fields = &msg->as.ask;
    ask->stage = ASK_JUDGING;
    ask->operation = (enum gate_operation)fields->operation;
    ask->choice = fields->choice;
    ask->copy = fields->copy;
    ask->texts = fields->texts;
    ask->result = ask->decision.envelope = -1;
    ask->decision.retry_of = ask->open = UINT64_MAX;
    ask->stop = ENGINE_NO_STOP;
    ask->gate_id = msg->id;
    ask->job_id = ++state->next_job * ASKS_MAX + (uint64_t)(ask - state->asks);
    ask->order = ++state->next_order;
    ask->asked_us = border_clock_us();
    ask->body = msg->descriptor;
    msg->descriptor = -1;
    ask->body_len = fields->body_len;
    ask->job_at = fields->job_at;
    ask->job_len = fields->job_len;
    if (state->asks_end <= ask - state->asks) state->asks_end = (uint32_t)(ask - state->asks) + 1;
    ask->credit = fields->credit;
    ask->tokens_max = fields->tokens_max;
    word_keep(ask->model_name, sizeof ask->model_name, fields->model);
    word_keep(ask->label, sizeof ask->label, fields->label);
    word_keep(ask->consent, sizeof ask->consent, fields->consent);
    word_keep(ask->purpose, sizeof ask->purpose, fields->purpose);
    if (fields->client.len == sizeof ask->client)
        memcpy(&ask->client, fields->client.at, sizeof ask->client);
    state->open++;
    state->held += ask->held;
    state->judging++;
}

static bool words_are_text(const struct msg_ask *ask) {
    return utf8_check(ask->model) && utf8_check(ask->label) && utf8_check(ask->consent) &&
           utf8_check(ask->purpose);
}

void ask_arrives(struct border_state *state, struct msg *msg) {
    struct border_key *key;
    struct border_model *model;
    const struct msg_ask *fields = &msg->as.ask;
    if (fields->operation >= GATE_OPS || fields->texts > GATE_TEXTS_MAX ||
        fields->choice >= GATE_TASKS_MAX || fields->credit > ASK_CREDIT_MAX ||
        !words_are_text(fields)) {
        room_drop(&state->room, ROOM_GATE,
                  "ask: no operation, too many texts, choices or credits, or words that are none");
        return;
    }
    if (!ask_admit(state, msg, &key, &model)) return;
    struct ask *ask = NULL;
    for (size_t i = 0; i < ASKS_MAX && !ask; i++)
        if (state->asks[i].stage == ASK_FREE) ask = &state->asks[i];
    must(ask != NULL);
    if (!limits_take(state, msg, key, model, &ask->share)) return;
    bool read = ask_commit_body(ask, msg->descriptor, &msg->as.ask) == SK_OK;
    if (!read || state->held + ask->held > HELD_MAX) {
        limits_settle(key, &ask->share, 0);
        sealed_unmap(&ask->file);
        border_refuse(state, msg->id, read ? refusal_overloaded : refusal_server,
                      read ? "Requests in progress hold as much text as the node has memory for. "
                             "Try again later."
                           : fail_text());
        return;
    }
    ask_begin(state, ask, msg);
    ask->key = key;
    ask->model = model;
}

// Here: the engine begins to read at once, what it makes waits for the seal. False: it is lost.
static bool run_here(struct border_state *state, struct ask *ask) {
    if (ask->model->told && !model_can(ask->model, (uint8_t)ask->operation)) { // of a route
        ask_refuse_operation(state, ask->gate_id, ask->model);
        ask_free(state, ask);
        return true;
    }
    struct msg run = {.type = MSG_run, .id = ask->job_id, .descriptor = ask->body};
    // A key's row stays where it is while the node runs; all keyless callers are one.
    uint64_t tenant = (uint64_t)(ask->key - state->keys.rows) + 1;
    run.as.run = (struct msg_run){.model = (uint32_t)(ask->model - state->models),
                                  .tenant = tenant,
                                  .weight = ask->key->turn.weight,
                                  .operation = (uint8_t)ask->operation,
                                  .copy = ask->copy,
                                  .texts = ask->texts,
                                  .tokens_max = ask->tokens_max,
                                  .job_at = ask->job_at,
                                  .job_len = ask->job_len};
    if (!room_send(&state->room, ROOM_ENGINE, &run)) return false; // it waits for the next one
    if (!ask->keep_days) {
        close(ask->body);
        ask->body = -1;
    }
    ask->at = ROOM_ENGINE;
    ask->stage = ASK_STARTED;
    border_model_base(state, ask->model)->running++;
    state->waiting--;
    state->running++;
    return true;
}

// Away: nothing is sent before the seal. What was decided before a change is decided anew.
static void run_away(struct border_state *state, struct ask *ask) {
    state->waiting--;
    if (!decision_stands(state, ask)) {
        decision_end(state, ask);
        rules_leave(state, ask);
        ask->stage = ASK_JUDGING;
        state->judging++;
        return;
    }
    const struct policy_place *place = decision_place(&ask->decision);
    place_of(state, place->id)->running++;
    place_of(state, place->id)->asks++;
    ask->carried = true;
    ask_seal(state, ask);
}

void asks_dispatch(struct border_state *state) {
    while (state->waiting > 0) {
        struct ask *next = turn_next(state);
        if (!next) return;
        turn_serve(state, next);
        if (next->decision.away)
            run_away(state, next);
        else if (!run_here(state, next))
            return;
    }
}

// The prompt is known: state the decision and have it sealed. Text waits for the seal.
void ask_begun(struct border_state *state, struct msg *msg) {
    struct ask *ask = ask_at(state, ROOM_ENGINE, msg->id);
    if (!ask || ask->stage != ASK_STARTED) return;
    if (!utf8_check(msg->as.begun.sampler)) { // it goes into a leaf
        room_drop(&state->room, ROOM_ENGINE, "begun: a sampler that is not UTF-8");
        return;
    }
    ask->prompt_tokens = msg->as.begun.prompt_tokens;
    ask->prompt_cached = msg->as.begun.prompt_cached;
    turn_charge(ask);
    uint64_t tokens_max = (uint64_t)ask->model->card.context * (ask->texts + 1); // and a query
    struct view ids;
    if (ask->prompt_tokens > tokens_max || ask->prompt_cached > ask->prompt_tokens ||
        sealed_map(msg->descriptor, 4 * (size_t)ask->prompt_tokens, &ids) != SK_OK) {
        room_drop(&state->room, ROOM_ENGINE, "begun: not the sealed prompt announced");
        return;
    }
    commit_of("prompt_tokens", ask->salt_prompt, ids, ask->commit_prompt);
    sealed_unmap(&ids);
    if (ask->gone) return; // cancelled already: nothing was decided, nothing is stated
    if (!limits_reserve(state, ask)) {
        ask->prompt_tokens = 0; // nothing was made of it, and what it reserved is others' now
        limits_settle(ask->key, &ask->share, 0);
        ask_abandon(state, ask);
        return;
    }
    ask->arithmetic = msg->as.begun.arithmetic;
    ask->time_s = msg->as.begun.time_s;
    ask->sampler_len = msg->as.begun.sampler.len;
    memcpy(ask->sampler, msg->as.begun.sampler.at, ask->sampler_len);
    ask_seal(state, ask);
}

void ask_credit(struct border_state *state, const struct msg *msg) {
    struct ask *ask = ask_of_gate(state, msg->id);
    if (!ask) return; // it ended while the credit travelled
    if ((uint64_t)ask->credit + ask->granted + msg->as.credit.chunks > ASK_CREDIT_MAX) {
        room_drop(&state->room, ROOM_GATE, "credit: more than an answer needs");
        return;
    }
    ask->credit += msg->as.credit.chunks;
    if (ask->stage == ASK_CARRYING || ask->stage == ASK_ANSWERING) ask_grant(state, ask);
}

void ask_leaves(struct border_state *state, uint64_t gate_id) {
    struct ask *ask = ask_of_gate(state, gate_id);
    if (ask) ask_abandon(state, ask);
}

void asks_gate_lost(struct border_state *state) {
    for (size_t i = 0; i < state->asks_end; i++) {
        struct ask *ask = &state->asks[i];
        if (ask->stage != ASK_FREE && !ask->gone) ask_abandon(state, ask);
    }
}

void asks_worker_lost(struct border_state *state, enum room worker) {
    for (uint32_t i = 0; worker == ROOM_ENGINE && i < state->models_len; i++)
        state->models[i].told = false;
    for (size_t i = 0; i < state->asks_end; i++) {
        struct ask *ask = &state->asks[i];
        if (ask->stage == ASK_FREE || ask->at != worker || ask->ended) continue;
        if (worker == ROOM_FERRY && ask->stage == ASK_CARRYING) {
            ask_place_failed(state, ask, "its room is being restarted");
            continue;
        }
        ask_refuse(state, ask, refusal_engine,
                   worker == ROOM_ENGINE ? "The engine stopped and is being restarted."
                                         : "The way to that place broke off.");
        ask_over(state, ask, "failed");
    }
    must(worker != ROOM_ENGINE || state->running == 0);
}
