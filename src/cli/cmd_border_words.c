#include "border/border.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>

static const char usage[] =
    "usage: sekisho border words [--secrets FILE] [--out FILE] FILE\n"
    "       sekisho border words --kind KIND [--header JSON] [--out FILE] FILE\n\n"
    "Makes a detector file of lines of text (\"# \" begins a comment).\n\n"
    "  FILE            your own words: names of customers, projects, products; one a line.\n"
    "                  Case, full-width forms and variants of characters do not matter\n"
    "  --secrets FILE  rules of your own keys and tokens, one a line, tabs between fields:\n"
    "                  NAME DETECTOR FORM TEXT BEFORE ALPHABET LENGTH ENTROPY\n"
    "                  (detectors/README.md)\n"
    "  --out FILE      where to (default: listed.skdt, or KIND.skdt, in this directory). A node\n"
    "                  looks for listed.skdt among its detectors, else beside its policy,\n"
    "                  when it starts. A class with `detect: [listed]` says how far the words go\n"
    "  --kind KIND     one of the files that come with Sekisho instead: places, postal, banks,\n"
    "                  phones, care, secrets\n"
    "  --header JSON   a file with what is known of the lines: source, version, date, licence\n";

enum { LINES_MAX = 64 << 20, FILE_MAX = 64 << 20, HEADER_MAX = 1 << 16 };

struct words_job {
    const char *file, *secrets, *header, *out;
    enum table_kind kind;
};

static enum sk_code save(const char *path, struct view bytes) {
    FILE *file = fopen(path, "wb");
    if (!file) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
    bool written = fwrite(bytes.at, 1, bytes.len, file) == bytes.len;
    return (fclose(file) == 0 && written) ? SK_OK : FAIL(SK_IO, "%s cannot be written", path);
}

static enum sk_code make(const struct words_job *job, struct arena *arena, struct buf *in,
                         struct buf *out) {
    struct view header = VIEW("{\"source\":\"the operator\"}"), lines, secrets = {0};
    TRY(cli_read(job->file, in));
    size_t lines_len = in->len;
    if (job->secrets) TRY(cli_read(job->secrets, in));
    size_t secrets_len = in->len - lines_len;
    if (job->header) TRY(cli_read(job->header, in));
    lines = (struct view){in->at, lines_len};
    secrets = (struct view){in->at + lines_len, secrets_len};
    if (job->header) header = view_from(buf_view(in), lines_len + secrets_len);
    while (header.len && (uint8_t)header.at[header.len - 1] <= ' ')
        header.len--;
    enum sk_code code = words_make(job->kind, lines, secrets, arena, out);
    if (code != SK_OK) return fail_within(code, "%s", job->file);
    size_t payload_len = out->len;
    struct table table = {job->kind, header, {out->at, payload_len}};
    TRY(table_write(&table, out));
    TRY(save(job->out, view_from(buf_view(out), payload_len)));
    fprintf(stderr, "%s: %zu bytes\n", job->out, out->len - payload_len);
    return SK_OK;
}

static enum sk_code run(const struct words_job *job) {
    struct arena arena = {0};
    struct buf in = {0}, out = {0};
    enum sk_code code = arena_open(&arena, "words", (size_t)4 << 30);
    if (code == SK_OK) code = buf_open(&in, LINES_MAX + HEADER_MAX);
    if (code == SK_OK) code = buf_open(&out, 2 * (size_t)FILE_MAX);
    if (code == SK_OK) code = make(job, &arena, &in, &out);
    buf_close(&out);
    buf_close(&in);
    arena_close(&arena);
    return code;
}

int cmd_border_words(int argc, char **argv) {
    static char path[64];
    const char *kind = NULL;
    struct words_job job = {.kind = TABLE_LISTED};
    const struct cli_option options[] = {{"--secrets", &job.secrets, NULL},
                                         {"--kind", &kind, NULL},
                                         {"--header", &job.header, NULL},
                                         {"--out", &job.out, NULL},
                                         {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 1) return cli_usage(usage, "one FILE of lines");
    for (unsigned k = TABLE_NAMES; kind && k <= TABLE_KINDS; k++) {
        if (k == TABLE_KINDS) return cli_usage(usage, "no kind '%s'", kind);
        job.kind = (enum table_kind)k;
        if (strcmp(table_name(job.kind), kind) == 0) break;
    }
    if (job.secrets && job.kind != TABLE_LISTED)
        return cli_usage(usage, "--secrets goes with your own words");
    snprintf(path, sizeof path, "%s.skdt", table_name(job.kind));
    if (!job.out) job.out = path;
    job.file = argv[1];
    return run(&job) == SK_OK ? EXIT_DONE : cli_failed();
}
