// Upstream: other machines' protocols, spoken as a client. C over memory.
//
// A task becomes one envelope: the exact bytes of an HTTP request's body, written by border,
// sealed, committed to and posted by ferry as it is. The answer's bytes, whole or as server-sent
// events in any chunks, become pieces, a result, usage and an end. Promises: what a place's
// protocol cannot carry is refused by name before anything is written; what the place answers is
// checked as hostile bytes. Refuses: answers with more than one choice, names of tools that were
// not offered, arguments that are no JSON object.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"
#include "gate/gate.h"

enum upstream_kind { UPSTREAM_OPENAI, UPSTREAM_ANTHROPIC }; // as enum policy_kind

enum {
    UPSTREAM_PUSH_MAX = 1 << 16,  // bytes of one push
    UPSTREAM_EVENT_MAX = 1 << 20, // bytes of one event of a stream
    UPSTREAM_ARENA = 16 << 20,    // a reader's, of a stream; touched as far as it is used
    UPSTREAM_TOOLS_MAX = 128,     // as gate
    UPSTREAM_MESSAGE_MAX = 400,   // bytes of an error's text
};

// What is posted where. Path is below the place's base URL ("/chat/completions", "/messages").
const char *upstream_path(enum upstream_kind kind, enum gate_operation operation); // NULL: cannot
// Headers beside Content-Type, one per line, without the credential ("anthropic-version: …"); and
// the name of the header that carries it ("Authorization: Bearer ", "x-api-key: ").
const char *upstream_headers(enum upstream_kind kind);
const char *upstream_credential(enum upstream_kind kind);

// The envelope of `task` for the model called `model` there, streaming where text is made.
// SK_UNSUPPORTED: "format: …", beginning with the engine's term of the field that cannot travel.
enum sk_code upstream_write(enum upstream_kind kind, const struct gate_task *task,
                            struct view model, struct arena *arena, struct buf *out);

// ---- the answer ----
enum upstream_event_type {
    UPSTREAM_PIECE,  // parts and logprobs as in gate_piece, in the reader's buffers
    UPSTREAM_RESULT, // of EMBED, RERANK, COUNT: bytes as gate.h has them
    UPSTREAM_END,
};
struct upstream_event {
    enum upstream_event_type type;
    struct view parts, logprobs, result;
    uint32_t tokens; // of a piece: 1 when the place does not say
    bool length;     // END: the token limit ended it; else stop,
    uint32_t stop;   //   by this stop string of the job, or ENGINE_NO_STOP: none, or not said
    bool filtered;   // END: the place refused to go on (content_filter, refusal)
    uint32_t prompt_tokens, prompt_cached, completion_tokens, reasoning_tokens; // END
};

// One answer under way; everything is taken from `arena`, bounded by it: UPSTREAM_ARENA for a
// stream. An answer that comes whole, as results do, has a third of what is left for its bytes.
struct upstream_reader;
enum sk_code upstream_open(enum upstream_kind kind, const struct gate_task *task,
                           struct arena *arena, struct upstream_reader **out);
// Adds at most UPSTREAM_PUSH_MAX bytes of the body of a 200 answer; `last` when it is over. Then
// events are taken until none is left; after END the rest is ignored. SK_CORRUPT: not what the
// protocol says, or cut off; SK_LIMIT: an event or the whole over its size; SK_GONE: the place says
// inside its answer that it failed. After any of these only what was queued before is there.
enum sk_code upstream_push(struct upstream_reader *reader, struct view bytes, bool last);
bool upstream_next(struct upstream_reader *reader, struct upstream_event *out);

// What an answer that is not 200 says: SK_BUSY (429, 503, 529), SK_GONE (other 5xx, 408), SK_DENIED
// (401, 403), SK_UNKNOWN (404), SK_INPUT (else). text: its message, UTF-8, one line.
enum sk_code upstream_failed(unsigned status, struct view body, struct arena *arena,
                             char text[UPSTREAM_MESSAGE_MAX + 1]);
