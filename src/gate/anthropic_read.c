// POST /v1/messages and /v1/messages/count_tokens: the requests. Both hold a conversation; the
// first says how it is to be answered too.
#include "gate/anthropic.h"
#include "gate/protocols.h"
#include "gate/sampling.h"

struct format_fields {
    int type;
    const struct json_node *schema;
};

struct messages_fields {
    struct sampling_fields common; // of which these protocols have a few
    const struct json_node *messages, *system;
    struct conversation conversation;
    struct {
        int type;
        uint32_t budget_tokens;
        int display;
    } thinking;
    struct {
        int type;
        struct view name;
        bool disable_parallel_tool_use;
    } choice;
    struct {
        int effort;
        struct format_fields format;
    } output;
    struct format_fields format; // the older name
    uint32_t max_tokens;
};

static enum sk_code take_node(struct reading *r, const struct json_node *node, void *out) {
    (void)r;
    *(const struct json_node **)out = node;
    return SK_OK;
}

// ---- tools ----

struct client_tool {
    struct tool tool;
    bool defer_loading, eager;
};

static bool harmless_callers(const struct json_node *node) {
    return json_is(node, JSON_ARRAY) && node->len == 1 && field_is(json_first(node), "direct");
}

#define AT(member) .at = offsetof(struct client_tool, member)
static const struct field tool_rows[] = {
    {.name = "type", .kind = FIELD_PASS, .doc = "custom: the client's own."},
    {.name = "name",
     .kind = FIELD_OTHER,
     .required = true,
     AT(tool.name),
     .take = take_tool_name,
     .schema = "{\"type\":\"string\",\"pattern\":\"^[a-zA-Z0-9_.-]{1,64}$\"}"},
    {.name = "description", .kind = FIELD_TEXT, AT(tool.description), .high = 1 << 20},
    {.name = "input_schema",
     .kind = FIELD_OTHER,
     .required = true,
     AT(tool.parameters),
     .take = take_schema_node,
     .schema = "{\"type\":\"object\"}"},
    {.name = "strict",
     .kind = FIELD_BOOL,
     AT(tool.strict),
     .doc = "An input_schema that cannot be held to is refused; else what can be is held to."},
    {.name = "defer_loading",
     .kind = FIELD_BOOL,
     AT(defer_loading),
     .doc = "Has no effect: the tool is offered."},
    {.name = "eager_input_streaming",
     .kind = FIELD_BOOL,
     AT(eager),
     .doc = "Has no effect: all inputs are streamed as they are made."},
    {.name = "cache_control", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "input_examples", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "allowed_callers",
     .kind = FIELD_NOT,
     .harmless = harmless_callers,
     .doc = "a call of a tool by another tool"},
};
#undef AT
static const struct shape tool_shape = {SHAPE_OF(tool_rows)};

static enum sk_code tool_take(struct reading *r, const struct json_node *node, struct tool *out) {
    struct client_tool tool = {0};
    if (!json_is(node, JSON_OBJECT)) return refuse_type(r, "an object");
    const struct json_node *type = field_given(node, "type");
    if (type && !field_is(type, "custom")) {
        path_enter(r, "type");
        return refuse_unsupported(r, "a tool other than the client's own (custom)");
    }
    TRY(fields_take(r, node, &tool_shape, &tool));
    *out = tool.tool;
    return SK_OK;
}

static enum sk_code take_tools(struct reading *r, const struct json_node *list, void *out) {
    return tools_take(r, list, tool_take, out);
}

// ---- the tables ----

static enum sk_code take_stop_sequences(struct reading *r, const struct json_node *node,
                                        void *out) {
    if (!json_is(node, JSON_ARRAY)) return refuse_type(r, "an array of strings");
    return stops_take(r, node, ENGINE_STOPS_MAX, out);
}

// {"edits":[{"type":"clear_thinking_20251015","keep":"all"}]}: all stays, as it does here.
static bool harmless_edits(const struct json_node *node) {
    const struct json_node *edits = json_find(node, "edits");
    if (!json_is(node, JSON_OBJECT) || node->len > 1) return false;
    if (!edits) return node->len == 0;
    if (!json_is(edits, JSON_ARRAY)) return false;
    const struct json_node *edit = json_first(edits);
    for (uint32_t i = 0; i < edits->len; i++, edit = json_next(edit))
        if (!field_is(json_find(edit, "type"), "clear_thinking_20251015") ||
            !field_is(json_find(edit, "keep"), "all") || edit->len != 2)
            return false;
    return true;
}

// A conversation that the server would keep. This node keeps none: whoever begins one must be ready
// for its being lost, and sends the whole conversation when it is.
static enum sk_code take_thread(struct reading *r, const struct json_node *node, void *out) {
    (void)out;
    if (!json_is(node, JSON_OBJECT)) return refuse_type(r, "an object with a type");
    if (field_is(json_find(node, "type"), "create")) return SK_OK;
    return gate_refuse(r->error, 404, "thread_not_found", r->path,
                       "%s: this node keeps no threads; send the whole conversation.", r->path);
}

static bool harmless_standard(const struct json_node *node) {
    return field_is(node, "standard");
}

enum { THINKING_DISABLED, THINKING_ENABLED, THINKING_ADAPTIVE };
enum { DISPLAY_SUMMARIZED, DISPLAY_OMITTED };
static const char *const thinking_words[] = {"disabled", "enabled", "adaptive", NULL};
static const char *const display_words[] = {"summarized", "omitted", NULL};
static const char *const effort_words[] = {"low", "medium", "high", "xhigh", "max", NULL};
static const char *const format_words[] = {"json_schema", NULL};
static const char *const choice_words[] = {"auto", "none", "any", "tool", NULL};

#define IN(object, member)                                                                         \
    .at = offsetof(struct messages_fields, object.member) - offsetof(struct messages_fields, object)
static const struct field thinking_rows[] = {
    {.name = "type",
     .kind = FIELD_WORD,
     .required = true,
     IN(thinking, type),
     .words = thinking_words},
    {.name = "budget_tokens",
     .kind = FIELD_COUNT,
     IN(thinking, budget_tokens),
     .low = 1024,
     .high = UINT32_MAX,
     .doc = "Below max_tokens, which is what bounds the thoughts here."},
    {.name = "display",
     .kind = FIELD_WORD,
     IN(thinking, display),
     .words = display_words,
     .doc = "omitted: the block has a signature but no text. Else the text is whole."},
};
static const struct shape thinking_shape = {SHAPE_OF(thinking_rows)};
static const struct field choice_rows[] = {
    {.name = "type", .kind = FIELD_WORD, .required = true, IN(choice, type), .words = choice_words},
    {.name = "name",
     .kind = FIELD_TEXT,
     IN(choice, name),
     .low = 1,
     .high = ENGINE_NAME_MAX,
     .doc = "Of type tool."},
    {.name = "disable_parallel_tool_use",
     .kind = FIELD_BOOL,
     IN(choice, disable_parallel_tool_use),
     .doc = "At most one call in an answer."},
};
static const struct shape choice_shape = {SHAPE_OF(choice_rows)};
static const struct field format_rows[] = {
    {.name = "type",
     .kind = FIELD_WORD,
     .required = true,
     .at = offsetof(struct format_fields, type),
     .words = format_words},
    {.name = "schema",
     .kind = FIELD_OTHER,
     .required = true,
     .at = offsetof(struct format_fields, schema),
     .take = take_schema_node,
     .schema = "{\"type\":\"object\"}"},
};
static const struct shape format_shape = {SHAPE_OF(format_rows)};
static const struct field output_rows[] = {
    {.name = "effort",
     .kind = FIELD_WORD,
     IN(output, effort),
     .words = effort_words,
     .doc = "To the chat template, as reasoning_effort."},
    {.name = "format",
     .kind = FIELD_OBJECT,
     IN(output, format),
     .shape = &format_shape,
     .doc = "The answer validates against the schema. One that cannot be held to is refused by "
            "keyword."},
    {.name = "task_budget",
     .kind = FIELD_NOT,
     .harmless = harmless_never,
     .doc = "a budget of a task"},
};
static const struct shape output_shape = {SHAPE_OF(output_rows)};

#define AT(member) .at = offsetof(struct messages_fields, member)
#define NOT_ROW(member, what)                                                                      \
    { .name = member, .kind = FIELD_NOT, .harmless = harmless_empty, .doc = what }
static const struct field count_tokens_rows[] = {
    {.name = "model",
     .kind = FIELD_TEXT,
     .required = true,
     AT(common.model),
     .low = 1,
     .high = GATE_MODEL_MAX,
     .doc = "An id of GET /v1/models."},
    {.name = "messages",
     .kind = FIELD_OTHER,
     .required = true,
     AT(messages),
     .take = take_node,
     .schema = "{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"object\",\"required\":["
               "\"role\",\"content\"],\"properties\":{\"role\":{\"enum\":[\"user\","
               "\"assistant\",\"system\"]},\"content\":{\"anyOf\":[{\"type\":\"string\"},{"
               "\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"type\"],"
               "\"properties\":{\"type\":{\"enum\":[\"text\",\"thinking\","
               "\"redacted_thinking\",\"tool_use\",\"tool_result\"]}}}}]}}}}",
     .doc = "The conversation, oldest first, ending with the user's turn. Images and documents are "
            "refused."},
    {.name = "system",
     .kind = FIELD_OTHER,
     AT(system),
     .take = take_node,
     .schema = "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":"
               "\"object\",\"required\":[\"type\",\"text\"]}}]}",
     .doc = "A text, or blocks of text joined by line breaks."},
    {.name = "tools",
     .kind = FIELD_OTHER,
     AT(conversation),
     .take = take_tools,
     .shape = &tool_shape,
     .schema = "{\"type\":\"array\",\"maxItems\":128}",
     .doc = "The client's tools. Inputs hold to their schemas, as far as strict says."},
    {.name = "tool_choice", .kind = FIELD_OBJECT, AT(choice), .shape = &choice_shape},
    {.name = "thinking",
     .kind = FIELD_OBJECT,
     AT(thinking),
     .shape = &thinking_shape,
     .doc = "To the chat template, as enable_thinking; absent is disabled."},
    {.name = "output_config", .kind = FIELD_OBJECT, AT(output), .shape = &output_shape},
    {.name = "output_format",
     .kind = FIELD_OBJECT,
     AT(format),
     .shape = &format_shape,
     .doc = "output_config.format."},
    {.name = "context_management",
     .kind = FIELD_NOT,
     .harmless = harmless_edits,
     .doc = "editing the context (other than keeping all thinking)"},
    {.name = "speed",
     .kind = FIELD_NOT,
     .harmless = harmless_standard,
     .doc = "a speed other than standard"},
    {.name = "cache_control", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "betas", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "user_profile_id", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "workspace_id", .kind = FIELD_PASS, .doc = "Has no effect."},
    NOT_ROW("mcp_servers", "calling MCP servers"),
    NOT_ROW("compaction", "compacting the conversation"),
};
const struct shape count_tokens_shape = {SHAPE_OF(count_tokens_rows)};

static const struct field messages_rows[] = {
    {.name = "max_tokens",
     .kind = FIELD_COUNT,
     .required = true,
     AT(max_tokens),
     .low = 1,
     .high = UINT32_MAX,
     .doc = "Tokens of the answer at most, thoughts included."},
    {.name = "stream", .kind = FIELD_BOOL, AT(common.stream), .doc = "Server-sent events."},
    {.name = "stop_sequences",
     .kind = FIELD_OTHER,
     AT(common.stop),
     .take = take_stop_sequences,
     .schema = "{\"type\":\"array\",\"maxItems\":16,\"items\":{\"type\":\"string\","
               "\"minLength\":1,\"maxLength\":256}}",
     .doc = "Strings that end the answer; they are not part of it."},
    {.name = "temperature",
     .kind = FIELD_NUMBER,
     AT(common.temperature),
     .low = 0,
     .high = 1,
     .doc = "0 takes the likeliest token. Default 1."},
    {.name = "top_p",
     .kind = FIELD_NUMBER,
     .above = true,
     AT(common.top_p),
     .low = 0,
     .high = 1,
     .doc = "Only the likeliest tokens that together reach it. Default 1."},
    {.name = "top_k",
     .kind = FIELD_INTEGER,
     AT(common.top_k),
     .low = 0,
     .high = UINT32_MAX,
     .doc = "Only the k likeliest tokens; 0: all, the default."},
    {.name = "seed",
     .kind = FIELD_INTEGER,
     AT(common.seed),
     .doc = "Not Anthropic's. The same request with the same seed has the same answer."},
    {.name = "metadata", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "service_tier", .kind = FIELD_PASS, .doc = "Has no effect."},
    NOT_ROW("container", "running code in a container"),
    NOT_ROW("fallbacks", "falling back to other models"),
    NOT_ROW("diagnostics", "telling why a prompt was not found in the cache"),
    {.name = "inference_geo",
     .kind = FIELD_NOT,
     .harmless = harmless_never,
     .doc = "choosing where it is computed: it is computed here, as the receipt says, and that"},
    {.name = "thread",
     .kind = FIELD_OTHER,
     .take = take_thread,
     .schema = "{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":{\"const\":"
               "\"create\"}}}",
     .doc = "None is kept: to continue one is 404 thread_not_found, upon which clients send the "
            "whole conversation."},
};
const struct shape messages_shape = {SHAPE_OF(messages_rows), &count_tokens_shape};
#undef AT

// ---- from fields to the job ----

static enum sk_code thinking_end(struct reading *r, const struct messages_fields *fields,
                                 struct conversation *c) {
    uint32_t budget = fields->thinking.budget_tokens;
    int type = fields->thinking.type;
    size_t before = path_enter(r, "thinking");
    if (type == THINKING_ENABLED && !budget) return refuse_missing(r, "budget_tokens");
    path_enter(r, "budget_tokens");
    if (type != THINKING_ENABLED && budget) return refuse_value(r, "belongs to type enabled only.");
    if (fields->max_tokens && budget >= fields->max_tokens)
        return refuse_value(r, "must be below 'max_tokens', %u.", fields->max_tokens);
    path_leave(r, before);
    c->thinking = type == THINKING_DISABLED ? THINKING_OFF : THINKING_ON;
    if (fields->output.effort >= 0)
        c->reasoning_effort = view_of(effort_words[fields->output.effort]);
    return SK_OK;
}

static enum sk_code choice_end(struct reading *r, const struct messages_fields *fields,
                               struct engine_job *job) {
    static const enum engine_tool_choice kinds[] = {ENGINE_TOOLS_AUTO, ENGINE_TOOLS_NONE,
                                                    ENGINE_TOOLS_REQUIRED, ENGINE_TOOLS_NAMED};
    struct tool_choice choice = {kinds[fields->choice.type], fields->choice.name,
                                 !fields->choice.disable_parallel_tool_use};
    bool named = choice.kind == ENGINE_TOOLS_NAMED;
    size_t before = path_enter(r, "tool_choice");
    if (named && !choice.name.len) return refuse_missing(r, "name");
    path_enter(r, "name");
    if (!named && choice.name.len) return refuse_value(r, "belongs to type tool only.");
    path_leave(r, before);
    return conversation_choose(r, &fields->conversation, &choice, job);
}

static enum sk_code format_end(struct reading *r, const struct messages_fields *fields,
                               struct engine_job *job) {
    const struct json_node *schema = fields->output.format.schema;
    size_t before = path_enter(r, "output_format");
    if (schema && fields->format.schema)
        return refuse_value(r, "and 'output_config.format' are both given; give one.");
    path_leave(r, before);
    if (!schema) schema = fields->format.schema;
    if (!schema) return SK_OK;
    job->format = ENGINE_JSON_SCHEMA;
    return take_json(r, schema, &job->format_text);
}

// What the answer says of its request.
static enum sk_code echo_keep(struct reading *r, const struct messages_fields *fields,
                              struct gate_ask *ask) {
    struct buf rest = arena_rest(r->arena);
    wire_put_u8(&rest, fields->thinking.display == DISPLAY_OMITTED);
    wire_put_u32(&rest, fields->max_tokens);
    for (uint32_t i = 0; i < fields->common.stop.len; i++)
        wire_put_text(&rest, fields->common.stop.texts[i]);
    return take_written(r, &rest, &ask->echo);
}

// Everything of both requests.
static enum sk_code conversation_read(struct reading *r, const struct shape *shape,
                                      struct messages_fields **out, struct gate_task **task_out) {
    struct messages_fields *fields = *out = arena_take(r->arena, 1, sizeof *fields);
    struct gate_task *task = *task_out = arena_take(r->arena, 1, sizeof *task);
    if (!fields || !task) return refuse_memory(r);
    fields->common = sampling_usual();
    fields->output.effort = -1;
    TRY(fields_take(r, r->root, shape, fields));
    TRY(turns_take(r, fields->messages, fields->system, shape == &count_tokens_shape,
                   &fields->conversation));
    TRY(thinking_end(r, fields, &fields->conversation));
    TRY(choice_end(r, fields, &task->job));
    TRY(format_end(r, fields, &task->job));
    size_t before = path_enter(r, "messages");
    TRY(conversation_end(r, &fields->conversation, &task->job));
    path_leave(r, before);
    return SK_OK;
}

enum sk_code messages_read(struct reading *r, struct gate_ask *ask) {
    struct messages_fields *fields;
    struct gate_task *task;
    TRY(conversation_read(r, &messages_shape, &fields, &task));
    task->operation = GATE_OP_CHAT;
    task->job.tokens_max = fields->max_tokens;
    TRY(sampling_end(r, &fields->common, &task->job));
    TRY(sampling_ask(r, &fields->common, ask));
    TRY(echo_keep(r, fields, ask));
    ask->protocol = &messages_protocol;
    ask->tasks = task;
    ask->tasks_len = 1;
    return SK_OK;
}

enum sk_code count_tokens_read(struct reading *r, struct gate_ask *ask) {
    struct messages_fields *fields;
    struct gate_task *task;
    TRY(conversation_read(r, &count_tokens_shape, &fields, &task));
    task->operation = GATE_OP_COUNT;
    ask->protocol = &count_tokens_protocol;
    ask->model = fields->common.model;
    ask->tasks = task;
    ask->tasks_len = 1;
    return SK_OK;
}
