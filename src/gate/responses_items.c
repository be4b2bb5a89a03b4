// The items of the Responses API: of requests to messages, of answers from parts.
#include "gate/responses.h"

// ---- of a request ----

static enum sk_code take_part_text(struct reading *r, const struct json_node *part,
                                   struct view *out) {
    static const char *const types[] = {"input_text", "output_text", "text", "reasoning_text",
                                        "summary_text", "refusal"};
    const struct json_node *type = field_given(part, "type");
    if (!json_is(part, JSON_OBJECT)) return refuse_type(r, "an object with a type");
    if (!type) return refuse_missing(r, "type");
    bool known = false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        known = known || field_is(type, types[i]);
    if (!known) return refuse_unsupported(r, "content other than text (image, audio, file)");
    const char *member = field_is(type, "refusal") ? "refusal" : "text";
    const struct json_node *text = field_given(part, member);
    if (!text) return refuse_missing(r, member);
    return take_text(r, text, 0, UINT32_MAX, out);
}

static enum sk_code take_content(struct reading *r, const struct json_node *item,
                                 const char *member, struct view *out) {
    const struct json_node *content = field_given(item, member);
    if (!content) return refuse_missing(r, member);
    size_t before = path_enter(r, member);
    if (json_is(content, JSON_ARRAY))
        TRY(take_parts(r, content, take_part_text, out));
    else if (json_is(content, JSON_STRING))
        *out = json_view(content);
    else
        return refuse_type(r, "a string or an array of parts");
    path_leave(r, before);
    return SK_OK;
}

static enum sk_code take_member(struct reading *r, const struct json_node *item, const char *member,
                                size_t max, struct view *out) {
    const struct json_node *node = field_given(item, member);
    if (!node) return refuse_missing(r, member);
    size_t before = path_enter(r, member);
    TRY(take_text(r, node, 1, max, out));
    path_leave(r, before);
    return SK_OK;
}

// The message of an assistant that thoughts, text and calls in a row are together.
static struct message *open_turn(struct conversation *c, bool fresh) {
    struct message *last = c->messages_len ? &c->messages[c->messages_len - 1] : NULL;
    if (last && last->role == ROLE_ASSISTANT && !fresh) return last;
    return conversation_add(c, ROLE_ASSISTANT);
}

static enum sk_code take_message(struct reading *r, const struct json_node *item,
                                 struct conversation *c) {
    static const char *const roles[] = {"system", "user", "assistant", "developer", NULL};
    static const enum role kinds[] = {ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_SYSTEM};
    int role;
    struct view text;
    const struct json_node *node = field_given(item, "role");
    if (!node) return refuse_missing(r, "role");
    size_t before = path_enter(r, "role");
    TRY(take_word(r, node, roles, &role));
    path_leave(r, before);
    TRY(take_content(r, item, "content", &text));
    struct message *message;
    if (kinds[role] == ROLE_ASSISTANT) {
        message = open_turn(c, false);
        if (message->said || message->calls_len) message = open_turn(c, true);
    } else {
        message = conversation_add(c, kinds[role]);
    }
    message->content = text;
    message->said = true;
    return SK_OK;
}

static enum sk_code take_call(struct reading *r, const struct json_node *item,
                              struct conversation *c) {
    struct view arguments;
    struct message *turn = open_turn(c, false);
    if (turn->calls_len == CALLS_MAX)
        return refuse_value(r, "is one call too many: %d follow each other.", CALLS_MAX);
    if (!turn->calls) turn->calls = arena_take(r->arena, CALLS_MAX, sizeof *turn->calls);
    if (!turn->calls) return refuse_memory(r);
    struct call *call = &turn->calls[turn->calls_len++];
    TRY(take_member(r, item, "call_id", CALL_ID_MAX, &call->id));
    TRY(take_member(r, item, "name", ENGINE_NAME_MAX, &call->name));
    const struct json_node *node = field_given(item, "arguments");
    if (!node) return refuse_missing(r, "arguments");
    size_t before = path_enter(r, "arguments");
    TRY(take_text(r, node, 0, UINT32_MAX, &arguments));
    path_leave(r, before);
    return call_arguments(r, arguments, call);
}

static enum sk_code take_result(struct reading *r, const struct json_node *item,
                                struct conversation *c) {
    struct message *message = conversation_add(c, ROLE_TOOL);
    message->said = true;
    TRY(take_member(r, item, "call_id", CALL_ID_MAX, &message->call_id));
    return take_content(r, item, "output", &message->content);
}

// What was thought is in `content`; where only a summary was given, that is all there is.
static enum sk_code take_reasoning(struct reading *r, const struct json_node *item,
                                   struct conversation *c) {
    struct view text = {0};
    const char *members[] = {"content", "summary"};
    for (int i = 0; i < 2 && !text.len; i++)
        if (field_given(item, members[i])) TRY(take_content(r, item, members[i], &text));
    if (text.len) open_turn(c, true)->reasoning = text;
    return SK_OK;
}

static enum sk_code take_item(struct reading *r, const struct json_node *item,
                              struct conversation *c) {
    static const struct {
        const char *type;
        enum sk_code (*take)(struct reading *, const struct json_node *, struct conversation *);
    } kinds[] = {
        {"message", take_message},
        {"function_call", take_call},
        {"function_call_output", take_result},
        {"reasoning", take_reasoning},
    };
    if (!json_is(item, JSON_OBJECT)) return refuse_type(r, "an object");
    const struct json_node *type = field_given(item, "type");
    if (!type) return take_message(r, item, c);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (field_is(type, kinds[i].type)) return kinds[i].take(r, item, c);
    path_enter(r, "type");
    return refuse_unsupported(r, "this kind of item");
}

enum sk_code items_take(struct reading *r, const struct json_node *items, struct conversation *c) {
    const struct json_node *item = json_first(items);
    for (uint32_t i = 0; i < items->len; i++, item = json_next(item)) {
        size_t before = path_enter_at(r, i);
        TRY(take_item(r, item, c));
        path_leave(r, before);
    }
    return SK_OK;
}

// ---- of an answer ----

bool items_next(struct items *items, struct item *out) {
    struct wire in = wire_over(view_from(items->parts, items->at));
    struct engine_part part;
    if (!part_next(&in, &part)) return false;
    *out = (struct item){.channel = part.channel, .index = items->len++};
    enum engine_channel rest = part.channel;
    size_t begin = items->at;
    if (part.channel == ENGINE_CALL) {
        out->name = part.text;
        rest = ENGINE_ARGUMENTS;
        begin = items->parts.len - (size_t)(in.end - in.at);
    }
    size_t end = items->parts.len - (size_t)(in.end - in.at);
    while (part_next(&in, &part) && part.channel == rest)
        end = items->parts.len - (size_t)(in.end - in.at);
    out->parts = (struct view){items->parts.at + begin, end - begin};
    items->at = end;
    return true;
}
