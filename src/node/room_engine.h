// The engine room's models, shared by its files.
#pragma once
#include "engine/engine.h"
#include "node/file_state.h"
#include "node/room.h"

// One model: its files as the parent handed them over, and its engine while it is loaded.
struct engine_model {
    struct msg_engine_model setup;
    struct engine_file {
        int descriptor;
        struct msg_engine_file state; // as it was when the parent checked its digest
    } files[MODEL_FILES_MAX];
    struct view views[MODEL_FILES_MAX]; // mappings, while it is loaded
    uint32_t files_len;
    struct engine *engine; // NULL: not loaded
    uint64_t file_bytes;
    uint64_t state_least; // bytes of KV and scratch it cannot do without; 0: its keys are not read
    uint64_t state_bytes; // what it took, while it is loaded
    uint64_t slots;       // bit i: slot i has a job
    uint32_t running;     // of these, begun: it must stay loaded
    int64_t used_ms;      // when a job last began or ended
    struct msg_card card; // its texts stand below
    char name[257], architecture[65], license[65], types[129];
    int chat_template; // a sealed file; -1: none yet
};

struct engine_models {
    struct engine_model rows[MODELS_MAX];
    uint32_t len;
    struct msg_engine_setup setup; // what all share
    struct engine_threads *threads;
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
void model_unload(struct engine_model *model);
// SK_CORRUPT: its files are not any more as they were checked.
enum sk_code model_same(const struct engine_model *model);
