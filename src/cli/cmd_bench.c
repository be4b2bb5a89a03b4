#include "base/json.h"
#include "base/world.h"
#include "build_id.h"
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho bench [OPTIONS]\n\n"
    "Speed of the engine in this process, as llama-bench counts: tokens of prompts read (pp) and\n"
    "tokens made (tg) in a second, mean and standard deviation over repetitions after one that\n"
    "does not count. Each of -p -n -t -b may be a list: 1,2,4.\n"
    "  --model FILE   a GGUF file; default: the configured model\n"
    "  -p N           tokens of a prompt, fewer than the model's context; default 512, or what\n"
    "                 it takes; 0: none\n"
    "  -n N           tokens to make, the same; default 128\n"
    "  -t N           threads; default, and 0: as configured\n"
    "  -b N           sequences at once, 1..64; default 1\n"
    "  -r N           repetitions, 1..100; default 5\n"
    "  --json         an array of the rows\n";

enum {
    LIST_MAX = 16,
    THREADS_MAX = 64,
    BATCH_MAX = 64,
    ROUNDS_MAX = 100,
    ENDS_MAX = 16,
    TOKENS_MAX = 1 << 20
};

struct list {
    uint32_t at[LIST_MAX], len;
};

struct test {
    uint32_t prompt, made, threads, batch; // of prompt and made one is 0
};

struct bench {
    struct cli_model model;
    struct engine_shape shape;
    struct world world;
    int32_t *ids; // as many as the longest prompt
    // Tokens that ended an answer: forbidden from then on, so that every test makes all its tokens.
    struct engine_bias ends[ENDS_MAX];
    uint32_t ends_len, rounds;
    double rates[ROUNDS_MAX]; // of the last test, tokens per second
    const char *file; // NULL: the configured one
    bool json, headed; // headed: the table has its head
    struct json_writer *writer;
};

static bool list_take(const char *text, uint32_t min, uint32_t max, struct list *list) {
    struct view rest = view_of(text);
    list->len = 0;
    for (;;) {
        const char *comma = memchr(rest.at, ',', rest.len);
        char word[24];
        size_t len = comma ? (size_t)(comma - rest.at) : rest.len;
        uint64_t number;
        if (list->len == LIST_MAX || len >= sizeof word) return false;
        memcpy(word, rest.at, len);
        word[len] = 0;
        if (!cli_number(word, min, max, &number)) return false;
        list->at[list->len++] = (uint32_t)number;
        if (!comma) return true;
        rest = view_from(rest, len + 1);
    }
}

static uint32_t list_most(const struct list *list) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < list->len; i++)
        if (list->at[i] > most) most = list->at[i];
    return most;
}

// Forbids a token; the list stays sorted.
static enum sk_code forbid(struct bench *bench, int32_t token) {
    uint32_t at = bench->ends_len;
    if (at == ENDS_MAX) return FAIL(SK_LIMIT, "more than %d tokens end an answer", ENDS_MAX);
    for (; at > 0 && bench->ends[at - 1].token > token; at--) bench->ends[at] = bench->ends[at - 1];
    bench->ends[at] = (struct engine_bias){token, -100};
    bench->ends_len++;
    return SK_OK;
}

// Steps until every sequence has made its tokens, or, when they are none, has read its prompt.
static enum sk_code run_steps(struct bench *bench, const struct test *test, bool *cut) {
    struct engine_event events[BATCH_MAX];
    uint32_t slots[BATCH_MAX], len = test->batch;
    for (uint32_t i = 0; i < len; i++) slots[i] = i;
    *cut = false;
    while (len > 0) {
        engine_step(bench->model.engine, slots, len, events);
        uint32_t left = 0;
        for (uint32_t i = 0; i < len; i++) {
            const struct engine_event *event = &events[i];
            if (event->kind == ENGINE_FAILED)
                return FAIL(event->code, "%.*s", (int)event->why.len, event->why.at);
            if (event->kind == ENGINE_STOPPED) {
                *cut = true;
                return forbid(bench, event->token);
            }
            if (event->kind != ENGINE_LENGTH) slots[left++] = slots[i];
        }
        len = left;
    }
    return SK_OK;
}

// One round of a test: its seconds.
static enum sk_code run_round(struct bench *bench, const struct test *test, double *seconds) {
    struct engine *engine = bench->model.engine;
    bool cut = true;
    enum sk_code code = SK_OK;
    while (cut && code == SK_OK) { // again, when a token not known to be an end came
        struct engine_job job = {
            .tokens_max = test->made ? test->made : 1,
            .sampling = {.logit_bias = bench->ends, .logit_bias_len = bench->ends_len}};
        int64_t started = bench->world.monotonic_us(bench->world.self);
        for (uint32_t i = 0; i < test->batch && code == SK_OK; i++)
            code = engine_start(engine, i, &job, bench->ids, test->prompt ? test->prompt : 1);
        if (code == SK_OK) code = run_steps(bench, test, &cut);
        *seconds = (double)(bench->world.monotonic_us(bench->world.self) - started) / 1e6;
        for (uint32_t i = 0; i < test->batch; i++) engine_stop(engine, i);
    }
    return code;
}

// ---- rows ----

static double mean_of(const double *values, uint32_t len) {
    double sum = 0;
    for (uint32_t i = 0; i < len; i++) sum += values[i];
    return sum / len;
}

static double spread_of(const double *values, uint32_t len) {
    double mean = mean_of(values, len), sum = 0;
    for (uint32_t i = 0; i < len; i++) sum += (values[i] - mean) * (values[i] - mean);
    return len > 1 ? sqrt(sum / (len - 1)) : 0;
}

static void put_row(struct bench *bench, const struct test *test) {
    struct json_writer *w = bench->writer;
    json_open(w, '{');
    json_member_text(w, "build", SEKISHO_VERSION);
    json_member_text(w, "kernels", engine_kernels_name(bench->model.engine));
    json_member_text(w, "model_filename", bench->model.path);
    json_member_string(w, "model_arch", bench->shape.architecture);
    json_member_text(w, "model_type", bench->shape.type_text);
    json_member_u64(w, "model_size", bench->shape.file_bytes);
    json_member_u64(w, "model_n_params", bench->shape.parameters);
    json_member_u64(w, "n_threads", test->threads);
    json_member_u64(w, "n_sequences", test->batch);
    json_member_u64(w, "n_prompt", test->prompt);
    json_member_u64(w, "n_gen", test->made);
    json_name(w, "avg_ts");
    json_put_f64(w, mean_of(bench->rates, bench->rounds));
    json_name(w, "stddev_ts");
    json_put_f64(w, spread_of(bench->rates, bench->rounds));
    json_name(w, "samples_ts");
    json_open(w, '[');
    for (uint32_t i = 0; i < bench->rounds; i++) json_put_f64(w, bench->rates[i]);
    json_close(w, ']');
    json_close(w, '}');
}

static void print_head(void) {
    printf("| %-28s | %10s | %8s | %7s | %3s | %8s | %20s |\n", "model", "size", "params",
           "threads", "seq", "test", "t/s");
    printf("| %.28s | %.9s: | %.7s: | %.6s: | %.2s: | %.7s: | %.19s: |\n",
           "----------------------------", "----------", "--------", "-------", "---", "--------",
           "--------------------");
}

static void print_row(const struct bench *bench, const struct test *test, bool headed) {
    if (!headed) print_head();
    char storage[64], name[24], size[24], count[24], rate[32];
    double bytes = (double)bench->shape.file_bytes, many = (double)bench->shape.parameters;
    struct buf model = buf_over(storage, sizeof storage); // what does not fit is left out
    buf_put_view(&model, bench->shape.architecture);
    buf_put_char(&model, ' ');
    buf_put_text(&model, bench->shape.type_text);
    snprintf(name, sizeof name, "%s%u", test->made ? "tg" : "pp",
             test->made ? test->made : test->prompt);
    snprintf(size, sizeof size, bytes < 0x1p30 ? "%.2f MiB" : "%.2f GiB",
             bytes / (bytes < 0x1p30 ? 0x1p20 : 0x1p30));
    snprintf(count, sizeof count, many < 1e9 ? "%.2f M" : "%.2f B",
             many / (many < 1e9 ? 1e6 : 1e9));
    snprintf(rate, sizeof rate, "%.2f ± %.2f", mean_of(bench->rates, bench->rounds),
             spread_of(bench->rates, bench->rounds));
    printf("| %-28.*s | %10s | %8s | %7u | %3u | %8s | %21s |\n", (int)model.len, model.at, size,
           count, test->threads, test->batch, name, rate); // ± is two bytes
    fflush(stdout);
}

static enum sk_code run_test(struct bench *bench, const struct test *test) {
    double seconds, tokens = (double)test->batch * (test->made ? test->made : test->prompt);
    TRY(run_round(bench, test, &seconds)); // warms caches, and learns the tokens that end
    for (uint32_t i = 0; i < bench->rounds; i++) {
        if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%u/%u ", i + 1, bench->rounds);
        TRY(run_round(bench, test, &seconds));
        bench->rates[i] = tokens / (seconds > 0 ? seconds : 1e-6);
    }
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r         \r");
    if (bench->json) put_row(bench, test);
    else print_row(bench, test, bench->headed);
    bench->headed = true;
    return SK_OK;
}

// ---- all tests ----

struct plan {
    struct list prompts, made, threads, batches;
};

// Ids all over the vocabulary; what they mean has no influence on the time.
static enum sk_code make_ids(struct bench *bench, uint32_t len) {
    bench->ids = calloc(len, sizeof *bench->ids);
    if (!bench->ids) return FAIL(SK_LIMIT, "no memory for %u token ids", len);
    uint64_t chance = 1;
    for (uint32_t i = 0; i < len; i++) {
        chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bench->ids[i] = (int32_t)((chance >> 33) % bench->shape.vocabulary);
    }
    return SK_OK;
}

static enum sk_code run_opened(struct bench *bench, const struct plan *plan, uint32_t threads) {
    for (uint32_t b = 0; b < plan->batches.len; b++) {
        struct test test = {.threads = threads, .batch = plan->batches.at[b]};
        for (uint32_t i = 0; i < plan->prompts.len; i++) {
            test.prompt = plan->prompts.at[i];
            if (test.prompt) TRY(run_test(bench, &test));
        }
        test.prompt = 0;
        for (uint32_t i = 0; i < plan->made.len; i++) {
            test.made = plan->made.at[i];
            if (test.made) TRY(run_test(bench, &test));
        }
    }
    return SK_OK;
}

// Without -p and -n: as llama-bench, or as much as the model's context takes.
static enum sk_code plan_defaults(struct bench *bench, struct plan *plan) {
    struct engine_options options = {.context = 1, .slots = 1, .threads = 1};
    enum sk_code code = cli_model_with(bench->file, &options, &bench->model);
    if (code == SK_OK) {
        uint32_t most = engine_shape(bench->model.engine).context_trained - 1;
        if (!plan->prompts.len) plan->prompts = (struct list){{most < 512 ? most : 512}, 1};
        if (!plan->made.len) plan->made = (struct list){{most < 128 ? most : 128}, 1};
    }
    cli_model_close(&bench->model);
    return code;
}

// One engine for each number of threads, with room for the longest test.
static enum sk_code run_plan(struct bench *bench, const struct plan *plan) {
    uint32_t prompt = list_most(&plan->prompts), made = list_most(&plan->made);
    struct engine_options options = {.context = (prompt > made ? prompt : made) + 1,
                                     .slots = list_most(&plan->batches)};
    for (uint32_t i = 0; i < plan->threads.len; i++) {
        options.threads = plan->threads.at[i];
        enum sk_code code = cli_model_with(bench->file, &options, &bench->model);
        if (code == SK_OK) {
            bench->shape = engine_shape(bench->model.engine);
            code = make_ids(bench, options.context);
        }
        if (code == SK_OK) code = run_opened(bench, plan, options.threads);
        free(bench->ids);
        bench->ids = NULL;
        cli_model_close(&bench->model);
        if (code != SK_OK) return code;
    }
    return SK_OK;
}

static int list_wrong(const char *name, const char *text, int min, int max) {
    return cli_usage(usage, "%s %s: up to %d numbers from %d to %d, commas between", name, text,
                     LIST_MAX, min, max);
}

int cmd_bench(int argc, char **argv) {
    enum { JSON_MAX = 1 << 22 };
    static struct bench bench;
    static struct plan plan;
    struct buf out = {0};
    const char *prompts = NULL, *made = NULL, *threads = "0", *batches = "1", *rounds = "5";
    const struct cli_option options[] = {
        {"--model", &bench.file, NULL}, {"-p", &prompts, NULL}, {"-n", &made, NULL},
        {"-t", &threads, NULL},         {"-b", &batches, NULL}, {"-r", &rounds, NULL},
        {"--json", NULL, &bench.json},  {0}};
    int rest;
    uint64_t count;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest > 0) return cli_usage(usage, "what is '%s'?", argv[1]);
    if (prompts && !list_take(prompts, 0, TOKENS_MAX, &plan.prompts))
        return list_wrong("-p", prompts, 0, TOKENS_MAX);
    if (made && !list_take(made, 0, TOKENS_MAX, &plan.made))
        return list_wrong("-n", made, 0, TOKENS_MAX);
    if (!list_take(threads, 0, THREADS_MAX, &plan.threads))
        return list_wrong("-t", threads, 0, THREADS_MAX);
    if (!list_take(batches, 1, BATCH_MAX, &plan.batches))
        return list_wrong("-b", batches, 1, BATCH_MAX);
    if (!cli_number(rounds, 1, ROUNDS_MAX, &count))
        return cli_usage(usage, "-r %s: 1 to %d", rounds, ROUNDS_MAX);
    bench.rounds = (uint32_t)count;
    bench.world = world_real(-1);
    enum sk_code code = buf_open(&out, JSON_MAX);
    if (code != SK_OK) return cli_failed();
    struct json_writer writer = json_writer_to(&out);
    bench.writer = &writer;
    if (bench.json) json_open(&writer, '[');
    code = plan_defaults(&bench, &plan);
    if (code == SK_OK) code = run_plan(&bench, &plan);
    if (code == SK_OK && bench.json) {
        json_close(&writer, ']');
        code = buf_check(&out, "rows");
        printf("%.*s\n", (int)out.len, out.at);
    }
    buf_close(&out);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
