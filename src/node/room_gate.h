// The gate room's state, shared by its files.
//
// A visit is one client's connection, by descriptor. A request is what one visit asks at a time; it
// has its memory only while it lives. libmicrohttpd reads bodies and writes answers over a
// duplicate of the visit's descriptor, so that watching, deadlines and the last goodbye stay the
// room's own.
#pragma once
#include <microhttpd.h>
#include <sys/queue.h>

#include "base/world.h"
#include "gate/gate.h"
#include "node/job.h"
#include "node/piece.h"
#include "node/room.h"

enum {
    REQUESTS_MAX = 256,        // at once; one more is answered 429
    CONNECTIONS_MAX = 3072,    // what connections_max may be
    OVER_MAX = 64,             // visits over the limit that are told so
    IDLE_MAX = 256,            // visits between two requests; one more ends the longest idle
    LINGER_MS_MAX = 2000,      // for a client to read a last answer
    BODY_RATE_MIN = 16,        // bytes per ms a body comes with, after header_ms_max to begin
    DETACHED_MAX = 32,         // requests whose client does not wait
    DETACHED_MS_MAX = 3600000, // of one, waiting included
};

// Bytes.
enum {
    HEAD_LEN_MAX = 1 << 16,                      // what header_len_max may be
    BODY_LEN_MAX = 1 << 24,                      // what body_len_max may be
    BODIES_LEN_MAX = 1 << 28,                    // of all bodies held at once
    JSON_LEN_MAX = 1 << 23,                      // of the JSON nodes and lists of one request
    ARENA_MAX = 3 * BODY_LEN_MAX + JSON_LEN_MAX, // a body, and what is made of its texts
    PAGE_MAX = 2 * BODY_LEN_MAX,                 // all jobs of one request
    TEXT_LEN_MAX = 1 << 20,     // of the parts of an answer that is kept to its end
    LOGPROBS_LEN_MAX = 1 << 21, // the same of its log-probabilities
    ECHO_LEN_MAX = 1 << 20,     // of what an answer says again, all copies together
    RECEIPT_LEN_MAX = 49152,    // as in msg.def
    LOGPROB_ESCAPE_MAX = 13,    // one byte of log-probabilities can become: 6 an alternative of 78
    EVENT_MAX = GATE_ESCAPE_MAX * PIECE_PARTS_MAX + ENGINE_PARTS_MAX * GATE_EVENT_EXTRA_MAX +
                LOGPROB_ESCAPE_MAX * PIECE_LOGPROBS_MAX,                  // of one chunk
    ENDS_MAX = GATE_TASKS_MAX * (RECEIPT_LEN_MAX + 4 * GATE_EVENT_EXTRA_MAX), // all but text
    // For a client. What an answer would pass it with, it is ended with an error instead.
    OUT_MAX = 1 << 26,
};

// A request's buffers that are used again: opening and closing one costs two system calls, and a
// page fault for each page. More of them, and longer ones, are closed.
enum spare { SPARE_BODY, SPARE_OUT, SPARE_RECEIPTS, SPARE_PARTS, SPARE_KINDS };
enum { SPARES_MAX = 64, SPARE_LEN_MAX = 65536 };
struct spares {
    struct buf bufs[SPARES_MAX];
    size_t len;
};

// Chunks border may send ahead of the client, of all choices of a request together.
enum { CREDITS = 2 * GATE_TASKS_MAX };
_Static_assert(CREDITS *EVENT_MAX + 2 * ENDS_MAX <= OUT_MAX, "the credit fits in the output");
_Static_assert(GATE_ESCAPE_MAX *(TEXT_LEN_MAX + ECHO_LEN_MAX) +
                       LOGPROB_ESCAPE_MAX * LOGPROBS_LEN_MAX + 2 * ENDS_MAX <=
                   OUT_MAX,
               "so does an answer at once");
_Static_assert((int)BODY_LEN_MAX <= (int)JOB_MAX, "a body's text fits in a job");
_Static_assert((int)BODY_LEN_MAX + (int)PAGE_MAX <= (int)JOB_FILE_MAX, "they fit in one file");

// By the memory of a connection: libmicrohttpd clears all of it each time.
enum { HTTP_SMALL, HTTP_LARGE, HTTP_DAEMONS };

// What libmicrohttpd has of a visit. It reads through http_read alone: the request whose head was
// checked and not one byte more, so that the next head, whatever it is, is still in the socket to
// be checked. It writes through http_write. Between two requests its connection is suspended.
struct http {
    struct MHD_Connection *connection; // NULL: it has none
    int descriptor, pool;              // its own, and which of the daemons
    char method[GATE_METHOD_MAX + 1];  // of the checked head,
    size_t head_len;                   //   which is not read yet; 0: none
    uint64_t body_len, body_read;
    uint64_t left;     // bytes that it may still read; UINT64_MAX: the body is chunked
    bool last;         // no request follows this one
    bool wrote;        // in this turn: it is in the kernel, and has not left
    bool keeps, parts; // was told to go on after the answer; to close, by a read that fails
};

//   HEAD → SERVED → HEAD …, then LINGER
enum visit_state { VISIT_NONE, VISIT_HEAD, VISIT_SERVED, VISIT_LINGER };

struct visit {
    enum visit_state state;
    int descriptor;
    bool http11, half_closed, probed;
    bool idle;               // between two requests: in HEAD, and nothing of the next has come
    uint8_t client[16];      // its address, IPv4 as ::ffff:a.b.c.d; none known: all 0
    int64_t since_ms;        // begin of the state; while served, the last progress
    struct request *request; // NULL: /healthz
    struct gate_edge edge;   // of this request
    struct http http;
    TAILQ_ENTRY(visit) idles;
};
TAILQ_HEAD(visits, visit);

//   BODY → ASKED → FLOWING → OVER, a step left out by refusals and queries. Between ASKED and OVER
//   border knows the request; when it is over nothing more comes in.
enum request_stage {
    REQUEST_FREE,
    REQUEST_BODY,
    REQUEST_CLAIMING,  // its Idempotency-Key, before it is asked
    REQUEST_FINDING,   // a kept response, before it is asked or told
    REQUEST_FOLLOWING, // another request, which is detached
    REQUEST_ASKED,
    REQUEST_FLOWING,
    REQUEST_OVER,
};

// Of a request with an Idempotency-Key. CLAIMED: border counts on an answer or an unclaim.
enum again_state { AGAIN_NONE, AGAIN_CLAIMED };
struct again {
    enum again_state state;
    bool replayed;                      // the answer is of before
    char key[GATE_IDEMPOTENCY_MAX + 1]; // "": none
    struct buf record;                  // of the answer as the client gets it
};

// One choice's ask at border; its id is the request's times GATE_TASKS_MAX, and its index.
struct asked {
    bool over;     // border has ended it, or was told that nobody waits
    uint32_t owed; // chunks not granted again yet
};

struct request {
    enum request_stage stage;
    struct gate *gate;
    uint64_t id;
    struct visit *visit; // NULL: detached, since
    int64_t detached_ms;
    struct MHD_Connection *connection; // once libmicrohttpd has named it
    bool suspended, gone;              // gone: end the connection, whatever is left
    struct gate_route route;
    char credential[GATE_CREDENTIAL_MAX];
    size_t credential_len;
    char label[GATE_LABEL_MAX + 1], consent[GATE_CONSENT_MAX + 1], purpose[GATE_PURPOSE_MAX + 1];
    uint8_t client[16]; // as of its visit
    bool narrow;        // its answer is for this client: another might not see all of it
    struct buf body;
    uint64_t body_read;    // bytes seen
    unsigned body_refused; // the status when the body was too much: read on, kept no more
    struct again again;
    struct gate_answer answer; // of an ask, with what follows
    struct gate_choice choices[GATE_TASKS_MAX];
    struct asked asked[GATE_TASKS_MAX];
    uint32_t over_len;             // choices that are over
    size_t text_len, logprobs_len; // kept of all choices
    struct buf receipts;
    bool keeps;        // the response is to be kept
    uint64_t follows;  // FOLLOWING: the id of that request; out_at is then a place in its `out`
    bool accepted;     // the first choice was
    bool stated;       // a decision about it is in the ledger
    uint64_t open;     // of the first
    unsigned status;   // of the answer in `out`; 0 while there is none to send
    const char *media; // its type, where that is not JSON or a stream
    const char *cache; // its Cache-Control, where it may be kept
    uint32_t retry_after_s;
    struct buf out; // bytes for the client
    size_t out_at;  // taken so far
};

struct gate {
    struct room_self room;
    struct msg_gate_setup setup;
    char hosts[2049], origins[1025];
    struct world world;
    int listener;
    bool listening, deaf, stopping; // deaf: no descriptor was left for a client
    struct MHD_Daemon *daemons[HTTP_DAEMONS];
    int http_epolls[HTTP_DAEMONS];         // of the daemons
    struct visit *handing;                 // the visit being given to libmicrohttpd
    struct visit *readers[LOOP_WATCH_MAX]; // by libmicrohttpd's descriptor
    int answered[LOOP_WATCH_MAX];          // visits whose answer is out, and that go on
    int answered_len;
    int wrote[LOOP_WATCH_MAX]; // visits whose http.wrote is set
    int wrote_len;
    bool http_due[HTTP_DAEMONS];
    int64_t beat_ms; // of the last look at the deadlines
    int visits_end;  // one past the highest descriptor in use
    uint32_t visits_len, idle_len;
    struct visits idle; // the longest first
    uint64_t next_id;
    size_t bodies_len;
    struct arena arena; // of the one request being read
    struct buf page;    // of the one error, or the jobs, being written
    char head[HEAD_LEN_MAX];
    struct spares spares[SPARE_KINDS];
    struct visit visits[LOOP_WATCH_MAX];
    struct request requests[REQUESTS_MAX];
};

int64_t gate_now_ms(const struct gate *gate);

// room_gate_accept.c: from accept to a checked head, and from the last byte to close.
void visits_listen(struct gate *gate); // starts, or stops, taking clients
void visits_beat(struct gate *gate);   // deadlines
// Past libmicrohttpd; false: not all of it was taken.
bool visit_write(const struct visit *visit, struct view bytes);
// libmicrohttpd closed its duplicate: lets the client read to the end, then closes.
void visit_served(struct gate *gate, struct visit *visit);
// The answer is out and libmicrohttpd suspended: the next head may come.
void visit_again(struct gate *gate, struct visit *visit);

// room_gate_http.c: libmicrohttpd.
enum sk_code http_open(struct gate *gate);
bool http_run(struct gate *gate); // true: more is ready
// Serves a visit whose head was checked (and is still in the socket); ends in visit_served, or in
// visit_again.
void http_take(struct gate *gate, struct visit *visit, const struct gate_head *head);
// recv() as libmicrohttpd calls it: see struct http.
ssize_t http_read(struct gate *gate, int descriptor, void *to, size_t max);
// send() as libmicrohttpd calls it: what a turn of the room writes to one client leaves together,
// at its end, and not as the head, each piece and the last chunk by themselves.
ssize_t http_write(struct gate *gate, int descriptor, const void *bytes, size_t len);
// libmicrohttpd closes what it has of a visit in VISIT_HEAD, if anything.
void http_leave(struct gate *gate, struct visit *visit);
void http_suspend(struct request *request);
void http_resume(struct gate *gate, struct request *request);

// room_gate_request.c: one request from its body to its end.
// A free one, in stage BODY; NULL when there is none.
struct request *request_begin(struct gate *gate, struct visit *visit);
// Its connection is closed: frees it, and tells border when it waits for nobody now.
void request_end(struct gate *gate, struct request *request);
void request_body(struct gate *gate, struct request *request, const char *bytes, size_t len);
// The request is whole: asks border, or prepares the refusal.
void request_submit(struct gate *gate, struct request *request);
void request_message(struct gate *gate, const struct msg *msg);
void requests_lost(struct gate *gate); // border is gone, and with it whatever it held
// The client left: border hears it now, the connection ends.
void request_leave(struct gate *gate, struct request *request);
// The client sends no more; asks by writing whether it still reads.
void request_probe(struct gate *gate, struct request *request);
// The error instead of an answer, or as the end of one that has begun; border is told.
void text_keep(char *to, size_t max, struct view text); // with a NUL
void request_refuse(struct gate *gate, struct request *request, const struct gate_error *error);
// SK_INPUT: 503 with fail_text().
enum sk_code request_trouble(struct gate_error *error);
bool request_streams(const struct request *request); // its answer has begun, in events

// room_gate_spare.c: buffers of requests; what is taken is empty, what is given back is wiped.
enum sk_code spare_take(struct gate *gate, enum spare kind, struct buf *out);
void spare_give(struct gate *gate, enum spare kind, struct buf *buf); // fine when never taken

// room_gate_ask.c: from a body to asks, one for each choice.
enum sk_code ask_submit(struct gate *gate, struct request *request, struct gate_error *error);
// Border must not work for nobody: of choices that are not over it is told.
void ask_leave(struct gate *gate, struct request *request);
void ask_free(struct request *request); // what it holds

// room_gate_answer.c: from messages of asks to bytes for the client.
void answer_message(struct gate *gate, struct request *request, uint32_t choice,
                    const struct msg *msg);
uint32_t answer_credits(const struct request *request); // of each choice
// The client took everything written so far.
void answer_drained(struct gate *gate, struct request *request);

// room_gate_detached.c: requests whose client does not wait.
// Takes a request whose asks were sent from its visit, which gets the one that is returned in its
// place: its `out` and `status` are what the client is told now. NULL: DETACHED_MAX there are, or
// no row is free. The first goes on: what comes of it is in its choices, and in its `out` when it
// is over.
struct request *request_detach(struct gate *gate, struct request *request);
// The detached request that has this id, runs, and is of this asker's key; NULL when there is none,
// or not any more. Nobody knows its id before it runs.
struct request *request_kept(struct gate *gate, struct view id, const struct request *asker);
// Fails those that are too old, or all when the node stops; frees what is over and read.
void detached_beat(struct gate *gate);

// room_gate_query.c: reads.
enum sk_code query_submit(struct gate *gate, struct request *request, struct gate_error *error);
// Ends a request with the bytes of a sealed file, which are forgotten; false: `mapped` says that
// they could not be read, and the client is told of trouble.
bool query_content(struct gate *gate, struct request *request, enum sk_code mapped,
                   struct view *content);
void query_message(struct gate *gate, struct request *request, const struct msg *msg);

// room_gate_witness.c: what others ask of this node as a witness of their logs.
enum sk_code witness_submit(struct gate *gate, struct request *request, struct gate_error *error);
void witness_message(struct gate *gate, struct request *request, const struct msg_witnessed *told,
                     int descriptor);

// room_gate_response.c: responses that are kept, or go on in the background.
// Keeps the answer of a request that is to be kept; status NULL: as it ended.
void response_keep(struct gate *gate, struct request *request, const char *status,
                   const struct gate_error *error);
// A request that is about to be asked goes on alone; its client follows it.
enum sk_code response_background(struct gate *gate, struct request *request,
                                 struct gate_error *error);
// Of a detached request: it was accepted; there is more in `out`, or it is over; it was refused
// before it was accepted.
void followers_accept(struct gate *gate, struct request *request);
void followers_tell(struct gate *gate, const struct request *request);
void followers_refuse(struct gate *gate, struct request *request, const struct gate_error *error);
bool is_followed(const struct gate *gate, const struct request *request);
// Up to `max` bytes of what it follows; 0: none yet, -1: that was all.
int64_t follower_read(struct request *follower, char *to, size_t max);
// Asks border for the response; then FINDING, and response_message goes on.
enum sk_code response_find(struct gate *gate, struct request *request, struct view id,
                           struct gate_error *error);
enum sk_code response_submit(struct gate *gate, struct request *request, struct gate_error *error);
void response_message(struct gate *gate, struct request *request, const struct msg *msg);

// room_gate_again.c: Idempotency-Key.
// Claims it; the answer is a message. SK_INPUT: *error is filled.
enum sk_code again_claim(struct gate *gate, struct request *request, struct gate_error *error);
void again_message(struct gate *gate, struct request *request, const struct msg *msg);
// What the client gets, piece by piece, and that it was all.
void again_record(struct gate *gate, struct request *request, struct view bytes);
void again_finish(struct gate *gate, struct request *request);
// Its answer will not be one to give again. Any request, more than once.
void again_forget(struct gate *gate, struct request *request);

// room_gate_kept.c: what border keeps for the caller. Names begin with what they are of, like
// "idempotency/" or "response/". False: border is gone, or there is no memory.
// Nothing tells whether it is kept: border may have no room, or keep nothing at all.
bool kept_put(struct gate *gate, const struct request *request, struct view name,
              struct view content, uint32_t seconds);
// Answered by the message `found`, or by `refuse` (404).
bool kept_find(struct gate *gate, const struct request *request, struct view name);
bool kept_drop(struct gate *gate, const struct request *request, struct view name);
