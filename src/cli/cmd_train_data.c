#include "cli/output_file.h"
#include "cli/train_cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "node/files.h"

enum { VOCABULARY_MAX = 1 << 28, STATES_MAX = 1 << 20, SCAN_ARENA = 1 << 30 };

// ---- the tokenizer ----

static enum sk_code vocabulary_put(void *self, const void *bytes, size_t len) {
    struct buf *out = self;
    buf_put(out, bytes, len);
    return buf_check(out, "the vocabulary");
}

// The vocabulary as what learns takes it: with the recipe's template.
static enum sk_code tokens_take(const struct recipe *recipe, struct train_source *s) {
    uint32_t end = UINT32_MAX;
    struct engine_options options = {.tokens_only = true, .text_max = DATA_DOCUMENT_MAX};
    TRY(buf_open(&s->vocabulary, VOCABULARY_MAX));
    TRY(result_tokens(recipe, &s->gguf, (struct gguf_sink){vocabulary_put, &s->vocabulary}));
    TRY(gguf_u32(&s->gguf, "tokenizer.ggml.eos_token_id", GGUF_MAY_BE, &end));
    s->tokens.end = (int32_t)end;
    return engine_open_file(&s->tokens.engine, buf_view(&s->vocabulary), options);
}

void train_source_close(struct train_source *s) {
    if (s->tokens.engine) engine_close(s->tokens.engine);
    gguf_close(&s->gguf);
    buf_close(&s->vocabulary);
    if (s->views[0].len) weights_unmap(&s->weights, s->views);
    weights_close(&s->weights);
    *s = (struct train_source){0};
}

// ---- the sources ----

struct outside {
    struct lines lines;
    struct cli_detectors detectors;
    struct detector_set wanted;
    struct arena scan;
    bool live;
};

static enum sk_code outside_open(void *self, const char *path) {
    return lines_open(&((struct outside *)self)->lines, path);
}

static enum sk_code outside_line(void *self, struct view *line) {
    return lines_next(&((struct outside *)self)->lines, line);
}

static enum sk_code outside_close(void *self, uint8_t digest[HASH_LEN], uint64_t *bytes) {
    struct outside *o = self;
    struct stat stat;
    const char *path = o->lines.path;
    lines_close(&o->lines);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
    enum sk_code code = files_digest(file, digest, NULL);
    if (fstat(file, &stat) != 0) code = FAIL(SK_IO, "%s: %s", path, strerror(errno));
    *bytes = (uint64_t)stat.st_size;
    close(file);
    return code;
}

// "⟦person⟧" for each finding; of those that overlap, the first.
static enum sk_code outside_scrub(void *self, struct view text, struct buf *out) {
    struct outside *o = self;
    struct scan scan;
    size_t at = 0;
    arena_reset(&o->scan);
    TRY(cli_detect(&o->detectors, &o->wanted, text, &o->scan, &scan));
    for (uint32_t i = 0; i < scan.findings_len; i++) {
        const struct finding *finding = &scan.findings[i];
        if (finding->at < at) continue;
        buf_put(out, text.at + at, finding->at - at);
        buf_print(out, "⟦%s⟧", detector_name((enum detector)finding->detector));
        at = finding->at + finding->len;
    }
    buf_put_view(out, view_from(text, at));
    return SK_OK;
}

static void outside_told(void *self, const struct recipe_source *source,
                         const struct data_source *count) {
    const struct data_count *train = &count->part[DATA_TRAIN], *held = &count->part[DATA_HELD];
    bool live = ((struct outside *)self)->live, whole = train->rows || held->rows;
    if (!live && !whole) return;
    fprintf(stderr, "%s%s: %llu documents, %llu tokens, %llu held back", live ? "\r" : "",
            source->name.at, (unsigned long long)(train->documents + held->documents),
            (unsigned long long)(train->tokens + held->tokens),
            (unsigned long long)held->documents);
    if (!whole) return;
    fprintf(stderr, "; left out: %llu filtered, %llu repeated, %llu personal, %llu too long%s\n",
            (unsigned long long)count->filtered, (unsigned long long)count->repeated,
            (unsigned long long)count->personal, (unsigned long long)count->long_ones,
            live ? "\033[K" : "");
}

// Detectors whose files are not installed: refused where they were asked for, else told.
static enum sk_code lacking_tell(const struct recipe_scrub *scrub, struct detector_set wanted,
                                 struct detector_set working) {
    char storage[2048];
    struct buf names = buf_over(storage, sizeof storage);
    for (unsigned i = 0; i < DETECTOR_COUNT; i++)
        if (detector_in(&wanted, (enum detector)i) && !detector_in(&working, (enum detector)i))
            buf_print(&names, "%s%s", names.len ? ", " : "", detector_name((enum detector)i));
    if (!names.len) return SK_OK;
    if (scrub->only.len)
        return FAIL(SK_INPUT, "data.scrub.only: the files of these detectors are not installed: "
                              "%.*s", (int)names.len, names.at);
    fprintf(stderr, "data.scrub: not looked for, as their files are not installed: %.*s\n",
            (int)names.len, names.at);
    return SK_OK;
}

static enum sk_code detectors_take(const struct recipe_scrub *scrub, struct outside *o) {
    if (scrub->mode == RECIPE_SCRUB_OFF) return SK_OK;
    TRY(arena_open(&o->scan, "scan", SCAN_ARENA));
    TRY(cli_detectors_open(NULL, NULL, &o->detectors));
    o->wanted.bits = scrub->only.len ? 0 : UINT64_MAX >> (64 - DETECTOR_COUNT);
    for (uint32_t i = 0; i < scrub->only.len; i++)
        if (!detector_set_add(&o->wanted, scrub->only.at[i]))
            return FAIL(SK_INPUT, "data.scrub.only: no detector is called '%s'",
                        scrub->only.at[i].at);
    TRY(lacking_tell(scrub, o->wanted, o->detectors.working));
    o->wanted.bits &= o->detectors.working.bits;
    return SK_OK;
}

// What changes when a source's file does.
static enum sk_code states_put(const struct recipe *recipe, struct buf *out) {
    for (uint32_t i = 0; i < recipe->data.sources_len; i++)
        for (uint32_t k = 0; k < recipe->data.sources[i].files.len; k++) {
            const char *path = recipe->data.sources[i].files.at[k].at;
            struct stat state;
            if (stat(path, &state) != 0) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
            buf_print(out, "%llu %llu %lld.%09ld %s\n", (unsigned long long)state.st_ino,
                      (unsigned long long)state.st_size, (long long)state.st_mtim.tv_sec,
                      state.st_mtim.tv_nsec, path);
        }
    return buf_check(out, "the list of files");
}

static enum sk_code key_of(const struct recipe *recipe, struct view tokens,
                           uint8_t key[HASH_LEN]) {
    struct buf states = {0};
    TRY(buf_open(&states, STATES_MAX));
    enum sk_code code = states_put(recipe, &states);
    if (code == SK_OK) code = data_key(recipe, tokens, buf_view(&states), key);
    buf_close(&states);
    return code;
}

static struct data_outside outside_of(struct outside *o) {
    o->live = isatty(STDERR_FILENO);
    return (struct data_outside){.self = o,
                                 .open = outside_open,
                                 .line = outside_line,
                                 .close = outside_close,
                                 .scrub = outside_scrub,
                                 .told = outside_told};
}

static void outside_close_all(struct outside *o) {
    cli_detectors_close(&o->detectors);
    arena_close(&o->scan);
}

static enum sk_code data_make(const struct recipe *recipe, const struct train_source *source,
                              const struct world *world, const uint8_t key[HASH_LEN],
                              struct data *data) {
    static struct outside o;
    enum sk_code code = data_open(data, world, recipe, key);
    if (code != SK_UNKNOWN && code != SK_CORRUPT) return code;
    const struct data_outside outside = outside_of(&o);
    code = detectors_take(&recipe->data.scrub, &o);
    if (code == SK_OK) code = data_build(recipe, key, &source->tokens, &outside, world);
    outside_close_all(&o);
    return code == SK_OK ? data_open(data, world, recipe, key) : code;
}

enum sk_code train_data_open(const struct recipe *recipe, const struct train_source *source,
                             const struct run_group *group, const struct world *world,
                             struct data *data) {
    uint8_t key[HASH_LEN], digest[HASH_LEN];
    bool first = !group || group->rank == 0;
    if (first) {
        hash_of(source->vocabulary.at, source->vocabulary.len, digest);
        TRY(key_of(recipe, (struct view){(const char *)digest, HASH_LEN}, key));
        TRY(data_make(recipe, source, world, key, data));
    }
    if (group) TRY(group_first(group, key)); // the others wait here until it is built
    return first ? SK_OK : data_open(data, world, recipe, key);
}

// ---- a tokenizer of its own ----

static void tokens_tell(void *self, enum tokens_stage stage, uint64_t done, uint64_t of) {
    const struct outside *o = self;
    if (!o->live) return;
    if (stage == TOKENS_READING)
        fprintf(stderr, "\rtokenizer: %llu MB read\033[K", (unsigned long long)(done >> 20));
    else
        fprintf(stderr, "\rtokenizer: %llu pieces of %llu\033[K", (unsigned long long)done,
                (unsigned long long)of);
}

static enum sk_code learn(const struct recipe *recipe, const uint8_t key[HASH_LEN],
                          const char *path) {
    static struct outside o;
    struct output_file out = {0};
    const struct data_outside outside = outside_of(&o);
    const struct tokens_watch watch = {tokens_tell, &o};
    enum sk_code code = detectors_take(&recipe->data.scrub, &o);
    if (code == SK_OK) code = output_open(&out, path, true);
    if (code == SK_OK)
        code = vocabulary_make(recipe, key, &outside, &watch, (struct gguf_sink){output_put, &out});
    if (code == SK_OK) code = output_commit(&out);
    if (o.live) fputs("\r\033[K", stderr);
    output_close(&out);
    outside_close_all(&o);
    return code;
}

static enum sk_code weights_take(const char *path, struct train_source *s) {
    TRY(weights_open(&s->weights, path));
    TRY(weights_map(&s->weights, s->views));
    return gguf_open(&s->gguf, s->views, s->weights.len);
}

static enum sk_code own_make(const struct recipe *recipe, const char *path,
                             uint8_t key[HASH_LEN]) {
    struct train_source was = {0};
    TRY(key_of(recipe, VIEW("tokenizer"), key));
    bool there = weights_take(path, &was) == SK_OK && vocabulary_is(&was.gguf, key);
    train_source_close(&was);
    return there ? SK_OK : learn(recipe, key, path);
}

static enum sk_code own_open(const struct recipe *recipe, const struct run_group *group,
                             struct train_source *s) {
    uint8_t key[HASH_LEN];
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/tokenizer.gguf", recipe->output.at) >= (int)sizeof path)
        return FAIL(SK_LIMIT, "output: the path is too long");
    if (!group || group->rank == 0) TRY(own_make(recipe, path, key));
    if (group) TRY(group_first(group, key)); // the others wait here until it is learned
    return weights_take(path, s);
}

enum sk_code train_source_open(const struct recipe *recipe, const struct run_group *group,
                               struct train_source *s) {
    const char *path = recipe->base.len ? recipe->base.at : recipe->tokenizer.file.at;
    *s = (struct train_source){0};
    enum sk_code code = path ? weights_take(path, s) : own_open(recipe, group, s);
    if (code == SK_OK) code = tokens_take(recipe, s);
    return code == SK_OK || !path ? code : fail_within(code, "%s", path);
}
