// parity_ours FILE [adapter=FILE] WHAT=IDS...: what the engine computes from a GGUF file, with a LoRA
// where one is named, and token ids, as JSON.
//   greedy=ids           64 tokens after ids, each the most probable, and its lead over the next
//   forced=ids/tokens    the most probable token at each step when the tokens before it are these
//   score=ids            logarithm of the probability of each id but the first
//   embed=ids            the embedding
//   rank=ids             a reranker's score
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "engine/engine.h"

enum { CONTEXT = 512, STEPS = 64 };

struct ids {
    int32_t at[CONTEXT];
    uint32_t len;
};

// "1,2,3" up to '/' or the end.
static const char *ids_take(const char *text, struct ids *ids) {
    ids->len = 0;
    while (*text && *text != '/' && ids->len < CONTEXT) {
        char *end;
        ids->at[ids->len++] = (int32_t)strtol(text, &end, 10);
        must(end != text && (*end == ',' || *end == '/' || !*end));
        text = *end == ',' ? end + 1 : end;
    }
    return *text == '/' ? text + 1 : text;
}

static uint32_t adapter; // 1: the one that was named

static enum sk_code start(struct engine *engine, const struct ids *ids, uint32_t tokens_max) {
    struct engine_job job = {
        .tokens_max = tokens_max, .logprobs = 1 + 2, .tenant = 1, .adapter = adapter};
    return engine_start(engine, 0, &job, ids->at, ids->len);
}

// The next event that brings a token.
static enum sk_code next_token(struct engine *engine, struct engine_event *event) {
    uint32_t slot = 0;
    do {
        engine_step(engine, &slot, 1, event);
        if (event->kind == ENGINE_FAILED)
            return FAIL(event->code, "%.*s", (int)event->why.len, event->why.at);
    } while (event->kind == ENGINE_PREFILL || event->kind == ENGINE_WAITED);
    return SK_OK;
}

static double lead(const struct engine_event *event) {
    return event->top_len > 1 ? (double)(event->top[0].logprob - event->top[1].logprob) : 0;
}

static enum sk_code greedy(struct engine *engine, const char *text) {
    struct ids ids;
    struct engine_event event;
    ids_take(text, &ids);
    TRY(start(engine, &ids, STEPS));
    printf("\"greedy\": [");
    for (uint32_t i = 0; i < STEPS; i++) {
        TRY(next_token(engine, &event));
        printf("%s{\"token\": %d, \"gap\": %.9g}", i ? ", " : "", event.token, lead(&event));
        if (event.kind != ENGINE_TEXT) break;
    }
    printf("]");
    return SK_OK;
}

static enum sk_code forced(struct engine *engine, const char *text) {
    struct ids ids, tokens;
    struct engine_event event;
    ids_take(ids_take(text, &ids), &tokens);
    printf("\"forced\": [");
    for (uint32_t i = 0; i < tokens.len; i++) {
        TRY(start(engine, &ids, 1));
        TRY(next_token(engine, &event));
        printf("%s%d", i ? ", " : "", event.token);
        ids.at[ids.len++] = tokens.at[i];
    }
    printf("]");
    return SK_OK;
}

static void print_floats(const char *name, const float *values, size_t len) {
    printf("\"%s\": [", name);
    for (size_t i = 0; i < len; i++) printf("%s%.9g", i ? ", " : "", (double)values[i]);
    printf("]");
}

static enum sk_code score(struct engine *engine, const char *text) {
    struct ids ids;
    float logprobs[CONTEXT];
    ids_take(text, &ids);
    TRY(engine_score_adapted(engine, adapter, ids.at, ids.len, logprobs));
    print_floats("score", logprobs + 1, ids.len - 1);
    return SK_OK;
}

static enum sk_code embed(struct engine *engine, const char *text) {
    struct ids ids;
    float out[4096];
    ids_take(text, &ids);
    must(engine_shape(engine).width <= sizeof out / sizeof *out);
    TRY(engine_embed(engine, ids.at, ids.len, out));
    print_floats("embed", out, engine_shape(engine).width);
    return SK_OK;
}

static enum sk_code rank(struct engine *engine, const char *text) {
    struct ids ids;
    float score;
    ids_take(text, &ids);
    TRY(engine_rank(engine, ids.at, ids.len, &score));
    printf("\"rank\": %.9g", (double)score);
    return SK_OK;
}

static enum sk_code run(struct engine *engine, const char *word) {
    static const struct {
        const char *name;
        enum sk_code (*run)(struct engine *, const char *);
    } tasks[] = {{"greedy=", greedy}, {"forced=", forced}, {"score=", score}, {"embed=", embed},
                 {"rank=", rank}};
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        size_t len = strlen(tasks[i].name);
        if (strncmp(word, tasks[i].name, len) == 0) return tasks[i].run(engine, word + len);
    }
    return FAIL(SK_INPUT, "%s?", word);
}

static enum sk_code map(const char *path, struct view *file) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
    file->len = (size_t)info.st_size;
    file->at = mmap(NULL, file->len, PROT_READ, MAP_PRIVATE, fd, 0);
    return file->at == MAP_FAILED ? FAIL(SK_IO, "%s: %s", path, strerror(errno)) : SK_OK;
}

int main(int argc, char **argv) {
    struct engine *engine = NULL;
    struct engine_options options = {.context = CONTEXT, .slots = 1, .threads = 1};
    struct engine_adapter low = {.name = VIEW("adapter"), .scale = 1};
    struct view file;
    if (argc < 3) return 2;
    enum sk_code code = map(argv[1], &file);
    int first = 2;
    if (code == SK_OK && strncmp(argv[2], "adapter=", 8) == 0) {
        code = map(argv[2] + 8, &low.file);
        options.adapters = &low;
        adapter = options.adapters_len = 1;
        first = 3;
    }
    if (code == SK_OK) code = engine_open(&engine, &file, 1, options);
    printf("{");
    for (int i = first; i < argc && code == SK_OK; i++) {
        if (i > first) printf(", ");
        code = run(engine, argv[i]);
    }
    printf("}\n");
    if (code != SK_OK) fprintf(stderr, "%s\n", fail_text());
    engine_close(engine);
    return code == SK_OK ? 0 : 1;
}
