// Reports for programs. The members are documented in docs/verify.md, and stay.
#include "lib/lib.h"

const char *const report_states[] = {"not_proven", "proven", "refuted"};
const char *const report_verdicts[] = {"verified", "failed", "rejected", "quorum_missing"};

static void put_checkpoint(const struct report *report, struct json_writer *w) {
    const struct trust_facts *facts = &report->facts;
    json_name(w, "checkpoint");
    if (!facts->log) {
        json_put_null(w);
        return;
    }
    json_open(w, '{');
    json_member_string(w, "origin", facts->checkpoint.origin);
    json_member_u64(w, "size", facts->checkpoint.size);
    json_member_base64(w, "root", facts->checkpoint.root.at, HASH_LEN);
    json_name(w, "witnesses");
    json_open(w, '[');
    for (uint32_t i = 0; i < report->trust->witnesses_len; i++) {
        if (!facts->cosigned_s[i]) continue;
        json_open(w, '{');
        json_member_string(w, "name", report->trust->witnesses[i].name);
        json_member_u64(w, "time_s", facts->cosigned_s[i]);
        json_close(w, '}');
    }
    json_close(w, ']');
    json_name(w, "quorum");
    if (report->trust->quorum == TRUST_NONE) json_put_null(w);
    else json_put_bool(w, facts->quorum);
    json_close(w, '}');
}

static void put_leaf(const struct report *report, struct json_writer *w, const char *name,
                     struct view text) {
    const struct json_node *leaf;
    char *copy = arena_text(report->arena, text);
    json_name(w, name);
    if (text.len && copy && json_parse(copy, text.len, report->arena, &leaf) == SK_OK)
        json_put_node(w, leaf);
    else
        json_put_null(w);
}

static void put_receipt(const struct report *report, struct json_writer *w) {
    const struct receipt_facts *facts = &report->receipt;
    json_name(w, "stated");
    json_open(w, '{');
    json_member_u64(w, "open_index", facts->open_index);
    put_leaf(report, w, "open", facts->open_leaf);
    json_name(w, "close_index");
    if (facts->close_leaf.len) json_put_u64(w, facts->close_index);
    else json_put_null(w);
    put_leaf(report, w, "close", facts->close_leaf);
    json_close(w, '}');
}

static void put_differs(const struct whole_facts *facts, struct json_writer *w) {
    static const char *const kinds[] = {NULL, "checkpoint", "seen", "tile", "entry"};
    char path[TILE_NAME_MAX];
    struct buf name = buf_over(path, sizeof path);
    json_name(w, "differs");
    if (facts->differs == WHOLE_NONE) {
        json_put_null(w);
        return;
    }
    json_open(w, '{');
    json_member_text(w, "kind", kinds[facts->differs]);
    if (facts->differs == WHOLE_SEEN) json_member_u64(w, "seen", facts->seen_at + 1);
    if (facts->differs >= WHOLE_TILE) {
        tile_name_put(&facts->tile, &name);
        json_member_string(w, "piece", buf_view(&name));
        json_member_u64(w, "byte", facts->byte);
        json_member_u64(w, "entry", facts->entry);
    }
    json_close(w, '}');
}

static void put_log(const struct report *report, struct json_writer *w) {
    const struct whole_facts *whole = &report->whole;
    const struct dense_facts *dense = &report->dense;
    json_name(w, "log");
    json_open(w, '{');
    json_member_u64(w, "entries", whole->entries);
    json_member_u64(w, "tiles", whole->tiles);
    json_member_u64(w, "bytes", whole->bytes);
    json_member_u64(w, "seen", whole->seen);
    json_member_u64(w, "newer", report->newer);
    put_differs(whole, w);
    json_member_u64(w, "decisions", dense->opens);
    json_member_u64(w, "outcomes", dense->closes);
    json_member_u64(w, "under_way", dense->unclosed);
    json_member_u64(w, "others", dense->others);
    json_member_u64(w, "strange", dense->strange);
    json_member_bool(w, "successor", dense->successor);
    json_member_u64(w, "faults", dense->faults);
    json_name(w, "fault_texts");
    json_open(w, '[');
    for (size_t i = 0; i < dense->faults && i < DENSE_FAULTS_MAX; i++)
        json_put_text(w, dense->texts[i]);
    json_close(w, ']');
    json_name(w, "keys");
    json_open(w, '[');
    for (size_t i = 0; i < dense->keys_len; i++) {
        json_open(w, '{');
        json_member_text(w, "key", dense->keys[i].id);
        json_member_u64(w, "first", dense->keys[i].first);
        json_member_u64(w, "last", dense->keys[i].last);
        json_member_u64(w, "decisions", dense->keys[i].decisions);
        json_member_u64(w, "missing", dense->keys[i].missing);
        json_close(w, '}');
    }
    json_close(w, ']');
    json_close(w, '}');
}

void report_row_put(const struct report_row *row, struct json_writer *w) {
    json_open(w, '{');
    json_member_text(w, "id", row->id);
    json_member_text(w, "state", report_states[row->state]);
    json_member_text(w, "text", row->text);
    json_member_text(w, "why", row->why ? row->why : "");
    json_close(w, '}');
}

void report_json(const struct report *report, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "v", "sekisho-verify/1");
    json_member_text(&w, "what", report->what);
    json_member_text(&w, "verdict", report_verdicts[report->verdict]);
    json_member_text(&w, "reason", report->reason);
    json_member_bool(&w, "unclosed", report->unclosed);
    json_name(&w, "sentences");
    json_open(&w, '[');
    for (size_t i = 0; i < report->rows_len; i++) report_row_put(&report->rows[i], &w);
    json_close(&w, ']');
    put_checkpoint(report, &w);
    if (report->receipt.open_leaf.len) put_receipt(report, &w);
    if (strcmp(report->what, "proof") == 0) json_member_u64(&w, "index", report->index);
    if (report->account) put_log(report, &w);
    json_close(&w, '}');
}
