// `sekisho key show | export | import`: the signing key of the log, shown, taken out, brought in.
// It stands in locked memory alone, and passes no buffer of stdio. Refuses: to overwrite a key, or
// to take one that is of another log than the configured node's.
#include "base/text.h"
#include "cli/cli.h"
#include "cli/cmd_key.h"
#include "cli/signer_file.h"
#include "node/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho key show [--pem] [--config FILE]\n"
    "       sekisho key export [--config FILE]\n"
    "       sekisho key import FILE|- [--config FILE]\n\n"
    "The key that signs the log. show prints its public half, as `sekisho verify --key` takes it\n"
    "(--pem: as openssl does). export prints the key itself, as a line that Go's note package and\n"
    "the tools of C2SP read: whoever has it can sign as this node. import takes such a line, or a\n"
    "seed of 64 hex digits for the configured node, where there is no key yet.\n";

// SubjectPublicKeyInfo (RFC 8410) around the 32 bytes.
static void print_pem(const struct note_key *key) {
    static const uint8_t head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                   0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    uint8_t der[sizeof head + SIGN_PUBLIC_LEN];
    char storage[128];
    struct buf text = buf_over(storage, sizeof storage);
    memcpy(der, head, sizeof head);
    memcpy(der + sizeof head, key->public, SIGN_PUBLIC_LEN);
    base64_put(&text, der, sizeof der);
    printf("-----BEGIN PUBLIC KEY-----\n%.*s\n-----END PUBLIC KEY-----\n", (int)text.len, text.at);
}

static enum sk_code show_also(const struct conf *conf, enum key_file which, const char *label,
                              struct signer_memory *memory) {
    char path[KEY_PATH_MAX];
    enum sk_code code = signer_read(conf, which, memory, path);
    if (code == SK_UNKNOWN) return SK_OK;
    TRY(code);
    signer_print(label, &memory->signer[which].name);
    printf("file     %s\n", path);
    return SK_OK;
}

static enum sk_code show(const struct conf *conf, bool pem, struct signer_memory *memory) {
    char path[KEY_PATH_MAX];
    TRY(signer_read(conf, KEY_LOG, memory, path));
    if (pem) {
        print_pem(&memory->signer[KEY_LOG].name);
        return SK_OK;
    }
    printf("log      %s\n", memory->signer[KEY_LOG].name.name);
    signer_print("key", &memory->signer[KEY_LOG].name);
    printf("file     %s\n", path);
    TRY(show_also(conf, KEY_NEXT, "next", memory));
    return show_also(conf, KEY_WITNESS, "witness", memory);
}

static enum sk_code export(const struct conf *conf, struct signer_memory *memory) {
    TRY(signer_read(conf, KEY_LOG, memory, NULL));
    struct buf text = buf_over(memory->text, sizeof memory->text);
    skey_write(&memory->signer[KEY_LOG], &text);
    // Not through stdio, whose buffer is not locked.
    bool whole = write(STDOUT_FILENO, text.at, text.len) == (ssize_t)text.len;
    return whole ? SK_OK : FAIL(SK_IO, "standard output");
}

// A line of export, or the bare seed.
static enum sk_code key_take(struct view text, const char *node, struct signer_memory *memory) {
    uint8_t seed[SIGN_SEED_LEN];
    struct signer *to = &memory->signer[KEY_LOG];
    while (text.len && text.at[text.len - 1] == '\n')
        text.len--;
    if (text.len != 2 * SIGN_SEED_LEN || !hex_take(text, seed, sizeof seed))
        return skey_read(text, to);
    enum sk_code code = signer_of(node, NOTE_ED25519, seed, to);
    explicit_bzero(seed, sizeof seed);
    return code;
}

static enum sk_code import(const struct conf *conf, const char *from,
                           struct signer_memory *memory) {
    struct buf text = buf_over(memory->text, sizeof memory->text);
    enum sk_code code = files_read(from, &text);
    if (code == SK_OK) code = key_take(buf_view(&text), conf->node, memory);
    explicit_bzero(memory->text, sizeof memory->text);
    if (code != SK_OK) return fail_within(code, "%s", from);
    const struct note_key *name = &memory->signer[KEY_LOG].name;
    if (name->type != NOTE_ED25519 || strcmp(name->name, conf->node) != 0)
        return FAIL(SK_DENIED, "it is no key of the log %s: its name is %s", conf->node,
                    name->name);
    TRY(signer_write(conf, KEY_LOG, memory));
    TRY(signer_vkey_write(conf, name));
    signer_print("key", name);
    return SK_OK;
}

int cmd_key_log(int argc, char **argv) {
    static struct conf conf;
    const char *config = NULL, *word = argv[0];
    bool pem = false, shows = strcmp(word, "show") == 0, imports = strcmp(word, "import") == 0;
    const struct cli_option options[] = {{"--config", &config, NULL}, {"--pem", NULL, &pem}, {0}};
    struct signer_memory *memory = NULL;
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (imports && rest != 1) return cli_usage(usage, "key import takes one FILE, or '-'");
    if (!imports && rest > 0) return cli_usage(usage, "what is '%s'?", argv[1]);
    if (pem && !shows) return cli_usage(usage, "--pem goes with key show");
    enum sk_code code = conf_read(config, &conf);
    if (code == SK_OK) code = signer_open(&memory);
    if (code == SK_OK && imports)
        code = import(&conf, argv[1], memory);
    else if (code == SK_OK)
        code = shows ? show(&conf, pem, memory) : export(&conf, memory);
    signer_close(memory);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
