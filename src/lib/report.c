// Reports: the facts of a check as sentences.
#include <stdio.h>

#include "base/day.h"
#include "lib/lib.h"

static void row_put(struct report *report, const char *id, const char *text,
                    enum report_state state, const char *why) {
    must(report->rows_len < REPORT_ROWS_MAX);
    if (state != REPORT_OPEN) why = NULL;
    report->rows[report->rows_len++] = (struct report_row){id, text, why, state};
}

static enum report_state state_of(enum receipt_fact fact) {
    return fact == RECEIPT_PROVEN    ? REPORT_PROVEN
           : fact == RECEIPT_REFUTED ? REPORT_REFUTED
                                     : REPORT_OPEN;
}

// What rests on something that is not proven is not proven either.
static enum report_state state_on(enum receipt_fact fact, bool ground) {
    enum report_state state = state_of(fact);
    return state == REPORT_PROVEN && !ground ? REPORT_OPEN : state;
}

static enum report_state state_if(bool reached, bool good) {
    return !reached ? REPORT_OPEN : good ? REPORT_PROVEN : REPORT_REFUTED;
}

static void verdict_set(struct report *report, enum sk_code code) {
    report->verdict = code == SK_OK                            ? REPORT_VERIFIED
                      : code == SK_DENIED                      ? REPORT_QUORUM
                      : code == SK_IO || code == SK_LIMIT      ? REPORT_FAILED
                                                               : REPORT_REJECTED;
    if (code != SK_OK) snprintf(report->reason, sizeof report->reason, "%s", fail_text());
}

// ---- sentences of all reports ----

static const char unread[] = "no checkpoint that can be believed was read";
static const char unreached[] = "it was not reached";

static void signature_put(struct report *report, enum report_state state) {
    row_put(report, "signature", "the log signed this checkpoint", state, unreached);
}

static void witnessed_put(struct report *report) {
    const struct trust_facts *facts = &report->facts;
    char storage[512] = {0};
    struct buf why = buf_over(storage, sizeof storage - 1);
    bool asked = report->trust->quorum != TRUST_NONE;
    uint32_t saw = 0;
    for (uint32_t i = 0; i < report->trust->witnesses_len; i++) saw += facts->cosigned_s[i] > 0;
    if (!facts->log) buf_put_text(&why, unread);
    else if (!asked && saw == 0) buf_put_text(&why, "no witness saw it, and none was asked for");
    else if (!asked) buf_print(&why, "no quorum was asked for; %u saw it", saw);
    else if (!facts->quorum) trust_explain(report->trust, facts, &why);
    const char *kept = arena_text(report->arena, buf_view(&why));
    row_put(report, "witnessed", "witnesses saw this checkpoint, as many as the policy asks for",
            facts->log && asked && facts->quorum ? REPORT_PROVEN : REPORT_OPEN, kept ? kept : "");
}

static void never_put(struct report *report, const char *complete) {
    row_put(report, "complete", "nothing was left out", REPORT_OPEN, complete);
    row_put(report, "true", "what the node stated is true, that this model ran among it",
            REPORT_OPEN, "a ledger shows what was stated, and that it was not changed since");
}

// ---- receipts ----

static void receipt_rows(struct report *out, const struct receipt_inputs *inputs) {
    static const char unclosed[] = "it was cut before the request was closed";
    static const char ground[] = "what it rests on is not proven";
    static const char salt[] = "there is no salt; only the answer as it came has it";
    const struct receipt_facts *facts = &out->receipt;
    bool open = facts->open_in == RECEIPT_PROVEN, close = facts->close_in == RECEIPT_PROVEN;
    row_put(out, "decision", "the decision is in the ledger", state_of(facts->open_in), unread);
    row_put(out, "outcome", "the outcome is in the ledger", state_of(facts->close_in),
            out->unclosed ? unclosed : unread);
    row_put(out, "bound", "decision and outcome are of one request",
            state_on(facts->bound, open && close), out->unclosed ? unclosed : ground);
    const struct {
        const char *id, *text, *none;
        enum receipt_fact fact;
        bool given, ground;
    } rows[] = {{"request", "the request is the one committed to", "no request was given",
                 facts->body, inputs->has_body, open},
                {"prompt", "the prompt (its tokens, or envelope) is the one committed to",
                 "no prompt was given", facts->prompt, inputs->has_prompt, open},
                {"answer", "the answer is the one committed to", "no answer was given",
                 facts->choice, inputs->has_response, close}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        row_put(out, rows[i].id, rows[i].text, state_on(rows[i].fact, rows[i].ground),
                !rows[i].given                        ? rows[i].none
                : rows[i].fact == RECEIPT_NOT_CHECKED ? salt
                                                      : ground);
}

void report_receipt(struct view receipt, const struct trust *trust,
                    const struct receipt_inputs *inputs, struct arena *arena, struct report *out) {
    *out = (struct report){.what = "receipt", .arena = arena, .trust = trust};
    struct receipt_facts *facts = &out->receipt;
    enum sk_code code = receipt_check(receipt, trust, inputs, arena, facts);
    verdict_set(out, code);
    if (code == SK_BUSY) { // all that is there holds; the sentences say what is not there
        out->verdict = REPORT_VERIFIED;
        out->reason[0] = 0;
    }
    if (code == SK_LIMIT) out->verdict = REPORT_REJECTED;
    if (facts->signature == RECEIPT_PROVEN) out->facts = facts->trust;
    out->unclosed = facts->open_in == RECEIPT_PROVEN && facts->close_leaf.len == 0;
    signature_put(out, state_of(facts->signature));
    witnessed_put(out);
    receipt_rows(out, inputs);
    never_put(out, "a receipt is of one request; the whole log shows the others");
}

// ---- proofs ----

void report_proof(struct view text, struct view leaf, const struct trust *trust,
                  struct arena *arena, struct report *out) {
    *out = (struct report){.what = "proof", .arena = arena, .trust = trust};
    struct proof_facts facts = {0};
    verdict_set(out, proof_check(text, leaf, trust, &facts));
    if (out->verdict == REPORT_FAILED) out->verdict = REPORT_REJECTED;
    out->facts = facts.trust;
    out->index = facts.proof.index;
    bool reached = facts.trust.log || out->verdict == REPORT_REJECTED;
    signature_put(out, state_if(reached, facts.trust.log));
    witnessed_put(out);
    row_put(out, "included", "the leaf is in the log", state_if(facts.trust.log, facts.included),
            unread);
    never_put(out, "a proof is of one leaf; the whole log shows the others");
}

// ---- disclosures ----

static const char *erased_text(struct report *out, const struct bundle_facts *facts) {
    char storage[256];
    struct buf text = buf_over(storage, sizeof storage);
    buf_put_text(&text, "the node stated that it erased the texts, on ");
    day_put(&text, day_of_ms(facts->erased_ms));
    buf_print(&text, " (%.*s)", (int)facts->reason.len, facts->reason.at);
    const char *kept = facts->erased ? arena_text(out->arena, buf_view(&text)) : NULL;
    return kept ? kept : "the node stated that it erased the texts";
}

static enum report_state held(const struct bundle_facts *facts, const char *id, bool good) {
    if (view_is(facts->refuted, id)) return REPORT_REFUTED;
    return good ? REPORT_PROVEN : REPORT_OPEN;
}

static enum report_state opened(const struct bundle_facts *facts, const char *name) {
    const struct kept *fields = &facts->fields;
    bool good = false;
    for (size_t i = 0; i < fields->len; i++)
        good |= view_is(fields->fields[i].name, name) && fields->fields[i].valued;
    return held(facts, name, good);
}

// What bundle_check looked at, as a receipt's facts: printed likewise.
static void bundle_stated(const struct bundle_facts *facts, struct receipt_facts *out) {
    const struct checkpoint *checkpoint = &facts->open.trust.checkpoint;
    out->open_leaf = facts->open_leaf;
    out->close_leaf = facts->close_leaf;
    out->open_index = facts->open.proof.index;
    out->close_index = facts->close.proof.index;
    out->tree_size = checkpoint->size;
    snprintf(out->origin, sizeof out->origin, "%.*s", (int)checkpoint->origin.len,
             checkpoint->origin.at);
}

void report_disclosure(struct view text, const struct trust *trust, struct arena *arena,
                       struct report *out) {
    *out = (struct report){.what = "disclosure", .arena = arena, .trust = trust};
    struct bundle_facts facts = {0};
    struct buf copy = {.at = arena_text(arena, text), .len = text.len};
    verdict_set(out, copy.at ? bundle_check(&copy, trust, arena, &facts) : SK_LIMIT);
    if (out->verdict == REPORT_FAILED) out->verdict = REPORT_REJECTED;
    bool good = out->verdict == REPORT_VERIFIED;
    const char *unclosed = good ? "it was not closed yet" : unreached;
    const char *none = good ? "it is not disclosed" : unreached;
    out->facts = facts.open.trust;
    if (good) bundle_stated(&facts, &out->receipt);
    out->unclosed = good && !facts.closed;
    signature_put(out, state_if(out->facts.log || out->verdict == REPORT_REJECTED, out->facts.log));
    witnessed_put(out);
    row_put(out, "decision", "the decision is in the ledger",
            state_if(facts.open.trust.log, facts.open.included), unread);
    row_put(out, "outcome", "the outcome is in the ledger",
            state_if(facts.close.trust.log, facts.close.included), unclosed);
    row_put(out, "bound", "decision and outcome are of one request",
            held(&facts, "bound", facts.closed), unclosed);
    row_put(out, "erased", erased_text(out, &facts), held(&facts, "erased", facts.erased),
            good ? "no leaf that says so is given" : unreached);
    row_put(out, "request", "the request is the one committed to", opened(&facts, "request_body"),
            none);
    enum report_state sent = opened(&facts, "envelope");
    row_put(out, "prompt", "the prompt (its tokens, or envelope) is the one committed to",
            sent != REPORT_OPEN ? sent : opened(&facts, "prompt_tokens"), none);
    row_put(out, "answer", "the answer is the one committed to", opened(&facts, "choice_0"), none);
    never_put(out, "a disclosure is of one request; the whole log shows the others");
}

// ---- logs ----

struct log_reader {
    struct whole_reader next; // the caller's
    struct dense *account;
};

static enum sk_code log_leaf(void *self, uint64_t index, struct view leaf) {
    const struct log_reader *reader = self;
    TRY(dense_leaf(reader->account, index, leaf));
    return reader->next.leaf ? reader->next.leaf(reader->next.self, index, leaf) : SK_OK;
}

static void dense_put(struct report *out, bool whole, bool hashes) {
    const struct dense_facts *dense = &out->dense;
    const char *why = hashes             ? "the entries were not read"
                      : !whole           ? "the log was not proven"
                      : dense->opens > 0 ? NULL
                                         : "no decision is in this log";
    row_put(out, "dense", "each key's numbers have no gap, each outcome has its decision",
            state_if(!why, dense->faults == 0), why);
    row_put(out, "closed", "each decision has its outcome",
            why || dense->unclosed ? REPORT_OPEN : REPORT_PROVEN,
            why ? why : "some are still under way");
    if (why || dense->faults == 0) return;
    out->verdict = REPORT_REJECTED;
    snprintf(out->reason, sizeof out->reason, "log: %s", dense->texts[0]);
}

static void log_rows(struct report *out, const struct whole_task *task, enum sk_code code) {
    const struct whole_facts *facts = &out->whole;
    bool whole = code == SK_OK || code == SK_DENIED, differs = facts->differs != WHOLE_NONE;
    bool entries = whole || facts->differs == WHOLE_TILE || facts->differs == WHOLE_SEEN;
    const char *stopped = "the log was not read to its end";
    signature_put(out, state_if(facts->trust.log || code == SK_CORRUPT || code == SK_UNKNOWN,
                                facts->trust.log));
    witnessed_put(out);
    bool unread_entries = task->hashes;
    row_put(out, "entries", "every entry is there and leads to the checkpoint",
            unread_entries ? REPORT_OPEN : state_if(whole || differs, entries),
            unread_entries ? "only hashes were read" : stopped);
    row_put(out, "tiles", "every tile of hashes is what is below it",
            state_if(whole || facts->differs == WHOLE_TILE, whole), stopped);
    row_put(out, "seen", "every checkpoint seen before is of a first part of this log",
            state_if(task->seen_len > 0 && (whole || facts->differs == WHOLE_SEEN), whole),
            task->seen_len > 0 ? stopped : "none was given");
    dense_put(out, whole, task->hashes);
    never_put(out, "what was never written cannot be missed; numbers and witnesses bound it");
}

void report_log(const struct whole_task *task, struct arena *arena, struct report *out) {
    report_log_watched(task, &(struct dense_watch){0}, arena, out);
}

void report_log_watched(const struct whole_task *task, const struct dense_watch *watch,
                        struct arena *arena, struct report *out) {
    *out = (struct report){.what = "log", .arena = arena, .trust = task->trust};
    struct log_reader reader = {.next = task->reader};
    struct whole_task mine = *task;
    enum sk_code code = dense_open(&reader.account);
    if (code != SK_OK) {
        verdict_set(out, code);
        return;
    }
    out->account = reader.account;
    dense_watch(reader.account, watch);
    mine.reader = (struct whole_reader){&reader, log_leaf};
    code = whole_check(&mine, arena, &out->whole);
    verdict_set(out, code);
    out->facts = out->whole.trust;
    dense_end(reader.account, &out->dense);
    log_rows(out, task, code);
}

void report_end(struct report *report) {
    dense_close(report->account);
    report->account = NULL;
}
