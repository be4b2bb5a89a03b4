// Audit: the answer to "every request that left in September, by class and place" on paper: a
// table, JSON, CSV, one HTML page.
//
// Promises: what a leaf says can steer neither a terminal, a browser nor a spreadsheet; the verdict
// stands on every form but the CSV of counts, which has one of its own beside it. Refuses: to count
// anything of a log whose entries are not proven.
#pragma once
#include <stdio.h>

#include "lib/lib.h"

struct audit_row {
    struct audit_open open;
    struct audit_end end; // outcome AUDIT_UNDER_WAY: there is none yet
};

// By class and place: a request of two classes stands in two of them, one of none under "".
struct audit_class {
    const char *name, *place;
    uint64_t requests, left;
};

struct audit_paper {
    const struct report *report;
    const struct audit_query *query;
    const struct audit_facts *facts;
    const char *from, *to, *zone; // as they were asked for; NULL: no bound, UTC
    int64_t zone_ms;
    bool counted;              // the entries are proven: the counts may be shown
    int rows;                  // a file of struct audit_row, facts->requests of them; -1: none
    const struct audit_cell **cells; // of the facts, most requests first
    struct audit_class *classes;     // likewise
    size_t classes_len;
    FILE *to_file;
    struct buf out; // what was written and not yet put into the file
};

// Sentences about the period, beside those of the report.
enum { AUDIT_SENTENCES = 2 };
void audit_sentences(const struct audit_paper *paper, struct report_row out[AUDIT_SENTENCES]);

// audit_paper.c: what forms share.
enum {
    AUDIT_FINISHED, // stop, length, filtered
    AUDIT_WAS_CUT,
    AUDIT_WENT_WRONG, // failed, lost, another word
    AUDIT_WAS_REFUSED,
    AUDIT_OPEN_YET,
    AUDIT_GROUPS,
};
void audit_groups(const struct audit_cell *cell, uint64_t out[AUDIT_GROUPS]);
void audit_time(const struct audit_paper *paper, int64_t ms, struct buf *out);
void audit_flush(struct audit_paper *paper); // when much is there
// Calls `row` for each request in the order of the log.
enum sk_code audit_rows(struct audit_paper *paper,
                        void (*row)(struct audit_paper *paper, const struct audit_row *row));
static inline const char *audit_key_id(const struct audit_paper *paper, uint32_t key) {
    return paper->report->dense.keys[key].id;
}

enum sk_code audit_table(struct audit_paper *paper);
enum sk_code audit_json(struct audit_paper *paper);
enum sk_code audit_csv(struct audit_paper *paper);
enum sk_code audit_csv_proof(struct audit_paper *paper);
enum sk_code audit_html(struct audit_paper *paper);
