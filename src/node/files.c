#include "node/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static enum sk_code files_fail(const char *path) {
    enum sk_code code = SK_IO;
    if (errno == ENOENT || errno == ENOTDIR) code = SK_UNKNOWN;
    if (errno == EACCES || errno == EPERM || errno == EROFS || errno == EEXIST) code = SK_DENIED;
    if (errno == ENOSPC || errno == EDQUOT) code = SK_LIMIT;
    return FAIL(code, "%s: %s", path, strerror(errno));
}

// The first of "<directory of this program>/<tail>" that exists.
static bool files_beside(const char *const *tails, size_t count, char *out, size_t max) {
    char exe[PATH_MAX], path[2 * PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (len <= 0) return false;
    exe[len] = 0;
    *strrchr(exe, '/') = 0;
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", exe, tails[i]);
        char *real = realpath(path, NULL);
        bool found = real && strlen(real) < max;
        if (found) memcpy(out, real, strlen(real) + 1);
        free(real);
        if (found) return true;
    }
    return false;
}

enum sk_code files_libexec(char *out, size_t max) {
    static const char *const tails[] = {"libexec/sekisho", "../libexec/sekisho"};
    if (files_beside(tails, 2, out, max)) return SK_OK;
    return FAIL(SK_UNKNOWN, "libexec/sekisho is not beside this program: install it whole");
}

void files_default_model(char *out, size_t max) {
    static const char *const tails[] = {"../models/sekisho-keigo.gguf",
                                        "../share/sekisho/models/sekisho-keigo.gguf"};
    if (!files_beside(tails, 2, out, max)) out[0] = 0;
}

void files_default_levels(char *out, size_t max) {
    static const char *const tails[] = {"../models/sekisho-keigo-levels.bin",
                                        "../share/sekisho/models/sekisho-keigo-levels.bin"};
    if (!files_beside(tails, 2, out, max)) out[0] = 0;
}

void files_default_packs(char *out, size_t max) {
    static const char *const tails[] = {"../packs", "../share/sekisho/packs"};
    if (!files_beside(tails, 2, out, max)) out[0] = 0;
}

void files_default_detectors(char *out, size_t max) {
    static const char *const tails[] = {"../detectors", "../share/sekisho/detectors"};
    if (!files_beside(tails, 2, out, max)) out[0] = 0;
}

void files_default_data(char *out, size_t max) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (geteuid() == 0)
        snprintf(out, max, "/var/lib/sekisho");
    else if (state && state[0] == '/')
        snprintf(out, max, "%s/sekisho", state);
    else
        snprintf(out, max, "%s/.local/state/sekisho", home ? home : ".");
}

enum sk_code files_read(const char *path, struct buf *out) {
    bool standard = view_is(view_of(path), "-");
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return files_fail(path);
    enum sk_code code = SK_OK;
    for (;;) {
        char block[65536];
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) code = files_fail(path);
        if (n <= 0) break;
        buf_put(out, block, (size_t)n);
    }
    if (!standard) close(fd);
    return code == SK_OK ? buf_check(out, path) : code;
}

enum sk_code files_create(const char *path, struct view bytes, unsigned mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) return files_fail(path);
    enum sk_code code = SK_OK;
    while (bytes.len > 0 && code == SK_OK) {
        ssize_t n = write(fd, bytes.at, bytes.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) code = files_fail(path);
        else bytes = view_from(bytes, (size_t)n);
    }
    if (code == SK_OK && fsync(fd) != 0) code = files_fail(path);
    close(fd);
    if (code != SK_OK) unlink(path);
    return code;
}

enum sk_code files_directory(const char *path) {
    char part[PATH_MAX];
    if (strlen(path) >= sizeof part) return FAIL(SK_LIMIT, "%s: path too long", path);
    memcpy(part, path, strlen(path) + 1);
    for (char *at = part + 1;; at++) {
        if (*at != '/' && *at != 0) continue;
        char kept = *at;
        *at = 0;
        if (mkdir(part, 0700) != 0 && errno != EEXIST) return files_fail(part);
        *at = kept;
        if (!kept) return SK_OK;
    }
}

bool files_regular(int directory, const char *name) {
    struct stat info;
    return fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode);
}

enum sk_code files_digest(int descriptor, uint8_t out[HASH_LEN], files_progress *progress) {
    enum { BLOCK = 1 << 20 };
    struct stat info;
    if (fstat(descriptor, &info) != 0) return files_fail("model file");
    char *block = malloc(BLOCK);
    struct hash hash;
    if (!block) return FAIL(SK_LIMIT, "no memory");
    enum sk_code code = hash_open(&hash);
    if (code == SK_OK) hash_begin(&hash);
    for (off_t at = 0; code == SK_OK;) {
        ssize_t n = pread(descriptor, block, BLOCK, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) code = files_fail("model file");
        if (n <= 0) break;
        hash_more(&hash, block, (size_t)n);
        at += n;
        if (progress) progress((uint64_t)at, (uint64_t)info.st_size);
    }
    if (code == SK_OK) hash_end(&hash, out);
    hash_close(&hash);
    free(block);
    return code;
}
