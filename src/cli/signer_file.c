#include "cli/signer_file.h"

#include "base/secret.h"
#include "base/world.h"
#include "node/files.h"
#include "node/parent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum sk_code signer_open(struct signer_memory **memory) {
    void *at;
    bool locked;
    *memory = NULL;
    TRY(secret_open(sizeof **memory, &at, &locked));
    *memory = at;
    return SK_OK;
}

void signer_close(struct signer_memory *memory) {
    secret_close(memory);
}

enum sk_code signer_read(const struct conf *conf, enum key_file which, struct signer_memory *memory,
                         char *path) {
    char storage[KEY_PATH_MAX];
    int descriptor;
    ssize_t n;
    if (!path) path = storage;
    TRY(key_open(conf, which, path, &descriptor));
    do
        n = pread(descriptor, memory->text, sizeof memory->text, 0);
    while (n < 0 && errno == EINTR);
    close(descriptor);
    if (n < 0 || (size_t)n == sizeof memory->text)
        return FAIL(SK_INPUT, "%s: no signing key", path);
    enum sk_code code = skey_read((struct view){memory->text, (size_t)n}, &memory->signer[which]);
    explicit_bzero(memory->text, sizeof memory->text);
    return code == SK_OK ? SK_OK : fail_within(code, "%s", path);
}

enum sk_code signer_make(const char *name, enum key_file which, struct signer_memory *memory) {
    struct world world = world_real(-1);
    uint8_t *seed = (uint8_t *)memory->text; // locked too
    TRY(world.random(world.self, seed, SIGN_SEED_LEN));
    enum note_type type = which == KEY_WITNESS ? NOTE_COSIGNATURE : NOTE_ED25519;
    enum sk_code code = signer_of(name, type, seed, &memory->signer[which]);
    explicit_bzero(seed, SIGN_SEED_LEN);
    return code;
}

// Under another name first: what has the name is whole, whenever the command is killed.
static enum sk_code file_place(const char *directory, const char *path, struct view bytes,
                               unsigned mode, bool replaces) {
    char fresh[KEY_PATH_MAX + 72];
    if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", path) >= sizeof fresh)
        return FAIL(SK_LIMIT, "%s: path too long", path);
    if (!replaces && access(path, F_OK) == 0) return FAIL(SK_DENIED, "%s: exists already", path);
    unlink(fresh); // of a command that was killed: nobody used it
    TRY(files_create(fresh, bytes, mode));
    enum sk_code code = signer_owned(directory);
    if (code == SK_OK && rename(fresh, path) != 0)
        code = FAIL(SK_IO, "%s: %s", path, strerror(errno));
    if (code != SK_OK) unlink(fresh);
    return code;
}

// One command at a time: two that find no key there do not both make one.
static enum sk_code file_put(const struct conf *conf, const char *path, struct view bytes,
                             unsigned mode, bool replaces) {
    char directory[KEY_PATH_MAX];
    struct world world = world_real(-1);
    snprintf(directory, sizeof directory, "%s/keys", conf->data);
    TRY(files_directory(directory));
    int keys = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (keys < 0) return FAIL(SK_IO, "%s: %s", directory, strerror(errno));
    enum sk_code code = SK_OK;
    if (flock(keys, LOCK_EX) != 0) code = FAIL(SK_IO, "%s: %s", directory, strerror(errno));
    if (code == SK_OK) code = file_place(directory, path, bytes, mode, replaces);
    if (code == SK_OK) code = world.sync(world.self, keys);
    close(keys);
    return code;
}

enum sk_code signer_file_make(const struct conf *conf, const char *path, struct view bytes,
                              unsigned mode) {
    return file_put(conf, path, bytes, mode, false);
}

enum sk_code signer_write(const struct conf *conf, enum key_file which,
                          struct signer_memory *memory) {
    char path[KEY_PATH_MAX];
    struct buf text = buf_over(memory->text, sizeof memory->text);
    key_path(conf, which, path);
    skey_write(&memory->signer[which], &text);
    enum sk_code code = buf_check(&text, "signing key");
    if (code == SK_OK) code = signer_file_make(conf, path, buf_view(&text), 0400);
    explicit_bzero(memory->text, sizeof memory->text);
    return code;
}

enum sk_code signer_witness(const struct conf *conf, struct signer_memory *memory) {
    char name[sizeof conf->node + 16];
    enum sk_code code = signer_read(conf, KEY_WITNESS, memory, NULL);
    if (code != SK_UNKNOWN) return code;
    snprintf(name, sizeof name, "%s/witness", conf->node);
    TRY(signer_make(name, KEY_WITNESS, memory));
    return signer_write(conf, KEY_WITNESS, memory);
}

enum sk_code signer_vkey_write(const struct conf *conf, const struct note_key *key) {
    char storage[SKEY_TEXT_MAX], path[PARENT_PATH_MAX];
    struct buf text = buf_over(storage, sizeof storage);
    note_key_write(key, &text);
    buf_put_char(&text, '\n');
    TRY(buf_check(&text, "verifier key"));
    parent_vkey_path(conf, path);
    return file_put(conf, path, buf_view(&text), 0444, true);
}

void signer_print(const char *label, const struct note_key *key) {
    char storage[SKEY_TEXT_MAX];
    struct buf text = buf_over(storage, sizeof storage);
    note_key_write(key, &text);
    printf("%-7s  %.*s\n", label, (int)text.len, text.at);
}

enum sk_code signer_owned(const char *directory) {
    struct stat info;
    int fd = geteuid() == 0 ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0) return SK_OK;
    DIR *list = fdopendir(fd);
    must(list && fstat(fd, &info) == 0);
    enum sk_code code = SK_OK;
    for (const struct dirent *one; (one = readdir(list));)
        if (files_regular(fd, one->d_name) &&
            fchownat(fd, one->d_name, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
            code = FAIL(SK_DENIED, "%s/%s: %s", directory, one->d_name, strerror(errno));
    closedir(list);
    return code;
}
