// Envelopes for Anthropic's Messages.
//
//   - what is said as system anywhere becomes `system`, a line break between two
//   - messages of one role in a row become one turn of blocks; results of tools are the user's,
//     before what else the user says. Texts that are empty are no blocks
//   - thoughts of earlier answers stay behind: the protocol takes them back only with a signature
//     of its own. Thinking that is on is adaptive, its effort in output_config
//   - max_tokens, which must be there, is ANSWER_MAX where the task has none
//   - the seed stays behind: every task has one, drawn where the client chose none
#include "upstream/write.h"

enum { ANSWER_MAX = 8192 };

static enum sk_code settings_check(const struct engine_job *job) {
    const struct engine_sampling *sampling = &job->sampling;
    const struct {
        const char *name;
        bool given;
    } foreign[] = {
        {"min_p", sampling->min_p > 0},
        {"typical_p", sampling->typical_p > 0 && sampling->typical_p < 1},
        {"repetition_penalty", sampling->repetition_penalty > 0},
        {"presence_penalty", sampling->presence_penalty != 0},
        {"frequency_penalty", sampling->frequency_penalty != 0},
        {"dry_multiplier", sampling->dry_multiplier > 0},
        {"logit_bias", sampling->logit_bias_len > 0},
        {"logprobs", job->logprobs > 0},
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (foreign[i].given) return cannot_travel(foreign[i].name, "it");
    if (sampling->temperature > 1) return cannot_travel("temperature", "more than 1");
    if (job->format == ENGINE_GBNF) return cannot_travel("format", "a grammar");
    if (job->format == ENGINE_JSON)
        return cannot_travel("format", "JSON of any form, only for a schema");
    return SK_OK;
}

// ---- turns ----

// The list of turns while it is written: each begins with its first block.
struct turns {
    struct json_writer *w;
    const char *role; // of the open one, or NULL
};

static void turn_close(struct turns *turns) {
    if (!turns->role) return;
    json_close(turns->w, ']');
    json_close(turns->w, '}');
    turns->role = NULL;
}

static void block_open(struct turns *turns, const char *role, const char *type) {
    struct json_writer *w = turns->w;
    if (!turns->role || !view_is(view_of(role), turns->role)) {
        turn_close(turns);
        json_open(w, '{');
        json_member_text(w, "role", role);
        json_name(w, "content");
        json_open(w, '[');
        turns->role = role;
    }
    json_open(w, '{');
    json_member_text(w, "type", type);
}

static void put_text(struct turns *turns, const char *role, struct view text) {
    if (!text.len) return;
    block_open(turns, role, "text");
    json_member_string(turns->w, "text", text);
    json_close(turns->w, '}');
}

static enum sk_code put_call(struct turns *turns, const struct json_node *call) {
    const struct json_node *function = json_find(call, "function");
    const struct json_node *input = json_find(function, "arguments");
    bool empty = json_is(input, JSON_STRING) && input->len == 0;
    if (!empty && !json_is(input, JSON_OBJECT))
        return cannot_travel("messages", "a call whose arguments are no JSON object");
    block_open(turns, "assistant", "tool_use");
    json_member_string(turns->w, "id", member_view(call, "id"));
    json_member_string(turns->w, "name", member_view(function, "name"));
    json_name(turns->w, "input");
    if (empty)
        json_put_raw(turns->w, VIEW("{}"));
    else
        json_put_node(turns->w, input);
    json_close(turns->w, '}');
    return SK_OK;
}

static void put_result(struct turns *turns, const struct json_node *message) {
    struct view content = member_view(message, "content");
    block_open(turns, "user", "tool_result");
    json_member_string(turns->w, "tool_use_id", member_view(message, "tool_call_id"));
    if (content.len) json_member_string(turns->w, "content", content);
    json_close(turns->w, '}');
}

static enum sk_code put_message(struct turns *turns, const struct json_node *message) {
    struct view role = member_view(message, "role"), content = member_view(message, "content");
    if (view_is(role, "tool")) {
        put_result(turns, message);
        return SK_OK;
    }
    if (member_view(message, "name").len)
        return cannot_travel("messages", "the name of who says a message");
    if (view_is(role, "user")) put_text(turns, "user", content);
    if (!view_is(role, "assistant")) return SK_OK;
    put_text(turns, "assistant", content);
    const struct json_node *calls = json_find(message, "tool_calls");
    if (!json_is(calls, JSON_ARRAY)) return SK_OK;
    const struct json_node *call = json_first(calls);
    for (uint32_t i = 0; i < calls->len; i++, call = json_next(call))
        TRY(put_call(turns, call));
    return SK_OK;
}

static void put_system(struct json_writer *w, const struct json_node *messages) {
    const struct json_node *message = json_first(messages);
    bool any = false;
    for (uint32_t i = 0; i < messages->len; i++, message = json_next(message)) {
        if (!view_is(member_view(message, "role"), "system")) continue;
        if (!any) {
            json_name(w, "system");
            json_string_begin(w);
        } else {
            json_string_more(w, VIEW("\n"));
        }
        any = true;
        json_string_more(w, member_view(message, "content"));
    }
    if (any) json_string_end(w);
}

static enum sk_code put_messages(struct json_writer *w, const struct json_node *messages) {
    struct turns turns = {.w = w};
    json_name(w, "messages");
    json_open(w, '[');
    const struct json_node *message = json_first(messages);
    for (uint32_t i = 0; i < messages->len; i++, message = json_next(message))
        TRY(put_message(&turns, message));
    bool continued = turns.role && view_is(view_of(turns.role), "assistant");
    turn_close(&turns);
    json_close(w, ']');
    if (continued) // there it would be continued, here it is answered
        return cannot_travel("messages", "an answer to the assistant's own message");
    return SK_OK;
}

// ---- the rest ----

static void put_tools(struct json_writer *w, const struct talk *talk,
                      const struct engine_job *job) {
    static const char *const choices[] = {[ENGINE_TOOLS_AUTO] = "auto",
                                          [ENGINE_TOOLS_NONE] = "none",
                                          [ENGINE_TOOLS_REQUIRED] = "any",
                                          [ENGINE_TOOLS_NAMED] = "tool"};
    if (!talk->tools || !talk->tools->len) return;
    json_name(w, "tools");
    json_open(w, '[');
    const struct json_node *tool = json_first(talk->tools);
    for (uint32_t i = 0; i < talk->tools->len; i++, tool = json_next(tool)) {
        const struct json_node *function = json_find(tool, "function");
        struct view name = member_view(function, "name");
        struct view description = member_view(function, "description");
        const struct json_node *schema = json_find(function, "parameters");
        json_open(w, '{');
        json_member_string(w, "name", name);
        if (description.len) json_member_string(w, "description", description);
        json_name(w, "input_schema");
        if (schema)
            json_put_node(w, schema);
        else
            json_put_raw(w, VIEW("{\"type\":\"object\"}"));
        if (talk_strict(talk, name)) json_member_bool(w, "strict", true);
        json_close(w, '}');
    }
    json_close(w, ']');
    bool single = !job->parallel_calls && job->tool_choice != ENGINE_TOOLS_NONE;
    if (job->tool_choice == ENGINE_TOOLS_AUTO && !single) return;
    json_name(w, "tool_choice");
    json_open(w, '{');
    json_member_text(w, "type", choices[job->tool_choice]);
    if (job->tool_choice == ENGINE_TOOLS_NAMED) json_member_string(w, "name", job->tool_name);
    if (single) json_member_bool(w, "disable_parallel_tool_use", true);
    json_close(w, '}');
}

static enum sk_code put_thinking(struct json_writer *w, const struct talk *talk,
                                 const struct engine_job *job, struct arena *arena) {
    struct view effort = member_view(talk->root, "reasoning_effort"), name;
    uint32_t i = 0;
    if (talk_variable(talk, &i, &name))
        return cannot_travel("chat_template_kwargs", "a variable of the chat template");
    if (json_is(json_find(talk->root, "enable_thinking"), JSON_TRUE)) {
        json_name(w, "thinking");
        json_put_raw(w, VIEW("{\"type\":\"adaptive\"}"));
    }
    if (view_is(effort, "none")) effort.len = 0;
    if (!effort.len && job->format != ENGINE_JSON_SCHEMA) return SK_OK;
    json_name(w, "output_config");
    json_open(w, '{');
    if (effort.len) json_member_string(w, "effort", effort);
    if (job->format == ENGINE_JSON_SCHEMA) {
        const struct json_node *schema;
        TRY(schema_read(job, arena, &schema));
        json_name(w, "format");
        json_open(w, '{');
        json_member_text(w, "type", "json_schema");
        json_name(w, "schema");
        json_put_node(w, schema);
        json_close(w, '}');
    }
    json_close(w, '}');
    return SK_OK;
}

static void put_settings(struct json_writer *w, const struct engine_job *job) {
    const struct engine_sampling *sampling = &job->sampling;
    json_member_u64(w, "max_tokens", job->tokens_max ? job->tokens_max : ANSWER_MAX);
    put_stops(w, "stop_sequences", job);
    if (sampling->temperature != 1) put_number(w, "temperature", sampling->temperature);
    if (sampling->top_p > 0 && sampling->top_p < 1) put_number(w, "top_p", sampling->top_p);
    if (sampling->top_k) json_member_u64(w, "top_k", sampling->top_k);
    json_member_bool(w, "stream", true);
}

enum sk_code anthropic_write(const struct gate_task *task, struct view model, struct arena *arena,
                             struct buf *out) {
    struct json_writer w = json_writer_to(out);
    struct talk talk;
    TRY(talk_read(task, arena, &talk));
    TRY(settings_check(&task->job));
    json_open(&w, '{');
    json_member_string(&w, "model", model);
    put_system(&w, talk.messages);
    TRY(put_messages(&w, talk.messages));
    put_tools(&w, &talk, &task->job);
    TRY(put_thinking(&w, &talk, &task->job, arena));
    if (task->operation == GATE_OP_CHAT) put_settings(&w, &task->job);
    json_close(&w, '}');
    return SK_OK;
}
