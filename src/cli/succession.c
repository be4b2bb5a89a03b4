#include "cli/succession.h"

#include "base/text.h"
#include "cli/cli.h"
#include "node/files.h"
#include "node/parent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// NAME/2 of NAME, NAME/3 of NAME/2.
static enum sk_code node_name(struct succession *it, const char *chosen) {
    const char *old = it->conf->node, *slash = strrchr(old, '/');
    uint64_t number = 1;
    int stem = (int)strlen(old), len;
    if (slash && decimal_take(view_of(slash + 1), &number))
        stem = (int)(slash - old);
    else
        number = 1;
    if (chosen)
        len = snprintf(it->node, sizeof it->node, "%s", chosen);
    else
        len = snprintf(it->node, sizeof it->node, "%.*s/%llu", stem, old,
                       (unsigned long long)number + 1);
    if (len <= 0 || len > LEDGER_ORIGIN_MAX || strcmp(it->node, old) == 0)
        return FAIL(SK_INPUT, "--node: another name than %s, of 1 to %d bytes", old,
                    LEDGER_ORIGIN_MAX);
    return SK_OK;
}

enum sk_code succession_key(struct succession *it) {
    enum sk_code code = signer_read(it->conf, KEY_SUCCESSOR, it->memory, NULL);
    if (code == SK_UNKNOWN) {
        TRY(signer_make(it->node, KEY_SUCCESSOR, it->memory));
        return signer_write(it->conf, KEY_SUCCESSOR, it->memory);
    }
    TRY(code);
    if (strcmp(succession_signer(it, KEY_SUCCESSOR)->name.name, it->node) == 0) return SK_OK;
    return FAIL(SK_DENIED, "successor.skey is of %s: finish that with --node, or take it away",
                succession_signer(it, KEY_SUCCESSOR)->name.name);
}

enum sk_code succession_lock(const struct succession *it) {
    int directory = open(it->ledger, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 && errno == ENOENT) return SK_OK;
    if (directory < 0) return FAIL(SK_DENIED, "%s: %s", it->ledger, strerror(errno));
    if (flock(directory, LOCK_EX | LOCK_NB) == 0) return SK_OK;
    close(directory);
    return FAIL(SK_BUSY, "a node runs on %s: stop it first", it->ledger);
}

// No link: there are file systems without. One of a command that was killed is replaced.
static enum sk_code vkey_copy(const struct succession *it) {
    char from[PARENT_PATH_MAX], to[PARENT_PATH_MAX + 32], fresh[PARENT_PATH_MAX + 32];
    char storage[SKEY_TEXT_MAX];
    struct buf text = buf_over(storage, sizeof storage);
    parent_vkey_path(it->conf, from);
    snprintf(to, sizeof to, "%s/log.vkey", it->ledger);
    snprintf(fresh, sizeof fresh, "%s/log.vkey.new", it->ledger);
    TRY(files_read(from, &text));
    unlink(fresh);
    TRY(files_create(fresh, buf_view(&text), 0444));
    TRY(signer_owned(it->ledger));
    return rename(fresh, to) == 0 ? SK_OK : FAIL(SK_IO, "%s: %s", to, strerror(errno));
}

enum sk_code succession_aside(struct succession *it) {
    TRY(vkey_copy(it));
    if (rename(it->ledger, it->aside) == 0) return SK_OK;
    return FAIL(SK_IO, "%s: %s", it->aside, strerror(errno));
}

// What this node cosigned as a witness stays with it: it is the same witness.
static enum sk_code witness_move(const struct succession *it) {
    int from = open(it->aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int to = open(it->ledger, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = from >= 0 ? fdopendir(from) : NULL;
    enum sk_code code = list && to >= 0 ? SK_OK : FAIL(SK_IO, "%s: %s", it->aside, strerror(errno));
    for (const struct dirent *one; code == SK_OK && (one = readdir(list));)
        if (strncmp(one->d_name, "witness.", 8) == 0 &&
            renameat(from, one->d_name, to, one->d_name) != 0)
            code = FAIL(SK_IO, "%s: %s", one->d_name, strerror(errno));
    if (code == SK_OK && fsync(to) != 0) code = FAIL(SK_IO, "%s", strerror(errno));
    if (to >= 0) close(to);
    if (list) closedir(list);
    return code;
}

// An old copy does not know what it cosigned since: another witness begins.
static enum sk_code witness_retire(const struct succession *it) {
    char from[KEY_PATH_MAX], to[PARENT_PATH_MAX + 32];
    key_path(it->conf, KEY_WITNESS, from);
    snprintf(to, sizeof to, "%s/witness.skey", it->aside);
    if (rename(from, to) == 0 || errno == ENOENT) return SK_OK;
    return FAIL(SK_IO, "%s: %s", to, strerror(errno));
}

static enum sk_code new_begin(struct succession *it) {
    static char storage[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(storage, sizeof storage);
    struct view note = {it->note, it->note_len};
    struct stat info;
    struct cli_log log;
    TRY(files_directory(it->ledger));
    if (stat(it->aside, &info) != 0 ||
        (geteuid() == 0 && lchown(it->ledger, info.st_uid, info.st_gid) != 0))
        return FAIL(SK_DENIED, "%s: %s", it->ledger, strerror(errno));
    TRY(cli_log_open(it->ledger, succession_signer(it, KEY_SUCCESSOR), &log));
    successor_first(it->cause, it->reason, note, cli_log_now_ms(), &leaf);
    enum sk_code code = buf_check(&leaf, "leaf");
    if (code == SK_OK && ledger_size(log.ledger) == 0) code = cli_log_append(&log, buf_view(&leaf));
    enum sk_code closed = cli_log_close(&log);
    return code != SK_OK ? code : closed;
}

static enum sk_code key_take_place(struct succession *it) {
    char from[KEY_PATH_MAX], to[KEY_PATH_MAX], next[KEY_PATH_MAX];
    key_path(it->conf, KEY_SUCCESSOR, from);
    key_path(it->conf, KEY_LOG, to);
    key_path(it->conf, KEY_NEXT, next);
    unlink(next); // of a change of the old key, if there was one
    TRY(signer_vkey_write(it->conf, &succession_signer(it, KEY_SUCCESSOR)->name));
    if (rename(from, to) != 0) return FAIL(SK_IO, "%s: %s", to, strerror(errno));
    return SK_OK;
}

enum sk_code succession_save(struct succession *it) {
    memcpy(it->conf->node, it->node, sizeof it->node);
    TRY(cli_conf_save(it->conf));
    printf("log   %s\nold   %s\n", it->node, it->aside);
    return SK_OK;
}

bool succession_reason(struct view reason) {
    bool good = reason.len > 0 && reason.len <= SUCCESSOR_REASON_MAX;
    for (size_t i = 0; i < reason.len; i++)
        good = good && (unsigned char)reason.at[i] >= ' ';
    return good;
}

enum sk_code succession_open(struct succession *it, const char *chosen, bool *done) {
    char storage[2 * NOTE_ID_LEN];
    struct buf id = buf_over(storage, sizeof storage);
    TRY(node_name(it, chosen));
    TRY(signer_read(it->conf, KEY_LOG, it->memory, NULL));
    const struct note_key *old = &succession_signer(it, KEY_LOG)->name;
    hex_put(&id, old->id, NOTE_ID_LEN);
    parent_ledger_path(it->conf, it->ledger);
    snprintf(it->aside, sizeof it->aside, "%s.%.*s", it->ledger, (int)id.len, id.at);
    *done = strcmp(old->name, it->node) == 0;
    return SK_OK;
}

// No node has that archive any more.
static void kept_tell(const struct succession *it) {
    char path[sizeof it->aside + 16];
    snprintf(path, sizeof path, "%s/kept.keys", it->aside);
    if (access(path, F_OK) == 0)
        printf("Kept texts are in %s: nothing erases them when their time is over.\n"
               "Take its files kept.* away (docs/erasure.md).\n",
               it->aside);
}

enum sk_code succession_finish(struct succession *it) {
    TRY(new_begin(it));
    TRY(it->old_copy ? witness_retire(it) : witness_move(it));
    TRY(key_take_place(it));
    kept_tell(it);
    return succession_save(it);
}
