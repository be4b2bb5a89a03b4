// `sekisho place key | pin`: the credential of a place, typed unseen and kept in a file of its own;
// the pin of a certificate. Refuses: a credential that no header could carry.
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/pin.h"
#include "node/files.h"
#include "node/parent.h"

static const char usage[] =
    "usage: sekisho place key NAME [--config FILE]\n"
    "       sekisho place pin FILE|-\n\n"
    "key keeps the credential of a place that the policy calls `credential: NAME`: one line from\n"
    "standard input, not shown while it is typed. It stands in keys/places/ of the data\n"
    "directory, readable by its owner alone. A running node takes it with SIGHUP.\n\n"
    "pin prints the SHA-256 of the public key in a certificate (PEM), as `spki_sha256` of the\n"
    "policy wants it, and in hex, as receipts show it. Have the operator of the place tell you\n"
    "the key or its certificate; what a server shows proves nothing by itself, but compare:\n"
    "  openssl s_client -connect HOST:443 -servername HOST </dev/null | sekisho place pin -\n";

enum { CREDENTIAL_MAX = 2000 }; // as ferry takes it

static bool name_good(const char *name) {
    size_t len = strlen(name);
    if (!len || len > 64 || name[0] == '.') return false;
    for (size_t i = 0; i < len; i++)
        if (name[i] <= ' ' || name[i] > '~' || name[i] == '/') return false;
    return true;
}

static enum sk_code credential_read(char *line, size_t max) {
    struct termios shown, hidden;
    bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (terminal) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        fputs("credential: ", stderr);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    bool got = fgets(line, (int)max, stdin) != NULL;
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        fputs("\n", stderr);
    }
    size_t len = got ? strcspn(line, "\r\n") : 0;
    if (len == max - 1) return FAIL(SK_LIMIT, "a credential has at most %zu bytes", max - 2);
    line[len] = 0;
    for (size_t i = 0; i < len; i++)
        if (line[i] <= ' ' || line[i] > '~')
            return FAIL(SK_INPUT, "a credential has visible ASCII characters only");
    return len ? SK_OK : FAIL(SK_INPUT, "no credential came");
}

// The old one stands until the new one is whole.
static enum sk_code credential_write(const struct conf *conf, const char *name, const char *line) {
    char path[PARENT_PATH_MAX + 80], fresh[PARENT_PATH_MAX + 80];
    parent_credential_path(conf, ".", fresh, sizeof fresh);
    TRY(files_directory(fresh));
    parent_credential_path(conf, ".new", fresh, sizeof fresh);
    parent_credential_path(conf, name, path, sizeof path);
    unlink(fresh); // of a command that was killed
    TRY(files_create(fresh, view_of(line), 0400));
    if (rename(fresh, path) == 0) return SK_OK;
    enum sk_code code = FAIL(SK_IO, "%s: %s", path, strerror(errno));
    unlink(fresh);
    return code;
}

static int pin_print(const char *path) {
    enum { FILE_MAX = 1 << 20 };
    uint8_t pin[HASH_LEN];
    char text[4 * HASH_LEN];
    struct buf file = {0}, out = buf_over(text, sizeof text);
    enum sk_code code = buf_open(&file, FILE_MAX);
    if (code == SK_OK) code = cli_read(path, &file);
    if (code == SK_OK && (code = pin_of(buf_view(&file), pin)) != SK_OK)
        code = fail_within(code, "%s", strcmp(path, "-") == 0 ? "standard input" : path);
    buf_close(&file);
    if (code != SK_OK) return cli_failed();
    base64_put(&out, pin, sizeof pin);
    buf_put_text(&out, "\nhex ");
    hex_put(&out, pin, sizeof pin);
    printf("%.*s\n", (int)out.len, text);
    return EXIT_DONE;
}

int cmd_place(int argc, char **argv) {
    static struct conf conf;
    const char *config = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {0}};
    char line[CREDENTIAL_MAX + 2];
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest == 2 && strcmp(argv[1], "pin") == 0) return pin_print(argv[2]);
    if (rest != 2 || strcmp(argv[1], "key") != 0) return cli_usage(usage, "key NAME, or pin FILE?");
    if (!name_good(argv[2])) return cli_usage(usage, "'%s' is no name of a credential", argv[2]);
    if (conf_read(config, &conf) != SK_OK) return cli_failed();
    enum sk_code code = credential_read(line, sizeof line);
    if (code == SK_OK) code = credential_write(&conf, argv[2], line);
    explicit_bzero(line, sizeof line);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
