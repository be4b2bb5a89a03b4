// `sekisho model sign` and `model verify`: the signature of a model, made and checked without a
// node.
#include "cli/cli.h"
#include "node/lineage.h"
#include "signing/signing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: sekisho model sign FILE --key PEM [--signature PATH] [--name NAME]\n"
    "       sekisho model verify FILE --key PEM [--signature PATH]\n\n"
    "Signs a GGUF file (of a split model: name the first part) in the format of OpenSSF model\n"
    "signing, by a plain private key: Ed25519, P-256, P-384 or P-521. verify checks one by the\n"
    "public key, as a node does before it loads a model. Exit code 3: it is refused.\n"
    "  --signature PATH  sign: default FILE.sig; verify: model.sig beside it, else FILE.sig\n"
    "  --name NAME       what the signature calls the model (default: the file's name)\n"
    "openssl genpkey -algorithm ed25519 -out KEY.pem; openssl pkey -in KEY.pem -pubout -out "
    "PUB.pem\n";

struct words {
    const char *key, *signature, *name;
};

static enum sk_code weights_read(const char *path, struct weights *weights) {
    static struct digests none;
    TRY(weights_open(weights, path));
    enum sk_code code = weights_check(weights, &none, true, NULL);
    if (code != SK_OK) weights_close(weights);
    return code;
}

// A single file is called "." as the reference does; the parts of a split one by their names.
static enum sk_code bundle_make(const struct signing_key *secret, const struct weights *weights,
                                const char *name, struct arena *arena, struct buf *out) {
    static struct signing_file files[WEIGHTS_PARTS_MAX];
    for (uint32_t i = 0; i < weights->len; i++) {
        files[i].name = weights->len == 1 ? VIEW(".") : view_of(weights->parts[i].name);
        memcpy(files[i].digest, weights->parts[i].digest, HASH_LEN);
    }
    if (!name) name = weights->parts[0].name;
    return signing_make(secret, view_of(name), files, weights->len, arena, out);
}

static enum sk_code secret_read(const char *path, struct signing_key *out) {
    char text[SIGNING_PEM_MAX];
    struct buf pem = buf_over(text, sizeof text);
    enum sk_code code = files_read(path, &pem);
    if (code == SK_OK) code = signing_secret_read(buf_view(&pem), out);
    explicit_bzero(text, sizeof text);
    return code == SK_OK ? SK_OK : fail_within(code, "%s", path);
}

static enum sk_code sign(const char *path, const struct words *words) {
    static struct weights weights;
    struct signing_key secret;
    struct arena arena;
    struct buf out = {0};
    char beside[CONF_PATH_MAX];
    const char *to = words->signature ? words->signature : beside;
    if (snprintf(beside, sizeof beside, "%s.sig", path) >= (int)sizeof beside)
        return FAIL(SK_LIMIT, "%s: path too long", path);
    TRY(secret_read(words->key, &secret));
    enum sk_code code = weights_read(path, &weights);
    if (code != SK_OK) {
        signing_key_close(&secret);
        return code;
    }
    code = arena_open(&arena, "signature", SIGNING_ARENA);
    if (code == SK_OK) code = buf_open(&out, SIGNING_TEXT_MAX);
    if (code == SK_OK) code = bundle_make(&secret, &weights, words->name, &arena, &out);
    if (code == SK_OK) code = files_create(to, buf_view(&out), 0644);
    if (code == SK_OK) {
        printf("signature   %s\nfiles       %u\n", to, weights.len);
        cli_print_digest("sha256", weights.digest);
        cli_print_digest("signer", secret.id);
    }
    buf_close(&out);
    arena_close(&arena);
    weights_close(&weights);
    signing_key_close(&secret);
    return code;
}

static enum sk_code verify(const char *path, const struct words *words) {
    static struct conf conf;
    static struct weights weights;
    struct conf_model *model = &conf.models[0];
    struct lineage lineage;
    if (snprintf(model->file, sizeof model->file, "%s", path) >= (int)sizeof model->file ||
        snprintf(model->signed_by, sizeof model->signed_by, "%s", words->key) >=
            (int)sizeof model->signed_by ||
        snprintf(model->signature, sizeof model->signature, "%s",
                 words->signature ? words->signature : "") >= (int)sizeof model->signature)
        return FAIL(SK_LIMIT, "FILE, --key or --signature: a path of more than %d bytes",
                    CONF_PATH_MAX - 1);
    TRY(weights_read(path, &weights));
    enum sk_code code = lineage_check(&conf, model, &weights, &lineage);
    if (code == SK_OK) {
        printf("signed      every byte of %s%s\n", path, weights.len > 1 ? " and its parts" : "");
        cli_print_digest("sha256", weights.digest);
        cli_print_digest("signer", lineage.signer);
        cli_print_digest("statement", lineage.statement);
    }
    weights_close(&weights);
    return code;
}

int cmd_model_sign(int argc, char **argv) {
    struct words words = {0};
    const struct cli_option options[] = {{"--key", &words.key, NULL},
                                         {"--signature", &words.signature, NULL},
                                         {"--name", &words.name, NULL},
                                         {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    bool makes = strcmp(argv[0], "sign") == 0;
    if (rest != 1) return cli_usage(usage, "model %s takes one FILE", argv[0]);
    if (!words.key)
        return cli_usage(usage, "--key is needed: the %s key", makes ? "private" : "public");
    if (words.name && !makes) return cli_usage(usage, "--name goes with model sign");
    enum sk_code code = makes ? sign(argv[1], &words) : verify(argv[1], &words);
    if (code == SK_OK) return EXIT_DONE;
    bool refused = code == SK_DENIED || code == SK_CORRUPT || code == SK_UNSUPPORTED;
    cli_failed();
    return refused && !makes ? EXIT_REJECTED : EXIT_FAILED;
}
