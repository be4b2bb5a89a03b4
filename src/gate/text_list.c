#include "gate/text_list.h"

static enum sk_code take_string(struct reading *r, const struct json_node *node,
                                struct view *out) {
    if (json_is(node, JSON_NUMBER) || json_is(node, JSON_ARRAY))
        return refuse_unsupported(r, "an input of token ids");
    return take_text(r, node, 1, UINT32_MAX, out);
}

enum sk_code take_texts(struct reading *r, const struct json_node *array, take_part *take,
                        struct text_list *out) {
    if (array->len == 0 || array->len > GATE_TEXTS_MAX)
        return refuse_value(r, "must hold 1 to %d texts, not %u.", GATE_TEXTS_MAX, array->len);
    out->texts = arena_take(r->arena, array->len, sizeof *out->texts);
    if (!out->texts) return refuse_memory(r);
    out->len = array->len;
    const struct json_node *node = json_first(array);
    for (uint32_t i = 0; i < array->len; i++, node = json_next(node)) {
        size_t before = path_enter_at(r, i);
        TRY(take(r, node, &out->texts[i]));
        path_leave(r, before);
    }
    return SK_OK;
}

enum sk_code take_text_list(struct reading *r, const struct json_node *node, void *out) {
    struct text_list *list = out;
    if (json_is(node, JSON_ARRAY)) return take_texts(r, node, take_string, list);
    if (!json_is(node, JSON_STRING)) return refuse_type(r, "a string or an array of strings");
    list->texts = arena_take(r->arena, 1, sizeof *list->texts);
    if (!list->texts) return refuse_memory(r);
    list->len = 1;
    return take_string(r, node, list->texts);
}
