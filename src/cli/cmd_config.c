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
