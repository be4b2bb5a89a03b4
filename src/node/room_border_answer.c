// What a worker (the engine, or ferry for a place) makes of a task, as it passes the border:
// checked, restored and judged, committed to, sent on; and the end, with its close leaf and
// receipt.
#include "base/utf8.h"
#include "node/choice.h"
#include "node/piece.h"
#include "node/result.h"
#include "node/room_border.h"
#include "node/sealed.h"

#include <stdio.h>
#include <unistd.h>

static const struct refusal refusal_memory = {503, 5, "server_error", "model_busy", "model"};
static const struct refusal refusal_unloaded = {503, 0, "server_error", "model_unavailable",
                                                "model"};
static const struct refusal refusal_server = {500, 0, "server_error", "internal_error", ""};

// ---- what the engine makes ----

// Adds a piece's parts to the answer's commitment.
static void parts_commit(struct ask *ask, struct view parts) {
    static char storage[2 * PIECE_PARTS_MAX + CHOICE_MARK_MAX * PIECE_PARTS_MAX / 5];
    struct buf value = buf_over(storage, sizeof storage);
    struct engine_part part;
    while (piece_part_take(&parts, &part))
        choice_put(&ask->channel, part, &value);
    must(!value.over);
    answer_more(ask, buf_view(&value));
}

// Sends parts on, as they are or as the filter leaves them.
static void chunk_send(struct border_state *state, struct ask *ask,
                       const struct msg_chunk *fields) {
    if (!fields->parts.len && !fields->logprobs.len && !fields->tokens) return;
    parts_commit(ask, fields->parts);
    struct msg chunk = {.type = MSG_chunk, .id = ask->gate_id, .descriptor = -1};
    chunk.as.chunk = *fields;
    room_send(&state->room, ROOM_GATE, &chunk);
}

// The answer may not go on: the worker stops, what is there is the end.
static void answer_stops(struct border_state *state, struct ask *ask, enum sk_code code) {
    if (code != SK_DENIED) snprintf(ask->rule, sizeof ask->rule, "on_detector_error");
    ask->filtered = true;
    if (ask->ended) return;
    struct msg cancel = {.type = MSG_cancel, .id = ask->job_id, .descriptor = -1};
    room_send(&state->room, ask->at, &cancel);
}

// `last`: nothing follows. What the filter lets through of these parts, as one chunk.
static void parts_pass(struct border_state *state, struct ask *ask, struct msg_chunk *fields,
                       bool last) {
    static char storage[PIECE_PARTS_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    if (filter_works(state, ask)) {
        enum sk_code code = filter_parts(state, ask, fields->parts, last, &out);
        if (code != SK_OK) answer_stops(state, ask, code);
        if (out.over) out.len = 0;
        fields->parts = buf_view(&out);
        fields->logprobs = VIEW(""); // they tell of text that is held, or masked
    }
    chunk_send(state, ask, fields);
}

void ask_piece(struct border_state *state, enum room worker, const struct msg *msg) {
    struct ask *ask = ask_at(state, worker, msg->id);
    if (!ask || ask->gone) return;
    const struct msg_piece *piece = &msg->as.piece;
    enum engine_channel channel = ask->came;
    bool early = ask->stage == ASK_CARRYING; // granted with the envelope, not told who answers
    if (ask->granted == 0 || early || result_gives(ask->operation)) { // I7; 0 before the seal (I3)
        room_drop(&state->room, worker, "piece: not granted");
        return;
    }
    if (piece_parts_check(piece->parts, &channel) != SK_OK ||
        piece_logprobs_check(piece->logprobs) != SK_OK) {
        room_drop(&state->room, worker, fail_text());
        return;
    }
    ask->granted--;
    ask->last_us = border_clock_us();
    if (!ask->first_us) ask->first_us = ask->last_us;
    ask->completion_tokens += piece->tokens;
    turn_charge(ask);
    struct msg_chunk fields = {
        .tokens = piece->tokens, .parts = piece->parts, .logprobs = piece->logprobs};
    if (!ask->filtered) parts_pass(state, ask, &fields, false); // else on its way when it stopped
    ask->came = channel;
}

static bool result_commit(struct ask *ask, const struct msg *msg) {
    static struct arena arena;
    struct view bytes;
    uint32_t len = msg->as.result.len;
    if (!arena.base && arena_open(&arena, "result", RESULT_ARENA) != SK_OK) return false;
    arena_reset(&arena);
    if (len > RESULT_MAX || sealed_map(msg->descriptor, len, &bytes) != SK_OK) return false;
    bool good = result_check(ask->operation, ask->texts, bytes, &arena) == SK_OK;
    if (good) answer_more(ask, bytes);
    sealed_unmap(&bytes);
    return good;
}

// A result may be there before the seal: nothing of it is sent until then (I3).
void ask_result(struct border_state *state, enum room worker, struct msg *msg) {
    struct ask *ask = ask_at(state, worker, msg->id);
    if (!ask || ask->gone) return;
    bool begun = ask->stage == ASK_SEALING || ask->stage == ASK_ANSWERING;
    if (!begun || ask->resulted || !result_commit(ask, msg)) {
        room_drop(&state->room, worker, "result: before it began, or not one of this task");
        return;
    }
    ask->resulted = true;
    ask->result = msg->descriptor;
    ask->result_len = msg->as.result.len;
    msg->descriptor = -1;
    if (ask->stage == ASK_ANSWERING) ask_give(state, ask);
}

void ask_give(struct border_state *state, struct ask *ask) {
    if (ask->result < 0) return;
    struct msg give = {.type = MSG_give, .id = ask->gate_id, .descriptor = ask->result};
    give.as.give.len = ask->result_len;
    room_send(&state->room, ROOM_GATE, &give);
    close(ask->result);
    ask->result = -1;
}

// ---- the end ----

static void close_write(struct border_state *state, struct ask *ask, struct buf *out) {
    const struct policy *policy = &ask->decision.rules->policy;
    struct filter_told told = filter_told(state, ask);
    uint8_t choice[HASH_LEN];
    commit_end(&ask->answer, choice);
    struct border_carried carried = {
        .peer = ask->peer, .spki = ask->spki, .restored = told.restored, .unknown = told.unknown};
    struct border_close close = {.key = ask->key->id,
                                 .outcome = ask->outcome,
                                 .rule = ask->rule,
                                 .number = ask->number,
                                 .open = ask->open,
                                 .time_ms = border_now_ms(),
                                 .prompt_tokens = ask->prompt_tokens,
                                 .completion_tokens = ask->completion_tokens,
                                 .client = told.client,
                                 .classes = {NULL, 0},
                                 .choice = ask->decision.refused ? NULL : choice};
    if (told.judged) close.classes = (struct border_classes){policy, told.found};
    if (ask->peer[0]) close.carried = &carried;
    if (ask->keep_days && !ask->again) close.kept = ask->kept_until_s ? "yes" : "no";
    close.kept_until_s = ask->kept_until_s;
    struct border_replay replay;
    if (ask->at == ROOM_ENGINE) {
        replay = (struct border_replay){.sampler = {ask->sampler, ask->sampler_len},
                                        .template_digest = ask->model->template_digest,
                                        .time_s = (int64_t)ask->time_s,
                                        .arithmetic = ask->arithmetic,
                                        .context = ask->model->card.context,
                                        .cache_type = ask->model->card.cache_type};
        close.replay = &replay;
    }
    border_close_write(&close, out);
}

void ask_conclude(struct border_state *state, struct ask *ask) {
    if (ask->stage != ASK_ARCHIVING && archive_send(state, ask)) return;
    char leaf[12288]; // an escaped byte of the sampler may become six
    struct buf out = buf_over(leaf, sizeof leaf);
    close_write(state, ask, &out);
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

// Its worker, or its place, can take another.
static void ask_release(struct border_state *state, struct ask *ask) {
    if (ask->at == ROOM_ENGINE) {
        state->running--;
        border_model_base(state, ask->model)->running--;
    }
    if (!ask->carried) return;
    const struct decision *decision = &ask->decision;
    place_of(state, decision_place(decision)->id)->running--;
    ask->carried = false;
}

void ask_over(struct border_state *state, struct ask *ask, const char *outcome) {
    if (ask->ended) return;
    ask->ended = true;
    ask->outcome = ask->gone && ask->finish_reason ? "cut" : outcome;
    ask_release(state, ask);
    bool sealed = ask->open != UINT64_MAX && ask->open != ask->decision.retry_of;
    if (sealed) {
        ask_conclude(state, ask);
    } else if (ask->stage != ASK_SEALING) {
        ask_free(state, ask); // never decided
    }
}

void ask_place_failed(struct border_state *state, struct ask *ask, const char *why) {
    const struct decision *decision = &ask->decision;
    const char *id = decision_place(decision)->id;
    place_failed(place_of(state, id), border_clock_us());
    snprintf(ask->rule, sizeof ask->rule, "place.%s", id);
    ask->refusal = (struct refusal){502, 0, "server_error", "place_failed", ""};
    snprintf(ask->refusal_text, sizeof ask->refusal_text, "place.%s: %s", id, why);
    ask->decision.tried |= 1u << decision->step;
    ask->again = true;
    ask_over(state, ask, "failed");
}

void ask_stale(struct border_state *state, struct ask *ask) {
    snprintf(ask->rule, sizeof ask->rule, "stale");
    ask->refusal = (struct refusal){503, 1, "server_error", "place_unavailable", ""};
    snprintf(ask->refusal_text, sizeof ask->refusal_text,
             "The policy or the node's isolation changed before this was sent. Try again.");
    ask->again = true;
    ask_over(state, ask, "failed");
}

// Of a task whose result is there also before the seal.
static bool ended_fits(const struct ask *ask, const struct msg_ended *ended) {
    bool stop = ended->stop == ENGINE_NO_STOP || ended->stop < ENGINE_STOPS_MAX;
    if (!stop || ended->reasoning_tokens > ended->completion_tokens) return false;
    uint32_t known = ask->at == ROOM_ENGINE ? ask->prompt_tokens : 0; // 0: not yet, or not here
    if (known && ended->prompt_cached > known) return false;
    if (ask->gone) return true;
    bool begun = result_gives(ask->operation) ? ask->resulted : ask->stage == ASK_ANSWERING;
    return begun && (ended->reason != END_CANCELLED || ask->filtered);
}

// What was held until the end; and what the place tells only then.
static void answer_ends(struct border_state *state, struct ask *ask,
                        const struct msg_ended *ended) {
    struct msg_chunk nothing = {.tokens = 0};
    if (ask->at == ROOM_FERRY) ask->prompt_tokens = ended->prompt_tokens;
    ask->prompt_cached = ended->prompt_cached;
    if (ask->gone || result_gives(ask->operation)) return;
    ask->ended = true; // nothing is left to stop
    if (!ask->filtered && filter_works(state, ask)) parts_pass(state, ask, &nothing, true);
    ask->ended = false;
    if (ask->filtered || ended->filtered) ask->finish_reason = "content_filter";
}

void ask_ended(struct border_state *state, enum room worker, const struct msg *msg) {
    struct ask *ask = ask_at(state, worker, msg->id);
    const struct msg_ended *ended = &msg->as.ended;
    if (!ask) return;
    if (!ended_fits(ask, ended)) {
        room_drop(&state->room, worker, "ended: not begun, cancelled by nobody, or no sense");
        return;
    }
    switch (ended->reason) {
    case END_STOP:
        ask->finish_reason = "stop";
        break;
    case END_LENGTH:
        ask->finish_reason = "length";
        break;
    default:
        ask->finish_reason = "cut";
        break;
    }
    if (!ask->gone) ask->completion_tokens = ended->completion_tokens;
    ask->reasoning_tokens = ended->reasoning_tokens;
    ask->stop = ended->stop;
    answer_ends(state, ask, ended);
    bool filtered = strcmp(ask->finish_reason, "content_filter") == 0;
    ask_over(state, ask, filtered ? "filtered" : ask->finish_reason);
}

// The field at fault: which one the engine named, or what the model reads in such a task.
static struct refusal refusal_of_input(const struct ask *ask, const struct msg_failed *failed) {
    static const char *const fields[] = {
        [GATE_OP_CHAT] = "messages",      [GATE_OP_COMPLETION] = "prompt",
        [GATE_OP_EMBED] = "input",        [GATE_OP_RERANK] = "documents",
        [GATE_OP_ATTRIBUTE] = "messages", [GATE_OP_COUNT] = "messages",
    };
    struct refusal refusal = {400, 0, "invalid_request_error", "invalid_value",
                              fields[ask->operation]};
    if (failed->param.len) // a name of job_term's own
        refusal.param = job_term(failed->param).at;
    else if (failed->code == SK_UNSUPPORTED)
        refusal.param = "model";
    else if (failed->code == SK_LIMIT)
        refusal.code = "context_length_exceeded";
    return refusal;
}

// A place that failed. Its own words about the request are the client's to read; whatever else was
// wrong is a failure of the place, and before an answer began another may be asked.
static void carry_failed(struct border_state *state, struct ask *ask,
                         const struct msg_failed *failed) {
    char text[513];
    snprintf(text, sizeof text, "%.*s", (int)failed->text.len, failed->text.at);
    static const struct refusal busy = {503, 5, "server_error", "place_busy", ""};
    bool input = failed->code == SK_INPUT || failed->code == SK_LIMIT;
    if (!input && ask->stage == ASK_CARRYING) {
        ask_place_failed(state, ask, text);
        if (failed->code == SK_BUSY) ask->refusal = busy;
        return;
    }
    struct refusal refusal =
        input ? (struct refusal){400, 0, "invalid_request_error", "place_refused", ""}
              : (struct refusal){502, 0, "server_error", "place_failed", ""};
    const struct decision *decision = &ask->decision;
    snprintf(ask->rule, sizeof ask->rule, "place.%s", decision_place(decision)->id);
    ask->refusal = refusal;
    snprintf(ask->refusal_text, sizeof ask->refusal_text, "%s", text);
    ask_over(state, ask, "failed");
}

void ask_failed(struct border_state *state, enum room worker, const struct msg *msg) {
    struct ask *ask = ask_at(state, worker, msg->id);
    if (!ask) return;
    const struct msg_failed *failed = &msg->as.failed;
    if (!utf8_check(failed->text) || (failed->param.len && !job_term(failed->param).len)) {
        room_drop(&state->room, worker, "failed: a text that is not UTF-8, or of no field");
        return;
    }
    if (worker == ROOM_FERRY) {
        carry_failed(state, ask, failed);
        return;
    }
    char text[1025];
    struct view id = ask->model->setup.id;
    struct refusal refusal = refusal_server;
    bool input = failed->code == SK_INPUT || failed->code == SK_UNSUPPORTED;
    if (input || failed->code == SK_LIMIT) refusal = refusal_of_input(ask, failed);
    if (failed->unloaded) refusal = refusal_unloaded;
    if (failed->code == SK_BUSY) refusal = refusal_memory;
    snprintf(text, sizeof text, "%s%.*s%s%.*s", failed->unloaded ? "The model '" : "",
             failed->unloaded ? (int)id.len : 0, id.at,
             failed->unloaded ? "' cannot be loaded: " : "", (int)failed->text.len,
             failed->text.at);
    ask_refuse(state, ask, refusal, text);
    ask_over(state, ask, "failed");
}

// As metrics count it: those of this node, then those of routes.
static uint32_t model_counted(const struct border_state *state, const struct ask *ask) {
    if (ask->model) return (uint32_t)(ask->model - state->models);
    uint32_t at = 0;
    while (at < REMOTES_MAX - 1 && strcmp(state->remotes[at], ask->model_name) != 0)
        at++;
    return MODELS_MAX + at;
}

static void ask_count(struct border_state *state, const struct ask *ask) {
    struct border_sample sample = {.model = model_counted(state, ask),
                                   .operation = ask->operation,
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
    if (ask->again && !ask->gone) {
        ask_elsewhere(state, ask);
        return;
    }
    ask_count(state, ask);
    if (ask->refusal.code) {
        ask_refuse(state, ask, ask->refusal, ask->refusal_text);
    } else if (!ask->gone) {
        struct msg done = {.type = MSG_done, .id = ask->gate_id, .descriptor = -1};
        done.as.done = (struct msg_done){.prompt_tokens = ask->prompt_tokens,
                                         .prompt_cached = ask->prompt_cached,
                                         .completion_tokens = ask->completion_tokens,
                                         .reasoning_tokens = ask->reasoning_tokens,
                                         .stop = ask->stop,
                                         .finish_reason = view_of(ask->finish_reason),
                                         .receipt = msg->as.receipt.json};
        room_send(&state->room, ROOM_GATE, &done);
    }
    ask_free(state, ask);
}
