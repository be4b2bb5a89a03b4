// Any bytes as a model: refused with a text, or opened and run a few steps within the memory
// allowed. Never a crash, a hang or a read outside. Bytes that begin with "2" and a length (u32) are
// a model of two files, the first that long.
#include <stdint.h>
#include <stdlib.h>

#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct engine *engine) {
    static const struct engine_message message = {ENGINE_USER, {"hello <|im_end|>", 16}};
    struct engine_job job = {.prompt = VIEW("hello world"), .tokens_max = 3};
    int32_t ids[256];
    float embedding[4096];
    size_t len;
    must(engine_prompt(engine, &job, ids, 256, &len) == SK_OK || *fail_text());
    job.messages = &message;
    job.messages_len = 1;
    if (engine_prompt(engine, &job, ids, 256, &len) != SK_OK) {
        ids[0] = 0;
        len = 1;
    }
    struct engine_shape shape = engine_shape(engine);
    if (shape.encoder && shape.width <= sizeof embedding / sizeof *embedding)
        must(engine_embed(engine, ids, len, embedding) == SK_OK || *fail_text());
    if (engine_start(engine, 0, &job, ids, len) != SK_OK) return;
    struct engine_event event = {0};
    do engine_step(engine, &(uint32_t){0}, 1, &event);
    while (event.kind <= ENGINE_TEXT);
}

static void try_files(const struct view *files, size_t len) {
    struct engine *engine;
    struct engine_options options = {
        .context = 64, .slots = 1, .threads = 1, .memory_max = 4 << 20, .kernels = ENGINE_AUTO};
    enum sk_code code = engine_open(&engine, files, len, options);
    if (code == SK_LIMIT) { // the file's own context may be below 64
        options.context = 0;
        code = engine_open(&engine, files, len, options);
    }
    must((code == SK_OK) == (engine != NULL));
    struct engine_shape shape;
    enum sk_code look = engine_look(files, len, options, &shape);
    must(look == SK_OK ? shape.state_bytes > 0 : code != SK_OK); // what opens can be looked at
    if (code != SK_OK) {
        must(*fail_text());
        return;
    }
    run(engine);
    engine_close(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t first_len;
    struct view files[2] = {{(const char *)data, size}};
    if (size < 5 || data[0] != '2') {
        try_files(files, 1);
        return 0;
    }
    memcpy(&first_len, data + 1, sizeof first_len);
    struct view rest = view_from(files[0], 5);
    if (first_len > rest.len) first_len = (uint32_t)rest.len;
    char *first = malloc(first_len ? first_len : 1); // exact, as the bytes of replay.c
    must(first != NULL);
    memcpy(first, rest.at, first_len);
    files[0] = (struct view){first, first_len};
    files[1] = view_from(rest, first_len);
    try_files(files, 2);
    free(first);
    return 0;
}
