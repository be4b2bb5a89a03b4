// `sekisho key archive`: the key under which texts are kept.
#include "base/text.h"
#include "base/world.h"
#include "cli/cli.h"
#include "cli/cmd_key.h"
#include "cli/signer_file.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: sekisho key archive [--config FILE]\n\n"
    "Makes the key of the archive, where a policy keeps texts (docs/erasure.md): keys/archive.key\n"
    "of the data directory, 64 hex digits. Who has it and the node's files reads what is kept, so\n"
    "keep it off that disk where you can: a systemd credential archive.key. Then restart the "
    "node.\n";

int cmd_key_archive(int argc, char **argv) {
    static struct conf conf;
    struct world world = world_real(-1);
    const char *config = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {0}};
    char path[KEY_PATH_MAX], text[2 * 32 + 1];
    uint8_t key[32];
    struct buf digits = buf_over(text, sizeof text);
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 0) return cli_usage(usage, "no further word is known");
    enum sk_code code = conf_read_file(config, &conf);
    if (code == SK_OK) code = world.random(world.self, key, sizeof key);
    if (code != SK_OK) return cli_failed();
    hex_put(&digits, key, sizeof key);
    buf_put_char(&digits, '\n');
    key_path(&conf, KEY_ARCHIVE, path);
    code = signer_file_make(&conf, path, buf_view(&digits), 0400);
    explicit_bzero(key, sizeof key);
    explicit_bzero(text, sizeof text);
    if (code == SK_OK) printf("%s\n", path);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
