#include "cli/cli.h"

#include <stdio.h>

#include "node/files.h"

static const char usage[] =
    "usage: sekisho border example\n\n"
    "Prints a policy to begin with, commented in English and Japanese: a city hall with two\n"
    "tenants, one place in its country, a route that falls back to the node's own model, tests.\n"
    "  sekisho border example > policy.yaml && sekisho border check policy.yaml\n";

enum { EXAMPLE_MAX = 64 << 10 };

int cmd_border_example(int argc, char **argv) {
    char directory[1024], path[1100];
    struct buf text = {0};
    int rest;
    if (!cli_options(argc, argv, usage, (const struct cli_option[]){{0}}, &rest)) return EXIT_USAGE;
    if (rest > 0) return cli_usage(usage, "what is '%s'?", argv[1]);
    files_default_packs(directory, sizeof directory);
    snprintf(path, sizeof path, "%s/example/policy.yaml", directory);
    enum sk_code code = buf_open(&text, EXAMPLE_MAX);
    if (code == SK_OK) code = cli_read(path, &text);
    if (code == SK_OK) fwrite(text.at, 1, text.len, stdout);
    buf_close(&text);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
