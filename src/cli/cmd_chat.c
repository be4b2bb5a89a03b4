#include "base/arena.h"
#include "cli/cli.h"

#include <editline/readline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho chat [OPTIONS]\n\n"
    "Talks with the model on the terminal, without a node and so without receipts. The\n"
    "conversation is remembered. Ctrl-C stops an answer; /reset forgets; /quit or Ctrl-D ends.\n"
    "  --model FILE        a GGUF file; default: the configured model\n"
    "  --adapter FILE[:S]  a LoRA adapter over it, times S; default: 1\n"
    "  --system TEXT       a system message before it\n" CLI_SAMPLING_USAGE;

enum { TALK_MAX = 1 << 24, TEXT_MAX = 1 << 20 };

static volatile sig_atomic_t interrupted;
static void interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

struct talk {
    struct cli_model model;
    struct arena arena; // of the messages' texts
    struct engine_message messages[ENGINE_MESSAGES_MAX];
    uint32_t len, first; // first: messages that /reset keeps
    size_t first_used;   // their bytes in the arena
    struct engine_sampling sampling; // its seed goes on with each answer
};

static enum sk_code talk_say(struct talk *talk, enum engine_role role, struct view text) {
    if (talk->len == ENGINE_MESSAGES_MAX)
        return FAIL(SK_LIMIT, "the conversation has %d messages: /reset", ENGINE_MESSAGES_MAX);
    char *copy = arena_text(&talk->arena, text);
    if (!copy) return SK_LIMIT;
    talk->messages[talk->len++] = (struct engine_message){role, {copy, text.len}};
    return SK_OK;
}

static void talk_turn(struct talk *talk, const char *line) {
    static char storage[TEXT_MAX];
    struct buf text = buf_over(storage, sizeof storage);
    struct cli_answer answer;
    uint32_t before = talk->len;
    size_t used = talk->arena.used;
    interrupted = 0;
    enum sk_code code = talk_say(talk, ENGINE_USER, view_of(line));
    struct engine_job job = {.messages = talk->messages,
                             .messages_len = talk->len,
                             .sampling = talk->sampling};
    talk->sampling.seed++;
    if (code == SK_OK) code = cli_answer(&talk->model, &job, &interrupted, &text, &answer);
    if (code == SK_OK) code = talk_say(talk, ENGINE_ASSISTANT, buf_view(&text));
    if (code == SK_OK) {
        puts(answer.stopped ? " …" : "");
        return;
    }
    talk->len = before; // as if it had not been said
    talk->arena.used = used;
    printf("(%s%s)\n", fail_text(), code == SK_LIMIT ? "; /reset begins anew" : "");
}

static int talk_loop(struct talk *talk) {
    struct sigaction stop = {.sa_handler = interrupt}; // no SA_RESTART
    sigaction(SIGINT, &stop, NULL);
    bool terminal = isatty(STDIN_FILENO);
    for (;;) {
        char *line = readline(terminal ? "› " : "");
        if (!line && interrupted) {
            interrupted = 0;
            continue;
        }
        if (!line || strcmp(line, "/quit") == 0) {
            free(line);
            return EXIT_DONE;
        }
        if (strcmp(line, "/reset") == 0) {
            talk->len = talk->first;
            talk->arena.used = talk->first_used;
        } else if (line[0]) {
            add_history(line);
            talk_turn(talk, line);
        }
        free(line);
    }
}

int cmd_chat(int argc, char **argv) {
    static struct talk talk;
    const char *file = NULL, *adapter = NULL, *system = NULL;
    struct cli_sampling words = {0};
    const struct cli_option options[] = {{"--model", &file, NULL}, {"--adapter", &adapter, NULL},
                                         {"--system", &system, NULL},
                                         CLI_SAMPLING_OPTIONS(words),
                                         {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest > 0) return cli_usage(usage, "what is '%s'?", argv[1]);
    if (!cli_sampling_take(&words, usage, &talk.sampling)) return EXIT_USAGE;
    enum sk_code code = arena_open(&talk.arena, "conversation", TALK_MAX);
    if (code == SK_OK) code = cli_model_configured(file, adapter, &talk.model);
    if (code == SK_OK && system) code = talk_say(&talk, ENGINE_SYSTEM, view_of(system));
    talk.first = talk.len;
    talk.first_used = talk.arena.used;
    int status = code == SK_OK ? talk_loop(&talk) : cli_failed();
    cli_model_close(&talk.model);
    arena_close(&talk.arena);
    return status;
}
