// Witness: the decisions of C2SP tlog-witness, for the one who is asked and the one who asks.
//
// Holds nothing, does no I/O: the caller reads, stores and sends. Promises: what is granted grows
// from what is stored; the codes and their order are those of the specification. Refuses to decide
// about a request of which it was not told what is stored.
//
// The side that is asked:  witness_request_read; find what is stored of checkpoint.origin;
//   witness_decide; when its status is 200, witness_grant; store `kept` durably, but only if what
//   is stored is still what was decided on; only then reply.
#pragma once
#include "ledger/note.h"

enum {
    WITNESS_PROOF_MAX = 63,                         // hashes of one request
    WITNESS_BODY_MAX = 512,                         // bytes of a reply of ours
    WITNESS_NOTE_MAX = NOTE_MAX - WITNESS_BODY_MAX, // of its checkpoint: what is kept is a note too
    WITNESS_REQUEST_MAX = NOTE_MAX + 4096,          // bytes of a request
    WITNESS_LOGS_MAX = 64,                          // keys of logs that one witness knows
};

struct witness_request {
    uint64_t old;                             // size that the asking side thinks is stored
    struct tree_hash proof[LEDGER_PROOF_MAX]; // room for ledger_consistency
    size_t proof_len;                         // at most WITNESS_PROOF_MAX
    struct view note;                         // the checkpoint with its signatures
    struct checkpoint checkpoint;
};
void witness_request_write(const struct witness_request *request, struct buf *out);
// SK_INPUT or SK_LIMIT: answer 400 (witness_refuse). Of the note only the text is read: signature
// lines that are none are signatures that are missing, 403.
enum sk_code witness_request_read(struct view body, struct witness_request *out);

struct witness_log { // a key that may sign for an origin; an origin may have several
    char origin[LEDGER_ORIGIN_MAX + 1];
    struct note_key key;
};
// Verifier keys, comma separated; the name of each is its log's origin. SK_INPUT, SK_LIMIT.
enum sk_code witness_logs_parse(struct view keys, struct witness_log out[WITNESS_LOGS_MAX],
                                size_t *len);
struct witness {
    const struct witness_log *logs; // those that are witnessed
    size_t logs_len;
    const struct note_key *key; // its own, of type NOTE_COSIGNATURE
    const struct sign_key *secret;
};
bool witness_knows(const struct witness *witness, const struct witness_request *request);
// What the witness has cosigned last of an origin.
struct witness_stored {
    uint64_t size;
    struct tree_hash root;
};

struct witness_verdict {
    unsigned status;  // of HTTP: 200, 400, 403, 404, 409 or 422; 500 of a store
    const char *type; // of the body
    char body[WITNESS_BODY_MAX];
    size_t body_len;
};
// 400 with fail_text().
void witness_refuse(struct witness_verdict *out);
// `stored` is of the request's origin, NULL when none of it was ever cosigned. A status of 200 has
// no body yet.
void witness_decide(const struct witness *witness, const struct witness_stored *stored,
                    const struct witness_request *request, struct witness_verdict *out);
// Cosigns what was decided with 200, at time_s (Unix seconds, not 0): the verdict's body is the
// signature line, and `kept` is what must be durable before it is sent: the checkpoint, the log's
// signatures that were checked and the witness's own, to be served to monitors as it is.
// SK_LIMIT when that does not fit `kept`; NOTE_MAX bytes do for any.
enum sk_code witness_grant(const struct witness *witness, const struct witness_request *request,
                           uint64_t time_s, struct buf *kept, struct witness_verdict *out);

// The side that asks.
struct witness_reply {
    uint64_t time_s;  // of the cosignature
    struct view line; // the signature line in `body`, with its newline, to append to the note
    uint64_t size;    // of SK_BUSY: what the witness has
};
// `note` is the checkpoint that was sent, `key` the witness's. SK_OK: it cosigned. SK_BUSY: 409, it
// has reply->size: ask again with a proof from there, or, if that is more than we have, stop: we
// are an old copy. SK_CORRUPT: 422, it saw another log of our name, or a signature of its key that
// fails. SK_UNKNOWN: 404, it does not witness us; SK_DENIED: 403; SK_INPUT: 400, or no reply of a
// witness; SK_GONE: any other status.
enum sk_code witness_reply_read(unsigned status, struct view body, struct view note,
                                const struct note_key *key, struct witness_reply *out);

// Hex of SHA-256(origin): GET <monitoring prefix>/<hex>/checkpoint.
void witness_origin_hex(struct view origin, char out[2 * HASH_LEN + 1]);
