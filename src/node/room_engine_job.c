// One job of the engine room, from its sealed file to its end: what border is told of it.
#include "node/room_engine.h"

#include "base/utf8.h"
#include "node/sealed.h"

#include <stdlib.h>
#include <unistd.h>

static struct view cut_text(struct view text, size_t max) {
    if (text.len <= max) return text;
    text.len = max;
    text.len -= utf8_tail(text); // between two characters
    return text;
}

static void slot_free(struct slot *slot) {
    task_stop(slot);
    if (slot->file.len) sealed_unmap(&slot->file);
    if (slot->begun) slot->model->running--;
    slot->model->slots &= ~(UINT64_C(1) << slot->index);
    slot->model->used_ms = engine_now_ms();
    slot->used = false;
    slot->turn->jobs--;
    engine_room.freed = true;
}

// What it asks for is an adapter that its model was loaded without.
static bool slot_lacks(const struct slot *slot) {
    return slot->asked != slot->model && slot->asked->adapter == 0;
}

void job_fail(struct slot *slot, enum sk_code code, struct view text) {
    struct msg msg = {.as.failed = {.code = (uint8_t)code,
                                    .unloaded = !slot->model->engine || slot_lacks(slot),
                                    .param = job_term(text),
                                    .text = cut_text(text, 512)}};
    engine_tell(MSG_failed, slot->id, &msg);
    slot_free(slot);
}

static void end_tell(struct slot *slot, enum end_reason reason, uint32_t stop) {
    struct msg msg = {.as.ended = {.completion_tokens = slot->tokens,
                                   .reasoning_tokens = slot->reasoning,
                                   .reason = (uint8_t)reason,
                                   .stop = (uint8_t)stop,
                                   .prompt_cached = slot->prompt_cached}};
    engine_tell(MSG_ended, slot->id, &msg);
    slot_free(slot);
}

void job_end(struct slot *slot, enum end_reason reason) {
    end_tell(slot, reason, ENGINE_NO_STOP);
}

// ---- the beginning ----

// How the tokens are drawn; the lists of the request are in its body, and may hold its words.
static enum sk_code sampler_text(const struct engine_sampling *sampling, struct buf *out) {
    struct engine_sampling plain = *sampling;
    plain.dry_breakers_len = plain.logit_bias_len = 0;
    return engine_sampling_write(&plain, out);
}

enum sk_code job_tell_begun(struct slot *slot, struct view ids, const struct engine_job *job) {
    char text[640];
    struct buf sampler = buf_over(text, sizeof text);
    TRY(sampler_text(&job->sampling, &sampler));
    slot->prompt_tokens = (uint32_t)(ids.len / sizeof(int32_t));
    struct msg msg = {.as.begun = {.prompt_tokens = slot->prompt_tokens,
                                   .prompt_cached = slot->prompt_cached,
                                   .arithmetic = ENGINE_ARITHMETIC,
                                   .time_s = (uint64_t)job->time_s,
                                   .sampler = buf_view(&sampler)}};
    TRY(sealed_make(&ids, 1, &msg.descriptor));
    engine_tell(MSG_begun, slot->id, &msg);
    close(msg.descriptor);
    return SK_OK;
}

// Room for the ids of a prompt, as long as the longest context so far.
static enum sk_code ids_open(uint32_t context) {
    if (context <= engine_room.ids_max) return SK_OK;
    free(engine_room.ids);
    engine_room.ids_max = 0;
    engine_room.ids = calloc(context, sizeof *engine_room.ids);
    if (!engine_room.ids) return FAIL(SK_LIMIT, "no memory for the ids of %u tokens", context);
    engine_room.ids_max = context;
    return SK_OK;
}

static struct view token_text(const struct engine *engine, int32_t token, struct buf *text) {
    buf_reset(text);
    engine_detokenize(engine, token, text);
    must(!text->over);
    return buf_view(text);
}

static void weigh(struct slot *slot, const struct engine_scored *token) {
    const struct engine *engine = slot->model->engine;
    char bytes[PIECE_TOKEN_MAX];
    struct buf text = buf_over(bytes, sizeof bytes), *out = &slot->logprobs;
    piece_token_put(token_text(engine, token->token, &text), token->logprob, token->top_len, out);
    for (uint32_t i = 0; i < token->top_len; i++) {
        const struct engine_candidate *other = &token->top[i];
        piece_alternative_put(token_text(engine, other->token, &text), other->logprob, out);
    }
    must(!out->over);
}

static enum sk_code answer_begin(struct slot *slot, const struct engine_job *job) {
    struct engine *engine = slot->model->engine;
    uint32_t context = engine_shape(engine).context;
    size_t len;
    TRY(ids_open(context));
    TRY(engine_prompt(engine, job, engine_room.ids, context, &len));
    TRY(engine_start(engine, slot->index, job, engine_room.ids, len));
    slot->prompt_cached = engine_cached(engine, slot->index);
    slot->weighs = job->logprobs > 0;
    if (job->score_from == 1) // the token that none was before: without a logprob of its own, 0
        weigh(slot, &(struct engine_scored){.token = engine_room.ids[0]});
    struct view ids = {(const char *)engine_room.ids, len * sizeof *engine_room.ids};
    enum sk_code code = job_tell_begun(slot, ids, job);
    if (code != SK_OK) engine_stop(engine, slot->index);
    return code;
}

enum sk_code job_begin(struct slot *slot) {
    struct gate_task task;
    arena_reset(&engine_room.arena);
    TRY(job_read(slot->job, &engine_room.arena, &task));
    if (task.operation != slot->operation || task.texts_len != slot->texts ||
        task.job.tokens_max != slot->tokens_max)
        return FAIL(SK_CORRUPT, "job: another than was judged"); // I2
    task.job.tenant = slot->tenant;
    task.job.weight = slot->weight;
    task.job.adapter = slot->asked->adapter;
    if (slot_lacks(slot)) return FAIL(SK_DENIED, "%s", slot->asked->refused);
    task.job.sampling.seed += slot->copy;
    bool generates = task.operation == GATE_OP_CHAT || task.operation == GATE_OP_COMPLETION;
    return generates ? answer_begin(slot, &task.job) : task_begin(slot, &task);
}

// ---- events ----

static void piece_tell(struct slot *slot, const struct buf *parts) {
    struct msg msg = {.as.piece = {.tokens = slot->tokens - slot->told,
                                   .parts = buf_view(parts),
                                   .logprobs = buf_view(&slot->logprobs)}};
    slot->told = slot->tokens;
    must(slot->credit > 0);
    slot->credit--;
    engine_tell(MSG_piece, slot->id, &msg);
    buf_reset(&slot->logprobs);
}

// No room for the log-probabilities of one token more.
static bool logprobs_full(const struct slot *slot) {
    return slot->logprobs.len > PIECE_LOGPROBS_MAX - PIECE_WEIGHED_MAX;
}

// Those of the prompt's tokens, as many pieces as it takes. False: credit ended before them.
static bool scores_tell(struct slot *slot) {
    const struct engine_event *event = &slot->event;
    const struct buf none = {0};
    for (; slot->scored < event->scores_len; slot->scored++) {
        if (logprobs_full(slot) && slot->credit == 0) return false;
        if (logprobs_full(slot)) piece_tell(slot, &none);
        weigh(slot, &event->scores[slot->scored]);
    }
    if (logprobs_full(slot) && slot->credit > 0) piece_tell(slot, &none);
    return slot->credit > 0;
}

// What a token brought is one piece, with one credit. Log-probabilities without a part wait for the
// next piece, as long as there is room for one token more.
static void token_tell(struct slot *slot) {
    const struct engine_event *event = &slot->event;
    char storage[PIECE_PARTS_MAX];
    struct buf parts = buf_over(storage, sizeof storage);
    bool over = event->kind == ENGINE_STOPPED || event->kind == ENGINE_LENGTH;
    uint32_t made = event->tokens - slot->tokens;
    slot->tokens = event->tokens;
    for (uint32_t i = 0; i < event->parts_len; i++)
        piece_part_put(event->parts[i], &parts);
    must(!parts.over);
    if (event->parts_len) slot->channel = event->parts[event->parts_len - 1].channel;
    if (slot->channel == ENGINE_REASONING) slot->reasoning += made;
    struct engine_scored token = {event->token, event->logprob, event->top, event->top_len};
    if (made && slot->weighs) weigh(slot, &token);
    if (parts.len || (over && slot->logprobs.len) || logprobs_full(slot)) piece_tell(slot, &parts);
    if (event->kind == ENGINE_STOPPED) end_tell(slot, END_STOP, event->stop);
    if (event->kind == ENGINE_LENGTH) end_tell(slot, END_LENGTH, ENGINE_NO_STOP);
}

void job_tell_event(struct slot *slot) {
    if (!scores_tell(slot)) return; // goes on with the next credit
    slot->held = false;
    if (slot->event.kind >= ENGINE_TEXT) token_tell(slot);
}

void job_event(struct slot *slot, const struct engine_event *event) {
    slot->event = *event;
    slot->scored = 0;
    if (event->kind == ENGINE_FAILED) {
        job_fail(slot, event->code, event->why);
        return;
    }
    slot->prompt_done = event->prompt_done;
    slot->prompt_cached = event->prompt_cached;
    slot->held = event->kind >= ENGINE_TEXT || event->scores_len > 0;
    if (slot->held && slot->credit > 0) job_tell_event(slot);
}
