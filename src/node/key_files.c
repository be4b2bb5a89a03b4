#include "node/key_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const key_names[KEY_FILES] = {"log.skey", "next.skey", "witness.skey",
                                                "successor.skey", "archive.key",
                                                "archive.next"};

void key_path(const struct conf *conf, enum key_file which, char out[KEY_PATH_MAX]) {
    snprintf(out, KEY_PATH_MAX, "%s/keys/%s", conf->data, key_names[which]);
}

// systemd gives the service's user the right by an access list, whose mask shows as the group's.
static enum sk_code mode_check(const char *path, int descriptor, mode_t most) {
    struct stat info;
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode))
        return FAIL(SK_CORRUPT, "%s: not a file", path);
    if ((info.st_mode & 07777 & ~most) == 0) return SK_OK;
    return FAIL(SK_DENIED, "%s: its mode is %04o, a signing key's 0400: chmod 0400 %s", path,
                (unsigned)(info.st_mode & 07777), path);
}

static enum sk_code file_open(const char *path, mode_t most, int *descriptor) {
    *descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*descriptor < 0)
        return FAIL(errno == ENOENT || errno == ENOTDIR ? SK_UNKNOWN : SK_DENIED, "%s: %s", path,
                    strerror(errno));
    enum sk_code code = mode_check(path, *descriptor, most);
    if (code == SK_OK) return SK_OK;
    close(*descriptor);
    *descriptor = -1;
    return code;
}

enum sk_code key_open(const struct conf *conf, enum key_file which, char *path, int *descriptor) {
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    char storage[KEY_PATH_MAX];
    if (!path) path = storage;
    if (credentials &&
        snprintf(path, KEY_PATH_MAX, "%s/%s", credentials, key_names[which]) < (int)KEY_PATH_MAX) {
        enum sk_code code = file_open(path, 0440, descriptor);
        if (code != SK_UNKNOWN) return code;
    }
    key_path(conf, which, path);
    return file_open(path, 0400, descriptor);
}
