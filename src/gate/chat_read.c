// POST /v1/chat/completions: the request.
#include <stdio.h>

#include "gate/conversation.h"
#include "gate/format.h"
#include "gate/protocols.h"
#include "gate/sampling.h"

struct chat_fields {
    struct sampling_fields common; // first: sampling_shape writes it
    struct conversation conversation;
    uint32_t max_tokens, max_completion_tokens;
    bool logprobs;
    uint32_t top_logprobs;
    struct tool_choice choice;
    int reasoning_effort;
    struct format format;
};

// ---- messages ----

// {"type":"text","text":…}
static enum sk_code take_text_part(struct reading *r, const struct json_node *part,
                                   struct view *out) {
    if (!json_is(part, JSON_OBJECT)) return refuse_type(r, "an object with a type");
    const struct json_node *type = json_find(part, "type");
    if (!json_is(type, JSON_STRING)) return refuse_missing(r, "type");
    bool refusal = field_is(type, "refusal");
    if (!refusal && !field_is(type, "text"))
        return refuse_unsupported(r, "content other than text (image, audio, file)");
    const char *member = refusal ? "refusal" : "text";
    const struct json_node *text = field_given(part, member);
    if (!text) return refuse_missing(r, member);
    size_t before = path_enter(r, member);
    TRY(take_text(r, text, 0, UINT32_MAX, out));
    path_leave(r, before);
    return SK_OK;
}

static enum sk_code take_content(struct reading *r, const struct json_node *node, void *out) {
    struct message *message = out;
    message->said = true;
    if (json_is(node, JSON_ARRAY)) return take_parts(r, node, take_text_part, &message->content);
    if (!json_is(node, JSON_STRING)) return refuse_type(r, "a string or an array of parts");
    message->content = json_view(node);
    return SK_OK;
}

static enum sk_code take_arguments(struct reading *r, const struct json_node *node, void *out) {
    if (!json_is(node, JSON_STRING)) return refuse_type(r, "a string of JSON");
    return call_arguments(r, json_view(node), out);
}

static bool harmless_function(const struct json_node *node) { return field_is(node, "function"); }

static const struct field called_rows[] = {
    {.name = "name",
     .kind = FIELD_TEXT,
     .required = true,
     .at = offsetof(struct call, name),
     .low = 1,
     .high = ENGINE_NAME_MAX},
    {.name = "arguments",
     .kind = FIELD_OTHER,
     .required = true,
     .take = take_arguments,
     .schema = "{\"type\":\"string\"}"},
};
static const struct shape called_shape = {SHAPE_OF(called_rows)};
static const struct field call_rows[] = {
    {.name = "id",
     .kind = FIELD_TEXT,
     .required = true,
     .at = offsetof(struct call, id),
     .low = 1,
     .high = CALL_ID_MAX},
    {.name = "type",
     .kind = FIELD_NOT,
     .harmless = harmless_function,
     .doc = "a call of other than a function"},
    {.name = "function", .kind = FIELD_OBJECT, .required = true, .shape = &called_shape},
    {.name = "index", .kind = FIELD_PASS, .doc = "Has no effect."},
};
static const struct shape call_shape = {SHAPE_OF(call_rows)};

static enum sk_code take_calls(struct reading *r, const struct json_node *list, void *out) {
    struct message *message = out;
    if (!json_is(list, JSON_ARRAY)) return refuse_type(r, "an array");
    if (list->len > CALLS_MAX)
        return refuse_value(r, "may hold at most %d calls, not %u.", CALLS_MAX, list->len);
    message->calls = arena_take(r->arena, list->len, sizeof *message->calls);
    if (!message->calls) return refuse_memory(r);
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node)) {
        size_t before = path_enter_at(r, i);
        TRY(fields_take(r, node, &call_shape, &message->calls[i]));
        path_leave(r, before);
    }
    message->calls_len = list->len;
    return SK_OK;
}

static enum sk_code take_role(struct reading *r, const struct json_node *node, void *out) {
    static const struct {
        const char *name;
        enum role role;
    } roles[] = {
        {"system", ROLE_SYSTEM},       {"developer", ROLE_SYSTEM}, {"user", ROLE_USER},
        {"assistant", ROLE_ASSISTANT}, {"tool", ROLE_TOOL},
    };
    if (!json_is(node, JSON_STRING)) return refuse_type(r, "a string");
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        *(enum role *)out = roles[i].role;
        if (field_is(node, roles[i].name)) return SK_OK;
    }
    if (field_is(node, "function")) return refuse_unsupported(r, "the old role of functions");
    return refuse_value(r, "must be one of: system, developer, user, assistant, tool.");
}

static const struct field message_rows[] = {
    {.name = "role",
     .kind = FIELD_OTHER,
     .required = true,
     .at = offsetof(struct message, role),
     .take = take_role,
     .schema = "{\"enum\":[\"system\",\"developer\",\"user\",\"assistant\",\"tool\"]}",
     .doc = "developer is system."},
    {.name = "content",
     .kind = FIELD_OTHER,
     .take = take_content,
     .schema = "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":"
               "\"object\",\"required\":[\"type\",\"text\"],\"properties\":{\"type\":{\"const\":"
               "\"text\"},\"text\":{\"type\":\"string\"}}}}]}",
     .doc = "Texts of parts are joined by a line break. Images, audio and files are refused."},
    {.name = "name", .kind = FIELD_TEXT, .at = offsetof(struct message, name), .high = 256},
    {.name = "reasoning_content",
     .kind = FIELD_TEXT,
     .at = offsetof(struct message, reasoning),
     .high = UINT32_MAX,
     .doc = "Of an assistant: what it thought, as the answer told it."},
    {.name = "tool_calls",
     .kind = FIELD_OTHER,
     .take = take_calls,
     .schema = "{\"type\":\"array\",\"maxItems\":128,\"items\":{\"type\":\"object\",\"required\":"
               "[\"id\",\"function\"],\"properties\":{\"id\":{\"type\":\"string\"},\"type\":"
               "{\"const\":\"function\"},\"function\":{\"type\":\"object\",\"required\":[\"name\","
               "\"arguments\"],\"properties\":{\"name\":{\"type\":\"string\"},\"arguments\":"
               "{\"type\":\"string\"}}}}}}",
     .doc = "Of an assistant."},
    {.name = "tool_call_id",
     .kind = FIELD_TEXT,
     .at = offsetof(struct message, call_id),
     .low = 1,
     .high = CALL_ID_MAX,
     .doc = "Of a tool: the call it answers."},
    {.name = "function_call", .kind = FIELD_NOT, .harmless = harmless_never,
     .doc = "the old form of calls (tool_calls is the new one)"},
    {.name = "audio", .kind = FIELD_NOT, .harmless = harmless_never, .doc = "audio"},
    // What answers hold and clients send back.
    {.name = "refusal", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "annotations", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "parsed", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "cache_control", .kind = FIELD_PASS, .doc = "Has no effect."},
};
static const struct shape message_shape = {SHAPE_OF(message_rows)};

static enum sk_code take_message(struct reading *r, const struct json_node *node,
                                 struct message *message) {
    TRY(fields_take(r, node, &message_shape, message));
    bool assistant = message->role == ROLE_ASSISTANT, tool = message->role == ROLE_TOOL;
    if (!message->said && !(assistant && message->calls_len)) return refuse_missing(r, "content");
    if (tool && !message->call_id.len) return refuse_missing(r, "tool_call_id");
    const char *foreign = NULL;
    if (!assistant && message->calls_len) foreign = "tool_calls";
    if (!assistant && message->reasoning.len) foreign = "reasoning_content";
    if (!tool && message->call_id.len) foreign = "tool_call_id";
    if (!foreign) return SK_OK;
    path_enter(r, foreign);
    return refuse_value(r, "does not belong to a message of this role.");
}

static enum sk_code take_messages(struct reading *r, const struct json_node *list, void *out) {
    struct conversation *c = out;
    if (!json_is(list, JSON_ARRAY)) return refuse_type(r, "an array");
    if (list->len == 0 || list->len > ENGINE_MESSAGES_MAX)
        return refuse_value(r, "must hold 1 to %d messages, not %u.", ENGINE_MESSAGES_MAX,
                            list->len);
    TRY(conversation_begin(r, c, list->len));
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node)) {
        size_t before = path_enter_at(r, i);
        TRY(take_message(r, node, conversation_add(c, ROLE_USER)));
        path_leave(r, before);
    }
    return SK_OK;
}

// ---- tools ----

// {"type":"function","function":{…}}
static enum sk_code take_function(struct reading *r, const struct json_node *node,
                                  struct tool *out) {
    if (!json_is(node, JSON_OBJECT)) return refuse_type(r, "an object");
    if (!field_is(json_find(node, "type"), "function")) {
        path_enter(r, "type");
        return refuse_unsupported(r, "a tool other than a function");
    }
    const struct json_node *function = field_given(node, "function");
    if (!function) return refuse_missing(r, "function");
    path_enter(r, "function");
    return take_tool(r, function, out);
}

static enum sk_code take_tools(struct reading *r, const struct json_node *list, void *out) {
    return tools_take(r, list, take_function, out);
}

static enum sk_code take_choice(struct reading *r, const struct json_node *node, void *out) {
    struct chat_fields *fields = out;
    return tool_choice_take(r, node, "function", &fields->choice);
}

// ---- the form of the answer ----

// {"type":"text"}, {"type":"json_object"} or {"type":"json_schema","json_schema":{…}}
static enum sk_code take_format(struct reading *r, const struct json_node *node, void *out) {
    struct chat_fields *fields = out;
    TRY(format_kind(r, node, &fields->format));
    if (fields->format.kind == ENGINE_JSON_SCHEMA) {
        const struct json_node *schema = field_given(node, "json_schema");
        if (!schema) return refuse_missing(r, "json_schema");
        path_enter(r, "json_schema");
        return format_schema(r, schema, &fields->format);
    }
    return node->len == 1 ? SK_OK : refuse_value(r, "may hold nothing but its type.");
}

// ---- the whole ----

static bool harmless_choice(const struct json_node *node) {
    return field_is(node, "none") || field_is(node, "auto");
}
static bool harmless_modalities(const struct json_node *node) {
    return json_is(node, JSON_ARRAY) && node->len == 1 && field_is(json_first(node), "text");
}
static bool harmless_verbosity(const struct json_node *node) { return field_is(node, "medium"); }

static enum sk_code take_variables(struct reading *r, const struct json_node *node, void *out) {
    if (!json_is(node, JSON_OBJECT)) return refuse_type(r, "an object");
    static const char *const ours[] = {"messages", "tools", "strict_tools",
                                       "add_generation_prompt"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (json_find(node, ours[i])) return refuse_value(r, "may not set '%s'.", ours[i]);
    *(const struct json_node **)out = node;
    return SK_OK;
}

#define AT(member) .at = offsetof(struct chat_fields, member)
static const char *const efforts[] = {"none", "minimal", "low", "medium", "high", "xhigh", NULL};
static const struct field chat_rows[] = {
    {.name = "messages",
     .kind = FIELD_OTHER,
     .required = true,
     AT(conversation),
     .take = take_messages,
     .shape = &message_shape,
     .schema = "{\"type\":\"array\",\"minItems\":1,\"maxItems\":1024}",
     .doc = "The conversation, oldest first."},
    {.name = "max_tokens", .kind = FIELD_COUNT, AT(max_tokens), .low = 1, .high = UINT32_MAX,
     .doc = "max_completion_tokens."},
    {.name = "max_completion_tokens",
     .kind = FIELD_COUNT,
     AT(max_completion_tokens),
     .low = 1,
     .high = UINT32_MAX,
     .doc = "Tokens of the answer at most. Without: until the context is full."},
    {.name = "logprobs", .kind = FIELD_BOOL, AT(logprobs),
     .doc = "Log-probabilities of the answer's tokens, of the model's raw scores."},
    {.name = "top_logprobs",
     .kind = FIELD_COUNT,
     AT(top_logprobs),
     .high = ENGINE_CANDIDATES_MAX,
     .doc = "So many likeliest alternatives beside each. Needs logprobs."},
    {.name = "tools",
     .kind = FIELD_OTHER,
     AT(conversation),
     .take = take_tools,
     .schema = "{\"type\":\"array\",\"maxItems\":128,\"items\":{\"type\":\"object\",\"required\":"
               "[\"type\",\"function\"],\"properties\":{\"type\":{\"const\":\"function\"},"
               "\"function\":{\"type\":\"object\",\"required\":[\"name\"]}}}}",
     .doc = "Functions the model may call; arguments always validate against their parameters."},
    {.name = "tool_choice",
     .kind = FIELD_OTHER,
     .take = take_choice,
     .schema = "{\"anyOf\":[{\"enum\":[\"none\",\"auto\",\"required\"]},{\"type\":\"object\"}]}",
     .doc = "none, auto (the default), required, or a function by name."},
    {.name = "parallel_tool_calls", .kind = FIELD_BOOL, AT(choice.parallel),
     .doc = "Several calls in one answer; true is the default."},
    {.name = "response_format",
     .kind = FIELD_OTHER,
     .take = take_format,
     .schema = "{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":{\"enum\":"
               "[\"text\",\"json_object\",\"json_schema\"]},\"json_schema\":{\"type\":\"object\","
               "\"required\":[\"name\",\"schema\"]}}}",
     .doc = "A schema that cannot be held to is refused by keyword."},
    {.name = "reasoning_effort", .kind = FIELD_WORD, AT(reasoning_effort), .words = efforts,
     .doc = "To the chat template, as it is and as enable_thinking (not for none)."},
    {.name = "chat_template_kwargs",
     .kind = FIELD_OTHER,
     AT(conversation.variables),
     .take = take_variables,
     .schema = "{\"type\":\"object\"}",
     .doc = "Further variables of the model's chat template."},
    {.name = "prediction", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "metadata", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "store", .kind = FIELD_NOT, .harmless = harmless_false,
     .doc = "keeping chat completions (POST /v1/responses keeps)"},
    {.name = "functions", .kind = FIELD_NOT, .harmless = harmless_empty,
     .doc = "the old form of tools (tools is the new one)"},
    {.name = "function_call", .kind = FIELD_NOT, .harmless = harmless_choice,
     .doc = "the old form of tool_choice"},
    {.name = "modalities", .kind = FIELD_NOT, .harmless = harmless_modalities,
     .doc = "output other than text"},
    {.name = "audio", .kind = FIELD_NOT, .harmless = harmless_never,
     .doc = "output other than text"},
    {.name = "verbosity", .kind = FIELD_NOT, .harmless = harmless_verbosity,
     .doc = "a verbosity other than medium"},
    {.name = "web_search_options", .kind = FIELD_NOT, .harmless = harmless_never,
     .doc = "searching the web"},
};
const struct shape chat_shape = {SHAPE_OF(chat_rows), &sampling_shape};

static enum sk_code tokens_end(struct reading *r, const struct chat_fields *fields,
                               struct engine_job *job) {
    uint32_t old = fields->max_tokens, recent = fields->max_completion_tokens;
    path_enter(r, "max_tokens");
    if (old && recent && old != recent)
        return refuse_value(r, "and 'max_completion_tokens' differ; give one.");
    path_leave(r, 0);
    job->tokens_max = recent ? recent : old;
    path_enter(r, "top_logprobs");
    if (field_given(r->root, "top_logprobs") && !fields->logprobs)
        return refuse_value(r, "needs 'logprobs': true.");
    path_leave(r, 0);
    job->logprobs = fields->logprobs ? 1 + fields->top_logprobs : 0;
    return SK_OK;
}

// What reasoning_effort becomes, said once more by the client.
static enum sk_code variables_check(struct reading *r, const struct chat_fields *fields) {
    static const char *const names[] = {"reasoning_effort", "enable_thinking"};
    path_enter(r, "chat_template_kwargs");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (fields->reasoning_effort >= 0 && json_find(fields->conversation.variables, names[i]))
            return refuse_value(r, "may not set '%s' beside 'reasoning_effort'.", names[i]);
    path_leave(r, 0);
    return SK_OK;
}

enum sk_code chat_read(struct reading *r, struct gate_ask *ask) {
    struct chat_fields *fields = arena_take(r->arena, 1, sizeof *fields);
    struct gate_task *task = arena_take(r->arena, 1, sizeof *task);
    if (!fields || !task) return refuse_memory(r);
    fields->common = sampling_usual();
    fields->choice.parallel = true;
    fields->reasoning_effort = -1;
    TRY(fields_take(r, r->root, &chat_shape, fields));
    TRY(tokens_end(r, fields, &task->job));
    TRY(variables_check(r, fields));
    TRY(conversation_choose(r, &fields->conversation, &fields->choice, &task->job));
    task->job.format = fields->format.kind;
    task->job.format_text = fields->format.schema;
    TRY(sampling_end(r, &fields->common, &task->job));
    TRY(sampling_ask(r, &fields->common, ask));
    if (fields->reasoning_effort >= 0) {
        fields->conversation.reasoning_effort = view_of(efforts[fields->reasoning_effort]);
        fields->conversation.thinking = fields->reasoning_effort ? THINKING_ON : THINKING_OFF;
    }
    path_enter(r, "messages");
    TRY(conversation_end(r, &fields->conversation, &task->job));
    task->operation = GATE_OP_CHAT;
    ask->protocol = &chat_protocol;
    ask->tasks = task;
    ask->tasks_len = 1;
    return SK_OK;
}
