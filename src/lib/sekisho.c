// libsekisho: the public header over the modules that verify.
#include "../../include/sekisho.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/lib.h"

enum {
    TRUST_ARENA = 1 << 20,
    CALL_ARENA = 32 << 20, // a receipt, or the walk over a log
};
_Static_assert((int)CALL_ARENA > (int)RECEIPT_ARENA && (int)CALL_ARENA > 2 * (int)WHOLE_ARENA,
               "what one call may take");

struct sk_trust {
    struct arena arena;
    struct trust trust;
};

struct sk_report {
    struct arena arena;
    struct report report;
    struct buf text, json;
};

int sk_api_version(void) { return SK_API_VERSION; }
const char *sk_version(void) { return SEKISHO_VERSION; }

// ---- trust ----

static struct view view_in(struct sk_bytes bytes) { return (struct view){bytes.at, bytes.len}; }

static struct sk_trust *trust_end(struct sk_trust *trust, enum sk_code code, char *error) {
    if (code == SK_OK) return trust;
    if (error) snprintf(error, SK_ERROR_MAX, "%s", fail_text());
    sk_trust_close(trust);
    return NULL;
}

static enum sk_code trust_make(struct sk_trust **out) {
    *out = calloc(1, sizeof **out);
    return *out ? arena_open(&(*out)->arena, "trust", TRUST_ARENA) : FAIL(SK_LIMIT, "no memory");
}

struct sk_trust *sk_trust_of_key(const char *vkey, char *error) {
    struct sk_trust *trust;
    struct note_key key;
    enum sk_code code = trust_make(&trust);
    if (code == SK_OK) code = note_key_parse(view_of(vkey ? vkey : ""), &key);
    if (code == SK_OK) code = trust_of_key(&key, &trust->arena, &trust->trust);
    return trust_end(trust, code, error);
}

struct sk_trust *sk_trust_of_policy(struct sk_bytes text, char *error) {
    struct sk_trust *trust;
    enum sk_code code = trust_make(&trust);
    if (code == SK_OK) code = trust_parse(view_in(text), &trust->arena, &trust->trust);
    return trust_end(trust, code, error);
}

void sk_trust_close(struct sk_trust *trust) {
    if (!trust) return;
    arena_close(&trust->arena);
    free(trust);
}

// ---- reports ----

static struct sk_report *report_make(void) {
    struct sk_report *report = calloc(1, sizeof *report);
    if (!report || arena_open(&report->arena, "report", CALL_ARENA) != SK_OK ||
        buf_open(&report->text, REPORT_TEXT_MAX) != SK_OK ||
        buf_open(&report->json, REPORT_TEXT_MAX) != SK_OK) {
        sk_report_close(report);
        return NULL;
    }
    return report;
}

// Both forms are written while what they are made from is there.
static struct sk_report *report_made(struct sk_report *report) {
    report_text(&report->report, &report->text);
    report_json(&report->report, &report->json);
    buf_put_char(&report->text, 0);
    buf_put_char(&report->json, 0);
    must(!report->text.over && !report->json.over);
    report_end(&report->report);
    return report;
}

enum sk_verdict sk_report_verdict(const struct sk_report *report) {
    static const enum sk_verdict verdicts[] = {SK_VERIFIED, SK_FAILED, SK_REJECTED,
                                               SK_QUORUM_MISSING};
    return verdicts[report->report.verdict];
}

const char *sk_report_reason(const struct sk_report *report) { return report->report.reason; }
const char *sk_report_text(const struct sk_report *report) { return report->text.at; }
const char *sk_report_json(const struct sk_report *report) { return report->json.at; }

void sk_report_close(struct sk_report *report) {
    if (!report) return;
    buf_close(&report->text);
    buf_close(&report->json);
    arena_close(&report->arena);
    free(report);
}

// ---- receipts and proofs ----

struct sk_report *sk_verify_receipt(const struct sk_trust *trust, struct sk_bytes receipt,
                                    const struct sk_inputs *inputs) {
    struct sk_report *report = report_make();
    struct sk_inputs given = {0};
    if (!report) return NULL;
    // An older caller knows fewer members; those of a newer one that are not known here are passed
    // over, as they were before they were there.
    if (inputs) memcpy(&given, inputs, inputs->size < sizeof given ? inputs->size : sizeof given);
    const struct receipt_inputs mine = {.body = view_in(given.request),
                                        .prompt = view_in(given.prompt),
                                        .response = view_in(given.answer),
                                        .has_body = given.request.at,
                                        .has_prompt = given.prompt.at,
                                        .has_response = given.answer.at};
    report_receipt(view_in(receipt), &trust->trust, &mine, &report->arena, &report->report);
    return report_made(report);
}

struct sk_report *sk_verify_proof(const struct sk_trust *trust, struct sk_bytes proof,
                                  struct sk_bytes leaf) {
    struct sk_report *report = report_make();
    if (!report) return NULL;
    report_proof(view_in(proof), view_in(leaf), &trust->trust, &report->arena, &report->report);
    return report_made(report);
}

// ---- whole logs ----

static void piece_put(void *to, const void *bytes, size_t len) { buf_put(to, bytes, len); }

static enum sk_code piece_read(void *self, struct view path, struct buf *out) {
    const struct sk_log *log = self;
    char name[TILE_NAME_MAX + 1];
    must(path.len < sizeof name);
    snprintf(name, sizeof name, "%.*s", (int)path.len, path.at);
    int code = log->read(log->self, name, piece_put, out);
    if (code == 1) return FAIL(SK_UNKNOWN, "%s is missing", name);
    if (code != 0) return FAIL(SK_IO, "%s cannot be read", name);
    return buf_check(out, name);
}

struct sk_report *sk_verify_log(const struct sk_trust *trust, const struct sk_log *log) {
    struct sk_report *report = report_make();
    struct sk_log given = {0};
    struct view seen[WHOLE_SEEN_MAX];
    if (!report) return NULL;
    memcpy(&given, log, log->size < sizeof given ? log->size : sizeof given);
    const struct tile_source source = {&given, piece_read};
    const struct whole_task task = {.source = &source,
                                    .trust = &trust->trust,
                                    .seen = seen,
                                    .seen_len = given.seen_len,
                                    .hashes = given.hashes != 0};
    must(given.seen_len <= WHOLE_SEEN_MAX);
    for (size_t i = 0; i < given.seen_len; i++) seen[i] = view_in(given.seen[i]);
    report_log(&task, &report->arena, &report->report);
    return report_made(report);
}
