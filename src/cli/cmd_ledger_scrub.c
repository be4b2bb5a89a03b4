#include "cli/cli.h"
#include "cli/cli_receipt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho ledger scrub DIR [--key VKEY]\n\n"
    "Reads every segment of the log directory DIR again (the `ledger` below the node's data\n"
    "directory, or a copy) and computes its tree again. Writes nothing; a node may run there.\n"
    "  --key VKEY   the node's verifier key, or a file that holds it: also checks who signed\n"
    "               `released`\n"
    "What is damaged is named by segment, byte and leaf. Exit code 0: whole; 3: damaged.\n";

static void damaged(void *self, const struct scrub_damage *damage) {
    (void)self;
    printf("log.%06u byte %llu: ", damage->segment, (unsigned long long)damage->offset);
    if (damage->leaves == 1) printf("leaf %llu: ", (unsigned long long)damage->leaf);
    if (damage->leaves > 1)
        printf("leaves %llu to %llu: ", (unsigned long long)damage->leaf,
               (unsigned long long)(damage->leaf + damage->leaves - 1));
    printf("%s\n", damage->what);
}

static void report(const struct scrub_found *found, bool keyed) {
    printf("%llu leaves in %u segments, %u of them sealed; %llu bytes read\n",
           (unsigned long long)found->leaves, found->segments, found->sealed,
           (unsigned long long)found->bytes);
    if (found->tail)
        printf("%llu bytes after the last batch: of one under way, or torn by a crash\n",
               (unsigned long long)found->tail);
    if (!found->rooted) printf("not every batch could be compared with its root\n");
    if (!keyed) printf("not checked without --key: who signed `released`\n");
    printf("%s\n", found->damaged ? "DAMAGED" : "whole");
}

int cmd_ledger_scrub(int argc, char **argv) {
    enum { SLICE = 1 << 20 };
    const char *vkey = NULL;
    const struct cli_option options[] = {{"--key", &vkey, NULL}, {0}};
    struct note_key key;
    struct scrub *scrub;
    struct scrub_found found = {.done = false};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 1) return cli_usage(usage, "a log directory is needed");
    if (vkey && cli_receipt_key(vkey, &key) != SK_OK) return cli_failed();
    int directory = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return FAIL(SK_IO, "%s: %s", argv[1], strerror(errno)), cli_failed();
    const struct scrub_task task = {
        .world = world_real(directory), .key = vkey ? &key : NULL, .damaged = damaged};
    enum sk_code code = scrub_open(&scrub, &task);
    while (code == SK_OK && !found.done) code = scrub_step(scrub, SLICE, &found);
    scrub_close(scrub);
    close(directory);
    if (code != SK_OK) return cli_failed();
    report(&found, vkey != NULL);
    return found.damaged ? EXIT_REJECTED : EXIT_DONE;
}
