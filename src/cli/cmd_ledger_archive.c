// `sekisho ledger erase | disclose | subject`: the texts that a policy keeps (docs/erasure.md).
#include "base/text.h"
#include "cli/cli.h"
#include "cli/cli_archive.h"
#include "node/files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char erase_usage[] =
    "usage: sekisho ledger erase (--open N[,N...] | --key-id KEY) [--reason CODE]\n"
    "                            [--config FILE]\n\n"
    "Makes kept texts and their salts unreadable, for good, and says so in the ledger. Receipts\n"
    "and proofs stay valid. Asks the node that runs, or does it while none does.\n"
    "  --open N       requests, by the index of their open leaf\n"
    "  --key-id KEY   all that is kept of an API key, by its id in the leaves (`key`)\n"
    "  --reason CODE  in the leaf, for ever: a-z, 0-9, '.', '_', '-'; default: request\n";
static const char disclose_usage[] =
    "usage: sekisho ledger disclose --open N [--fields body,prompt,answer] [--out FILE]\n"
    "                               [--config FILE]\n\n"
    "Writes what proves a request to somebody else: its leaves with their proofs, and the chosen\n"
    "texts with their salts (default: none). `sekisho verify FILE` checks it. Of a request that\n"
    "was erased: the leaf that says so.\n";
static const char subject_usage[] =
    "usage: sekisho ledger subject --key-id KEY --out DIR [--config FILE]\n\n"
    "Writes everything that is kept of one API key into DIR, a file a request, as disclose does\n"
    "with all fields.\n";

enum { ORDER_BYTES = ORDER_MAX, RECORD_MAX = ARCHIVE_RECORD_MAX + 1024 };

static enum sk_code begin(const char *config, struct cli_archive *archive) {
    static struct conf conf;
    *archive = (struct cli_archive){.directory = -1};
    TRY(conf_read_file(config, &conf));
    return cli_archive_open(&conf, archive);
}

// ---- erase ----

static bool opens_put(const char *list, struct json_writer *w) {
    struct view rest = view_of(list), one;
    json_name(w, "opens");
    json_open(w, '[');
    while (view_next(&rest, ',', &one)) {
        uint64_t open;
        if (!decimal_take(one, &open)) return false;
        json_put_u64(w, open);
    }
    json_close(w, ']');
    return true;
}

int cmd_ledger_erase(int argc, char **argv) {
    static char storage[ORDER_BYTES];
    const char *config = NULL, *opens = NULL, *key = NULL, *reason = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {"--open", &opens, NULL},
                                         {"--key-id", &key, NULL},    {"--reason", &reason, NULL},
                                         {0}};
    struct cli_archive archive;
    struct buf order = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&order);
    const struct json_node *answer;
    int rest;
    int64_t erased = 0, leaf = -1;
    if (!cli_options(argc, argv, erase_usage, options, &rest)) return EXIT_USAGE;
    if (rest != 0 || !opens == !key)
        return cli_usage(erase_usage, "--open or --key-id is needed");
    if (!erasure_reason_check(view_of(reason ? reason : "request")))
        return cli_usage(erase_usage, "--reason: a code of at most %d bytes", ERASURE_REASON_MAX);
    json_open(&w, '{');
    json_member_text(&w, "do", "erase");
    if (key) json_member_text(&w, "key", key);
    if (opens && !opens_put(opens, &w)) return cli_usage(erase_usage, "--open: not an index");
    json_member_text(&w, "reason", reason ? reason : "request");
    json_close(&w, '}');
    enum sk_code code = begin(config, &archive);
    if (code == SK_OK) code = cli_archive_order(&archive, &order, &answer);
    if (code == SK_OK) {
        json_i64(json_find(answer, "erased"), &erased);
        json_i64(json_find(answer, "leaf"), &leaf);
        printf("erased %" PRId64 ", leaf %" PRId64 "\n", erased, leaf);
        if (key && erased == ERASURE_MAX) printf("give it again: there may be more\n");
    }
    return cli_archive_end(&archive, code);
}

// ---- disclose ----

static bool asked(struct view name, const char *fields) {
    static const struct {
        const char *name, *word;
    } words[] = {{"request_body", "body"},
                 {"envelope", "prompt"},
                 {"prompt_tokens", "prompt"},
                 {"choice_0", "answer"}};
    struct view rest = view_of(fields), one;
    while (view_next(&rest, ',', &one))
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (view_is(name, words[i].name) && view_is(one, words[i].word)) return true;
    return false;
}

// The bundle of a request into `out`. NULL fields: of one that is erased, or was never kept.
static enum sk_code bundle(struct cli_archive *archive, uint64_t open, const char *fields,
                           struct buf *out) {
    static struct buf record;
    char storage[128];
    struct buf order = buf_over(storage, sizeof storage);
    const struct json_node *root;
    struct kept kept, chosen = {.len = 0};
    buf_print(&order, "{\"do\":\"prove\",\"open\":%" PRIu64 "}", open);
    TRY(cli_archive_order(archive, &order, &root));
    if (!record.at) TRY(buf_open(&record, RECORD_MAX));
    buf_reset(&record);
    bool erased = !json_is(json_find(root, "erasure"), JSON_NULL);
    if (fields && !erased) {
        TRY(cli_archive_read(archive, open, &record));
        TRY(kept_record_take(buf_view(&record), &kept));
        for (size_t i = 0; i < kept.len; i++)
            if (asked(kept.fields[i].name, fields)) chosen.fields[chosen.len++] = kept.fields[i];
    }
    enum sk_code code = bundle_open(&archive->answer, &chosen, &archive->arena, out);
    if (record.top) buf_wipe(&record);
    return code;
}

static enum sk_code out_open(struct buf *out) {
    return buf_open(out, 2 * (size_t)RECORD_MAX + BUNDLE_PROOFS_MAX);
}

int cmd_ledger_disclose(int argc, char **argv) {
    const char *config = NULL, *open = NULL, *fields = NULL, *file = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {"--open", &open, NULL},
                                         {"--fields", &fields, NULL}, {"--out", &file, NULL},
                                         {0}};
    struct cli_archive archive;
    struct buf out = {0};
    uint64_t index;
    int rest;
    if (!cli_options(argc, argv, disclose_usage, options, &rest)) return EXIT_USAGE;
    if (rest != 0 || !open || !cli_number(open, 0, INT64_MAX, &index))
        return cli_usage(disclose_usage, "--open is needed: the index of an open leaf");
    enum sk_code code = begin(config, &archive);
    if (code == SK_OK) code = out_open(&out);
    if (code == SK_OK) code = bundle(&archive, index, fields, &out);
    if (code == SK_OK) buf_put_char(&out, '\n');
    if (code == SK_OK && file) code = files_create(file, buf_view(&out), 0600);
    if (code == SK_OK && !file) fwrite(out.at, 1, out.len, stdout);
    int status = cli_archive_end(&archive, code);
    buf_close(&out);
    return status;
}

// ---- subject ----

static enum sk_code subject_page(struct cli_archive *archive, const char *key, int64_t *from,
                                 uint64_t *opens, size_t *len) {
    char storage[256];
    struct buf order = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&order);
    const struct json_node *root;
    json_open(&w, '{');
    json_member_text(&w, "do", "list");
    json_member_i64(&w, "from", *from);
    json_member_text(&w, "key", key);
    json_close(&w, '}');
    TRY(cli_archive_order(archive, &order, &root));
    const struct json_node *list = json_find(root, "opens");
    if (!json_is(list, JSON_ARRAY)) return FAIL(SK_CORRUPT, "no list came");
    if (!json_i64(json_find(root, "next"), from)) *from = -1;
    const struct json_node *one = json_first(list);
    for (uint32_t i = 0; i < list->len && *len < ARCHIVE_RECORDS_MAX; i++, one = json_next(one)) {
        int64_t open;
        if (json_i64(one, &open) && open >= 0) opens[(*len)++] = (uint64_t)open;
    }
    return SK_OK;
}

static enum sk_code subject(struct cli_archive *archive, const char *key, const char *directory,
                            uint64_t *opens) {
    struct buf out = {0};
    size_t len = 0;
    int64_t from = 0;
    while (from >= 0) TRY(subject_page(archive, key, &from, opens, &len));
    TRY(files_directory(directory));
    TRY(out_open(&out));
    enum sk_code code = SK_OK;
    for (size_t i = 0; code == SK_OK && i < len; i++) {
        char path[4096];
        int n = snprintf(path, sizeof path, "%s/%" PRIu64 ".json", directory, opens[i]);
        buf_reset(&out);
        if (n < 0 || (size_t)n >= sizeof path) code = FAIL(SK_LIMIT, "--out: too long");
        if (code == SK_OK) code = bundle(archive, opens[i], "body,prompt,answer", &out);
        if (code == SK_OK) code = files_create(path, buf_view(&out), 0600);
    }
    if (code == SK_OK) printf("%zu requests\n", len);
    buf_close(&out);
    return code;
}

int cmd_ledger_subject(int argc, char **argv) {
    const char *config = NULL, *key = NULL, *directory = NULL;
    const struct cli_option options[] = {
        {"--config", &config, NULL}, {"--key-id", &key, NULL}, {"--out", &directory, NULL}, {0}};
    struct cli_archive archive;
    int rest;
    if (!cli_options(argc, argv, subject_usage, options, &rest)) return EXIT_USAGE;
    if (rest != 0 || !key || strlen(key) > 64 || !directory)
        return cli_usage(subject_usage, "--key-id and --out are needed");
    uint64_t *opens = malloc(ARCHIVE_RECORDS_MAX * sizeof *opens);
    enum sk_code code = opens ? begin(config, &archive) : FAIL(SK_LIMIT, "no memory");
    if (!opens) return cli_failed();
    if (code == SK_OK) code = subject(&archive, key, directory, opens);
    free(opens);
    return cli_archive_end(&archive, code);
}
