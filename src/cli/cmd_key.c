#include "cli/cmd_key.h"
#include "base/fair.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: sekisho key NAME [OPTIONS] [--config FILE]\n"
    "       sekisho key show|export|import|rotate|retire|compromised\n"
    "               the key that signs the log: each has a --help\n"
    "       sekisho key archive [rotate]    the key of texts that a policy keeps\n\n"
    "Makes an API key, adds its SHA-256 to the configuration and prints the key once. A running\n"
    "node takes it with SIGHUP. To take a key away, delete its lines and send SIGHUP.\n"
    "  --requests N  requests per minute   } instead of the configuration's own,\n"
    "  --tokens N    tokens per minute     } 0: no limit\n"
    "  --parallel N  requests at once      }\n"
    "  --weight N    its part of the engine where keys wait for each other: 1 (unless given) to\n"
    "                100\n"
    "  --metrics     a key that reads /metrics, and nothing else\n"
    "  --audit       a key that reads the entries of the log, and nothing else\n";

// NULL leaves the node's limit.
static bool limit_take(const char *text, uint64_t *limit) {
    return !text || cli_number(text, 0, UINT32_MAX, limit);
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} words[] = {
    {"show", cmd_key_log},      {"export", cmd_key_log},    {"import", cmd_key_log},
    {"rotate", cmd_key_rotate}, {"retire", cmd_key_rotate}, {"compromised", cmd_key_compromised},
    {"archive", cmd_key_archive},
};

int cmd_key(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof words / sizeof *words; i++)
        if (strcmp(argv[1], words[i].name) == 0) return words[i].run(argc - 1, argv + 1);
    static struct conf conf;
    const char *config = NULL;
    const char *requests = NULL, *tokens = NULL, *parallel = NULL, *weight = NULL;
    bool metrics = false, audit = false;
    const struct cli_option options[] = {
        {"--config", &config, NULL},   {"--requests", &requests, NULL},
        {"--tokens", &tokens, NULL},   {"--parallel", &parallel, NULL},
        {"--weight", &weight, NULL},   {"--metrics", NULL, &metrics}, {"--audit", NULL, &audit},
        {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 1 || !argv[1][0] || strlen(argv[1]) > 64)
        return cli_usage(usage, "a name of 1 to 64 bytes is needed");
    if (conf_read_file(config, &conf) != SK_OK) return cli_failed();
    struct conf_key *key = conf_key_add(&conf, argv[1]);
    if (!key) return FAIL(SK_LIMIT, "there are %d keys already", CONF_KEYS_MAX), cli_failed();
    struct conf_limits *limits = &key->limits;
    if (!limit_take(requests, &limits->requests) || !limit_take(tokens, &limits->tokens) ||
        !limit_take(parallel, &limits->parallel))
        return cli_usage(usage, "a limit is a number up to %u", UINT32_MAX);
    if (weight && !cli_number(weight, 1, FAIR_WEIGHT_MAX, &key->weight))
        return cli_usage(usage, "a weight is a number from 1 to %d", FAIR_WEIGHT_MAX);
    if (metrics && audit) return cli_usage(usage, "a key is for one use: --metrics or --audit");
    if (audit) snprintf(key->use, sizeof key->use, "audit");
    if (metrics) snprintf(key->use, sizeof key->use, "metrics");
    char text[64];
    if (cli_key_make(text, key->digest) != SK_OK || cli_conf_save(&conf) != SK_OK)
        return cli_failed();
    printf("%s\n", text);
    return EXIT_DONE;
}
