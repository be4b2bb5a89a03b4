// The engine room's models and jobs, shared by its files.
#pragma once
#include "base/fair.h"
#include "base/secret.h"
#include "engine/engine.h"
#include "node/file_state.h"
#include "node/job.h"
#include "node/piece.h"
#include "node/room.h"

enum { SLOTS_MAX = 256 }; // jobs of all models

// One model: its files as the parent handed them over, and its engine while it is loaded. One that
// is an adapter has no engine: jobs for it are its base's, which is loaded with all its adapters.
struct engine_model {
    struct msg_engine_model setup;
    enum engine_cache cache;
    struct engine_file {
        int descriptor;
        struct msg_engine_file state; // as it was when the parent checked its digest
    } files[MODEL_FILES_MAX];
    struct view views[MODEL_FILES_MAX]; // mappings, while it is loaded
    uint32_t files_len;
    struct engine *engine; // NULL: not loaded
    uint64_t weights_bytes; // of memory; until its keys are read, of its files
    uint64_t state_least; // bytes of KV and scratch it cannot do without; 0: its keys are not read
    uint64_t state_bytes; // what it took, while it is loaded
    uint64_t page_bytes;  // of keys and values
    uint32_t spill_places; // its pages on disk, at most
    uint64_t spill_at;     // where its part of the file begins
    size_t spill_first;    // its first key
    uint64_t slots;       // bit i: slot i has a job
    uint32_t running;     // of these, begun: it must stay loaded
    int64_t used_ms;      // when a job last began or ended
    struct msg_card card; // its texts stand below
    char name[257], architecture[65], license[65], types[129];
    char refused[385]; // why the parent gave it no files, or its base does without it; "": neither
    char id[129];
    float scale;      // of an adapter
    uint32_t adapter; // its number in its base's engine; 0: it is none, or not loaded
    int chat_template; // a sealed file; -1: none yet
};

// Pages that memory has no room for, of all models. descriptor 0: none was given.
struct engine_spill_file {
    int descriptor;
    uint64_t bytes; // as the configuration has it
    uint8_t (*keys)[SECRET_KEY_LEN]; // one of each place
    uint8_t *scratch;                // one page, sealed
    uint64_t read, written;          // bytes
    uint64_t failed, damaged;        // pages
    uint64_t hits;                   // of engines that were closed
    int64_t told_ms, logged_ms;      // when last; 0: never
};

struct engine_models {
    struct engine_model rows[MODELS_MAX];
    uint32_t len;
    struct engine_adapter adapters[MODELS_MAX]; // while a model is opened with them
    struct msg_engine_setup setup; // what all share
    struct engine_threads *threads;
    struct engine_spill_file spill;
    bool ready; // prepared: the lock is next
};

// room_engine_models.c
void model_arrives(struct engine_models *models, const struct msg_engine_model *setup);
void model_file_arrives(struct engine_models *models, struct msg *msg); // keeps its descriptor
// Before the lock: starts the threads, reads the keys of every model and loads the first. That one
// must be good when setup.strict: a node does not start without. Any other that cannot be read
// fails when it is asked for.
enum sk_code models_prepare(struct engine_models *models);
// Loads a model: maps its files, each only in the state it was checked in, and opens the engine.
// Where memory is short, models without a job leave it, the one unused for longest first. SK_BUSY:
// those that have jobs hold it. SK_LIMIT: it never fits. While it loads, no other model computes.
enum sk_code model_load(struct engine_models *models, struct engine_model *model);
void model_unload(struct engine_models *models, struct engine_model *model);
// The model that an adapter is of, or itself.
struct engine_model *model_base(struct engine_models *models, struct engine_model *model);
// Whether it is an adapter of `base`, or `base` itself.
bool model_is_of(const struct engine_model *model, const struct engine_model *base);
// How many models have an engine of their own when loaded.
uint32_t models_engines(const struct engine_models *models);
// SK_CORRUPT: its files, or those of an adapter it is loaded with, are not any more as they were
// checked.
enum sk_code model_same(const struct engine_models *models, const struct engine_model *model);

// room_engine_spill.c
// How many pages of the model the file has room for; 0 as long as its keys are not read.
uint32_t spill_places(const struct engine_models *models, const struct engine_model *model);
// Before the lock, when the keys of all models were read: takes memory for the keys.
enum sk_code spill_open(struct engine_models *models);
struct engine_spill spill_of(struct engine_model *model);
// Before its engine is closed: nothing of it is to be read any more.
void spill_forget(struct engine_model *model);
// Tells border what was put and found, once a second.
void spill_tell(struct engine_models *models);

// One job. It makes a step only while it has credit, so a slow client slows the engine. Its prompt
// is read without: an event that has no credit yet is held, and the slot waits with it.
struct slot {
    bool used, begun, held;
    struct engine_event event; // held: its parts stay valid until the slot's next step
    uint64_t id;
    struct engine_model *model, *asked; // asked: an adapter of it, or the same
    uint32_t index;        // of the model's slots
    struct view file, job; // the sealed file, mapped, and its part that is the job; until it is
                           // begun, of an operation that gives a result until it is over
    enum gate_operation operation; // this and the next: as border judged
    uint32_t copy, texts, tokens_max;
    void *task; // of room_engine_tasks.c, once begun
    uint32_t credit;
    uint64_t order, tenant;
    uint32_t weight;  // of the tenant
    struct turn *turn; // its tenant's
    int64_t since_ms; // that it waits
    uint32_t prompt_tokens, prompt_cached, prompt_done;
    uint32_t tokens, told, reasoning; // told: announced in pieces; reasoning: of tokens
    enum engine_channel channel;      // of the last part
    bool weighs;                      // log-probabilities are asked for
    struct buf logprobs;              // not told yet, of tokens that brought no part
    uint32_t scored;                  // of the event's scores, those in it or told
};

// One tenant that has jobs here: its turn when jobs wait for memory, charged what is set aside.
struct turn {
    uint64_t tenant;
    uint32_t jobs; // 0: the row is free
    struct fair_flow flow;
};

struct engine_state {
    struct room_self room;
    struct engine_models models;
    struct arena arena; // of one job while it starts
    int32_t *ids;       // the prompt while it starts
    uint32_t ids_max;
    struct slot slots[SLOTS_MAX];
    char logprobs[SLOTS_MAX][PIECE_LOGPROBS_MAX];
    uint64_t orders;
    struct fair turns_now;
    struct turn turns[SLOTS_MAX];
    size_t turn; // of tasks
    bool freed; // since a job last did not find the memory it needs
};
extern struct engine_state engine_room;

int64_t engine_now_ms(void);
// What a loaded model computes is of the weights that were checked. When its files are not any more
// as they were, it leaves the memory, all its jobs fail, and this is false.
bool model_good(struct engine_model *model);
void engine_tell(enum msg_type type, uint64_t id, struct msg *msg);

// room_engine_job.c: one job from its file to its end.
// Reads the job and begins it: SK_BUSY when its memory is not there now.
enum sk_code job_begin(struct slot *slot);
// Tells border the prompt, as int32 token ids, and what a replay needs to know.
enum sk_code job_tell_begun(struct slot *slot, struct view ids, const struct engine_job *job);
// Something came of it; told when there is credit.
void job_event(struct slot *slot, const struct engine_event *event);
void job_tell_event(struct slot *slot);
// The end: one of these. The row is free again, and with it the model's slot and memory.
void job_fail(struct slot *slot, enum sk_code code, struct view text);
void job_end(struct slot *slot, enum end_reason reason);

// room_engine_tasks.c: operations that give a result instead of text. They need no credit: their
// one result waits at border for the seal.
// Takes the task, whose texts stay in slot->file and whose lists do not. SK_UNSUPPORTED: not what
// this model can do.
enum sk_code task_begin(struct slot *slot, const struct gate_task *task);
// A bounded bit of work: some texts become tokens (after the last of them border is told begun),
// one is computed, a job is put into the model's slot, or the result is told and the job is over.
// False: there was nothing to do now.
bool task_step(struct slot *slot);
// Whether a job of its own is in the model's slot, and what comes of it.
bool task_running(const struct slot *slot);
void task_event(struct slot *slot, const struct engine_event *event);
// Frees what it holds, if anything: before its model leaves the memory, and before the slot is
// free.
void task_stop(struct slot *slot);
