// An audit as JSON: docs/audit.md.
#include "base/text.h"
#include "cli/audit.h"

static struct json_writer writer; // of the one object

static void put_time(struct audit_paper *paper, const char *name, int64_t ms) {
    char text[64];
    struct buf out = buf_over(text, sizeof text);
    audit_time(paper, ms, &out);
    json_member_string(&writer, name, buf_view(&out));
}

static void put_maybe(const char *name, const char *text) {
    json_name(&writer, name);
    if (text) json_put_text(&writer, text);
    else json_put_null(&writer);
}

static void put_period(struct audit_paper *paper) {
    const struct audit_facts *facts = paper->facts;
    struct json_writer *w = &writer;
    json_name(w, "period");
    json_open(w, '{');
    put_maybe("from", paper->from);
    put_maybe("to", paper->to);
    json_member_text(w, "zone", paper->zone ? paper->zone : "Z");
    json_member_bool(w, "only_left", paper->query->left);
    if (paper->counted) {
        json_member_u64(w, "requests", facts->requests);
        json_member_u64(w, "left", facts->left);
        json_member_u64(w, "before", facts->before);
        json_member_u64(w, "after", facts->after);
        json_member_u64(w, "undated", facts->undated);
        json_member_u64(w, "back", facts->back);
        json_member_i64(w, "back_ms", facts->back_ms);
    }
    if (paper->counted && facts->requests > 0) {
        json_member_u64(w, "first_entry", facts->first_index);
        json_member_u64(w, "last_entry", facts->last_index);
        put_time(paper, "first_time", facts->first_ms);
        put_time(paper, "last_time", facts->last_ms);
    }
    json_close(w, '}');
}

static void put_classes(const struct audit_cell *cell) {
    struct json_writer *w = &writer;
    json_name(w, "classes");
    json_open(w, '[');
    for (uint32_t i = 0; i < cell->classes_len; i++) json_put_text(w, cell->classes[i]);
    json_close(w, ']');
    json_member_text(w, "place", cell->place);
    json_member_text(w, "verdict", cell->verdict);
    json_member_text(w, "rule", cell->rule);
}

static void put_counts(struct audit_paper *paper) {
    struct json_writer *w = &writer;
    json_name(w, "classes");
    json_open(w, '[');
    for (size_t i = 0; i < paper->classes_len; i++) {
        json_open(w, '{');
        json_member_text(w, "class", paper->classes[i].name);
        json_member_text(w, "place", paper->classes[i].place);
        json_member_u64(w, "requests", paper->classes[i].requests);
        json_member_u64(w, "left", paper->classes[i].left);
        json_close(w, '}');
        audit_flush(paper);
    }
    json_close(w, ']');
    json_name(w, "decisions");
    json_open(w, '[');
    for (size_t i = 0; i < paper->facts->cells_len; i++) {
        const struct audit_cell *cell = paper->cells[i];
        json_open(w, '{');
        put_classes(cell);
        json_member_u64(w, "requests", cell->requests);
        json_member_u64(w, "left", cell->left);
        for (size_t j = 0; j < AUDIT_OUTCOMES; j++)
            if (cell->outcomes[j]) json_member_u64(w, audit_outcome_names[j], cell->outcomes[j]);
        json_close(w, '}');
        audit_flush(paper);
    }
    json_close(w, ']');
}

static void put_keys(struct audit_paper *paper) {
    struct json_writer *w = &writer;
    json_name(w, "keys");
    json_open(w, '[');
    for (size_t i = 0; i < paper->report->dense.keys_len; i++) {
        const struct audit_key *key = &paper->facts->keys[i];
        json_open(w, '{');
        json_member_text(w, "key", audit_key_id(paper, (uint32_t)i));
        json_member_u64(w, "requests", key->requests);
        if (key->requests > 0) {
            json_member_u64(w, "first", key->first);
            json_member_u64(w, "last", key->last);
        }
        json_close(w, '}');
        audit_flush(paper);
    }
    json_close(w, ']');
}

static void put_row(struct audit_paper *paper, const struct audit_row *row) {
    struct json_writer *w = &writer;
    json_open(w, '{');
    json_member_u64(w, "entry", row->open.index);
    put_time(paper, "time", row->open.time_ms);
    json_member_text(w, "key", audit_key_id(paper, row->open.key));
    json_member_u64(w, "n", row->open.number);
    put_classes(&paper->facts->cells[row->open.cell]);
    json_member_bool(w, "left", row->open.left);
    json_member_text(w, "outcome", audit_outcome_names[row->end.outcome]);
    if (row->end.outcome != AUDIT_UNDER_WAY) {
        json_member_u64(w, "outcome_entry", row->end.index);
        json_member_u64(w, "prompt_tokens", row->end.prompt_tokens);
        json_member_u64(w, "completion_tokens", row->end.completion_tokens);
    }
    json_close(w, '}');
}

static void put_sentences(const struct audit_paper *paper) {
    struct report_row rows[AUDIT_SENTENCES];
    struct json_writer *w = &writer;
    audit_sentences(paper, rows);
    json_name(w, "sentences");
    json_open(w, '[');
    for (size_t i = 0; i < AUDIT_SENTENCES; i++) report_row_put(&rows[i], w);
    json_close(w, ']');
}

enum sk_code audit_json(struct audit_paper *paper) {
    struct json_writer *w = &writer;
    *w = json_writer_to(&paper->out);
    json_open(w, '{');
    json_member_text(w, "v", "sekisho-audit/1");
    put_period(paper);
    if (paper->counted) {
        put_counts(paper);
        put_keys(paper);
    }
    if (paper->counted && paper->rows >= 0) {
        json_name(w, "requests");
        json_open(w, '[');
        TRY(audit_rows(paper, put_row));
        json_close(w, ']');
    }
    put_sentences(paper);
    struct buf report;
    TRY(buf_open(&report, REPORT_TEXT_MAX));
    report_json(paper->report, &report);
    enum sk_code code = buf_check(&report, "report");
    json_name(w, "log");
    json_put_raw(w, buf_view(&report));
    buf_close(&report);
    TRY(code);
    json_close(w, '}');
    buf_put_char(&paper->out, '\n');
    return SK_OK;
}
