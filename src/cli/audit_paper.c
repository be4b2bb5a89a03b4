// What the forms of an audit share, and the plain ones: table and CSV.
#include <errno.h>
#include <unistd.h>

#include "base/day.h"
#include "base/text.h"
#include "cli/audit.h"

enum { FLUSH_AT = 1 << 16 };

void audit_sentences(const struct audit_paper *paper, struct report_row out[AUDIT_SENTENCES]) {
    bool passed = paper->counted && paper->to && paper->facts->after > 0;
    out[0] = (struct report_row){
        "period", "the log goes on after the period",
        passed       ? NULL
        : !paper->to ? "no end of the period was given: more may come"
                     : "it has no decision of a later time: more may come",
        passed ? REPORT_PROVEN : REPORT_OPEN};
    out[1] = (struct report_row){
        "times", "each request was at the time that is stated",
        "it is the node's statement, in the decision's leaf; the order of the leaves is proven",
        REPORT_OPEN};
}

void audit_groups(const struct audit_cell *cell, uint64_t out[AUDIT_GROUPS]) {
    const uint64_t *n = cell->outcomes;
    out[AUDIT_FINISHED] = n[AUDIT_STOP] + n[AUDIT_LENGTH] + n[AUDIT_FILTERED];
    out[AUDIT_WAS_CUT] = n[AUDIT_CUT];
    out[AUDIT_WENT_WRONG] = n[AUDIT_FAILED] + n[AUDIT_LOST] + n[AUDIT_OTHER];
    out[AUDIT_WAS_REFUSED] = n[AUDIT_REFUSED];
    out[AUDIT_OPEN_YET] = n[AUDIT_UNDER_WAY];
}

void audit_time(const struct audit_paper *paper, int64_t ms, struct buf *out) {
    static const int64_t year_10000 = 253402300800000;
    if (ms < DAY_MS || ms >= year_10000 - DAY_MS) { // no clock of a node
        buf_put_i64(out, ms);
        buf_put_text(out, " ms");
        return;
    }
    int64_t local = ms + paper->zone_ms, day = day_of_ms(local), rest = local - day * DAY_MS;
    day_put(out, day);
    buf_print(out, "T%02d:%02d:%02d.%03d%s", (int)(rest / 3600000), (int)(rest / 60000 % 60),
              (int)(rest / 1000 % 60), (int)(rest % 1000), paper->zone ? paper->zone : "Z");
}

void audit_flush(struct audit_paper *paper) {
    if (paper->out.over || paper->out.len < FLUSH_AT) return;
    fwrite(paper->out.at, 1, paper->out.len, paper->to_file);
    buf_reset(&paper->out);
}

enum sk_code audit_rows(struct audit_paper *paper,
                        void (*row)(struct audit_paper *paper, const struct audit_row *row)) {
    enum { BLOCK = 256 };
    static struct audit_row rows[BLOCK];
    for (uint64_t at = 0; at < paper->facts->requests;) {
        uint64_t left = paper->facts->requests - at;
        size_t want = left < BLOCK ? (size_t)left : BLOCK;
        ssize_t n = pread(paper->rows, rows, want * sizeof *rows, (off_t)(at * sizeof *rows));
        if (n != (ssize_t)(want * sizeof *rows))
            return FAIL(SK_IO, "rows: %s", n < 0 ? strerror(errno) : "cut");
        for (size_t i = 0; i < want; i++) {
            row(paper, &rows[i]);
            audit_flush(paper);
        }
        at += want;
    }
    return SK_OK;
}

// ---- table ----

static void put_shown(struct buf *out, const char *text) {
    struct view view = view_of(text[0] ? text : "-");
    for (size_t i = 0; i < view.len; i++) buf_put_char(out, text_shown(view, i));
}

static void put_classes(struct buf *out, const struct audit_cell *cell) {
    for (uint32_t i = 0; i < cell->classes_len; i++) {
        if (i) buf_put_char(out, ',');
        put_shown(out, cell->classes[i]);
    }
    if (cell->classes_len == 0) buf_put_char(out, '-');
}

static void put_decision(struct buf *out, const struct audit_cell *cell) {
    put_classes(out, cell);
    buf_put_text(out, " | ");
    put_shown(out, cell->place);
    buf_put_text(out, " | ");
    put_shown(out, cell->verdict);
    buf_put_text(out, " | ");
    put_shown(out, cell->rule);
}

static void put_row(struct audit_paper *paper, const struct audit_row *row) {
    struct buf *out = &paper->out;
    buf_print(out, "  %llu  ", (unsigned long long)row->open.index);
    audit_time(paper, row->open.time_ms, out);
    buf_put_text(out, "  ");
    put_shown(out, audit_key_id(paper, row->open.key));
    buf_print(out, " %llu  ", (unsigned long long)row->open.number);
    put_decision(out, &paper->facts->cells[row->open.cell]);
    buf_print(out, "  %s%s\n", row->open.left ? "left, " : "",
              audit_outcome_names[row->end.outcome]);
}

static void put_keys(struct audit_paper *paper) {
    const struct dense_facts *dense = &paper->report->dense;
    struct buf *out = &paper->out;
    buf_put_text(out, "numbers of each key: in the whole log, and those counted\n");
    for (size_t i = 0; i < dense->keys_len; i++) {
        const struct dense_key *all = &dense->keys[i];
        const struct audit_key *key = &paper->facts->keys[i];
        buf_put_text(out, "  ");
        put_shown(out, all->id);
        buf_print(out, ": %llu to %llu, %llu missing; ", (unsigned long long)all->first,
                  (unsigned long long)all->last, (unsigned long long)all->missing);
        if (key->requests == 0) buf_put_text(out, "none counted\n");
        else
            buf_print(out, "%llu counted, from %llu to %llu\n", (unsigned long long)key->requests,
                      (unsigned long long)key->first, (unsigned long long)key->last);
        audit_flush(paper);
    }
}

static void put_counts(struct audit_paper *paper) {
    const struct audit_facts *facts = paper->facts;
    struct buf *out = &paper->out;
    buf_put_text(out, "by class and place: requests, left | class | place  (a request of two "
                      "classes stands in two lines)\n");
    for (size_t i = 0; i < paper->classes_len; i++) {
        const struct audit_class *row = &paper->classes[i];
        buf_print(out, "  %10llu %10llu | ", (unsigned long long)row->requests,
                  (unsigned long long)row->left);
        put_shown(out, row->name);
        buf_put_text(out, " | ");
        put_shown(out, row->place);
        buf_put_char(out, '\n');
        audit_flush(paper);
    }
    buf_put_text(out, "by decision: requests, left; finished, cut, failed, refused, under way | "
                      "classes | place | verdict | rule\n");
    for (size_t i = 0; i < facts->cells_len; i++) {
        uint64_t n[AUDIT_GROUPS];
        audit_groups(paper->cells[i], n);
        buf_print(out, "  %10llu %10llu", (unsigned long long)paper->cells[i]->requests,
                  (unsigned long long)paper->cells[i]->left);
        for (size_t j = 0; j < AUDIT_GROUPS; j++)
            buf_print(out, " %8llu", (unsigned long long)n[j]);
        buf_put_text(out, " | ");
        put_decision(out, paper->cells[i]);
        buf_put_char(out, '\n');
        audit_flush(paper);
    }
}

static void put_period(struct audit_paper *paper) {
    const struct audit_facts *facts = paper->facts;
    struct buf *out = &paper->out;
    buf_print(out, "the period\n  from %s to %s, %s: the time is the node's statement\n",
              paper->from ? paper->from : "the first", paper->to ? paper->to : "the last",
              paper->zone ? paper->zone : "UTC");
    buf_print(out, "  %llu requests counted%s; for %llu an envelope was sealed for another place\n",
              (unsigned long long)facts->requests, paper->query->left ? " (only these)" : "",
              (unsigned long long)facts->left);
    if (facts->requests > 0) {
        buf_print(out, "  entries %llu to %llu, ", (unsigned long long)facts->first_index,
                  (unsigned long long)facts->last_index);
        audit_time(paper, facts->first_ms, out);
        buf_put_text(out, " to ");
        audit_time(paper, facts->last_ms, out);
        buf_put_char(out, '\n');
    }
    buf_print(out, "  %llu decisions before it, %llu after\n", (unsigned long long)facts->before,
              (unsigned long long)facts->after);
    if (facts->undated)
        buf_print(out, "  %llu decisions state no time: not counted\n",
                  (unsigned long long)facts->undated);
    if (facts->back)
        buf_print(out, "  %llu decisions state a time before the one in front of them, by up to "
                       "%lld ms\n",
                  (unsigned long long)facts->back, (long long)facts->back_ms);
}

enum sk_code audit_table(struct audit_paper *paper) {
    static const char *const words[] = {"not proven", "proven", "REFUTED"};
    struct report_row rows[AUDIT_SENTENCES];
    if (paper->counted) {
        put_period(paper);
        put_counts(paper);
        put_keys(paper);
        if (paper->rows >= 0) {
            buf_put_text(&paper->out, "each request: entry, time, key and number, classes | place "
                                      "| verdict | rule, outcome\n");
            TRY(audit_rows(paper, put_row));
        }
    }
    audit_sentences(paper, rows);
    buf_put_text(&paper->out, "of the period\n");
    for (size_t i = 0; i < AUDIT_SENTENCES; i++)
        buf_print(&paper->out, "  %-11s  %s%s%s%s\n", words[rows[i].state], rows[i].text,
                  rows[i].why ? " (" : "", rows[i].why ? rows[i].why : "", rows[i].why ? ")" : "");
    report_text(paper->report, &paper->out);
    return SK_OK;
}

// ---- CSV (RFC 4180) ----

static void put_more(struct buf *out, const char *text) {
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '"') buf_put_char(out, '"');
        buf_put_char(out, text[i]);
    }
}

// Quoted, and never a formula of a spreadsheet.
static void field_begin(struct buf *out, const char *text) {
    buf_put_char(out, '"');
    if (text[0] && strchr("=+-@\t\r", text[0])) buf_put_char(out, '\'');
}

static void put_field(struct buf *out, const char *text) {
    field_begin(out, text);
    put_more(out, text);
    buf_put_text(out, "\",");
}

static void put_fields(struct buf *out, const struct audit_cell *cell) {
    field_begin(out, cell->classes_len > 0 ? cell->classes[0] : "");
    for (uint32_t i = 0; i < cell->classes_len; i++) {
        if (i) buf_put_char(out, ' ');
        put_more(out, cell->classes[i]);
    }
    buf_put_text(out, "\",");
    put_field(out, cell->place);
    put_field(out, cell->verdict);
    put_field(out, cell->rule);
}

static void put_csv_row(struct audit_paper *paper, const struct audit_row *row) {
    struct buf *out = &paper->out;
    bool ended = row->end.outcome != AUDIT_UNDER_WAY;
    buf_print(out, "%llu,", (unsigned long long)row->open.index);
    audit_time(paper, row->open.time_ms, out);
    buf_put_char(out, ',');
    put_field(out, audit_key_id(paper, row->open.key));
    buf_print(out, "%llu,", (unsigned long long)row->open.number);
    put_fields(out, &paper->facts->cells[row->open.cell]);
    buf_print(out, "%d,%s,", row->open.left, audit_outcome_names[row->end.outcome]);
    if (ended)
        buf_print(out, "%llu,%llu,%llu\r\n", (unsigned long long)row->end.index,
                  (unsigned long long)row->end.prompt_tokens,
                  (unsigned long long)row->end.completion_tokens);
    else buf_put_text(out, ",,\r\n");
}

enum sk_code audit_csv(struct audit_paper *paper) {
    struct buf *out = &paper->out;
    if (!paper->counted) return SK_OK;
    if (paper->rows >= 0) {
        buf_put_text(out, "entry,time,key,number,classes,place,verdict,rule,left,outcome,"
                          "outcome_entry,prompt_tokens,completion_tokens\r\n");
        return audit_rows(paper, put_csv_row);
    }
    buf_put_text(out, "classes,place,verdict,rule,requests,left");
    for (size_t i = 0; i < AUDIT_OUTCOMES; i++) buf_print(out, ",%s", audit_outcome_names[i]);
    buf_put_text(out, "\r\n");
    for (size_t i = 0; i < paper->facts->cells_len; i++) {
        const struct audit_cell *cell = paper->cells[i];
        put_fields(out, cell);
        buf_print(out, "%llu,%llu", (unsigned long long)cell->requests,
                  (unsigned long long)cell->left);
        for (size_t j = 0; j < AUDIT_OUTCOMES; j++)
            buf_print(out, ",%llu", (unsigned long long)cell->outcomes[j]);
        buf_put_text(out, "\r\n");
        audit_flush(paper);
    }
    return SK_OK;
}

static void put_csv_sentence(struct buf *out, const struct report_row *row) {
    buf_print(out, "%s,%s,", row->id, report_states[row->state]);
    put_field(out, row->text);
    put_field(out, row->why ? row->why : "");
    out->len--; // the last comma
    buf_put_text(out, "\r\n");
}

enum sk_code audit_csv_proof(struct audit_paper *paper) {
    const struct report *report = paper->report;
    struct report_row rows[AUDIT_SENTENCES];
    struct buf *out = &paper->out;
    audit_sentences(paper, rows);
    buf_put_text(out, "id,state,text,why\r\n");
    for (size_t i = 0; i < report->rows_len; i++) put_csv_sentence(out, &report->rows[i]);
    for (size_t i = 0; i < AUDIT_SENTENCES; i++) put_csv_sentence(out, &rows[i]);
    for (size_t i = 0; i < report->dense.faults && i < DENSE_FAULTS_MAX; i++)
        put_csv_sentence(out, &(struct report_row){"fault", report->dense.texts[i], NULL,
                                                   REPORT_REFUTED});
    buf_print(out, "verdict,%s,", report_verdicts[report->verdict]);
    put_field(out, report->reason);
    buf_put_text(out, "\r\n");
    return SK_OK;
}
