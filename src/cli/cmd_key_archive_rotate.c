// `sekisho key archive rotate`: the keys of kept texts are sealed anew under another archive key.
//
// The order of steps lets either key be found after a fall, and the command be given again: the new
// key's file (archive.next); the archive's keys under it; the leaf; the new file in place of the
// old one, which has a second name until then (archive.old) and is overwritten last.
#include "base/text.h"
#include "cli/cli.h"
#include "cli/cli_archive.h"
#include "cli/cmd_key.h"
#include "node/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho key archive rotate [--config FILE]\n\n"
    "Changes the archive key, while the node is stopped: the keys of all kept texts are sealed\n"
    "under a new one, and what the old one opened is overwritten. Says so in the log, by the\n"
    "keys' ids. Copies made before still open with the old key (docs/erasure.md). Killed, it is\n"
    "given again. Where the key is a credential, archive.next is one too (docs/keys.md).\n";

enum { ID_TEXT = 2 * ARCHIVE_ID_LEN };

struct rotation {
    const struct conf *conf;
    struct cli_log log;
    uint8_t (*key)[SECRET_KEY_LEN]; // the old one, the new one
    char id[2][ID_TEXT + 1];
    bool credential; // one of them is no file of the data directory
    char keys[KEY_PATH_MAX], old_path[KEY_PATH_MAX], next_path[KEY_PATH_MAX]; // directory, files
    char aside[KEY_PATH_MAX + 16];
};

static enum sk_code sync_directory(const char *path) {
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return FAIL(SK_DENIED, "%s: %s", path, strerror(errno));
    struct world world = world_real(directory);
    enum sk_code code = world.sync_directory(world.self);
    close(directory);
    return code;
}

// ---- key files ----

static enum sk_code next_make(struct rotation *it, char path[KEY_PATH_MAX]) {
    if (it->credential)
        return FAIL(SK_DENIED, "the archive key is a credential: give archive.next as one too");
    TRY(cli_archive_key_make(it->conf, it->next_path));
    return cli_archive_key(it->conf, KEY_ARCHIVE_NEXT, it->key[1], path);
}

static enum sk_code overwrite(const char *path) {
    static const char nothing[2 * SECRET_KEY_LEN + 1];
    struct world world = world_real(-1);
    int file = chmod(path, 0600) == 0 ? open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (file < 0) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
    enum sk_code code = world.write(world.self, file, 0, nothing, sizeof nothing);
    if (code == SK_OK) code = world.sync(world.self, file);
    close(file);
    return code;
}

// The old key is overwritten before its last name goes.
static enum sk_code old_forget(const struct rotation *it) {
    struct stat info;
    if (stat(it->aside, &info) != 0) return FAIL(SK_IO, "%s: %s", it->aside, strerror(errno));
    if (info.st_nlink == 1) TRY(overwrite(it->aside));
    if (unlink(it->aside) != 0) return FAIL(SK_IO, "%s: %s", it->aside, strerror(errno));
    return sync_directory(it->keys);
}

static enum sk_code files_change(const struct rotation *it) {
    if (it->credential) {
        printf("Give the service archive.next as archive.key, and take away what the old one is "
               "in\n");
        return SK_OK;
    }
    unlink(it->aside); // of a command that was killed: another name of the old key's file
    if (link(it->old_path, it->aside) != 0 && // EPERM: no links on this file system
        !((errno == EPERM || errno == EOPNOTSUPP) && rename(it->old_path, it->aside) == 0))
        return FAIL(SK_IO, "%s: %s", it->aside, strerror(errno));
    if (rename(it->next_path, it->old_path) != 0)
        return FAIL(SK_IO, "%s: %s", it->old_path, strerror(errno));
    TRY(sync_directory(it->keys));
    return old_forget(it);
}

// ---- the archive and the log ----

static enum sk_code archive_try(const struct rotation *it, int which, struct archive **archive) {
    struct archive_found found;
    return archive_open(archive, world_real(it->log.directory), it->key[which], false, &found);
}

static enum sk_code keys_seal(const struct rotation *it) {
    struct archive *archive;
    enum sk_code code = archive_try(it, 0, &archive);
    if (code == SK_OK) {
        code = archive_rekey(archive, it->key[1]);
    } else if (code == SK_DENIED) {
        code = archive_try(it, 1, &archive); // of a command that was killed
        if (code == SK_DENIED)
            code = FAIL(SK_DENIED, "neither archive.key nor archive.next opens the archive");
    }
    archive_close(archive);
    return code;
}

static enum sk_code on_record(struct rotation *it) {
    static char storage[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(storage, sizeof storage);
    char member[64];
    TRY(cli_log_last(&it->log, "archive-key", &leaf));
    int len = snprintf(member, sizeof member, "\"new_key\":\"%s\"", it->id[1]);
    if (memmem(leaf.at, leaf.len, member, (size_t)len)) return SK_OK; // of one that was killed
    buf_reset(&leaf);
    struct json_writer w = json_writer_to(&leaf);
    json_open(&w, '{');
    json_member_text(&w, "new_key", it->id[1]);
    json_member_text(&w, "old_key", it->id[0]);
    json_member_i64(&w, "time_ms", cli_log_now_ms());
    json_member_text(&w, "type", "archive-key");
    json_member_u64(&w, "v", LEDGER_LEAF_VERSION);
    json_close(&w, '}');
    return cli_log_append(&it->log, buf_view(&leaf));
}

static void id_put(struct rotation *it, int which) {
    uint8_t id[ARCHIVE_ID_LEN];
    struct buf out = buf_over(it->id[which], ID_TEXT);
    archive_key_id(it->key[which], id);
    hex_put(&out, id, sizeof id);
}

static enum sk_code rotate(struct rotation *it) {
    char path[KEY_PATH_MAX];
    enum sk_code code = cli_archive_key(it->conf, KEY_ARCHIVE, it->key[0], path);
    if (code == SK_UNKNOWN && access(it->next_path, F_OK) == 0 &&
        rename(it->aside, it->old_path) == 0) // killed where there are no links: from there on
        code = cli_archive_key(it->conf, KEY_ARCHIVE, it->key[0], path);
    if (code == SK_UNKNOWN) return fail_within(code, "no archive key (`sekisho key archive`)");
    TRY(code);
    it->credential = strcmp(path, it->old_path) != 0;
    code = cli_archive_key(it->conf, KEY_ARCHIVE_NEXT, it->key[1], path);
    if (code == SK_UNKNOWN && access(it->aside, F_OK) == 0) {
        TRY(old_forget(it));
        printf("The change that was cut short is finished\n");
        return SK_OK;
    }
    if (code == SK_UNKNOWN) code = next_make(it, path);
    TRY(code);
    it->credential = it->credential || strcmp(path, it->next_path) != 0;
    id_put(it, 0);
    id_put(it, 1);
    if (strcmp(it->id[0], it->id[1]) == 0)
        return FAIL(SK_INPUT, "archive.next is the archive key itself");
    TRY(keys_seal(it));
    TRY(on_record(it));
    printf("old  %s\nnew  %s\n", it->id[0], it->id[1]);
    return files_change(it);
}

static enum sk_code rotate_log(struct rotation *it, struct signer_memory *memory) {
    char path[PARENT_PATH_MAX];
    parent_ledger_path(it->conf, path);
    TRY(signer_read(it->conf, KEY_LOG, memory, NULL));
    TRY(cli_log_open(path, &memory->signer[KEY_LOG], &it->log));
    enum sk_code code = cli_log_goes_on(&it->log);
    if (code == SK_OK) code = cli_log_sign(&it->log, it->conf, memory);
    if (code == SK_OK) code = rotate(it);
    return cli_log_end(&it->log, code);
}

int cmd_key_archive_rotate(int argc, char **argv) {
    static struct conf conf;
    static struct rotation it = {.conf = &conf};
    struct signer_memory *memory = NULL;
    const char *config = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {0}};
    int rest;
    bool locked;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 0) return cli_usage(usage, "no further word is known");
    enum sk_code code = conf_read_file(config, &conf);
    snprintf(it.keys, sizeof it.keys, "%s/keys", conf.data);
    snprintf(it.aside, sizeof it.aside, "%s/archive.old", it.keys);
    key_path(&conf, KEY_ARCHIVE, it.old_path);
    key_path(&conf, KEY_ARCHIVE_NEXT, it.next_path);
    if (code == SK_OK) code = secret_keys_open(2, &it.key, &locked);
    if (code == SK_OK) code = signer_open(&memory);
    if (code == SK_OK) code = rotate_log(&it, memory);
    signer_close(memory);
    secret_keys_close(it.key);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
