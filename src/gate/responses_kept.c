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

void gate_record_items(struct view record, const struct gate_route *route, struct arena *arena,
                       struct buf *out) {
    const struct json_node *root = NULL;
    struct view items = text_of(record, 1);
    struct buf rest = arena_rest(arena);
    buf_put_char(&rest, '[');
    buf_put_view(&rest, items);
    buf_put_char(&rest, ']');
    struct view text = rest.over ? (struct view){0} : arena_keep(arena, rest.len);
    bool read = !rest.over && json_parse(rest.at, text.len, arena, &root) == SK_OK;
    uint32_t len = read ? root->len : 0, shown = len < route->limit ? len : route->limit;
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "object", "list");
    json_name(&w, "data");
    json_open(&w, '[');
    for (uint32_t i = 0; i < shown; i++) {
        const struct json_node *item = json_first(root);
        uint32_t index = route->ascending ? i : len - 1 - i;
        for (uint32_t j = 0; j < index; j++) item = json_next(item);
        json_put_node(&w, item);
    }
    json_close(&w, ']');
    json_member_bool(&w, "has_more", shown < len);
    json_close(&w, '}');
}
