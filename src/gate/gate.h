// Gate: the protocols at the node's edge. C over memory: HTTP heads in, OpenAI's JSON in and out.
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
#include "base/view.h"
#include "engine/engine.h"

enum {
    GATE_METHOD_MAX = 16,
    GATE_TARGET_MAX = 4096,
    GATE_FIELDS_MAX = 100,
    GATE_MODEL_MAX = 256,      // bytes of a model's id
    GATE_CREDENTIAL_MAX = 512, // bytes of an API key
};

// What a client is told instead of an answer, in OpenAI's shape.
struct gate_error {
    unsigned status;
    uint32_t retry_after_s;             // 0: no Retry-After
    const char *allow;                  // of a 405: the methods that are; else NULL
    char type[65], code[65], param[65]; // an empty code or param is null
    char text[1025];
};

// Fills `error`, its type following from the status, and returns SK_INPUT.
enum sk_code gate_refuse(struct gate_error *error, unsigned status, const char *code,
                         const char *param, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void gate_error_write(const struct gate_error *error, struct buf *out);
// The whole HTTP/1.1 response at `now_s` (since 1970), closing the connection; without its body
// when `head`.
void gate_error_respond(const struct gate_error *error, bool head, int64_t now_s, struct buf *out);

// ---- head.c: the header section of a request (RFC 9112), checked before any library reads it ----
// Fields that were absent have at == NULL.
struct gate_head {
    struct view method, target;
    struct view host, origin, authorization, api_key;
    struct view content_type, content_encoding, content_length, transfer_encoding, expect;
    bool http11;  // else HTTP/1.0
    bool chunked; // the body's framing; else body_len bytes
    uint64_t body_len;
    size_t len; // of the section, its last empty line included
};

// SK_BUSY: not whole yet, nothing wrong so far. SK_INPUT: refused, *error is filled.
enum sk_code gate_head_check(struct view bytes, size_t len_max, struct gate_head *out,
                             struct gate_error *error);

// The API key of `Authorization: Bearer KEY` or `x-api-key: KEY`; empty when there is none.
enum sk_code gate_credential(const struct gate_head *head, struct view *out,
                             struct gate_error *error);

// ---- host.c: a browser must not be led here by a foreign name (DNS rebinding) ----
// Host must be localhost, 127.0.0.1 or [::1] with `port`, or one of `hosts` (comma separated, as
// they appear in Host); Origin, when there, must be that host or one of `hosts`. SK_INPUT else.
enum sk_code gate_host_check(const struct gate_head *head, uint16_t port, struct view hosts,
                             struct gate_error *error);

// ---- route.c: what is asked for ----
enum gate_what {
    GATE_CHAT,
    GATE_MODELS,
    GATE_MODEL,
    GATE_RECEIPT,
    GATE_HEALTH,
    GATE_READY,
};
struct gate_route {
    enum gate_what what;
    bool head;                      // HEAD: the answer of GET without its body
    char model[GATE_MODEL_MAX + 1]; // of GATE_MODEL
    uint64_t number;                // of GATE_RECEIPT
};
// SK_INPUT: no such path (404), method (405), media type (415) or number (404).
enum sk_code gate_route_find(const struct gate_head *head, struct gate_route *out,
                             struct gate_error *error);

// ---- openai_read.c: POST /v1/chat/completions ----
struct gate_chat {
    struct engine_job job; // lists and texts live in the arena and in the body
    struct view model;
    bool stream, usage; // usage: stream_options.include_usage
    bool seeded;        // else the caller draws job.sampling.seed
};
// `body` (changed in place) must live as long as *out. SK_INPUT: refused, *error is filled.
enum sk_code gate_chat_read(char *body, size_t len, struct arena *arena, struct gate_chat *out,
                            struct gate_error *error);

// ---- openai_write.c: answers ----
enum {
    GATE_ID_LEN = 33,            // "chatcmpl-" and 24 hex digits
    GATE_EVENT_EXTRA_MAX = 4096, // bytes of one stream event beside its escaped text
    GATE_ESCAPE_MAX = 6,         // bytes one byte of text can become
};
struct gate_reply {
    char id[GATE_ID_LEN + 1], model[GATE_MODEL_MAX + 1];
    uint64_t created_s;
    bool usage;
    uint32_t prompt_tokens, completion_tokens;
    struct view finish_reason, receipt; // receipt: JSON, or empty
};
void gate_reply_name(struct gate_reply *reply, const uint8_t chance[12]); // makes the id
void gate_stream_begin(const struct gate_reply *reply, struct buf *out);
void gate_stream_text(const struct gate_reply *reply, struct view text, struct buf *out);
void gate_stream_end(const struct gate_reply *reply, struct buf *out);
void gate_stream_error(const struct gate_error *error, struct buf *out);
// A comment event: bytes for a client that may have left, nothing to one that reads.
void gate_stream_ping(struct buf *out);
void gate_whole(const struct gate_reply *reply, struct view text, struct buf *out);

// The one of a list of models (JSON, changed in place) that has this id. SK_INPUT: 404.
enum sk_code gate_model_pick(char *models, size_t len, const char *id, struct arena *arena,
                             struct buf *out, struct gate_error *error);
