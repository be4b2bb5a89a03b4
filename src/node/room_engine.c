// The engine room: weights and tokens. Holds read-only descriptors and mappings of model files,
// where the configuration has one a scratch file without a name and its keys, and nothing else: no
// name, no socket but its links, no network. Restarted when it falls; its jobs then end as failed.
#include "node/room_engine.h"

#include "base/log.h"
#include "base/world.h"
#include "node/sealed.h"

#include <stdio.h>

enum { JOB_ARENA = 1 << 20, BEAT_MS = 1000, WAIT_MS_MAX = 60000 };

struct engine_state engine_room;

int64_t engine_now_ms(void) {
    struct world world = world_real(-1);
    return world.monotonic_us(world.self) / 1000;
}

void engine_tell(enum msg_type type, uint64_t id, struct msg *msg) {
    msg->type = type;
    msg->id = id;
    if (!msg_has_descriptor(type)) msg->descriptor = -1;
    room_send(&engine_room.room, ROOM_BORDER, msg);
}

// And those of its adapters.
static void tell_card(const struct engine_model *model) {
    for (uint32_t i = 0; i < engine_room.models.len; i++) {
        const struct engine_model *row = &engine_room.models.rows[i];
        if (!model_is_of(row, model)) continue;
        struct msg msg = {.descriptor = model->chat_template, .as.card = model->card};
        msg.as.card.model = i;
        if (row != model && !row->adapter) msg.as.card.loaded = 0;
        engine_tell(MSG_card, 0, &msg);
    }
}

// The row of a tenant, for one job more.
static struct turn *turn_of(uint64_t tenant, uint32_t weight) {
    struct turn *turn = NULL;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct turn *row = &engine_room.turns[i];
        bool its = row->jobs && row->tenant == tenant;
        if (its || (!turn && !row->jobs)) turn = row;
        if (its) break;
    }
    must(turn != NULL); // there are as many as jobs
    if (!turn->jobs++) {
        *turn = (struct turn){.tenant = tenant, .jobs = 1};
        fair_wake(&engine_room.turns_now, &turn->flow);
    }
    turn->flow.weight = weight;
    return turn;
}

static void run_arrives(const struct msg *msg) {
    struct slot *slot = NULL;
    for (size_t i = 0; i < SLOTS_MAX && !slot; i++)
        if (!engine_room.slots[i].used) slot = &engine_room.slots[i];
    must(slot != NULL && msg->as.run.model < engine_room.models.len); // border counts them
    struct engine_model *asked = &engine_room.models.rows[msg->as.run.model];
    struct engine_model *model = model_base(&engine_room.models, asked);
    uint32_t index = 0;
    while (model->slots >> index & 1) index++;
    must(index < model->setup.slots); // border counts them too
    const struct msg_run *run = &msg->as.run;
    *slot = (struct slot){.used = true,
                          .id = msg->id,
                          .model = model,
                          .asked = asked,
                          .index = index,
                          .operation = (enum gate_operation)run->operation,
                          .copy = run->copy,
                          .texts = run->texts,
                          .tokens_max = run->tokens_max,
                          .tenant = run->tenant,
                          .weight = run->weight,
                          .turn = turn_of(run->tenant, run->weight),
                          .order = ++engine_room.orders,
                          .since_ms = engine_now_ms(),
                          .logprobs = buf_over(engine_room.logprobs[slot - engine_room.slots],
                                               PIECE_LOGPROBS_MAX)};
    model->slots |= UINT64_C(1) << index;
    engine_room.freed = true;
    // The file also holds the raw body and other jobs; only this job is this room's business.
    struct view *file = &slot->file;
    if (sealed_map_any(msg->descriptor, JOB_FILE_MAX, file) != SK_OK || run->job_at > file->len ||
        run->job_len > file->len - run->job_at)
        job_fail(slot, SK_CORRUPT, VIEW("job: not in the sealed file announced"));
    else
        slot->job = (struct view){file->at + run->job_at, run->job_len};
}

static bool slot_before(const struct slot *a, const struct slot *b) {
    return fair_older(&a->turn->flow, a->order, &b->turn->flow, b->order);
}

// Of the jobs that wait and whose model is none of `full` (a bit each), the oldest of the tenant
// whose turn it is.
static struct slot *next_waiting(uint32_t full) {
    struct slot *first = NULL;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &engine_room.slots[i];
        bool waits = slot->used && !slot->begun && !(full >> slot->model->card.model & 1);
        if (waits && (!first || slot_before(slot, first))) first = slot;
    }
    return first;
}

static void log_model(const struct engine_model *model, const char *text) {
    log_line(LOG_ERROR, "model", "model=%u text=\"%s\"", model->card.model, text);
}

static bool slot_generates(const struct slot *slot) {
    return slot->operation == GATE_OP_CHAT || slot->operation == GATE_OP_COMPLETION;
}

static void slot_stop(struct slot *slot) {
    if (slot_generates(slot))
        engine_stop(slot->model->engine, slot->index);
    else
        task_stop(slot);
}

bool model_good(struct engine_model *model) {
    char why[256];
    if (model_same(&engine_room.models, model) == SK_OK) return true;
    snprintf(why, sizeof why, "%s", fail_text());
    log_model(model, why);
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &engine_room.slots[i];
        if (!slot->used || !slot->begun || slot->model != model) continue;
        slot_stop(slot);
        slot->begun = false;
        model->running--;
    }
    model_unload(&engine_room.models, model);
    tell_card(model);
    for (size_t i = 0; i < SLOTS_MAX; i++)
        if (engine_room.slots[i].used && engine_room.slots[i].model == model)
            job_fail(&engine_room.slots[i], SK_CORRUPT, view_of(why));
    return false;
}

// Loads what is not loaded, which may put out others.
static enum sk_code slot_load(struct slot *slot) {
    if (slot->model->engine) return SK_OK;
    bool loaded[MODELS_MAX];
    for (uint32_t i = 0; i < engine_room.models.len; i++)
        loaded[i] = engine_room.models.rows[i].engine != NULL;
    enum sk_code code = model_load(&engine_room.models, slot->model);
    if (code != SK_OK && code != SK_BUSY) log_model(slot->model, fail_text());
    for (uint32_t i = 0; i < engine_room.models.len; i++) {
        const struct engine_model *model = &engine_room.models.rows[i];
        if (loaded[i] != (model->engine != NULL)) tell_card(model);
    }
    return code;
}

// Positions that are set aside for it, about.
static int64_t slot_cost(const struct slot *slot) {
    uint32_t context = slot->model->card.context;
    return slot->tokens_max ? (int64_t)slot->prompt_tokens + slot->tokens_max : context;
}

// Begins jobs in turn, as far as there is memory; none overtakes one whose turn it is. A model's
// jobs wait for its own KV; for memory that other models hold all later jobs wait, or theirs would
// hold it for ever.
static void begin_waiting(void) {
    struct slot *slot;
    uint32_t full = 0;
    while (engine_room.freed && (slot = next_waiting(full))) {
        if (slot->model->engine && !model_good(slot->model)) continue;
        enum sk_code code = slot_load(slot);
        if (code == SK_OK) code = job_begin(slot);
        if (code == SK_BUSY && !slot->model->engine) break;
        if (code == SK_BUSY) {
            full |= 1u << slot->model->card.model;
        } else if (code == SK_OK) {
            if (slot_generates(slot)) sealed_unmap(&slot->file);
            slot->begun = true;
            fair_serve(&engine_room.turns_now, &slot->turn->flow, slot_cost(slot));
            slot->model->running++;
            slot->model->used_ms = engine_now_ms();
        } else {
            job_fail(slot, code, view_of(fail_text()));
        }
    }
    engine_room.freed = false;
}

// The prompt is read before the seal comes (prefill hides the sync); text moves only with credit.
static bool may_step(const struct slot *slot) {
    if (!slot->used || !slot->begun) return false;
    if (!slot_generates(slot)) return task_running(slot);
    bool reading = slot->prompt_done < slot->prompt_tokens;
    return slot->credit > 0 || (reading && !slot->held);
}

static void event_arrives(struct slot *slot, const struct engine_event *event) {
    if (slot_generates(slot))
        job_event(slot, event);
    else
        task_event(slot, event);
}

// One step of all slots of a model that may make one; true when some may make another.
static bool model_step(struct engine_model *model) {
    uint32_t indices[64], len = 0;
    struct slot *slots[64];
    struct engine_event events[64];
    bool more = false, end = false;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &engine_room.slots[i];
        if (slot->model != model || !slot->used) continue;
        if (slot->held && may_step(slot)) job_tell_event(slot);
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

// A bit of one task, in turn; false when none had one to do.
static bool tasks_step(void) {
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &engine_room.slots[engine_room.turn++ % SLOTS_MAX];
        bool task = slot->used && slot->begun && !slot_generates(slot);
        if (task && task_step(slot)) return true;
    }
    return false;
}

// A model that nobody asked for in a while leaves the memory; a job that waited too long for its
// model to be loaded is told to come again.
static void beat(void) {
    spill_tell(&engine_room.models);
    int64_t now = engine_now_ms(), idle_ms = (int64_t)engine_room.models.setup.idle_s * 1000;
    for (uint32_t i = 0; i < engine_room.models.len; i++) {
        struct engine_model *model = &engine_room.models.rows[i];
        if (!model->engine || model->slots || !idle_ms || now - model->used_ms < idle_ms) continue;
        model_unload(&engine_room.models, model);
        tell_card(model);
        engine_room.freed = true;
    }
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &engine_room.slots[i];
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
    for (uint32_t i = 0; i < engine_room.models.len; i++) {
        struct engine_model *model = &engine_room.models.rows[i];
        if (model->engine) more = model_step(model) || more;
    }
    more = tasks_step() || more;
    return more || (engine_room.freed && next_waiting(0));
}

static struct slot *slot_of(uint64_t id) {
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &engine_room.slots[i];
        if (slot->used && slot->id == id) return slot;
    }
    return NULL;
}

static void cancel_arrives(struct slot *slot) {
    if (slot->begun && !model_good(slot->model)) return; // it failed
    if (slot->begun) slot_stop(slot);
    job_end(slot, END_CANCELLED);
}

static void scratch_arrives(struct msg *msg) {
    engine_room.models.spill.descriptor = engine_room.room.calls.scratch = msg->descriptor;
    engine_room.models.spill.bytes = msg->as.engine_scratch.bytes;
    msg->descriptor = -1;
}

static void receive(struct room_self *room, enum room from, struct msg *msg) {
    (void)room, (void)from;
    struct slot *slot = slot_of(msg->id);
    switch (msg->type) {
    case MSG_engine_model: model_arrives(&engine_room.models, &msg->as.engine_model); break;
    case MSG_engine_file: model_file_arrives(&engine_room.models, msg); break;
    case MSG_engine_scratch: scratch_arrives(msg); break;
    case MSG_engine_setup: engine_room.models.setup = msg->as.engine_setup; break;
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
    enum sk_code code = models_prepare(&engine_room.models);
    if (code == SK_OK) code = arena_open(&engine_room.arena, "job", JOB_ARENA);
    if (code != SK_OK) room_fail(&engine_room.room, code);
}

int main(void) {
    struct room_calls calls = {
        .receive = receive, .lost = lost, .stop = stop, .work = work, .beat_ms = BEAT_MS};
    room_begin(&engine_room.room, ROOM_ENGINE, calls, &engine_room);
    prepare();
    room_ready(&engine_room.room);
    for (uint32_t i = 0; i < engine_room.models.len; i++)
        if (!engine_room.models.rows[i].setup.base) tell_card(&engine_room.models.rows[i]);
    return room_run(&engine_room.room);
}
