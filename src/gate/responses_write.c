// POST /v1/responses: the answer, and its events. Every item has one id in all of them, made of the
// response's chance; sequence numbers count the events. The receipt rides in the response object of
// the last event.
#include "gate/responses.h"

#include "base/text.h"

// ---- what the request decided ----

struct echo {
    uint8_t flags;
    struct view members, items;
};

static struct echo echo_of(const struct gate_answer *answer) {
    struct wire in = wire_over(buf_view(&answer->echo));
    struct echo echo = {.flags = wire_take_u8(&in)};
    echo.members = wire_take_text(&in, SIZE_MAX);
    echo.items = wire_take_text(&in, SIZE_MAX);
    must(!in.bad);
    return echo;
}

// ---- items ----

static const char *item_prefix(enum engine_channel channel) {
    if (channel == ENGINE_REASONING) return "rs_";
    return channel == ENGINE_CALL ? "fc_" : "msg_";
}

// The chance of the response, with the number of the item in it.
static void put_item_id(struct json_writer *w, const char *name, const struct gate_answer *answer,
                        const struct item *item) {
    char id[5 + 24];
    uint8_t chance[12];
    struct buf text = buf_over(id, sizeof id);
    memcpy(chance, answer->chance, sizeof chance);
    chance[10] ^= (uint8_t)(item->index >> 8);
    chance[11] ^= (uint8_t)item->index;
    buf_put_text(&text, item_prefix(item->channel));
    hex_put(&text, chance, sizeof chance);
    json_member_string(w, name, buf_view(&text));
}

static void put_texts(struct json_writer *w, const char *name, struct view parts) {
    struct wire in = wire_over(parts);
    struct engine_part part;
    json_name(w, name);
    json_string_begin(w);
    while (part_next(&in, &part))
        json_string_more(w, part.text);
    json_string_end(w);
}

// {"type":"output_text",…} or {"type":"reasoning_text",…}
static void put_content(struct json_writer *w, const struct item *item, struct view logprobs) {
    bool text = item->channel == ENGINE_CONTENT;
    json_open(w, '{');
    json_member_text(w, "type", text ? "output_text" : "reasoning_text");
    put_texts(w, "text", item->parts);
    if (text) {
        json_name(w, "annotations");
        json_put_raw(w, VIEW("[]"));
        json_name(w, "logprobs");
        put_token_list(w, logprobs);
    }
    json_close(w, '}');
}

static void put_item(struct json_writer *w, const struct gate_answer *answer,
                     const struct item *item, const char *status, struct view logprobs) {
    bool call = item->channel == ENGINE_CALL, thought = item->channel == ENGINE_REASONING;
    bool begun = strcmp(status, "in_progress") == 0;
    json_open(w, '{');
    put_item_id(w, "id", answer, item);
    json_member_text(w, "type", call ? "function_call" : thought ? "reasoning" : "message");
    json_member_text(w, "status", status);
    if (call) {
        char id[CALL_ID_LEN];
        struct buf text = buf_over(id, sizeof id);
        put_call_id(answer, answer->choices, item->index, &text);
        json_member_string(w, "call_id", buf_view(&text));
        json_member_string(w, "name", item->name);
        put_texts(w, "arguments", item->parts);
    } else {
        if (thought) json_name(w, "summary");
        if (thought) json_put_raw(w, VIEW("[]"));
        if (!thought) json_member_text(w, "role", "assistant");
        json_name(w, "content");
        json_open(w, '[');
        if (!begun) put_content(w, item, logprobs);
        json_close(w, ']');
    }
    json_close(w, '}');
}

// Whether the last item was ended by something else than the model.
static bool is_cut(const struct gate_choice *choice) {
    return !choice->over || !view_is(choice->finish_reason, "stop");
}

// The log-probabilities of all tokens, of thoughts and calls too, are told with the first message.
static void put_output(struct json_writer *w, const struct gate_answer *answer) {
    const struct gate_choice *choice = answer->choices;
    struct items items = {.parts = buf_view(&choice->parts)};
    struct item item;
    struct view logprobs = buf_view(&choice->logprobs);
    json_open(w, '[');
    while (items_next(&items, &item)) {
        bool last = items.at == items.parts.len;
        put_item(w, answer, &item, is_cut(choice) && last ? "incomplete" : "completed", logprobs);
        if (item.channel == ENGINE_CONTENT) logprobs.len = 0;
    }
    json_close(w, ']');
}

// ---- the response ----

static void put_usage_or_null(struct json_writer *w, const struct gate_choice *choice) {
    json_name(w, "usage");
    if (!choice->over) {
        json_put_null(w);
        return;
    }
    json_open(w, '{');
    json_member_u64(w, "input_tokens", choice->prompt_tokens);
    json_name(w, "input_tokens_details");
    json_open(w, '{');
    json_member_u64(w, "cached_tokens", choice->prompt_cached);
    json_close(w, '}');
    json_member_u64(w, "output_tokens", choice->completion_tokens);
    json_name(w, "output_tokens_details");
    json_open(w, '{');
    json_member_u64(w, "reasoning_tokens", choice->reasoning_tokens);
    json_close(w, '}');
    json_member_u64(w, "total_tokens", (uint64_t)choice->prompt_tokens + choice->completion_tokens);
    json_close(w, '}');
}

// Clients know a closed list of codes here; ours is told as the type.
static const char *error_word(const struct gate_error *error) {
    if (error->status == 429) return "rate_limit_exceeded";
    return error->status < 500 ? "invalid_prompt" : "server_error";
}

static void put_error_or_null(struct json_writer *w, const struct gate_error *error) {
    json_name(w, "error");
    if (!error) {
        json_put_null(w);
        return;
    }
    json_open(w, '{');
    json_member_text(w, "code", error_word(error));
    json_member_text(w, "message", error->text);
    json_member_text(w, "type", error->code[0] ? error->code : error->type);
    json_close(w, '}');
}

static const char *status_of(const struct gate_choice *choice) {
    if (!choice->over) return "in_progress";
    return is_cut(choice) ? "incomplete" : "completed";
}

static void put_incomplete(struct json_writer *w, const struct gate_choice *choice,
                           const char *status) {
    bool filtered = view_is(choice->finish_reason, "content_filter");
    if (strcmp(status, "incomplete") != 0) {
        json_put_null(w);
        return;
    }
    json_open(w, '{');
    json_member_text(w, "reason", filtered ? "content_filter" : "max_output_tokens");
    json_close(w, '}');
}

static void put_response(struct json_writer *w, const struct gate_answer *answer,
                         const char *status, const struct gate_error *error) {
    const struct gate_choice *choice = answer->choices;
    struct echo echo = echo_of(answer);
    json_open(w, '{');
    json_member_text(w, "id", answer->id);
    json_member_text(w, "object", "response");
    json_member_u64(w, "created_at", answer->created_s);
    json_member_text(w, "status", status);
    put_error_or_null(w, error);
    json_name(w, "incomplete_details");
    put_incomplete(w, choice, status);
    json_member_text(w, "model", answer->model);
    json_name(w, "output");
    if (strcmp(status, "queued") == 0 || strcmp(status, "in_progress") == 0)
        json_put_raw(w, VIEW("[]"));
    else
        put_output(w, answer);
    json_put_members(w, echo.members);
    json_name(w, "access_programs");
    json_put_null(w);
    put_usage_or_null(w, choice);
    if (choice->over) put_receipts(w, choice, 1);
    json_close(w, '}');
}

// ---- events ----

static struct json_writer begin_event(struct gate_answer *answer, const char *type,
                                      struct buf *out) {
    buf_print(out, "event: %s\n", type);
    struct json_writer w = event_begin(out);
    json_open(&w, '{');
    json_member_text(&w, "type", type);
    json_member_u64(&w, "sequence_number", answer->events++);
    return w;
}

static void end_event(struct json_writer *w) {
    json_close(w, '}');
    event_end(w->out);
}

static void response_event(struct gate_answer *answer, const char *type, const char *status,
                           const struct gate_error *error, struct buf *out) {
    struct json_writer w = begin_event(answer, type, out);
    json_name(&w, "response");
    put_response(&w, answer, status, error);
    end_event(&w);
}

static struct json_writer item_event(struct gate_answer *answer, const struct item *item,
                                     const char *type, struct buf *out) {
    struct json_writer w = begin_event(answer, type, out);
    put_item_id(&w, "item_id", answer, item);
    json_member_u64(&w, "output_index", item->index);
    if (item->channel != ENGINE_CALL) json_member_u64(&w, "content_index", 0);
    return w;
}

// What the events at the end of an item say of them: as the whole answer does.
static struct view item_logprobs(const struct gate_answer *answer, const struct item *item) {
    const struct gate_choice *choice = answer->choices;
    if (!choice->logprobs.len || item->channel != ENGINE_CONTENT) return (struct view){0};
    struct items items = {.parts = buf_view(&choice->parts)};
    struct item first = {0};
    while (items_next(&items, &first))
        if (first.channel == ENGINE_CONTENT) break;
    return item->index == first.index ? buf_view(&choice->logprobs) : (struct view){0};
}

static void whole_item_event(struct gate_answer *answer, const struct item *item, const char *type,
                             const char *status, struct buf *out) {
    struct json_writer w = begin_event(answer, type, out);
    json_member_u64(&w, "output_index", item->index);
    json_name(&w, "item");
    put_item(&w, answer, item, status, item_logprobs(answer, item));
    end_event(&w);
}

static void content_event(struct gate_answer *answer, const struct item *item, const char *type,
                          struct buf *out) {
    struct json_writer w = item_event(answer, item, type, out);
    json_name(&w, "part");
    put_content(&w, item, item_logprobs(answer, item));
    end_event(&w);
}

static void item_begins(struct gate_answer *answer, struct item item, struct buf *out) {
    item.parts.len = 0;
    whole_item_event(answer, &item, "response.output_item.added", "in_progress", out);
    if (item.channel == ENGINE_CALL) return;
    struct json_writer w = item_event(answer, &item, "response.content_part.added", out);
    json_name(&w, "part");
    put_content(&w, &item, (struct view){0});
    end_event(&w);
}

// What a delta and its end are called.
static const char *const text_events[][2] = {
    [ENGINE_CONTENT] = {"response.output_text.delta", "response.output_text.done"},
    [ENGINE_REASONING] = {"response.reasoning_text.delta", "response.reasoning_text.done"},
    [ENGINE_CALL] = {"response.function_call_arguments.delta",
                     "response.function_call_arguments.done"},
};

static void item_grows(struct gate_answer *answer, const struct item *item, struct view text,
                       struct buf *out) {
    struct json_writer w = item_event(answer, item, text_events[item->channel][0], out);
    json_member_string(&w, "delta", text);
    if (item->channel == ENGINE_CONTENT) { // those that came since the last delta
        struct view logprobs = item_logprobs(answer, item);
        json_name(&w, "logprobs");
        put_token_list(&w, view_from(logprobs, answer->choices->logprobs_at));
        if (logprobs.len) answer->choices->logprobs_at = logprobs.len;
    }
    end_event(&w);
}

static void item_ends(struct gate_answer *answer, const struct item *item, bool cut,
                      struct buf *out) {
    bool call = item->channel == ENGINE_CALL;
    struct json_writer w = item_event(answer, item, text_events[item->channel][1], out);
    if (call) json_member_string(&w, "name", item->name);
    put_texts(&w, call ? "arguments" : "text", item->parts);
    if (item->channel == ENGINE_CONTENT) {
        json_name(&w, "logprobs");
        put_token_list(&w, item_logprobs(answer, item));
    }
    end_event(&w);
    if (!call) content_event(answer, item, "response.content_part.done", out);
    whole_item_event(answer, item, "response.output_item.done", cut ? "incomplete" : "completed",
                     out);
}

// The item that is open, up to byte `end` of all parts.
static struct item open_item(const struct gate_choice *choice, size_t end) {
    struct items items = {
        .parts = {choice->parts.at, end}, .at = choice->open_at, .len = choice->blocks};
    struct item item;
    must(items_next(&items, &item));
    return item;
}

static void responses_begin(struct gate_answer *answer, struct buf *out) {
    bool background = echo_of(answer).flags & RESPONSES_BACKGROUND;
    response_event(answer, "response.created", background ? "queued" : "in_progress", NULL, out);
    if (background) response_event(answer, "response.queued", "queued", NULL, out);
    response_event(answer, "response.in_progress", "in_progress", NULL, out);
}

// Whether a part goes on with the open item.
static bool goes_on(const struct gate_choice *choice, enum engine_channel channel) {
    if (!choice->open || channel == ENGINE_CALL) return false;
    enum engine_channel rest = choice->channel == ENGINE_CALL ? ENGINE_ARGUMENTS : choice->channel;
    return channel == rest;
}

static void responses_piece(struct gate_answer *answer, struct gate_choice *choice,
                            const struct gate_piece *piece, struct buf *out) {
    struct wire in = wire_over(piece->parts);
    struct engine_part part;
    size_t at = choice->parts.len - piece->parts.len; // of the part
    for (; part_next(&in, &part); at = choice->parts.len - (size_t)(in.end - in.at)) {
        bool begins = !goes_on(choice, part.channel);
        if (begins && choice->open) {
            struct item old = open_item(choice, at);
            item_ends(answer, &old, false, out);
            choice->blocks++;
        }
        if (begins) choice->open_at = at;
        struct item item = {.channel = part.channel, .index = choice->blocks};
        if (part.channel == ENGINE_ARGUMENTS) item.channel = ENGINE_CALL;
        if (part.channel == ENGINE_CALL) item.name = part.text;
        if (begins) item_begins(answer, item, out);
        choice->open = true;
        choice->channel = item.channel;
        if (part.channel == ENGINE_CALL) continue;
        item_grows(answer, &item, part.text, out);
    }
}

static void responses_end_choice(struct gate_answer *answer, struct gate_choice *choice,
                                 struct buf *out) {
    if (!choice->open) return;
    struct item item = open_item(choice, choice->parts.len);
    item_ends(answer, &item, is_cut(choice), out);
}

static void responses_end(struct gate_answer *answer, struct buf *out) {
    const char *status = status_of(answer->choices);
    bool cut = strcmp(status, "incomplete") == 0;
    response_event(answer, cut ? "response.incomplete" : "response.completed", status, NULL, out);
}

static void responses_broken(struct gate_answer *answer, const struct gate_error *error,
                             struct buf *out) {
    response_event(answer, "response.failed", "failed", error, out);
}

static void responses_whole(struct gate_answer *answer, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    put_response(&w, answer, status_of(answer->choices), NULL);
}

static const char *responses_param(const char *param) {
    if (strcmp(param, "format") == 0) return "text.format";
    return strcmp(param, "messages") == 0 ? "input" : param;
}

const struct gate_protocol responses_protocol = {
    .id_prefix = "resp_",
    .retells = true,
    .begin = responses_begin,
    .piece = responses_piece,
    .end_choice = responses_end_choice,
    .end = responses_end,
    .broken = responses_broken,
    .ping = ping_comment,
    .whole = responses_whole,
    .error = gate_error_write,
    .param = responses_param,
};

// ---- what is kept ----

void gate_response_write(const struct gate_answer *answer, const char *status,
                         const struct gate_error *error, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    put_response(&w, answer, status, error);
}

void gate_response_record(const struct gate_answer *answer, const char *status,
                          const struct gate_error *error, struct view events, struct buf *out) {
    size_t at = wire_text_begin(out);
    gate_response_write(answer, status ? status : status_of(answer->choices), error, out);
    wire_text_end(out, at);
    wire_put_text(out, echo_of(answer).items);
    at = wire_text_begin(out);
    struct json_writer w = json_writer_to(out);
    put_output(&w, answer);
    wire_text_end(out, at);
    wire_put_text(out, events);
}
