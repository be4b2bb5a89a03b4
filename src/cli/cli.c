#include "cli/cli.h"

#include "base/text.h"
#include "base/world.h"
#include "node/files.h"
#include "node/lineage.h"
#include "node/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_failed(void) {
    fprintf(stderr, "sekisho: %s\n", fail_text());
    return EXIT_FAILED;
}

int cli_usage(const char *usage, const char *format, ...) {
    va_list list;
    va_start(list, format);
    fprintf(stderr, "sekisho: ");
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, "\n\n%s", usage);
    return EXIT_USAGE;
}

enum sk_code cli_read(const char *path, struct buf *out) {
    char block[4096];
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!file) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
    for (size_t n; !out->over && (n = fread(block, 1, sizeof block, file)) > 0;)
        buf_put(out, block, n);
    bool failed = ferror(file);
    if (file != stdin) fclose(file);
    if (failed) return FAIL(SK_IO, "%s cannot be read", path);
    return buf_check(out, path);
}

void cli_print(struct view text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        // C0, DEL, and C1 (U+0080 to U+009F: 0xc2, then 0x80 to 0x9f).
        bool second = c >= 0x80 && c < 0xa0 && i > 0 && (unsigned char)text.at[i - 1] == 0xc2;
        putchar(c < 0x20 || c == 0x7f || second ? '?' : c);
    }
}

bool cli_options(int argc, char **argv, const char *usage, const struct cli_option *options,
                 int *rest) {
    *rest = 0;
    for (int i = 1; i < argc; i++) {
        const struct cli_option *option = options;
        while (option->name && strcmp(option->name, argv[i]) != 0) option++;
        if (!option->name && strncmp(argv[i], "--", 2) != 0) {
            argv[1 + (*rest)++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            exit(EXIT_DONE);
        }
        if (!option->name) {
            cli_usage(usage, "no option %s here", argv[i]);
            return false;
        }
        if (option->flag) {
            *option->flag = true;
        } else if (i + 1 < argc) {
            *option->value = argv[++i];
        } else {
            cli_usage(usage, "%s needs a value", argv[i]);
            return false;
        }
    }
    return true;
}

bool cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *out) {
    return decimal_take(view_of(text), out) && *out >= min && *out <= max;
}

// As a node does before it loads a model; bytes that a node read lately are not read again.
static enum sk_code lineage_good(const struct conf *conf, const struct conf_model *row,
                                 struct weights *weights) {
    static struct digests digests;
    struct lineage lineage;
    char cache[PARENT_PATH_MAX];
    if (!row->signed_by[0]) return lineage_check(conf, row, weights, &lineage);
    parent_digests_path(conf, cache);
    digests_read(cache, &digests);
    TRY(weights_check(weights, &digests, false, NULL));
    return lineage_check(conf, row, weights, &lineage);
}

// What is 0 in `options` is as the row says; a conf outlives its model.
static enum sk_code model_open(const struct conf *conf, const struct conf_model *row,
                               struct engine_options *options, struct cli_model *model) {
    *model = (struct cli_model){.path = row->file, .configured = model->configured};
    if (!options->context) options->context = (uint32_t)row->context;
    if (!options->slots) options->slots = 1;
    if (!options->threads) options->threads = conf_threads(conf);
    enum sk_code code = weights_open(&model->weights, row->file);
    if (code != SK_OK) return fail_within(code, "model");
    uint64_t memory = conf_memory(conf), bytes = model->weights.bytes;
    if (!options->memory_max) options->memory_max = memory > bytes ? memory - bytes : 1;
    if (model->configured) code = lineage_good(conf, row, &model->weights);
    if (code == SK_OK) code = weights_map(&model->weights, model->views);
    if (code == SK_OK)
        code = engine_open(&model->engine, model->views, model->weights.len, *options);
    return code == SK_OK ? code : fail_within(code, "model %s", row->file);
}

enum sk_code cli_model_with(const char *file, struct engine_options *options,
                            struct cli_model *model) {
    static struct conf conf;
    *model = (struct cli_model){.configured = !file};
    enum sk_code code = conf_read(NULL, &conf);
    if (code != SK_OK && code != SK_UNKNOWN) return code;
    struct conf_model *first = &conf.models[0];
    if (file && strlen(file) >= sizeof first->file)
        return FAIL(SK_LIMIT, "model: the path is longer than %zu bytes", sizeof first->file);
    if (file) snprintf(first->file, sizeof first->file, "%s", file);
    return model_open(&conf, first, options, model);
}

enum sk_code cli_model_configured(const char *file, struct cli_model *model) {
    struct engine_options options = {0};
    return cli_model_with(file, &options, model);
}

enum sk_code cli_model_open(const struct conf *conf, uint32_t index, struct cli_model *model) {
    struct engine_options options = {0};
    model->configured = true;
    return model_open(conf, &conf->models[index], &options, model);
}

void cli_model_close(struct cli_model *model) {
    if (model->engine) engine_close(model->engine);
    if (model->views[0].len) weights_unmap(&model->weights, model->views);
    weights_close(&model->weights);
    *model = (struct cli_model){0};
}

static enum sk_code answer_steps(struct cli_model *model, const volatile sig_atomic_t *stop,
                                 struct buf *out, struct cli_answer *answer) {
    struct world world = world_real(-1);
    int64_t started = world.monotonic_us(world.self);
    for (;;) {
        if (stop && *stop) {
            engine_stop(model->engine, 0);
            answer->stopped = true;
            return SK_OK;
        }
        struct engine_event event;
        engine_step(model->engine, &(uint32_t){0}, 1, &event);
        if (event.kind == ENGINE_FAILED)
            return FAIL(event.code, "%.*s", (int)event.why.len, event.why.at);
        answer->all_us = world.monotonic_us(world.self) - started;
        answer->tokens = event.tokens;
        if (event.kind == ENGINE_PREFILL) continue;
        char storage[ENGINE_PIECE_MAX];
        struct buf text = buf_over(storage, sizeof storage);
        engine_event_content(&event, &text);
        must(!text.over);
        if (text.len > 0) {
            if (answer->first_us == 0) answer->first_us = answer->all_us;
            fwrite(text.at, 1, text.len, stdout);
            fflush(stdout);
            if (out) buf_put_view(out, buf_view(&text));
        }
        if (event.kind != ENGINE_TEXT) return SK_OK;
    }
}

enum sk_code cli_answer(struct cli_model *model, const struct engine_job *job,
                        const volatile sig_atomic_t *stop, struct buf *out,
                        struct cli_answer *answer) {
    *answer = (struct cli_answer){0};
    size_t max = engine_shape(model->engine).context, len;
    int32_t *ids = calloc(max, sizeof *ids);
    if (!ids) return FAIL(SK_LIMIT, "no memory for %zu token ids", max);
    enum sk_code code = engine_prompt(model->engine, job, ids, max, &len);
    if (code == SK_OK) code = engine_start(model->engine, 0, job, ids, len);
    free(ids);
    if (code != SK_OK) return code;
    answer->prompt_tokens = (uint32_t)len;
    return answer_steps(model, stop, out, answer);
}

enum sk_code cli_conf_save(const struct conf *conf) {
    enum { TEXT_MAX = 1 << 20 };
    static struct conf again;
    char fresh[CONF_PATH_MAX + 8], old[CONF_PATH_MAX + 8];
    struct stat was;
    snprintf(fresh, sizeof fresh, "%s.new", conf->file);
    snprintf(old, sizeof old, "%s.old", conf->file);
    struct buf text;
    if (stat(conf->file, &was) != 0) return FAIL(SK_IO, "%s: %s", conf->file, strerror(errno));
    TRY(buf_open(&text, TEXT_MAX));
    conf_write(conf, true, &text);
    unlink(fresh);
    enum sk_code code = buf_check(&text, "configuration");
    if (code == SK_OK) code = files_create(fresh, buf_view(&text), 0600);
    buf_close(&text);
    if (code != SK_OK) return code;
    code = conf_read(fresh, &again); // a node must be able to read it: else nothing changes
    // Who could read the old one can read this one: the node's user, when root writes it.
    if (code == SK_OK && (chown(fresh, was.st_uid, was.st_gid) || chmod(fresh, was.st_mode & 0777)))
        code = FAIL(SK_DENIED, "%s: %s", fresh, strerror(errno));
    if (code == SK_OK && ((unlink(old) && errno != ENOENT) || link(conf->file, old) ||
                          rename(fresh, conf->file)))
        code = FAIL(SK_IO, "%s: %s", conf->file, strerror(errno));
    if (code != SK_OK) unlink(fresh);
    return code;
}

enum sk_code cli_key_make(char text[64], uint8_t digest[HASH_LEN]) {
    uint8_t bytes[24];
    struct world world = world_real(-1);
    TRY(world.random(world.self, bytes, sizeof bytes));
    struct buf out = buf_over(text, 63);
    buf_put_text(&out, "sk-");
    hex_put(&out, bytes, sizeof bytes);
    text[out.len] = 0;
    hash_of(text, out.len, digest);
    return SK_OK;
}
