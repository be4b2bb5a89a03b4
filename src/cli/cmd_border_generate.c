#include "cli/cli.h"
#include "cli/generate.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: sekisho border generate [--seed N] [--count N] [--split train|held-out]\n\n"
    "Writes labelled Japanese texts for 'sekisho border eval', one JSON object a line: names,\n"
    "addresses, numbers with right check digits in the ways people write them, terms of special\n"
    "care, secrets; and things that only look like them (\"negatives\"). All of it is made up.\n"
    "  {\"text\": T, \"spans\": [{\"start\", \"end\", \"label\", \"form\"}],\n"
    "   \"negatives\": [{\"start\", \"end\", \"kind\"}], \"template\": NAME}\n"
    "start and end are bytes of UTF-8; a label is a detector's name.\n\n"
    "  --seed N   of chance (default 1): the same seed gives the same texts\n"
    "  --count N  texts (default 1000)\n"
    "  --split S  train (default), to write rules with; held-out, to measure them: it shares\n"
    "             neither templates nor names, places, banks and terms with train\n";

enum { LINE_MAX_BYTES = 1 << 18 };

int cmd_border_generate(int argc, char **argv) {
    static struct generator generator;
    static char storage[LINE_MAX_BYTES];
    const char *seed = "1", *count = "1000", *split = "train";
    const struct cli_option options[] = {
        {"--seed", &seed, NULL}, {"--count", &count, NULL}, {"--split", &split, NULL}, {0}};
    uint64_t seed_value, texts;
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest > 0) return cli_usage(usage, "no FILE: it writes to standard output");
    if (!cli_number(seed, 0, UINT64_MAX, &seed_value)) return cli_usage(usage, "--seed: a number");
    if (!cli_number(count, 1, 100000000, &texts))
        return cli_usage(usage, "--count: 1 to 100000000");
    bool train = strcmp(split, "train") == 0;
    if (!train && strcmp(split, "held-out") != 0)
        return cli_usage(usage, "--split: train or held-out");
    generate_begin(&generator, train ? SPLIT_TRAIN : SPLIT_HELD_OUT, seed_value);
    for (uint64_t i = 0; i < texts; i++) {
        struct buf out = buf_over(storage, sizeof storage);
        if (generate_line(&generator, &out) != SK_OK) return cli_failed();
        fwrite(out.at, 1, out.len, stdout);
    }
    return EXIT_DONE;
}
