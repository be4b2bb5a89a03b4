// The chat request, field by field. A field this node does not act on is refused when ignoring it
// would change what the client gets; null counts as absent, as it does for OpenAI.
#include "gate/openai_reading.h"

#include <stdio.h>

enum { PATH_MAX_ = 65 };

// ---- messages ----

// {"type":"text","text":…}
static enum sk_code take_part(const struct reading *r, const struct json_node *part,
                              const char *path, struct view *out) {
    if (!json_is(part, JSON_OBJECT))
        return reading_wrong_type(r, path, "an array of objects or a string");
    const struct json_node *type = json_find(part, "type"), *text = json_find(part, "text");
    if (!json_is(type, JSON_STRING))
        return reading_wrong_type(r, path, "an array of parts with a type");
    if (!view_is(json_view(type), "text"))
        return reading_unsupported(r, path, "content other than text (image, audio, file)");
    if (!json_is(text, JSON_STRING)) return reading_wrong_type(r, path, "parts that hold text");
    *out = json_view(text);
    return SK_OK;
}

// The texts of the parts, a line break between two.
static enum sk_code take_parts(const struct reading *r, const struct json_node *array,
                               const char *path, struct view *out) {
    size_t len = 0;
    struct view text = VIEW("");
    const struct json_node *part = json_first(array);
    for (uint32_t i = 0; i < array->len; i++, part = json_next(part)) {
        TRY(take_part(r, part, path, &text));
        len += text.len + (i > 0);
    }
    char *joined = arena_take(r->arena, len, 1);
    if (!joined) return gate_refuse(r->error, 413, "request_too_large", path, "%s", fail_text());
    struct buf to = buf_over(joined, len);
    part = json_first(array);
    for (uint32_t i = 0; i < array->len; i++, part = json_next(part)) {
        if (i > 0) buf_put_char(&to, '\n');
        buf_put_view(&to, json_view(json_find(part, "text")));
    }
    must(!to.over);
    *out = buf_view(&to);
    return SK_OK;
}

static enum sk_code take_role(const struct reading *r, const struct json_node *node,
                              const char *path, enum engine_role *out) {
    static const struct {
        const char *name;
        enum engine_role role;
    } roles[] = {
        {"system", ENGINE_SYSTEM},
        {"developer", ENGINE_SYSTEM},
        {"user", ENGINE_USER},
        {"assistant", ENGINE_ASSISTANT},
    };
    if (!json_is(node, JSON_STRING)) return reading_wrong_type(r, path, "a string");
    struct view name = json_view(node);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        *out = roles[i].role;
        if (view_is(name, roles[i].name)) return SK_OK;
    }
    if (view_is(name, "tool") || view_is(name, "function"))
        return reading_unsupported(r, path, "calling tools");
    return gate_refuse(r->error, 400, "invalid_value", path,
                       "'%s' must be system, developer, user or assistant.", path);
}

static enum sk_code take_message(const struct reading *r, const struct json_node *node,
                                 uint32_t index, struct engine_message *out) {
    char path[PATH_MAX_];
    snprintf(path, sizeof path, "messages[%u]", index);
    if (!json_is(node, JSON_OBJECT)) return reading_wrong_type(r, path, "an object");
    snprintf(path, sizeof path, "messages[%u].role", index);
    if (!json_find(node, "role")) return reading_missing(r, path);
    TRY(take_role(r, json_find(node, "role"), path, &out->role));
    static const char *const calls[] = {"tool_calls", "function_call", "audio"};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        snprintf(path, sizeof path, "messages[%u].%s", index, calls[i]);
        const struct json_node *call = reading_given(node, calls[i]);
        if (call && !(json_is(call, JSON_ARRAY) && call->len == 0))
            return reading_unsupported(r, path, "this part of a message");
    }
    snprintf(path, sizeof path, "messages[%u].content", index);
    const struct json_node *content = reading_given(node, "content");
    if (!content) return reading_missing(r, path);
    if (json_is(content, JSON_ARRAY)) return take_parts(r, content, path, &out->text);
    if (!json_is(content, JSON_STRING))
        return reading_wrong_type(r, path, "a string or an array of parts");
    out->text = json_view(content);
    return SK_OK;
}

static enum sk_code take_messages(const struct reading *r, struct engine_job *job) {
    const struct json_node *list = reading_given(r->root, "messages");
    if (!list) return reading_missing(r, "messages");
    if (!json_is(list, JSON_ARRAY)) return reading_wrong_type(r, "messages", "an array");
    if (list->len == 0 || list->len > ENGINE_MESSAGES_MAX)
        return gate_refuse(r->error, 400, "invalid_value", "messages",
                           "'messages' must hold 1 to %d messages, not %u.", ENGINE_MESSAGES_MAX,
                           list->len);
    struct engine_message *messages = arena_take(r->arena, list->len, sizeof *messages);
    if (!messages)
        return gate_refuse(r->error, 413, "request_too_large", "messages", "%s", fail_text());
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node))
        TRY(take_message(r, node, i, &messages[i]));
    job->messages = messages;
    job->messages_len = list->len;
    return SK_OK;
}

// ---- the other fields ----

static enum sk_code take_stop(const struct reading *r, const struct json_node *node,
                              struct engine_job *job) {
    if (!json_is(node, JSON_STRING)) return reading_wrong_type(r, "stop", "a string or strings");
    if (node->len == 0 || node->len > ENGINE_STOP_LEN_MAX)
        return gate_refuse(r->error, 400, "invalid_value", "stop",
                           "A stop string must have 1 to %d bytes, not %u.", ENGINE_STOP_LEN_MAX,
                           node->len);
    job->stops[job->stops_len++] = json_view(node);
    return SK_OK;
}

static enum sk_code take_stops(const struct reading *r, struct engine_job *job) {
    const struct json_node *stop = reading_given(r->root, "stop");
    if (!stop) return SK_OK;
    if (!json_is(stop, JSON_ARRAY)) return take_stop(r, stop, job);
    if (stop->len > ENGINE_STOPS_MAX)
        return gate_refuse(r->error, 400, "invalid_value", "stop",
                           "'stop' may hold at most %d strings, not %u.", ENGINE_STOPS_MAX,
                           stop->len);
    const struct json_node *node = json_first(stop);
    for (uint32_t i = 0; i < stop->len; i++, node = json_next(node))
        TRY(take_stop(r, node, job));
    return SK_OK;
}

static enum sk_code take_tokens_max(const struct reading *r, struct engine_job *job) {
    int64_t old = 0, recent = 0;
    TRY(reading_count(r, "max_tokens", 1, &old));
    TRY(reading_count(r, "max_completion_tokens", 1, &recent));
    if (old && recent && old != recent)
        return gate_refuse(r->error, 400, "invalid_value", "max_tokens",
                           "'max_tokens' and 'max_completion_tokens' differ; give one.");
    job->tokens_max = (uint32_t)(recent ? recent : old);
    return SK_OK;
}

static enum sk_code take_streaming(const struct reading *r, struct gate_chat *out) {
    TRY(reading_bool(r, r->root, "stream", &out->stream));
    const struct json_node *options = reading_given(r->root, "stream_options");
    if (!options) return SK_OK;
    if (!json_is(options, JSON_OBJECT)) return reading_wrong_type(r, "stream_options", "an object");
    if (!out->stream)
        return gate_refuse(r->error, 400, "invalid_value", "stream_options",
                           "'stream_options' needs 'stream': true.");
    return reading_bool(r, options, "include_usage", &out->usage);
}

static bool node_is_text(const struct json_node *node, const char *text) {
    return json_is(node, JSON_STRING) && view_is(json_view(node), text);
}

// Which values of a field change nothing: these may pass, all others are refused.
static bool harmless_zero(const struct json_node *node) {
    double value;
    return json_f64(node, &value) && value == 0;
}
static bool harmless_one(const struct json_node *node) {
    int64_t value;
    return json_i64(node, &value) && value == 1;
}
static bool harmless_false(const struct json_node *node) {
    return json_is(node, JSON_FALSE);
}
static bool harmless_empty(const struct json_node *node) {
    return (json_is(node, JSON_ARRAY) || json_is(node, JSON_OBJECT)) && node->len == 0;
}
static bool harmless_choice(const struct json_node *node) {
    return node_is_text(node, "none") || node_is_text(node, "auto");
}
static bool harmless_format(const struct json_node *node) {
    return json_is(node, JSON_OBJECT) && node_is_text(json_find(node, "type"), "text");
}
static bool harmless_modalities(const struct json_node *node) {
    return json_is(node, JSON_ARRAY) && node->len == 1 && node_is_text(json_first(node), "text");
}
static bool harmless_never(const struct json_node *node) {
    (void)node;
    return false;
}

static enum sk_code refuse_others(const struct reading *r) {
    static const struct {
        const char *name;
        bool (*harmless)(const struct json_node *);
        const char *what;
    } fields[] = {
        {"n", harmless_one, "more than one choice"},
        {"logprobs", harmless_false, "returning log probabilities"},
        {"top_logprobs", harmless_zero, "returning log probabilities"},
        {"mirostat", harmless_zero, "this way of sampling"},
        {"xtc_probability", harmless_zero, "this way of sampling"},
        {"dynatemp_range", harmless_zero, "this way of sampling"},
        {"tools", harmless_empty, "calling tools"},
        {"tool_choice", harmless_choice, "calling tools"},
        {"functions", harmless_empty, "calling functions"},
        {"function_call", harmless_choice, "calling functions"},
        {"response_format", harmless_format, "a format other than text"},
        {"modalities", harmless_modalities, "output other than text"},
        {"audio", harmless_never, "output other than text"},
        {"web_search_options", harmless_never, "searching the web"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct json_node *node = reading_given(r->root, fields[i].name);
        if (node && !fields[i].harmless(node))
            return reading_unsupported(r, fields[i].name, fields[i].what);
    }
    return SK_OK;
}

static enum sk_code take_model(const struct reading *r, struct view *out) {
    const struct json_node *model = reading_given(r->root, "model");
    if (!model) return reading_missing(r, "model");
    if (!json_is(model, JSON_STRING)) return reading_wrong_type(r, "model", "a string");
    *out = json_view(model);
    if (out->len > 0 && out->len <= GATE_MODEL_MAX) return SK_OK;
    return gate_refuse(r->error, 400, "invalid_value", "model", "'model' must have 1 to %d bytes.",
                       GATE_MODEL_MAX);
}

enum sk_code gate_chat_read(char *body, size_t len, struct arena *arena, struct gate_chat *out,
                            struct gate_error *error) {
    *out = (struct gate_chat){0};
    struct reading r = {.arena = arena, .error = error};
    enum sk_code code = json_parse(body, len, arena, &r.root);
    if (code == SK_LIMIT)
        return gate_refuse(error, 400, "json_limit", "",
                           "The JSON is too deep or has too many values: %s.", fail_text());
    if (code != SK_OK)
        return gate_refuse(error, 400, "invalid_json", "", "The body is not JSON: %s.",
                           fail_text());
    if (!json_is(r.root, JSON_OBJECT))
        return gate_refuse(error, 400, "invalid_type", "", "The body must be a JSON object.");
    TRY(take_model(&r, &out->model));
    TRY(take_messages(&r, &out->job));
    TRY(take_tokens_max(&r, &out->job));
    TRY(reading_sampling(&r, out));
    TRY(take_stops(&r, &out->job));
    TRY(take_streaming(&r, out));
    return refuse_others(&r);
}
