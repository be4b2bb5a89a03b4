#include "base/text.h"
#include "cli/cli.h"
#include "node/files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho model add FILE [--id NAME] [--config FILE]\n\n"
    "Checks a GGUF file whole, shows its digest, shape and licence, lets it answer once, and\n"
    "makes it the configured model (the old file is kept as NAME.old). Restart the node then.\n";

static void progress(uint64_t done, uint64_t all) {
    static int last = -1;
    int percent = all ? (int)(done * 100 / all) : 100;
    if (percent == last || !isatty(STDERR_FILENO)) return;
    last = percent;
    fprintf(stderr, "\rreading %3d%%%s", percent, percent == 100 ? "\r            \r" : "");
}

static enum sk_code print_digest(const char *path) {
    uint8_t digest[HASH_LEN];
    char hex[2 * HASH_LEN + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return FAIL(SK_UNKNOWN, "%s: no such file, or not readable", path);
    enum sk_code code = files_digest(fd, digest, progress);
    close(fd);
    if (code != SK_OK) return code;
    struct buf out = buf_over(hex, sizeof hex);
    hex_put(&out, digest, HASH_LEN);
    printf("file        %s\nsha256      %.*s\n", path, (int)out.len, out.at);
    return SK_OK;
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

// A name for clients: the file's own, without directory and ".gguf".
static void default_id(const char *path, char *out, size_t max) {
    const char *slash = strrchr(path, '/');
    snprintf(out, max, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(out, '.');
    if (dot && strcmp(dot, ".gguf") == 0) *dot = 0;
}

static enum sk_code add(const char *path, const char *id, struct conf *conf) {
    struct cli_model model;
    char *real = realpath(path, NULL);
    if (!real || strlen(real) >= sizeof conf->model_file) {
        free(real);
        return FAIL(SK_UNKNOWN, "%s: no such file, or its path is too long", path);
    }
    enum sk_code code = print_digest(real);
    if (code == SK_OK) {
        snprintf(conf->model_file, sizeof conf->model_file, "%s", real);
        code = cli_model_open(conf, &model);
    }
    if (code == SK_OK) {
        struct engine_shape shape = engine_shape(model.engine);
        print_shape(&shape);
        code = try_answer(&model);
        cli_model_close(&model);
    }
    if (code == SK_OK) {
        if (id) snprintf(conf->model_id, sizeof conf->model_id, "%s", id);
        else default_id(real, conf->model_id, sizeof conf->model_id);
        code = cli_conf_save(conf);
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
    if (add(argv[2], id, &conf) != SK_OK) return cli_failed();
    printf("served as   %s (restart the node)\n", conf.model_id);
    return EXIT_DONE;
}
