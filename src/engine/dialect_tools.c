#include "engine/dialect_tools.h"

#include <string.h>

int dialect_tools_find(const struct dialect_tools *tools, struct view name) {
    for (uint32_t i = 0; i < tools->len; i++)
        if (view_same((struct view){tools->names[i], tools->name_lens[i]}, name)) return (int)i;
    return -1;
}

bool dialect_tools_is_text(const struct dialect_tools *tools, uint32_t tool, struct view key) {
    for (uint32_t at = 0; at < tools->texts_len;) {
        uint8_t of = (uint8_t)tools->texts[at], len = (uint8_t)tools->texts[at + 1];
        if (of == tool && view_same((struct view){tools->texts + at + 2, len}, key)) return true;
        at += 2u + len;
    }
    return false;
}

// ---- what a job offers ----

static bool is_name(struct view name) {
    if (name.len == 0 || name.len > ENGINE_NAME_MAX) return false;
    for (size_t i = 0; i < name.len; i++)
        if (!dialect_name_char(name.at[i])) return false;
    return true;
}

static enum sk_code read_tool(const struct json_node *tool, uint32_t i, struct dialect_data *out) {
    const struct json_node *type = json_find(tool, "type");
    const struct json_node *function = json_find(tool, "function");
    const struct json_node *name = json_find(function, "name");
    const struct json_node *parameters = json_find(function, "parameters");
    if (!json_is(type, JSON_STRING) || !view_is(json_view(type), "function"))
        return FAIL(SK_INPUT, "tools: 'tools[%u].type' must be \"function\"", i);
    if (!json_is(function, JSON_OBJECT))
        return FAIL(SK_INPUT, "tools: 'tools[%u].function' must be an object", i);
    if (!json_is(name, JSON_STRING) || !is_name(json_view(name)))
        return FAIL(SK_INPUT,
                    "tools: 'tools[%u].function.name' must be 1 to %d letters, digits, _ or -", i,
                    ENGINE_NAME_MAX);
    if (parameters && parameters->type != JSON_OBJECT && parameters->type != JSON_NULL)
        return FAIL(SK_INPUT, "tools: 'tools[%u].function.parameters' must be an object", i);
    for (uint32_t j = 0; j < i; j++)
        if (view_same(dialect_function_name(out->functions[j]), json_view(name)))
            return FAIL(SK_INPUT, "tools: 'tools[%u].function.name': '%.*s' is there twice", i,
                        (int)name->len, name->at);
    out->functions[out->functions_len++] = function;
    return SK_OK;
}

static enum sk_code read_tools(struct dialect_data *out) {
    if (!out->tools || out->tools->type == JSON_NULL) return SK_OK;
    if (out->tools->type != JSON_ARRAY) return FAIL(SK_INPUT, "tools: must be an array");
    if (out->tools->len > TOOLS_MAX)
        return FAIL(SK_LIMIT, "tools: %u > %d", out->tools->len, TOOLS_MAX);
    const struct json_node *tool = json_first(out->tools);
    for (uint32_t i = 0; i < out->tools->len; i++, tool = json_next(tool))
        TRY(read_tool(tool, i, out));
    return SK_OK;
}

static enum sk_code check_choice(const struct engine_job *job, const struct dialect_data *data) {
    if (job->tool_choice != ENGINE_TOOLS_REQUIRED && job->tool_choice != ENGINE_TOOLS_NAMED)
        return SK_OK;
    if (data->functions_len == 0)
        return FAIL(SK_INPUT, "tool_choice: there are no tools to call");
    if (job->tool_choice == ENGINE_TOOLS_REQUIRED) return SK_OK;
    for (uint32_t i = 0; i < data->functions_len; i++)
        if (view_same(dialect_function_name(data->functions[i]), job->tool_name)) return SK_OK;
    return FAIL(SK_INPUT, "tool_choice: '%.*s' is none of the tools",
                (int)(job->tool_name.len < ENGINE_NAME_MAX ? job->tool_name.len : ENGINE_NAME_MAX),
                job->tool_name.at ? job->tool_name.at : "");
}

static bool has_calls(const struct json_node *messages) {
    if (!json_is(messages, JSON_ARRAY)) return false;
    const struct json_node *message = json_first(messages);
    for (uint32_t i = 0; i < messages->len; i++, message = json_next(message)) {
        if (json_is(json_find(message, "tool_calls"), JSON_ARRAY)) return true;
        if (json_is_text(json_find(message, "role"), "tool")) return true;
    }
    return false;
}

enum sk_code dialect_data_read(const struct engine_job *job, struct arena *arena,
                               struct dialect_data *out) {
    *out = (struct dialect_data){0};
    if (job->template_data.len) {
        char *copy = arena_text(arena, job->template_data);
        if (!copy) return SK_LIMIT;
        TRY(json_parse(copy, job->template_data.len, arena, &out->root));
        out->messages = json_find(out->root, "messages");
        out->tools = json_find(out->root, "tools");
    }
    TRY(read_tools(out));
    TRY(check_choice(job, out));
    out->offered = out->functions_len > 0 && job->tool_choice != ENGINE_TOOLS_NONE;
    out->calls = has_calls(out->messages);
    out->used = arena->used;
    return SK_OK;
}
