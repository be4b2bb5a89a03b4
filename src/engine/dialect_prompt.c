#include "engine/dialect_prompt.h"

#include <string.h>

struct prompt {
    const struct dialect *dialect;
    const struct dialect_needs *needs;
    const struct dialect_data *data;
    const struct json_node *messages;
    struct arena *arena;
    struct json_writer w;
    bool one;  // only one call may be made
    bool told; // the generic text of the tools is written, or there is none to write
    bool said; // the string being written is not empty
};

static bool is_generic(const struct prompt *p) { return p->dialect == &dialect_generic; }

static struct view text_of(const struct json_node *node, const char *name) {
    const struct json_node *member = json_find(node, name);
    return json_is(member, JSON_STRING) ? json_view(member) : VIEW("");
}

static bool has_role(const struct json_node *message, const char *role) {
    return view_is(text_of(message, "role"), role);
}

static const struct json_node *calls_of(const struct json_node *message) {
    const struct json_node *calls = json_find(message, "tool_calls");
    return json_is(calls, JSON_ARRAY) && calls->len > 0 ? calls : NULL;
}

// ---- a string being written ----

static void say(struct prompt *p, struct view text) {
    json_string_more(&p->w, text);
    p->said = p->said || text.len > 0;
}

static void say_text(struct prompt *p, const char *text) { say(p, view_of(text)); }

static void say_line(struct prompt *p, struct view text) {
    if (p->said && text.len) say_text(p, "\n");
    say(p, text);
}

static enum sk_code say_node(struct prompt *p, const struct json_node *node) {
    struct buf text = arena_rest(p->arena);
    struct json_writer w = json_writer_to(&text);
    json_put_node(&w, node);
    TRY(buf_check(&text, "template data"));
    say(p, buf_view(&text));
    return SK_OK;
}

// ---- calls ----

// The object of a call's arguments, whichever way they are written.
static enum sk_code arguments_of(struct prompt *p, const struct json_node *call,
                                 const struct json_node **out) {
    const struct json_node *arguments = json_find(json_find(call, "function"), "arguments");
    *out = arguments;
    if (json_is(arguments, JSON_STRING)) {
        char *copy = arena_text(p->arena, json_view(arguments));
        if (!copy) return SK_LIMIT;
        enum sk_code code = json_parse(copy, arguments->len, p->arena, out);
        if (code != SK_OK) return fail_within(code, "messages: arguments of a call");
    }
    if (json_is(*out, JSON_OBJECT)) return SK_OK;
    return FAIL(SK_INPUT, "messages: arguments of a call: no JSON object");
}

// The name of the function whose call has this id, and the call's number; -1 when there is none.
static int64_t call_by_id(const struct prompt *p, struct view id, struct view *name) {
    const struct json_node *message = json_first(p->messages);
    int64_t number = 0;
    for (uint32_t i = 0; i < p->messages->len; i++, message = json_next(message)) {
        const struct json_node *calls = calls_of(message);
        const struct json_node *call = calls ? json_first(calls) : NULL;
        for (uint32_t j = 0; calls && j < calls->len; j++, number++, call = json_next(call)) {
            if (!view_same(text_of(call, "id"), id)) continue;
            *name = text_of(json_find(call, "function"), "name");
            return number;
        }
    }
    *name = VIEW("");
    return -1;
}

// Nine letters or digits: of a hash, unless it is such an id.
static void put_nine(struct prompt *p, struct view id) {
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t hash = UINT64_C(0xcbf29ce484222325); // FNV-1a
    char nine[9];
    bool fits = id.len == sizeof nine;
    for (size_t i = 0; i < id.len; i++) {
        hash = (hash ^ (uint8_t)id.at[i]) * UINT64_C(0x100000001b3);
        fits = fits && id.at[i] && strchr(digits, id.at[i]);
    }
    for (size_t i = 0; i < sizeof nine; i++, hash /= 62) nine[i] = digits[hash % 62];
    json_put_string(&p->w, fits ? id : (struct view){nine, sizeof nine});
}

static void put_id(struct prompt *p, struct view id) {
    char storage[ENGINE_NAME_MAX + 64];
    struct buf named = buf_over(storage, sizeof storage);
    struct view name;
    int64_t number;
    switch (p->dialect->ids) {
    case DIALECT_IDS_NINE: put_nine(p, id); return;
    case DIALECT_IDS_NAMED:
        number = call_by_id(p, id, &name);
        if (number < 0 || name.len > ENGINE_NAME_MAX) break;
        buf_print(&named, "functions.%.*s:%d", (int)name.len, name.at, (int)number);
        json_put_string(&p->w, buf_view(&named));
        return;
    case DIALECT_IDS_ANY: break;
    }
    json_put_string(&p->w, id);
}

static enum sk_code put_call(struct prompt *p, const struct json_node *call) {
    const struct json_node *arguments;
    TRY(arguments_of(p, call, &arguments));
    json_open(&p->w, '{');
    json_name(&p->w, "id");
    put_id(p, text_of(call, "id"));
    json_member_text(&p->w, "type", "function");
    json_name(&p->w, "function");
    json_open(&p->w, '{');
    json_member_string(&p->w, "name", text_of(json_find(call, "function"), "name"));
    json_name(&p->w, "arguments");
    if (p->needs->texts) {
        json_string_begin(&p->w);
        TRY(say_node(p, arguments));
        json_string_end(&p->w);
    } else {
        json_put_node(&p->w, arguments);
    }
    json_close(&p->w, '}');
    json_close(&p->w, '}');
    return SK_OK;
}

// ---- messages as the template takes them ----

static void put_nothing(struct prompt *p) {
    if (p->needs->no_null)
        json_put_text(&p->w, "");
    else
        json_put_null(&p->w);
}

// `only`: of several calls this one alone, NULL: all.
static enum sk_code put_native(struct prompt *p, const struct json_node *message,
                               const struct json_node *only) {
    const struct json_node *calls = calls_of(message), *member = json_first(message);
    bool first = !only || only == json_first(calls);
    struct view name = VIEW("");
    if (has_role(message, "tool") && !json_find(message, "name"))
        call_by_id(p, text_of(message, "tool_call_id"), &name);
    json_open(&p->w, '{');
    for (uint32_t i = 0; i < message->len; i++, member = json_next(member + 1)) {
        const struct json_node *value = member + 1;
        struct view key = json_view(member);
        json_name_view(&p->w, json_view(member));
        if (calls && view_is(key, "tool_calls")) {
            const struct json_node *call = only ? only : json_first(calls);
            json_open(&p->w, '[');
            for (uint32_t j = 0; j < (only ? 1 : calls->len); j++, call = json_next(call))
                TRY(put_call(p, call));
            json_close(&p->w, ']');
        } else if (view_is(key, "tool_call_id") && value->type == JSON_STRING) {
            put_id(p, json_view(value));
        } else if (calls && view_is(key, "content") && (!first || value->type == JSON_NULL)) {
            put_nothing(p);
        } else {
            json_put_node(&p->w, value);
        }
    }
    if (calls && !json_find(message, "content")) {
        json_name(&p->w, "content");
        put_nothing(p);
    }
    if (name.len) json_member_string(&p->w, "name", name);
    json_close(&p->w, '}');
    return SK_OK;
}

// Each call with its result, for templates that take one call in a message: `results` are the
// `len` messages after it.
static enum sk_code put_one_by_one(struct prompt *p, const struct json_node *message,
                                   const struct json_node *results, uint32_t len) {
    const struct json_node *calls = calls_of(message);
    const struct json_node *call = calls ? json_first(calls) : NULL;
    for (uint32_t i = 0; calls && i < calls->len; i++, call = json_next(call)) {
        TRY(put_native(p, message, call));
        const struct json_node *result = results;
        for (uint32_t j = 0; j < len; j++, result = json_next(result))
            if (view_same(text_of(result, "tool_call_id"), text_of(call, "id")))
                TRY(put_native(p, result, NULL));
    }
    return SK_OK;
}

static uint32_t results_after(const struct prompt *p, const struct json_node *message, uint32_t i) {
    uint32_t len = 0;
    while (++i < p->messages->len && has_role(message = json_next(message), "tool")) len++;
    return len;
}

static enum sk_code put_natives(struct prompt *p) {
    const struct json_node *message = json_first(p->messages);
    for (uint32_t i = 0; i < p->messages->len; i++, message = json_next(message)) {
        const struct json_node *calls = calls_of(message);
        if (!calls || calls->len == 1 || !p->needs->one_call) {
            TRY(put_native(p, message, NULL));
            continue;
        }
        uint32_t results = results_after(p, message, i);
        TRY(put_one_by_one(p, message, json_next(message), results));
        for (; results > 0; results--, i++) message = json_next(message);
    }
    return SK_OK;
}

// ---- the generic dialect: everything is text ----

static enum sk_code tell_tools(struct prompt *p) {
    say_text(p, "# Tools\n\nYou can call functions to answer the user. Each line between <tools> "
                "and </tools> is one of them, as JSON:\n<tools>\n");
    for (uint32_t i = 0; i < p->data->functions_len; i++) {
        TRY(say_node(p, p->data->functions[i]));
        say_text(p, "\n");
    }
    say_text(p, "</tools>\n\nTo call one, answer with its name and its arguments, as JSON between "
                "<tool_call> and </tool_call>:\n<tool_call>\n"
                "{\"name\": \"NAME\", \"arguments\": {\"ARGUMENT\": VALUE}}\n</tool_call>\n");
    say_text(p, p->one ? "Make one call at a time. " : "Several calls may follow each other. ");
    say_text(p, "What a function returns comes between <tool_response> and </tool_response>.");
    p->told = true;
    return SK_OK;
}

// What something else is written beside must be text.
static enum sk_code say_content(struct prompt *p, const struct json_node *message) {
    const struct json_node *content = json_find(message, "content");
    if (content && content->type != JSON_NULL && content->type != JSON_STRING)
        return FAIL(SK_INPUT, "messages: content is no text, beside tools that this model's "
                              "template does not know");
    say_line(p, text_of(message, "content"));
    return SK_OK;
}

static enum sk_code say_calls(struct prompt *p, const struct json_node *message) {
    const struct json_node *calls = calls_of(message), *arguments;
    const struct json_node *call = calls ? json_first(calls) : NULL;
    for (uint32_t i = 0; calls && i < calls->len; i++, call = json_next(call)) {
        TRY(arguments_of(p, call, &arguments));
        say_line(p, VIEW("<tool_call>\n{\"name\": \""));
        say(p, text_of(json_find(call, "function"), "name"));
        say_text(p, "\", \"arguments\": ");
        TRY(say_node(p, arguments));
        say_text(p, "}\n</tool_call>");
    }
    return SK_OK;
}

// Results that follow each other, and the user's words after them: roles take turns. *message and
// *i move to the last one.
static enum sk_code say_results(struct prompt *p, const struct json_node **message, uint32_t *i) {
    for (;;) {
        say_line(p, VIEW("<tool_response>\n"));
        say(p, text_of(*message, "content"));
        say_text(p, "\n</tool_response>");
        if (*i + 1 == p->messages->len) return SK_OK;
        const struct json_node *next = json_next(*message);
        if (!has_role(next, "tool") && !has_role(next, "user")) return SK_OK;
        ++*i;
        *message = next;
        if (has_role(next, "user")) return say_content(p, next);
    }
}

static void open_text(struct prompt *p, struct view role) {
    json_open(&p->w, '{');
    json_member_string(&p->w, "role", role);
    json_name(&p->w, "content");
    json_string_begin(&p->w);
    p->said = false;
}

static void close_text(struct prompt *p) {
    json_string_end(&p->w);
    json_close(&p->w, '}');
}

// Tools are told of in the first message of this role.
static enum sk_code put_generic(struct prompt *p, const struct json_node **message, uint32_t *i) {
    bool users = p->needs->no_system;
    bool tells = !p->told && has_role(*message, users ? "user" : "system");
    bool result = has_role(*message, "tool");
    if (!tells && !result && !calls_of(*message)) {
        json_put_node(&p->w, *message);
        return SK_OK;
    }
    open_text(p, result ? VIEW("user") : text_of(*message, "role"));
    if (tells && users) TRY(tell_tools(p));
    if (tells && users) say_text(p, "\n");
    TRY(result ? say_results(p, message, i) : say_content(p, *message));
    TRY(say_calls(p, *message));
    if (tells && !users) say_text(p, p->said ? "\n\n" : "");
    if (tells && !users) TRY(tell_tools(p));
    close_text(p);
    return SK_OK;
}

static enum sk_code put_generics(struct prompt *p) {
    const struct json_node *message = json_first(p->messages);
    bool system = message && has_role(message, "system");
    if (!p->told && !p->needs->no_system && !system) {
        open_text(p, VIEW("system"));
        TRY(tell_tools(p));
        close_text(p);
    }
    for (uint32_t i = 0; i < p->messages->len; i++, message = json_next(message))
        TRY(put_generic(p, &message, &i));
    return SK_OK;
}

// ---- all of it ----

// The messages of the job as nodes, also where they are no JSON.
static enum sk_code find_messages(struct prompt *p, const struct engine_job *job) {
    static const char *const roles[] = {"system", "user", "assistant"};
    p->messages = p->data->messages;
    if (json_is(p->messages, JSON_ARRAY)) return SK_OK;
    if (p->messages) return FAIL(SK_INPUT, "messages: must be an array");
    struct buf text = arena_rest(p->arena);
    struct json_writer w = json_writer_to(&text);
    json_open(&w, '[');
    for (uint32_t i = 0; i < job->messages_len; i++) {
        json_open(&w, '{');
        json_member_text(&w, "role", roles[job->messages[i].role]);
        json_member_string(&w, "content", job->messages[i].text);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    TRY(buf_check(&text, "messages"));
    arena_keep(p->arena, text.len);
    return json_parse(text.at, text.len, p->arena, &p->messages);
}

enum sk_code dialect_prompt(const struct dialect_data *data, const struct engine_job *job,
                            const struct dialect *dialect, const struct dialect_needs *needs,
                            struct arena *arena, struct buf *out) {
    struct prompt p = {.dialect = dialect,
                       .needs = needs,
                       .data = data,
                       .arena = arena,
                       .w = json_writer_to(out),
                       .one = !job->parallel_calls || needs->one_call,
                       .told = !data->offered};
    TRY(find_messages(&p, job));
    json_open(&p.w, '{');
    const struct json_node *member = data->root ? json_first(data->root) : NULL;
    for (uint32_t i = 0; data->root && i < data->root->len; i++, member = json_next(member + 1)) {
        struct view name = json_view(member);
        bool tools = view_is(name, "tools");
        if (view_is(name, "messages") || view_is(name, "strict_tools")) continue;
        if (tools && (!data->offered || is_generic(&p))) continue;
        json_name_view(&p.w, name);
        json_put_node(&p.w, member + 1);
    }
    json_name(&p.w, "messages");
    json_open(&p.w, '[');
    TRY(is_generic(&p) ? put_generics(&p) : put_natives(&p));
    json_close(&p.w, ']');
    json_close(&p.w, '}');
    return buf_check(out, "template data");
}
