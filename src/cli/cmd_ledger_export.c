#include "cli/cli.h"
#include "cli/cli_receipt.h"
#include "node/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho ledger export DIR [--ledger LOG [--key VKEY]] [--config FILE]\n\n"
    "Writes the log into DIR as C2SP tlog-tiles: checkpoint, tile/<level>/…, tile/entries/….\n"
    "Everybody's tools verify that, among them `sekisho verify DIR`; a web server can serve it.\n"
    "The node may run. What DIR holds of the same log already is not made again, and a later\n"
    "export into it continues it; readers see the new checkpoint when all of it is there.\n"
    "  --ledger LOG   this log directory instead of the configured node's\n"
    "  --key VKEY     the log's verifier key (NAME+HASH+KEY), or a file that holds it; without,\n"
    "                 the configured node's. After a rotation the old one will do too\n"
    "Where witnesses cosigned, checkpoint.witnessed is the newest checkpoint with their lines.\n"
    "Entries name keys, places and classes: tile/entries is readable by owner and group alone.\n";

static const char fresh[] = ".new"; // a piece that is being written

struct directory {
    int descriptor;
    uint64_t shown; // entries, as the terminal has them
};

static enum sk_code failed(const char *path) {
    return FAIL(errno == ENOSPC || errno == EDQUOT ? SK_LIMIT : SK_IO, "%s: %s", path,
                strerror(errno));
}

static bool path_copy(struct view path, char out[TILE_NAME_MAX + 1]) {
    if (path.len > TILE_NAME_MAX) return false;
    memcpy(out, path.at, path.len);
    out[path.len] = 0;
    return true;
}

static enum sk_code piece_read(void *self, struct view path, struct buf *out) {
    const struct directory *directory = self;
    char name[TILE_NAME_MAX + 1];
    must(path_copy(path, name));
    int file = openat(directory->descriptor, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) return errno == ENOENT ? FAIL(SK_UNKNOWN, "no %s", name) : failed(name);
    ssize_t n = 0;
    do {
        buf_grow(out, (size_t)n);
        n = read(file, out->at + out->len, out->max - out->len);
    } while (n > 0);
    close(file);
    return n < 0 ? failed(name) : SK_OK;
}

// The directories above a piece.
static enum sk_code parents_make(int directory, char *name) {
    bool entries = strncmp(name, "tile/entries/", 13) == 0;
    for (char *at = name; (at = strchr(at, '/')); at++) {
        *at = 0;
        mode_t mode = entries && at - name >= 12 ? 0750 : 0755;
        if (mkdirat(directory, name, mode) != 0 && errno != EEXIST) return failed(name);
        *at = '/';
    }
    return SK_OK;
}

static enum sk_code file_write(int file, struct view bytes) {
    for (size_t at = 0; at < bytes.len;) {
        ssize_t n = write(file, bytes.at + at, bytes.len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed("write");
        at += (size_t)n;
    }
    return SK_OK;
}

// Under its name only when whole.
static enum sk_code file_put(int directory, const char *name, struct view bytes, bool sync) {
    mode_t mode = strncmp(name, "tile/entries/", 13) == 0 ? 0640 : 0644;
    if (unlinkat(directory, fresh, 0) != 0 && errno != ENOENT) return failed(fresh);
    int file = openat(directory, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0) return failed(fresh);
    enum sk_code code = file_write(file, bytes);
    if (code == SK_OK && sync && fsync(file) != 0) code = failed(name);
    if (close(file) != 0 && code == SK_OK) code = failed(name);
    if (code == SK_OK && renameat(directory, fresh, directory, name) != 0) code = failed(name);
    return code;
}

// An export that was broken off left it; what a crash cut is written again.
static bool piece_there(struct directory *directory, struct view path, struct view bytes) {
    static char storage[TILE_MAX + 1];
    struct buf old = buf_over(storage, sizeof storage);
    return piece_read(directory, path, &old) == SK_OK && view_same(buf_view(&old), bytes);
}

// All pieces are on the disk before the checkpoint can be seen that speaks of them.
static enum sk_code checkpoint_put(int directory, const char *name, struct view bytes) {
    if (syncfs(directory) != 0) return failed("sync");
    TRY(file_put(directory, name, bytes, true));
    return fsync(directory) == 0 ? SK_OK : failed(name);
}

static enum sk_code piece_put(void *self, struct view path, struct view bytes) {
    struct directory *directory = self;
    char name[TILE_NAME_MAX + 1];
    must(path_copy(path, name));
    if (view_starts(path, VIEW("checkpoint")))
        return checkpoint_put(directory->descriptor, name, bytes);
    if (piece_there(directory, path, bytes)) return SK_OK;
    TRY(parents_make(directory->descriptor, name));
    return file_put(directory->descriptor, name, bytes, false);
}

static void progress(void *self, uint64_t entries, uint64_t all) {
    enum { STEP = 1 << 14 };
    struct directory *directory = self;
    bool end = entries == all, first = directory->shown == 0;
    if (!isatty(STDERR_FILENO) || (end ? first : entries < directory->shown + STEP)) return;
    directory->shown = entries;
    fprintf(stderr, "\r%llu of %llu entries%s", (unsigned long long)entries,
            (unsigned long long)all, end ? "\n" : "");
}

static enum sk_code target_open(const char *path, struct directory *out) {
    if (mkdir(path, 0755) != 0 && errno != EEXIST) return failed(path);
    out->descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->descriptor < 0) return failed(path);
    if (flock(out->descriptor, LOCK_EX | LOCK_NB) == 0) return SK_OK;
    return FAIL(SK_BUSY, "%s: another export writes there", path);
}

// Of the configured node, unless both are given.
static enum sk_code log_find(const char *config, const char *ledger, const char *vkey, int *log,
                             struct note_key *key) {
    static struct conf conf;
    char log_path[PARENT_PATH_MAX], key_path[PARENT_PATH_MAX];
    if (!ledger || !vkey) TRY(conf_read(config, &conf));
    if (!ledger) {
        parent_ledger_path(&conf, log_path);
        ledger = log_path;
    }
    if (!vkey) {
        parent_vkey_path(&conf, key_path);
        vkey = key_path;
    }
    TRY(cli_receipt_key(vkey, key));
    *log = open(ledger, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *log >= 0 ? SK_OK : failed(ledger);
}

int cmd_ledger_export(int argc, char **argv) {
    const char *config = NULL, *ledger = NULL, *vkey = NULL;
    const struct cli_option options[] = {
        {"--config", &config, NULL}, {"--ledger", &ledger, NULL}, {"--key", &vkey, NULL}, {0}};
    struct directory directory = {.descriptor = -1};
    struct export_done done;
    struct note_key key;
    int rest, log = -1;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 1) return cli_usage(usage, "a directory to export into is needed");
    umask(022);
    enum sk_code code = log_find(config, ledger, vkey, &log, &key);
    if (code == SK_OK) code = target_open(argv[1], &directory);
    const struct export_target target = {{&directory, piece_read}, piece_put, progress};
    if (code == SK_OK) code = export_log(world_real(log), &key, &target, &done);
    if (directory.descriptor >= 0) close(directory.descriptor);
    if (log >= 0) close(log);
    if (code != SK_OK) return cli_failed();
    printf("%llu entries in %s, %llu of them new\n", (unsigned long long)done.size, argv[1],
           (unsigned long long)(done.size - done.before));
    if (done.witnessed)
        printf("witnesses cosigned the first %llu\n", (unsigned long long)done.witnessed);
    return EXIT_DONE;
}
