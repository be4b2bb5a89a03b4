// Lib: what a check of a receipt, of a proof or of a whole log found, in sentences and as JSON; the
// same for the command, for sekisho-verify, for libsekisho and, in its own words, for the page.
//
// Holds one report in the caller's arena. Promises: every sentence is proven, not proven with the
// reason, or refuted; what no ledger can prove is said too. What others wrote is shown so that it
// cannot steer a terminal. Refuses: to believe a sentence when the verdict is another than
// REPORT_VERIFIED or, but for the quorum, REPORT_QUORUM.
#pragma once
#include "ledger/ledger.h"

enum {
    REPORT_ROWS_MAX = 12,
    REPORT_ARENA = 256 << 20,  // reserved bytes that one report may take
    REPORT_TEXT_MAX = 48 << 20, // bytes of one as text or JSON; 34 MB are keys that are all escapes
};

enum report_verdict {
    REPORT_VERIFIED,
    REPORT_FAILED,   // it could not be read: nothing is said about it
    REPORT_REJECTED, // something is refuted, or missing
    REPORT_QUORUM,   // all of it holds, but fewer witnesses saw it than the policy asks for
};
enum report_state { REPORT_OPEN, REPORT_PROVEN, REPORT_REFUTED };

struct report_row {
    const char *id; // stable; docs/verify.md
    const char *text, *why;
    enum report_state state;
};

struct report {
    const char *what; // "receipt", "proof", "disclosure" or "log"
    enum report_verdict verdict;
    bool unclosed;    // a receipt that was cut before its request was closed
    char reason[512]; // when it is not verified
    struct report_row rows[REPORT_ROWS_MAX];
    size_t rows_len;
    struct arena *arena;
    const struct trust *trust;
    struct trust_facts facts;     // of the checkpoint
    struct receipt_facts receipt; // of a receipt
    uint64_t index;               // of a proof: the leaf's place
    struct whole_facts whole;     // of a log
    struct dense_facts dense;
    uint64_t newer; // entries that the log has signed beyond this checkpoint: not looked at
    struct dense *account;
};

void report_receipt(struct view receipt, const struct trust *trust,
                    const struct receipt_inputs *inputs, struct arena *arena, struct report *out);
void report_proof(struct view text, struct view leaf, const struct trust *trust,
                  struct arena *arena, struct report *out);
// Of a bundle (ledger/bundle.h).
void report_disclosure(struct view text, const struct trust *trust, struct arena *arena,
                       struct report *out);
// `seen`: as in whole.h. The source may be slow; it is read once, from the beginning to the end.
void report_log(const struct whole_task *task, struct arena *arena, struct report *out);
// The same, and whoever counts decisions hears of them. None of it is to be believed unless the
// sentence `entries` is proven.
void report_log_watched(const struct whole_task *task, const struct dense_watch *watch,
                        struct arena *arena, struct report *out);
void report_end(struct report *report);

// As programs read them: docs/verify.md.
extern const char *const report_states[3];   // enum report_state
extern const char *const report_verdicts[4]; // enum report_verdict
void report_row_put(const struct report_row *row, struct json_writer *w);

// For people: aligned lines, the verdict last.
void report_text(const struct report *report, struct buf *out);
// One JSON object; its members: docs/verify.md.
void report_json(const struct report *report, struct buf *out);
