// `sekisho model record` and `model card`: what a training run was, into the ledger and onto paper.
#include "cli/cli_archive.h"
#include "cli/cli_training.h"
#include "train/train.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho model record RECORD.json [--config FILE]\n"
    "       sekisho model record RECORD.json --check\n"
    "       sekisho model card RECORD.json [--bom]\n\n"
    "record puts the record of a training run, which `sekisho train` writes beside its model,\n"
    "into the ledger of the configured node as a leaf, and prints where it is. The node may run.\n"
    "Files beside it must be those that it names, or it is refused (exit code 3).\n"
    "  --check   only that\n"
    "card prints a model card made of it, in Markdown.\n"
    "  --bom   instead a CycloneDX 1.6 ML-BOM, in JSON\n";

enum sk_code cli_training_seal(const struct conf *conf, struct view record, int64_t *leaf) {
    static char storage[ORDER_MAX];
    struct buf order = buf_over(storage, sizeof storage);
    struct cli_archive archive;
    training_put(record, &order);
    TRY(buf_check(&order, "record"));
    enum sk_code code = cli_archive_log(conf, &archive);
    if (code == SK_OK) code = cli_archive_grows(&archive);
    if (code == SK_OK) code = cli_archive_record(&archive, &order, leaf);
    enum sk_code closed = cli_archive_close(&archive);
    return code == SK_OK ? closed : code;
}

// The file's text without its last line feed, and what it says.
static enum sk_code record_file(const char *path, struct buf *text, struct arena *arena,
                                struct train_record *out) {
    TRY(cli_read(path, text));
    if (text->len && text->at[text->len - 1] == '\n') text->len--;
    enum sk_code code = record_read(buf_view(text), arena, out);
    return code == SK_OK ? SK_OK : fail_within(code, "%s", path);
}

// SK_CORRUPT: the file beside the record is not the one it names. *absent: there is none.
static enum sk_code output_check(const char *path, const struct record_output *one, bool *absent) {
    const char *slash = strrchr(path, '/');
    uint8_t digest[HASH_LEN];
    char name[4096];
    int above = slash ? (int)(slash - path + 1) : 0;
    int len = snprintf(name, sizeof name, "%.*s%.*s", above, path, (int)one->name.len,
                       one->name.at);
    if (len < 0 || (size_t)len >= sizeof name) return FAIL(SK_LIMIT, "%s: path too long", path);
    int file = open(name, O_RDONLY | O_CLOEXEC);
    *absent = file < 0 && errno == ENOENT;
    if (file < 0) return *absent ? SK_OK : FAIL(SK_IO, "%s: %s", name, strerror(errno));
    enum sk_code code = files_digest(file, digest, NULL);
    close(file);
    if (code == SK_OK && memcmp(digest, one->sha256, HASH_LEN) != 0)
        code = FAIL(SK_CORRUPT, "not the file of the record: another SHA-256");
    return code == SK_OK ? SK_OK : fail_within(code, "%s", name);
}

static enum sk_code outputs_check(const char *path, const struct train_record *record, bool tell) {
    for (uint32_t i = 0; i < record->outputs_len; i++) {
        const struct record_output *one = &record->outputs[i];
        bool absent;
        TRY(output_check(path, one, &absent));
        if (!absent && !tell) continue;
        printf("%s  ", absent ? "not here   " : "as recorded");
        cli_print(one->name);
        putchar('\n');
    }
    return SK_OK;
}

static enum sk_code seal(const char *config, struct view record) {
    static struct conf conf;
    int64_t leaf = -1;
    uint8_t digest[HASH_LEN];
    TRY(conf_read_file(config, &conf));
    TRY(cli_training_seal(&conf, record, &leaf));
    hash_of(record.at, record.len, digest);
    printf("leaf        %" PRId64 "\n", leaf);
    cli_print_digest("record", digest);
    return SK_OK;
}

static enum sk_code card(const struct train_record *record, bool bom) {
    struct buf out;
    TRY(buf_open(&out, CARD_MAX));
    enum sk_code code = (bom ? card_bom : card_markdown)(record, &out);
    if (code == SK_OK) printf("%.*s%s", (int)out.len, out.at, bom ? "\n" : "");
    buf_close(&out);
    return code;
}

int cmd_model_record(int argc, char **argv) {
    static char storage[RECORD_MAX + 2];
    static struct train_record record;
    struct buf text = buf_over(storage, sizeof storage);
    struct arena arena = {0};
    const char *config = NULL;
    bool bom = false, check = false;
    const struct cli_option options[] = {
        {"--config", &config, NULL}, {"--bom", NULL, &bom}, {"--check", NULL, &check}, {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    bool cards = strcmp(argv[0], "card") == 0;
    if (rest != 1) return cli_usage(usage, "model %s takes one RECORD.json", argv[0]);
    if (cards ? config || check : bom)
        return cli_usage(usage, "--config and --check go with record, --bom with card");
    enum sk_code code = arena_open(&arena, "record", 1 << 20);
    if (code == SK_OK) code = record_file(argv[1], &text, &arena, &record);
    if (code == SK_OK && cards) code = card(&record, bom);
    if (code == SK_OK && !cards) code = outputs_check(argv[1], &record, check);
    if (code == SK_OK && !cards && !check) code = seal(config, buf_view(&text));
    arena_close(&arena);
    if (code == SK_OK) return EXIT_DONE;
    cli_failed();
    return code == SK_CORRUPT ? EXIT_REJECTED : EXIT_FAILED;
}
