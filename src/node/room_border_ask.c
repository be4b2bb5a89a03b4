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
static const struct refusal refusal_stopping = {503, 2, "server_error", "stopping", ""};
static const struct refusal refusal_server = {500, 0, "server_error", "internal_error", ""};
static const struct refusal refusal_engine = {503, 2, "server_error", "engine_restarting", ""};
static struct ask *ask_of_gate(struct border_state *state, uint64_t gate_id) {
    for (size_t i = 0; i < ASKS_MAX; i++) {
        struct ask *ask = &state->asks[i];
        if (ask->stage != ASK_FREE && !ask->gone && ask->gate_id == gate_id) return ask;
    }
    return NULL;
}

struct ask *ask_of_job(struct border_state *state, uint64_t job_id) {
    struct ask *ask = &state->asks[job_id % ASKS_MAX];
    return ask->stage != ASK_FREE && ask->job_id == job_id ? ask : NULL;
}

struct ask *ask_at_engine(struct border_state *state, uint64_t job_id) {
    struct ask *ask = ask_of_job(state, job_id);
    return ask && ask->stage != ASK_WAITING && !ask->ended ? ask : NULL;
}

void ask_free(struct border_state *state, struct ask *ask) {
    uint64_t used = (uint64_t)ask->prompt_tokens + ask->completion_tokens;
    limits_settle(ask->key, &ask->share, used);
    if (ask->stage == ASK_WAITING) {
        state->waiting--;
        close(ask->body);
    }
    state->open--;
    if (ask->result >= 0) close(ask->result);
    struct hash kept = ask->answer.hash; // a context is made once per row
    *ask = (struct ask){.answer.hash = kept};
}

void ask_refuse(struct border_state *state, struct ask *ask, struct refusal refusal,
                       const char *text) {
    if (!ask->gone) border_refuse(state, ask->gate_id, refusal, text);
    ask->gone = true;
}

static void ask_abandon(struct border_state *state, struct ask *ask) {
    ask->gone = true;
    if (ask->stage == ASK_WAITING) {
        ask_free(state, ask);
    } else if (!ask->ended) {
        struct msg cancel = {.type = MSG_cancel, .id = ask->job_id, .descriptor = -1};
        room_send(&state->room, ROOM_ENGINE, &cancel);
    }
}

static void ask_refuse_model(struct border_state *state, const struct msg *msg) {
    char text[1024];
    struct view asked = msg->as.ask.model;
    struct buf out = buf_over(text, sizeof text - 1);
    buf_print(&out, "The model '%.*s' is not served here. These are:", (int)asked.len, asked.at);
    for (uint32_t i = 0; i < state->models_len; i++) { // as many names as fit
        struct view id = state->models[i].setup.id;
        if (out.max - out.len > id.len + 8)
            buf_print(&out, "%s '%.*s'", i ? "," : "", (int)id.len, id.at);
    }
    text[out.len] = 0;
    border_refuse(state, msg->id, refusal_model, text);
}

static bool model_can(const struct border_model *model, uint8_t operation) {
    const struct msg_card *card = &model->card;
    switch (operation) {
    case GATE_OP_EMBED: return card->encoder && !card->ranks;
    case GATE_OP_RERANK: return card->encoder;
    case GATE_OP_COUNT: return true;
    default: return !card->encoder;
    }
}

static void ask_refuse_operation(struct border_state *state, const struct msg *msg,
                                 const struct border_model *model) {
    const struct msg_card *card = &model->card;
    char text[512];
    struct view id = model->setup.id;
    snprintf(text, sizeof text, "The model '%.*s' %s.", (int)id.len, id.at,
             !card->encoder ? "makes text only"
             : card->ranks  ? "ranks documents only"
                            : "makes embeddings only");
    border_refuse(state, msg->id, refusal_operation, text);
}

// Who asks, for which model, and is there room? A refusal here leaves no trace but the error.
static bool ask_admit(struct border_state *state, const struct msg *msg, struct border_key **key,
                      struct border_model **model) {
    const struct msg_ask *ask = &msg->as.ask;
    char text[512];
    if (!border_admit(state, msg, ask->credential, key)) return false;
    *model = NULL;
    for (uint32_t i = 0; i < state->models_len; i++)
        if (view_same(ask->model, state->models[i].setup.id)) *model = &state->models[i];
    if (!*model) {
        ask_refuse_model(state, msg);
        return false;
    }
    if ((*model)->told && !model_can(*model, ask->operation)) {
        ask_refuse_operation(state, msg, *model);
        return false;
    }
    if (state->stopping) {
        border_refuse(state, msg->id, refusal_stopping, "The node is stopping. Try again later.");
        return false;
    }
    if (state->open >= state->jobs_max + state->setup.queue_max) {
        snprintf(text, sizeof text,
                 "%u requests run and %u wait, which is the limit (limits.queue). Try again later.",
                 state->jobs_max, state->setup.queue_max);
        border_refuse(state, msg->id, refusal_busy, text);
        return false;
    }
    return true;
}

static enum sk_code ask_commit_body(struct ask *ask, int body, const struct msg_ask *fields) {
    struct world world = world_real(-1);
    TRY(world.random(world.self, ask->salt_body, HASH_LEN));
    TRY(world.random(world.self, ask->salt_prompt, HASH_LEN));
    TRY(world.random(world.self, ask->salt_choice, HASH_LEN));
    struct view all;
    TRY(sealed_map_any(body, JOB_FILE_MAX, &all));
    bool fits = fields->body_len <= fields->job_at && fields->job_at <= all.len &&
                fields->job_len <= all.len - fields->job_at;
    struct view raw = {all.at, fits ? fields->body_len : 0};
    commit_of("request_body", ask->salt_body, raw, ask->commit_body);
    sealed_unmap(&all);
    return fits ? SK_OK : FAIL(SK_CORRUPT, "the job is not in its file");
}

void ask_arrives(struct border_state *state, struct msg *msg) {
    struct border_key *key;
    struct border_model *model;
    const struct msg_ask *fields = &msg->as.ask;
    if (fields->operation >= GATE_OPS || fields->texts > GATE_TEXTS_MAX ||
        fields->choice >= GATE_TASKS_MAX || fields->credit > ASK_CREDIT_MAX) {
        room_drop(&state->room, ROOM_GATE,
                  "ask: no operation, or too many texts, choices or credits");
        return;
    }
    if (!ask_admit(state, msg, &key, &model)) return;
    struct ask *ask = NULL;
    for (size_t i = 0; i < ASKS_MAX && !ask; i++)
        if (state->asks[i].stage == ASK_FREE) ask = &state->asks[i];
    must(ask != NULL);
    if (!limits_take(state, msg, key, model, &ask->share)) return;
    if (ask_commit_body(ask, msg->descriptor, &msg->as.ask) != SK_OK) {
        limits_settle(key, &ask->share, 0);
        border_refuse(state, msg->id, refusal_server, fail_text());
        return;
    }
    ask->stage = ASK_WAITING;
    ask->operation = (enum gate_operation)fields->operation;
    ask->choice = fields->choice;
    ask->copy = fields->copy;
    ask->texts = fields->texts;
    ask->result = -1;
    ask->stop = ENGINE_NO_STOP;
    ask->gate_id = msg->id;
    ask->job_id = ++state->next_job * ASKS_MAX + (uint64_t)(ask - state->asks);
    ask->order = ++state->next_order;
    ask->asked_us = border_clock_us();
    ask->key = key;
    ask->model = model;
    ask->body = msg->descriptor;
    msg->descriptor = -1;
    ask->job_at = fields->job_at;
    ask->job_len = fields->job_len;
    ask->credit = fields->credit;
    ask->tokens_max = fields->tokens_max;
    state->open++;
    state->waiting++;
}

// The oldest request whose model can take one more.
static struct ask *ask_next(struct border_state *state) {
    struct ask *next = NULL;
    for (size_t i = 0; i < ASKS_MAX; i++) {
        struct ask *ask = &state->asks[i];
        bool waits = ask->stage == ASK_WAITING;
        if (!waits || ask->model->running >= ask->model->setup.jobs_max) continue;
        if (!next || ask->order < next->order) next = ask;
    }
    return next;
}

void asks_dispatch(struct border_state *state) {
    if (!state->recalled || !state->level[0] || !border_engine_ready(state)) return;
    while (state->waiting > 0 && state->running < state->jobs_max) {
        struct ask *next = ask_next(state);
        if (!next) return;
        struct msg run = {.type = MSG_run, .id = next->job_id, .descriptor = next->body};
        // A key's row stays where it is while the node runs; all keyless callers are one.
        uint64_t tenant = (uint64_t)(next->key - state->keys.rows) + 1;
        run.as.run = (struct msg_run){.model = (uint32_t)(next->model - state->models),
                                      .tenant = tenant,
                                      .operation = (uint8_t)next->operation,
                                      .copy = next->copy,
                                      .texts = next->texts,
                                      .tokens_max = next->tokens_max,
                                      .job_at = next->job_at,
                                      .job_len = next->job_len};
        if (!room_send(&state->room, ROOM_ENGINE, &run)) return; // lost: it waits for the next one
        close(next->body);
        next->stage = ASK_STARTED;
        next->model->running++;
        state->waiting--;
        state->running++;
    }
}

// The prompt is known: state the decision and have it sealed. Text waits for the seal.
void ask_begun(struct border_state *state, struct msg *msg) {
    struct ask *ask = ask_at_engine(state, msg->id);
    if (!ask || ask->stage != ASK_STARTED) return;
    if (!utf8_check(msg->as.begun.sampler)) { // it goes into a leaf
        room_drop(&state->room, ROOM_ENGINE, "begun: a sampler that is not UTF-8");
        return;
    }
    ask->prompt_tokens = msg->as.begun.prompt_tokens;
    ask->prompt_cached = msg->as.begun.prompt_cached;
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
        ask->prompt_tokens = 0; // nothing was made of it
        ask_abandon(state, ask);
        return;
    }
    ask->arithmetic = msg->as.begun.arithmetic;
    ask->time_s = msg->as.begun.time_s;
    ask->sampler_len = msg->as.begun.sampler.len;
    memcpy(ask->sampler, msg->as.begun.sampler.at, ask->sampler_len);
    ask->number = ++ask->key->number;
    commit_begin(&ask->answer, "choice_0", ask->salt_choice);

    char leaf[4096];
    struct buf out = buf_over(leaf, sizeof leaf);
    border_open_write(&(struct border_open){.node = state->setup.origin.at,
                                            .model = ask->model->setup.id.at,
                                            .key = ask->key->id,
                                            .isolation = state->level,
                                            .operation = border_operations[ask->operation],
                                            .choice = ask->choice,
                                            .number = ask->number,
                                            .time_ms = border_now_ms(),
                                            .model_cached = ask->model->setup.cached,
                                            .model_checked_ms =
                                                (int64_t)ask->model->setup.checked_ms,
                                            .model_digest = ask->model->setup.digest,
                                            .policy_digest = state->setup.policy_digest,
                                            .runtime_digest = state->setup.runtime_digest,
                                            .body = ask->commit_body,
                                            .prompt = ask->commit_prompt},
                      &out);
    must(!out.over);
    struct msg append = {.type = MSG_append, .id = ask->job_id, .descriptor = -1};
    append.as.append.leaf = buf_view(&out);
    ask->stage = ASK_SEALING;
    room_send(&state->room, ROOM_LEDGER, &append);
}

static void ask_grant(struct border_state *state, struct ask *ask) {
    if (ask->credit == 0 || ask->ended) return;
    struct msg grant = {.type = MSG_grant, .id = ask->job_id, .descriptor = -1};
    grant.as.grant.pieces = ask->credit;
    ask->granted += ask->credit;
    ask->credit = 0;
    room_send(&state->room, ROOM_ENGINE, &grant);
}

void ask_sealed(struct border_state *state, const struct msg *msg) {
    struct ask *ask = ask_of_job(state, msg->id);
    if (!ask || ask->stage != ASK_SEALING) return;
    ask->open = msg->as.sealed.index;
    ask->stage = ASK_ANSWERING;
    if (!ask->gone) {
        limits_tell(state, ask->gate_id, ask->key);
        struct msg accept = {.type = MSG_accept, .id = ask->gate_id, .descriptor = -1};
        accept.as.accept = (struct msg_accept){.open = ask->open,
                                               .created_s = (uint64_t)border_now_ms() / 1000,
                                               .prompt_tokens = ask->prompt_tokens,
                                               .prompt_cached = ask->prompt_cached,
                                               .model = ask->model->setup.id};
        room_send(&state->room, ROOM_GATE, &accept);
        ask_grant(state, ask);
        ask_give(state, ask);
    }
    if (ask->ended) ask_conclude(state, ask);
}

void ask_credit(struct border_state *state, const struct msg *msg) {
    struct ask *ask = ask_of_gate(state, msg->id);
    if (!ask) return; // it ended while the credit travelled
    if ((uint64_t)ask->credit + ask->granted + msg->as.credit.chunks > ASK_CREDIT_MAX) {
        room_drop(&state->room, ROOM_GATE, "credit: more than an answer needs");
        return;
    }
    ask->credit += msg->as.credit.chunks;
    if (ask->stage == ASK_ANSWERING) ask_grant(state, ask);
}

void ask_leaves(struct border_state *state, uint64_t gate_id) {
    struct ask *ask = ask_of_gate(state, gate_id);
    if (ask) ask_abandon(state, ask);
}

void asks_gate_lost(struct border_state *state) {
    queries_gate_lost();
    for (size_t i = 0; i < ASKS_MAX; i++) {
        struct ask *ask = &state->asks[i];
        if (ask->stage != ASK_FREE && !ask->gone) ask_abandon(state, ask);
    }
}

void asks_engine_lost(struct border_state *state) {
    for (uint32_t i = 0; i < state->models_len; i++) state->models[i].told = false;
    for (size_t i = 0; i < ASKS_MAX; i++) {
        struct ask *ask = &state->asks[i];
        if (ask->stage == ASK_FREE || ask->stage == ASK_WAITING || ask->ended) continue;
        ask_refuse(state, ask, refusal_engine, "The engine stopped and is being restarted.");
        ask_over(state, ask, "failed");
    }
    must(state->running == 0);
}
