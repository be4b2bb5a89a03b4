// `sekisho eval`: how good a model is, by tasks in files.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"
#include "cli/eval.h"

static const char usage[] =
    "usage: sekisho eval TASK [OPTIONS] FILE\n\n"
    "Measures a model by a task; every figure with the interval that holds it in 95 of 100 such\n"
    "samples (Wilson's for shares, else a bootstrap of 1,000), and the digest of the model.\n"
    "FILE is UTF-8; '-': standard input.\n"
    "  text       a text: perplexity, bits per byte, over chunks of 256 tokens\n"
    "  choice     lines {\"question\", \"choices\": [...], \"answer\": 0}: is the likeliest right\n"
    "  generate   lines {\"messages\": [...]}, the last one what should be answered: exact, CER,\n"
    "             chrF\n"
    "  levels     a table with 本文 and Level (1 to 4), as KeiCO's: exact, within one\n"
    "  polite     a table with from, to, src, tgt: rows from 4 to 3 made polite: ending, exact,\n"
    "             CER, chrF\n"
    "  direction  a table with text and verdict (right or wrong): forms that do not fit who "
    "acts\n\n"
    "  --model FILE  a GGUF file; default: the configured model\n"
    "  --by WHICH    keigo tasks: by both (default), rules or model\n"
    "  --levels FILE of levels: weights, as of `sekisho keigo level`\n"
    "  --limit N     only the first N items\n"
    "  --seed N      of the bootstrap; default 1\n"
    "  --json        the figures as one object\n";

static const struct {
    const char *name;
    eval_task *run;
    bool keigo; // rules may take part
} tasks[] = {
    {"text", eval_text, false},         {"choice", eval_choice, false},
    {"generate", eval_generate, false}, {"levels", eval_levels, true},
    {"polite", eval_polite, true},      {"direction", eval_direction, true},
};
enum { TASKS = sizeof tasks / sizeof *tasks };

struct words {
    const char *model, *levels, *by, *limit, *seed;
    enum hybrid_by which;
    bool json;
};

static enum sk_code digest(struct eval *eval, char hex[2 * HASH_LEN + 1]) {
    static struct digests known;
    struct buf out = buf_over(hex, 2 * HASH_LEN);
    hex[0] = 0;
    if (!eval->hybrid.model.engine) return SK_OK;
    TRY(weights_check(&eval->hybrid.model.weights, &known, true, NULL));
    hex_put(&out, eval->hybrid.model.weights.digest, HASH_LEN);
    hex[2 * HASH_LEN] = 0;
    return SK_OK;
}

static const char *const by_names[] = {"both", "rules", "model"};

static void print_json(const struct eval *eval, unsigned task, const char *hex) {
    static char storage[1 << 16];
    struct buf out = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&out);
    json_open(&w, '{');
    json_member_text(&w, "task", tasks[task].name);
    if (hex[0]) json_member_text(&w, "model_sha256", hex);
    if (tasks[task].keigo) json_member_text(&w, "by", by_names[eval->hybrid.by]);
    json_member_u64(&w, "seed", eval->seed);
    json_name(&w, "figures");
    json_open(&w, '{');
    for (uint32_t i = 0; i < eval->figures_len; i++) {
        const struct eval_figure *figure = &eval->figures[i];
        json_name(&w, figure->name);
        json_open(&w, '{');
        json_name(&w, "value");
        json_put_f64(&w, figure->value);
        json_name(&w, "low");
        json_put_f64(&w, figure->interval.low);
        json_name(&w, "high");
        json_put_f64(&w, figure->interval.high);
        json_member_u64(&w, "items", figure->items);
        json_close(&w, '}');
    }
    json_close(&w, '}');
    json_close(&w, '}');
    printf("%.*s\n", (int)out.len, out.at);
}

static void print_table(const struct eval *eval, unsigned task, const char *hex) {
    printf("task   %s%s%s\n", tasks[task].name, tasks[task].keigo ? ", by " : "",
           tasks[task].keigo ? by_names[eval->hybrid.by] : "");
    if (hex[0]) printf("model  %s\n", hex);
    printf("\n%-28s %10s   %-21s %s\n", "", "value", "95 of 100", "items");
    for (uint32_t i = 0; i < eval->figures_len; i++) {
        const struct eval_figure *figure = &eval->figures[i];
        printf("%-28s %10.4f   %-9.4f … %-9.4f %llu\n", figure->name, figure->value,
               figure->interval.low, figure->interval.high, (unsigned long long)figure->items);
    }
}

// The whole file, which must be UTF-8: other bytes would be measured, too.
static enum sk_code file_take(struct eval *eval, const char *path) {
    TRY(buf_open(&eval->file, EVAL_FILE_MAX));
    TRY(cli_read(path, &eval->file));
    struct view text = buf_view(&eval->file);
    if (utf8_check(text)) return SK_OK;
    size_t good = 0;
    uint32_t codepoint;
    for (size_t len; (len = utf8_take(view_from(text, good), &codepoint)) > 0;) good += len;
    return FAIL(SK_INPUT, "%s: byte %zu (0x%02x): not UTF-8", path, good, (uint8_t)text.at[good]);
}

static enum sk_code run(struct eval *eval, unsigned task, const struct words *words,
                        const char *path) {
    char hex[2 * HASH_LEN + 1];
    TRY(file_take(eval, path));
    TRY(hybrid_open(&eval->hybrid, words->model, words->which));
    if (tasks[task].run == eval_levels) TRY(hybrid_levels_open(&eval->hybrid, words->levels));
    TRY(digest(eval, hex));
    enum sk_code code = tasks[task].run(eval);
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%20s\r", "");
    if (code != SK_OK) return fail_within(code, "%s", path);
    if (!eval->figures[0].items)
        return FAIL(SK_INPUT, "%s: it has no items of this task (sekisho eval --help)", path);
    if (words->json)
        print_json(eval, task, hex);
    else
        print_table(eval, task, hex);
    return SK_OK;
}

int cmd_eval(int argc, char **argv) {
    static struct eval eval;
    struct words words = {.limit = "4294967295", .seed = "1"};
    const struct cli_option options[] = {{"--model", &words.model, NULL},
                                         {"--levels", &words.levels, NULL},
                                         {"--by", &words.by, NULL},
                                         {"--limit", &words.limit, NULL},
                                         {"--seed", &words.seed, NULL},
                                         {"--json", NULL, &words.json},
                                         {0}};
    unsigned task = 0;
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    while (rest == 2 && task < TASKS && strcmp(argv[1], tasks[task].name) != 0)
        task++;
    if (rest != 2 || task == TASKS) return cli_usage(usage, "a TASK of these, and a FILE");
    if (words.levels && tasks[task].run != eval_levels)
        return cli_usage(usage, "--levels: of the task levels only");
    if (words.by && !tasks[task].keigo)
        return cli_usage(usage, "--by: rules take no part in %s", tasks[task].name);
    words.which = HYBRID_MODEL;
    if (tasks[task].keigo &&
        hybrid_by_find(view_of(words.by ? words.by : "both"), &words.which) != SK_OK)
        return cli_usage(usage, "%s", fail_text());
    if (!cli_number(words.limit, 1, UINT32_MAX, &eval.limit) ||
        !cli_number(words.seed, 0, INT64_MAX, &eval.seed))
        return cli_usage(usage, "--limit and --seed: numbers, the first over 0");
    enum sk_code code = run(&eval, task, &words, argv[2]);
    hybrid_close(&eval.hybrid);
    buf_close(&eval.file);
    free(eval.above);
    free(eval.below);
    free(eval.picked);
    free(eval.made.chrf);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
