// `sekisho init`: a configuration, the data directory with the keys of log and witness, the first
// API key. Refuses: to overwrite any; what it made goes again when the configuration, which comes
// last, cannot be written.
#include "cli/cli.h"
#include "cli/signer_file.h"
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

// Of this call, when its configuration could not be written: so that the next one can make it.
static void unmake_signing_key(const struct conf *conf) {
    char path[KEY_PATH_MAX];
    key_path(conf, KEY_LOG, path);
    unlink(path);
    key_path(conf, KEY_WITNESS, path);
    unlink(path);
    parent_vkey_path(conf, path);
    unlink(path);
}

// *vkey: the verifier key's line, with its line break.
static enum sk_code make_signing_key(const struct conf *conf, char *vkey, size_t max) {
    struct signer_memory *memory;
    struct buf out = buf_over(vkey, max);
    TRY(signer_open(&memory));
    const struct note_key *name = &memory->signer[KEY_LOG].name;
    enum sk_code code = signer_make(conf->node, KEY_LOG, memory);
    if (code == SK_OK) code = signer_write(conf, KEY_LOG, memory);
    if (code == SK_OK) {
        note_key_write(name, &out);
        buf_put_text(&out, "\n");
        buf_put_char(&out, 0);
        must(!out.over);
        code = signer_vkey_write(conf, name);
        if (code == SK_OK) code = signer_witness(conf, memory);
        if (code != SK_OK) unmake_signing_key(conf);
    }
    signer_close(memory);
    return code;
}

static enum sk_code make_all(struct conf *conf, bool keyless, char *api_key, char *vkey,
                             size_t vkey_max) {
    if (access(conf->file, F_OK) == 0)
        return FAIL(SK_DENIED, "%s exists already; remove it or name another with --config",
                    conf->file);
    if (!keyless) {
        struct conf_key *key = conf_key_add(conf, "admin");
        TRY(cli_key_make(api_key, key->digest));
    }
    TRY(conf_check(conf));
    char ledger[PARENT_PATH_MAX];
    parent_ledger_path(conf, ledger);
    TRY(files_directory(ledger));
    TRY(make_signing_key(conf, vkey, vkey_max));
    enum sk_code code = cli_conf_create(conf);
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
    const struct cli_option options[] = {{"--config", &config, NULL},   {"--data", &data, NULL},
                                         {"--node", &node, NULL},       {"--listen", &listen, NULL},
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
