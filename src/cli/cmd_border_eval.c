#include "base/json.h"
#include "cli/cli.h"
#include "cli/detect.h"
#include "cli/labelled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: sekisho border eval [--only NAMES] [--failures N] [--json] [--detectors DIR] "
    "FILE...\n\n"
    "Measures the detectors on labelled texts: precision, recall and F1 for each class, for "
    "findings\n"
    "that are exactly as labelled and for those that overlap; then what went wrong, by kind:\n"
    "  missed    nothing of its class was found there\n"
    "  extent    it was found with another beginning or end\n"
    "  confused  something labelled was found as another class, too or instead\n"
    "  spurious  nothing there is labelled\n\n"
    "A FILE ('-': standard input) is one of these, told by its content; results are of all "
    "together:\n"
    "  {\"text\": T, \"spans\": [{\"start\": A, \"end\": B, \"label\": \"jp.phone\"}]}, one a "
    "line, as\n"
    "  'sekisho border generate' writes it; offsets are bytes of UTF-8, labels detectors' names. "
    "All\n"
    "  classes count as labelled wherever they stand (else: --only)\n"
    "  a JSON array of presidio-research (full_text), or of stockmark's NER data set (entities)\n"
    "  CoNLL-U with NE=B-PERSON in its last field, or one word and tag (B-PERSON) a line\n\n"
    "  --only NAMES    these classes only: \"person,email\", \"secret.*\"\n"
    "  --failures N    shows N examples of each kind of failure\n"
    "  --json          one JSON object instead of tables\n"
    "  --detectors DIR detector files (default: those installed)\n";

enum { FILE_MAX = 256 << 20, ARENA_MAX = 1 << 30, SCAN_ARENA = 1 << 30, AROUND = 24 };

struct words {
    const char *only, *failures, *detectors;
    bool json;
};

struct work {
    struct cli_detectors detectors;
    struct detector_set only, measured, unmeasured;
    uint64_t failures; // examples of each kind
    struct arena arena, scan;
    struct score score;
};

// ---- showing ----

// Whole characters around »[at, at + len)«.
static void put_excerpt(struct view text, uint32_t at, uint32_t len) {
    size_t from = at > AROUND ? at - AROUND : 0, to = at + len + AROUND;
    while (from > 0 && ((uint8_t)text.at[from] & 0xc0) == 0x80)
        from--;
    if (to > text.len) to = text.len;
    while (to < text.len && ((uint8_t)text.at[to] & 0xc0) == 0x80)
        to++;
    cli_print((struct view){text.at + from, at - from});
    printf("»");
    cli_print((struct view){text.at + at, len});
    printf("«");
    cli_print((struct view){text.at + at + len, to - at - len});
}

static void tell(void *told, const struct failures *of, const struct labelled *text, uint32_t at,
                 uint32_t len) {
    const struct work *work = told;
    if (of->count > work->failures) return;
    printf("%-10s %-24s %.*s%s", failure_name(of->kind), detector_name((enum detector)of->detector),
           (int)of->detail.len, of->detail.at, of->detail.len ? ": " : "");
    put_excerpt(text->text, at, len);
    if (text->origin.len) printf("  (%.*s)", (int)text->origin.len, text->origin.at);
    printf("\n");
}

static void print_rates(struct rates rates) {
    const double each[] = {rates.precision, rates.recall, rates.f1};
    printf("  ");
    for (int i = 0; i < 3; i++) {
        if (each[i] < 0)
            printf("      -");
        else
            printf("  %5.3f", each[i]);
    }
}

static void print_row(const char *name, const struct count *count) {
    printf("%-26s %7u %7u", name, count->gold, count->found);
    print_rates(rates_exact(count));
    print_rates(rates_overlap(count));
    printf("\n");
}

// Numbers and codes: everything but names, places, what is said of persons, and words.
static struct detector_set identifiers(void) {
    const enum detector others[] = {DETECTOR_PERSON, DETECTOR_ADDRESS,    DETECTOR_MEDICAL,
                                    DETECTOR_CREED,  DETECTOR_DISABILITY, DETECTOR_DISCRIMINATION,
                                    DETECTOR_LISTED, DETECTOR_CRIMINAL};
    struct detector_set out = {(UINT64_C(1) << DETECTOR_COUNT) - 1};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        out.bits &= ~(UINT64_C(1) << others[i]);
    return out;
}

static int by_count(const void *a, const void *b) {
    const struct failures *x = a, *y = b;
    return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

static void print_tables(struct work *work) {
    struct detector_set numbers = identifiers(), all = {(UINT64_C(1) << DETECTOR_COUNT) - 1};
    struct count sum = score_sum(&work->score, &numbers);
    printf("%u texts, %u bytes\n", work->score.texts, work->score.bytes);
    printf("%-42s    exact                  overlap\n", "");
    printf("%-26s %7s %7s    %5s  %5s  %5s    %5s  %5s  %5s\n", "class", "labels", "found", "prec.",
           "rec.", "F1", "prec.", "rec.", "F1");
    for (unsigned i = 0; i < DETECTOR_COUNT; i++) {
        const struct count *is = &work->score.counts[i];
        if (is->gold || is->found) print_row(detector_name((enum detector)i), is);
    }
    if (sum.gold || sum.found) print_row("numbers and codes", &sum);
    sum = score_sum(&work->score, &all);
    print_row("all", &sum);
    if (work->unmeasured.bits) {
        printf("\nnot measured, for their detector files are not there:");
        for (unsigned i = 0; i < DETECTOR_COUNT; i++)
            if (detector_in(&work->unmeasured, (enum detector)i))
                printf(" %s", detector_name((enum detector)i));
        printf("\n");
    }
    qsort(work->score.failures, work->score.failures_len, sizeof *work->score.failures, by_count);
    if (work->score.failures_len) printf("\nfailures, the most frequent kinds first:\n");
    for (uint32_t i = 0; i < work->score.failures_len; i++) {
        const struct failures *is = &work->score.failures[i];
        printf("%7u  %-9s %-24s %.*s\n", is->count, failure_name(is->kind),
               detector_name((enum detector)is->detector), (int)is->detail.len, is->detail.at);
    }
}

static void put_rates(struct json_writer *w, const char *name, struct rates rates) {
    const char *names[] = {"precision", "recall", "f1"};
    const double each[] = {rates.precision, rates.recall, rates.f1};
    json_name(w, name);
    json_open(w, '{');
    for (int i = 0; i < 3; i++) {
        json_name(w, names[i]);
        if (each[i] < 0)
            json_put_null(w);
        else
            json_put_f64(w, each[i]);
    }
    json_close(w, '}');
}

static void put_count(struct json_writer *w, const char *name, const struct count *count) {
    json_name(w, name);
    json_open(w, '{');
    json_member_u64(w, "labels", count->gold);
    json_member_u64(w, "found", count->found);
    put_rates(w, "exact", rates_exact(count));
    put_rates(w, "overlap", rates_overlap(count));
    json_close(w, '}');
}

static enum sk_code print_json(const struct work *work) {
    struct buf out = {0};
    TRY(buf_open(&out, 1 << 24));
    struct json_writer w = json_writer_to(&out);
    struct detector_set numbers = identifiers(), all = {(UINT64_C(1) << DETECTOR_COUNT) - 1};
    struct count sum = score_sum(&work->score, &numbers), total = score_sum(&work->score, &all);
    json_open(&w, '{');
    json_member_u64(&w, "texts", work->score.texts);
    json_member_u64(&w, "bytes", work->score.bytes);
    json_name(&w, "classes");
    json_open(&w, '{');
    for (unsigned i = 0; i < DETECTOR_COUNT; i++)
        if (work->score.counts[i].gold || work->score.counts[i].found)
            put_count(&w, detector_name((enum detector)i), &work->score.counts[i]);
    json_close(&w, '}');
    put_count(&w, "numbers_and_codes", &sum);
    put_count(&w, "all", &total);
    json_name(&w, "not_measured");
    json_open(&w, '[');
    for (unsigned i = 0; i < DETECTOR_COUNT; i++)
        if (detector_in(&work->unmeasured, (enum detector)i))
            json_put_text(&w, detector_name((enum detector)i));
    json_close(&w, ']');
    json_name(&w, "failures");
    json_open(&w, '[');
    for (uint32_t i = 0; i < work->score.failures_len; i++) {
        const struct failures *is = &work->score.failures[i];
        json_open(&w, '{');
        json_member_text(&w, "kind", failure_name(is->kind));
        json_member_text(&w, "class", detector_name((enum detector)is->detector));
        json_member_string(&w, "detail", is->detail);
        json_member_u64(&w, "count", is->count);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_close(&w, '}');
    buf_put_char(&out, '\n');
    enum sk_code code = buf_check(&out, "the results");
    if (code == SK_OK) fwrite(out.at, 1, out.len, stdout);
    buf_close(&out);
    return code;
}

// ---- measuring ----

static enum sk_code measure(struct work *work, const struct corpus *corpus) {
    struct detector_set labels = {corpus->labels.bits & work->only.bits};
    struct detector_set measured = {labels.bits & work->detectors.working.bits};
    struct detector_set wanted = measured;
    work->unmeasured.bits |= labels.bits & ~measured.bits;
    if (corpus->phones_alike) wanted.bits |= UINT64_C(1) << DETECTOR_PHONE;
    wanted.bits &= work->detectors.working.bits;
    for (uint32_t i = 0; i < corpus->len; i++) {
        struct scan scan;
        arena_reset(&work->scan);
        TRY(cli_detect(&work->detectors, &wanted, corpus->texts[i].text, &work->scan, &scan));
        score_text(&work->score, corpus, &corpus->texts[i], scan.findings, scan.findings_len,
                   &measured);
    }
    return SK_OK;
}

static enum sk_code measure_file(struct work *work, const char *path) {
    struct buf file = {0};
    struct corpus corpus;
    TRY(buf_open(&file, FILE_MAX)); // labels' forms stay in it to the end
    enum sk_code code = cli_read(path, &file);
    if (code == SK_OK) code = corpus_read(&file, &work->arena, &corpus);
    if (code == SK_OK) code = measure(work, &corpus);
    return code == SK_OK ? code : fail_within(code, "%s", path);
}

static enum sk_code only_take(const char *names, struct detector_set *out) {
    struct view rest = view_of(names);
    while (rest.len) {
        const char *comma = memchr(rest.at, ',', rest.len);
        struct view name = {rest.at, comma ? (size_t)(comma - rest.at) : rest.len};
        if (!detector_set_add(out, name))
            return FAIL(SK_INPUT, "no detector is called '%.*s'", (int)name.len, name.at);
        rest = view_from(rest, name.len + 1);
    }
    return SK_OK;
}

static enum sk_code run(struct work *work, const struct words *words, char **files, int len) {
    if (words->only)
        TRY(only_take(words->only, &work->only));
    else
        work->only.bits = UINT64_MAX;
    TRY(arena_open(&work->arena, "labelled texts", ARENA_MAX));
    TRY(arena_open(&work->scan, "scan", SCAN_ARENA));
    TRY(cli_detectors_open(words->detectors, NULL, &work->detectors));
    if (work->failures && !words->json) work->score.tell = tell, work->score.told = work;
    for (int i = 0; i < len; i++)
        TRY(measure_file(work, files[i]));
    if (words->json) return print_json(work);
    print_tables(work);
    return SK_OK;
}

int cmd_border_eval(int argc, char **argv) {
    struct words words = {0};
    static struct work work;
    const struct cli_option options[] = {{"--only", &words.only, NULL},
                                         {"--failures", &words.failures, NULL},
                                         {"--detectors", &words.detectors, NULL},
                                         {"--json", NULL, &words.json},
                                         {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (words.failures && !cli_number(words.failures, 0, 1000000, &work.failures))
        return cli_usage(usage, "--failures: a number");
    if (rest == 0) return cli_usage(usage, "which FILE?");
    enum sk_code code = run(&work, &words, argv + 1, rest);
    cli_detectors_close(&work.detectors);
    arena_close(&work.scan);
    arena_close(&work.arena);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
