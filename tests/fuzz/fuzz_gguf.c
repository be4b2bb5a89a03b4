// Any bytes as a model file: refused with a text, or opened and run a few steps within the memory
// allowed. Never a crash, a hang or a read outside.
#include <stdint.h>

#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct engine *engine) {
    static const struct engine_message message = {ENGINE_USER, {"hello <|im_end|>", 16}};
    struct engine_job job = {.prompt = VIEW("hello world"), .tokens_max = 3};
    int32_t ids[256];
    size_t len;
    must(engine_prompt(engine, &job, ids, 256, &len) == SK_OK || *fail_text());
    job.messages = &message;
    job.messages_len = 1;
    if (engine_prompt(engine, &job, ids, 256, &len) != SK_OK) {
        ids[0] = 0;
        len = 1;
    }
    if (engine_start(engine, 0, &job, ids, len) != SK_OK) return;
    struct engine_event event = {0};
    while (engine_step(engine, 0, &event) == SK_OK && event.kind <= ENGINE_TEXT) {}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct engine *engine;
    struct engine_options options = {
        .context = 64, .slots = 1, .threads = 1, .memory_max = 4 << 20, .kernels = ENGINE_AUTO};
    struct view file = {(const char *)data, size};
    enum sk_code code = engine_open(&engine, file, options);
    if (code == SK_LIMIT) { // the file's own context may be below 64
        options.context = 0;
        code = engine_open(&engine, file, options);
    }
    must((code == SK_OK) == (engine != NULL));
    if (code != SK_OK) {
        must(*fail_text());
        return 0;
    }
    run(engine);
    engine_close(engine);
    return 0;
}
