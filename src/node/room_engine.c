// The engine room: weights and tokens. Holds read-only descriptors and mappings of model files and
// nothing else: no name, no socket but its links, no network, no key. Restarted when it falls; its
// jobs then end as failed.
#include "node/room_engine.h"

#include "base/log.h"
#include "base/utf8.h"
#include "base/world.h"
#include "node/job.h"
#include "node/sealed.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS_MAX = 256, JOB_ARENA = 1 << 20, BEAT_MS = 1000, WAIT_MS_MAX = 60000 };

// One job. It makes a step only while it has credit, so a slow client slows the engine. Its prompt
// is read without: an event that has no credit yet is held, and the slot waits with it.
struct slot {
    bool used, begun, held;
    struct engine_event event; // held: its text stays valid until the slot's next step
    uint64_t id;
    struct engine_model *model;
    uint32_t index;   // of the model's slots
    struct view file; // not begun yet, for want of memory: the sealed file
    uint32_t job_len, credit;
    uint64_t order, tenant;
    int64_t since_ms; // that it waits
    uint32_t prompt_tokens, prompt_done;
    uint32_t tokens, told; // told: tokens already announced in pieces
};

struct engine_state {
    struct room_self room;
    struct engine_models models;
    struct arena arena; // of one job while it starts
    int32_t *ids;       // the prompt while it starts
    uint32_t ids_max;
    struct slot slots[SLOTS_MAX];
    uint64_t orders;
    bool freed; // since a job last did not find the memory it needs
};

static struct engine_state state;

static int64_t now_ms(void) {
    struct world world = world_real(-1);
    return world.monotonic_us(world.self) / 1000;
}

static void engine_tell(enum msg_type type, uint64_t id, struct msg *msg) {
    msg->type = type;
    msg->id = id;
    if (!msg_has_descriptor(type)) msg->descriptor = -1;
    room_send(&state.room, ROOM_BORDER, msg);
}

static void tell_card(const struct engine_model *model) {
    struct msg msg = {.descriptor = model->chat_template, .as.card = model->card};
    engine_tell(MSG_card, 0, &msg);
}

static struct view cut_text(struct view text, size_t max) {
    if (text.len <= max) return text;
    text.len = max;
    text.len -= utf8_tail(text); // between two characters
    return text;
}

// The row is free again, and with it the model's slot and memory.
static void slot_free(struct slot *slot) {
    if (slot->file.len) sealed_unmap(&slot->file);
    if (slot->begun) slot->model->running--;
    slot->model->slots &= ~(UINT64_C(1) << slot->index);
    slot->model->used_ms = now_ms();
    slot->used = false;
    state.freed = true;
}

static void job_fail(struct slot *slot, enum sk_code code, struct view text) {
    struct msg msg = {.as.failed = {.code = (uint8_t)code,
                                    .unloaded = !slot->model->engine,
                                    .text = cut_text(text, 512)}};
    engine_tell(MSG_failed, slot->id, &msg);
    slot_free(slot);
}

static void job_end(struct slot *slot, enum end_reason reason) {
    struct msg msg = {.as.ended = {.prompt_tokens = slot->prompt_tokens,
                                   .completion_tokens = slot->tokens,
                                   .reason = (uint8_t)reason}};
    engine_tell(MSG_ended, slot->id, &msg);
    slot_free(slot);
}

// How the tokens are drawn; the lists of the request are in its body, and may hold its words.
static enum sk_code sampler_text(const struct engine_sampling *sampling, struct buf *out) {
    struct engine_sampling plain = *sampling;
    plain.dry_breakers_len = plain.logit_bias_len = 0;
    return engine_sampling_write(&plain, out);
}

// Room for the ids of a prompt, as long as the longest context so far.
static enum sk_code ids_open(uint32_t context) {
    if (context <= state.ids_max) return SK_OK;
    free(state.ids);
    state.ids_max = 0;
    state.ids = calloc(context, sizeof *state.ids);
    if (!state.ids) return FAIL(SK_LIMIT, "no memory for the ids of %u tokens", context);
    state.ids_max = context;
    return SK_OK;
}

static enum sk_code job_begin(struct slot *slot) {
    struct engine *engine = slot->model->engine;
    struct engine_job job;
    size_t len;
    arena_reset(&state.arena);
    TRY(job_read((struct view){slot->file.at, slot->job_len}, &state.arena, &job));
    job.tenant = slot->tenant;
    uint32_t context = engine_shape(engine).context;
    TRY(ids_open(context));
    char text[640];
    struct buf sampler = buf_over(text, sizeof text);
    TRY(sampler_text(&job.sampling, &sampler));
    TRY(engine_prompt(engine, &job, state.ids, context, &len));
    TRY(engine_start(engine, slot->index, &job, state.ids, len));
    slot->prompt_tokens = (uint32_t)len;
    struct view ids = {(const char *)state.ids, len * sizeof *state.ids};
    struct msg msg = {.as.begun = {.prompt_tokens = slot->prompt_tokens,
                                   .arithmetic = ENGINE_ARITHMETIC,
                                   .time_s = (uint64_t)job.time_s,
                                   .sampler = buf_view(&sampler)}};
    enum sk_code code = sealed_make(&ids, 1, &msg.descriptor);
    if (code != SK_OK) {
        engine_stop(engine, slot->index);
        return code;
    }
    engine_tell(MSG_begun, slot->id, &msg);
    close(msg.descriptor);
    return SK_OK;
}

static void run_arrives(const struct msg *msg) {
    struct slot *slot = NULL;
    for (size_t i = 0; i < SLOTS_MAX && !slot; i++)
        if (!state.slots[i].used) slot = &state.slots[i];
    must(slot != NULL && msg->as.run.model < state.models.len); // border counts them
    struct engine_model *model = &state.models.rows[msg->as.run.model];
    uint32_t index = 0;
    while (model->slots >> index & 1) index++;
    must(index < model->setup.slots); // border counts them too
    *slot = (struct slot){.used = true,
                          .id = msg->id,
                          .model = model,
                          .index = index,
                          .job_len = msg->as.run.job_len,
                          .tenant = msg->as.run.tenant,
                          .order = ++state.orders,
                          .since_ms = now_ms()};
    model->slots |= UINT64_C(1) << index;
    state.freed = true;
    // The file also holds the raw body behind the job; only the job is this room's business.
    struct stat info;
    if (fstat(msg->descriptor, &info) != 0 || info.st_size == 0 ||
        info.st_size < msg->as.run.job_len ||
        sealed_map(msg->descriptor, (size_t)info.st_size, &slot->file) != SK_OK)
        job_fail(slot, SK_CORRUPT, VIEW("job: not the sealed file announced"));
}

// Of the jobs that wait, the oldest whose model is none of `full` (a bit each).
static struct slot *longest_waiting(uint32_t full) {
    struct slot *first = NULL;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &state.slots[i];
        bool waits = slot->used && !slot->begun && !(full >> slot->model->card.model & 1);
        if (waits && (!first || slot->order < first->order)) first = slot;
    }
    return first;
}

static void log_model(const struct engine_model *model, const char *text) {
    log_line(LOG_ERROR, "model", "model=%u text=\"%s\"", model->card.model, text);
}

// What a loaded model computes is of the weights that were checked. When its files are not any more
// as they were, it leaves the memory, all its jobs fail, and this is false.
static bool model_good(struct engine_model *model) {
    char why[256];
    if (model_same(model) == SK_OK) return true;
    snprintf(why, sizeof why, "%s", fail_text());
    log_model(model, why);
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &state.slots[i];
        if (!slot->used || !slot->begun || slot->model != model) continue;
        engine_stop(model->engine, slot->index);
        slot->begun = false;
        model->running--;
    }
    model_unload(model);
    tell_card(model);
    for (size_t i = 0; i < SLOTS_MAX; i++)
        if (state.slots[i].used && state.slots[i].model == model)
            job_fail(&state.slots[i], SK_CORRUPT, view_of(why));
    return false;
}

// Loads what is not loaded, which may put out others.
static enum sk_code slot_load(struct slot *slot) {
    if (slot->model->engine) return SK_OK;
    bool loaded[MODELS_MAX];
    for (uint32_t i = 0; i < state.models.len; i++)
        loaded[i] = state.models.rows[i].engine != NULL;
    enum sk_code code = model_load(&state.models, slot->model);
    if (code != SK_OK && code != SK_BUSY) log_model(slot->model, fail_text());
    for (uint32_t i = 0; i < state.models.len; i++)
        if (loaded[i] != (state.models.rows[i].engine != NULL)) tell_card(&state.models.rows[i]);
    return code;
}

// Begins jobs in the order they came, as far as there is memory. A model's jobs wait for its own
// KV; for memory that other models hold all later jobs wait, or theirs would hold it for ever.
static void begin_waiting(void) {
    struct slot *slot;
    uint32_t full = 0;
    while (state.freed && (slot = longest_waiting(full))) {
        if (slot->model->engine && !model_good(slot->model)) continue;
        enum sk_code code = slot_load(slot);
        if (code == SK_OK) code = job_begin(slot);
        if (code == SK_BUSY && !slot->model->engine) break;
        if (code == SK_BUSY) {
            full |= 1u << slot->model->card.model;
        } else if (code == SK_OK) {
            sealed_unmap(&slot->file);
            slot->begun = true;
            slot->model->running++;
            slot->model->used_ms = now_ms();
        } else {
            job_fail(slot, code, view_of(fail_text()));
        }
    }
    state.freed = false;
}

static void tell_event(struct slot *slot) {
    slot->held = false;
    slot->tokens = slot->event.tokens;
    for (uint32_t i = 0; i < slot->event.parts_len; i++) {
        must(slot->event.parts[i].channel == ENGINE_CONTENT); // until pieces have a channel
        struct msg msg = {.as.piece = {.tokens = slot->tokens - slot->told,
                                       .text = slot->event.parts[i].text}};
        slot->told = slot->tokens;
        slot->credit--;
        engine_tell(MSG_piece, slot->id, &msg);
    }
    if (slot->event.kind == ENGINE_STOPPED) job_end(slot, END_STOP);
    if (slot->event.kind == ENGINE_LENGTH) job_end(slot, END_LENGTH);
}

static void event_arrives(struct slot *slot, const struct engine_event *event) {
    slot->event = *event;
    if (event->kind == ENGINE_FAILED) {
        job_fail(slot, event->code, event->why);
        return;
    }
    slot->prompt_done = event->prompt_done;
    slot->held = event->kind != ENGINE_PREFILL && event->kind != ENGINE_WAITED;
    if (slot->held && slot->credit > 0) tell_event(slot);
}

// The prompt is read before the seal comes (prefill hides the sync); text moves only with credit.
static bool may_step(const struct slot *slot) {
    bool reading = slot->prompt_done < slot->prompt_tokens;
    return slot->used && slot->begun && (slot->credit > 0 || (reading && !slot->held));
}

// One step of all slots of a model that may make one; true when some may make another.
static bool model_step(struct engine_model *model) {
    uint32_t indices[64], len = 0;
    struct slot *slots[64];
    struct engine_event events[64];
    bool more = false, end = false;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &state.slots[i];
        if (slot->model != model || !slot->used) continue;
        if (slot->held && may_step(slot)) tell_event(slot);
        if (!may_step(slot)) continue;
        slots[len] = slot;
        indices[len++] = slot->index;
    }
    if (len > 0) engine_step(model->engine, indices, len, events);
    for (uint32_t i = 0; i < len; i++) end = end || events[i].kind >= ENGINE_STOPPED;
    if (end && !model_good(model)) return false;
    for (uint32_t i = 0; i < len; i++) event_arrives(slots[i], &events[i]);
    for (uint32_t i = 0; i < len; i++) more = more || may_step(slots[i]);
    return more;
}

// A model that nobody asked for in a while leaves the memory; a job that waited too long for its
// model to be loaded is told to come again.
static void beat(void) {
    int64_t now = now_ms(), idle_ms = (int64_t)state.models.setup.idle_s * 1000;
    for (uint32_t i = 0; i < state.models.len; i++) {
        struct engine_model *model = &state.models.rows[i];
        if (!model->engine || model->slots || !idle_ms || now - model->used_ms < idle_ms) continue;
        model_unload(model);
        tell_card(model);
        state.freed = true;
    }
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &state.slots[i];
        bool unloaded = slot->used && !slot->begun && !slot->model->engine;
        if (unloaded && now - slot->since_ms > WAIT_MS_MAX)
            job_fail(slot, SK_BUSY, VIEW("models that are answering hold the memory it needs"));
    }
}

static bool work(struct room_self *room) {
    (void)room;
    bool more = false;
    beat();
    begin_waiting();
    for (uint32_t i = 0; i < state.models.len; i++)
        if (state.models.rows[i].engine) more = model_step(&state.models.rows[i]) || more;
    return more || (state.freed && longest_waiting(0));
}

static struct slot *slot_of(uint64_t id) {
    for (size_t i = 0; i < SLOTS_MAX; i++)
        if (state.slots[i].used && state.slots[i].id == id) return &state.slots[i];
    return NULL;
}

static void cancel_arrives(struct slot *slot) {
    if (slot->begun && !model_good(slot->model)) return; // it failed
    if (slot->begun) engine_stop(slot->model->engine, slot->index);
    job_end(slot, END_CANCELLED);
}

static void receive(struct room_self *room, enum room from, struct msg *msg) {
    (void)room, (void)from;
    struct slot *slot = slot_of(msg->id);
    switch (msg->type) {
    case MSG_engine_model: model_arrives(&state.models, &msg->as.engine_model); break;
    case MSG_engine_file: model_file_arrives(&state.models, msg); break;
    case MSG_engine_setup: state.models.setup = msg->as.engine_setup; break;
    case MSG_run: run_arrives(msg); break;
    case MSG_grant:
        if (slot) slot->credit += msg->as.grant.pieces;
        break;
    case MSG_cancel:
        if (slot) cancel_arrives(slot);
        break;
    default: break;
    }
}

static void stop(struct room_self *room) { room_stopped(room); } // border has drained before

static void lost(struct room_self *room, enum room peer) {
    if (peer == ROOM_BORDER) room_stopped(room); // nobody is left to work for
}

static void prepare(void) {
    enum sk_code code = models_prepare(&state.models);
    if (code == SK_OK) code = arena_open(&state.arena, "job", JOB_ARENA);
    if (code != SK_OK) room_fail(&state.room, code);
}

int main(void) {
    struct room_calls calls = {
        .receive = receive, .lost = lost, .stop = stop, .work = work, .beat_ms = BEAT_MS};
    room_begin(&state.room, ROOM_ENGINE, calls, &state);
    prepare();
    room_ready(&state.room);
    for (uint32_t i = 0; i < state.models.len; i++) tell_card(&state.models.rows[i]);
    return room_run(&state.room);
}
