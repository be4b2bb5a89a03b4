// What commands write: the configuration, new API keys.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/world.h"
#include "cli/cli.h"
#include "node/files.h"

enum { TEXT_MAX = 1 << 20 };

static enum sk_code conf_create(const struct conf *conf, const char *path) {
    struct buf text;
    TRY(buf_open(&text, TEXT_MAX));
    conf_write(conf, true, &text);
    enum sk_code code = buf_check(&text, "configuration");
    if (code == SK_OK) code = files_create(path, buf_view(&text), 0600);
    buf_close(&text);
    return code;
}

enum sk_code cli_conf_create(const struct conf *conf) {
    return conf_create(conf, conf->file);
}

// A copy: not every file system has links.
static enum sk_code old_keep(const char *file, const char *old, const struct stat *was) {
    struct buf text;
    if (unlink(old) != 0 && errno != ENOENT) return FAIL(SK_IO, "%s: %s", old, strerror(errno));
    TRY(buf_open(&text, TEXT_MAX));
    enum sk_code code = files_read(file, &text);
    if (code == SK_OK) code = files_create(old, buf_view(&text), was->st_mode & 0777);
    if (code == SK_OK && chown(old, was->st_uid, was->st_gid) != 0)
        code = FAIL(SK_DENIED, "%s: %s", old, strerror(errno));
    buf_close(&text);
    return code;
}

enum sk_code cli_conf_save(const struct conf *conf) {
    static struct conf again;
    char fresh[CONF_PATH_MAX + 8], old[CONF_PATH_MAX + 8];
    struct stat was;
    snprintf(fresh, sizeof fresh, "%s.new", conf->file);
    snprintf(old, sizeof old, "%s.old", conf->file);
    if (stat(conf->file, &was) != 0) return FAIL(SK_IO, "%s: %s", conf->file, strerror(errno));
    unlink(fresh);
    TRY(conf_create(conf, fresh));
    // A node must be able to read it: else nothing changes.
    enum sk_code code = conf_read(fresh, &again);
    // Who could read the old one can read this one: the node's user, when root writes it.
    if (code == SK_OK && (chown(fresh, was.st_uid, was.st_gid) || chmod(fresh, was.st_mode & 0777)))
        code = FAIL(SK_DENIED, "%s: %s", fresh, strerror(errno));
    if (code == SK_OK) code = old_keep(conf->file, old, &was);
    if (code == SK_OK && rename(fresh, conf->file) != 0)
        code = FAIL(SK_IO, "%s: %s", conf->file, strerror(errno));
    if (code != SK_OK) unlink(fresh);
    return code;
}

enum sk_code cli_key_make(char text[64], uint8_t digest[HASH_LEN]) {
    uint8_t bytes[24];
    struct world world = world_real(-1);
    TRY(world.random(world.self, bytes, sizeof bytes));
    struct buf out = buf_over(text, 63);
    buf_put_text(&out, "sk-");
    hex_put(&out, bytes, sizeof bytes);
    text[out.len] = 0;
    hash_of(text, out.len, digest);
    return SK_OK;
}
