#include "build_id.h"
#include "cli/cli.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct cli_command commands[] = {
    {"init", cmd_init, "make a configuration, the keys and the first API key"},
    {"serve", cmd_serve, "run the node"},
    {"run", cmd_run, "answer one prompt on the terminal, without a node"},
    {"chat", cmd_chat, "talk with the model on the terminal"},
    {"verify", cmd_verify, "check a receipt, a proof or a whole log, without believing the node"},
    {"audit", cmd_audit, "which requests a log has, by class and place; that none is missing"},
    {"ledger", cmd_ledger, "the log: export, backup, forecast …; kept texts: retention, erase …"},
    {"replay", cmd_replay, "compute a receipt's answer again and compare"},
    {"model", cmd_model, "model add FILE: check a GGUF file and serve it; sign, quantize, merge …"},
    {"tokenize", cmd_tokenize, "tokens of a text, text of tokens"},
    {"train", cmd_train, "train RECIPE: from texts to a model in GGUF, by our own trainer"},
    {"eval", cmd_eval, "how good a model is, by tasks in files; every figure with its interval"},
    {"keigo", cmd_keigo, "Japanese politeness: rewrite, level, check, by rules and a model"},
    {"grammar", cmd_grammar, "the grammar of a JSON Schema; whether a text is of a grammar"},
    {"embed", cmd_embed, "embeddings of texts, by an encoder"},
    {"border", cmd_border, "what may leave: a policy, its detectors"},
    {"key", cmd_key, "key NAME: make a further API key; show, export, rotate …: that of the log"},
    {"place", cmd_place, "place key NAME: keep its credential; place pin FILE: of its certificate"},
    {"config", cmd_config, "config check | print"},
    {"perplexity", cmd_perplexity, "how well the model foretells a text"},
    {"bench", cmd_bench, "tokens per second, as llama-bench counts them"},
    {"doctor", cmd_doctor, "what this machine gives: isolation, CPU, model, missing parts"},
};

static void help(FILE *to) {
    fprintf(to, "sekisho %s - a sovereign AI node\n\nusage: sekisho COMMAND [OPTIONS]\n\n",
            SEKISHO_VERSION);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-10s  %s\n", commands[i].name, commands[i].line);
    fprintf(to, "\nEach command explains itself: sekisho COMMAND --help\n"
                "First steps: sekisho init && sekisho serve\n"
                "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 rejected, 4 too few witnesses\n");
}

// What was printed may be a key shown once, or an answer: losing it is a failure.
static int written(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    perror("sekisho: standard output");
    return EXIT_FAILED;
}

int main(int argc, char **argv) {
    setlocale(LC_CTYPE, "C.UTF-8");
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "--help") == 0 || strcmp(word, "help") == 0 || strcmp(word, "-h") == 0) {
        help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(word, "--version") == 0) {
        printf("sekisho %s\n", SEKISHO_BUILD);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(word, commands[i].name) == 0)
            return written(commands[i].run(argc - 1, argv + 1));
    if (word[0]) fprintf(stderr, "sekisho: no command '%s'\n\n", word);
    help(stderr);
    return EXIT_USAGE;
}
