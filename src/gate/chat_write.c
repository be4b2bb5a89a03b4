// POST /v1/chat/completions: the answer. The receipt rides in the event that carries finish_reason,
// under a key of its own, because clients take choices[0] of every event that has choices.
#include "gate/protocols.h"

static void put_head(struct json_writer *w, const struct gate_answer *answer, const char *object) {
    json_open(w, '{');
    json_member_text(w, "id", answer->id);
    json_member_text(w, "object", object);
    json_member_u64(w, "created", answer->created_s);
    json_member_text(w, "model", answer->model);
}

static void put_logprobs(struct json_writer *w, struct view bytes) {
    json_name(w, "logprobs");
    if (!bytes.len) {
        json_put_null(w);
        return;
    }
    json_open(w, '{');
    json_name(w, "content");
    put_token_list(w, bytes);
    json_name(w, "refusal");
    json_put_null(w);
    json_close(w, '}');
}

// ---- a stream ----

// One chunk up to and into its delta: the caller puts the delta's members and closes it.
static struct json_writer chunk_begin(const struct gate_answer *answer,
                                      const struct gate_choice *choice, struct buf *out) {
    struct json_writer w = event_begin(out);
    put_head(&w, answer, "chat.completion.chunk");
    json_name(&w, "choices");
    json_open(&w, '[');
    json_open(&w, '{');
    json_member_u64(&w, "index", choice->index);
    json_name(&w, "delta");
    json_open(&w, '{');
    return w;
}

static void chunk_end(struct json_writer *w, const struct gate_answer *answer,
                      const struct gate_choice *choice, struct view logprobs) {
    json_close(w, '}');
    put_logprobs(w, logprobs);
    json_name(w, "finish_reason");
    if (choice->over)
        json_put_string(w, finish_reason(choice));
    else
        json_put_null(w);
    json_close(w, '}');
    json_close(w, ']');
    if (answer->usage) {
        json_name(w, "usage");
        json_put_null(w);
    }
    if (choice->over) put_receipts(w, choice, 1);
    json_close(w, '}');
    event_end(w->out);
}

static void chat_begin(struct gate_answer *answer, struct buf *out) {
    for (uint32_t i = 0; i < answer->choices_len; i++) {
        struct json_writer w = chunk_begin(answer, &answer->choices[i], out);
        json_member_text(&w, "role", "assistant");
        json_member_text(&w, "content", "");
        json_name(&w, "refusal");
        json_put_null(&w);
        chunk_end(&w, answer, &answer->choices[i], (struct view){0});
    }
}

static void put_call(struct json_writer *w, const struct gate_answer *answer,
                     const struct gate_choice *choice, uint32_t call, struct view name) {
    char id[CALL_ID_LEN];
    struct buf text = buf_over(id, sizeof id);
    put_call_id(answer, choice, call, &text);
    json_member_string(w, "id", buf_view(&text));
    json_member_text(w, "type", "function");
    json_name(w, "function");
    json_open(w, '{');
    json_member_string(w, "name", name);
    json_name(w, "arguments");
}

static void put_call_delta(struct json_writer *w, const struct gate_answer *answer,
                           struct gate_choice *choice, const struct engine_part *part) {
    bool begins = part->channel == ENGINE_CALL;
    choice->calls += begins;
    json_name(w, "tool_calls");
    json_open(w, '[');
    json_open(w, '{');
    json_member_u64(w, "index", choice->calls - 1);
    if (begins) {
        put_call(w, answer, choice, choice->calls - 1, part->text);
        json_put_text(w, "");
    } else {
        json_name(w, "function");
        json_open(w, '{');
        json_member_string(w, "arguments", part->text);
    }
    json_close(w, '}');
    json_close(w, '}');
    json_close(w, ']');
}

static void chat_piece(struct gate_answer *answer, struct gate_choice *choice,
                       const struct gate_piece *piece, struct buf *out) {
    struct wire in = wire_over(piece->parts);
    struct engine_part part;
    struct view logprobs = piece->logprobs; // with the first part
    while (part_next(&in, &part)) {
        struct json_writer w = chunk_begin(answer, choice, out);
        if (part.channel == ENGINE_CONTENT)
            json_member_string(&w, "content", part.text);
        else if (part.channel == ENGINE_REASONING)
            json_member_string(&w, "reasoning_content", part.text);
        else
            put_call_delta(&w, answer, choice, &part);
        chunk_end(&w, answer, choice, logprobs);
        logprobs.len = 0;
    }
    if (!logprobs.len) return;
    struct json_writer w = chunk_begin(answer, choice, out);
    json_member_text(&w, "content", "");
    chunk_end(&w, answer, choice, logprobs);
}

static void chat_end_choice(struct gate_answer *answer, struct gate_choice *choice,
                            struct buf *out) {
    struct json_writer w = chunk_begin(answer, choice, out);
    chunk_end(&w, answer, choice, (struct view){0});
}

static void chat_end(struct gate_answer *answer, struct buf *out) {
    if (answer->usage) {
        struct json_writer w = event_begin(out);
        put_head(&w, answer, "chat.completion.chunk");
        json_name(&w, "choices");
        json_open(&w, '[');
        json_close(&w, ']');
        put_usage(&w, answer);
        json_close(&w, '}');
        event_end(out);
    }
    buf_put_text(out, "data: [DONE]\n\n");
}

// ---- all at once ----

// The texts of one channel, as one string.
static void put_channel(struct json_writer *w, const struct gate_choice *choice,
                        enum engine_channel channel) {
    struct wire in = wire_over(buf_view(&choice->parts));
    struct engine_part part;
    json_string_begin(w);
    while (part_next(&in, &part))
        if (part.channel == channel) json_string_more(w, part.text);
    json_string_end(w);
}

static bool has_channel(const struct gate_choice *choice, enum engine_channel channel) {
    struct wire in = wire_over(buf_view(&choice->parts));
    struct engine_part part;
    while (part_next(&in, &part))
        if (part.channel == channel) return true;
    return false;
}

static void put_calls(struct json_writer *w, const struct gate_answer *answer,
                      struct gate_choice *choice) {
    struct wire in = wire_over(buf_view(&choice->parts));
    struct engine_part part;
    for (choice->calls = 0; part_next(&in, &part);) {
        if (part.channel == ENGINE_ARGUMENTS) json_string_more(w, part.text);
        if (part.channel != ENGINE_CALL) continue;
        if (choice->calls > 0) {
            json_string_end(w);
            json_close(w, '}');
            json_close(w, '}');
        }
        json_open(w, '{');
        put_call(w, answer, choice, choice->calls++, part.text);
        json_string_begin(w);
    }
    json_string_end(w);
    json_close(w, '}');
    json_close(w, '}');
}

static void put_choice(struct json_writer *w, const struct gate_answer *answer,
                       struct gate_choice *choice) {
    bool calls = has_channel(choice, ENGINE_CALL);
    json_open(w, '{');
    json_member_u64(w, "index", choice->index);
    json_name(w, "message");
    json_open(w, '{');
    json_member_text(w, "role", "assistant");
    json_name(w, "content");
    if (calls && !has_channel(choice, ENGINE_CONTENT))
        json_put_null(w);
    else
        put_channel(w, choice, ENGINE_CONTENT);
    json_name(w, "refusal");
    json_put_null(w);
    if (has_channel(choice, ENGINE_REASONING)) {
        json_name(w, "reasoning_content");
        put_channel(w, choice, ENGINE_REASONING);
    }
    if (calls) {
        json_name(w, "tool_calls");
        json_open(w, '[');
        put_calls(w, answer, choice);
        json_close(w, ']');
    }
    json_close(w, '}');
    put_logprobs(w, buf_view(&choice->logprobs));
    json_name(w, "finish_reason");
    json_put_string(w, finish_reason(choice));
    json_close(w, '}');
}

static void chat_whole(struct gate_answer *answer, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    put_head(&w, answer, "chat.completion");
    json_name(&w, "choices");
    json_open(&w, '[');
    for (uint32_t i = 0; i < answer->choices_len; i++) put_choice(&w, answer, &answer->choices[i]);
    json_close(&w, ']');
    put_usage(&w, answer);
    put_receipts(&w, answer->choices, answer->choices_len);
    json_close(&w, '}');
}

static const char *chat_param(const char *param) {
    return view_is(view_of(param), "format") ? "response_format.json_schema.schema" : param;
}

const struct gate_protocol chat_protocol = {
    .id_prefix = "chatcmpl-",
    .begin = chat_begin,
    .piece = chat_piece,
    .end_choice = chat_end_choice,
    .end = chat_end,
    .broken = stream_broken,
    .ping = ping_comment,
    .whole = chat_whole,
    .error = gate_error_write,
    .param = chat_param,
};
