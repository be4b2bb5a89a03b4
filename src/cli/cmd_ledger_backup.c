// `sekisho ledger backup`: a copy of the log that can be restored from (docs/backup.md).
#include "cli/cli_archive.h"
#include "cli/cli_backup.h"
#include "cli/cli_receipt.h"
#include "base/text.h"
#include "node/parent.h"

#include <inttypes.h>
#include <stdio.h>

static const char usage[] =
    "usage: sekisho ledger backup --out DIR [--config FILE]\n"
    "       sekisho ledger backup --check DIR [--key VKEY] [--config FILE]\n\n"
    "Copies the log of the configured node into the new directory DIR, reads the copy again, all\n"
    "of it, and leaves a leaf in the ledger: size, root, and the SHA-256 of DIR/SHA256SUMS. The\n"
    "node may run. Signing keys and kept texts are not in it: what was erased stays erased.\n"
    "  --check DIR  reads a backup again, and writes nothing\n"
    "  --key VKEY   the log's verifier key (NAME+HASH+KEY), or a file that holds it; without, the\n"
    "               configured node's, or the one before it that signed DIR (docs/keys.md)\n"
    "`sekisho ledger restore --from DIR` goes on from it, in a log of another name.\n";

static enum sk_code key_find(const struct conf *conf, const char *vkey, struct note_key *key) {
    char path[PARENT_PATH_MAX];
    if (!vkey) {
        parent_vkey_path(conf, path);
        vkey = path;
    }
    return cli_receipt_key(vkey, key);
}

static void report(const struct backup_done *done, const char *path) {
    char storage[4 * HASH_LEN];
    struct buf hex = buf_over(storage, sizeof storage);
    hex_put(&hex, done->root.at, HASH_LEN);
    hex_put(&hex, done->manifest, HASH_LEN);
    printf("%s: %" PRIu64 " leaves in %" PRIu32 " segments, %" PRIu64 " bytes, whole\n"
           "root      %.64s\nmanifest  %.64s\n",
           path, done->size, done->segments, done->bytes, hex.at, hex.at + 2 * HASH_LEN);
}

// The leaf comes last: it speaks of what is there.
static enum sk_code record(struct cli_archive *archive, const struct backup_done *done) {
    char storage[512];
    struct buf order = buf_over(storage, sizeof storage);
    int64_t leaf = -1;
    upkeep_backup_put(done, &order);
    TRY(cli_archive_record(archive, &order, &leaf));
    printf("leaf      %" PRId64 "\n", leaf);
    return SK_OK;
}

static int make(const struct conf *conf, const struct note_key *key, const char *path) {
    struct cli_archive archive;
    struct backup_done done;
    enum sk_code code = cli_archive_log(conf, &archive);
    if (code == SK_OK) code = cli_archive_grows(&archive);
    if (code == SK_OK) code = cli_backup_make(archive.path, path, key, NULL, &done);
    if (code == SK_OK) {
        report(&done, path);
        code = record(&archive, &done);
        if (code != SK_OK) fail_within(code, "the backup is whole, but has no leaf in the ledger");
    }
    return cli_archive_end(&archive, code);
}

int cmd_ledger_backup(int argc, char **argv) {
    static struct conf conf;
    const char *config = NULL, *out = NULL, *check = NULL, *vkey = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {"--out", &out, NULL},
                                         {"--check", &check, NULL},   {"--key", &vkey, NULL},
                                         {0}};
    struct backup_done done;
    struct note_key key;
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 0 || !out == !check || (vkey && out))
        return cli_usage(usage, "--out or --check is needed");
    enum sk_code code = check && vkey ? SK_OK : conf_read_file(config, &conf);
    if (code == SK_OK) code = key_find(&conf, vkey, &key);
    if (code == SK_OK && out) return make(&conf, &key, out);
    if (code == SK_OK && check) {
        if (!vkey) code = cli_backup_key(&conf, check, &key);
        if (code == SK_OK) code = cli_backup_check(check, &key, &done);
        if (code == SK_CORRUPT) return cli_failed(), EXIT_REJECTED;
        if (code == SK_OK) report(&done, check);
    }
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
