// Protocols: the endpoints' readers and writers, and what they share. Inside the gate module only.
#pragma once
#include "base/wire.h"
#include "gate/field.h"

// Each reads a body that is an object: *ask is zeroed. SK_INPUT: refused.
enum sk_code chat_read(struct reading *r, struct gate_ask *ask);
enum sk_code completion_read(struct reading *r, struct gate_ask *ask);
enum sk_code messages_read(struct reading *r, struct gate_ask *ask);
enum sk_code count_tokens_read(struct reading *r, struct gate_ask *ask);
enum sk_code embedding_read(struct reading *r, struct gate_ask *ask);
enum sk_code rerank_read(struct reading *r, struct gate_ask *ask);
enum sk_code attribution_read(struct reading *r, struct gate_ask *ask);
enum sk_code responses_read(struct reading *r, struct gate_ask *ask);

extern const struct gate_protocol chat_protocol, completion_protocol, responses_protocol,
    messages_protocol, count_tokens_protocol, embedding_protocol, rerank_protocol,
    attribution_protocol;
extern const struct shape chat_shape, completion_shape, responses_shape, messages_shape,
    count_tokens_shape, embedding_shape, rerank_shape, attribution_shape;

// The next part of a piece, or of all of them; false at the end.
bool part_next(struct wire *parts, struct engine_part *out);

// A token with its log-probability; its alternatives are the next `alternatives` ones.
struct token {
    struct view bytes;
    float logprob;
    uint32_t alternatives;
};
bool token_next(struct wire *logprobs, struct token *out);        // one that was chosen
struct token token_alternative(struct wire *logprobs);            // one beside it

// All tokens as a JSON array of {"token", "logprob", "bytes", "top_logprobs"}.
void put_token_list(struct json_writer *w, struct view logprobs);

// "call_" (Anthropic's "toolu_") and 24 hex digits: of this call of this choice.
enum { CALL_ID_LEN = 30 };
void put_call_id(const struct gate_answer *answer, const struct gate_choice *choice, uint32_t call,
                 struct buf *out);

// "stop", "length" or, where calls were made, "tool_calls".
struct view finish_reason(const struct gate_choice *choice);

// Members of the answer that are ours: "sekisho": {"receipt": …}, or "receipts" of several choices.
void put_receipts(struct json_writer *w, const struct gate_choice *choices, uint32_t len);
// "usage" as chat and completions tell it: prompts count once for all their choices.
void put_usage(struct json_writer *w, const struct gate_answer *answer);

// The engine's names of fields, where the protocol's are the same.
const char *same_param(const char *param);

// Server-sent events of one JSON value each.
struct json_writer event_begin(struct buf *out);
void event_end(struct buf *out);
void stream_broken(struct gate_answer *answer, const struct gate_error *error, struct buf *out);
void ping_comment(struct buf *out); // bytes for a client that may have left, nothing to a reader
