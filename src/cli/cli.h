// The command line: one file per subcommand, a table of them in main.c, and what they share.
//
// Exit codes: 0 done, 1 it failed (the reason is on stderr), 2 the words are wrong, 3 a receipt was
// rejected, or its answer is another when it is computed again; or a change opens the border; 4 it
// holds, but fewer witnesses saw it than a policy asks for.
#pragma once
#include <signal.h>

#include "engine/engine.h"
#include "node/conf.h"
#include "node/weights.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REJECTED = 3, EXIT_QUORUM = 4 };

int cmd_init(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_chat(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_model(int argc, char **argv);
int cmd_model_sign(int argc, char **argv); // "sign" or "verify", and its words
int cmd_model_convert(int argc, char **argv); // "quantize" or "merge"
int cmd_model_record(int argc, char **argv); // "record" or "card"
int cmd_config(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_place(int argc, char **argv);
int cmd_perplexity(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_tokenize(int argc, char **argv);
int cmd_train(int argc, char **argv);
int cmd_train_tokenizer(int argc, char **argv);
int cmd_keigo(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_grammar(int argc, char **argv);
int cmd_embed(int argc, char **argv);
int cmd_ledger(int argc, char **argv);
int cmd_ledger_backup(int argc, char **argv);
int cmd_ledger_export(int argc, char **argv);
int cmd_ledger_forecast(int argc, char **argv);
int cmd_ledger_retention(int argc, char **argv);
int cmd_ledger_scrub(int argc, char **argv);
int cmd_ledger_erase(int argc, char **argv);
int cmd_ledger_disclose(int argc, char **argv);
int cmd_ledger_subject(int argc, char **argv);
int cmd_ledger_restore(int argc, char **argv);
int cmd_border(int argc, char **argv);
int cmd_border_example(int argc, char **argv);
int cmd_border_check(int argc, char **argv);
int cmd_border_test(int argc, char **argv);
int cmd_border_explain(int argc, char **argv);
int cmd_border_diff(int argc, char **argv);
int cmd_border_words(int argc, char **argv);
int cmd_border_judge(int argc, char **argv);
int cmd_border_eval(int argc, char **argv);
int cmd_border_generate(int argc, char **argv);

// A row of a table of commands: its words begin with its own name.
struct cli_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *line; // of the help
};
// Runs the command of `group` that argv[1] names; with --help or nothing lists them, and with a
// name that none has says so: EXIT_USAGE.
int cli_group(const char *group, const struct cli_command *commands, size_t len, int argc,
              char **argv);

// Prints "sekisho: <text of the last failure>" and returns EXIT_FAILED.
int cli_failed(void);
// Prints the usage text to stderr with what was wrong, and returns EXIT_USAGE.
int cli_usage(const char *usage, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The whole of a file ("-": standard input) appended; SK_LIMIT: more than there is room for.
enum sk_code cli_read(const char *path, struct buf *out);

// Prints text from a file of others: what would steer the terminal is shown as '?'.
void cli_print(struct view text);

// Prints a line: this label, then the digest in hex.
void cli_print_digest(const char *label, const uint8_t digest[HASH_LEN]);

// Options by table: "--name VALUE", "-n VALUE" or "--flag"; what is left over counts into *rest.
struct cli_option {
    const char *name;   // "--key"
    const char **value; // for options with a value, or
    bool *flag;         // for those without
};
// False after printing usage. argv[1..] are read; left-over words are moved to the front.
bool cli_options(int argc, char **argv, const char *usage, const struct cli_option *options,
                 int *rest);
// Before these: takes each "name VALUE" out of the words; how many there are, of which the first
// `max` stand in values.
size_t cli_repeated(int *argc, char **argv, const char *name, const char **values, size_t max);
bool cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

// How tokens are drawn, in words; NULL is off.
struct cli_sampling {
    const char *temperature, *top_k, *top_p, *min_p, *repeat_penalty, *seed;
};
#define CLI_SAMPLING_OPTIONS(words)                                                                \
    {"--temperature", &(words).temperature, NULL}, {"--top-k", &(words).top_k, NULL},              \
        {"--top-p", &(words).top_p, NULL}, {"--min-p", &(words).min_p, NULL},                      \
        {"--repeat-penalty", &(words).repeat_penalty, NULL}, {"--seed", &(words).seed, NULL}
#define CLI_SAMPLING_USAGE                                                                         \
    "  --temperature X     0 (default) is greedy: the same words every time\n"                     \
    "  --top-k N, --top-p P, --min-p P\n"                                                          \
    "                      only the N likeliest tokens; those that together reach P; those at\n"   \
    "                      least P times as likely as the likeliest\n"                             \
    "  --repeat-penalty X  over 1: what was said becomes less likely\n"                            \
    "  --seed N            of the draws\n"
// False after printing usage.
bool cli_sampling_take(const struct cli_sampling *words, const char *usage,
                       struct engine_sampling *out);

// A model opened in this process (no node, no receipt), with the sampler of the command line.
struct cli_model {
    struct engine *engine;
    const char *path; // of its file, or its first part
    bool configured;  // not a file of the caller's own: its signature is checked as a node does
    struct weights weights, adapter_weights;
    struct view views[WEIGHTS_PARTS_MAX], adapter_view;
    struct engine_adapter lora;
    uint32_t adapter; // for its jobs: 1, or 0 without one
};
// A model of a configuration, with its context, threads and memory; of an adapter its model with
// it.
enum sk_code cli_model_open(const struct conf *conf, uint32_t index, struct cli_model *model);
// The same for the configuration found, or the defaults; `file`, when given, instead of its model;
// `adapter`, when given, a LoRA over it: FILE or FILE:SCALE.
enum sk_code cli_model_configured(const char *file, const char *adapter, struct cli_model *model);
// The same with other options: what is 0 there is as configured; what was taken is written back.
enum sk_code cli_model_with(const char *file, const char *adapter, struct engine_options *options,
                            struct cli_model *model);
// A row more of the configuration: an adapter of its model `base`, out of FILE or FILE:SCALE.
enum sk_code cli_adapter_row(struct conf *conf, uint32_t base, const char *adapter,
                             struct conf_model **row);
void cli_model_close(struct cli_model *model);
// Runs one job, writing text as it comes. `stop` (may be NULL) ends it between two steps.
// *tokens: made; text is also kept in `out` when it is not NULL.
struct cli_answer {
    uint32_t prompt_tokens, tokens;
    int64_t first_us, all_us; // to the first text, and in all
    bool stopped;             // by *stop
};
enum sk_code cli_answer(struct cli_model *model, const struct engine_job *job,
                        const volatile sig_atomic_t *stop, struct buf *out,
                        struct cli_answer *answer);

// A new configuration; SK_DENIED when its file exists.
enum sk_code cli_conf_create(const struct conf *conf);
// The configuration in use, written back whole; the old file is kept beside as NAME.old.
enum sk_code cli_conf_save(const struct conf *conf);
// A new API key "sk-…" into text[64] and its digest.
enum sk_code cli_key_make(char text[64], uint8_t digest[HASH_LEN]);
