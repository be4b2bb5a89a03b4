// The life of one request at the border (the stages are in room_border.h).
#include "base/utf8.h"
#include "base/world.h"
#include "node/job.h"
#include "node/room_border.h"
#include "node/sealed.h"

#include <stdio.h>
#include <unistd.h>

static const struct refusal refusal_model = {404, 0, "invalid_request_error", "model_not_found",
                                             "model"};
static const struct refusal refusal_busy = {429, 1, "rate_limit_error", "queue_full", ""};
static const struct refusal refusal_stopping = {503, 2, "server_error", "stopping", ""};
static const struct refusal refusal_server = {500, 0, "server_error", "internal_error", ""};
static const struct refusal refusal_engine = {503, 2, "server_error", "engine_restarting", ""};
static const struct refusal refusal_memory = {503, 5, "server_error", "model_busy", "model"};
static const struct refusal refusal_unloaded = {503, 0, "server_error", "model_unavailable",
                                                "model"};
static const struct refusal refusal_context = {400, 0, "invalid_request_error",
                                               "context_length_exceeded", "messages"};
static const struct refusal refusal_input = {400, 0, "invalid_request_error", "invalid_value",
                                             "messages"};

static struct ask *ask_of_gate(struct border_state *state, uint64_t gate_id) {
    for (size_t i = 0; i < ASKS_MAX; i++) {
        struct ask *ask = &state->asks[i];
        if (ask->stage != ASK_FREE && !ask->gone && ask->gate_id == gate_id) return ask;
    }
    return NULL;
}

// Of a number the ledger answers, or the engine works on.
static struct ask *ask_of_job(struct border_state *state, uint64_t job_id) {
    struct ask *ask = &state->asks[job_id % ASKS_MAX];
    return ask->stage != ASK_FREE && ask->job_id == job_id ? ask : NULL;
}

// The request whose job the engine holds; NULL also for one it was never given.
static struct ask *ask_at_engine(struct border_state *state, uint64_t job_id) {
    struct ask *ask = ask_of_job(state, job_id);
    return ask && ask->stage != ASK_WAITING && !ask->ended ? ask : NULL;
}

static void ask_free(struct border_state *state, struct ask *ask) {
    uint64_t used = (uint64_t)ask->prompt_tokens + ask->completion_tokens;
    limits_settle(ask->key, &ask->share, used);
    if (ask->stage == ASK_WAITING) {
        state->waiting--;
        close(ask->body);
    }
    state->open--;
    struct hash kept = ask->choice.hash; // a context is made once per row
    *ask = (struct ask){.choice.hash = kept};
}

static void ask_refuse(struct border_state *state, struct ask *ask, struct refusal refusal,
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
    if (fields->job_len > JOB_MAX || fields->body_len > JOB_MAX)
        return FAIL(SK_LIMIT, "a body of more than %d bytes", JOB_MAX);
    struct world world = world_real(-1);
    TRY(world.random(world.self, ask->salt_body, HASH_LEN));
    TRY(world.random(world.self, ask->salt_prompt, HASH_LEN));
    TRY(world.random(world.self, ask->salt_choice, HASH_LEN));
    struct view all;
    TRY(sealed_map(body, (size_t)fields->job_len + fields->body_len, &all));
    commit_of("request_body", ask->salt_body, view_from(all, fields->job_len), ask->commit_body);
    sealed_unmap(&all);
    return SK_OK;
}

void ask_arrives(struct border_state *state, struct msg *msg) {
    struct border_key *key;
    struct border_model *model;
    if (!ask_admit(state, msg, &key, &model)) return;
    struct ask *ask = NULL;
    for (size_t i = 0; i < ASKS_MAX && !ask; i++)
        if (state->asks[i].stage == ASK_FREE) ask = &state->asks[i];
    must(ask != NULL);
    if (!limits_take(state, msg, key, &ask->share)) return;
    if (ask_commit_body(ask, msg->descriptor, &msg->as.ask) != SK_OK) {
        limits_settle(key, &ask->share, 0);
        border_refuse(state, msg->id, refusal_server, fail_text());
        return;
    }
    ask->stage = ASK_WAITING;
    ask->gate_id = msg->id;
    ask->job_id = ++state->next_job * ASKS_MAX + (uint64_t)(ask - state->asks);
    ask->order = ++state->next_order;
    ask->asked_us = border_clock_us();
    ask->key = key;
    ask->model = model;
    ask->body = msg->descriptor;
    msg->descriptor = -1;
    ask->job_len = msg->as.ask.job_len;
    ask->credit = msg->as.ask.credit;
    ask->tokens_max = msg->as.ask.tokens_max;
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
    struct view ids;
    if (ask->prompt_tokens > ask->model->card.context ||
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
    commit_begin(&ask->choice, "choice_0", ask->salt_choice);

    char leaf[4096];
    struct buf out = buf_over(leaf, sizeof leaf);
    border_open_write(&(struct border_open){.node = state->setup.origin.at,
                                            .model = ask->model->setup.id.at,
                                            .key = ask->key->id,
                                            .isolation = state->level,
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

static void ask_conclude(struct border_state *state, struct ask *ask) {
    uint8_t choice[HASH_LEN];
    commit_end(&ask->choice, choice);
    char leaf[2048 + 6 * sizeof ask->sampler]; // an escaped byte may become six
    struct buf out = buf_over(leaf, sizeof leaf);
    struct border_replay replay = {.sampler = {ask->sampler, ask->sampler_len},
                                   .template_digest = ask->model->template_digest,
                                   .time_s = (int64_t)ask->time_s,
                                   .arithmetic = ask->arithmetic,
                                   .context = ask->model->card.context};
    border_close_write(&(struct border_close){.key = ask->key->id,
                                              .outcome = ask->outcome,
                                              .number = ask->number,
                                              .open = ask->open,
                                              .time_ms = border_now_ms(),
                                              .prompt_tokens = ask->prompt_tokens,
                                              .completion_tokens = ask->completion_tokens,
                                              .choice = choice,
                                              .replay = &replay},
                       &out);
    must(!out.over);
    struct msg conclude = {.type = MSG_conclude, .id = ask->job_id, .descriptor = -1};
    struct msg_conclude *fields = &conclude.as.conclude;
    *fields = (struct msg_conclude){.open = ask->open, .salted = 1, .leaf = buf_view(&out)};
    memcpy(fields->salt_body, ask->salt_body, HASH_LEN);
    memcpy(fields->salt_prompt, ask->salt_prompt, HASH_LEN);
    memcpy(fields->salt_choice, ask->salt_choice, HASH_LEN);
    ask->stage = ASK_CONCLUDING;
    room_send(&state->room, ROOM_LEDGER, &conclude);
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
                                               .model = ask->model->setup.id};
        room_send(&state->room, ROOM_GATE, &accept);
        ask_grant(state, ask);
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

void ask_piece(struct border_state *state, const struct msg *msg) {
    struct ask *ask = ask_at_engine(state, msg->id);
    if (!ask || ask->gone) return;
    if (ask->granted == 0 || !utf8_check(msg->as.piece.text)) { // I7; 0 also before the seal (I3)
        room_drop(&state->room, ROOM_ENGINE, "piece: not granted, or not UTF-8");
        return;
    }
    ask->granted--;
    ask->last_us = border_clock_us();
    if (!ask->first_us) ask->first_us = ask->last_us;
    commit_more(&ask->choice, msg->as.piece.text);
    ask->completion_tokens += msg->as.piece.tokens;
    struct msg chunk = {.type = MSG_chunk, .id = ask->gate_id, .descriptor = -1};
    chunk.as.chunk = (struct msg_chunk){.tokens = msg->as.piece.tokens, .text = msg->as.piece.text};
    room_send(&state->room, ROOM_GATE, &chunk);
}

// The engine holds it no more. What was opened must close, whoever is still there.
static void ask_over(struct border_state *state, struct ask *ask, const char *outcome) {
    if (ask->ended) return;
    ask->ended = true;
    ask->outcome = ask->gone && ask->finish_reason ? "cut" : outcome;
    if (ask->stage != ASK_WAITING) {
        state->running--;
        ask->model->running--;
    }
    if (ask->stage == ASK_ANSWERING) {
        ask_conclude(state, ask);
    } else if (ask->stage != ASK_SEALING) {
        ask_free(state, ask); // never decided
    }
}

void ask_ended(struct border_state *state, const struct msg *msg) {
    struct ask *ask = ask_at_engine(state, msg->id);
    if (!ask) return;
    if (!ask->gone && (ask->stage != ASK_ANSWERING || msg->as.ended.reason == END_CANCELLED)) {
        room_drop(&state->room, ROOM_ENGINE, "ended: not begun, or cancelled by nobody");
        return;
    }
    switch (msg->as.ended.reason) {
    case END_STOP: ask->finish_reason = "stop"; break;
    case END_LENGTH: ask->finish_reason = "length"; break;
    default: ask->finish_reason = "cut"; break;
    }
    if (!ask->gone) ask->completion_tokens = msg->as.ended.completion_tokens;
    ask_over(state, ask, ask->finish_reason);
}

// Which field the engine found at fault: a token that is not in the vocabulary, a model that takes
// no messages, else the messages.
static struct refusal refusal_of_input(const struct msg_failed *failed) {
    struct refusal refusal = refusal_input;
    if (view_starts(failed->text, VIEW("logit_bias:"))) refusal.param = "logit_bias";
    if (failed->code == SK_UNSUPPORTED) refusal.param = "model";
    return refusal;
}

void ask_failed(struct border_state *state, const struct msg *msg) {
    struct ask *ask = ask_at_engine(state, msg->id);
    if (!ask) return;
    const struct msg_failed *failed = &msg->as.failed;
    if (!utf8_check(failed->text)) {
        room_drop(&state->room, ROOM_ENGINE, "failed: a text that is not UTF-8");
        return;
    }
    char text[1025];
    struct view id = ask->model->setup.id;
    struct refusal refusal = refusal_server;
    if (failed->code == SK_LIMIT) refusal = refusal_context;
    if (failed->code == SK_INPUT || failed->code == SK_UNSUPPORTED)
        refusal = refusal_of_input(failed);
    if (failed->unloaded) refusal = refusal_unloaded;
    if (failed->code == SK_BUSY) refusal = refusal_memory;
    snprintf(text, sizeof text, "%s%.*s%s%.*s", failed->unloaded ? "The model '" : "",
             failed->unloaded ? (int)id.len : 0, id.at,
             failed->unloaded ? "' cannot be loaded: " : "", (int)failed->text.len,
             failed->text.at);
    ask_refuse(state, ask, refusal, text);
    ask_over(state, ask, "failed");
}

static void ask_count(struct border_state *state, const struct ask *ask) {
    struct border_sample sample = {.model = (uint32_t)(ask->model - state->models),
                                   .outcome = ask->outcome,
                                   .prompt_tokens = ask->prompt_tokens,
                                   .completion_tokens = ask->completion_tokens,
                                   .asked_us = ask->asked_us,
                                   .first_us = ask->first_us,
                                   .last_us = ask->last_us,
                                   .over_us = border_clock_us()};
    border_metrics_add(&state->metrics, &sample);
    state->metrics.receipts++;
}

void ask_receipt(struct border_state *state, const struct msg *msg) {
    struct ask *ask = ask_of_job(state, msg->id);
    if (!ask || ask->stage != ASK_CONCLUDING) return;
    ask_count(state, ask);
    if (!ask->gone) {
        struct msg done = {.type = MSG_done, .id = ask->gate_id, .descriptor = -1};
        done.as.done = (struct msg_done){.prompt_tokens = ask->prompt_tokens,
                                         .completion_tokens = ask->completion_tokens,
                                         .finish_reason = view_of(ask->finish_reason),
                                         .receipt = msg->as.receipt.json};
        room_send(&state->room, ROOM_GATE, &done);
    }
    ask_free(state, ask);
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
