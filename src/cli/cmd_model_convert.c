// `sekisho model quantize` and `model merge`: a model's weights written again, in other types or
// with an adapter added. Nothing is served or configured by them.
#include "cli/cli.h"
#include "cli/output_file.h"
#include "node/mapped.h"
#include "train/train.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho model quantize IN.gguf OUT.gguf --type TYPE [--threads N] [--force]\n"
    "       sekisho model merge BASE.gguf ADAPTER.gguf OUT.gguf [--type TYPE] [--threads N]\n"
    "                           [--force]\n\n"
    "Writes a model (of a split one: name the first part) with its matrices as TYPE; merge adds a\n"
    "LoRA to them, and without a TYPE each stays what it is:\n"
    "  F32, F16, BF16, Q8_0, Q6_K, Q5_0, Q4_0, Q4_K,\n"
    "  Q4_K_M  Q4_K, with Q6_K where most depends on it, as llama.cpp's\n"
    "With the block types the output is Q6_K at least. Rows that are no whole blocks become the\n"
    "next type that has such (Q4_K: Q5_0, Q6_K: Q8_0; then F16).\n"
    "  --threads N   default: as many as this machine runs at once\n"
    "  --force       OUT may exist\n"
    "OUT appears when all of it is on the disk. What was quantised before loses again.\n";

struct words {
    const char *type, *adapter; // NULL: none
    uint64_t threads;
    bool force;
};

struct files {
    struct weights weights, adapter;
    struct view views[WEIGHTS_PARTS_MAX], adapter_view[WEIGHTS_PARTS_MAX];
    struct gguf model;
    struct adapter low;
};

static void progress(void *self, uint64_t done, uint64_t all) {
    int *last = self, percent = all ? (int)(done * 100 / all) : 100;
    if (percent == *last || !isatty(STDERR_FILENO)) return;
    *last = percent;
    fprintf(stderr, "\rwriting %3d%%%s", percent, percent == 100 ? "\r            \r" : "");
}

// Some matrix is of fewer bits than F16 already.
static bool quantised(const struct gguf *model) {
    for (uint32_t i = 0; i < model->tensors_len; i++)
        if (quant_find(model->tensors[i].type)->block > 1) return true;
    return false;
}

static enum sk_code write_model(struct convert *convert, const char *path, bool force,
                                struct output_file *out) {
    int last = -1;
    convert->progress = progress;
    convert->self = &last;
    convert->release = mapped_release;
    TRY(output_open(out, path, force));
    TRY(convert_run(convert, (struct gguf_sink){output_put, out}));
    return output_commit(out);
}

static enum sk_code files_open(const char *in, const char *adapter, struct files *files) {
    TRY(weights_open(&files->weights, in));
    TRY(weights_map(&files->weights, files->views));
    enum sk_code code = gguf_open(&files->model, files->views, files->weights.len);
    if (code != SK_OK) return fail_within(code, "%s", in);
    if (!adapter) return SK_OK;
    TRY(weights_open(&files->adapter, adapter));
    TRY(weights_map(&files->adapter, files->adapter_view));
    code = adapter_open(&files->low, files->adapter_view[0]);
    return code == SK_OK ? SK_OK : fail_within(code, "%s", adapter);
}

static void files_close(struct files *files) {
    adapter_close(&files->low);
    gguf_close(&files->model);
    weights_unmap(&files->adapter, files->adapter_view);
    weights_close(&files->adapter);
    weights_unmap(&files->weights, files->views);
    weights_close(&files->weights);
}

static enum sk_code convert_files(const char *in, const char *path, const struct words *words) {
    static struct files files;
    static struct pool pool;
    struct output_file out = {0};
    struct convert convert = {.from = &files.model, .type = CONVERT_SAME, .pool = &pool};
    if (words->type) TRY(convert_find(words->type, &convert.type));
    TRY(pool_open(&pool, (uint32_t)words->threads));
    enum sk_code code = files_open(in, words->adapter, &files);
    if (words->adapter) convert.adapter = &files.low;
    if (code == SK_OK) code = write_model(&convert, path, words->force, &out);
    if (code == SK_OK && words->type && convert.type > CONVERT_BF16 && quantised(&files.model))
        fprintf(stderr, "sekisho: %s was quantised already: what it lost there stays lost\n", in);
    output_close(&out);
    files_close(&files);
    pool_close(&pool);
    return code;
}

int cmd_model_convert(int argc, char **argv) {
    struct words words = {0};
    const char *threads = NULL;
    const struct cli_option options[] = {{"--type", &words.type, NULL},
                                         {"--threads", &threads, NULL},
                                         {"--force", NULL, &words.force},
                                         {0}};
    int rest;
    long here = sysconf(_SC_NPROCESSORS_ONLN);
    words.threads = here < 1 ? 1 : here > POOL_THREADS_MAX ? POOL_THREADS_MAX : (uint64_t)here;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    bool merges = strcmp(argv[0], "merge") == 0;
    if (rest != 2 + merges)
        return cli_usage(usage, merges ? "model merge takes BASE, ADAPTER and OUT"
                                       : "model quantize takes IN and OUT");
    if (!words.type && !merges) return cli_usage(usage, "--type is needed");
    if (threads && !cli_number(threads, 1, POOL_THREADS_MAX, &words.threads))
        return cli_usage(usage, "--threads %s: 1 to %d", threads, POOL_THREADS_MAX);
    if (merges) words.adapter = argv[2];
    return convert_files(argv[1], argv[rest], &words) == SK_OK ? EXIT_DONE : cli_failed();
}
