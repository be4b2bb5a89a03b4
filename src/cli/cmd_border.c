#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *line;
};
static const struct command commands[] = {
    {"example", cmd_border_example, "example: a commented policy to begin with"},
    {"check", cmd_border_check, "check [FILE]: read a policy and say what is wrong or ends soon"},
    {"test", cmd_border_test, "test [FILE]: run the tests of a policy and its packs"},
    {"explain", cmd_border_explain, "explain [FILE]: the whole table, class by class"},
    {"diff", cmd_border_diff, "diff OLD NEW: what a change opens and closes"},
    {"judge", cmd_border_judge, "judge [FILE]: what stands in a text, and where it may go"},
    {"words", cmd_border_words, "words FILE: detectors of your own words and secrets"},
    {"generate", cmd_border_generate, "generate: labelled texts to measure detectors with"},
    {"eval", cmd_border_eval, "eval FILE: precision and recall of the detectors on labelled texts"},
};

int cmd_border(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : "--help";
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(word, commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    bool help = strcmp(word, "--help") == 0;
    FILE *to = help ? stdout : stderr;
    if (!help) fprintf(to, "sekisho: no command 'border %s'\n\n", word);
    fprintf(to, "usage: sekisho border COMMAND\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-8s  %s\n", commands[i].name, commands[i].line);
    return help ? EXIT_DONE : EXIT_USAGE;
}
