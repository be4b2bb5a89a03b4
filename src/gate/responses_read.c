// POST /v1/responses: the request.
#include "gate/format.h"
#include "gate/responses.h"

struct responses_fields {
    struct view model, instructions, previous;
    const struct json_node *input, *metadata, *text, *tools_node, *choice_node, *reasoning;
    struct conversation conversation;
    uint32_t max_output_tokens, top_logprobs;
    float temperature, top_p;
    struct tool_choice choice;
    bool store, background, stream, logprobs;
    int effort; // -1: not said
    struct format format;
};

// ---- parts of it ----

static enum sk_code take_node(struct reading *r, const struct json_node *node, void *out) {
    (void)r;
    *(const struct json_node **)out = node;
    return SK_OK;
}

static enum sk_code take_metadata(struct reading *r, const struct json_node *node, void *out) {
    if (!json_is(node, JSON_OBJECT)) return refuse_type(r, "an object");
    return take_node(r, node, out);
}

static bool harmless_function(const struct json_node *node) { return field_is(node, "function"); }

static const struct field tool_rows[] = {
    {.name = "type",
     .kind = FIELD_NOT,
     .required = true,
     .harmless = harmless_function,
     .doc = "a tool other than a function"},
};
static const struct shape tool_shape = {SHAPE_OF(tool_rows), &function_shape};

static enum sk_code take_function(struct reading *r, const struct json_node *node,
                                  struct tool *out) {
    const struct json_node *type = field_given(node, "type");
    if (type && !harmless_function(type)) { // before its other members are unknown ones
        path_enter(r, "type");
        return refuse_unsupported(r, tool_rows[0].doc);
    }
    TRY(fields_take(r, node, &tool_shape, out));
    return tool_check(r, out);
}

static enum sk_code take_tools(struct reading *r, const struct json_node *list, void *out) {
    struct responses_fields *fields = out;
    fields->tools_node = list;
    return tools_take(r, list, take_function, &fields->conversation);
}

static enum sk_code take_choice(struct reading *r, const struct json_node *node, void *out) {
    struct responses_fields *fields = out;
    fields->choice_node = node;
    return tool_choice_take(r, node, NULL, &fields->choice);
}

static enum sk_code take_format(struct reading *r, const struct json_node *node, void *out) {
    struct format *format = out;
    TRY(format_kind(r, node, format));
    if (format->kind == ENGINE_JSON_SCHEMA) return format_schema(r, node, format);
    return node->len == 1 ? SK_OK : refuse_value(r, "may hold nothing but its type.");
}

static bool harmless_medium(const struct json_node *node) { return field_is(node, "medium"); }
static const struct field text_rows[] = {
    {.name = "format",
     .kind = FIELD_OTHER,
     .take = take_format,
     .schema = "{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":{\"enum\":["
               "\"text\",\"json_object\",\"json_schema\"]}}}",
     .doc = "A schema that cannot be held to is refused by keyword."},
    {.name = "verbosity", .kind = FIELD_NOT, .harmless = harmless_medium,
     .doc = "a verbosity other than medium"},
};
static const struct shape text_shape = {SHAPE_OF(text_rows)};

static enum sk_code take_text_config(struct reading *r, const struct json_node *node, void *out) {
    struct responses_fields *fields = out;
    fields->text = node;
    return fields_take(r, node, &text_shape, &fields->format);
}

static const char *const efforts[] = {"none", "minimal", "low", "medium", "high", "xhigh", NULL};
static const struct field reasoning_rows[] = {
    {.name = "effort", .kind = FIELD_WORD, .at = offsetof(struct responses_fields, effort),
     .words = efforts, .doc = "To the chat template, and as enable_thinking (not for none)."},
    {.name = "summary", .kind = FIELD_PASS, .doc = "Has no effect: what is thought is told whole."},
    {.name = "generate_summary", .kind = FIELD_PASS, .doc = "Has no effect."},
};
static const struct shape reasoning_shape = {SHAPE_OF(reasoning_rows)};

static enum sk_code take_reasoning(struct reading *r, const struct json_node *node, void *out) {
    struct responses_fields *fields = out;
    fields->reasoning = node;
    return fields_take(r, node, &reasoning_shape, fields);
}

static enum sk_code take_include(struct reading *r, const struct json_node *list, void *out) {
    struct responses_fields *fields = out;
    if (!json_is(list, JSON_ARRAY)) return refuse_type(r, "an array of strings");
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node)) {
        size_t before = path_enter_at(r, i);
        if (field_is(node, "message.output_text.logprobs"))
            fields->logprobs = true;
        else if (!field_is(node, "reasoning.encrypted_content")) // thoughts are not encrypted here
            return refuse_unsupported(r, "to include this");
        path_leave(r, before);
    }
    return SK_OK;
}

static bool harmless_disabled(const struct json_node *node) { return field_is(node, "disabled"); }

static const struct field stream_rows[] = {
    {.name = "include_obfuscation", .kind = FIELD_PASS, .doc = "Has no effect."},
};
static const struct shape stream_shape = {SHAPE_OF(stream_rows)};

#define AT(member) .at = offsetof(struct responses_fields, member)
static const struct field responses_rows[] = {
    FIELD_MODEL(offsetof(struct responses_fields, model), "An id of GET /v1/models."),
    {.name = "input",
     .kind = FIELD_OTHER,
     .required = true,
     AT(input),
     .take = take_node,
     .schema = "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"minItems\":1,\"maxItems\":"
               "1024,\"items\":{\"type\":\"object\"}}]}",
     .doc = "A text, or items: message, function_call, function_call_output, reasoning."},
    {.name = "instructions", .kind = FIELD_TEXT, AT(instructions), .high = UINT32_MAX,
     .doc = "A system message before the conversation; not carried on to the next response."},
    {.name = "previous_response_id", .kind = FIELD_TEXT, AT(previous), .low = 1, .high = 64,
     .doc = "A kept response whose conversation this goes on with."},
    {.name = "max_output_tokens", .kind = FIELD_COUNT, AT(max_output_tokens), .low = 1,
     .high = UINT32_MAX},
    {.name = "temperature", .kind = FIELD_NUMBER, AT(temperature), .high = 2,
     .doc = "0 takes the likeliest token. Default 1."},
    {.name = "top_p", .kind = FIELD_NUMBER, AT(top_p), .high = 1, .above = true},
    {.name = "top_logprobs", .kind = FIELD_COUNT, AT(top_logprobs),
     .high = ENGINE_CANDIDATES_MAX,
     .doc = "Needs message.output_text.logprobs in include."},
    {.name = "include", .kind = FIELD_OTHER, .take = take_include,
     .schema = "{\"type\":\"array\",\"items\":{\"enum\":[\"message.output_text.logprobs\","
               "\"reasoning.encrypted_content\"]}}"},
    {.name = "tools", .kind = FIELD_OTHER, .take = take_tools, .shape = &tool_shape,
     .schema = "{\"type\":\"array\",\"maxItems\":128}",
     .doc = "Functions the model may call; arguments always validate against their parameters."},
    {.name = "tool_choice", .kind = FIELD_OTHER, .take = take_choice,
     .schema = "{\"anyOf\":[{\"enum\":[\"none\",\"auto\",\"required\"]},{\"type\":\"object\"}]}"},
    {.name = "parallel_tool_calls", .kind = FIELD_BOOL, AT(choice.parallel)},
    {.name = "text", .kind = FIELD_OTHER, .take = take_text_config,
     .schema = "{\"type\":\"object\"}", .doc = "The form of the answer: format."},
    {.name = "reasoning", .kind = FIELD_OTHER, .take = take_reasoning,
     .schema = "{\"type\":\"object\"}", .doc = "effort: to the chat template."},
    {.name = "store", .kind = FIELD_BOOL, AT(store),
     .doc = "Kept for a while, encrypted, in memory; true is the default, as OpenAI's."},
    {.name = "background", .kind = FIELD_BOOL, AT(background),
     .doc = "Goes on without the client; needs store."},
    {.name = "stream", .kind = FIELD_BOOL, AT(stream), .doc = "Server-sent events."},
    {.name = "stream_options", .kind = FIELD_OBJECT, .shape = &stream_shape},
    {.name = "metadata", .kind = FIELD_OTHER, AT(metadata), .take = take_metadata,
     .schema = "{\"type\":\"object\"}", .doc = "Told again in the answer."},
    {.name = "truncation", .kind = FIELD_NOT, .harmless = harmless_disabled,
     .doc = "leaving parts of the conversation out"},
    {.name = "max_tool_calls", .kind = FIELD_NOT, .harmless = harmless_never,
     .doc = "a limit for built-in tools, of which there are none"},
    {.name = "prompt", .kind = FIELD_NOT, .harmless = harmless_never, .doc = "a stored prompt"},
    {.name = "conversation", .kind = FIELD_NOT, .harmless = harmless_never,
     .doc = "a stored conversation (previous_response_id is)"},
    {.name = "context_management", .kind = FIELD_NOT, .harmless = harmless_empty,
     .doc = "compaction"},
    {.name = "user", .kind = FIELD_PASS, .doc = "Told again in the answer."},
    {.name = "safety_identifier", .kind = FIELD_PASS, .doc = "Told again in the answer."},
    {.name = "prompt_cache_key", .kind = FIELD_PASS, .doc = "Told again in the answer."},
    {.name = "prompt_cache_retention", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "service_tier", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "client_metadata", .kind = FIELD_PASS, .doc = "Has no effect."},
};
const struct shape responses_shape = {SHAPE_OF(responses_rows)};

// ---- the conversation ----

// All items so far as JSON values, a comma between two: those kept, and the input's.
static enum sk_code items_join(struct reading *r, const struct responses_fields *fields,
                               struct view *out) {
    struct buf rest = arena_rest(r->arena);
    struct json_writer w = json_writer_to(&rest);
    struct wire kept = wire_over(r->kept);
    wire_take_text(&kept, SIZE_MAX); // the response
    struct view before = wire_take_text(&kept, SIZE_MAX), output = wire_take_text(&kept, SIZE_MAX);
    must(!r->kept.len || !kept.bad);
    json_open(&w, '[');
    if (before.len) json_put_raw(&w, before);
    if (output.len > 2) json_put_raw(&w, (struct view){output.at + 1, output.len - 2});
    if (json_is(fields->input, JSON_STRING)) {
        json_open(&w, '{');
        json_member_text(&w, "type", "message");
        json_member_text(&w, "role", "user");
        json_member_string(&w, "content", json_view(fields->input));
        json_close(&w, '}');
    } else {
        const struct json_node *item = json_first(fields->input);
        for (uint32_t i = 0; i < fields->input->len; i++, item = json_next(item))
            json_put_node(&w, item);
    }
    json_close(&w, ']');
    return take_written(r, &rest, out);
}

static enum sk_code input_take(struct reading *r, struct responses_fields *fields,
                               struct view *items) {
    const struct json_node *root, *input = fields->input;
    path_enter(r, "input");
    if (!json_is(input, JSON_STRING) && !json_is(input, JSON_ARRAY))
        return refuse_type(r, "a string or an array of items");
    if (input->len == 0) return refuse_value(r, "must not be empty.");
    if (json_is(input, JSON_ARRAY)) { // for refusals that name the client's own indices
        struct conversation alone = {0};
        TRY(conversation_begin(r, &alone, input->len));
        TRY(items_take(r, input, &alone));
    }
    TRY(items_join(r, fields, items));
    char *copy = arena_text(r->arena, *items);
    if (!copy) return refuse_memory(r);
    if (json_parse(copy, items->len, r->arena, &root) != SK_OK)
        return refuse_value(r, "is too much with what came before: %s.", fail_text());
    bool instructed = fields->instructions.len > 0;
    if (root->len + instructed > ENGINE_MESSAGES_MAX)
        return refuse_value(r, "makes %u items with what came before; %d are the limit.", root->len,
                            ENGINE_MESSAGES_MAX - instructed);
    struct conversation *c = &fields->conversation;
    TRY(conversation_begin(r, c, root->len + instructed));
    if (instructed) {
        struct message *message = conversation_add(c, ROLE_SYSTEM);
        message->content = fields->instructions;
        message->said = true;
    }
    TRY(items_take(r, root, c));
    *items = (struct view){items->at + 1, items->len - 2}; // without the brackets
    path_leave(r, 0);
    return SK_OK;
}

// ---- what the answer says again ----

static void put_node_or(struct json_writer *w, const char *name, const struct json_node *node,
                        const char *absent) {
    json_name(w, name);
    if (node)
        json_put_node(w, node);
    else
        json_put_raw(w, view_of(absent));
}

static void put_text_or_null(struct json_writer *w, const char *name, struct view text) {
    json_name(w, name);
    if (text.len)
        json_put_string(w, text);
    else
        json_put_null(w);
}

// Every member of a function is there, if only as null: clients' types want them.
static void put_tools(struct json_writer *w, const struct json_node *tools) {
    static const char *const wanted[] = {"parameters", "strict"};
    json_name(w, "tools");
    json_open(w, '[');
    const struct json_node *tool = tools ? json_first(tools) : NULL;
    for (uint32_t i = 0; tools && i < tools->len; i++, tool = json_next(tool)) {
        json_open(w, '{');
        put_node_members(w, tool);
        for (int j = 0; j < 2; j++) {
            if (json_find(tool, wanted[j])) continue;
            json_name(w, wanted[j]);
            json_put_null(w);
        }
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void put_members(struct json_writer *w, const struct json_node *root,
                        const struct responses_fields *fields) {
    static const char *const retold[] = {"user", "safety_identifier", "prompt_cache_key"};
    json_open(w, '{');
    json_member_bool(w, "background", fields->background);
    put_text_or_null(w, "instructions", fields->instructions);
    json_name(w, "max_output_tokens");
    if (fields->max_output_tokens)
        json_put_u64(w, fields->max_output_tokens);
    else
        json_put_null(w);
    put_node_or(w, "metadata", fields->metadata, "{}");
    json_member_bool(w, "parallel_tool_calls", fields->choice.parallel);
    put_text_or_null(w, "previous_response_id", fields->previous);
    put_node_or(w, "reasoning", fields->reasoning, "{\"effort\":null,\"summary\":null}");
    json_member_text(w, "service_tier", "default");
    json_member_bool(w, "store", fields->store);
    put_node_or(w, "temperature", field_given(root, "temperature"), "1");
    put_node_or(w, "text", fields->text, "{\"format\":{\"type\":\"text\"}}");
    put_node_or(w, "tool_choice", fields->choice_node, "\"auto\"");
    put_tools(w, fields->tools_node);
    json_member_u64(w, "top_logprobs", fields->top_logprobs);
    put_node_or(w, "top_p", field_given(root, "top_p"), "1");
    json_member_text(w, "truncation", "disabled");
    for (size_t i = 0; i < sizeof retold / sizeof *retold; i++) {
        const struct json_node *node = field_given(root, retold[i]);
        if (!json_is(node, JSON_STRING)) continue;
        json_name(w, retold[i]);
        json_put_node(w, node);
    }
    json_close(w, '}');
}

static enum sk_code echo_keep(struct reading *r, const struct responses_fields *fields,
                              struct view items, struct gate_ask *ask) {
    struct buf rest = arena_rest(r->arena);
    struct json_writer w = json_writer_to(&rest);
    struct view members;
    put_members(&w, r->root, fields);
    TRY(take_written(r, &rest, &members));
    rest = arena_rest(r->arena);
    wire_put_u8(&rest, (uint8_t)((fields->store ? RESPONSES_STORE : 0) |
                                 (fields->background ? RESPONSES_BACKGROUND : 0) |
                                 (fields->logprobs ? RESPONSES_LOGPROBS : 0)));
    wire_put_text(&rest, (struct view){members.at + 1, members.len - 2});
    wire_put_text(&rest, fields->store ? items : (struct view){0});
    return take_written(r, &rest, &ask->echo);
}

// ---- the whole ----

static enum sk_code contradictions(struct reading *r, const struct responses_fields *fields) {
    path_enter(r, "background");
    if (fields->background && !fields->store) return refuse_value(r, "needs 'store': true.");
    if (fields->background && !r->keeps)
        return refuse_value(r, "needs responses to be kept: keep.seconds is 0 on this node.");
    path_leave(r, 0);
    path_enter(r, "top_logprobs");
    if (fields->top_logprobs && !fields->logprobs)
        return refuse_value(r, "needs message.output_text.logprobs in 'include'.");
    path_leave(r, 0);
    return SK_OK;
}

enum sk_code responses_read(struct reading *r, struct gate_ask *ask) {
    struct view items = {0};
    struct responses_fields *fields = arena_take(r->arena, 1, sizeof *fields);
    struct gate_task *task = arena_take(r->arena, 1, sizeof *task);
    if (!fields || !task) return refuse_memory(r);
    fields->temperature = fields->top_p = 1;
    fields->choice.parallel = fields->store = true;
    fields->effort = -1;
    TRY(fields_take(r, r->root, &responses_shape, fields));
    TRY(contradictions(r, fields));
    fields->store = fields->store && r->keeps; // as the answer then says
    ask->protocol = &responses_protocol;
    ask->find = fields->previous;
    if (fields->previous.len && !r->kept.len) return SK_OK; // read again when it was found
    struct engine_job *job = &task->job;
    TRY(conversation_choose(r, &fields->conversation, &fields->choice, job));
    TRY(input_take(r, fields, &items));
    if (fields->effort >= 0) {
        fields->conversation.reasoning_effort = view_of(efforts[fields->effort]);
        fields->conversation.thinking = fields->effort ? THINKING_ON : THINKING_OFF;
    }
    path_enter(r, "input");
    TRY(conversation_end(r, &fields->conversation, job));
    path_leave(r, 0);
    job->tokens_max = fields->max_output_tokens;
    job->sampling.temperature = fields->temperature;
    job->sampling.top_p = fields->top_p < 1 ? fields->top_p : 0;
    job->logprobs = fields->logprobs ? 1 + fields->top_logprobs : 0;
    job->format = fields->format.kind;
    job->format_text = fields->format.schema;
    task->operation = GATE_OP_CHAT;
    ask->model = fields->model;
    ask->stream = fields->stream;
    ask->store = fields->store;
    ask->background = fields->background;
    ask->tasks = task;
    ask->tasks_len = 1;
    return echo_keep(r, fields, items, ask);
}
