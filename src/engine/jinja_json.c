// What comes in, as values; and values as JSON and text.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "engine/jinja_value.h"

enum { DATA = 1, NUMBER_TEXT_MAX = 40 };

// ---- JSON to values ----

// The name of a role stands in markers such as "<|user|>", so it is our own word where it is one.
static enum sk_code own_role(struct jinja_run *run, struct view key, struct jinja_value *value) {
    static const char *const roles[] = {"system",   "user",      "assistant", "tool",
                                        "function", "developer", "model"};
    if (value->type != JINJA_CHARS || !view_is(key, "role")) return SK_OK;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (view_is(jinja_chars(run, *value), roles[i]))
            return jinja_literal(run, roles[i], value);
    return SK_OK;
}

static struct jinja_span node_span(const struct jinja_run *run, const struct json_node *node) {
    return (struct jinja_span){(uint32_t)(node->at - run->heap.at), node->len};
}

static enum sk_code from_number(const struct json_node *node, struct jinja_value *out) {
    *out = jinja_integer(0);
    if (!json_i64(node, &out->integer)) {
        *out = jinja_real(0);
        if (!json_f64(node, &out->real)) return FAIL(SK_INPUT, "json: a number that is too large");
    }
    out->mark = DATA;
    return SK_OK;
}

static enum sk_code from_json(struct jinja_run *run, const struct json_node *node,
                              struct jinja_value *out);

static enum sk_code from_object(struct jinja_run *run, const struct json_node *node,
                                struct jinja_value *out) {
    TRY(jinja_map_new(run, out));
    struct jinja_map *map = out->map;
    if (node->len) map->at = arena_take(run->values, node->len, sizeof *map->at);
    if (node->len && !map->at) return SK_LIMIT;
    map->room = node->len;
    const struct json_node *child = json_first(node);
    for (uint32_t i = 0; i < node->len; i++, child = json_next(child + 1)) {
        struct jinja_pair *pair = &map->at[map->len++]; // names differ: json_parse saw to it
        pair->key = jinja_string(node_span(run, child));
        TRY(from_json(run, child + 1, &pair->value));
        TRY(own_role(run, json_view(child), &pair->value));
    }
    return SK_OK;
}

// Recursion within JSON_DEPTH_MAX.
static enum sk_code from_json(struct jinja_run *run, const struct json_node *node,
                              struct jinja_value *out) {
    TRY(jinja_steps(run, 1));
    const struct json_node *child = json_first(node);
    switch (node->type) {
    case JSON_NULL: *out = (struct jinja_value){.type = JINJA_NULL, .mark = DATA}; return SK_OK;
    case JSON_FALSE:
    case JSON_TRUE:
        *out = jinja_truth(node->type == JSON_TRUE);
        out->mark = DATA;
        return SK_OK;
    case JSON_NUMBER: return from_number(node, out);
    case JSON_STRING: *out = jinja_string(node_span(run, node)); return SK_OK;
    case JSON_OBJECT: return from_object(run, node, out);
    case JSON_ARRAY: break;
    }
    TRY(jinja_array_new(run, node->len, out));
    struct jinja_array *array = out->array;
    for (uint32_t i = 0; i < node->len; i++, child = json_next(child)) {
        TRY(from_json(run, child, &array->at[i]));
        array->len++;
    }
    return SK_OK;
}

// ---- variables ----

// A variable of the outermost scope, if the template speaks of it at all.
static enum sk_code set_variable(struct jinja_run *run, struct view name,
                                 struct jinja_value value) {
    const struct jinja *jinja = run->jinja;
    for (uint32_t i = 0; i < jinja->names_len; i++)
        if (view_same(jinja_span_view(jinja, jinja->names[i]), name))
            return jinja_scope_set(run, run->scope, i, value);
    return jinja_steps(run, jinja->names_len / 8);
}

static enum sk_code put_in(struct jinja_run *run, struct view text, uint8_t mark,
                           struct jinja_value *out) {
    uint32_t from = run->heap.len;
    jinja_text_fill(&run->heap, text, mark);
    return jinja_built(run, from, out);
}

static enum sk_code from_message(struct jinja_run *run, const struct engine_message *message,
                                 struct jinja_value *out) {
    static const char *const roles[] = {"system", "user", "assistant"};
    struct jinja_value key, value;
    must(message->role <= ENGINE_ASSISTANT);
    if (!utf8_check(message->text)) return FAIL(SK_INPUT, "a message is not UTF-8");
    TRY(jinja_map_new(run, out));
    TRY(jinja_literal(run, "role", &key));
    TRY(jinja_literal(run, roles[message->role], &value));
    TRY(jinja_map_set(run, out->map, key, value));
    TRY(jinja_literal(run, "content", &key));
    TRY(put_in(run, message->text, DATA, &value));
    return jinja_map_set(run, out->map, key, value);
}

static enum sk_code set_messages(struct jinja_run *run, const struct jinja_input *input) {
    struct jinja_value messages, message;
    if (input->messages_len == 0) return SK_OK;
    TRY(jinja_array_new(run, input->messages_len, &messages));
    for (uint32_t i = 0; i < input->messages_len; i++) {
        TRY(from_message(run, &input->messages[i], &message));
        TRY(jinja_array_add(run, messages.array, message));
    }
    return set_variable(run, VIEW("messages"), messages);
}

static enum sk_code set_members(struct jinja_run *run, struct view json) {
    const struct json_node *root;
    struct jinja_value value;
    uint32_t from = run->heap.len;
    if (json.len == 0) return SK_OK;
    TRY(put_in(run, json, DATA, &value));
    TRY(json_parse(run->heap.at + from, json.len, run->values, &root));
    if (!json_is(root, JSON_OBJECT)) return FAIL(SK_INPUT, "template data: not a JSON object");
    const struct json_node *child = json_first(root);
    for (uint32_t i = 0; i < root->len; i++, child = json_next(child + 1)) {
        TRY(from_json(run, child + 1, &value));
        TRY(set_variable(run, json_view(child), value));
    }
    return SK_OK;
}

enum sk_code jinja_variables(struct jinja_run *run, const struct jinja_input *input) {
    struct jinja_value value;
    TRY(set_messages(run, input));
    TRY(set_variable(run, VIEW("add_generation_prompt"), jinja_truth(true)));
    for (uint32_t i = 0; i < input->trusted_len; i++) {
        TRY(put_in(run, input->trusted[i].text, 0, &value));
        TRY(set_variable(run, view_of(input->trusted[i].name), value));
    }
    return set_members(run, input->data);
}

// ---- values to JSON ----

static void put_code(struct jinja_text *to, uint32_t unit, uint8_t mark) {
    char text[8];
    int n = snprintf(text, sizeof text, "\\u%04x", unit);
    jinja_text_fill(to, (struct view){text, (size_t)n}, mark);
}

static void put_character(struct jinja_text *to, uint32_t c, struct view bytes, uint8_t mark,
                          bool ascii) {
    static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = c && c < 0x80 ? strchr(escaped, (int)c) : NULL;
    if (found) {
        jinja_text_char(to, '\\', mark);
        jinja_text_char(to, letters[found - escaped], mark);
    } else if (c < 0x20 || (ascii && c >= 0x7f && c < 0x10000)) {
        put_code(to, c, mark);
    } else if (ascii && c >= 0x10000) {
        put_code(to, 0xd800 + ((c - 0x10000) >> 10), mark);
        put_code(to, 0xdc00 + ((c - 0x10000) & 0x3ff), mark);
    } else {
        jinja_text_fill(to, bytes, mark);
    }
}

static void put_quoted(struct jinja_run *run, struct jinja_text *to, struct jinja_span span,
                       bool ascii) {
    jinja_text_char(to, '"', DATA);
    for (uint32_t i = 0, n; i < span.len; i += n) {
        struct view left = view_from(jinja_view(run, span), i);
        uint32_t c;
        n = (uint32_t)utf8_take(left, &c);
        must(n > 0);
        uint8_t mark = run->heap.marks[span.at + i];
        put_character(to, c, (struct view){left.at, n}, mark, ascii);
    }
    jinja_text_char(to, '"', DATA);
    run->steps += span.len / 4;
}

// As JavaScript writes numbers (the form of RFC 8785).
static void put_real(struct jinja_text *to, double real, bool point, uint8_t mark) {
    char text[NUMBER_TEXT_MAX];
    struct buf out = buf_over(text, sizeof text);
    struct json_writer writer = json_writer_to(&out);
    if (point && real >= 0 && real <= 0 && signbit(real)) buf_put_char(&out, '-');
    json_put_f64(&writer, real);
    bool whole = point && floor(real) >= real && fabs(real) < 1e21;
    if (whole) buf_put_text(&out, ".0");
    jinja_text_fill(to, buf_view(&out), mark);
}

static void put_integer(struct jinja_text *to, int64_t integer, uint8_t mark) {
    char text[NUMBER_TEXT_MAX];
    struct buf out = buf_over(text, sizeof text);
    buf_put_i64(&out, integer);
    jinja_text_fill(to, buf_view(&out), mark);
}

static void put_key(struct jinja_run *run, struct jinja_text *to, struct jinja_value key,
                    bool ascii) {
    if (key.type == JINJA_CHARS) {
        put_quoted(run, to, key.span, ascii);
        return;
    }
    jinja_text_char(to, '"', DATA);
    put_integer(to, key.integer, DATA);
    jinja_text_char(to, '"', DATA);
}

static void put_line(struct jinja_text *to, uint32_t spaces) {
    jinja_text_char(to, '\n', DATA);
    for (; spaces > 0 && !to->over; spaces--) jinja_text_char(to, ' ', DATA);
}

static enum sk_code put_nested(struct jinja_run *run, struct jinja_text *to,
                               struct jinja_value value, const struct jinja_json_form *form,
                               uint32_t level);

static enum sk_code put_map(struct jinja_run *run, struct jinja_text *to,
                            const struct jinja_map *map, const struct jinja_json_form *form,
                            uint32_t level) {
    struct jinja_pair *pairs = map->at;
    if (form->sorted && map->len) {
        pairs = arena_take(run->values, map->len, sizeof *pairs);
        if (!pairs) return SK_LIMIT;
        memcpy(pairs, map->at, map->len * sizeof *pairs);
        TRY(jinja_sort(run, pairs, map->len, true, false));
    }
    jinja_text_char(to, '{', DATA);
    for (uint32_t i = 0; i < map->len; i++) {
        if (i) jinja_text_fill(to, form->item, DATA);
        if (form->indent) put_line(to, form->indent * (level + 1));
        put_key(run, to, pairs[i].key, form->ascii);
        jinja_text_fill(to, form->colon, DATA);
        TRY(put_nested(run, to, pairs[i].value, form, level + 1));
    }
    if (form->indent && map->len) put_line(to, form->indent * level);
    jinja_text_char(to, '}', DATA);
    return SK_OK;
}

static enum sk_code put_array(struct jinja_run *run, struct jinja_text *to,
                              const struct jinja_array *array, const struct jinja_json_form *form,
                              uint32_t level) {
    jinja_text_char(to, '[', DATA);
    for (uint32_t i = 0; i < array->len; i++) {
        if (i) jinja_text_fill(to, form->item, DATA);
        if (form->indent) put_line(to, form->indent * (level + 1));
        TRY(put_nested(run, to, array->at[i], form, level + 1));
    }
    if (form->indent && array->len) put_line(to, form->indent * level);
    jinja_text_char(to, ']', DATA);
    return SK_OK;
}

static enum sk_code put_nested(struct jinja_run *run, struct jinja_text *to,
                               struct jinja_value value, const struct jinja_json_form *form,
                               uint32_t level) {
    enum sk_code code = SK_OK;
    TRY(jinja_enter(run));
    switch (value.type) {
    case JINJA_UNDEFINED:
        jinja_text_fill(to, form->undefined ? VIEW("undefined") : VIEW("null"), DATA);
        break;
    case JINJA_NULL: jinja_text_fill(to, VIEW("null"), DATA); break;
    case JINJA_TRUTH:
        jinja_text_fill(to, value.integer ? VIEW("true") : VIEW("false"), DATA);
        break;
    case JINJA_INTEGER: put_integer(to, value.integer, DATA); break;
    case JINJA_REAL: put_real(to, value.real, false, DATA); break;
    case JINJA_CHARS: put_quoted(run, to, value.span, form->ascii); break;
    case JINJA_ARRAY: code = put_array(run, to, value.array, form, level); break;
    case JINJA_MAP:
    case JINJA_NAMESPACE: code = put_map(run, to, value.map, form, level); break;
    case JINJA_LOOP:
    case JINJA_FUNCTION:
        return FAIL(SK_UNSUPPORTED, "%s as JSON", jinja_type_name(value));
    }
    run->depth--;
    return code;
}

enum sk_code jinja_put_json(struct jinja_run *run, struct jinja_text *to, struct jinja_value value,
                            const struct jinja_json_form *form) {
    return put_nested(run, to, value, form, 0);
}

// ---- values to text ----

static const struct jinja_json_form text_form = {
    .item = {", ", 2}, .colon = {": ", 2}, .undefined = true};

enum sk_code jinja_put(struct jinja_run *run, struct jinja_text *to, struct jinja_value value) {
    if (value.type == JINJA_UNDEFINED || value.type == JINJA_NULL) return SK_OK;
    if (value.type == JINJA_REAL) {
        put_real(to, value.real, true, value.mark);
        return SK_OK;
    }
    if (value.type == JINJA_ARRAY) return jinja_put_json(run, to, value, &text_form);
    return jinja_put_plain(run, to, value);
}

enum sk_code jinja_put_plain(struct jinja_run *run, struct jinja_text *to,
                             struct jinja_value value) {
    switch (value.type) {
    case JINJA_UNDEFINED:
    case JINJA_NULL: return SK_OK;
    case JINJA_TRUTH:
        jinja_text_fill(to, value.integer ? VIEW("true") : VIEW("false"), value.mark);
        return SK_OK;
    case JINJA_INTEGER: put_integer(to, value.integer, value.mark); return SK_OK;
    case JINJA_REAL: put_real(to, value.real, false, value.mark); return SK_OK;
    case JINJA_CHARS: jinja_put_span(run, to, value.span); return SK_OK;
    case JINJA_ARRAY: // items with commas, as JavaScript's
        for (uint32_t i = 0; i < value.array->len; i++) {
            if (i) jinja_text_char(to, ',', DATA);
            TRY(jinja_put(run, to, value.array->at[i]));
        }
        return SK_OK;
    default: return jinja_put_json(run, to, value, &text_form);
    }
}

// ---- order ----

// Joins two ordered runs, [from, middle) and [middle, end), into `to`.
static enum sk_code join_runs(struct jinja_run *run, const struct jinja_pair *pairs,
                              struct jinja_pair *to, const uint32_t bounds[3], const bool how[2]) {
    uint32_t left = bounds[0], right = bounds[1];
    for (uint32_t i = bounds[0]; i < bounds[2]; i++) {
        bool take_left = right == bounds[2];
        if (left < bounds[1] && right < bounds[2]) {
            int order;
            TRY(jinja_compare(run, pairs[left].key, pairs[right].key, how[0], &order));
            TRY(jinja_steps(run, 1));
            take_left = how[1] ? order >= 0 : order <= 0;
        }
        to[i] = take_left ? pairs[left++] : pairs[right++];
    }
    return SK_OK;
}

enum sk_code jinja_sort(struct jinja_run *run, struct jinja_pair *pairs, uint32_t len, bool by_case,
                        bool reverse) {
    struct jinja_pair *other = arena_take(run->values, len ? len : 1, sizeof *other), *at = pairs;
    if (!other) return SK_LIMIT;
    const bool how[2] = {by_case, reverse};
    for (uint32_t width = 1; width < len; width *= 2) {
        for (uint32_t from = 0; from < len; from += 2 * width) {
            uint32_t middle = from + width < len ? from + width : len;
            uint32_t end = middle + width < len ? middle + width : len;
            TRY(join_runs(run, at, other, (const uint32_t[3]){from, middle, end}, how));
        }
        struct jinja_pair *swapped = at;
        at = other;
        other = swapped;
    }
    if (at != pairs && len) memcpy(pairs, at, len * sizeof *pairs);
    return SK_OK;
}
