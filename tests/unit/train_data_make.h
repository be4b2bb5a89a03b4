// Sources in memory, a small tokenizer and a simulated disk, for tests of data and runs.
#pragma once
#include "gguf_make.h"
#include "train/data.h"

struct source_file {
    const char *path, *text;
};

struct sources {
    struct make make;
    struct data_tokens tokens;
    struct world_sim *sim;
    struct world world;
    const struct source_file *files; // ended by a zeroed one
    const struct source_file *open;
    size_t at;
    struct data_outside outside;
};

static inline enum sk_code sources_line(void *self, struct view *line) {
    struct sources *s = self;
    struct view rest = view_from(view_of(s->open->text), s->at);
    const char *end = rest.len ? memchr(rest.at, '\n', rest.len) : NULL;
    *line = (struct view){rest.at, end ? (size_t)(end - rest.at) + 1 : rest.len};
    s->at += line->len;
    return SK_OK;
}

static inline enum sk_code sources_file_open(void *self, const char *path) {
    struct sources *s = self;
    s->at = 0;
    for (s->open = s->files; s->open->path; s->open++)
        if (strcmp(s->open->path, path) == 0) return SK_OK;
    return FAIL(SK_IO, "%s: no such file", path);
}

static inline enum sk_code sources_file_close(void *self, uint8_t digest[HASH_LEN],
                                              uint64_t *bytes) {
    struct sources *s = self;
    *bytes = s->open->path ? strlen(s->open->text) : 0;
    hash_of(s->open->path ? s->open->text : "", *bytes, digest);
    return SK_OK;
}

// Digits are personal.
static inline enum sk_code sources_scrub(void *self, struct view text, struct buf *out) {
    (void)self;
    for (size_t i = 0; i < text.len; i++)
        buf_put_char(out, text.at[i] >= '0' && text.at[i] <= '9' ? '#' : text.at[i]);
    return SK_OK;
}

static inline void sources_open(struct sources *s, const struct source_file *files,
                                const char *chat_template) {
    *s = (struct sources){.files = files, .make = {.chat_template = chat_template}};
    struct engine_options options = {.tokens_only = true, .text_max = DATA_DOCUMENT_MAX};
    must(engine_open_file(&s->tokens.engine, make_file(&s->make), options) == SK_OK);
    s->tokens.end = 2;
    must(world_sim_open(&s->sim, 1) == SK_OK);
    s->world = world_sim_world(s->sim);
    s->outside = (struct data_outside){.self = s,
                                       .open = sources_file_open,
                                       .line = sources_line,
                                       .close = sources_file_close,
                                       .scrub = sources_scrub};
}

static inline void sources_close(struct sources *s) {
    engine_close(s->tokens.engine);
    make_free(&s->make);
    world_sim_close(s->sim);
}
