// Answers in OpenAI's shapes. The receipt rides in the event that carries finish_reason, under a
// key of its own, because clients take choices[0] of every event that has choices.
#include "gate/gate.h"

#include "base/json.h"
#include "base/text.h"

void gate_reply_name(struct gate_reply *reply, const uint8_t chance[12]) {
    struct buf id = buf_over(reply->id, GATE_ID_LEN);
    buf_put_text(&id, "chatcmpl-");
    hex_put(&id, chance, 12);
    must(!id.over && id.len == GATE_ID_LEN);
    reply->id[GATE_ID_LEN] = 0;
}

static void put_head(struct json_writer *w, const struct gate_reply *reply, const char *object) {
    json_open(w, '{');
    json_member_text(w, "id", reply->id);
    json_member_text(w, "object", object);
    json_member_u64(w, "created", reply->created_s);
    json_member_text(w, "model", reply->model);
}

static void put_usage(struct json_writer *w, const struct gate_reply *reply) {
    json_name(w, "usage");
    json_open(w, '{');
    json_member_u64(w, "prompt_tokens", reply->prompt_tokens);
    json_member_u64(w, "completion_tokens", reply->completion_tokens);
    json_member_u64(w, "total_tokens", (uint64_t)reply->prompt_tokens + reply->completion_tokens);
    json_close(w, '}');
}

static void put_receipt(struct json_writer *w, const struct gate_reply *reply) {
    json_name(w, "sekisho");
    json_open(w, '{');
    json_name(w, "receipt");
    if (reply->receipt.len)
        json_put_raw(w, reply->receipt);
    else
        json_put_null(w);
    json_close(w, '}');
}

static struct json_writer event_begin(struct buf *out) {
    buf_put_text(out, "data: ");
    return json_writer_to(out);
}

static void event_end(struct buf *out) {
    buf_put_text(out, "\n\n");
}

// One chunk up to and into its delta: the caller puts the delta's members and closes it.
static struct json_writer chunk_begin(const struct gate_reply *reply, struct buf *out) {
    struct json_writer w = event_begin(out);
    put_head(&w, reply, "chat.completion.chunk");
    json_name(&w, "choices");
    json_open(&w, '[');
    json_open(&w, '{');
    json_member_u64(&w, "index", 0);
    json_name(&w, "delta");
    json_open(&w, '{');
    return w;
}

static void chunk_end(struct json_writer *w, const struct gate_reply *reply, bool last) {
    json_close(w, '}');
    json_name(w, "logprobs");
    json_put_null(w);
    json_name(w, "finish_reason");
    if (last)
        json_put_string(w, reply->finish_reason);
    else
        json_put_null(w);
    json_close(w, '}');
    json_close(w, ']');
    if (reply->usage) {
        json_name(w, "usage");
        json_put_null(w);
    }
    if (last) put_receipt(w, reply);
    json_close(w, '}');
    event_end(w->out);
}

void gate_stream_begin(const struct gate_reply *reply, struct buf *out) {
    struct json_writer w = chunk_begin(reply, out);
    json_member_text(&w, "role", "assistant");
    json_member_text(&w, "content", "");
    json_name(&w, "refusal");
    json_put_null(&w);
    chunk_end(&w, reply, false);
}

void gate_stream_text(const struct gate_reply *reply, struct view text, struct buf *out) {
    struct json_writer w = chunk_begin(reply, out);
    json_member_string(&w, "content", text);
    chunk_end(&w, reply, false);
}

void gate_stream_end(const struct gate_reply *reply, struct buf *out) {
    struct json_writer w = chunk_begin(reply, out);
    chunk_end(&w, reply, true);
    if (reply->usage) {
        w = event_begin(out);
        put_head(&w, reply, "chat.completion.chunk");
        json_name(&w, "choices");
        json_open(&w, '[');
        json_close(&w, ']');
        put_usage(&w, reply);
        json_close(&w, '}');
        event_end(out);
    }
    buf_put_text(out, "data: [DONE]\n\n");
}

void gate_stream_error(const struct gate_error *error, struct buf *out) {
    buf_put_text(out, "data: ");
    gate_error_write(error, out);
    event_end(out);
}

void gate_stream_ping(struct buf *out) {
    buf_put_text(out, ": there?\n\n");
}

void gate_whole(const struct gate_reply *reply, struct view text, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    put_head(&w, reply, "chat.completion");
    json_name(&w, "choices");
    json_open(&w, '[');
    json_open(&w, '{');
    json_member_u64(&w, "index", 0);
    json_name(&w, "message");
    json_open(&w, '{');
    json_member_text(&w, "role", "assistant");
    json_member_string(&w, "content", text);
    json_name(&w, "refusal");
    json_put_null(&w);
    json_close(&w, '}');
    json_name(&w, "logprobs");
    json_put_null(&w);
    json_name(&w, "finish_reason");
    json_put_string(&w, reply->finish_reason);
    json_close(&w, '}');
    json_close(&w, ']');
    put_usage(&w, reply);
    put_receipt(&w, reply);
    json_close(&w, '}');
}
