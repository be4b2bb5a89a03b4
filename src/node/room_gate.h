// The gate room's state, shared by its files.
//
// A visit is one client's connection, by descriptor. A request is what one visit asks; it has its
// memory only while it lives. libmicrohttpd reads bodies and writes answers over a duplicate of the
// visit's descriptor, so that watching, deadlines and the last goodbye stay the room's own.
#pragma once
#include <microhttpd.h>

#include "base/world.h"
#include "gate/gate.h"
#include "node/job.h"
#include "node/room.h"

enum {
    REQUESTS_MAX = 256,     // at once; one more is answered 429
    CONNECTIONS_MAX = 3072, // what connections_max may be
    OVER_MAX = 64,          // visits over the limit that are told so
    LINGER_MS_MAX = 2000,   // for a client to read a last answer
    BODY_RATE_MIN = 16,     // bytes per ms a body comes with, after header_ms_max to begin
};

// Bytes.
enum {
    HEAD_LEN_MAX = 1 << 16,              // what header_len_max may be
    BODY_LEN_MAX = 1 << 24,              // what body_len_max may be
    BODIES_LEN_MAX = 1 << 28,            // of all bodies held at once
    JSON_LEN_MAX = 1 << 23,              // of the JSON nodes and messages of one request
    PAGE_MAX = BODY_LEN_MAX + (1 << 16), // one job: never longer than its body but for its head
    TEXT_LEN_MAX = 1 << 20,              // of an answer that is not streamed
    CHUNK_MAX = 16384,                   // of parts in one chunk, as in msg.def
    RECEIPT_MAX = 49152,                 // as in msg.def
    EVENT_MAX = GATE_ESCAPE_MAX * CHUNK_MAX + GATE_EVENT_EXTRA_MAX,
    ENDS_MAX = RECEIPT_MAX + 4 * GATE_EVENT_EXTRA_MAX, // an answer but for its text
    OUT_MAX = GATE_ESCAPE_MAX * TEXT_LEN_MAX + ENDS_MAX,
};

enum { CREDITS = 32 }; // chunks border may send ahead of the client
_Static_assert(CREDITS *EVENT_MAX + ENDS_MAX <= OUT_MAX, "the credit fits in the output");
_Static_assert((int)OUT_MAX <= (int)PAGE_MAX, "a page holds a whole answer");
_Static_assert((int)BODY_LEN_MAX <= (int)JOB_MAX, "a body's text fits in a job");

//   HEAD → SERVED → LINGER, or HEAD → LINGER when refused
enum visit_state { VISIT_NONE, VISIT_HEAD, VISIT_SERVED, VISIT_LINGER };

struct visit {
    enum visit_state state;
    int descriptor;
    bool http11, half_closed, probed;
    int64_t since_ms;        // begin of the state; while served, the last progress
    struct request *request; // NULL: /healthz
    struct gate_edge edge;
};

//   BODY → ASKED → FLOWING → OVER, a step left out by refusals and queries. Between ASKED and OVER
//   border knows the request; when it is over nothing more comes in.
enum request_stage { REQUEST_FREE, REQUEST_BODY, REQUEST_ASKED, REQUEST_FLOWING, REQUEST_OVER };

struct request {
    enum request_stage stage;
    struct gate *gate;
    uint64_t id;
    struct visit *visit;
    struct MHD_Connection *connection; // once libmicrohttpd has named it
    bool suspended, gone;              // gone: end the connection, whatever is left
    struct gate_route route;
    char credential[GATE_CREDENTIAL_MAX];
    size_t credential_len;
    struct buf body;
    uint64_t body_read;    // bytes seen
    unsigned body_refused; // the status when the body was too much: read on, kept no more
    bool stream, accepted;
    uint64_t open; // of accept
    uint32_t owed; // chunks not granted again yet
    struct gate_reply reply;
    unsigned status;   // of the answer in `out`; 0 while there is none to send
    const char *media; // its type, where that is not JSON or a stream
    uint32_t retry_after_s;
    struct buf out; // bytes for the client, or the text so far of an answer that is not streamed
    size_t out_at;  // taken so far
};

struct gate {
    struct room_self room;
    struct msg_gate_setup setup;
    char hosts[2049], origins[1025];
    struct world world;
    int listener;
    bool listening, deaf, stopping; // deaf: no descriptor was left for a client
    struct MHD_Daemon *daemon;
    struct visit *handing; // the visit being given to libmicrohttpd
    bool http_due;
    int64_t beat_ms; // of the last look at the deadlines
    int visits_end;  // one past the highest descriptor in use
    uint32_t visits_len;
    uint64_t next_id;
    size_t bodies_len;
    struct arena arena; // of the one request being read
    struct buf page;    // of the one answer or job being written
    char head[HEAD_LEN_MAX];
    struct visit visits[LOOP_WATCH_MAX];
    struct request requests[REQUESTS_MAX];
};

int64_t gate_now_ms(const struct gate *gate);

// room_gate_accept.c: from accept to a checked head, and from the last byte to close.
void visits_listen(struct gate *gate); // starts, or stops, taking clients
void visits_beat(struct gate *gate);   // deadlines
// libmicrohttpd closed its duplicate: lets the client read to the end, then closes.
void visit_served(struct gate *gate, struct visit *visit);

// room_gate_http.c: libmicrohttpd.
enum sk_code http_open(struct gate *gate);
bool http_run(struct gate *gate); // true: more is ready
// Serves a visit whose head was checked (and is still in the socket); ends in visit_served.
void http_take(struct gate *gate, struct visit *visit);
void http_suspend(struct request *request);
void http_resume(struct gate *gate, struct request *request);

// room_gate_request.c: from a body to an ask, from messages to bytes.
// A free one, in stage BODY; NULL when there is none.
struct request *request_begin(struct gate *gate, struct visit *visit);
// Its connection is closed: frees it, and tells border when it waits for nobody now.
void request_end(struct gate *gate, struct request *request);
void request_body(struct gate *gate, struct request *request, const char *bytes, size_t len);
// The request is whole: asks border, or prepares the refusal.
void request_submit(struct gate *gate, struct request *request);
void request_message(struct gate *gate, const struct msg *msg);
void requests_lost(struct gate *gate); // border is gone, and with it whatever it held
// The client took everything written so far.
void request_drained(struct gate *gate, struct request *request);
// The client left: border hears it now, the connection ends.
void request_leave(struct gate *gate, struct request *request);
// The client sends no more; asks by writing whether it still reads.
void request_probe(struct gate *gate, struct request *request);
