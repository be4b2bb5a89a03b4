#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho run [OPTIONS] PROMPT...\n\n"
    "Answers one prompt on stdout, without a node and so without a receipt. '-' is stdin.\n"
    "  --model FILE        a GGUF file; default: the configured model\n"
    "  --adapter FILE[:S]  a LoRA adapter over it, times S; default: 1\n"
    "  --system TEXT       a system message before it\n"
    "  --raw               continue the text itself, without the model's chat template\n"
    "  --grammar FILE      the answer is a text of this GBNF grammar\n"
    "  --json-schema FILE  the answer is JSON that validates against this schema\n"
    "  --max-tokens N      stop after N tokens; default: the model's end or its context\n"
    CLI_SAMPLING_USAGE
    "  --stats             tokens and times on stderr\n";

enum { PROMPT_MAX = 1 << 20, FORMAT_MAX = 1 << 22 };

static enum sk_code prompt_read(int count, char **words, struct buf *out) {
    if (count == 1 && strcmp(words[0], "-") == 0) return cli_read("-", out);
    for (int i = 0; i < count; i++) {
        if (i > 0) buf_put_char(out, ' ');
        buf_put_text(out, words[i]);
    }
    return buf_check(out, "prompt");
}

static void stats_print(const struct cli_answer *answer) {
    double rest_s = (double)(answer->all_us - answer->first_us) / 1e6;
    double rate = rest_s > 0 && answer->tokens > 1 ? (answer->tokens - 1) / rest_s : 0;
    fprintf(stderr, "prompt %u tokens, answer %u tokens, first %.1f ms, then %.1f tokens/s\n",
            answer->prompt_tokens, answer->tokens, (double)answer->first_us / 1e3, rate);
}

// What the answer must be, out of either file.
static enum sk_code format_read(const char *grammar, const char *schema, struct engine_job *job) {
    static char storage[FORMAT_MAX];
    struct buf text = buf_over(storage, sizeof storage);
    if (!grammar && !schema) return SK_OK;
    TRY(cli_read(grammar ? grammar : schema, &text));
    job->format = grammar ? ENGINE_GBNF : ENGINE_JSON_SCHEMA;
    job->format_text = buf_view(&text);
    return SK_OK;
}

int cmd_run(int argc, char **argv) {
    static char storage[PROMPT_MAX];
    const char *file = NULL, *adapter = NULL, *system = NULL;
    const char *max = "0", *grammar = NULL, *schema = NULL;
    struct cli_sampling words = {0};
    bool raw = false, stats = false;
    const struct cli_option options[] = {
        {"--model", &file, NULL}, {"--adapter", &adapter, NULL},
        {"--system", &system, NULL}, {"--max-tokens", &max, NULL},
        {"--grammar", &grammar, NULL}, {"--json-schema", &schema, NULL}, {"--raw", NULL, &raw},
        {"--stats", NULL, &stats}, CLI_SAMPLING_OPTIONS(words), {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest == 0) return cli_usage(usage, "no prompt");
    if (grammar && schema) return cli_usage(usage, "one of --grammar and --json-schema");
    uint64_t tokens;
    struct engine_sampling sampling;
    if (!cli_number(max, 0, UINT32_MAX, &tokens))
        return cli_usage(usage, "--max-tokens %s: 0 to %u", max, UINT32_MAX);
    if (!cli_sampling_take(&words, usage, &sampling)) return EXIT_USAGE;

    struct buf prompt = buf_over(storage, sizeof storage);
    struct cli_model model;
    struct cli_answer answer;
    if (prompt_read(rest, argv + 1, &prompt) != SK_OK) return cli_failed();
    struct engine_message messages[2];
    uint32_t count = 0;
    if (system) messages[count++] = (struct engine_message){ENGINE_SYSTEM, view_of(system)};
    messages[count++] = (struct engine_message){ENGINE_USER, buf_view(&prompt)};
    struct engine_job job = {.messages = messages,
                             .messages_len = raw ? 0 : count,
                             .prompt = raw ? buf_view(&prompt) : VIEW(""),
                             .tokens_max = (uint32_t)tokens,
                             .sampling = sampling};
    if (format_read(grammar, schema, &job) != SK_OK) return cli_failed();
    enum sk_code code = cli_model_configured(file, adapter, &model);
    if (code == SK_OK) code = cli_answer(&model, &job, NULL, NULL, &answer);
    cli_model_close(&model);
    if (code != SK_OK) return cli_failed();
    putchar('\n');
    if (stats) stats_print(&answer);
    return EXIT_DONE;
}
