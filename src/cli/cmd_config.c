#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const char config_usage[] =
    "usage: sekisho config check|print [--config FILE]\n\n"
    "check reads the configuration and says what is wrong with it; print shows every field as the\n"
    "node would use it, environment included.\n";

int cmd_config(int argc, char **argv) {
    enum { TEXT_MAX = 1 << 20 };
    static struct conf conf;
    static char storage[TEXT_MAX];
    const char *config = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {0}};
    int rest;
    if (!cli_options(argc, argv, config_usage, options, &rest)) return EXIT_USAGE;
    bool print = rest == 1 && strcmp(argv[1], "print") == 0;
    if (!print && (rest != 1 || strcmp(argv[1], "check") != 0))
        return cli_usage(config_usage, "check or print?");
    if (conf_read(config, &conf) != SK_OK) return cli_failed();
    struct buf text = buf_over(storage, sizeof storage);
    if (print) conf_write(&conf, false, &text);
    if (buf_check(&text, "configuration") != SK_OK) return cli_failed();
    fwrite(text.at, 1, text.len, stdout);
    if (!print) printf("%s: good\n", conf.file);
    return EXIT_DONE;
}

static const char key_usage[] =
    "usage: sekisho key NAME [OPTIONS] [--config FILE]\n\n"
    "Makes an API key, adds its SHA-256 to the configuration and prints the key once. A running\n"
    "node takes it with SIGHUP. To take a key away, delete its lines and send SIGHUP.\n"
    "  --requests N  requests per minute   } instead of the configuration's own,\n"
    "  --tokens N    tokens per minute     } 0: no limit\n"
    "  --parallel N  requests at once      }\n"
    "  --metrics     a key that reads /metrics, and nothing else\n";

// NULL leaves the node's limit.
static bool limit_take(const char *text, uint64_t *limit) {
    return !text || cli_number(text, 0, UINT32_MAX, limit);
}

int cmd_key(int argc, char **argv) {
    static struct conf conf;
    const char *config = NULL;
    const char *requests = NULL, *tokens = NULL, *parallel = NULL;
    bool metrics = false;
    const struct cli_option options[] = {{"--config", &config, NULL},
                                         {"--requests", &requests, NULL},
                                         {"--tokens", &tokens, NULL},
                                         {"--parallel", &parallel, NULL},
                                         {"--metrics", NULL, &metrics},
                                         {0}};
    int rest;
    if (!cli_options(argc, argv, key_usage, options, &rest)) return EXIT_USAGE;
    if (rest != 1 || !argv[1][0] || strlen(argv[1]) > 64)
        return cli_usage(key_usage, "a name of 1 to 64 bytes is needed");
    if (conf_read_file(config, &conf) != SK_OK) return cli_failed();
    struct conf_key *key = conf_key_add(&conf, argv[1]);
    if (!key) return FAIL(SK_LIMIT, "there are %d keys already", CONF_KEYS_MAX), cli_failed();
    struct conf_limits *limits = &key->limits;
    if (!limit_take(requests, &limits->requests) || !limit_take(tokens, &limits->tokens) ||
        !limit_take(parallel, &limits->parallel))
        return cli_usage(key_usage, "a limit is a number up to %u", UINT32_MAX);
    if (metrics) snprintf(key->use, sizeof key->use, "metrics");
    char text[64];
    if (cli_key_make(text, key->digest) != SK_OK || cli_conf_save(&conf) != SK_OK)
        return cli_failed();
    printf("%s\n", text);
    return EXIT_DONE;
}
