// POST /v1/messages: the answer, and that of count_tokens. An answer is a list of blocks: each run
// of thoughts or of text is one, each call of a tool is one. The receipt rides in the message, of a
// stream in message_delta, which ends it.
#include "gate/anthropic.h"
#include "gate/protocols.h"

// ---- what the request said (anthropic.h) ----

struct wishes {
    bool omitted;
    uint32_t max_tokens;
    struct view stop; // which ended the answer, or empty
};

static struct wishes wishes_of(const struct gate_answer *answer, const struct gate_choice *choice) {
    struct wire in = wire_over(buf_view(&answer->echo));
    struct wishes wishes = {.omitted = wire_take_u8(&in) != 0};
    wishes.max_tokens = wire_take_u32(&in);
    if (!choice->over || choice->stop == ENGINE_NO_STOP) return wishes;
    for (uint32_t i = 0; i <= choice->stop; i++)
        wishes.stop = wire_take_text(&in, SIZE_MAX);
    if (in.bad) wishes.stop = (struct view){0};
    return wishes;
}

// ---- blocks ----

struct block {
    enum engine_channel channel; // of its first part
    struct wire parts;           // from that on
    uint32_t len;                // of them
};

static bool belongs(const struct block *block, enum engine_channel channel) {
    if (block->channel == ENGINE_CALL) return channel == ENGINE_ARGUMENTS;
    return block->channel == channel;
}

// The next block of the parts; false at the end.
static bool block_next(struct wire *in, struct block *out) {
    struct engine_part part;
    *out = (struct block){.parts = *in};
    for (struct wire ahead = *in; part_next(&ahead, &part); *in = ahead) {
        if (out->len == 0)
            out->channel = part.channel;
        else if (!belongs(out, part.channel))
            break;
        out->len++;
    }
    return out->len > 0;
}

// Its texts, but for the name of a call.
static void block_put(const struct block *block, struct json_writer *w, bool string) {
    struct wire in = block->parts;
    struct engine_part part;
    for (uint32_t i = 0; i < block->len && part_next(&in, &part); i++) {
        if (part.channel == ENGINE_CALL) continue;
        if (string)
            json_string_more(w, part.text);
        else
            buf_put_view(w->out, part.text);
    }
}

static size_t block_bytes(const struct block *block) {
    struct wire in = block->parts;
    struct engine_part part;
    size_t n = 0;
    for (uint32_t i = 0; i < block->len && part_next(&in, &part); i++)
        n += part.text.len;
    return n;
}

// Whether a call's input came to its end, which it does not where max_tokens cuts it: what there is
// of it is the beginning of a JSON object.
static bool call_is_whole(const struct block *call) {
    struct wire in = call->parts;
    struct engine_part part;
    int depth = 0;
    bool string = false, escape = false, begun = false;
    for (uint32_t i = 0; i < call->len && part_next(&in, &part); i++) {
        if (part.channel == ENGINE_CALL) continue;
        for (size_t j = 0; j < part.text.len; j++) {
            char c = part.text.at[j];
            bool plain = !string;
            if (c == '"' && !escape) string = !string;
            escape = string && c == '\\' && !escape;
            if (!plain) continue;
            begun = begun || c == '{';
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        }
    }
    return begun && depth == 0;
}

// The block that is open.
static struct block open_block(const struct gate_choice *choice) {
    struct wire in = wire_over(view_from(buf_view(&choice->parts), choice->open_at));
    struct block block;
    must(block_next(&in, &block));
    return block;
}

// ---- members ----

static void put_signature(struct json_writer *w, const struct block *thoughts, bool omitted) {
    json_name(w, "signature");
    json_string_begin(w);
    json_string_more(w, VIEW(ANTHROPIC_SIGNATURE));
    if (omitted && block_bytes(thoughts) <= ANTHROPIC_CARRIED_MAX) {
        json_string_more(w, VIEW(":"));
        block_put(thoughts, w, true);
    }
    json_string_end(w);
}

// Up to its input.
static void put_call(struct json_writer *w, const struct gate_answer *answer,
                     const struct gate_choice *choice, uint32_t call, struct view name) {
    char id[CALL_ID_LEN];
    struct buf text = buf_over(id, sizeof id);
    put_call_id(answer, choice, call, &text);
    json_member_text(w, "type", "tool_use");
    json_member_string(w, "id", buf_view(&text));
    json_member_string(w, "name", name);
    json_name(w, "input");
}

// What was found in the cache is not counted as input.
static void put_usage_of(struct json_writer *w, const struct gate_choice *choice) {
    json_name(w, "usage");
    json_open(w, '{');
    json_member_u64(w, "input_tokens", choice->prompt_tokens - choice->prompt_cached);
    json_member_u64(w, "cache_creation_input_tokens", 0);
    json_member_u64(w, "cache_read_input_tokens", choice->prompt_cached);
    json_member_u64(w, "output_tokens", choice->completion_tokens);
    json_name(w, "output_tokens_details");
    json_open(w, '{');
    json_member_u64(w, "thinking_tokens", choice->reasoning_tokens);
    json_close(w, '}');
    json_close(w, '}');
}

static void put_stop(struct json_writer *w, const struct gate_answer *answer,
                     const struct gate_choice *choice) {
    struct wishes wishes = wishes_of(answer, choice);
    const char *reason = "end_turn";
    if (view_is(choice->finish_reason, "length"))
        reason = choice->completion_tokens >= wishes.max_tokens ? "max_tokens"
                                                                : "model_context_window_exceeded";
    else if (view_is(choice->finish_reason, "content_filter"))
        reason = "refusal";
    else if (choice->calls > 0)
        reason = "tool_use";
    else if (wishes.stop.len)
        reason = "stop_sequence";
    json_name(w, "stop_reason");
    if (choice->over)
        json_put_text(w, reason);
    else
        json_put_null(w);
    json_name(w, "stop_sequence");
    if (view_is(view_of(reason), "stop_sequence"))
        json_put_string(w, wishes.stop);
    else
        json_put_null(w);
}

static void put_message(struct json_writer *w, const struct gate_answer *answer) {
    json_member_text(w, "id", answer->id);
    json_member_text(w, "type", "message");
    json_member_text(w, "role", "assistant");
    json_member_text(w, "model", answer->model);
    json_name(w, "content");
    json_open(w, '[');
}

// ---- a stream ----

static struct json_writer event_open(struct buf *out, const char *type) {
    buf_print(out, "event: %s\n", type);
    struct json_writer w = event_begin(out);
    json_open(&w, '{');
    json_member_text(&w, "type", type);
    return w;
}

static void event_close(struct json_writer *w) {
    json_close(w, '}');
    event_end(w->out);
}

static void messages_ping(struct buf *out) {
    struct json_writer w = event_open(out, "ping");
    event_close(&w);
}

static void messages_begin(struct gate_answer *answer, struct buf *out) {
    struct json_writer w = event_open(out, "message_start");
    json_name(&w, "message");
    json_open(&w, '{');
    put_message(&w, answer);
    json_close(&w, ']');
    put_stop(&w, answer, &answer->choices[0]);
    put_usage_of(&w, &answer->choices[0]);
    json_close(&w, '}');
    event_close(&w);
    messages_ping(out);
}

static struct json_writer delta_open(const struct gate_choice *choice, const char *type,
                                     struct buf *out) {
    struct json_writer w = event_open(out, "content_block_delta");
    json_member_u64(&w, "index", choice->blocks - 1);
    json_name(&w, "delta");
    json_open(&w, '{');
    json_member_text(&w, "type", type);
    return w;
}

static void delta_close(struct json_writer *w) {
    json_close(w, '}');
    event_close(w);
}

static void stream_block_close(const struct gate_answer *answer, struct gate_choice *choice,
                               struct buf *out) {
    if (!choice->open) return;
    choice->open = false;
    if (choice->channel == ENGINE_REASONING) {
        struct block thoughts = open_block(choice);
        struct json_writer w = delta_open(choice, "signature_delta", out);
        put_signature(&w, &thoughts, wishes_of(answer, choice).omitted);
        delta_close(&w);
    }
    struct json_writer w = event_open(out, "content_block_stop");
    json_member_u64(&w, "index", choice->blocks - 1);
    event_close(&w);
}

// `at`: where the part is in all parts.
static void stream_block_open(const struct gate_answer *answer, struct gate_choice *choice,
                              const struct engine_part *part, size_t at, struct buf *out) {
    stream_block_close(answer, choice, out);
    choice->open_at = at;
    choice->open = true;
    choice->channel = part->channel;
    struct json_writer w = event_open(out, "content_block_start");
    json_member_u64(&w, "index", choice->blocks++);
    json_name(&w, "content_block");
    json_open(&w, '{');
    if (part->channel == ENGINE_CALL) {
        put_call(&w, answer, choice, choice->calls++, part->text);
        json_put_raw(&w, VIEW("{}"));
    } else if (part->channel == ENGINE_REASONING) {
        json_member_text(&w, "type", "thinking");
        json_member_text(&w, "thinking", "");
        json_member_text(&w, "signature", "");
    } else {
        json_member_text(&w, "type", "text");
        json_member_text(&w, "text", "");
    }
    json_close(&w, '}');
    event_close(&w);
}

static void messages_piece(struct gate_answer *answer, struct gate_choice *choice,
                           const struct gate_piece *piece, struct buf *out) {
    static const struct {
        const char *type, *member;
    } deltas[] = {
        [ENGINE_CONTENT] = {"text_delta", "text"},
        [ENGINE_REASONING] = {"thinking_delta", "thinking"},
        [ENGINE_ARGUMENTS] = {"input_json_delta", "partial_json"},
    };
    struct wire in = wire_over(piece->parts);
    struct engine_part part;
    bool omitted = wishes_of(answer, choice).omitted;
    size_t at = choice->parts.len - piece->parts.len; // of the part
    for (; part_next(&in, &part); at = choice->parts.len - (size_t)(in.end - in.at)) {
        struct block open = {.channel = choice->channel};
        if (!choice->open || !belongs(&open, part.channel))
            stream_block_open(answer, choice, &part, at, out);
        if (part.channel == ENGINE_CALL || (part.channel == ENGINE_REASONING && omitted)) continue;
        struct json_writer w = delta_open(choice, deltas[part.channel].type, out);
        json_member_string(&w, deltas[part.channel].member, part.text);
        delta_close(&w);
    }
}

static void messages_end(struct gate_answer *answer, struct buf *out) {
    struct gate_choice *choice = &answer->choices[0];
    stream_block_close(answer, choice, out);
    struct json_writer w = event_open(out, "message_delta");
    json_name(&w, "delta");
    json_open(&w, '{');
    put_stop(&w, answer, choice);
    json_close(&w, '}');
    put_usage_of(&w, choice);
    put_receipts(&w, choice, 1);
    event_close(&w);
    w = event_open(out, "message_stop");
    event_close(&w);
}

static void messages_broken(struct gate_answer *answer, const struct gate_error *error,
                            struct buf *out) {
    (void)answer;
    buf_put_text(out, "event: error\ndata: ");
    gate_error_write_anthropic(error, out);
    event_end(out);
}

// ---- all at once ----

static void put_block(struct json_writer *w, const struct gate_answer *answer,
                      struct gate_choice *choice, const struct block *block) {
    if (block->channel == ENGINE_CALL) {
        struct wire in = block->parts;
        struct engine_part name;
        part_next(&in, &name);
        put_call(w, answer, choice, choice->calls++, name.text);
        json_put_raw(w, VIEW(""));
        block_put(block, w, false);
        return;
    }
    bool thoughts = block->channel == ENGINE_REASONING;
    bool omitted = thoughts && wishes_of(answer, choice).omitted;
    json_member_text(w, "type", thoughts ? "thinking" : "text");
    json_name(w, thoughts ? "thinking" : "text");
    json_string_begin(w);
    if (!omitted) block_put(block, w, true);
    json_string_end(w);
    if (thoughts) put_signature(w, block, omitted);
}

static void messages_whole(struct gate_answer *answer, struct buf *out) {
    struct gate_choice *choice = &answer->choices[0];
    struct json_writer w = json_writer_to(out);
    struct wire in = wire_over(buf_view(&choice->parts));
    struct block block;
    json_open(&w, '{');
    put_message(&w, answer);
    while (block_next(&in, &block)) {
        if (block.channel == ENGINE_CALL && !call_is_whole(&block)) continue;
        json_open(&w, '{');
        put_block(&w, answer, choice, &block);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    put_stop(&w, answer, choice);
    put_usage_of(&w, choice);
    put_receipts(&w, choice, 1);
    json_close(&w, '}');
}

static void count_tokens_whole(struct gate_answer *answer, struct buf *out) {
    struct wire in = wire_over(answer->choices[0].result);
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_u64(&w, "input_tokens", wire_take_u32(&in));
    put_receipts(&w, answer->choices, 1);
    json_close(&w, '}');
}

static const char *messages_param(const char *param) {
    struct view name = view_of(param);
    if (view_is(name, "format")) return "output_config.format.schema";
    return view_is(name, "stop") ? "stop_sequences" : param;
}

const struct gate_protocol messages_protocol = {
    .id_prefix = "msg_",
    .anthropic = true,
    .retells = true, // omitted thoughts, in their signature
    .begin = messages_begin,
    .piece = messages_piece,
    .end = messages_end,
    .broken = messages_broken,
    .ping = messages_ping,
    .whole = messages_whole,
    .error = gate_error_write_anthropic,
    .param = messages_param,
};

const struct gate_protocol count_tokens_protocol = {
    .id_prefix = "count-",
    .anthropic = true,
    .broken = messages_broken,
    .ping = messages_ping,
    .whole = count_tokens_whole,
    .error = gate_error_write_anthropic,
    .param = messages_param,
};
