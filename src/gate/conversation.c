#include "gate/conversation.h"

#include <stdio.h>
#include <stdlib.h>

enum sk_code conversation_begin(struct reading *r, struct conversation *c, uint32_t messages_max) {
    c->messages = arena_take(r->arena, messages_max, sizeof *c->messages);
    c->messages_max = messages_max;
    return c->messages ? SK_OK : refuse_memory(r);
}

struct message *conversation_add(struct conversation *c, enum role role) {
    must(c->messages_len < c->messages_max);
    struct message *message = &c->messages[c->messages_len];
    message->role = role;
    message->from = c->messages_len++;
    return message;
}

enum sk_code take_parts(struct reading *r, const struct json_node *array, take_part *take,
                        struct view *out) {
    struct view text;
    const struct json_node *part = json_first(array);
    size_t len = 0;
    for (uint32_t i = 0; i < array->len; i++, part = json_next(part)) {
        size_t before = path_enter_at(r, i);
        TRY(take(r, part, &text));
        path_leave(r, before);
        len += text.len + 1;
    }
    char *joined = arena_take(r->arena, len, 1);
    if (!joined) return refuse_memory(r);
    struct buf to = buf_over(joined, len);
    part = json_first(array);
    for (uint32_t i = 0; i < array->len; i++, part = json_next(part)) {
        TRY(take(r, part, &text));
        if (i > 0) buf_put_char(&to, '\n');
        buf_put_view(&to, text);
    }
    must(!to.over);
    *out = buf_view(&to);
    return SK_OK;
}

enum sk_code call_arguments(struct reading *r, struct view text, struct call *out) {
    out->arguments = text;
    if (text.len == 0) return SK_OK;
    char *copy = arena_text(r->arena, text);
    if (!copy) return refuse_memory(r);
    const struct json_node *root;
    enum sk_code code = json_parse(copy, text.len, r->arena, &root);
    out->is_object = code == SK_OK && json_is(root, JSON_OBJECT);
    return SK_OK; // a model's broken arguments are shown to it as they are
}

// ---- tools ----

static bool name_is_plain(struct view name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '_' && c != '-' && c != '.') return false;
    }
    return true;
}

enum sk_code take_tool_name(struct reading *r, const struct json_node *node, void *out) {
    struct view *name = out;
    TRY(take_text(r, node, 1, ENGINE_NAME_MAX, name));
    if (name_is_plain(*name)) return SK_OK;
    return refuse_value(r, "may hold a-z, A-Z, 0-9, _, - and . only.");
}

enum sk_code take_schema_node(struct reading *r, const struct json_node *node, void *out) {
    if (!json_is(node, JSON_OBJECT)) return refuse_type(r, "an object, a JSON Schema");
    *(const struct json_node **)out = node;
    return SK_OK;
}

static const struct field function_rows[] = {
    {.name = "name",
     .kind = FIELD_OTHER,
     .required = true,
     .at = offsetof(struct tool, name),
     .take = take_tool_name,
     .schema = "{\"type\":\"string\",\"pattern\":\"^[a-zA-Z0-9_.-]{1,64}$\"}"},
    {.name = "description",
     .kind = FIELD_TEXT,
     .at = offsetof(struct tool, description),
     .high = 1 << 20},
    {.name = "parameters",
     .kind = FIELD_OTHER,
     .at = offsetof(struct tool, parameters),
     .take = take_schema_node,
     .schema = "{\"type\":\"object\"}"},
    {.name = "strict", .kind = FIELD_BOOL, .at = offsetof(struct tool, strict)},
};
const struct shape function_shape = {SHAPE_OF(function_rows)};

enum sk_code tool_check(struct reading *r, const struct tool *tool) {
    if (!tool->strict || !tool->parameters) return SK_OK;
    size_t before = path_enter(r, "parameters");
    TRY(strict_check(r, tool->parameters));
    path_leave(r, before);
    return SK_OK;
}

enum sk_code tools_take(struct reading *r, const struct json_node *list, take_offer *take,
                        struct conversation *c) {
    if (!json_is(list, JSON_ARRAY)) return refuse_type(r, "an array");
    if (list->len > TOOLS_MAX)
        return refuse_value(r, "may hold at most %d tools, not %u.", TOOLS_MAX, list->len);
    c->tools = arena_take(r->arena, list->len, sizeof *c->tools);
    if (!c->tools) return refuse_memory(r);
    c->tools_len = list->len;
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node)) {
        size_t before = path_enter_at(r, i);
        TRY(take(r, node, &c->tools[i]));
        path_leave(r, before);
    }
    return SK_OK;
}

enum sk_code take_tool(struct reading *r, const struct json_node *node, struct tool *out) {
    TRY(fields_take(r, node, &function_shape, out));
    return tool_check(r, out);
}

// ---- lists in order: requests have thousands of names and ids, which must not be compared each
// ---- with each

static int text_order(struct view a, struct view b) {
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.at, b.at, shared) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int names_order(const void *a, const void *b) {
    const struct json_node *const *one = a, *const *other = b;
    return text_order(json_view(*one), json_view(*other));
}

// The names of an object, or the strings of an array, in order.
struct names {
    const struct json_node **nodes;
    uint32_t len;
};

static enum sk_code names_sort(struct reading *r, const struct json_node *list,
                               struct names *out) {
    *out = (struct names){0};
    if (!list) return SK_OK;
    out->nodes = arena_take(r->arena, list->len, sizeof *out->nodes);
    if (!out->nodes) return refuse_memory(r);
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node)) {
        if (json_is(node, JSON_STRING)) out->nodes[out->len++] = node;
        if (json_is(list, JSON_OBJECT)) node = json_next(node);
    }
    if (out->len) qsort(out->nodes, out->len, sizeof *out->nodes, names_order);
    return SK_OK;
}

// ---- strict schemas ----

// One object schema of strict mode.
static enum sk_code strict_object(struct reading *r, const struct json_node *schema) {
    if (!json_is(json_find(schema, "additionalProperties"), JSON_FALSE))
        return refuse_value(r, "is strict, so each object in it must say "
                               "'additionalProperties': false.");
    const struct json_node *properties = json_find(schema, "properties");
    const struct json_node *required = json_find(schema, "required");
    struct names all, said;
    TRY(names_sort(r, json_is(properties, JSON_OBJECT) ? properties : NULL, &all));
    TRY(names_sort(r, json_is(required, JSON_ARRAY) ? required : NULL, &said));
    for (uint32_t i = 0, at = 0; i < all.len; i++) {
        struct view name = json_view(all.nodes[i]);
        while (at < said.len && text_order(json_view(said.nodes[at]), name) < 0) at++;
        if (at < said.len && view_same(json_view(said.nodes[at]), name)) continue;
        return refuse_value(r,
                            "is strict, so 'required' must name every property: '%.*s' is "
                            "missing.",
                            name.len < 64 ? (int)name.len : 64, name.at);
    }
    return SK_OK;
}

// Members whose value is data or a map of names to schemas, not a schema.
static bool holds_no_schema(struct view name) {
    static const char *const names[] = {"enum", "const", "default", "examples"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (view_is(name, names[i])) return true;
    return false;
}
static bool holds_named_schemas(struct view name) {
    return view_is(name, "properties") || view_is(name, "$defs") || view_is(name, "definitions");
}

// Nodes that are still to be looked at: each comes once, so there are never more than there are.
struct walk {
    const struct json_node **nodes;
    uint32_t len;
};

static void walk_children(struct walk *walk, const struct json_node *parent, bool schema) {
    const struct json_node *node = json_first(parent);
    for (uint32_t i = 0; i < parent->len; i++, node = json_next(node)) {
        struct view name = {0};
        if (json_is(parent, JSON_OBJECT)) {
            name = json_view(node);
            node = json_next(node);
        }
        if (schema && holds_no_schema(name)) continue;
        if (schema && holds_named_schemas(name) && json_is(node, JSON_OBJECT))
            walk_children(walk, node, false);
        else if (json_is(node, JSON_OBJECT) || json_is(node, JSON_ARRAY))
            walk->nodes[walk->len++] = node;
    }
}

enum sk_code strict_check(struct reading *r, const struct json_node *schema) {
    struct walk walk = {.nodes = arena_take(r->arena, schema->span, sizeof *walk.nodes)};
    if (!walk.nodes) return refuse_memory(r);
    walk.nodes[walk.len++] = schema;
    while (walk.len > 0) {
        const struct json_node *node = walk.nodes[--walk.len];
        if (field_is(json_find(node, "type"), "object") ||
            json_is(json_find(node, "properties"), JSON_OBJECT))
            TRY(strict_object(r, node));
        walk_children(&walk, node, json_is(node, JSON_OBJECT));
    }
    return SK_OK;
}

// ---- to the template ----

static const char *const role_names[] = {"system", "user", "assistant", "tool"};

static void put_call(struct json_writer *w, const struct call *call) {
    json_open(w, '{');
    json_member_string(w, "id", call->id);
    json_member_text(w, "type", "function");
    json_name(w, "function");
    json_open(w, '{');
    json_member_string(w, "name", call->name);
    json_name(w, "arguments");
    if (call->is_object)
        json_put_raw(w, call->arguments);
    else
        json_put_string(w, call->arguments);
    json_close(w, '}');
    json_close(w, '}');
}

static void put_message(struct json_writer *w, const struct message *message) {
    json_open(w, '{');
    json_member_text(w, "role", role_names[message->role]);
    json_name(w, "content");
    if (message->said || !message->calls_len)
        json_put_string(w, message->content);
    else
        json_put_null(w);
    if (message->reasoning.len) json_member_string(w, "reasoning_content", message->reasoning);
    if (message->name.len) json_member_string(w, "name", message->name);
    if (message->role == ROLE_TOOL) json_member_string(w, "tool_call_id", message->call_id);
    if (message->calls_len > 0) {
        json_name(w, "tool_calls");
        json_open(w, '[');
        for (uint32_t i = 0; i < message->calls_len; i++)
            put_call(w, &message->calls[i]);
        json_close(w, ']');
    }
    json_close(w, '}');
}

static void put_tool(struct json_writer *w, const struct tool *tool) {
    json_open(w, '{');
    json_member_text(w, "type", "function");
    json_name(w, "function");
    json_open(w, '{');
    json_member_string(w, "name", tool->name);
    if (tool->description.at) json_member_string(w, "description", tool->description);
    json_name(w, "parameters");
    if (tool->parameters)
        json_put_node(w, tool->parameters);
    else
        json_put_raw(w, VIEW("{\"type\":\"object\",\"properties\":{}}"));
    json_close(w, '}');
    json_close(w, '}');
}

// Not for the template: which tools the engine must hold to their parameters or refuse.
static void put_strict(struct json_writer *w, const struct conversation *c) {
    json_name(w, "strict_tools");
    json_open(w, '[');
    for (uint32_t i = 0; i < c->tools_len; i++)
        if (c->tools[i].strict) json_put_string(w, c->tools[i].name);
    json_close(w, ']');
}

static void put_variables(struct json_writer *w, const struct conversation *c) {
    if (c->reasoning_effort.len) json_member_string(w, "reasoning_effort", c->reasoning_effort);
    if (c->thinking) json_member_bool(w, "enable_thinking", c->thinking == THINKING_ON);
    if (!c->variables) return;
    const struct json_node *name = json_first(c->variables), *value;
    for (uint32_t i = 0; i < c->variables->len; i++, name = json_next(value)) {
        value = json_next(name);
        json_name_view(w, json_view(name));
        json_put_node(w, value);
    }
}

// A call, and which message made it; in the order of ids, those of one id in that of messages.
struct made {
    const struct call *call;
    uint32_t at;
};

static int made_order(const void *a, const void *b) {
    const struct made *one = a, *other = b;
    int order = text_order(one->call->id, other->call->id);
    return order ? order : (one->at > other->at) - (one->at < other->at);
}

static enum sk_code calls_sort(struct reading *r, const struct conversation *c,
                               struct made **out, size_t *len) {
    *len = 0;
    for (uint32_t i = 0; i < c->messages_len; i++) *len += c->messages[i].calls_len;
    struct made *made = *out = arena_take(r->arena, *len, sizeof *made);
    if (!made) return refuse_memory(r);
    for (uint32_t i = 0; i < c->messages_len; i++)
        for (uint32_t j = 0; j < c->messages[i].calls_len; j++)
            *made++ = (struct made){&c->messages[i].calls[j], i};
    if (*len) qsort(*out, *len, sizeof **out, made_order);
    return SK_OK;
}

// The last call with this id that a message before `at` made; NULL when there is none.
static const struct call *call_before(const struct made *made, size_t len, struct view id,
                                      uint32_t at) {
    struct call call = {.id = id};
    struct made end = {&call, at};
    size_t low = 0, high = len; // the first that is not before `end`
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (made_order(&made[middle], &end) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low > 0 && view_same(made[low - 1].call->id, id);
    return found ? made[low - 1].call : NULL;
}

// A result must answer a call that a message before it made, and is told that call's name.
static enum sk_code results_check(struct reading *r, const struct conversation *c) {
    struct made *made;
    size_t len;
    TRY(calls_sort(r, c, &made, &len));
    for (uint32_t i = 0; i < c->messages_len; i++) {
        struct message *result = &c->messages[i];
        if (result->role != ROLE_TOOL) continue;
        const struct call *call = call_before(made, len, result->call_id, i);
        if (call && !result->name.len) result->name = call->name;
        if (call) continue;
        path_enter_at(r, result->from);
        return refuse_value(r, "answers the call '%.*s', which no message before it made.",
                            result->call_id.len < 64 ? (int)result->call_id.len : 64,
                            result->call_id.at);
    }
    return SK_OK;
}

static enum sk_code names_check(struct reading *r, const struct conversation *c) {
    for (uint32_t i = 0; i < c->tools_len; i++)
        for (uint32_t j = 0; j < i; j++)
            if (view_same(c->tools[i].name, c->tools[j].name)) {
                path_leave(r, 0);
                path_enter(r, "tools");
                return refuse_value(r, "holds the name '%.*s' twice.", (int)c->tools[i].name.len,
                                    c->tools[i].name.at);
            }
    return SK_OK;
}

enum sk_code tool_choice_take(struct reading *r, const struct json_node *node, const char *inside,
                              struct tool_choice *out) {
    static const char *const words[] = {"auto", "none", "required", NULL};
    int kind;
    if (json_is(node, JSON_STRING)) {
        TRY(take_word(r, node, words, &kind));
        out->kind = (enum engine_tool_choice)kind;
        return SK_OK;
    }
    if (!json_is(node, JSON_OBJECT)) return refuse_type(r, "a string or an object");
    if (!field_is(json_find(node, "type"), "function")) {
        path_enter(r, "type");
        return refuse_unsupported(r, "a choice other than of a function");
    }
    if (inside) path_enter(r, inside);
    const struct json_node *name = field_given(inside ? field_given(node, inside) : node, "name");
    if (!name) return refuse_missing(r, "name");
    path_enter(r, "name");
    out->kind = ENGINE_TOOLS_NAMED;
    return take_text(r, name, 1, ENGINE_NAME_MAX, &out->name);
}

enum sk_code conversation_choose(struct reading *r, const struct conversation *c,
                                 const struct tool_choice *choice, struct engine_job *job) {
    bool named = choice->kind == ENGINE_TOOLS_NAMED, known = false;
    for (uint32_t i = 0; i < c->tools_len; i++)
        known = known || view_same(c->tools[i].name, choice->name);
    size_t before = path_enter(r, "tool_choice");
    if ((named || choice->kind == ENGINE_TOOLS_REQUIRED) && !c->tools_len)
        return refuse_value(r, "needs 'tools'.");
    if (named && !known)
        return refuse_value(r, "names '%.*s', which 'tools' does not hold.", (int)choice->name.len,
                            choice->name.at);
    path_leave(r, before);
    job->tool_choice = choice->kind;
    job->tool_name = choice->name;
    job->parallel_calls = choice->parallel;
    return SK_OK;
}

enum sk_code conversation_end(struct reading *r, const struct conversation *c,
                              struct engine_job *job) {
    TRY(results_check(r, c));
    TRY(names_check(r, c));
    struct buf rest = arena_rest(r->arena);
    struct json_writer w = json_writer_to(&rest);
    json_open(&w, '{');
    json_name(&w, "messages");
    json_open(&w, '[');
    for (uint32_t i = 0; i < c->messages_len; i++)
        put_message(&w, &c->messages[i]);
    json_close(&w, ']');
    if (c->tools_len > 0) {
        json_name(&w, "tools");
        json_open(&w, '[');
        for (uint32_t i = 0; i < c->tools_len; i++)
            put_tool(&w, &c->tools[i]);
        json_close(&w, ']');
        put_strict(&w, c);
    }
    put_variables(&w, c);
    json_close(&w, '}');
    return take_written(r, &rest, &job->template_data);
}
