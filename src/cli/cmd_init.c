#include "base/sign.h"
#include "base/text.h"
#include "base/world.h"
#include "cli/cli.h"
#include "ledger/ledger.h"
#include "node/files.h"
#include "node/parent.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho init [--config FILE] [--data DIR] [--node NAME] [--listen HOST:PORT]\n"
    "                    [--keyless]\n\n"
    "Writes a commented configuration (default: ./sekisho.yaml), makes the data directory with\n"
    "the ledger's signing key, and prints the first API key once. Nothing is overwritten.\n"
    "  --node NAME   origin of the ledger, in every receipt (example.jp/node-1)\n"
    "  --keyless     no API key: only this machine may ask\n";

// *vkey: the verifier key's line, with its line break.
static enum sk_code make_signing_key(const struct conf *conf, char *vkey, size_t max) {
    char directory[PARENT_PATH_MAX], path[PARENT_PATH_MAX], text[2 * SIGN_SEED_LEN + 1];
    uint8_t seed[SIGN_SEED_LEN];
    struct world world = world_real(-1);
    snprintf(directory, sizeof directory, "%s/keys", conf->data);
    TRY(files_directory(directory));
    TRY(world.random(world.self, seed, sizeof seed));
    struct buf hex = buf_over(text, sizeof text);
    hex_put(&hex, seed, sizeof seed);
    buf_put_char(&hex, '\n');
    struct sign_key key;
    struct note_key note;
    sign_init(&key, seed);
    enum sk_code code = note_key_of(conf->node, NOTE_ED25519, key.public, &note);
    sign_fini(&key);
    if (code != SK_OK) return code;
    struct buf out = buf_over(vkey, max);
    note_key_write(&note, &out);
    buf_put_char(&out, '\n');
    buf_put_char(&out, 0);
    TRY(buf_check(&out, "verifier key"));
    parent_seed_path(conf, path);
    TRY(files_create(path, buf_view(&hex), 0400));
    parent_vkey_path(conf, path);
    code = files_create(path, view_of(vkey), 0444);
    if (code == SK_OK) return SK_OK;
    parent_seed_path(conf, path);
    unlink(path);
    return code;
}

// Of this call, when its configuration could not be written: so that the next one can make it.
static void unmake_signing_key(const struct conf *conf) {
    char path[PARENT_PATH_MAX];
    parent_seed_path(conf, path);
    unlink(path);
    parent_vkey_path(conf, path);
    unlink(path);
}

static enum sk_code make_all(struct conf *conf, bool keyless, char *api_key, char *vkey,
                             size_t vkey_max) {
    enum { TEXT_MAX = 1 << 20 };
    if (access(conf->file, F_OK) == 0)
        return FAIL(SK_DENIED, "%s exists already; remove it or name another with --config",
                    conf->file);
    if (!keyless) {
        struct conf_key *key = conf_key_add(conf, "admin");
        TRY(cli_key_make(api_key, key->digest));
    }
    TRY(conf_check(conf));
    struct buf text;
    char ledger[PARENT_PATH_MAX];
    parent_ledger_path(conf, ledger);
    TRY(files_directory(ledger));
    TRY(make_signing_key(conf, vkey, vkey_max));
    TRY(buf_open(&text, TEXT_MAX));
    conf_write(conf, true, &text);
    enum sk_code code = buf_check(&text, "configuration");
    if (code == SK_OK) code = files_create(conf->file, buf_view(&text), 0600);
    buf_close(&text);
    if (code != SK_OK) unmake_signing_key(conf);
    return code;
}

// False when `text` does not fit; NULL leaves the default.
static bool put(char *to, size_t max, const char *text) {
    if (text && strlen(text) >= max) return false;
    if (text) memcpy(to, text, strlen(text) + 1);
    return true;
}

int cmd_init(int argc, char **argv) {
    static struct conf conf;
    const char *config = "sekisho.yaml", *data = NULL, *node = NULL, *listen = NULL;
    bool keyless = false;
    const struct cli_option options[] = {{"--config", &config, NULL}, {"--data", &data, NULL},
                                         {"--node", &node, NULL},     {"--listen", &listen, NULL},
                                         {"--keyless", NULL, &keyless}, {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest > 0) return cli_usage(usage, "what is '%s'?", argv[1]);
    conf_defaults(&conf);
    if (!put(conf.file, sizeof conf.file, config) || !put(conf.data, sizeof conf.data, data) ||
        !put(conf.node, sizeof conf.node, node) || !put(conf.listen, sizeof conf.listen, listen))
        return cli_usage(usage, "a path, name or address is too long");
    char api_key[64] = "", vkey[512];
    if (make_all(&conf, keyless, api_key, vkey, sizeof vkey) != SK_OK) return cli_failed();
    const char *file = conf.models[0].file;
    printf("configuration  %s\n", conf.file);
    printf("data           %s\n", conf.data);
    printf("model          %s\n", file[0] ? file : "none: sekisho model add");
    printf("verifier key   %s", vkey);
    if (!keyless) printf("API key        %s\n               shown once; keep it\n", api_key);
    return EXIT_DONE;
}
