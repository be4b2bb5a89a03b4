// `sekisho train`: a recipe, from texts to GGUF files.
#include "cli/train_cli.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "node/files.h"

static const char usage[] =
    "usage: sekisho train [--fresh] [--threads N] [--ledger CONFIG] RECIPE.yaml\n"
    "       sekisho train tokenizer --help\n\n"
    "Trains what the recipe says (docs/training.md) and writes into its output directory:\n"
    "  data.json, train.*, held.*    the sources as tokens, built once\n"
    "  metrics.jsonl, loss.svg       every step, and their picture\n"
    "  checkpoint, checkpoint.old    where it goes on\n"
    "  NAME-TYPE.gguf                what it comes to, at the end\n"
    "  record.json                   what it was: for `sekisho model record` and `model card`\n"
    "Paths of the recipe count from the directory this is run in. Run again, it goes on where it\n"
    "was, after Ctrl-C as after a power cut.\n"
    "  --fresh      begins anew; the checkpoint there is replaced by the next\n"
    "  --threads N  default: the recipe's, or as many as this machine runs at once\n"
    "  --ledger CONFIG\n"
    "               the record becomes a leaf of this node's ledger, too; the node may run\n";

enum { ARENA_MAX = 64 << 20, RECIPE_MAX = 1 << 20 };

static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static void catch_signals(void) {
    struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL); // what mpirun passes on
}

struct work {
    const char *path; // of the recipe
    struct arena arena;
    struct recipe recipe;
    struct train_source source;
    int directory;
    struct world world;
    struct data data;
    struct run_options options;
    struct train_show show;
    struct train_export export;
    struct train_told told;
    const char *ledger; // a node's configuration
    struct conf conf;   // of that node
};

static enum sk_code recipe_open(struct work *work) {
    struct buf text = {0};
    TRY(arena_open(&work->arena, "recipe", ARENA_MAX));
    TRY(buf_open(&text, RECIPE_MAX));
    enum sk_code code = cli_read(work->path, &text);
    if (code == SK_OK) code = recipe_read(buf_view(&text), work->path, &work->arena, &work->recipe);
    buf_close(&text);
    return code == SK_OK ? train_export_check(&work->recipe) : code;
}

static bool is_first(const struct work *work) {
    return !work->options.group || work->options.group->rank == 0;
}

// One run at a time in a directory.
static enum sk_code directory_open(struct work *work) {
    const char *path = work->recipe.output.at;
    TRY(files_directory(path));
    work->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (work->directory < 0) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
    if (is_first(work) && flock(work->directory, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? FAIL(SK_BUSY, "%s: another run is in it", path)
                                    : FAIL(SK_IO, "%s: flock: %s", path, strerror(errno));
    work->world = world_real(work->directory);
    return SK_OK;
}

static enum sk_code shape_take(struct work *work) {
    struct run_options *options = &work->options;
    struct recipe *recipe = &work->recipe;
    uint32_t vocabulary = engine_shape(work->source.tokens.engine).vocabulary, context;
    options->shape = recipe->shape;
    options->shape.vocabulary = vocabulary;
    if (!recipe->base.len) return SK_OK;
    struct train_source *source = &work->source;
    TRY(learner_shape(&source->gguf, &options->shape, &context));
    if (options->shape.vocabulary != vocabulary)
        return FAIL(SK_CORRUPT, "base: %u tokens, but token_embd.weight has %u rows", vocabulary,
                    options->shape.vocabulary);
    if (!recipe->context) recipe->context = context;
    if (recipe->batch.context > context)
        return FAIL(SK_INPUT, "batch.context: %u > %u, the context of the base",
                    recipe->batch.context, context);
    static struct digests none;
    TRY(weights_check(&source->weights, &none, true, NULL));
    memcpy(options->base_digest, source->weights.digest, HASH_LEN);
    options->base = &source->gguf;
    return SK_OK;
}

static uint32_t threads_of(const struct work *work) {
    cpu_set_t cpus; // that this process may use
    int here = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    if (work->options.threads) return work->options.threads;
    if (work->recipe.threads) return work->recipe.threads;
    return here < 1 ? 1 : here > POOL_THREADS_MAX ? POOL_THREADS_MAX : (uint32_t)here;
}

// What would end the last step of a long run ends the first one.
static enum sk_code results_check(struct work *work, const struct run *run) {
    if (!is_first(work)) return SK_OK;
    work->export = (struct train_export){.recipe = &work->recipe,
                                         .run = run,
                                         .source = &work->source,
                                         .data = &work->data,
                                         .directory = work->recipe.output.at,
                                         .context = work->recipe.context,
                                         .threads = work->options.threads};
    work->told = (struct train_told){.export = &work->export,
                                     .show = &work->show,
                                     .conf = work->ledger ? &work->conf : NULL,
                                     .ranks = work->options.group ? work->options.group->ranks : 1};
    return train_record_check(&work->told);
}

static enum sk_code results_put(struct work *work) {
    TRY(train_export(&work->export));
    return train_record_put(&work->told, &work->world);
}

// Ranks that went apart would not find it out by themselves.
static enum sk_code alike_check(const struct work *work, const struct run *run, bool told) {
    const struct run_group *group = work->options.group;
    uint8_t digest[HASH_LEN];
    char label[32];
    if (!group) return SK_OK;
    TRY(run_alike(run, digest));
    snprintf(label, sizeof label, "same on %u", group->ranks);
    if (told && group->rank == 0) cli_print_digest(label, digest);
    return SK_OK;
}

static enum sk_code run_whole(struct work *work) {
    struct run *run;
    bool ended = false;
    TRY(run_open(&run, &work->options));
    catch_signals();
    enum sk_code code = results_check(work, run);
    if (code == SK_OK) code = alike_check(work, run, false);
    if (code == SK_OK) code = run_go(run, &ended);
    enum sk_code shown = is_first(work) ? train_show_end(&work->show, code != SK_OK) : SK_OK;
    if (code == SK_OK) code = shown;
    if (code == SK_OK) code = alike_check(work, run, true);
    if (code == SK_OK && ended && is_first(work)) code = results_put(work);
    if (code == SK_OK && !ended && is_first(work))
        fprintf(stderr, "stopped after step %llu; the same command goes on\n",
                (unsigned long long)run_state(run)->step);
    run_close(run);
    return code;
}

static enum sk_code train(struct work *work) {
    TRY(recipe_open(work));
    if (work->ledger && is_first(work)) TRY(conf_read_file(work->ledger, &work->conf));
    TRY(directory_open(work));
    work->options.threads = work->recipe.threads = threads_of(work);
    TRY(train_source_open(&work->recipe, work->options.group, &work->source));
    TRY(shape_take(work));
    TRY(train_data_open(&work->recipe, &work->source, work->options.group, &work->world,
                        &work->data));
    if (is_first(work)) TRY(train_show_open(&work->show, &work->recipe, &work->world));
    work->options.recipe = &work->recipe;
    work->options.world = &work->world;
    work->options.data = &work->data;
    work->options.stop = &stopped;
    work->options.told = train_show_event;
    work->options.self = &work->show;
    return run_whole(work);
}

int train_command(int argc, char **argv, const struct run_group *group) {
    static struct work work = {.directory = -1};
    const char *threads = NULL;
    uint64_t count = 0;
    const struct cli_option options[] = {
        {"--fresh", NULL, &work.options.fresh},
        {"--threads", &threads, NULL},
        {"--ledger", &work.ledger, NULL},
        {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 1) return cli_usage(usage, "one RECIPE");
    if (threads && !cli_number(threads, 1, POOL_THREADS_MAX, &count))
        return cli_usage(usage, "--threads %s: 1 to %d", threads, POOL_THREADS_MAX);
    work.path = argv[1];
    work.options.group = group;
    work.options.threads = (uint32_t)count;
    enum sk_code code = train(&work);
    train_show_close(&work.show);
    data_close(&work.data);
    train_source_close(&work.source);
    if (work.directory >= 0) close(work.directory);
    arena_close(&work.arena);
    if (code != SK_OK && group) fail_within(code, "rank %u", group->rank);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}

int cmd_train(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "tokenizer") == 0)
        return cmd_train_tokenizer(argc - 1, argv + 1);
    return train_command(argc, argv, NULL);
}
