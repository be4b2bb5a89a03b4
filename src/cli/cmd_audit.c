#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/day.h"
#include "cli/audit.h"
#include "cli/verify.h"

static const char usage[] =
    "usage: sekisho audit LOG (--key VKEY | --policy FILE) [OPTIONS]\n\n"
    "Which requests there were, by class and place, of a log that it first proves whole: every\n"
    "entry and tile, the signature, each key's numbers without a gap, each decision's outcome.\n"
    "  LOG            an exported log (sekisho ledger export), a node's data directory, or the\n"
    "                 log in it; a node may run there. Or the URL of a live node\n"
    "  --key VKEY     the log's verifier key (NAME+HASH+KEY), or a file that holds it\n"
    "  --policy FILE  a C2SP tlog-policy: logs, witnesses, how many of them must have seen it\n"
    "  --transition FILE\n"
    "                 the note of a key transition (docs/keys.md): the key before or after one\n"
    "                 that is trusted may have signed\n"
    "  --checkpoint FILE\n"
    "                 that you kept of this log, or a receipt: the log must still begin so; as\n"
    "                 many as you have\n"
    VERIFY_WEB_USAGE
    "Which requests:\n"
    "  --from DATE    the first day, YYYY-MM-DD\n"
    "  --to DATE      the last day\n"
    "  --zone +09:00  of these days and of all times shown; default: UTC\n"
    "  --left         only those for which an envelope was sealed for another place\n"
    "What is shown:\n"
    "  --rows         each request too\n"
    "  --format FORM  table (default), json, csv or html: one page to print; csv-proof: what was\n"
    "                 proven and what was not, of the same audit\n"
    "  --out FILE     there instead of standard output\n"
    "Times are what the node stated. Exit codes are those of sekisho verify: 0 verified;\n"
    "3 rejected; 4 fewer witnesses than asked for; 1 it could not be read; 2 wrong usage.\n";

struct words {
    const char *key, *policy, *from, *to, *zone, *format, *out;
    const char *seen[WHOLE_SEEN_MAX];
    struct verify_log log;
    bool left, rows;
};

struct run {
    struct words words;
    struct arena arena;
    struct trust trust;
    struct audit_query query;
    struct audit *audit;
    struct audit_facts facts;
    struct report report;
    struct audit_paper paper;
};

// ---- the words ----

static bool zone_take(const char *text, int64_t *ms) {
    uint64_t hours, minutes;
    if (!text) return true;
    if (strlen(text) != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return false;
    for (size_t i = 1; i < 6; i++)
        if (i != 3 && (text[i] < '0' || text[i] > '9')) return false;
    hours = (uint64_t)(text[1] - '0') * 10 + (uint64_t)(text[2] - '0');
    minutes = (uint64_t)(text[4] - '0') * 10 + (uint64_t)(text[5] - '0');
    *ms = (int64_t)(hours * 60 + minutes) * 60000 * (text[0] == '-' ? -1 : 1);
    return hours < 24 && minutes < 60;
}

static bool period_take(struct run *run) {
    const struct words *words = &run->words;
    int64_t from, to;
    run->query = (struct audit_query){INT64_MIN, INT64_MAX, .left = words->left};
    if (!zone_take(words->zone, &run->paper.zone_ms)) return false;
    if (words->from) {
        if (!day_take(view_of(words->from), &from)) return false;
        run->query.from_ms = from * DAY_MS - run->paper.zone_ms;
    }
    if (words->to) {
        if (!day_take(view_of(words->to), &to)) return false;
        run->query.to_ms = (to + 1) * DAY_MS - run->paper.zone_ms;
    }
    return run->query.from_ms < run->query.to_ms;
}

struct form {
    const char *name;
    enum sk_code (*write)(struct audit_paper *paper);
};
static const struct form forms[] = {
    {"table", audit_table}, {"json", audit_json}, {"html", audit_html},
    {"csv", audit_csv},     {"csv-proof", audit_csv_proof}};

static const struct form *form_of(const char *name) {
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!name || strcmp(name, forms[i].name) == 0) return &forms[i];
    return NULL;
}

// ---- requests, kept in a file until the log is proven ----

static enum sk_code row_write(int file, const void *bytes, size_t len, uint64_t at) {
    ssize_t n = pwrite(file, bytes, len, (off_t)at);
    return n == (ssize_t)len ? SK_OK
                             : FAIL(SK_IO, "rows: %s", n < 0 ? strerror(errno) : "no room");
}

static enum sk_code row_open(void *self, uint64_t row, const struct audit_open *open) {
    const struct run *run = self;
    const struct audit_row begun = {.open = *open};
    return row_write(run->paper.rows, &begun, sizeof begun, row * sizeof begun);
}

static enum sk_code row_end(void *self, uint64_t row, const struct audit_end *end) {
    const struct run *run = self;
    return row_write(run->paper.rows, end, sizeof *end,
                     row * sizeof(struct audit_row) + offsetof(struct audit_row, end));
}

static enum sk_code rows_open(struct run *run) {
    const char *place = getenv("TMPDIR");
    run->paper.rows = -1;
    if (!run->words.rows) return SK_OK;
    if (!place) place = "/tmp";
    run->paper.rows = open(place, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (run->paper.rows < 0) return FAIL(SK_IO, "%s: %s", place, strerror(errno));
    run->query.reader = (struct audit_reader){run, row_open, row_end};
    return SK_OK;
}

// ---- the log ----

static enum sk_code pieces_run(struct run *run, const struct tile_source *source) {
    return verify_log(&run->words.log, source, &run->trust, &run->arena, &run->report);
}

static enum sk_code own_run(struct run *run, int directory) {
    struct log_source *log;
    TRY(log_source_open(world_real(directory), &log));
    const struct tile_source source = log_source_pieces(log);
    enum sk_code code = pieces_run(run, &source);
    log_source_close(log);
    return code;
}

static enum sk_code directory_run(struct run *run) {
    const char *path = run->words.log.what;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
    int inner = openat(directory, "ledger", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int log = inner >= 0 ? inner : directory;
    enum sk_code code =
        faccessat(log, "released", F_OK, 0) == 0
            ? own_run(run, log)
            : pieces_run(run, &(struct tile_source){&directory, verify_directory_read});
    if (inner >= 0) close(inner);
    close(directory);
    return code;
}

static enum sk_code log_run(struct run *run) {
    struct tile_source source;
    run->words.log.watch = audit_watch(run->audit);
    if (!verify_is_url(run->words.log.what)) return directory_run(run);
    TRY(verify_web_open(run->words.log.what, &run->words.log.web, &source));
    enum sk_code code = pieces_run(run, &source);
    verify_web_close(&source);
    return code;
}

// ---- the answer ----

static int cell_order(const void *a, const void *b) {
    const struct audit_cell *left = *(const struct audit_cell *const *)a;
    const struct audit_cell *right = *(const struct audit_cell *const *)b;
    if (left->requests != right->requests) return left->requests < right->requests ? 1 : -1;
    return left < right ? -1 : 1;
}

static int class_order(const void *a, const void *b) {
    const struct audit_class *left = a, *right = b;
    if (left->requests != right->requests) return left->requests < right->requests ? 1 : -1;
    int place = strcmp(left->place, right->place);
    return place ? place : strcmp(left->name, right->name);
}

static void class_put(struct audit_paper *paper, const char *name, const struct audit_cell *cell) {
    size_t i = 0;
    while (i < paper->classes_len && (strcmp(paper->classes[i].name, name) != 0 ||
                                      strcmp(paper->classes[i].place, cell->place) != 0))
        i++;
    if (i == paper->classes_len)
        paper->classes[paper->classes_len++] = (struct audit_class){name, cell->place, 0, 0};
    paper->classes[i].requests += cell->requests;
    paper->classes[i].left += cell->left;
}

static enum sk_code answer_sort(struct run *run) {
    struct audit_paper *paper = &run->paper;
    size_t len = run->facts.cells_len, classes = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t of = run->facts.cells[i].classes_len;
        classes += of ? of : 1;
    }
    paper->cells = arena_take(&run->arena, len, sizeof *paper->cells);
    paper->classes = arena_take(&run->arena, classes, sizeof *paper->classes);
    if (!paper->cells || !paper->classes) return SK_LIMIT;
    for (size_t i = 0; i < len; i++) {
        const struct audit_cell *cell = paper->cells[i] = &run->facts.cells[i];
        for (uint32_t j = 0; j < cell->classes_len; j++) class_put(paper, cell->classes[j], cell);
        if (cell->classes_len == 0) class_put(paper, "", cell);
    }
    qsort(paper->cells, len, sizeof *paper->cells, cell_order);
    qsort(paper->classes, paper->classes_len, sizeof *paper->classes, class_order);
    return SK_OK;
}

static bool entries_proven(const struct report *report) {
    for (size_t i = 0; i < report->rows_len; i++)
        if (strcmp(report->rows[i].id, "entries") == 0)
            return report->rows[i].state == REPORT_PROVEN;
    return false;
}

static enum sk_code paper_write(struct run *run, const struct form *form) {
    struct audit_paper *paper = &run->paper;
    const struct words *words = &run->words;
    paper->report = &run->report;
    paper->query = &run->query;
    paper->facts = &run->facts;
    paper->from = words->from;
    paper->to = words->to;
    paper->zone = words->zone;
    paper->counted = entries_proven(&run->report);
    TRY(answer_sort(run));
    TRY(buf_open(&paper->out, REPORT_TEXT_MAX + (1 << 20)));
    paper->to_file = words->out ? fopen(words->out, "wb") : stdout;
    if (!paper->to_file) return FAIL(SK_IO, "%s: %s", words->out, strerror(errno));
    enum sk_code code = form->write(paper);
    if (code == SK_OK) code = buf_check(&paper->out, "report");
    if (code == SK_OK) fwrite(paper->out.at, 1, paper->out.len, paper->to_file);
    bool failed = fflush(paper->to_file) != 0 || ferror(paper->to_file);
    if (words->out && fclose(paper->to_file) != 0) failed = true;
    if (code == SK_OK && failed)
        code = FAIL(SK_IO, "%s cannot be written", words->out ? words->out : "standard output");
    return code;
}

static enum sk_code audit_run(struct run *run, const struct form *form) {
    TRY(arena_open(&run->arena, "audit", REPORT_ARENA));
    TRY(verify_trust(run->words.key, run->words.policy, &run->arena, &run->trust));
    TRY(rows_open(run));
    TRY(audit_open(&run->query, &run->audit));
    TRY(log_run(run));
    audit_end(run->audit, &run->facts);
    return paper_write(run, form);
}

static int told(const struct run *run) {
    const struct report *report = &run->report;
    // The other forms say it themselves; this one and a file are not looked at.
    bool silent = run->words.out || (run->words.format && strcmp(run->words.format, "csv") == 0);
    if (report->verdict != REPORT_VERIFIED && silent)
        fprintf(stderr, "sekisho: not verified: %s\n", report->reason);
    return verify_exit(report);
}

int cmd_audit(int argc, char **argv) {
    static struct run run = {.paper.rows = -1};
    struct words *words = &run.words;
    const struct cli_option options[] = {
        {"--key", &words->key, NULL},       {"--policy", &words->policy, NULL},
        {"--from", &words->from, NULL},     {"--to", &words->to, NULL},
        {"--zone", &words->zone, NULL},     {"--format", &words->format, NULL},
        {"--out", &words->out, NULL},       {"--left", NULL, &words->left},
        {"--rows", NULL, &words->rows},     {"--transition", &words->log.transition, NULL},
        VERIFY_WEB_OPTIONS(words->log.web), {0}};
    int rest;
    words->log.seen = words->seen;
    words->log.seen_len = cli_repeated(&argc, argv, "--checkpoint", words->seen, WHOLE_SEEN_MAX);
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 1) return cli_usage(usage, "one log is needed");
    if (words->log.seen_len > WHOLE_SEEN_MAX)
        return cli_usage(usage, "at most %d checkpoints", WHOLE_SEEN_MAX);
    if (!words->key == !words->policy)
        return cli_usage(usage, "--key or --policy is needed: who is believed?");
    if (!period_take(&run))
        return cli_usage(usage, "--from and --to are days, YYYY-MM-DD, the first before the last; "
                                "--zone is like +09:00");
    const struct form *form = form_of(words->format);
    if (!form) return cli_usage(usage, "--format is table, json, csv, csv-proof or html");
    words->log.what = argv[1];
    int status = audit_run(&run, form) == SK_OK ? told(&run) : cli_failed();
    report_end(&run.report);
    audit_close(run.audit);
    if (run.paper.rows >= 0) close(run.paper.rows);
    buf_close(&run.paper.out);
    arena_close(&run.arena);
    return status;
}
