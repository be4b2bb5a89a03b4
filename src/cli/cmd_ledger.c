#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    const char *line;
    int (*run)(int argc, char **argv);
};
// One row each: many hands add theirs.
static const struct command commands[] = {
    {"export", "export DIR: the log as a tlog-tiles directory, for verifiers and web servers",
     cmd_ledger_export},
    {"restore", "restore: a log goes on in place of an old copy", cmd_ledger_restore},
    {"scrub", "scrub DIR: read a log directory again and say what is damaged", cmd_ledger_scrub},
    {"erase", "erase --open N: make a kept text unreadable, and say so in the ledger",
     cmd_ledger_erase},
    {"disclose", "disclose --open N: leaves, proofs and chosen texts of a request, for others",
     cmd_ledger_disclose},
    {"subject", "subject --key-id KEY --out DIR: all that is kept of an API key",
     cmd_ledger_subject},
};

int cmd_ledger(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : "--help";
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(word, commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    bool help = strcmp(word, "--help") == 0;
    FILE *to = help ? stdout : stderr;
    if (!help) fprintf(to, "sekisho: no command 'ledger %s'\n\n", word);
    fprintf(to, "usage: sekisho ledger COMMAND\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-8s  %s\n", commands[i].name, commands[i].line);
    return help ? EXIT_DONE : EXIT_USAGE;
}
