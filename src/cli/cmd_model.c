// `sekisho model add`: a model file checked whole, shown, tried once, and put into the
// configuration. Refuses: to serve what does not answer here; nothing is changed until it did.
#include "cli/cli.h"
#include "node/parent.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho model add FILE [--id NAME] [--adapter-of ID] [--signed-by PEM]\n"
    "                         [--config FILE]\n"
    "       sekisho model sign FILE --key PEM\n"
    "       sekisho model verify FILE --key PEM\n"
    "       sekisho model quantize IN OUT --type TYPE\n"
    "       sekisho model merge BASE ADAPTER OUT [--type TYPE]\n"
    "       sekisho model record RECORD.json\n"
    "       sekisho model card RECORD.json [--bom]\n\n"
    "add:\n"
    "Checks a GGUF file whole (of a split model: name the first part), shows its digest, shape\n"
    "and licence, lets it answer once, and adds it to the configured models, or puts it in place\n"
    "of the one with that name (the old file is kept as NAME.old). Restart the node then.\n"
    "  --adapter-of ID   the file is a LoRA adapter of the configured model ID\n"
    "  --signed-by PEM   it is served only when the owner of this public key signed it\n";

struct words {
    const char *id, *adapter_of, *signed_by;
};

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
    char cache[PARENT_PATH_MAX];
    parent_digests_path(conf, cache);
    digests_read(cache, &digests);
    TRY(weights_open(&weights, path));
    enum sk_code code = weights_check(&weights, &digests, true, progress);
    if (code == SK_OK) {
        printf("file        %s\n", path);
        if (weights.len > 1) printf("parts       %u\n", weights.len);
        cli_print_digest("sha256", weights.digest);
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

static enum sk_code try_embedding(struct cli_model *model, const struct engine_shape *shape) {
    struct engine_job job = {.prompt = VIEW("こんにちは")};
    int32_t ids[64];
    size_t len;
    float *vector = calloc(shape->width, sizeof *vector);
    enum sk_code code = vector ? SK_OK : FAIL(SK_LIMIT, "memory: none left");
    if (code == SK_OK) code = engine_prompt(model->engine, &job, ids, 64, &len);
    if (code == SK_OK) code = engine_embed(model->engine, ids, len, vector);
    if (code == SK_OK)
        printf("test        こんにちは → an embedding of %u numbers\n", shape->width);
    free(vector);
    return code;
}

static enum sk_code try_pair(struct cli_model *model) {
    int32_t ids[64];
    size_t len;
    float score;
    TRY(engine_pair(model->engine, VIEW("宿"), VIEW("旅館"), ids, 64, &len));
    TRY(engine_rank(model->engine, ids, len, &score));
    printf("test        宿, 旅館 → a score of %.3f\n", (double)score);
    return SK_OK;
}

static enum sk_code try_answer(struct cli_model *model) {
    struct engine_message hello = {ENGINE_USER, VIEW("こんにちは")};
    struct engine_shape shape = engine_shape(model->engine);
    if (shape.ranks) return try_pair(model);
    if (shape.encoder) return try_embedding(model, &shape);
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

// A name for clients: the file's own, without directory, ".gguf" and "-00001-of-0000N".
static enum sk_code default_id(const char *path, char *out, size_t max) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = strlen(name), part = strlen("-00001-of-00002");
    if (len > 5 && strcmp(name + len - 5, ".gguf") == 0) len -= 5;
    if (len > part && memcmp(name + len - part, "-00001-of-", 10) == 0) len -= part;
    if (len >= max) return FAIL(SK_LIMIT, "%s: its name has over %zu bytes: give --id", path, max);
    memcpy(out, name, len);
    out[len] = 0;
    return SK_OK;
}

// Where the model goes: in place of the one with its id or of one without a file, else behind.
static struct conf_model *place_find(struct conf *conf, const char *id) {
    for (uint32_t i = 0; i < conf->models_len; i++)
        if (strcmp(conf->models[i].id, id) == 0 || !conf->models[i].file[0])
            return &conf->models[i];
    if (conf->models_len == CONF_MODELS_MAX) return NULL;
    struct conf_model *model = &conf->models[conf->models_len++];
    conf_model_defaults(model);
    model->parallel = conf->models[0].parallel;
    return model;
}

// The path from the root. What the last name links to is not followed: the parts of a split model
// are found by it, and a download's store may keep files under their digests.
static enum sk_code path_from_root(const char *path, char *out, size_t max) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    char *real = folder ? realpath(folder, NULL) : NULL;
    bool good = real && access(path, R_OK) == 0 &&
                snprintf(out, max, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name) < (int)max;
    free(folder);
    free(real);
    return good ? SK_OK : FAIL(SK_UNKNOWN, "%s: no such file, or its path is too long", path);
}

// Its place in the list, with this name and file.
static enum sk_code place_take(const char *path, const char *id, struct conf *conf,
                               struct conf_model **out) {
    char name[sizeof conf->models->id] = "", file[sizeof conf->models->file] = "";
    TRY(path_from_root(path, file, sizeof file));
    TRY(id ? SK_OK : default_id(file, name, sizeof name));
    if (id) snprintf(name, sizeof name, "%s", id);
    struct conf_model *place = *out = place_find(conf, name);
    if (!place) return FAIL(SK_LIMIT, "there are %d models already", CONF_MODELS_MAX);
    memcpy(place->id, name, sizeof name);
    memcpy(place->file, file, sizeof file);
    return SK_OK;
}

// As the one of the model with this id, by whose context and caches it goes; who may sign it and
// its scale stay.
static enum sk_code adapter_take(const char *of, const struct conf *conf,
                                 struct conf_model *place) {
    struct conf_model plain;
    conf_model_defaults(&plain);
    place->context = plain.context;
    place->parallel = plain.parallel;
    memcpy(place->cache_type, plain.cache_type, sizeof plain.cache_type);
    snprintf(place->adapter_of, sizeof place->adapter_of, "%s", of);
    return conf_check(conf);
}

static enum sk_code add(const char *path, const struct words *words, struct conf *conf) {
    static struct cli_model model;
    struct conf_model *place;
    const char *signed_by = words->signed_by;
    TRY(place_take(path, words->id, conf, &place));
    if (words->adapter_of) TRY(adapter_take(words->adapter_of, conf, place));
    if (signed_by) TRY(path_from_root(signed_by, place->signed_by, sizeof place->signed_by));
    TRY(print_digest(conf, place->file));
    enum sk_code code = cli_model_open(conf, (uint32_t)(place - conf->models), &model);
    if (code == SK_OK) {
        struct engine_shape shape = engine_shape(model.engine);
        print_shape(&shape);
        code = try_answer(&model);
    }
    cli_model_close(&model);
    if (code == SK_OK) code = cli_conf_save(conf);
    if (code == SK_OK) printf("served as   %s (restart the node)\n", place->id);
    return code;
}

int cmd_model(int argc, char **argv) {
    static struct conf conf;
    const char *config = NULL;
    struct words words = {0};
    const struct cli_option options[] = {{"--config", &config, NULL},
                                         {"--id", &words.id, NULL},
                                         {"--adapter-of", &words.adapter_of, NULL},
                                         {"--signed-by", &words.signed_by, NULL},
                                         {0}};
    int rest;
    if (argc > 1 && (strcmp(argv[1], "sign") == 0 || strcmp(argv[1], "verify") == 0))
        return cmd_model_sign(argc - 1, argv + 1);
    if (argc > 1 && (strcmp(argv[1], "quantize") == 0 || strcmp(argv[1], "merge") == 0))
        return cmd_model_convert(argc - 1, argv + 1);
    if (argc > 1 && (strcmp(argv[1], "record") == 0 || strcmp(argv[1], "card") == 0))
        return cmd_model_record(argc - 1, argv + 1);
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 2 || strcmp(argv[1], "add") != 0) return cli_usage(usage, "model add FILE");
    if (words.id && (!words.id[0] || strlen(words.id) > 128))
        return cli_usage(usage, "--id is 1 to 128 bytes");
    if (conf_read_file(config, &conf) != SK_OK) return cli_failed();
    return add(argv[2], &words, &conf) == SK_OK ? EXIT_DONE : cli_failed();
}
