#include "cli/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum sk_code failed(const char *path) {
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return FAIL(full ? SK_LIMIT : SK_IO, "%s: %s", path, strerror(errno));
}

static enum sk_code check_free(const struct output_file *file) {
    if (file->force || access(file->path, F_OK) != 0) return SK_OK;
    return FAIL(SK_DENIED, "%s exists: give another name, or --force", file->path);
}

enum sk_code output_open(struct output_file *file, const char *path, bool force) {
    *file = (struct output_file){.path = path, .descriptor = -1, .force = force};
    TRY(check_free(file));
    if (asprintf(&file->fresh, "%s.tmp", path) < 0) {
        file->fresh = NULL;
        return FAIL(SK_LIMIT, "memory: none left");
    }
    file->descriptor = open(file->fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                            0644);
    if (file->descriptor >= 0) return SK_OK;
    enum sk_code code = failed(file->fresh);
    free(file->fresh);
    file->fresh = NULL;
    return code;
}

enum sk_code output_put(void *self, const void *bytes, size_t len) {
    const struct output_file *file = self;
    for (const char *at = bytes; len > 0;) {
        ssize_t n = write(file->descriptor, at, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed(file->fresh);
        at += n;
        len -= (size_t)n;
    }
    return SK_OK;
}

// The name is on the disk when its directory is.
static enum sk_code sync_directory(const char *path) {
    const char *slash = strrchr(path, '/');
    char *name = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int directory = name ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool synced = directory >= 0 && fsync(directory) == 0;
    enum sk_code code = synced ? SK_OK : failed(path);
    if (directory >= 0) close(directory);
    free(name);
    return code;
}

enum sk_code output_commit(struct output_file *file) {
    int descriptor = file->descriptor;
    file->descriptor = -1;
    bool synced = fsync(descriptor) == 0;
    enum sk_code code = synced ? SK_OK : failed(file->fresh);
    if (close(descriptor) != 0 && code == SK_OK) code = failed(file->fresh);
    if (code == SK_OK) code = check_free(file);
    if (code == SK_OK && rename(file->fresh, file->path) != 0) code = failed(file->path);
    if (code != SK_OK) return code;
    free(file->fresh);
    file->fresh = NULL;
    return sync_directory(file->path);
}

void output_close(struct output_file *file) {
    if (!file->fresh) return;
    if (file->descriptor >= 0) close(file->descriptor);
    unlink(file->fresh);
    free(file->fresh);
    *file = (struct output_file){0};
}
