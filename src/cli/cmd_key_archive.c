// `sekisho key archive`: the key under which texts are kept.
#include "cli/cli.h"
#include "cli/cli_archive.h"
#include "cli/cmd_key.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: sekisho key archive [--config FILE]\n"
    "       sekisho key archive rotate    another one in its place: has a --help\n\n"
    "Makes the key of the archive, where a policy keeps texts (docs/erasure.md): keys/archive.key\n"
    "of the data directory, 64 hex digits. Who has it and the node's files reads what is kept, so\n"
    "keep it off that disk where you can: a systemd credential archive.key. Then restart the "
    "node.\n";

int cmd_key_archive(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "rotate") == 0)
        return cmd_key_archive_rotate(argc - 1, argv + 1);
    static struct conf conf;
    const char *config = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {0}};
    char path[KEY_PATH_MAX];
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 0) return cli_usage(usage, "no further word is known");
    enum sk_code code = conf_read_file(config, &conf);
    key_path(&conf, KEY_ARCHIVE, path);
    if (code == SK_OK) code = cli_archive_key_make(&conf, path);
    if (code == SK_OK) printf("%s\n", path);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
