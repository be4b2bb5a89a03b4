/* libsekisho: checks what a Sekisho node gave, without believing the node.
 *
 * Three questions: is a receipt of the log it names (sk_verify_receipt), is a leaf (sk_verify_proof),
 * is a whole log what it says it is (sk_verify_log). Each gives a report: a verdict, its reason, and
 * every sentence that was proven or not, for people (sk_report_text) and as JSON (sk_report_json,
 * docs/verify.md).
 *
 * No network, no files, no threads, no state of its own: calls in different threads do not meet, as
 * long as they do not share a report. What is passed in is copied or read during the call only.
 * Structures begin with their size as the caller compiled them, so later versions can add members:
 * SK_INPUTS_INIT and SK_LOG_INIT set it. Our own bugs abort the process; bad input never does. */
#ifndef SEKISHO_H
#define SEKISHO_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SK_API __attribute__((visibility("default")))

/* Grows when something is added; what there is stays. */
#define SK_API_VERSION 1
SK_API int sk_api_version(void);
/* "0.1.0" */
SK_API const char *sk_version(void);

enum { SK_ERROR_MAX = 512 };

/* at == NULL: not given. */
struct sk_bytes {
    const void *at;
    size_t len;
};

/* ---- who is believed ---- */

struct sk_trust;
/* A log's verifier key ("name+hash+key"): no witness is asked for. NULL when it is none; the text is
 * then in error[SK_ERROR_MAX], which may be NULL. */
SK_API struct sk_trust *sk_trust_of_key(const char *vkey, char *error);
/* A C2SP tlog-policy: logs, witnesses, and how many of them must have seen a checkpoint. */
SK_API struct sk_trust *sk_trust_of_policy(struct sk_bytes text, char *error);
SK_API void sk_trust_close(struct sk_trust *trust); /* NULL is fine */

/* ---- what was found ---- */

enum sk_verdict {
    SK_VERIFIED = 0,      /* all that was asked for holds */
    SK_FAILED = 1,        /* it could not be read: nothing is said about it */
    SK_REJECTED = 3,      /* something is refuted, or missing */
    SK_QUORUM_MISSING = 4 /* it holds, but fewer witnesses saw it than the policy asks for */
};

struct sk_report;
SK_API enum sk_verdict sk_report_verdict(const struct sk_report *report);
/* Why it is not verified; "" when it is. This and the next two live until sk_report_close. */
SK_API const char *sk_report_reason(const struct sk_report *report);
SK_API const char *sk_report_text(const struct sk_report *report);
SK_API const char *sk_report_json(const struct sk_report *report);
SK_API void sk_report_close(struct sk_report *report); /* NULL is fine */

/* ---- receipts and proofs ---- */

/* What the receipt is compared with: the request's body and the answer's text as they were. `answer`
 * is the value that is committed to (docs/ledger-format.md); of an answer of text alone, its text. */
struct sk_inputs {
    size_t size;
    struct sk_bytes request, prompt, answer;
};
#define SK_INPUTS_INIT {sizeof(struct sk_inputs), {NULL, 0}, {NULL, 0}, {NULL, 0}}
/* inputs may be NULL. NULL is returned when there is no memory, here and below. */
SK_API struct sk_report *sk_verify_receipt(const struct sk_trust *trust, struct sk_bytes receipt,
                                           const struct sk_inputs *inputs);
/* A C2SP tlog-proof of a leaf. */
SK_API struct sk_report *sk_verify_proof(const struct sk_trust *trust, struct sk_bytes proof,
                                         struct sk_bytes leaf);

/* ---- whole logs ---- */

/* Hands over a piece of the log: calls put(to, bytes, len) any number of times and returns 0; or
 * returns 1 when there is no such piece, -1 when it cannot be read. `path` is "checkpoint" or that
 * of a tile (C2SP tlog-tiles), below the log's directory; it has no "..". */
typedef void sk_put(void *to, const void *bytes, size_t len);
typedef int sk_read(void *self, const char *path, sk_put *put, void *to);

struct sk_log {
    size_t size;
    sk_read *read;
    void *self;                  /* for read */
    const struct sk_bytes *seen; /* checkpoints of this log that somebody kept; at most 256 */
    size_t seen_len;
    int hashes; /* not 0: the tiles of hashes alone, no entries */
};
#define SK_LOG_INIT {sizeof(struct sk_log), NULL, NULL, NULL, 0, 0}
SK_API struct sk_report *sk_verify_log(const struct sk_trust *trust, const struct sk_log *log);

#ifdef __cplusplus
}
#endif
#endif
