// `sekisho key compromised`: the key is in foreign hands. It is not changed in place: a stolen key
// could sign that change too. The log ends, with a last checkpoint and a leaf that says so, and a
// log of another name and key goes on, whose first leaf carries that checkpoint.
#include "cli/cli.h"
#include "cli/cmd_key.h"
#include "cli/succession.h"
#include "node/files.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho key compromised --reason TEXT [--node NAME] [--config FILE]\n\n"
    "For a signing key that somebody else may have. While the node is stopped: closes the log "
    "with\n"
    "a last checkpoint, moves it aside, and begins one with another name and a new key, whose "
    "first\n"
    "entry names that checkpoint. Then tell the witnesses, and all who verify (docs/keys.md).\n"
    "  --node NAME   of the new log (default: the old one and /2, /3, ...)\n";

static enum sk_code log_end(struct succession *closing, struct cli_log *log) {
    static char storage[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(storage, sizeof storage);
    struct transition last;
    bool closed;
    TRY(cli_log_transition(log, &last, NULL));
    if (last.size && last.stage == TRANSITION_BEGIN &&
        signer_read(closing->conf, KEY_NEXT, closing->memory, NULL) == SK_OK)
        ledger_sign_by(log->ledger, &succession_signer(closing, KEY_LOG)->key,
                       &succession_signer(closing, KEY_NEXT)->key);
    TRY(cli_log_closed(log, &closed));
    if (closed) return SK_OK; // by a command that was killed
    successor_closed(closing->reason, &succession_signer(closing, KEY_SUCCESSOR)->name,
                     cli_log_now_ms(), &leaf);
    TRY(buf_check(&leaf, "leaf"));
    return cli_log_append(log, buf_view(&leaf));
}

// Closes the old log and moves it aside, with the key that verifies it.
static enum sk_code old_close(struct succession *closing) {
    struct cli_log log;
    if (access(closing->aside, F_OK) == 0) return SK_OK; // by a command that was killed
    TRY(cli_log_open(closing->ledger, succession_signer(closing, KEY_LOG), &log));
    enum sk_code code = log_end(closing, &log), closed = cli_log_close(&log);
    if (code != SK_OK || closed != SK_OK) return code != SK_OK ? code : closed;
    TRY(succession_lock(closing));
    return succession_aside(closing);
}

static enum sk_code note_read(struct succession *closing) {
    char path[PARENT_PATH_MAX + 32];
    struct buf note = buf_over(closing->note, sizeof closing->note);
    struct checkpoint checkpoint;
    snprintf(path, sizeof path, "%s/released", closing->aside);
    TRY(files_read(path, &note));
    closing->note_len = note.len;
    return checkpoint_check(buf_view(&note), &succession_signer(closing, KEY_LOG)->name,
                            &checkpoint);
}

static enum sk_code compromised(struct succession *closing, const char *chosen) {
    bool done;
    TRY(succession_open(closing, chosen, &done));
    if (done) return succession_save(closing);
    TRY(succession_key(closing));
    TRY(old_close(closing));
    TRY(note_read(closing));
    TRY(succession_finish(closing));
    printf("Its last checkpoint is %s/released. Tell witnesses and all who verify: nothing\n"
           "that the old key signs beyond it is ours; the new key is in `sekisho key show`.\n",
           closing->aside);
    return SK_OK;
}

int cmd_key_compromised(int argc, char **argv) {
    static struct conf conf;
    static struct succession closing;
    const char *config = NULL, *reason = NULL, *node = NULL;
    const struct cli_option options[] = {
        {"--config", &config, NULL}, {"--reason", &reason, NULL}, {"--node", &node, NULL}, {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    closing = (struct succession){.conf = &conf, .cause = "compromised", .reason = view_of(reason)};
    if (rest > 0) return cli_usage(usage, "what is '%s'?", argv[1]);
    if (!reason || !succession_reason(closing.reason))
        return cli_usage(usage, "--reason is needed: one line of at most %d bytes",
                         SUCCESSOR_REASON_MAX);
    enum sk_code code = conf_read_file(config, &conf);
    if (code == SK_OK) code = signer_open(&closing.memory);
    if (code == SK_OK) code = compromised(&closing, node);
    signer_close(closing.memory);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
