// An audit as one HTML page to print: no script, nothing loaded, English and Japanese.
#include "base/text.h"
#include "cli/audit.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Audit 監査</title>\n<style>\n"
    "body { font: 10.5pt/1.45 system-ui, \"Noto Sans CJK JP\", \"IPAGothic\", sans-serif;\n"
    "  color: #1b1b1b; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }\n"
    "h1 { font-size: 1.6rem; margin: 0 0 .3rem; }\n"
    "h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }\n"
    "span[lang] { color: #5a5a5a; font-weight: normal; font-size: .9em; margin-left: .4em; }\n"
    "p { margin: .3rem 0; } p span[lang], td.s span[lang] { display: block; margin: 0; }\n"
    ".verdict { border-left: .4rem solid #1a7f37; background: #eef7f0; padding: .6rem .8rem;\n"
    "  margin: 1rem 0; font-weight: 600; } .verdict.bad { border-color: #b42318;\n"
    "  background: #fdf0ee; } .verdict p { font-weight: normal; overflow-wrap: anywhere; }\n"
    "table { border-collapse: collapse; width: 100%; font-size: .92em; }\n"
    "th, td { border-bottom: 1px solid #d8d8d8; padding: .22rem .5rem; text-align: left;\n"
    "  vertical-align: top; overflow-wrap: anywhere; }\n"
    "th { border-bottom: 1.5px solid #1b1b1b; font-weight: 600; }\n"
    "th span[lang] { display: block; margin: 0; }\n"
    ".n { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal;\n"
    "  white-space: nowrap; } code { font-size: .9em; overflow-wrap: anywhere; }\n"
    ".proven { color: #1a7f37; } .refuted { color: #b42318; font-weight: 600; }\n"
    ".open { color: #6b5900; } td.state { white-space: nowrap; }\n"
    "dl { display: grid; grid-template-columns: 20rem 1fr; margin: 0; }\n"
    "dt, dd { margin: 0; padding: .16rem 0; border-bottom: 1px solid #e6e6e6; }\n"
    "dt span[lang] { display: inline-block; }\n"
    "thead { display: table-header-group; } tr { break-inside: avoid; }\n"
    "@page { size: A4; margin: 14mm; }\n"
    "@media print { body { margin: 0; max-width: none; padding: 0; font-size: 9pt; }\n"
    "  h2 { break-after: avoid; } .verdict { print-color-adjust: exact; } }\n</style>\n";

// ---- pieces ----

static void put_text(struct buf *out, struct view text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text_shown(text, i);
        if (c == '&') buf_put_text(out, "&amp;");
        else if (c == '<') buf_put_text(out, "&lt;");
        else if (c == '>') buf_put_text(out, "&gt;");
        else if (c == '"') buf_put_text(out, "&quot;");
        else buf_put_char(out, c);
    }
}

static void put_both(struct buf *out, const char *en, const char *ja) {
    buf_print(out, "%s<span lang=\"ja\">%s</span>", en, ja);
}

static void put_heading(struct buf *out, const char *en, const char *ja) {
    buf_put_text(out, "<h2>");
    put_both(out, en, ja);
    buf_put_text(out, "</h2>\n");
}

struct column {
    const char *en, *ja;
    bool number;
};

static void table_open(struct buf *out, const struct column *columns, size_t len) {
    buf_put_text(out, "<table><thead><tr>");
    for (size_t i = 0; i < len; i++) {
        buf_put_text(out, columns[i].number ? "<th class=\"n\">" : "<th>");
        put_both(out, columns[i].en, columns[i].ja);
        buf_put_text(out, "</th>");
    }
    buf_put_text(out, "</tr></thead><tbody>\n");
}

static void table_close(struct buf *out) { buf_put_text(out, "</tbody></table>\n"); }

static void put_cell(struct buf *out, const char *text) {
    buf_put_text(out, "<td>");
    if (text[0]) put_text(out, view_of(text));
    else buf_put_text(out, "–");
    buf_put_text(out, "</td>");
}

static void put_number(struct buf *out, uint64_t number) {
    buf_print(out, "<td class=\"n\">%llu</td>", (unsigned long long)number);
}

static void put_decision(struct buf *out, const struct audit_cell *cell) {
    buf_put_text(out, "<td>");
    for (uint32_t i = 0; i < cell->classes_len; i++) {
        if (i) buf_put_text(out, ", ");
        put_text(out, view_of(cell->classes[i]));
    }
    buf_put_text(out, cell->classes_len ? "</td>" : "–</td>");
    put_cell(out, cell->place);
    put_cell(out, cell->verdict);
    put_cell(out, cell->rule);
}

static void term_open(struct buf *out, const char *en, const char *ja) {
    buf_put_text(out, "<dt>");
    put_both(out, en, ja);
    buf_put_text(out, "</dt><dd>");
}

static void term_number(struct buf *out, const char *en, const char *ja, uint64_t number) {
    term_open(out, en, ja);
    buf_print(out, "%llu</dd>\n", (unsigned long long)number);
}

// ---- the parts ----

static void put_verdict(struct audit_paper *paper) {
    static const char *const words[][2] = {
        {"Verified", "検証できた"},
        {"Could not be read", "読めなかった"},
        {"Rejected", "退けた"},
        {"It holds, but fewer witnesses saw it than the policy asks for",
         "合っているが、見た証人が方針の求める数に足りない"}};
    const struct report *report = paper->report;
    struct buf *out = &paper->out;
    buf_print(out, "<div class=\"verdict%s\">", report->verdict == REPORT_VERIFIED ? "" : " bad");
    put_both(out, words[report->verdict][0], words[report->verdict][1]);
    if (report->reason[0]) {
        buf_put_text(out, "<p>");
        put_text(out, view_of(report->reason));
        buf_put_text(out, "</p>");
    }
    buf_put_text(out, "</div>\n");
    if (paper->counted) return;
    buf_put_text(out, "<p>");
    put_both(out, "Nothing is counted: the entries of this log are not proven.",
             "この台帳の項目は証明されていないので、何も数えません。");
    buf_put_text(out, "</p>\n");
}

static void put_faults(struct audit_paper *paper) {
    const struct dense_facts *dense = &paper->report->dense;
    struct buf *out = &paper->out;
    if (dense->faults == 0) return;
    put_heading(out, "What is missing or must not be", "欠けているもの、あってはならないもの");
    buf_put_text(out, "<ul>\n");
    for (size_t i = 0; i < dense->faults && i < DENSE_FAULTS_MAX; i++) {
        buf_put_text(out, "<li>");
        put_text(out, view_of(dense->texts[i]));
        buf_put_text(out, "</li>\n");
    }
    buf_put_text(out, "</ul>\n");
    buf_put_text(out, "<p>");
    put_both(out,
             "A number that is missing is a request of that key whose entry is not in this log: it "
             "was taken out and the log signed again, or it was never written; whoever asked may "
             "have the receipt. A number that stands twice, or an outcome without its decision, "
             "was not written by a node that works as it should.",
             "欠けている番号は、その鍵の要求のうち、この台帳に項目がないものです。抜かれてから台帳が署名し直されたか、書かれなかったかです。"
             "要求した人は受領証を持っているかもしれません。二度ある番号や、判断のない結果は、正しく動くノードの書くものではありません。");
    buf_put_text(out, "</p>\n");
    if (dense->faults > DENSE_FAULTS_MAX)
        buf_print(out, "<p>and %llu more</p>\n",
                  (unsigned long long)(dense->faults - DENSE_FAULTS_MAX));
}

static void put_span(struct audit_paper *paper) {
    const struct audit_facts *facts = paper->facts;
    struct buf *out = &paper->out;
    if (facts->requests == 0) return;
    term_open(out, "Entries", "項目");
    buf_print(out, "%llu – %llu</dd>\n", (unsigned long long)facts->first_index,
              (unsigned long long)facts->last_index);
    term_open(out, "Times stated", "述べられた時刻");
    audit_time(paper, facts->first_ms, out);
    buf_put_text(out, " – ");
    audit_time(paper, facts->last_ms, out);
    buf_put_text(out, "</dd>\n");
}

static void put_period(struct audit_paper *paper) {
    const struct audit_facts *facts = paper->facts;
    struct buf *out = &paper->out;
    put_heading(out, "The period", "期間");
    buf_put_text(out, "<dl>\n");
    term_open(out, "Days", "日");
    buf_print(out, "%s – %s (%s)</dd>\n", paper->from ? paper->from : "…",
              paper->to ? paper->to : "…", paper->zone ? paper->zone : "UTC");
    if (paper->counted) {
        term_number(out, paper->query->left ? "Requests (only those that left)" : "Requests",
                    paper->query->left ? "要求 (外へ出たものだけ)" : "要求", facts->requests);
        term_number(out, "Left: sealed for another place", "外へ: ほかの場所あてに封をした",
                    facts->left);
        put_span(paper);
        term_number(out, "Decisions before", "期間より前の判断", facts->before);
        term_number(out, "Decisions after", "期間より後の判断", facts->after);
        if (facts->undated)
            term_number(out, "Decisions without a time", "時刻のない判断", facts->undated);
        if (facts->back)
            term_number(out, "Times that go back", "前の判断より早い時刻", facts->back);
    }
    buf_put_text(out, "</dl>\n");
}

static void put_classes(struct audit_paper *paper) {
    static const struct column columns[] = {{"Class", "分類", false},
                                            {"Place", "場所", false},
                                            {"Requests", "要求", true},
                                            {"Left", "外へ", true}};
    struct buf *out = &paper->out;
    put_heading(out, "By class and place", "分類と場所ごと");
    table_open(out, columns, 4);
    for (size_t i = 0; i < paper->classes_len; i++) {
        const struct audit_class *row = &paper->classes[i];
        buf_put_text(out, "<tr>");
        put_cell(out, row->name);
        put_cell(out, row->place);
        put_number(out, row->requests);
        put_number(out, row->left);
        buf_put_text(out, "</tr>\n");
        audit_flush(paper);
    }
    table_close(out);
    buf_put_text(out, "<p>");
    put_both(out, "A request of two classes stands in two lines; – is one of none.",
             "二つの分類の要求は二行に現れます。– は分類のない要求です。");
    buf_put_text(out, "</p>\n");
}

static void put_decisions(struct audit_paper *paper) {
    static const struct column columns[] = {
        {"Classes", "分類", false}, {"Place", "場所", false},  {"Verdict", "判定", false},
        {"Rule", "規則", false},    {"Requests", "要求", true}, {"Left", "外へ", true},
        {"Finished", "完了", true}, {"Cut", "中断", true},     {"Failed", "失敗", true},
        {"Refused", "拒否", true},  {"Under way", "進行中", true}};
    struct buf *out = &paper->out;
    put_heading(out, "By decision", "判断ごと");
    table_open(out, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < paper->facts->cells_len; i++) {
        uint64_t groups[AUDIT_GROUPS];
        audit_groups(paper->cells[i], groups);
        buf_put_text(out, "<tr>");
        put_decision(out, paper->cells[i]);
        put_number(out, paper->cells[i]->requests);
        put_number(out, paper->cells[i]->left);
        for (size_t j = 0; j < AUDIT_GROUPS; j++) put_number(out, groups[j]);
        buf_put_text(out, "</tr>\n");
        audit_flush(paper);
    }
    table_close(out);
}

static void put_keys(struct audit_paper *paper) {
    static const struct column columns[] = {
        {"Key", "鍵", false},        {"First", "最初", true},        {"Last", "最後", true},
        {"Missing", "欠番", true},   {"In the period", "期間内", true},
        {"From number", "番号から", true}, {"To number", "番号まで", true}};
    const struct dense_facts *dense = &paper->report->dense;
    struct buf *out = &paper->out;
    put_heading(out, "Numbers of each key, in the whole log", "鍵ごとの番号 (台帳の全体)");
    table_open(out, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < dense->keys_len; i++) {
        const struct audit_key *key = &paper->facts->keys[i];
        buf_put_text(out, "<tr>");
        put_cell(out, dense->keys[i].id);
        put_number(out, dense->keys[i].first);
        put_number(out, dense->keys[i].last);
        buf_print(out, "<td class=\"n%s\">%llu</td>", dense->keys[i].missing ? " refuted" : "",
                  (unsigned long long)dense->keys[i].missing);
        put_number(out, key->requests);
        if (key->requests) {
            put_number(out, key->first);
            put_number(out, key->last);
        } else {
            buf_put_text(out, "<td class=\"n\">–</td><td class=\"n\">–</td>");
        }
        buf_put_text(out, "</tr>\n");
        audit_flush(paper);
    }
    table_close(out);
}

static void put_row(struct audit_paper *paper, const struct audit_row *row) {
    struct buf *out = &paper->out;
    buf_put_text(out, "<tr>");
    put_number(out, row->open.index);
    buf_put_text(out, "<td>");
    audit_time(paper, row->open.time_ms, out);
    buf_put_text(out, "</td>");
    put_cell(out, audit_key_id(paper, row->open.key));
    put_number(out, row->open.number);
    put_decision(out, &paper->facts->cells[row->open.cell]);
    buf_put_text(out, row->open.left ? "<td>✓</td>" : "<td>–</td>");
    put_cell(out, audit_outcome_names[row->end.outcome]);
    buf_put_text(out, "</tr>\n");
}

static enum sk_code put_rows(struct audit_paper *paper) {
    static const struct column columns[] = {
        {"Entry", "項目", true},    {"Time stated", "時刻", false}, {"Key", "鍵", false},
        {"Number", "番号", true},   {"Classes", "分類", false},     {"Place", "場所", false},
        {"Verdict", "判定", false}, {"Rule", "規則", false},        {"Left", "外へ", false},
        {"Outcome", "結果", false}};
    put_heading(&paper->out, "Each request", "要求の一覧");
    table_open(&paper->out, columns, sizeof columns / sizeof *columns);
    TRY(audit_rows(paper, put_row));
    table_close(&paper->out);
    return SK_OK;
}

// ---- what is proven ----

static const char *japanese(const char *id) {
    static const char *const texts[][2] = {
        {"signature", "台帳がこのチェックポイントに署名した"},
        {"witnessed", "方針が求める数の証人がこのチェックポイントを見た"},
        {"entries", "すべての項目があり、チェックポイントに至る"},
        {"tiles", "すべてのハッシュのタイルが、その下のもののハッシュである"},
        {"seen", "以前に見たチェックポイントが、どれもこの台帳の初めの部分のものである"},
        {"dense", "鍵ごとの番号に欠けがなく、結果にはその判断がある"},
        {"closed", "判断にはその結果がある"},
        {"period", "台帳は期間の後も続いている"},
        {"times", "要求は述べられた時刻のものである"},
        {"complete", "省かれたものがない"},
        {"true", "ノードの述べたことが真実である。このモデルが実際に動いたことも含む"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(id, texts[i][0]) == 0) return texts[i][1];
    return "";
}

static const char *japanese_why(const char *why) {
    static const char *const texts[][2] = {
        {"it was not reached", "そこまで至らなかった"},
        {"no witness saw it, and none was asked for", "見た証人はなく、求められてもいない"},
        {"the log was not read to its end", "台帳は終わりまで読まれなかった"},
        {"none was given", "渡されていない"},
        {"the log was not proven", "台帳が証明されなかった"},
        {"no decision is in this log", "この台帳に判断がない"},
        {"some are still under way", "まだ進行中のものがある"},
        {"what was never written cannot be missed; numbers and witnesses bound it",
         "書かれなかったものの欠けは見えない。番号と証人がその範囲を限る"},
        {"a ledger shows what was stated, and that it was not changed since",
         "台帳が示すのは、何が述べられたかと、その後に変えられていないことだけである"},
        {"no end of the period was given: more may come", "期間の終わりの指定がない。まだ増えうる"},
        {"it has no decision of a later time: more may come", "期間より後の判断がない。まだ増えうる"},
        {"it is the node's statement, in the decision's leaf; the order of the leaves is proven",
         "ノードが判断の項目で述べたものである。項目の順序は証明されている"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(why, texts[i][0]) == 0) return texts[i][1];
    return "";
}

static void put_sentence(struct buf *out, const struct report_row *row) {
    static const char *const states[][3] = {{"open", "not proven", "未証明"},
                                            {"proven", "proven", "証明"},
                                            {"refuted", "REFUTED", "反証"}};
    const char *const *state = states[row->state];
    buf_print(out, "<tr><td class=\"state %s\">", state[0]);
    put_both(out, state[1], state[2]);
    buf_put_text(out, "</td><td class=\"s\">");
    put_both(out, row->text, japanese(row->id));
    buf_put_text(out, "</td><td class=\"s\">");
    if (row->why) {
        put_text(out, view_of(row->why));
        buf_print(out, "<span lang=\"ja\">%s</span>", japanese_why(row->why));
    }
    buf_put_text(out, "</td></tr>\n");
}

static void put_proof(struct audit_paper *paper) {
    static const struct column columns[] = {
        {"", "", false}, {"Sentence", "文", false}, {"Why not", "理由", false}};
    const struct report *report = paper->report;
    struct report_row rows[AUDIT_SENTENCES];
    struct buf *out = &paper->out;
    audit_sentences(paper, rows);
    put_heading(out, "What is proven, and what is not", "証明できること、できないこと");
    table_open(out, columns, 3);
    for (size_t i = 0; i < report->rows_len; i++) put_sentence(out, &report->rows[i]);
    for (size_t i = 0; i < AUDIT_SENTENCES; i++) put_sentence(out, &rows[i]);
    table_close(out);
    buf_put_text(out, "<p>");
    put_both(out,
             "Where it is proven that numbers have no gap, no request up to the last number of a "
             "key is missing, in this period or another; requests of a key after its last number "
             "are not covered, nor what was never written. Left means that the exact bytes were "
             "sealed for another place: every request that left is among them; a few may not have "
             "been sent.",
             "番号に欠けがないことが証明されていれば、鍵の最後の番号までの要求は、この期間にもほかの期間にも欠けていません。"
             "鍵の最後の番号より後の要求と、書かれなかったものは含みません。「外へ」は、ほかの場所あてに封をしたことを表します。"
             "外へ出た要求はすべてこの中にあり、送られなかったものも含まれることがあります。");
    buf_put_text(out, "</p>\n");
}

static void put_checkpoint(struct audit_paper *paper) {
    const struct report *report = paper->report;
    const struct trust_facts *facts = &report->facts;
    struct buf *out = &paper->out;
    char text[64];
    struct buf root = buf_over(text, sizeof text);
    if (!facts->log) return;
    put_heading(out, "The checkpoint", "チェックポイント");
    buf_put_text(out, "<dl>\n");
    term_open(out, "Log", "台帳");
    put_text(out, facts->checkpoint.origin);
    buf_put_text(out, "</dd>\n");
    term_number(out, "Entries", "項目", facts->checkpoint.size);
    if (report->newer)
        term_number(out, "Newer entries, which too few witnesses saw: not counted",
                    "見た証人が足りず、数えていない後の項目", report->newer);
    if (report->whole.seen)
        term_number(out, "Checkpoints kept before that hold", "取っておいたチェックポイントで合うもの",
                    report->whole.seen);
    if (report->dense.successor) {
        term_open(out, "Numbers go on from", "番号の続き");
        put_both(out, "another log (its first entry says which)", "ほかの台帳から(最初の項目が示す)");
        buf_put_text(out, "</dd>\n");
    }
    term_open(out, "Root", "根");
    base64_put(&root, facts->checkpoint.root.at, HASH_LEN);
    buf_put_text(out, "<code>");
    buf_put_view(out, buf_view(&root));
    buf_put_text(out, "</code></dd>\n");
    for (uint32_t i = 0; i < report->trust->witnesses_len; i++) {
        if (!facts->cosigned_s[i]) continue;
        term_open(out, "Witness", "証人");
        put_text(out, report->trust->witnesses[i].name);
        buf_put_text(out, ", ");
        audit_time(paper, (int64_t)(facts->cosigned_s[i] % (UINT64_C(1) << 40)) * 1000, out);
        buf_put_text(out, "</dd>\n");
    }
    buf_put_text(out, "</dl>\n");
}

enum sk_code audit_html(struct audit_paper *paper) {
    struct buf *out = &paper->out;
    buf_put_text(out, head);
    buf_put_text(out, "<h1>");
    put_both(out, "Audit of a ledger", "台帳の監査");
    buf_put_text(out, "</h1>\n");
    put_verdict(paper);
    put_faults(paper);
    put_period(paper);
    if (paper->counted) put_classes(paper);
    if (paper->counted) put_decisions(paper);
    put_proof(paper);
    put_checkpoint(paper);
    if (paper->counted) put_keys(paper);
    if (paper->counted && paper->rows >= 0) TRY(put_rows(paper));
    buf_put_text(out, "</html>\n");
    return SK_OK;
}
