// Gate: the protocols at the node's edge. C over memory: HTTP heads in, OpenAI's and Anthropic's
// JSON in and out.
//
// Promises: a head that passes here has one meaning for every reader behind it; whatever a request
// asks for that this node does not do is refused by name, never ignored. Refuses (each with the
// error the client gets): what RFC 9112 calls malformed and also what it merely tolerates — bare
// LF, folded lines, repeated fields that must be single.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/view.h"
#include "engine/engine.h"
#include "gate/cors.h"
#include "gate/edge.h"
#include "ledger/ledger.h"

enum {
    GATE_ID_LEN = 33,            // "chatcmpl-" and 24 hex digits
    GATE_EVENT_EXTRA_MAX = 4096, // bytes of one stream event beside its escaped text
    GATE_ESCAPE_MAX = 6,         // bytes one byte of text can become
    GATE_METHOD_MAX = 16,
    GATE_TARGET_MAX = 4096,
    GATE_FIELDS_MAX = 100,
    GATE_MODEL_MAX = 256,      // bytes of a model's id
    GATE_CREDENTIAL_MAX = 512, // bytes of an API key
    GATE_IDEMPOTENCY_MAX = 255,
    GATE_AFTER_MAX = 255, // bytes of an item's id
    GATE_LABEL_MAX = 256,
    GATE_CONSENT_MAX = 32,
    GATE_PURPOSE_MAX = 64,
};

// What a client is told instead of an answer, in OpenAI's shape.
struct gate_error {
    unsigned status;
    uint32_t retry_after_s;             // 0: no Retry-After
    const char *allow;                  // of a 405: the methods that are; else NULL
    const char *request_id;             // for the shapes that hold it, or NULL
    char type[65], code[65], param[65]; // an empty code or param is null
    char text[1025];
};

// Fills `error`, its type following from the status, and returns SK_INPUT.
enum sk_code gate_refuse(struct gate_error *error, unsigned status, const char *code,
                         const char *param, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void gate_error_write(const struct gate_error *error, struct buf *out);
// The same in Anthropic's shape and with its types; our code is its details.error_code.
void gate_error_write_anthropic(const struct gate_error *error, struct buf *out);
// The status that the client gets.
unsigned gate_error_status(const struct gate_error *error, bool anthropic);
// The whole HTTP/1.1 response at `now_s` (since 1970), closing the connection; without its body
// when `head`.
void gate_error_respond(const struct gate_error *error, const struct gate_edge *edge, bool head,
                        int64_t now_s, struct buf *out);

// ---- head.c: the header section of a request (RFC 9112), checked before any library reads it ----
// What a request says of itself to the policy (docs/policy.md).
struct gate_words {
    struct view label, consent, purpose; // Sekisho-Label, -Consent, -Purpose
};

// Fields that were absent have at == NULL.
struct gate_head {
    struct view method, target;
    struct view host, origin, authorization, api_key;
    struct view content_type, content_encoding, content_length, transfer_encoding, expect;
    struct view anthropic_version, idempotency_key;
    struct gate_words words;
    struct view access_control_request_method, access_control_request_headers;
    bool http11;  // else HTTP/1.0
    bool closes;  // no request follows: HTTP/1.0, or Connection says more than keep-alive
    bool chunked; // the body's framing; else body_len bytes
    uint64_t body_len;
    size_t len; // of the section, its last empty line included
};

// SK_BUSY: not whole yet, nothing wrong so far. SK_INPUT: refused, *error is filled.
enum sk_code gate_head_check(struct view bytes, size_t len_max, struct gate_head *out,
                             struct gate_error *error);

// Whether an Anthropic client asks: `anthropic-version`, or a path of its own. A head that was
// refused, or is not whole yet, answers by what was read.
bool gate_head_anthropic(const struct gate_head *head);

// The API key of `Authorization: Bearer KEY` or `x-api-key: KEY`; empty when there is none.
enum sk_code gate_credential(const struct gate_head *head, struct view *out,
                             struct gate_error *error);

// The value of Idempotency-Key: 1 to GATE_IDEMPOTENCY_MAX visible ASCII characters, as it was sent;
// empty when there is none.
enum sk_code gate_idempotency_key(const struct gate_head *head, struct view *out,
                                  struct gate_error *error);

// Its words for the policy, each visible ASCII; empty where there is none.
enum sk_code gate_words(const struct gate_head *head, struct gate_words *out,
                        struct gate_error *error);

// ---- host.c: a browser must not be led here by a foreign name (DNS rebinding) ----
// Host must be localhost, 127.0.0.1 or [::1] with `port`, or one of `hosts` (comma separated, as
// they appear in Host); Origin, when there, must be that host, one of `hosts`, or allowed (the edge
// says so: cors.h). SK_INPUT else.
enum sk_code gate_host_check(const struct gate_head *head, const struct gate_edge *edge,
                             uint16_t port, struct view hosts, struct gate_error *error);

// ---- endpoint.c, route.c: what is asked for ----
enum gate_what {
    GATE_ASK, // a body for the engine room: gate_ask_read
    GATE_MODELS,
    GATE_MODEL,
    GATE_RECEIPT,
    GATE_HEALTH,
    GATE_READY,
    GATE_OPENAPI,
    GATE_PAGE,
    GATE_RESPONSE,
    GATE_RESPONSE_DELETE,
    GATE_RESPONSE_CANCEL,
    GATE_RESPONSE_ITEMS,
    GATE_METRICS,
    GATE_CHECKPOINT,
    GATE_TILE,
    GATE_WITNESS_ADD,
    GATE_WITNESS_LAST,
};
struct gate_endpoint;
struct gate_protocol;
struct gate_route {
    enum gate_what what;
    const struct gate_endpoint *endpoint;
    const struct gate_protocol *protocol; // in whose words errors are told
    const char *media;                    // the type of what is found; NULL: JSON, or a stream
    bool head;                            // HEAD: the answer of GET without its body
    char model[GATE_MODEL_MAX + 1];       // of GATE_MODEL
    uint64_t number;                      // of GATE_RECEIPT
    struct tile_name tile;                // of GATE_TILE
    char log[2 * HASH_LEN + 1];           // of GATE_WITNESS_LAST: hex of SHA-256 of its origin
    bool keeps;                           // of GATE_ASK: responses can be kept
    struct view kept;                     // of GATE_ASK: what was found of gate_ask.find
    char response[GATE_ID_LEN + 1];       // of GATE_RESPONSE…
    bool stream, ascending;               // their queries: stream, order=asc,
    int64_t starting_after;               //   starting_after (-1: none),
    uint32_t limit;                       //   limit,
    char after[GATE_AFTER_MAX + 1];       //   after (an item's id, empty: none)
};
// SK_INPUT: no such path (404), method (405), media type (415) or number (404). out->protocol is
// set in any case.
enum sk_code gate_route_find(const struct gate_head *head, struct gate_route *out,
                             struct gate_error *error);

// GET /openapi.json: the OpenAPI 3.1 document of all this, as the tables have it.
void gate_openapi_write(struct buf *out);

// GET /verify: a page that verifies receipts and opens no connection (verify.html), and the headers
// that hold it to that.
struct view gate_page(void);
void gate_page_headers(gate_put_header put, void *self);

// ---- task: what an endpoint asks of the engine room ----
enum gate_operation {
    GATE_OP_CHAT,       // job with template_data
    GATE_OP_COMPLETION, // job with a prompt
    GATE_OP_EMBED,      // texts → their vectors
    GATE_OP_RERANK,     // query, texts → their scores
    GATE_OP_ATTRIBUTE,  // job's messages, answer, spans → how much each span moved the answer
    GATE_OP_COUNT,      // job with template_data → its tokens
    GATE_OPS,
};
enum {
    GATE_TEXTS_MAX = 2048, // of one task, as OpenAI's embeddings
    GATE_TASKS_MAX = 16,   // of one request: prompts x n
};

// One decision, one receipt. Views point into the request's body or arena.
struct gate_task {
    enum gate_operation operation;
    struct engine_job job;    // sampling.seed is drawn by the caller where `seeded` is false
    const struct view *texts; // EMBED: inputs; RERANK: documents
    uint32_t texts_len;
    uint32_t dimensions; // EMBED: of the vectors; 0: as many as the model makes
    struct view query;   // RERANK
    struct view answer;  // ATTRIBUTE, as the next four (engine_attribute)
    bool each_token;
    uint32_t cost_max;
    const struct engine_span *spans; // none: each sentence
    uint32_t spans_len;
};

// Whose scores those of a reranking are; a rank head's are logits, which the answer tells as
// probabilities. A place's are told as it gave them.
enum gate_score { GATE_SCORE_COSINE, GATE_SCORE_HEAD, GATE_SCORE_PLACE, GATE_SCORES };

// What EMBED, RERANK, ATTRIBUTE and COUNT give: one sealed file of little-endian values.
//   EMBED      u32 width (dimensions, if asked for), then for each text width x f32 (length 1)
//   RERANK     u8 enum gate_score, then for each document f32
//   ATTRIBUTE  JSON: the members of the answer from "baseline" on, in one object, as
//              engine_attribute_write gives them
//   COUNT      u32 tokens
// Tokens read are in the message itself.

// ---- ask.c: a request as an endpoint read it ----
struct gate_ask {
    const struct gate_protocol *protocol;
    struct view model;
    const struct gate_task *tasks; // for n choices of one prompt only the first: copies differ in
    uint32_t tasks_len, copies;    //   seed + i. tasks_len x copies is at most GATE_TASKS_MAX
    bool stream, usage, seeded;    // usage: the stream tells it; seeded: the client chose the seed
    struct view echo;              // what the answer says again; the protocol's own form
    struct view find;              // a kept response it goes on with: to be found, then read again
    bool store, background;        // keep the response; go on without the client
    const char *format;            // the field that gave job.format; NULL: protocol->param knows it
};

// Reads the body (changed in place, must live as long as *out) of a route that is GATE_ASK. SK_OK
// with `find` and no task: to be read again with what was found in route->kept. SK_INPUT: refused,
// *error is filled.
enum sk_code gate_ask_read(const struct gate_route *route, char *body, size_t len,
                           struct arena *arena, struct gate_ask *out, struct gate_error *error);

// ---- answer: what the border lets through, in the protocol's words ----

// What came of one token or more: parts and log-probabilities as they travel between rooms.
//   parts     for each u8 enum engine_channel, u32 len, bytes
//   logprobs  for each token: u16 len, bytes, f32 logprob, u8 n, then n x (u16 len, bytes, f32)
struct gate_piece {
    struct view parts, logprobs;
};

// One task's answer.
struct gate_choice {
    uint32_t index;
    struct buf parts, logprobs; // of all pieces so far
    bool over;
    struct view finish_reason; // stop, length, content_filter
    uint32_t stop;             // which stop string, or ENGINE_NO_STOP
    uint32_t prompt_tokens, prompt_cached, completion_tokens, reasoning_tokens;
    struct view receipt; // JSON, or empty
    struct view result;  // of a task that gives one
    // The protocol's own, zero at the beginning:
    enum engine_channel channel; // of the part that came last
    uint32_t blocks, calls;      // begun so far
    bool open;                   // a block is: it begins at
    size_t open_at;              //   this byte of parts
    uint64_t logprobs_at;        // of those that are written: code points, or bytes
};

struct gate_answer {
    const struct gate_protocol *protocol;
    uint8_t chance[12]; // names of it and of its calls are made of this
    char id[GATE_ID_LEN + 1], model[GATE_MODEL_MAX + 1];
    uint64_t created_s;
    bool stream, usage;
    const char *format; // gate_ask's
    struct buf echo;
    struct gate_choice *choices; // tasks_len x copies, those of one prompt side by side
    uint32_t choices_len, copies;
    uint64_t events; // written so far
};

// How answers and errors of an endpoint are written. All write whole events or bodies to `out`.
struct gate_protocol {
    const char *id_prefix; // e.g. "chatcmpl-"
    bool anthropic;        // names of headers, shape of errors
    bool retells;          // the end of a stream says all of it again: pieces are kept
    // A stream: begin when the first choice is accepted; a piece of a choice was already added to
    // its parts and logprobs; end_choice when it is over, end when all are. Any may be NULL.
    void (*begin)(struct gate_answer *answer, struct buf *out);
    void (*piece)(struct gate_answer *answer, struct gate_choice *choice,
                  const struct gate_piece *piece, struct buf *out);
    void (*end_choice)(struct gate_answer *answer, struct gate_choice *choice, struct buf *out);
    void (*end)(struct gate_answer *answer, struct buf *out);
    void (*broken)(struct gate_answer *answer, const struct gate_error *error, struct buf *out);
    void (*ping)(struct buf *out);
    // All at once, when every choice is over.
    void (*whole)(struct gate_answer *answer, struct buf *out);
    void (*error)(const struct gate_error *error, struct buf *out);
    // The protocol's name of the field that the engine calls `param` (format, messages, …).
    const char *(*param)(const char *param);
};
// Makes the id of protocol's prefix and chance.
void gate_answer_name(struct gate_answer *answer, const uint8_t chance[12]);

// ---- responses_write.c: responses that are kept ----
// An answer of /v1/responses as far as it is: status queued, in_progress, completed, incomplete,
// cancelled, or failed with an error.
void gate_response_write(const struct gate_answer *answer, const char *status,
                         const struct gate_error *error, struct buf *out);
// The record of it to be kept, with the events of its stream.
void gate_response_record(const struct gate_answer *answer, const char *status,
                          const struct gate_error *error, struct view events, struct buf *out);
// responses_kept.c: what a record shows. `record` is of gate_response_record.
struct view gate_record_response(struct view record); // JSON
// The events after sequence number `after` (-1: all).
struct view gate_events_after(struct view events, int64_t after);
struct view gate_record_events(struct view record);
// GET /v1/responses/{id}/input_items: a page of the items.
void gate_record_items(struct view record, const struct gate_route *route, struct arena *arena,
                       struct buf *out);

// ---- models.c ----
// The answer of GATE_MODELS or GATE_MODEL in the words of the route's protocol, of border's list of
// models (JSON in OpenAI's form, changed in place). SK_INPUT: 404.
enum sk_code gate_models_write(const struct gate_route *route, char *models, size_t len,
                               struct arena *arena, struct buf *out, struct gate_error *error);
