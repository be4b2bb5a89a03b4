// Reports for people: what was proven and what was not, then what was stated.
#include <time.h>

#include "base/text.h"
#include "lib/lib.h"

enum { KEYS_SHOWN = 20 };

static void put_shown(struct view text, struct buf *out) {
    for (size_t i = 0; i < text.len; i++) buf_put_char(out, text_shown(text, i));
}

static void stated(struct buf *out, const char *label, struct view text) {
    buf_print(out, "  %-11s  ", label);
    put_shown(text, out);
    buf_put_char(out, '\n');
}

static void put_time(struct buf *out, uint64_t seconds) {
    time_t at = (time_t)seconds;
    struct tm time;
    char text[40];
    if (gmtime_r(&at, &time) && strftime(text, sizeof text, "%FT%TZ", &time))
        buf_put_text(out, text);
}

// ---- leaves ----

// What each leaf states that a person asks for; the rest is in the file.
static const char *const open_rows[][2] = {
    {"number", "n"},
    {"operation", "operation"},
    {"verdict", "verdict"},
    {"place", "place"},
    {"rule", "rule"},
    {"consent", "consent"},
    {"purpose", "purpose"},
    {"shadow", "shadow_rule"},
    {"isolation", "isolation"},
    {"policy", "policy_sha256"},
    {"model", "model"},
    {"weights", "model_sha256"},
    {"adapter", "adapter_sha256"},
    {"scale", "adapter_scale"},
    {NULL, NULL},
};
static const char *const close_rows[][2] = {
    {"outcome", "outcome"},
    {"rule", "rule"},
    {"peer", "peer"},
    {"peer key", "spki_sha256"},
    {"client", "client"},
    {"tokens in", "prompt_tokens"},
    {"tokens out", "completion_tokens"},
    {"sampler", "sampler"},
    {"arithmetic", "arithmetic"},
    {"cache", "cache_type"},
    {"energy", "energy"},
    {NULL, NULL},
};

// A list of texts on one line; nothing where there is none.
static void put_list(struct buf *out, const struct json_node *leaf, const char *label,
                     const char *name) {
    const struct json_node *list = json_find(leaf, name);
    char storage[1024];
    struct buf line = buf_over(storage, sizeof storage);
    if (!json_is(list, JSON_ARRAY) || list->len == 0) return;
    const struct json_node *one = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, one = json_next(one)) {
        if (!json_is(one, JSON_STRING)) return;
        if (i) buf_put_text(&line, ", ");
        buf_put_view(&line, json_view(one));
    }
    if (!line.over) stated(out, label, buf_view(&line));
}

// When the weights' digest was computed: "now, …" in this run of the node, or "cached since …".
static void put_checked(struct buf *out, const struct json_node *leaf) {
    const struct json_node *how = json_find(leaf, "model_checked");
    int64_t ms;
    if (!json_is(how, JSON_STRING) || !json_i64(json_find(leaf, "model_checked_ms"), &ms)) return;
    buf_print(out, "  %-11s  ", "checked");
    put_shown(json_view(how), out);
    buf_put_text(out, view_is(json_view(how), "now") ? ", " : " since ");
    put_time(out, ms < 0 ? 0 : (uint64_t)ms / 1000);
    buf_put_char(out, '\n');
}

static void put_leaf(struct buf *out, struct view text, const char *const rows[][2],
                     struct arena *arena) {
    const struct json_node *leaf;
    char *copy = arena_text(arena, text);
    if (text.len == 0 || !copy || json_parse(copy, text.len, arena, &leaf) != SK_OK) return;
    for (size_t i = 0; rows[i][0]; i++) {
        const struct json_node *node = json_find(leaf, rows[i][1]);
        if (json_is(node, JSON_STRING) || json_is(node, JSON_NUMBER))
            stated(out, rows[i][0], json_view(node));
    }
    put_list(out, leaf, "label", "label");
    put_list(out, leaf, "classes", "classes");
    put_list(out, leaf, "answer has", "answer_classes");
    put_checked(out, leaf);
}

static void put_receipt(const struct report *report, struct buf *out) {
    const struct receipt_facts *facts = &report->receipt;
    stated(out, "node", view_of(facts->origin));
    buf_print(out, "  %-11s  %llu and %llu of %llu\n", "entries",
              (unsigned long long)facts->open_index, (unsigned long long)facts->close_index,
              (unsigned long long)facts->tree_size);
    put_leaf(out, facts->open_leaf, open_rows, report->arena);
    put_leaf(out, facts->close_leaf, close_rows, report->arena);
}

// ---- logs ----

static void put_number(struct buf *out, const char *label, uint64_t number, const char *of) {
    buf_print(out, "  %-11s  %llu%s\n", label, (unsigned long long)number, of);
}

static void put_log(const struct report *report, struct buf *out) {
    const struct dense_facts *dense = &report->dense;
    if (!report->account) return;
    put_number(out, "decisions", dense->opens, "");
    put_number(out, "outcomes", dense->closes, "");
    if (dense->unclosed) put_number(out, "under way", dense->unclosed, " decisions");
    if (dense->others) put_number(out, "others", dense->others, " entries of other types");
    if (dense->strange) put_number(out, "strange", dense->strange, " entries that are not ours");
    if (dense->successor) stated(out, "goes on", VIEW("the numbers, from another log (restore)"));
    for (size_t i = 0; i < dense->keys_len && i < KEYS_SHOWN; i++) {
        const struct dense_key *key = &dense->keys[i];
        buf_print(out, "  %-11s  ", i ? "" : "keys");
        put_shown(view_of(key->id), out);
        buf_print(out, ": %llu to %llu, %llu missing\n", (unsigned long long)key->first,
                  (unsigned long long)key->last, (unsigned long long)key->missing);
    }
    if (dense->keys_len > KEYS_SHOWN)
        put_number(out, "", dense->keys_len - KEYS_SHOWN, " keys more (--json has all)");
    for (size_t i = 0; i < dense->faults && i < DENSE_FAULTS_MAX; i++)
        stated(out, i ? "" : "faults", view_of(dense->texts[i]));
    if (dense->faults > DENSE_FAULTS_MAX)
        put_number(out, "", dense->faults - DENSE_FAULTS_MAX, " faults more");
}

// ---- the whole ----

static void put_checkpoint(const struct report *report, struct buf *out) {
    const struct trust_facts *facts = &report->facts;
    if (!facts->log) return;
    stated(out, "log", facts->checkpoint.origin);
    put_number(out, "size", facts->checkpoint.size, " entries");
    if (report->newer)
        put_number(out, "newer", report->newer,
                   " entries more that the log signed: too few witnesses saw them, not looked at");
    for (uint32_t i = 0; i < report->trust->witnesses_len; i++) {
        if (!facts->cosigned_s[i]) continue;
        buf_print(out, "  %-11s  ", "witness");
        put_shown(report->trust->witnesses[i].name, out);
        buf_put_text(out, ", ");
        put_time(out, facts->cosigned_s[i]);
        buf_put_char(out, '\n');
    }
}

static void put_row(const struct report_row *row, struct buf *out) {
    static const char *const words[] = {"not proven", "proven", "REFUTED"};
    buf_print(out, "  %-11s  %s\n", words[row->state], row->text);
    if (!row->why) return;
    buf_print(out, "  %-11s  (", "");
    put_shown(view_of(row->why), out);
    buf_put_text(out, ")\n");
}

void report_text(const struct report *report, struct buf *out) {
    static const char *const verdicts[] = {"verified", "failed: ", "rejected: ",
                                           "not enough witnesses: "};
    static const enum report_state order[] = {REPORT_REFUTED, REPORT_PROVEN, REPORT_OPEN};
    buf_put_text(out, "proven or not\n");
    for (size_t i = 0; i < 3; i++)
        for (size_t row = 0; row < report->rows_len; row++)
            if (report->rows[row].state == order[i]) put_row(&report->rows[row], out);
    if (report->facts.log) buf_put_text(out, "the checkpoint\n");
    put_checkpoint(report, out);
    if (report->receipt.open_leaf.len > 0) {
        buf_put_text(out, "what the node stated (the ledger proves that it said so, not that it is "
                          "true)\n");
        put_receipt(report, out);
    }
    if (report->account) buf_put_text(out, "what is in the log\n");
    put_log(report, out);
    buf_put_text(out, verdicts[report->verdict]);
    if (report->verdict != REPORT_VERIFIED) put_shown(view_of(report->reason), out);
    else if (report->unclosed) buf_put_text(out, ", but cut before the request was closed");
    buf_put_char(out, '\n');
}
