// `sekisho key compromised`: the key is in foreign hands. It is not changed in place: a stolen key
// could sign that change too. The log ends, with a last checkpoint and a leaf that says so, and a
// log of another name and key goes on, whose first leaf carries that checkpoint.
//
// Each step can be repeated after a fall, and the configuration changes last: the new key's file;
// the old log closed and moved aside; the new log with its first leaf; its key in place.
#include "base/text.h"
#include "base/world.h"
#include "cli/cli.h"
#include "cli/cli_log.h"
#include "cli/cmd_key.h"
#include "node/files.h"
#include "node/parent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho key compromised --reason TEXT [--node NAME] [--config FILE]\n\n"
    "For a signing key that somebody else may have. While the node is stopped: closes the log "
    "with\n"
    "a last checkpoint, moves it aside, and begins one with another name and a new key, whose "
    "first\n"
    "entry names that checkpoint. Then tell the witnesses, and all who verify (docs/keys.md).\n"
    "  --node NAME   of the new log (default: the old one and /2, /3, ...)\n";

struct closing {
    struct conf *conf;
    struct signer_memory *memory;
    char node[sizeof((struct conf *)0)->node]; // of the new log
    char ledger[PARENT_PATH_MAX], aside[PARENT_PATH_MAX + 16];
    struct view reason;
    char note[LEDGER_NOTE_MAX]; // the last checkpoint
    size_t note_len;
};

static int64_t now_ms(void) {
    struct world world = world_real(-1);
    return world.clock_ms(world.self);
}

static const struct signer *signer(const struct closing *closing, enum key_file which) {
    return &closing->memory->signer[which];
}

// NAME/2 of NAME, NAME/3 of NAME/2.
static enum sk_code node_name(struct closing *closing, const char *chosen) {
    const char *old = closing->conf->node, *slash = strrchr(old, '/');
    uint64_t number = 1;
    int stem = (int)strlen(old), len;
    if (slash && decimal_take(view_of(slash + 1), &number))
        stem = (int)(slash - old);
    else
        number = 1;
    if (chosen)
        len = snprintf(closing->node, sizeof closing->node, "%s", chosen);
    else
        len = snprintf(closing->node, sizeof closing->node, "%.*s/%llu", stem, old,
                       (unsigned long long)number + 1);
    if (len <= 0 || len > LEDGER_ORIGIN_MAX || strcmp(closing->node, old) == 0)
        return FAIL(SK_INPUT, "--node: another name than %s, of 1 to %d bytes", old,
                    LEDGER_ORIGIN_MAX);
    return SK_OK;
}

static enum sk_code successor_make(struct closing *closing) {
    enum sk_code code = signer_read(closing->conf, KEY_SUCCESSOR, closing->memory, NULL);
    if (code == SK_UNKNOWN) {
        TRY(signer_make(closing->node, KEY_SUCCESSOR, closing->memory));
        return signer_write(closing->conf, KEY_SUCCESSOR, closing->memory);
    }
    TRY(code);
    if (strcmp(signer(closing, KEY_SUCCESSOR)->name.name, closing->node) == 0) return SK_OK;
    return FAIL(SK_DENIED, "successor.skey is of %s: finish that with --node, or take it away",
                signer(closing, KEY_SUCCESSOR)->name.name);
}

static enum sk_code log_end(struct closing *closing, struct cli_log *log) {
    static char storage[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(storage, sizeof storage);
    struct transition last;
    bool closed;
    TRY(cli_log_transition(log, &last));
    if (last.size && last.stage == TRANSITION_BEGIN &&
        signer_read(closing->conf, KEY_NEXT, closing->memory, NULL) == SK_OK)
        ledger_sign_by(log->ledger, &signer(closing, KEY_LOG)->key,
                       &signer(closing, KEY_NEXT)->key);
    TRY(cli_log_closed(log, &closed));
    if (closed) return SK_OK; // by a command that was killed
    successor_closed(closing->reason, &signer(closing, KEY_SUCCESSOR)->name, now_ms(), &leaf);
    TRY(buf_check(&leaf, "leaf"));
    return cli_log_append(log, buf_view(&leaf));
}

// Closes the old log and moves it aside, with the key that verifies it.
static enum sk_code old_close(struct closing *closing) {
    char from[PARENT_PATH_MAX], to[PARENT_PATH_MAX + 32];
    struct cli_log log;
    if (access(closing->aside, F_OK) == 0) return SK_OK; // by a command that was killed
    TRY(cli_log_open(closing->ledger, signer(closing, KEY_LOG), &log));
    enum sk_code code = log_end(closing, &log), closed = cli_log_close(&log);
    if (code != SK_OK || closed != SK_OK) return code != SK_OK ? code : closed;
    parent_vkey_path(closing->conf, from);
    snprintf(to, sizeof to, "%s/log.vkey", closing->ledger);
    if (link(from, to) != 0 && errno != EEXIST) return FAIL(SK_IO, "%s: %s", to, strerror(errno));
    if (rename(closing->ledger, closing->aside) == 0) return SK_OK;
    return FAIL(SK_IO, "%s: %s", closing->aside, strerror(errno));
}

static enum sk_code note_read(struct closing *closing) {
    char path[PARENT_PATH_MAX + 32];
    struct buf note = buf_over(closing->note, sizeof closing->note);
    struct checkpoint checkpoint;
    snprintf(path, sizeof path, "%s/released", closing->aside);
    TRY(files_read(path, &note));
    closing->note_len = note.len;
    return checkpoint_check(buf_view(&note), &signer(closing, KEY_LOG)->name, &checkpoint);
}

static enum sk_code new_begin(struct closing *closing) {
    static char storage[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(storage, sizeof storage);
    struct view note = {closing->note, closing->note_len};
    struct stat info;
    struct cli_log log;
    TRY(files_directory(closing->ledger));
    if (stat(closing->aside, &info) != 0 ||
        (geteuid() == 0 && chown(closing->ledger, info.st_uid, info.st_gid) != 0))
        return FAIL(SK_DENIED, "%s: %s", closing->ledger, strerror(errno));
    TRY(cli_log_open(closing->ledger, signer(closing, KEY_SUCCESSOR), &log));
    successor_first("compromised", closing->reason, note, now_ms(), &leaf);
    enum sk_code code = buf_check(&leaf, "leaf");
    if (code == SK_OK && ledger_size(log.ledger) == 0) code = cli_log_append(&log, buf_view(&leaf));
    enum sk_code closed = cli_log_close(&log);
    return code != SK_OK ? code : closed;
}

static enum sk_code key_take_place(struct closing *closing) {
    char from[KEY_PATH_MAX], to[KEY_PATH_MAX], next[KEY_PATH_MAX];
    key_path(closing->conf, KEY_SUCCESSOR, from);
    key_path(closing->conf, KEY_LOG, to);
    key_path(closing->conf, KEY_NEXT, next);
    unlink(next); // of a change of the old key, if there was one
    TRY(signer_vkey_write(closing->conf, &signer(closing, KEY_SUCCESSOR)->name));
    if (rename(from, to) != 0) return FAIL(SK_IO, "%s: %s", to, strerror(errno));
    return SK_OK;
}

static enum sk_code node_save(struct closing *closing) {
    memcpy(closing->conf->node, closing->node, sizeof closing->node);
    TRY(cli_conf_save(closing->conf));
    printf("log   %s\nold   %s\n", closing->node, closing->aside);
    printf("Its last checkpoint is %s/released. Tell witnesses and all who verify: nothing\n"
           "that the old key signs beyond it is ours; the new key is in `sekisho key show`.\n",
           closing->aside);
    return SK_OK;
}

static enum sk_code compromised(struct closing *closing, const char *chosen) {
    char storage[2 * NOTE_ID_LEN];
    struct buf id = buf_over(storage, sizeof storage);
    TRY(node_name(closing, chosen));
    TRY(signer_read(closing->conf, KEY_LOG, closing->memory, NULL));
    const struct note_key *old = &signer(closing, KEY_LOG)->name;
    hex_put(&id, old->id, NOTE_ID_LEN);
    parent_ledger_path(closing->conf, closing->ledger);
    snprintf(closing->aside, sizeof closing->aside, "%s.%.*s", closing->ledger, (int)id.len, id.at);
    if (strcmp(old->name, closing->node) == 0) return node_save(closing); // all but that is done
    TRY(successor_make(closing));
    TRY(old_close(closing));
    TRY(note_read(closing));
    TRY(new_begin(closing));
    TRY(key_take_place(closing));
    return node_save(closing);
}

static bool reason_good(struct view reason) {
    bool good = reason.len > 0 && reason.len <= SUCCESSOR_REASON_MAX;
    for (size_t i = 0; i < reason.len; i++)
        good = good && (unsigned char)reason.at[i] >= ' ';
    return good;
}

int cmd_key_compromised(int argc, char **argv) {
    static struct conf conf;
    static struct closing closing;
    const char *config = NULL, *reason = NULL, *node = NULL;
    const struct cli_option options[] = {
        {"--config", &config, NULL}, {"--reason", &reason, NULL}, {"--node", &node, NULL}, {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    closing = (struct closing){.conf = &conf, .reason = view_of(reason)};
    if (rest != 0 || !reason || !reason_good(closing.reason))
        return cli_usage(usage, "--reason is needed: one line of at most %d bytes",
                         SUCCESSOR_REASON_MAX);
    enum sk_code code = conf_read_file(config, &conf);
    if (code == SK_OK) code = signer_open(&closing.memory);
    if (code == SK_OK) code = compromised(&closing, node);
    signer_close(closing.memory);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
