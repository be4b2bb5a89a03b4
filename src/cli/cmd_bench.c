#include "base/json.h"
#include "build_id.h"
#include "cli/cli.h"
#include "cli/speed.h"

#include <math.h>
#include <stdio.h>
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
    ROUNDS_MAX = 100,
    TOKENS_MAX = 1 << 20
};

struct list {
    uint32_t at[LIST_MAX], len;
};

struct bench {
    struct cli_model model;
    struct engine_shape shape;
    struct speed speed;
    uint32_t threads, rounds;
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

static void put_row(struct bench *bench, const struct speed_test *test) {
    struct json_writer *w = bench->writer;
    json_open(w, '{');
    json_member_text(w, "build", SEKISHO_VERSION);
    json_member_text(w, "kernels", engine_kernels_name(bench->model.engine));
    json_member_text(w, "model_filename", bench->model.path);
    json_member_string(w, "model_arch", bench->shape.architecture);
    json_member_text(w, "model_type", bench->shape.type_text);
    json_member_u64(w, "model_size", bench->shape.file_bytes);
    json_member_u64(w, "model_n_params", bench->shape.parameters);
    json_member_u64(w, "n_threads", bench->threads);
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

static void print_row(const struct bench *bench, const struct speed_test *test, bool headed) {
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
           count, bench->threads, test->batch, name, rate); // ± is two bytes
    fflush(stdout);
}

static enum sk_code run_test(struct bench *bench, const struct speed_test *test) {
    struct speed_time time;
    double tokens = (double)test->batch * (test->made ? test->made : test->prompt);
    TRY(speed_round(&bench->speed, test, &time)); // warms caches, and learns the tokens that end
    for (uint32_t i = 0; i < bench->rounds; i++) {
        if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%u/%u ", i + 1, bench->rounds);
        TRY(speed_round(&bench->speed, test, &time));
        bench->rates[i] = tokens / (time.seconds > 0 ? time.seconds : 1e-6);
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

static enum sk_code run_opened(struct bench *bench, const struct plan *plan) {
    for (uint32_t b = 0; b < plan->batches.len; b++) {
        struct speed_test test = {.batch = plan->batches.at[b]};
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
    enum sk_code code = cli_model_with(bench->file, NULL, &options, &bench->model);
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
        enum sk_code code = cli_model_with(bench->file, NULL, &options, &bench->model);
        if (code == SK_OK) {
            bench->shape = engine_shape(bench->model.engine);
            bench->threads = options.threads;
            code = speed_open(&bench->speed, bench->model.engine, options.context);
        }
        if (code == SK_OK) code = run_opened(bench, plan);
        speed_close(&bench->speed);
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
    if (!list_take(batches, 1, SPEED_BATCH_MAX, &plan.batches))
        return list_wrong("-b", batches, 1, SPEED_BATCH_MAX);
    if (!cli_number(rounds, 1, ROUNDS_MAX, &count))
        return cli_usage(usage, "-r %s: 1 to %d", rounds, ROUNDS_MAX);
    bench.rounds = (uint32_t)count;
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
