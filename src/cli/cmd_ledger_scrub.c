// `sekisho ledger scrub`: a log directory read again and what is damaged named, for who has its
// copy too. Nothing is written, nor repaired.
#include "base/json.h"
#include "cli/cli.h"
#include "cli/cli_receipt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho ledger scrub DIR [--key VKEY] [--json]\n\n"
    "Reads every segment of the log directory DIR again (the `ledger` below the node's data\n"
    "directory, or a copy) and computes its tree again. Writes nothing; a node may run there.\n"
    "  --key VKEY   the node's verifier key, or a file that holds it: also checks who signed\n"
    "               `released`\n"
    "  --json       the same as one JSON object: v, damages (segment, byte, leaf, leaves, what),\n"
    "               leaves, segments, sealed, bytes, tail, rooted, signature_checked, whole\n"
    "What is damaged is named by segment, byte and leaf. Exit code 0: whole; 3: damaged.\n";

// One after the other, so that none is too many.
static void flush(struct json_writer *w) {
    fwrite(w->out->at, 1, w->out->len, stdout);
    buf_reset(w->out);
}

static void damage_put(struct json_writer *w, const struct scrub_damage *damage) {
    json_open(w, '{');
    json_member_u64(w, "segment", damage->segment);
    json_member_u64(w, "byte", damage->offset);
    json_member_u64(w, "leaf", damage->leaf);
    json_member_u64(w, "leaves", damage->leaves);
    json_member_text(w, "what", damage->what);
    json_close(w, '}');
    flush(w);
}

static void damaged(void *self, const struct scrub_damage *damage) {
    if (self) {
        damage_put(self, damage);
        return;
    }
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

static void report_put(struct json_writer *w, const struct scrub_found *found, bool keyed) {
    json_close(w, ']');
    json_member_u64(w, "leaves", found->leaves);
    json_member_u64(w, "segments", found->segments);
    json_member_u64(w, "sealed", found->sealed);
    json_member_u64(w, "bytes", found->bytes);
    json_member_u64(w, "tail", found->tail);
    json_member_bool(w, "rooted", found->rooted);
    json_member_bool(w, "signature_checked", keyed);
    json_member_bool(w, "whole", found->damaged == 0);
    json_close(w, '}');
    buf_put_char(w->out, '\n');
    flush(w);
}

int cmd_ledger_scrub(int argc, char **argv) {
    enum { SLICE = 1 << 20 };
    const char *vkey = NULL;
    bool json = false;
    const struct cli_option options[] = {{"--key", &vkey, NULL}, {"--json", NULL, &json}, {0}};
    char storage[1024];
    struct buf out = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&out);
    struct note_key key;
    struct scrub *scrub;
    struct scrub_found found = {.done = false};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 1) return cli_usage(usage, "a log directory is needed");
    if (vkey && cli_receipt_key(vkey, &key) != SK_OK) return cli_failed();
    int directory = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return FAIL(SK_IO, "%s: %s", argv[1], strerror(errno)), cli_failed();
    const struct scrub_task task = {.world = world_real(directory),
                                    .key = vkey ? &key : NULL,
                                    .self = json ? &w : NULL,
                                    .damaged = damaged};
    enum sk_code code = scrub_open(&scrub, &task);
    if (code == SK_OK && json) {
        json_open(&w, '{');
        json_member_text(&w, "v", "sekisho-scrub/1");
        json_name(&w, "damages");
        json_open(&w, '[');
    }
    while (code == SK_OK && !found.done) code = scrub_step(scrub, SLICE, &found);
    scrub_close(scrub);
    close(directory);
    if (code != SK_OK) return cli_failed();
    if (json)
        report_put(&w, &found, vkey != NULL);
    else
        report(&found, vkey != NULL);
    return found.damaged ? EXIT_REJECTED : EXIT_DONE;
}
