// `sekisho ledger restore`: only an old copy of the log is left, or a backup. To go on with that
// copy would fork the log; another goes on, whose first leaf carries the last checkpoint that is
// known.
#include "cli/cli_backup.h"
#include "cli/succession.h"
#include "cli/verify.h"
#include "node/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho ledger restore [--from DIR] [--checkpoint FILE] --reason TEXT\n"
    "                              [--policy FILE] [--node NAME] [--config FILE]\n\n"
    "For a node whose log is lost, or an old copy that signs nothing, while it is stopped. Moves\n"
    "the copy aside, or puts the backup there after reading all of it, and begins a log with\n"
    "another name and a new key. Its first entry carries the last checkpoint of the old one, and\n"
    "says why. The key that cosigned logs of others is retired: an old copy does not know what it\n"
    "cosigned since.\n"
    "  --from DIR         a backup (sekisho ledger backup); what is left of the log itself must\n"
    "                     be out of the way\n"
    "  --checkpoint FILE  the last that was witnessed, as a witness shows it:\n"
    "                     GET .../witness/HEX/checkpoint; '-' is stdin. Of a log without\n"
    "                     witnesses the backup's own newest is taken\n"
    "  --policy FILE      a C2SP tlog-policy: a witness in it must have cosigned that (default:\n"
    "                     witness.policy of the configuration)\n"
    "  --node NAME        of the new log (default: the old one and /2, /3, ...)\n";

// One word is enough: that a witness has seen more is why the old copy signs nothing.
static enum sk_code witness_check(struct view note, const char *policy, struct arena *arena) {
    struct trust trust;
    struct view text;
    bool any = false;
    enum sk_code code = verify_file(policy, TRUST_TEXT_MAX, arena, &text);
    if (code == SK_OK) code = trust_parse(text, arena, &trust);
    if (code != SK_OK) return fail_within(code, "%s", policy);
    for (uint32_t i = 0; i < trust.witnesses_len; i++) {
        uint64_t time_s;
        code = note_signed(note, &trust.witnesses[i].key, &time_s);
        if (code != SK_OK && code != SK_UNKNOWN)
            return fail_within(code, "witness %.*s", (int)trust.witnesses[i].name.len,
                               trust.witnesses[i].name.at);
        any |= code == SK_OK;
    }
    return any ? SK_OK : FAIL(SK_DENIED, "no witness of %s cosigned it", policy);
}

static enum sk_code note_read(struct succession *it, const char *path,
                              struct checkpoint *checkpoint) {
    struct buf note = buf_over(it->note, sizeof it->note);
    struct note_key key = succession_signer(it, KEY_LOG)->name;
    TRY(files_read(path, &note));
    it->note_len = note.len;
    TRY(cli_backup_signer(it->conf, buf_view(&note), &key));
    return checkpoint_check(buf_view(&note), &key, checkpoint);
}

// Signed by the log's own key, or one before it, and by a witness: that one says that it was the
// last it saw.
static enum sk_code note_take(struct succession *it, const char *path, const char *policy,
                              struct checkpoint *checkpoint) {
    struct arena arena;
    if (!policy && !it->conf->witness_policy[0])
        return FAIL(SK_INPUT, "whose witness? The configuration has no witness.policy: --policy");
    TRY(note_read(it, path, checkpoint));
    TRY(arena_open(&arena, "witnesses", 1 << 20));
    enum sk_code code = witness_check((struct view){it->note, it->note_len},
                                      policy ? policy : it->conf->witness_policy, &arena);
    arena_close(&arena);
    return code;
}

// The larger of a backup's own two.
static enum sk_code note_own(struct succession *it, const char *from,
                             struct checkpoint *checkpoint) {
    char path[PARENT_PATH_MAX];
    uint64_t published = 0;
    snprintf(path, sizeof path, "%s/published", from);
    if (access(path, F_OK) == 0) {
        TRY(note_read(it, path, checkpoint));
        published = checkpoint->size;
    }
    snprintf(path, sizeof path, "%s/released", from);
    TRY(note_read(it, path, checkpoint));
    if (!published || published < checkpoint->size) return SK_OK;
    snprintf(path, sizeof path, "%s/published", from);
    return note_read(it, path, checkpoint);
}

// Read whole first: a backup that is damaged changes nothing here.
static enum sk_code backup_take(const struct succession *it, const char *from,
                                const struct checkpoint *checkpoint) {
    struct note_key key = succession_signer(it, KEY_LOG)->name;
    struct backup_done done;
    TRY(cli_backup_key(it->conf, from, &key));
    TRY(cli_backup_check(from, &key, &done));
    if (checkpoint->size < done.size)
        return FAIL(SK_INPUT, "the checkpoint has %llu leaves, the backup %llu: a newer one is "
                              "needed",
                    (unsigned long long)checkpoint->size, (unsigned long long)done.size);
    if (checkpoint->size == done.size &&
        memcmp(&checkpoint->root, &done.root, sizeof done.root) != 0)
        return FAIL(SK_CORRUPT, "the checkpoint and the backup are of two logs of one name");
    if (rmdir(it->ledger) != 0 && errno != ENOENT)
        return FAIL(SK_DENIED, "%s: %s: move away what is left of the log, or go on from it "
                               "without --from",
                    it->ledger, strerror(errno));
    TRY(cli_backup_make(from, it->aside, &key, it->conf->data, &done));
    printf("copy  %llu leaves\n", (unsigned long long)done.size);
    return SK_OK;
}

static enum sk_code restore(struct succession *it, const char *chosen, const char *path,
                            const char *policy, const char *from) {
    struct checkpoint checkpoint;
    bool done;
    TRY(succession_open(it, chosen, &done));
    if (done) return succession_save(it);
    bool aside = access(it->aside, F_OK) == 0; // by a command that was killed
    if (!aside) TRY(succession_lock(it));
    if (!path && it->conf->witness_policy[0])
        return FAIL(SK_INPUT, "this log has witnesses: --checkpoint is needed, or what was "
                              "witnessed after the backup is not said");
    enum sk_code code = path ? note_take(it, path, policy, &checkpoint)
                             : note_own(it, from, &checkpoint);
    if (code != SK_OK) return fail_within(code, "%s", path ? path : from);
    printf("last  %llu leaves\n", (unsigned long long)checkpoint.size);
    if (from && !aside) TRY(backup_take(it, from, &checkpoint));
    TRY(succession_key(it));
    if (!from && !aside) TRY(succession_aside(it));
    TRY(succession_finish(it));
    printf("Tell witnesses and all who verify the new key (`sekisho key show`), and that nothing\n"
           "is signed by the old one any more.\n");
    return SK_OK;
}

int cmd_ledger_restore(int argc, char **argv) {
    static struct conf conf;
    static struct succession it;
    const char *config = NULL, *reason = NULL, *node = NULL, *path = NULL,
               *policy = NULL, *from = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {"--reason", &reason, NULL},
                                         {"--node", &node, NULL},     {"--checkpoint", &path, NULL},
                                         {"--policy", &policy, NULL}, {"--from", &from, NULL},
                                         {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    it = (struct succession){
        .conf = &conf, .cause = "restored", .old_copy = true, .reason = view_of(reason)};
    if (rest != 0 || !(path || from) || !reason || !succession_reason(it.reason))
        return cli_usage(usage, "--from or --checkpoint, and --reason, one line of at most %d "
                                "bytes, are needed",
                         SUCCESSOR_REASON_MAX);
    enum sk_code code = conf_read_file(config, &conf);
    if (code == SK_OK) code = signer_open(&it.memory);
    if (code == SK_OK) code = restore(&it, node, path, policy, from);
    signer_close(it.memory);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
