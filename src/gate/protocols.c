#include "gate/protocols.h"

#include <math.h>

#include "base/text.h"

void gate_answer_name(struct gate_answer *answer, const uint8_t chance[12]) {
    struct buf id = buf_over(answer->id, GATE_ID_LEN);
    memcpy(answer->chance, chance, sizeof answer->chance);
    buf_put_text(&id, answer->protocol->id_prefix);
    hex_put(&id, chance, sizeof answer->chance);
    must(!id.over);
    answer->id[id.len] = 0;
}

bool part_next(struct wire *parts, struct engine_part *out) {
    if (parts->bad || parts->at == parts->end) return false;
    out->channel = (enum engine_channel)wire_take_u8(parts);
    out->text = wire_take_text(parts, SIZE_MAX);
    return !parts->bad;
}

static struct view token_bytes(struct wire *logprobs) {
    return wire_take_bytes(logprobs, wire_take_u16(logprobs));
}

bool token_next(struct wire *logprobs, struct token *out) {
    if (logprobs->bad || logprobs->at == logprobs->end) return false;
    *out = token_alternative(logprobs);
    out->alternatives = wire_take_u8(logprobs);
    return !logprobs->bad;
}

struct token token_alternative(struct wire *logprobs) {
    struct token token = {.bytes = token_bytes(logprobs)};
    token.logprob = wire_take_f32(logprobs);
    if (!isfinite(token.logprob)) token.logprob = -9999; // OpenAI's for what cannot be told
    return token;
}

static void put_token(struct json_writer *w, const struct token *token) {
    json_member_string(w, "token", token->bytes);
    json_name(w, "logprob");
    json_put_f64(w, (double)token->logprob);
    json_name(w, "bytes");
    json_open(w, '[');
    for (size_t i = 0; i < token->bytes.len; i++) json_put_u64(w, (uint8_t)token->bytes.at[i]);
    json_close(w, ']');
}

void put_token_list(struct json_writer *w, struct view logprobs) {
    struct wire in = wire_over(logprobs);
    struct token token;
    json_open(w, '[');
    while (token_next(&in, &token)) {
        json_open(w, '{');
        put_token(w, &token);
        json_name(w, "top_logprobs");
        json_open(w, '[');
        for (uint32_t i = 0; i < token.alternatives; i++) {
            struct token other = token_alternative(&in);
            json_open(w, '{');
            put_token(w, &other);
            json_close(w, '}');
        }
        json_close(w, ']');
        json_close(w, '}');
    }
    json_close(w, ']');
}

void put_call_id(const struct gate_answer *answer, const struct gate_choice *choice, uint32_t call,
                 struct buf *out) {
    uint8_t chance[12];
    memcpy(chance, answer->chance, sizeof chance);
    chance[9] ^= (uint8_t)(call >> 8);
    chance[10] ^= (uint8_t)choice->index;
    chance[11] ^= (uint8_t)call;
    buf_put_text(out, answer->protocol->anthropic ? "toolu_" : "call_");
    hex_put(out, chance, sizeof chance);
}

struct view finish_reason(const struct gate_choice *choice) {
    bool called = choice->calls > 0 && view_is(choice->finish_reason, "stop");
    return called ? VIEW("tool_calls") : choice->finish_reason;
}

static void put_receipt(struct json_writer *w, const struct gate_choice *choice) {
    if (choice->receipt.len)
        json_put_raw(w, choice->receipt);
    else
        json_put_null(w);
}

void put_receipts(struct json_writer *w, const struct gate_choice *choices, uint32_t len) {
    json_name(w, "sekisho");
    json_open(w, '{');
    json_name(w, len == 1 ? "receipt" : "receipts");
    if (len > 1) json_open(w, '[');
    for (uint32_t i = 0; i < len; i++) put_receipt(w, &choices[i]);
    if (len > 1) json_close(w, ']');
    json_close(w, '}');
}

void put_usage(struct json_writer *w, const struct gate_answer *answer) {
    uint64_t prompt = 0, cached = 0, completion = 0, reasoning = 0;
    for (uint32_t i = 0; i < answer->choices_len; i++) {
        const struct gate_choice *choice = &answer->choices[i];
        bool first = i % answer->copies == 0;
        prompt += first ? choice->prompt_tokens : 0;
        cached += first ? choice->prompt_cached : 0;
        completion += choice->completion_tokens;
        reasoning += choice->reasoning_tokens;
    }
    json_name(w, "usage");
    json_open(w, '{');
    json_member_u64(w, "prompt_tokens", prompt);
    json_member_u64(w, "completion_tokens", completion);
    json_member_u64(w, "total_tokens", prompt + completion);
    json_name(w, "prompt_tokens_details");
    json_open(w, '{');
    json_member_u64(w, "cached_tokens", cached);
    json_close(w, '}');
    json_name(w, "completion_tokens_details");
    json_open(w, '{');
    json_member_u64(w, "reasoning_tokens", reasoning);
    json_close(w, '}');
    json_close(w, '}');
}

const char *same_param(const char *param) { return param; }

struct json_writer event_begin(struct buf *out) {
    buf_put_text(out, "data: ");
    return json_writer_to(out);
}

void event_end(struct buf *out) { buf_put_text(out, "\n\n"); }

void stream_broken(struct gate_answer *answer, const struct gate_error *error, struct buf *out) {
    (void)answer;
    buf_put_text(out, "data: ");
    gate_error_write(error, out);
    event_end(out);
}

void ping_comment(struct buf *out) { buf_put_text(out, ": there?\n\n"); }
