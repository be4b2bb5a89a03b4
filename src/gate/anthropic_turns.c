// Anthropic's turns, whose content is a text or a list of blocks, as a conversation.
#include "gate/anthropic.h"

#include <string.h>

// Texts that will be one.
struct text {
    struct view text;
    struct text *next;
};
struct texts {
    struct text *first, *last;
    size_t len; // bytes, a line break after each
};

struct turns {
    struct conversation *c;
    struct message *open;       // user or assistant: the last one, to which more may be added
    struct texts system;        // of the whole conversation
    struct texts said, thought; // of the open one
    uint32_t at;                // which message of the request is read
    struct call *calls;         // room for all that are left, those of one turn side by side
};

static enum sk_code texts_add(struct reading *r, struct texts *texts, struct view text) {
    struct text *more = arena_take(r->arena, 1, sizeof *more);
    if (!more) return refuse_memory(r);
    more->text = text;
    if (texts->last)
        texts->last->next = more;
    else
        texts->first = more;
    texts->last = more;
    texts->len += text.len + 1;
    return SK_OK;
}

static enum sk_code texts_join(struct reading *r, struct texts *texts, struct view *out) {
    *out = texts->first ? texts->first->text : (struct view){0};
    if (texts->first != texts->last) {
        char *joined = arena_take(r->arena, texts->len, 1);
        if (!joined) return refuse_memory(r);
        struct buf to = buf_over(joined, texts->len);
        for (const struct text *text = texts->first; text; text = text->next) {
            if (text != texts->first) buf_put_char(&to, '\n');
            buf_put_view(&to, text->text);
        }
        must(!to.over);
        *out = buf_view(&to);
    }
    *texts = (struct texts){0};
    return SK_OK;
}

// ---- turns ----

static enum sk_code turn_close(struct reading *r, struct turns *turns) {
    if (!turns->open) return SK_OK;
    turns->open->said = turns->said.first != NULL;
    TRY(texts_join(r, &turns->thought, &turns->open->reasoning));
    TRY(texts_join(r, &turns->said, &turns->open->content));
    turns->open = NULL;
    return SK_OK;
}

// NULL: refused.
static struct message *message_add(struct reading *r, struct turns *turns, enum role role) {
    struct conversation *c = turns->c;
    if (c->messages_len == c->messages_max) {
        refuse_value(r, "is one too many: %u turns and results of tools are the limit.",
                     c->messages_max);
        return NULL;
    }
    struct message *message = conversation_add(c, role);
    message->from = turns->at;
    return message;
}

static enum sk_code turn_open(struct reading *r, struct turns *turns, enum role role) {
    if (turns->open && turns->open->role == role) return SK_OK;
    TRY(turn_close(r, turns));
    turns->open = message_add(r, turns, role);
    return turns->open ? SK_OK : SK_INPUT;
}

// ---- blocks ----

struct block {
    struct view text, signature, id, name;
    const struct json_node *node; // of a call its input, of a result its content
    bool is_error;
};

static enum sk_code take_node(struct reading *r, const struct json_node *node, void *out) {
    (void)r;
    *(const struct json_node **)out = node;
    return SK_OK;
}

static enum sk_code take_input(struct reading *r, const struct json_node *node, void *out) {
    if (!json_is(node, JSON_OBJECT)) return refuse_type(r, "an object");
    return take_node(r, node, out);
}

static bool harmless_direct(const struct json_node *node) {
    return field_is(json_find(node, "type"), "direct");
}

#define AT(member) .at = offsetof(struct block, member)
#define TYPE_ROW                                                                                   \
    { .name = "type", .kind = FIELD_PASS }
#define CACHE_ROW                                                                                  \
    { .name = "cache_control", .kind = FIELD_PASS }
#define ID_ROW(member)                                                                             \
    { .name = member, .kind = FIELD_TEXT, .required = true, AT(id), .low = 1, .high = CALL_ID_MAX }
static const struct field text_rows[] = {
    TYPE_ROW,
    {.name = "text", .kind = FIELD_TEXT, .required = true, AT(text), .high = UINT32_MAX},
    CACHE_ROW,
    {.name = "citations", .kind = FIELD_NOT, .harmless = harmless_empty, .doc = "citing"},
};
static const struct field thinking_rows[] = {
    TYPE_ROW,
    {.name = "thinking", .kind = FIELD_TEXT, .required = true, AT(text), .high = UINT32_MAX},
    {.name = "signature", .kind = FIELD_TEXT, .required = true, AT(signature), .high = UINT32_MAX},
    CACHE_ROW,
};
static const struct field redacted_rows[] = {
    TYPE_ROW,
    {.name = "data", .kind = FIELD_TEXT, .required = true, AT(text), .high = UINT32_MAX},
    CACHE_ROW,
};
static const struct field call_rows[] = {
    TYPE_ROW,
    ID_ROW("id"),
    {.name = "name", .kind = FIELD_OTHER, .required = true, AT(name), .take = take_tool_name},
    {.name = "input", .kind = FIELD_OTHER, .required = true, AT(node), .take = take_input},
    CACHE_ROW,
    {.name = "caller",
     .kind = FIELD_NOT,
     .harmless = harmless_direct,
     .doc = "a call by another tool"},
};
static const struct field result_rows[] = {
    TYPE_ROW,
    ID_ROW("tool_use_id"),
    {.name = "content", .kind = FIELD_OTHER, AT(node), .take = take_node},
    {.name = "is_error", .kind = FIELD_BOOL, AT(is_error)},
    CACHE_ROW,
};
static const struct field reference_rows[] = {
    TYPE_ROW,
    {.name = "tool_name", .kind = FIELD_OTHER, .required = true, AT(text), .take = take_tool_name},
    CACHE_ROW,
};

static enum sk_code system_add(struct reading *r, struct turns *turns, const struct block *block) {
    return block->text.len ? texts_add(r, &turns->system, block->text) : SK_OK;
}

static enum sk_code user_add(struct reading *r, struct turns *turns, const struct block *block) {
    TRY(turn_open(r, turns, ROLE_USER));
    return texts_add(r, &turns->said, block->text);
}

static enum sk_code assistant_add(struct reading *r, struct turns *turns,
                                  const struct block *block) {
    TRY(turn_open(r, turns, ROLE_ASSISTANT));
    return texts_add(r, &turns->said, block->text);
}

static enum sk_code thinking_add(struct reading *r, struct turns *turns,
                                 const struct block *block) {
    struct view text = block->text, carried = VIEW(ANTHROPIC_SIGNATURE ":");
    if (!text.len && view_starts(block->signature, carried))
        text = view_from(block->signature, carried.len);
    TRY(turn_open(r, turns, ROLE_ASSISTANT));
    return text.len ? texts_add(r, &turns->thought, text) : SK_OK;
}

// Thoughts that only their maker can read: none of ours.
static enum sk_code redacted_add(struct reading *r, struct turns *turns,
                                 const struct block *block) {
    (void)block;
    return turn_open(r, turns, ROLE_ASSISTANT);
}

static enum sk_code call_add(struct reading *r, struct turns *turns, const struct block *block) {
    TRY(turn_open(r, turns, ROLE_ASSISTANT));
    struct message *message = turns->open;
    if (message->calls_len == CALLS_MAX)
        return refuse_value(r, "is one too many: %d calls in a turn are the limit.", CALLS_MAX);
    struct call *call = turns->calls++;
    if (message->calls_len++ == 0) message->calls = call;
    *call = (struct call){.id = block->id, .name = block->name, .is_object = true};
    return take_json(r, block->node, &call->arguments);
}

// Of the blocks in a result: text, and the name of a tool that a search for tools has found.
static enum sk_code take_result_part(struct reading *r, const struct json_node *part,
                                     struct view *out) {
    static const struct shape text_shape = {SHAPE_OF(text_rows)};
    static const struct shape reference_shape = {SHAPE_OF(reference_rows)};
    struct block block = {0};
    const struct json_node *type = json_find(part, "type");
    bool reference = field_is(type, "tool_reference");
    if (!json_is(part, JSON_OBJECT)) return refuse_type(r, "an object with a type");
    if (!json_is(type, JSON_STRING)) return refuse_missing(r, "type");
    if (!reference && !field_is(type, "text"))
        return refuse_unsupported(r, "content other than text (image, document, search_result)");
    TRY(fields_take(r, part, reference ? &reference_shape : &text_shape, &block));
    *out = block.text;
    return SK_OK;
}

static enum sk_code result_add(struct reading *r, struct turns *turns, const struct block *block) {
    if (turns->open && turns->open->role == ROLE_USER)
        return refuse_value(r, "must come before what else the user says.");
    struct texts texts = {0};
    struct view content = {0};
    TRY(turn_close(r, turns));
    struct message *message = message_add(r, turns, ROLE_TOOL);
    if (!message) return SK_INPUT;
    message->call_id = block->id;
    message->said = true;
    size_t before = path_enter(r, "content");
    if (json_is(block->node, JSON_ARRAY))
        TRY(take_parts(r, block->node, take_result_part, &content));
    else if (block->node)
        TRY(take_text(r, block->node, 0, UINT32_MAX, &content));
    path_leave(r, before);
    if (block->is_error) TRY(texts_add(r, &texts, VIEW("The call failed:")));
    TRY(texts_add(r, &texts, content));
    return texts_join(r, &texts, &message->content);
}

// Which blocks a turn may hold, and what becomes of them.
static const struct kind {
    const char *role, *type;
    struct shape shape;
    enum sk_code (*add)(struct reading *r, struct turns *turns, const struct block *block);
} kinds[] = {
    {"user", "text", {SHAPE_OF(text_rows)}, user_add},
    {"user", "tool_result", {SHAPE_OF(result_rows)}, result_add},
    {"assistant", "text", {SHAPE_OF(text_rows)}, assistant_add},
    {"assistant", "thinking", {SHAPE_OF(thinking_rows)}, thinking_add},
    {"assistant", "redacted_thinking", {SHAPE_OF(redacted_rows)}, redacted_add},
    {"assistant", "tool_use", {SHAPE_OF(call_rows)}, call_add},
    {"system", "text", {SHAPE_OF(text_rows)}, system_add},
};

static const struct kind *kind_find(const char *role, struct view type) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].role, role) == 0 && view_is(type, kinds[i].type)) return &kinds[i];
    return NULL;
}

static enum sk_code block_take(struct reading *r, struct turns *turns, const char *role,
                               const struct json_node *node) {
    if (!json_is(node, JSON_OBJECT)) return refuse_type(r, "an object with a type");
    const struct json_node *type = field_given(node, "type");
    if (!type) return refuse_missing(r, "type");
    struct view name;
    struct block block = {0};
    size_t before = path_enter(r, "type");
    TRY(take_text(r, type, 0, UINT32_MAX, &name));
    const struct kind *kind = kind_find(role, name);
    if (!kind) {
        char what[160];
        struct buf text = buf_over(what, sizeof what - 1);
        buf_print(&text, "a block of type '%.*s' in a message of role %s",
                  name.len < 64 ? (int)name.len : 64, name.at, role);
        what[text.len] = 0;
        return refuse_unsupported(r, what);
    }
    path_leave(r, before);
    TRY(fields_take(r, node, &kind->shape, &block));
    return kind->add(r, turns, &block);
}

static enum sk_code content_take(struct reading *r, struct turns *turns, const char *role,
                                 const struct json_node *content) {
    struct block whole = {.text = json_view(content)};
    if (json_is(content, JSON_STRING)) return kind_find(role, VIEW("text"))->add(r, turns, &whole);
    if (!json_is(content, JSON_ARRAY)) return refuse_type(r, "a string or an array of blocks");
    const struct json_node *node = json_first(content);
    for (uint32_t i = 0; i < content->len; i++, node = json_next(node)) {
        size_t before = path_enter_at(r, i);
        TRY(block_take(r, turns, role, node));
        path_leave(r, before);
    }
    return SK_OK;
}

// ---- the list of messages ----

struct turn {
    int role;
    const struct json_node *content;
};

static enum sk_code turn_take(struct reading *r, struct turns *turns,
                              const struct json_node *node) {
    static const char *const roles[] = {"user", "assistant", "system", NULL};
    static const struct field turn_rows[] = {
        {.name = "role",
         .kind = FIELD_WORD,
         .required = true,
         .words = roles,
         .at = offsetof(struct turn, role)},
        {.name = "content",
         .kind = FIELD_OTHER,
         .required = true,
         .take = take_node,
         .at = offsetof(struct turn, content)},
    };
    static const struct shape turn_shape = {SHAPE_OF(turn_rows)};
    struct turn turn;
    TRY(fields_take(r, node, &turn_shape, &turn));
    path_enter(r, "content");
    return content_take(r, turns, roles[turn.role], turn.content);
}

// What was said as system goes before all else.
static enum sk_code system_end(struct reading *r, struct turns *turns) {
    if (!turns->system.first) return SK_OK;
    struct conversation *c = turns->c;
    if (!message_add(r, turns, ROLE_SYSTEM)) return SK_INPUT;
    memmove(c->messages + 1, c->messages, (c->messages_len - 1) * sizeof *c->messages);
    c->messages[0] = (struct message){.role = ROLE_SYSTEM, .said = true};
    return texts_join(r, &turns->system, &c->messages[0].content);
}

static size_t calls_count(const struct json_node *messages) {
    size_t n = 0;
    const struct json_node *node = json_first(messages);
    for (uint32_t i = 0; i < messages->len; i++, node = json_next(node)) {
        const struct json_node *content = json_find(node, "content");
        if (!json_is(content, JSON_ARRAY)) continue;
        const struct json_node *block = json_first(content);
        for (uint32_t j = 0; j < content->len; j++, block = json_next(block))
            n += field_is(json_find(block, "type"), "tool_use");
    }
    return n;
}

enum sk_code turns_take(struct reading *r, const struct json_node *messages,
                        const struct json_node *system, bool continued, struct conversation *c) {
    struct turns turns = {.c = c};
    TRY(conversation_begin(r, c, ENGINE_MESSAGES_MAX));
    size_t before = path_enter(r, "system");
    if (system) TRY(content_take(r, &turns, "system", system));
    path_leave(r, before);
    path_enter(r, "messages");
    if (!json_is(messages, JSON_ARRAY)) return refuse_type(r, "an array");
    if (messages->len == 0) return refuse_value(r, "must hold at least one message.");
    turns.calls = arena_take(r->arena, calls_count(messages), sizeof *turns.calls);
    if (!turns.calls) return refuse_memory(r);
    const struct json_node *node = json_first(messages);
    for (turns.at = 0; turns.at < messages->len; turns.at++, node = json_next(node)) {
        size_t list = path_enter_at(r, turns.at);
        TRY(turn_take(r, &turns, node));
        path_leave(r, list);
    }
    bool assistant = turns.open && turns.open->role == ROLE_ASSISTANT;
    if (assistant && !continued)
        return refuse_unsupported(r, "continuing an assistant's turn (prefill; the last message "
                                     "must be the user's)");
    TRY(turn_close(r, &turns));
    TRY(system_end(r, &turns));
    path_leave(r, before);
    return SK_OK;
}
