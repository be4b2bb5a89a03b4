#include "base/text.h"
#include "cli/cli.h"
#include "node/parent.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho model add FILE [--id NAME] [--config FILE]\n\n"
    "Checks a GGUF file whole (of a split model: name the first part), shows its digest, shape\n"
    "and licence, lets it answer once, and adds it to the configured models, or puts it in place\n"
    "of the one with that name (the old file is kept as NAME.old). Restart the node then.\n";

static void progress(uint64_t done, uint64_t all) {
    static int last = -1;
    int percent = all ? (int)(done * 100 / all) : 100;
    if (percent == last || !isatty(STDERR_FILENO)) return;
    last = percent;
    fprintf(stderr, "\rreading %3d%%%s", percent, percent == 100 ? "\r            \r" : "");
}

// Reads every file whole, and leaves what it found to the node's next start.
static enum sk_code print_digest(const struct conf *conf, const char *path) {
    static struct weights weights;
    static struct digests digests;
    char hex[2 * HASH_LEN], cache[PARENT_PATH_MAX];
    parent_digests_path(conf, cache);
    digests_read(cache, &digests);
    TRY(weights_open(&weights, path));
    enum sk_code code = weights_check(&weights, &digests, true, progress);
    if (code == SK_OK) {
        struct buf out = buf_over(hex, sizeof hex);
        hex_put(&out, weights.digest, HASH_LEN);
        printf("file        %s\n", path);
        if (weights.len > 1) printf("parts       %u\n", weights.len);
        printf("sha256      %.*s\n", (int)out.len, out.at);
        if (access(conf->data, W_OK) == 0) digests_write(cache, &digests); // it only saves time
    }
    weights_close(&weights);
    return code;
}

static void print_text(const char *label, struct view text) {
    if (text.len == 0) text = VIEW("not stated");
    printf("%-10s  ", label);
    cli_print(text);
    putchar('\n');
}

static void print_shape(const struct engine_shape *shape) {
    print_text("name", shape->name);
    print_text("licence", shape->license);
    print_text("family", shape->architecture);
    double millions = (double)shape->parameters / 1e6, mb = (double)shape->file_bytes / 1e6;
    printf("weights     %.2f M, %s, %.1f MB\n", millions, shape->type_text, mb);
    printf("shape       %u layers, width %u, heads %u/%u, vocabulary %u\n", shape->layers,
           shape->width, shape->heads, shape->heads_kv, shape->vocabulary);
    printf("context     %u tokens; %.1f MB of state for one answer\n", shape->context,
           (double)shape->state_bytes / 1e6);
    printf("template    %s\n", shape->chat_template.len ? "its own" : "none: raw text only");
}

static enum sk_code try_answer(struct cli_model *model) {
    struct engine_message hello = {ENGINE_USER, VIEW("こんにちは")};
    struct engine_shape shape = engine_shape(model->engine);
    bool chat = shape.chat_template.len > 0;
    struct engine_job job = {.messages = &hello,
                             .messages_len = chat ? 1 : 0,
                             .prompt = chat ? VIEW("") : VIEW("Hello"),
                             .tokens_max = 32};
    struct cli_answer answer;
    printf("test        %s → ", chat ? "こんにちは" : "Hello");
    fflush(stdout);
    enum sk_code code = cli_answer(model, &job, NULL, NULL, &answer);
    putchar('\n');
    return code;
}

// A name for clients: the file's own, without directory, "-00001-of-0000N" and ".gguf".
static void default_id(const char *path, uint32_t parts, char *out, size_t max) {
    const char *slash = strrchr(path, '/');
    snprintf(out, max, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(out, '.');
    if (dot && strcmp(dot, ".gguf") == 0) *dot = 0;
    size_t len = strlen(out), split = strlen("-00001-of-00002");
    if (parts > 1 && len > split) out[len - split] = 0;
}

// Where the model goes: in place of the one with its id or of one without a file, else behind.
static struct conf_model *place_find(struct conf *conf, const char *id) {
    for (uint32_t i = 0; i < conf->models_len; i++)
        if (strcmp(conf->models[i].id, id) == 0 || !conf->models[i].file[0])
            return &conf->models[i];
    if (conf->models_len == CONF_MODELS_MAX) return NULL;
    struct conf_model *model = &conf->models[conf->models_len++];
    model->parallel = conf->models[0].parallel;
    return model;
}

static enum sk_code add(const char *path, const char *id, struct conf *conf) {
    static struct cli_model model;
    static struct conf with; // the configuration with this model alone, to try it
    char *real = realpath(path, NULL), name[sizeof conf->models->id];
    if (!real || strlen(real) >= sizeof conf->models->file) {
        free(real);
        return FAIL(SK_UNKNOWN, "%s: no such file, or its path is too long", path);
    }
    with = *conf;
    snprintf(with.models[0].file, sizeof with.models[0].file, "%s", real);
    enum sk_code code = print_digest(conf, real);
    if (code == SK_OK) code = cli_model_open(&with, 0, &model);
    if (code == SK_OK) {
        struct engine_shape shape = engine_shape(model.engine);
        print_shape(&shape);
        code = try_answer(&model);
        default_id(real, model.weights.len, name, sizeof name);
    }
    cli_model_close(&model);
    if (code == SK_OK) {
        if (id) snprintf(name, sizeof name, "%s", id);
        struct conf_model *place = place_find(conf, name);
        if (!place) code = FAIL(SK_LIMIT, "there are %d models already", CONF_MODELS_MAX);
        if (place) {
            memset(place->id, 0, sizeof place->id);
            memset(place->file, 0, sizeof place->file);
            snprintf(place->id, sizeof place->id, "%s", name);
            snprintf(place->file, sizeof place->file, "%s", real);
            code = cli_conf_save(conf);
            if (code == SK_OK) printf("served as   %s (restart the node)\n", name);
        }
    }
    free(real);
    return code;
}

int cmd_model(int argc, char **argv) {
    static struct conf conf;
    const char *config = NULL, *id = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {"--id", &id, NULL}, {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 2 || strcmp(argv[1], "add") != 0) return cli_usage(usage, "model add FILE");
    if (id && (!id[0] || strlen(id) > 128)) return cli_usage(usage, "--id is 1 to 128 bytes");
    if (conf_read_file(config, &conf) != SK_OK) return cli_failed();
    return add(argv[2], id, &conf) == SK_OK ? EXIT_DONE : cli_failed();
}
