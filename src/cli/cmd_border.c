#include "cli/cli.h"

static const struct cli_command commands[] = {
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
    return cli_group("border", commands, sizeof commands / sizeof *commands, argc, argv);
}
