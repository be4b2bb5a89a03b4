#include "cli/cli_backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_log.h"
#include "node/files.h"

enum { PATH_MAX_HERE = 4096 };

static enum sk_code failed(const char *path) {
    return FAIL(errno == ENOSPC || errno == EDQUOT ? SK_LIMIT : SK_IO, "%s: %s", path,
                strerror(errno));
}

static enum sk_code directory_open(const char *path, int *out) {
    *out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out >= 0) return SK_OK;
    return errno == ENOENT ? FAIL(SK_UNKNOWN, "%s: %s", path, strerror(errno)) : failed(path);
}

// Of a copy that failed, in a directory that was made for it.
static void unmake(const char *path) {
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    for (const struct dirent *one; list && (one = readdir(list));)
        if (files_regular(descriptor, one->d_name)) unlinkat(descriptor, one->d_name, 0);
    if (list) closedir(list);
    rmdir(path);
}

static enum sk_code owner_give(const char *path, const char *owner) {
    struct stat info;
    if (!owner || geteuid() != 0) return SK_OK;
    if (stat(owner, &info) != 0 || lchown(path, info.st_uid, info.st_gid) != 0) return failed(path);
    return signer_owned(path);
}

static enum sk_code copy(const char *from, const char *to, const struct note_key *key,
                         struct backup_done *done) {
    int source = -1, target = -1;
    enum sk_code code = directory_open(from, &source);
    if (code == SK_OK) code = directory_open(to, &target);
    if (code == SK_OK) code = backup_make(world_real(source), world_real(target), key, done);
    if (target >= 0) close(target);
    if (source >= 0) close(source);
    return code;
}

// Seen under its name when all of it is on the disk; then the name is, too.
static enum sk_code show(const char *fresh, const char *to) {
    char above[PATH_MAX_HERE];
    int directory;
    snprintf(above, sizeof above, "%s", to);
    char *slash = strrchr(above, '/');
    if (!slash) snprintf(above, sizeof above, ".");
    else slash[slash == above] = 0;
    TRY(directory_open(above, &directory));
    bool good = renameat2(AT_FDCWD, fresh, AT_FDCWD, to, RENAME_NOREPLACE) == 0 ||
                (errno == EINVAL && rename(fresh, to) == 0); // a file system that has no such flag
    good = good && fsync(directory) == 0;
    enum sk_code code = good ? SK_OK : failed(to);
    close(directory);
    return code;
}

enum sk_code cli_backup_make(const char *from, const char *to, const struct note_key *key,
                             const char *owner, struct backup_done *done) {
    char path[PATH_MAX_HERE - 8], fresh[PATH_MAX_HERE];
    size_t len = strlen(to);
    while (len > 1 && to[len - 1] == '/') len--;
    if (len >= sizeof path) return FAIL(SK_LIMIT, "a path of %zu bytes", len);
    memcpy(path, to, len);
    path[len] = 0;
    snprintf(fresh, sizeof fresh, "%s.new", path);
    if (access(path, F_OK) == 0) return FAIL(SK_DENIED, "%s: it exists already", path);
    if (mkdir(fresh, 0700) != 0)
        return errno == EEXIST ? FAIL(SK_BUSY, "%s: of a backup under way, or broken off: take it "
                                               "away when none runs", fresh)
                               : failed(fresh);
    enum sk_code code = copy(from, fresh, key, done);
    if (code == SK_OK) code = owner_give(fresh, owner);
    if (code == SK_OK) code = show(fresh, path);
    if (code != SK_OK) unmake(fresh);
    return code;
}

enum sk_code cli_backup_check(const char *path, const struct note_key *key,
                              struct backup_done *done) {
    int directory;
    TRY(directory_open(path, &directory));
    enum sk_code code = backup_check(world_real(directory), key, done);
    close(directory);
    return code == SK_OK ? SK_OK : fail_within(code, "%s", path);
}

// The transition that ended with this key.
static bool change_read(const struct conf *conf, const struct note_key *new,
                        struct transition *out) {
    static const enum transition_stage stages[] = {TRANSITION_END, TRANSITION_BEGIN};
    char path[KEY_PATH_MAX + 64], storage[TRANSITION_NOTE_MAX];
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        struct buf note = buf_over(storage, sizeof storage);
        cli_log_note_path(conf, stages[i], new, path);
        if (cli_read(path, &note) == SK_OK && transition_read(buf_view(&note), out) == SK_OK &&
            note_key_same(&out->new, new))
            return true;
    }
    return false;
}

enum sk_code cli_backup_signer(const struct conf *conf, struct view note, struct note_key *key) {
    enum { CHANGES_MAX = 64 };
    struct note_key at = *key;
    struct transition change;
    for (int i = 0; i < CHANGES_MAX && change_read(conf, &at, &change); i++) {
        enum sk_code code = transition_follow(&change, note, &at);
        if (code == SK_OK) *key = at;
        if (code == SK_OK || code == SK_DENIED) return code;
        at = change.old;
    }
    return SK_OK;
}

enum sk_code cli_backup_key(const struct conf *conf, const char *path, struct note_key *key) {
    char name[PATH_MAX_HERE], storage[LEDGER_NOTE_MAX + 1];
    struct buf note = buf_over(storage, sizeof storage);
    snprintf(name, sizeof name, "%s/released", path);
    return cli_read(name, &note) == SK_OK ? cli_backup_signer(conf, buf_view(&note), key) : SK_OK;
}
