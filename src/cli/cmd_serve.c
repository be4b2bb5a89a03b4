// `sekisho serve`: reads the configuration, makes the witness's key where an older build made none,
// and becomes the parent (node/parent.h).
#include "base/log.h"
#include "cli/cli.h"
#include "cli/signer_file.h"
#include "node/parent.h"

#include <stdio.h>

static const char usage[] =
    "usage: sekisho serve [--config FILE] [--check]\n\n"
    "Runs the node until SIGTERM or SIGINT: then running answers are finished (limits.drain_ms);\n"
    "a second signal stops at once. SIGHUP reads keys, limits and policy again, or logs why not.\n"
    "Log lines go to stderr.\n"
    "--check reads every model file whole again; else one that did not change since it was last\n"
    "read is known by its times (the receipt says which).\n"
    "Any field can be set from the environment: SEKISHO_LISTEN, SEKISHO_LIMITS_BODY, …\n";

// Every node is a witness. One of an older build has no key for that yet; where none can be made it
// cosigns nothing.
static void witness_make(const struct conf *conf) {
    struct signer_memory *memory = NULL;
    enum sk_code code = signer_open(&memory);
    if (code == SK_OK) code = signer_witness(conf, memory);
    signer_close(memory);
    if (code != SK_OK) log_line(LOG_WARN, "witness", "key=none text=\"%s\"", fail_text());
}

int cmd_serve(int argc, char **argv) {
    static struct conf conf;
    const char *config = NULL;
    bool check = false;
    const struct cli_option options[] = {
        {"--config", &config, NULL}, {"--check", NULL, &check}, {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest > 0) return cli_usage(usage, "what is '%s'?", argv[1]);
    if (conf_read(config, &conf) != SK_OK) return cli_failed();
    witness_make(&conf);
    struct parent_options parent = {.config = config, .check = check};
    return parent_run(&conf, parent) == SK_OK ? EXIT_DONE : cli_failed();
}
