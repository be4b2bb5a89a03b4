#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: sekisho embed [--model FILE] [--json] TEXT...\n\n"
    "The embedding of each text by an encoder (bert, nomic-bert, modern-bert), of length 1; '-'\n"
    "takes each line of standard input. Shown as the likeness (cosine) of every two texts.\n"
    "  --model FILE   a GGUF file; default: the configured model\n"
    "  --json         instead, a line for each text: {\"tokens\":N,\"embedding\":[...]}\n";

enum { TEXTS_MAX = 64, LINE_MAX_BYTES = 1 << 20 };

struct work {
    struct cli_model model;
    uint32_t width, context;
    int32_t *ids;
    float *vectors; // TEXTS_MAX of `width`
    uint32_t tokens[TEXTS_MAX];
    char *texts[TEXTS_MAX];
    uint32_t len;
};

static enum sk_code open_encoder(struct work *work, const char *file) {
    TRY(cli_model_configured(file, NULL, &work->model));
    struct engine_shape shape = engine_shape(work->model.engine);
    work->width = shape.width;
    work->context = shape.context;
    work->ids = calloc(shape.context, sizeof *work->ids);
    work->vectors = calloc((size_t)TEXTS_MAX * shape.width, sizeof *work->vectors);
    return work->ids && work->vectors ? SK_OK : FAIL(SK_LIMIT, "memory: none left");
}

static float *vector_of(const struct work *work, uint32_t index) {
    return work->vectors + (size_t)index * work->width;
}

static enum sk_code embed(struct work *work, uint32_t index) {
    struct engine_job job = {.prompt = view_of(work->texts[index])};
    size_t len;
    TRY(engine_prompt(work->model.engine, &job, work->ids, work->context, &len));
    work->tokens[index] = (uint32_t)len;
    return engine_embed(work->model.engine, work->ids, len, vector_of(work, index));
}

static enum sk_code add_text(struct work *work, const char *text) {
    if (work->len == TEXTS_MAX) return FAIL(SK_LIMIT, "over %d texts at once", TEXTS_MAX);
    work->texts[work->len] = strdup(text);
    return work->texts[work->len++] ? SK_OK : FAIL(SK_LIMIT, "memory: none left");
}

static enum sk_code add_lines(struct work *work) {
    char *line = NULL;
    size_t room = 0;
    ssize_t got;
    enum sk_code code = SK_OK;
    while (code == SK_OK && (got = getline(&line, &room, stdin)) > 0) {
        if (line[got - 1] == '\n') line[--got] = 0;
        if (got > LINE_MAX_BYTES || strlen(line) != (size_t)got)
            code = FAIL(SK_INPUT, "line %u: over %d bytes, or holds a NUL", work->len + 1,
                        LINE_MAX_BYTES);
        else
            code = add_text(work, line);
    }
    free(line);
    return code;
}

static enum sk_code add_texts(struct work *work, char **texts, int len) {
    if (len == 1 && strcmp(texts[0], "-") == 0) return add_lines(work);
    for (int i = 0; i < len; i++) TRY(add_text(work, texts[i]));
    return SK_OK;
}

static void print_json(const struct work *work) {
    for (uint32_t i = 0; i < work->len; i++) {
        const float *vector = vector_of(work, i);
        printf("{\"tokens\":%u,\"embedding\":[", work->tokens[i]);
        for (uint32_t j = 0; j < work->width; j++)
            printf("%s%.9g", j ? "," : "", (double)vector[j]);
        printf("]}\n");
    }
}

static double likeness(const struct work *work, uint32_t a, uint32_t b) {
    const float *x = vector_of(work, a), *y = vector_of(work, b);
    double sum = 0;
    for (uint32_t i = 0; i < work->width; i++) sum += (double)x[i] * (double)y[i];
    return sum;
}

static void print_table(const struct work *work) {
    for (uint32_t i = 0; i < work->len; i++) {
        for (uint32_t j = 0; j < work->len; j++) printf("%6.3f ", likeness(work, i, j));
        printf(" %5u tokens  ", work->tokens[i]);
        cli_print(view_of(work->texts[i]));
        putchar('\n');
    }
}

int cmd_embed(int argc, char **argv) {
    struct work work = {0};
    const char *file = NULL;
    bool json = false;
    const struct cli_option options[] = {{"--model", &file, NULL}, {"--json", NULL, &json}, {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest == 0) return cli_usage(usage, "no text");
    enum sk_code code = add_texts(&work, argv + 1, rest);
    if (code == SK_OK) code = open_encoder(&work, file);
    for (uint32_t i = 0; code == SK_OK && i < work.len; i++) code = embed(&work, i);
    if (code == SK_OK && json) print_json(&work);
    if (code == SK_OK && !json) print_table(&work);
    for (uint32_t i = 0; i < work.len; i++) free(work.texts[i]);
    free(work.ids);
    free(work.vectors);
    cli_model_close(&work.model);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
