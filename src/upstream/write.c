#include "upstream/write.h"

#include <stdio.h>
#include <stdlib.h>

// ---- what is posted where ----

const char *upstream_path(enum upstream_kind kind, enum gate_operation operation) {
    static const char *const paths[][GATE_OPS] = {
        [UPSTREAM_OPENAI] = {[GATE_OP_CHAT] = "/chat/completions",
                             [GATE_OP_COMPLETION] = "/completions",
                             [GATE_OP_EMBED] = "/embeddings",
                             [GATE_OP_RERANK] = "/rerank"},
        [UPSTREAM_ANTHROPIC] =
            {[GATE_OP_CHAT] = "/messages", [GATE_OP_COUNT] = "/messages/count_tokens"},
    };
    must(kind <= UPSTREAM_ANTHROPIC);
    return operation < GATE_OPS ? paths[kind][operation] : NULL;
}

const char *upstream_headers(enum upstream_kind kind) {
    return kind == UPSTREAM_ANTHROPIC ? "anthropic-version: 2023-06-01" : "";
}

const char *upstream_credential(enum upstream_kind kind) {
    return kind == UPSTREAM_ANTHROPIC ? "x-api-key: " : "Authorization: Bearer ";
}

enum sk_code cannot_travel(const char *name, const char *what) {
    return FAIL(SK_UNSUPPORTED, "%s: the place's protocol has no word for %s", name, what);
}

enum sk_code upstream_write(enum upstream_kind kind, const struct gate_task *task,
                            struct view model, struct arena *arena, struct buf *out) {
    if (!upstream_path(kind, task->operation))
        return cannot_travel("model", "a request of this kind");
    if (kind == UPSTREAM_ANTHROPIC)
        TRY(anthropic_write(task, model, arena, out));
    else
        TRY(openai_write(task, model, arena, out));
    return buf_check(out, "envelope");
}

// ---- the conversation ----

static enum sk_code role_check(const struct json_node *message) {
    static const char *const roles[] = {"system", "user", "assistant", "tool"};
    struct view role = member_view(message, "role");
    const struct json_node *content = json_find(message, "content");
    if (content && !json_is(content, JSON_STRING) && !json_is(content, JSON_NULL))
        return FAIL(SK_INPUT, "messages: content that is no text");
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (view_is(role, roles[i])) return SK_OK;
    return FAIL(SK_INPUT, "messages: a role that is none");
}

static enum sk_code talk_check(const struct talk *talk) {
    if (!json_is(talk->messages, JSON_ARRAY) || talk->messages->len == 0)
        return FAIL(SK_INPUT, "messages: there are none");
    const struct json_node *node = json_first(talk->messages);
    for (uint32_t i = 0; i < talk->messages->len; i++, node = json_next(node))
        TRY(role_check(node));
    if (!talk->tools) return SK_OK;
    if (!json_is(talk->tools, JSON_ARRAY)) return FAIL(SK_INPUT, "tools: no list");
    if (talk->tools->len > UPSTREAM_TOOLS_MAX)
        return FAIL(SK_LIMIT, "tools: %u > %d", talk->tools->len, UPSTREAM_TOOLS_MAX);
    node = json_first(talk->tools);
    for (uint32_t i = 0; i < talk->tools->len; i++, node = json_next(node))
        if (!member_view(json_find(node, "function"), "name").len)
            return FAIL(SK_INPUT, "tools: one has no name");
    return SK_OK;
}

enum sk_code talk_read(const struct gate_task *task, struct arena *arena, struct talk *out) {
    struct view data = task->job.template_data;
    char *copy = arena_text(arena, data);
    if (!copy) return SK_LIMIT;
    TRY(json_parse(copy, data.len, arena, &out->root));
    out->messages = json_find(out->root, "messages");
    out->tools = json_find(out->root, "tools");
    return talk_check(out);
}

bool talk_strict(const struct talk *talk, struct view name) {
    const struct json_node *list = json_find(talk->root, "strict_tools");
    const struct json_node *node = list ? json_first(list) : NULL;
    for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->len; i++, node = json_next(node))
        if (json_is(node, JSON_STRING) && view_same(json_view(node), name)) return true;
    return false;
}

const struct json_node *talk_variable(const struct talk *talk, uint32_t *i, struct view *name) {
    static const char *const others[] = {"messages", "tools", "strict_tools", "reasoning_effort",
                                         "enable_thinking"};
    const struct json_node *node = json_first(talk->root);
    for (uint32_t skip = 0; skip < *i; skip++)
        node = json_next(json_next(node));
    for (; *i < talk->root->len; node = json_next(json_next(node))) {
        bool other = false;
        ++*i;
        for (size_t j = 0; j < sizeof others / sizeof *others; j++)
            other = other || view_is(json_view(node), others[j]);
        *name = json_view(node);
        if (!other) return json_next(node);
    }
    return NULL;
}

// ---- values ----

enum sk_code node_text(const struct json_node *node, struct arena *arena, struct view *out) {
    struct buf rest = arena_rest(arena);
    struct json_writer w = json_writer_to(&rest);
    json_put_node(&w, node);
    TRY(buf_check(&rest, "a text of JSON"));
    *out = arena_keep(arena, rest.len);
    return SK_OK;
}

enum sk_code schema_read(const struct engine_job *job, struct arena *arena,
                         const struct json_node **out) {
    char *copy = arena_text(arena, job->format_text);
    if (!copy) return SK_LIMIT;
    enum sk_code code = json_parse(copy, job->format_text.len, arena, out);
    return code == SK_OK ? SK_OK : fail_within(code, "format");
}

void put_number(struct json_writer *w, const char *name, float number) {
    char text[32];
    double plain = 0;
    for (int digits = 1; digits <= 9; digits++) { // nine tell all floats apart
        snprintf(text, sizeof text, "%.*e", digits - 1, (double)number);
        plain = strtod(text, NULL);
        if ((float)plain == number) break;
    }
    json_name(w, name);
    json_put_f64(w, plain);
}

void put_stops(struct json_writer *w, const char *name, const struct engine_job *job) {
    if (!job->stops_len) return;
    json_name(w, name);
    json_open(w, '[');
    for (uint32_t i = 0; i < job->stops_len; i++)
        json_put_string(w, job->stops[i]);
    json_close(w, ']');
}
