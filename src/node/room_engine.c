// The engine room: weights and tokens. Holds one read-only mapping and nothing else: no file, no
// socket but its links, no network, no key. Restarted when it falls; its jobs then end as failed.
#include "base/utf8.h"
#include "engine/engine.h"
#include "node/job.h"
#include "node/room.h"
#include "node/sealed.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS_MAX = 64, JOB_ARENA = 1 << 20 };

// One job. It makes a step only while it has credit, so a slow client slows the engine. Its prompt
// is read without: an event that has no credit yet is held, and the slot waits with it.
struct slot {
    bool used, held;
    struct engine_event event; // held: its text stays valid until the slot's next step
    uint64_t id;
    struct view file; // not begun yet, for want of memory: the sealed file
    uint32_t job_len, credit;
    uint64_t order;
    uint32_t prompt_tokens, prompt_done;
    uint32_t tokens, told; // told: tokens already announced in pieces
};

struct engine_state {
    struct room_self room;
    struct engine *engine;
    struct msg_engine_setup setup;
    struct view file;
    struct arena arena; // of one job while it starts
    int32_t *ids;       // the prompt while it starts
    struct slot slots[SLOTS_MAX];
    uint64_t orders;
    bool freed; // since a job last did not find the memory it needs
};

static struct engine_state state;

static void engine_tell(enum msg_type type, uint64_t id, struct msg *msg) {
    msg->type = type;
    msg->id = id;
    if (type != MSG_begun) msg->descriptor = -1;
    room_send(&state.room, ROOM_BORDER, msg);
}

static struct view cut_text(struct view text, size_t max) {
    if (text.len <= max) return text;
    text.len = max;
    text.len -= utf8_tail(text); // between two characters
    return text;
}

static void job_fail(uint64_t id, enum sk_code code, struct view text) {
    struct msg msg = {.as.failed = {.code = (uint8_t)code, .text = cut_text(text, 512)}};
    engine_tell(MSG_failed, id, &msg);
}

static void job_end(struct slot *slot, enum end_reason reason) {
    struct msg msg = {.as.ended = {.prompt_tokens = slot->prompt_tokens,
                                   .completion_tokens = slot->tokens,
                                   .reason = (uint8_t)reason}};
    slot->used = false;
    state.freed = true;
    engine_tell(MSG_ended, slot->id, &msg);
}

static enum sk_code job_begin(struct slot *slot, struct view bytes) {
    arena_reset(&state.arena);
    struct engine_job job;
    size_t len;
    TRY(job_read(bytes, &state.arena, &job));
    TRY(engine_prompt(state.engine, &job, state.ids, engine_shape(state.engine).context, &len));
    uint32_t index = (uint32_t)(slot - state.slots);
    TRY(engine_start(state.engine, index, &job, state.ids, len));
    slot->prompt_tokens = (uint32_t)len;
    struct view ids = {(const char *)state.ids, len * sizeof *state.ids};
    struct msg msg = {.as.begun = {.prompt_tokens = slot->prompt_tokens}};
    enum sk_code code = sealed_make(&ids, 1, &msg.descriptor);
    if (code != SK_OK) {
        engine_stop(state.engine, index);
        return code;
    }
    engine_tell(MSG_begun, slot->id, &msg);
    close(msg.descriptor);
    return SK_OK;
}

static void run_arrives(const struct msg *msg) {
    struct slot *slot = NULL;
    for (size_t i = 0; i < state.setup.slots && !slot; i++)
        if (!state.slots[i].used) slot = &state.slots[i];
    must(slot != NULL); // border counts them
    struct view bytes;
    // The file also holds the raw body behind the job; only the job is this room's business.
    struct stat info;
    if (fstat(msg->descriptor, &info) != 0 || info.st_size == 0 ||
        info.st_size < msg->as.run.job_len ||
        sealed_map(msg->descriptor, (size_t)info.st_size, &bytes) != SK_OK) {
        job_fail(msg->id, SK_CORRUPT, VIEW("job: not the sealed file announced"));
        return;
    }
    *slot = (struct slot){.used = true,
                          .id = msg->id,
                          .file = bytes,
                          .job_len = msg->as.run.job_len,
                          .order = ++state.orders};
    state.freed = true;
}

static struct slot *longest_waiting(void) {
    struct slot *first = NULL;
    for (size_t i = 0; i < state.setup.slots; i++) {
        struct slot *slot = &state.slots[i];
        bool waits = slot->used && slot->file.len > 0;
        if (waits && (!first || slot->order < first->order)) first = slot;
    }
    return first;
}

// Begins jobs in the order they came, as far as there is memory.
static void begin_waiting(void) {
    struct slot *slot;
    while (state.freed && (slot = longest_waiting())) {
        enum sk_code code = job_begin(slot, (struct view){slot->file.at, slot->job_len});
        state.freed = code != SK_BUSY;
        if (code == SK_BUSY) break; // until another job ends
        sealed_unmap(&slot->file);
        if (code == SK_OK) continue;
        slot->used = false;
        job_fail(slot->id, code, view_of(fail_text()));
    }
}

static void tell_event(struct slot *slot) {
    slot->held = false;
    slot->tokens = slot->event.tokens;
    if (slot->event.text.len > 0) {
        struct msg msg = {.as.piece = {.tokens = slot->tokens - slot->told,
                                       .text = slot->event.text}};
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
        slot->used = false;
        state.freed = true;
        job_fail(slot->id, event->code, event->text);
        return;
    }
    slot->prompt_done = event->prompt_done;
    slot->held = event->kind != ENGINE_PREFILL && event->kind != ENGINE_WAITED;
    if (slot->held && slot->credit > 0) tell_event(slot);
}

// The prompt is read before the seal comes (prefill hides the sync); text moves only with credit.
static bool may_step(const struct slot *slot) {
    bool reading = slot->prompt_done < slot->prompt_tokens;
    return slot->used && (slot->credit > 0 || (reading && !slot->held));
}

static bool work(struct room_self *room) {
    (void)room;
    uint32_t indices[SLOTS_MAX], len = 0;
    struct engine_event events[SLOTS_MAX];
    bool more = false;
    begin_waiting();
    for (uint32_t i = 0; i < state.setup.slots; i++) {
        struct slot *slot = &state.slots[i];
        if (slot->held && may_step(slot)) tell_event(slot);
        if (may_step(slot)) indices[len++] = i;
    }
    if (len > 0) engine_step(state.engine, indices, len, events);
    for (uint32_t i = 0; i < len; i++) event_arrives(&state.slots[indices[i]], &events[i]);
    for (size_t i = 0; i < state.setup.slots; i++) more = more || may_step(&state.slots[i]);
    return more || (state.freed && longest_waiting());
}

static struct slot *slot_of(uint64_t id) {
    for (size_t i = 0; i < SLOTS_MAX; i++)
        if (state.slots[i].used && state.slots[i].id == id) return &state.slots[i];
    return NULL;
}

static void receive(struct room_self *room, enum room from, struct msg *msg) {
    (void)from;
    struct slot *slot = slot_of(msg->id);
    switch (msg->type) {
    case MSG_engine_setup: {
        struct stat info;
        state.setup = msg->as.engine_setup;
        if (fstat(msg->descriptor, &info) != 0 || info.st_size <= 0)
            room_fail(room, FAIL(SK_CORRUPT, "model file: empty"));
        size_t len = (size_t)info.st_size;
        void *at = mmap(NULL, len, PROT_READ, MAP_PRIVATE, msg->descriptor, 0);
        if (at == MAP_FAILED) room_fail(room, FAIL(SK_LIMIT, "model file: cannot map it"));
        state.file = (struct view){at, len};
        break;
    }
    case MSG_run: run_arrives(msg); break;
    case MSG_grant:
        if (slot) slot->credit += msg->as.grant.pieces;
        break;
    case MSG_cancel:
        if (slot) {
            if (slot->file.len) sealed_unmap(&slot->file);
            engine_stop(state.engine, (uint32_t)(slot - state.slots));
            job_end(slot, END_CANCELLED);
        }
        break;
    default: break;
    }
}

static void stop(struct room_self *room) { room_stopped(room); } // border has drained before

static void lost(struct room_self *room, enum room peer) {
    if (peer == ROOM_BORDER) room_stopped(room); // nobody is left to work for
}

static void prepare(void) {
    struct engine_options options = {.context = state.setup.context,
                                     .slots = state.setup.slots,
                                     .threads = state.setup.threads,
                                     .memory_max = state.setup.memory_max};
    enum sk_code code = engine_open_file(&state.engine, state.file, options);
    if (code == SK_OK) code = arena_open(&state.arena, "job", JOB_ARENA);
    if (code != SK_OK) room_fail(&state.room, code);
    size_t context = engine_shape(state.engine).context;
    state.ids = calloc(context, sizeof *state.ids);
    if (!state.ids) room_fail(&state.room, FAIL(SK_LIMIT, "no memory for %zu ids", context));
}

// A GGUF's own words may be longer than the card has room for.
static void tell_card(void) {
    struct engine_shape shape = engine_shape(state.engine);
    struct msg msg = {.as.card = {.name = cut_text(shape.name, 256),
                                  .architecture = cut_text(shape.architecture, 64),
                                  .types = view_of(shape.type_text),
                                  .license = cut_text(shape.license, 64),
                                  .kernels = view_of(engine_kernels_name(state.engine)),
                                  .parameters = shape.parameters,
                                  .context = shape.context,
                                  .vocabulary = shape.vocabulary}};
    engine_tell(MSG_card, 0, &msg);
}

int main(void) {
    struct room_calls calls = {.receive = receive, .lost = lost, .stop = stop, .work = work};
    room_begin(&state.room, ROOM_ENGINE, calls, &state);
    prepare();
    room_ready(&state.room);
    tell_card();
    return room_run(&state.room);
}
