// Kept responses, as GET shows them.
#include <stdlib.h>

#include "gate/responses.h"

static struct view text_of(struct view record, int index) {
    struct wire in = wire_over(record);
    struct view text = {0};
    for (int i = 0; i <= index; i++) text = wire_take_text(&in, SIZE_MAX);
    must(!in.bad);
    return text;
}

struct view gate_record_response(struct view record) { return text_of(record, 0); }

struct view gate_record_events(struct view record) { return text_of(record, 3); }

// Each event ends with an empty line and holds its number once, before anything of the answer.
struct view gate_events_after(struct view events, int64_t after) {
    static const char name[] = "\"sequence_number\":";
    while (events.len > 0) {
        const char *number = memmem(events.at, events.len, name, sizeof name - 1);
        const char *end = memmem(events.at, events.len, "\n\n", 2);
        if (!number || !end) return (struct view){events.at, 0};
        if (strtoll(number + sizeof name - 1, NULL, 10) > after) return events;
        events = view_from(events, (size_t)(end - events.at) + 2);
    }
    return events;
}

// ---- items ----

void put_node_members(struct json_writer *w, const struct json_node *object) {
    const struct json_node *name = json_first(object), *value;
    for (uint32_t i = 0; i < object->len; i++, name = json_next(value)) {
        value = json_next(name);
        json_name_view(w, json_view(name));
        json_put_node(w, value);
    }
}

// The id of an item: its own, or one of its place in the conversation of this response.
static struct view item_id(const struct gate_route *route, const struct json_node *item,
                           uint32_t index, struct buf *page) {
    const struct json_node *own = field_given(item, "id"), *type = field_given(item, "type");
    bool good = json_is(own, JSON_STRING) && own->len > 0 && own->len <= GATE_AFTER_MAX;
    if (good) return json_view(own);
    buf_reset(page);
    const char *chance = strchr(route->response, '_');
    bool message = !type || field_is(type, "message");
    buf_print(page, "%s%s_%u", message ? "msg" : "item", chance ? chance : "_", index);
    must(!page->over);
    return buf_view(page);
}

static void put_message_content(struct json_writer *w, const struct json_node *item) {
    const struct json_node *content = field_given(item, "content");
    bool said = field_is(field_given(item, "role"), "assistant");
    json_name(w, "content");
    if (!json_is(content, JSON_STRING)) {
        json_put_node(w, content);
        return;
    }
    json_open(w, '[');
    json_open(w, '{');
    json_member_text(w, "type", said ? "output_text" : "input_text");
    json_name(w, "text");
    json_put_node(w, content);
    if (said) json_name(w, "annotations");
    if (said) json_put_raw(w, VIEW("[]"));
    json_close(w, '}');
    json_close(w, ']');
}

// As it was given, with the members that every listed item has.
static void put_listed(struct json_writer *w, const struct json_node *item, struct view id) {
    bool message = !field_given(item, "type") || field_is(json_find(item, "type"), "message");
    const struct json_node *name = json_first(item), *value;
    json_open(w, '{');
    json_member_string(w, "id", id);
    if (!field_given(item, "type")) json_member_text(w, "type", "message");
    for (uint32_t i = 0; i < item->len; i++, name = json_next(value)) {
        struct view text = json_view(name);
        value = json_next(name);
        bool content = message && view_is(text, "content");
        if (view_is(text, "id") || content || json_is(value, JSON_NULL)) continue;
        json_name_view(w, text);
        json_put_node(w, value);
    }
    if (message) put_message_content(w, item);
    if (!field_given(item, "status")) json_member_text(w, "status", "completed");
    json_close(w, '}');
}

static const struct json_node *items_parse(struct view record, struct arena *arena) {
    const struct json_node *root = NULL;
    struct view items = text_of(record, 1);
    struct buf rest = arena_rest(arena);
    buf_put_char(&rest, '[');
    buf_put_view(&rest, items);
    buf_put_char(&rest, ']');
    struct view text = rest.over ? (struct view){0} : arena_keep(arena, rest.len);
    return !rest.over && json_parse(rest.at, text.len, arena, &root) == SK_OK ? root : NULL;
}

void gate_record_items(struct view record, const struct gate_route *route, struct arena *arena,
                       struct buf *out) {
    char storage[GATE_ID_LEN + 24];
    struct buf page = buf_over(storage, sizeof storage);
    const struct json_node *root = items_parse(record, arena), *item;
    uint32_t len = root ? root->len : 0, shown = 0, left = 0;
    const struct json_node **items = arena_take(arena, len, sizeof *items);
    if (!items) len = 0;
    item = len ? json_first(root) : NULL;
    for (uint32_t i = 0; i < len; i++, item = json_next(item)) items[i] = item;
    bool begun = !route->after[0]; // after one that is not there, nothing comes
    uint32_t first = 0, last = 0;
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "object", "list");
    json_name(&w, "data");
    json_open(&w, '[');
    for (uint32_t i = 0; i < len; i++) {
        uint32_t index = route->ascending ? i : len - 1 - i;
        struct view id = item_id(route, items[index], index, &page);
        if (!begun) {
            begun = view_is(id, route->after);
            continue;
        }
        if (shown == route->limit) {
            left++;
            continue;
        }
        put_listed(&w, items[index], id);
        if (shown++ == 0) first = index;
        last = index;
    }
    json_close(&w, ']');
    struct view none = {0};
    json_member_string(&w, "first_id", shown ? item_id(route, items[first], first, &page) : none);
    json_member_string(&w, "last_id", shown ? item_id(route, items[last], last, &page) : none);
    json_member_bool(&w, "has_more", left > 0);
    json_close(&w, '}');
}
