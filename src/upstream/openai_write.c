// Envelopes for OpenAI's protocol, as llama.cpp, vLLM, SGLang and this node also speak it.
//
// Where they differ:
//   - tokens at most is max_completion_tokens in chats (OpenAI's reasoning models take nothing
//     else; llama.cpp has it since February 2026), max_tokens in completions
//   - temperature is always said: what it is when unsaid differs (OpenAI 1, llama.cpp 0.8)
//   - top_k, min_p, repetition_penalty (to llama.cpp repeat_penalty) and chat_template_kwargs are
//     said where they are used: OpenAI itself refuses them by name. What some of the others would
//     ignore without a word (typical_p, DRY, grammars, how far penalties look back) is refused here
//   - thoughts of earlier answers stay, as reasoning_content
#include "upstream/write.h"

static enum sk_code settings_check(const struct engine_job *job) {
    const struct engine_sampling *sampling = &job->sampling;
    if (sampling->typical_p > 0 && sampling->typical_p < 1) return cannot_travel("typical_p", "it");
    if (sampling->dry_multiplier > 0) return cannot_travel("dry_multiplier", "it");
    if (sampling->penalty_last_n) return cannot_travel("penalty_last_n", "it");
    if (job->format == ENGINE_GBNF) return cannot_travel("format", "a grammar");
    if (job->score_from) return cannot_travel("logprobs", "scores of the prompt");
    if (job->prompt_only) return cannot_travel("prompt", "reading a prompt without an answer");
    return SK_OK;
}

static void put_biases(struct json_writer *w, const struct engine_sampling *sampling) {
    if (!sampling->logit_bias_len) return;
    json_name(w, "logit_bias");
    json_open(w, '{');
    for (uint32_t i = 0; i < sampling->logit_bias_len; i++) {
        char token[24];
        struct buf name = buf_over(token, sizeof token - 1);
        buf_put_i64(&name, sampling->logit_bias[i].token);
        token[name.len] = 0;
        put_number(w, token, sampling->logit_bias[i].bias);
    }
    json_close(w, '}');
}

static void put_settings(struct json_writer *w, const struct engine_job *job) {
    const struct engine_sampling *sampling = &job->sampling;
    bool greedy = sampling->temperature < 1e-4F;
    put_number(w, "temperature", greedy ? 0 : sampling->temperature);
    if (sampling->top_k) json_member_u64(w, "top_k", sampling->top_k);
    if (sampling->top_p > 0 && sampling->top_p < 1) put_number(w, "top_p", sampling->top_p);
    if (sampling->min_p > 0) put_number(w, "min_p", sampling->min_p);
    if (sampling->presence_penalty != 0)
        put_number(w, "presence_penalty", sampling->presence_penalty);
    if (sampling->frequency_penalty != 0)
        put_number(w, "frequency_penalty", sampling->frequency_penalty);
    if (sampling->repetition_penalty > 0 && sampling->repetition_penalty != 1) {
        put_number(w, "repetition_penalty", sampling->repetition_penalty);
        put_number(w, "repeat_penalty", sampling->repetition_penalty);
        json_member_i64(w, "repeat_last_n", -1); // over all: llama.cpp's default is 64
    }
    put_biases(w, sampling);
    if (!greedy) json_member_i64(w, "seed", (int64_t)sampling->seed);
    put_stops(w, "stop", job);
    json_member_bool(w, "stream", true);
    json_name(w, "stream_options");
    json_put_raw(w, VIEW("{\"include_usage\":true}"));
}

// ---- chat ----

static enum sk_code put_call(struct json_writer *w, const struct json_node *call,
                             struct arena *arena) {
    const struct json_node *function = json_find(call, "function");
    const struct json_node *arguments = json_find(function, "arguments");
    struct view text;
    if (!arguments) return FAIL(SK_INPUT, "messages: a call without arguments");
    if (json_is(arguments, JSON_STRING))
        text = json_view(arguments);
    else
        TRY(node_text(arguments, arena, &text));
    json_open(w, '{');
    json_member_string(w, "id", member_view(call, "id"));
    json_member_text(w, "type", "function");
    json_name(w, "function");
    json_open(w, '{');
    json_member_string(w, "name", member_view(function, "name"));
    json_member_string(w, "arguments", text);
    json_close(w, '}');
    json_close(w, '}');
    return SK_OK;
}

static enum sk_code put_message(struct json_writer *w, const struct json_node *message,
                                struct arena *arena) {
    const struct json_node *name = json_first(message), *value;
    json_open(w, '{');
    for (uint32_t i = 0; i < message->len; i++, name = json_next(value)) {
        value = json_next(name);
        json_name_view(w, json_view(name));
        if (!view_is(json_view(name), "tool_calls") || !json_is(value, JSON_ARRAY)) {
            json_put_node(w, value);
            continue;
        }
        json_open(w, '[');
        const struct json_node *call = json_first(value);
        for (uint32_t j = 0; j < value->len; j++, call = json_next(call))
            TRY(put_call(w, call, arena));
        json_close(w, ']');
    }
    json_close(w, '}');
    return SK_OK;
}

static void put_tool(struct json_writer *w, const struct talk *talk,
                     const struct json_node *function) {
    const struct json_node *name = json_first(function), *value;
    json_open(w, '{');
    json_member_text(w, "type", "function");
    json_name(w, "function");
    json_open(w, '{');
    for (uint32_t i = 0; i < function->len; i++, name = json_next(value)) {
        value = json_next(name);
        if (view_is(json_view(name), "strict")) continue; // strict_tools says it
        json_name_view(w, json_view(name));
        json_put_node(w, value);
    }
    if (talk_strict(talk, member_view(function, "name"))) json_member_bool(w, "strict", true);
    json_close(w, '}');
    json_close(w, '}');
}

static void put_tools(struct json_writer *w, const struct talk *talk,
                      const struct engine_job *job) {
    if (!talk->tools || !talk->tools->len) return;
    json_name(w, "tools");
    json_open(w, '[');
    const struct json_node *tool = json_first(talk->tools);
    for (uint32_t i = 0; i < talk->tools->len; i++, tool = json_next(tool))
        put_tool(w, talk, json_find(tool, "function"));
    json_close(w, ']');
    if (job->tool_choice == ENGINE_TOOLS_NONE) json_member_text(w, "tool_choice", "none");
    if (job->tool_choice == ENGINE_TOOLS_REQUIRED) json_member_text(w, "tool_choice", "required");
    if (job->tool_choice == ENGINE_TOOLS_NAMED) {
        json_name(w, "tool_choice");
        json_open(w, '{');
        json_member_text(w, "type", "function");
        json_name(w, "function");
        json_open(w, '{');
        json_member_string(w, "name", job->tool_name);
        json_close(w, '}');
        json_close(w, '}');
    }
    if (!job->parallel_calls) json_member_bool(w, "parallel_tool_calls", false);
}

// Whether each object is closed and demands all its properties: OpenAI is strict with such only. A
// constant that looks like an open object makes it less strict, never wrong.
static bool schema_strict(const struct json_node *schema) {
    for (uint32_t i = 0; i < schema->span; i++) {
        const struct json_node *node = &schema[i], *all = json_find(node, "properties");
        const struct json_node *required = json_find(node, "required");
        bool object = json_is(all, JSON_OBJECT) || view_is(member_view(node, "type"), "object");
        uint32_t len = json_is(all, JSON_OBJECT) ? all->len : 0;
        uint32_t demanded = json_is(required, JSON_ARRAY) ? required->len : 0;
        bool closed = json_is(json_find(node, "additionalProperties"), JSON_FALSE);
        if (object && (!closed || len != demanded)) return false;
    }
    return true;
}

static enum sk_code put_format(struct json_writer *w, const struct engine_job *job,
                               struct arena *arena) {
    if (job->format == ENGINE_FREE) return SK_OK;
    json_name(w, "response_format");
    json_open(w, '{');
    json_member_text(w, "type", job->format == ENGINE_JSON ? "json_object" : "json_schema");
    if (job->format == ENGINE_JSON_SCHEMA) {
        const struct json_node *schema;
        TRY(schema_read(job, arena, &schema));
        json_name(w, "json_schema");
        json_open(w, '{');
        json_member_text(w, "name", "answer");
        if (schema_strict(schema)) json_member_bool(w, "strict", true);
        json_name(w, "schema");
        json_put_node(w, schema);
        json_close(w, '}');
    }
    json_close(w, '}');
    return SK_OK;
}

static void put_variable(struct json_writer *w, struct view name, const struct json_node *value,
                         bool *any) {
    if (!*any) {
        json_name(w, "chat_template_kwargs");
        json_open(w, '{');
    }
    *any = true;
    json_name_view(w, name);
    json_put_node(w, value);
}

// reasoning_effort says both, as gate has it: thinking is on unless the effort is none.
static void put_variables(struct json_writer *w, const struct talk *talk) {
    struct view effort = member_view(talk->root, "reasoning_effort"), name;
    const struct json_node *thinking = json_find(talk->root, "enable_thinking"), *value;
    bool on = !view_is(effort, "none"), any = false;
    if (effort.len) json_member_string(w, "reasoning_effort", effort);
    if (effort.len && json_is(thinking, on ? JSON_TRUE : JSON_FALSE)) thinking = NULL;
    if (thinking) put_variable(w, VIEW("enable_thinking"), thinking, &any);
    for (uint32_t i = 0; (value = talk_variable(talk, &i, &name)) != NULL;)
        put_variable(w, name, value, &any);
    if (any) json_close(w, '}');
}

static enum sk_code put_chat(struct json_writer *w, const struct gate_task *task,
                             struct arena *arena) {
    const struct engine_job *job = &task->job;
    struct talk talk;
    TRY(talk_read(task, arena, &talk));
    TRY(settings_check(job));
    json_name(w, "messages");
    json_open(w, '[');
    const struct json_node *message = json_first(talk.messages);
    for (uint32_t i = 0; i < talk.messages->len; i++, message = json_next(message))
        TRY(put_message(w, message, arena));
    json_close(w, ']');
    put_tools(w, &talk, job);
    TRY(put_format(w, job, arena));
    put_variables(w, &talk);
    if (job->tokens_max) json_member_u64(w, "max_completion_tokens", job->tokens_max);
    if (job->logprobs) {
        json_member_bool(w, "logprobs", true);
        json_member_u64(w, "top_logprobs", job->logprobs - 1);
    }
    put_settings(w, job);
    return SK_OK;
}

// ---- the others ----

static enum sk_code put_completion(struct json_writer *w, const struct engine_job *job) {
    TRY(settings_check(job));
    if (job->format != ENGINE_FREE) return cannot_travel("format", "a form of a completion's text");
    json_member_string(w, "prompt", job->prompt);
    json_member_u64(w, "max_tokens", job->tokens_max);
    if (job->logprobs) json_member_u64(w, "logprobs", job->logprobs - 1);
    put_settings(w, job);
    return SK_OK;
}

static void put_texts(struct json_writer *w, const char *name, const struct gate_task *task) {
    json_name(w, name);
    json_open(w, '[');
    for (uint32_t i = 0; i < task->texts_len; i++)
        json_put_string(w, task->texts[i]);
    json_close(w, ']');
}

// base64: the floats' own bits, and one string to read for each vector.
static void put_embedding(struct json_writer *w, const struct gate_task *task) {
    put_texts(w, "input", task);
    json_member_text(w, "encoding_format", "base64");
    if (task->dimensions) json_member_u64(w, "dimensions", task->dimensions);
}

static void put_rerank(struct json_writer *w, const struct gate_task *task) {
    json_member_string(w, "query", task->query);
    put_texts(w, "documents", task);
    json_member_u64(w, "top_n", task->texts_len);
    json_member_bool(w, "return_documents", false);
}

enum sk_code openai_write(const struct gate_task *task, struct view model, struct arena *arena,
                          struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_string(&w, "model", model);
    switch (task->operation) {
    case GATE_OP_CHAT:
        TRY(put_chat(&w, task, arena));
        break;
    case GATE_OP_COMPLETION:
        TRY(put_completion(&w, &task->job));
        break;
    case GATE_OP_EMBED:
        put_embedding(&w, task);
        break;
    case GATE_OP_RERANK:
        put_rerank(&w, task);
        break;
    default:
        must(false);
    }
    json_close(&w, '}');
    return SK_OK;
}
