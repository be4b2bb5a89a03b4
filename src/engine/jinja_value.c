// Values: making them, comparing them, looking into them.
#include "engine/jinja_value.h"

#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

enum { BYTES_PER_STEP = 32 };

enum sk_code jinja_steps(struct jinja_run *run, size_t work) {
    if (work >= JINJA_STEPS_MAX || (run->steps += (uint32_t)work) >= JINJA_STEPS_MAX)
        return FAIL(SK_LIMIT, "more than %d steps", JINJA_STEPS_MAX);
    return SK_OK;
}

enum sk_code jinja_enter(struct jinja_run *run) {
    if (++run->depth > JINJA_DEPTH_MAX)
        return FAIL(SK_LIMIT, "more than %d evaluations within each other", JINJA_DEPTH_MAX);
    return jinja_steps(run, 1);
}

// ---- text ----

static char *text_room(struct jinja_text *text, size_t len) {
    if (text->over || len > text->max - text->len) {
        text->over = true;
        return NULL;
    }
    text->len += (uint32_t)len;
    return text->at + text->len - len;
}

void jinja_text_put(struct jinja_text *text, const void *bytes, const uint8_t *marks, size_t len) {
    char *at = text_room(text, len);
    if (!at || len == 0) return;
    memcpy(at, bytes, len);
    memcpy(text->marks + (at - text->at), marks, len);
}

void jinja_text_fill(struct jinja_text *text, struct view bytes, uint8_t mark) {
    char *at = text_room(text, bytes.len);
    if (!at || bytes.len == 0) return;
    memcpy(at, bytes.at, bytes.len);
    memset(text->marks + (at - text->at), mark, bytes.len);
}

void jinja_text_char(struct jinja_text *text, char c, uint8_t mark) {
    jinja_text_fill(text, (struct view){&c, 1}, mark);
}

void jinja_put_span(struct jinja_run *run, struct jinja_text *to, struct jinja_span span) {
    run->steps += span.len / BYTES_PER_STEP; // seen at the next evaluation
    jinja_text_put(to, run->heap.at + span.at, run->heap.marks + span.at, span.len);
}

enum sk_code jinja_built(struct jinja_run *run, uint32_t from, struct jinja_value *out) {
    if (run->heap.over) return FAIL(SK_LIMIT, "strings of more than %u bytes", run->heap.max);
    *out = jinja_string((struct jinja_span){from, run->heap.len - from});
    return jinja_steps(run, 1 + (run->heap.len - from) / BYTES_PER_STEP);
}

enum sk_code jinja_literal(struct jinja_run *run, const char *text, struct jinja_value *out) {
    uint32_t from = run->heap.len;
    jinja_text_fill(&run->heap, view_of(text), 0);
    return jinja_built(run, from, out);
}

// ---- arrays, maps, scopes: all grow by doubling within the arena ----

// Room for one more of `len` items; the items or NULL with SK_LIMIT kept.
static void *grow(struct jinja_run *run, void *at, size_t size, uint32_t len, uint32_t *room) {
    if (len < *room) return at;
    uint32_t more = *room ? 2 * *room : 4;
    void *grown = arena_take(run->values, more, size);
    if (!grown) return NULL;
    if (len) memcpy(grown, at, len * size);
    *room = more;
    return grown;
}

enum sk_code jinja_array_new(struct jinja_run *run, uint32_t room, struct jinja_value *out) {
    struct jinja_array *array = arena_take(run->values, 1, sizeof *array);
    if (!array) return SK_LIMIT;
    if (room) array->at = arena_take(run->values, room, sizeof *array->at);
    if (room && !array->at) return SK_LIMIT;
    array->room = room;
    *out = (struct jinja_value){.type = JINJA_ARRAY, .array = array};
    return SK_OK;
}

enum sk_code jinja_array_add(struct jinja_run *run, struct jinja_array *array,
                             struct jinja_value value) {
    struct jinja_value *at = grow(run, array->at, sizeof *at, array->len, &array->room);
    if (!at) return SK_LIMIT;
    array->at = at;
    at[array->len++] = value;
    return jinja_steps(run, 1);
}

enum sk_code jinja_map_new(struct jinja_run *run, struct jinja_value *out) {
    struct jinja_map *map = arena_take(run->values, 1, sizeof *map);
    if (!map) return SK_LIMIT;
    *out = (struct jinja_value){.type = JINJA_MAP, .map = map};
    return SK_OK;
}

struct jinja_value *jinja_map_find(const struct jinja_run *run, const struct jinja_map *map,
                                   struct view key) {
    for (uint32_t i = 0; i < map->len; i++) {
        const struct jinja_pair *pair = &map->at[i];
        if (pair->key.type == JINJA_CHARS && view_same(jinja_chars(run, pair->key), key))
            return &map->at[i].value;
    }
    return NULL;
}

struct jinja_value *jinja_map_at(const struct jinja_run *run, const struct jinja_map *map,
                                 struct jinja_value key) {
    if (key.type == JINJA_CHARS) return jinja_map_find(run, map, jinja_chars(run, key));
    if (key.type != JINJA_INTEGER && key.type != JINJA_TRUTH) return NULL;
    for (uint32_t i = 0; i < map->len; i++) {
        const struct jinja_pair *pair = &map->at[i];
        if (pair->key.type == JINJA_INTEGER && pair->key.integer == key.integer)
            return &map->at[i].value;
    }
    return NULL;
}

enum sk_code jinja_map_set(struct jinja_run *run, struct jinja_map *map, struct jinja_value key,
                           struct jinja_value value) {
    if (key.type != JINJA_CHARS && key.type != JINJA_INTEGER)
        return FAIL(SK_UNSUPPORTED, "a key that is %s", jinja_type_name(key));
    struct view name = key.type == JINJA_CHARS ? jinja_chars(run, key) : VIEW("");
    TRY(jinja_steps(run, jinja_map_work(map, name)));
    struct jinja_value *old = jinja_map_at(run, map, key);
    if (old) {
        *old = value;
        return SK_OK;
    }
    struct jinja_pair *at = grow(run, map->at, sizeof *at, map->len, &map->room);
    if (!at) return SK_LIMIT;
    map->at = at;
    at[map->len++] = (struct jinja_pair){key, value};
    return SK_OK;
}

enum sk_code jinja_function_new(struct jinja_run *run, struct jinja_function function,
                                struct jinja_value *out) {
    struct jinja_function *copy = arena_take(run->values, 1, sizeof *copy);
    if (!copy) return SK_LIMIT;
    *copy = function;
    *out = (struct jinja_value){.type = JINJA_FUNCTION, .function = copy};
    return SK_OK;
}

enum sk_code jinja_scope_set(struct jinja_run *run, struct jinja_scope *scope, uint32_t name,
                             struct jinja_value value) {
    TRY(jinja_steps(run, scope->len / 8));
    for (uint32_t i = 0; i < scope->len; i++) {
        if (scope->at[i].name != name) continue;
        scope->at[i].value = value;
        return SK_OK;
    }
    struct jinja_binding *at = grow(run, scope->at, sizeof *at, scope->len, &scope->room);
    if (!at) return SK_LIMIT;
    scope->at = at;
    at[scope->len++] = (struct jinja_binding){name, value};
    return SK_OK;
}

// ---- asking ----

const char *jinja_type_name(struct jinja_value value) {
    static const char *const names[] = {"undefined", "none", "a boolean",   "an integer", "a float",
                                        "a string",  "a list", "a mapping", "a namespace",
                                        "the loop",  "a function"};
    return names[value.type];
}

bool jinja_is_true(struct jinja_value value) {
    switch (value.type) {
    case JINJA_UNDEFINED:
    case JINJA_NULL: return false;
    case JINJA_TRUTH:
    case JINJA_INTEGER: return value.integer != 0;
    case JINJA_REAL: return value.real < 0 || value.real > 0;
    case JINJA_CHARS: return value.span.len > 0;
    case JINJA_ARRAY: return value.array->len > 0;
    case JINJA_MAP: return value.map->len > 0;
    default: return true;
    }
}

// As the oracle: lists and mappings are equal only to themselves; none equals undefined.
bool jinja_same(struct jinja_run *run, struct jinja_value a, struct jinja_value b) {
    bool a_scalar = jinja_is_number(a) || a.type == JINJA_TRUTH;
    bool b_scalar = jinja_is_number(b) || b.type == JINJA_TRUTH;
    if (a_scalar && b_scalar) {
        if (a.type != JINJA_REAL && b.type != JINJA_REAL) return a.integer == b.integer;
        double x = jinja_number(a), y = jinja_number(b);
        return x <= y && x >= y;
    }
    if (a.type <= JINJA_NULL && b.type <= JINJA_NULL) return true;
    if (a.type != b.type) return false;
    if (a.type == JINJA_CHARS) {
        run->steps += a.span.len / BYTES_PER_STEP; // seen at the next evaluation or item
        return view_same(jinja_chars(run, a), jinja_chars(run, b));
    }
    return a.array == b.array; // any pointer
}

static int order_of(int difference) { return (difference > 0) - (difference < 0); }

static enum sk_code compare_chars(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                                  bool by_case, int *out) {
    const struct jinja_arguments none = {0};
    if (!by_case) {
        TRY(jinja_do_lower(run, a, &none, &a));
        TRY(jinja_do_lower(run, b, &none, &b));
    }
    struct view x = jinja_chars(run, a), y = jinja_chars(run, b);
    size_t least = x.len < y.len ? x.len : y.len;
    int order = least ? memcmp(x.at, y.at, least) : 0;
    *out = order ? order_of(order) : (x.len > y.len) - (x.len < y.len);
    return jinja_steps(run, 1 + least / BYTES_PER_STEP);
}

enum sk_code jinja_compare(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                           bool by_case, int *out) {
    bool numbers = (jinja_is_number(a) || a.type == JINJA_TRUTH) &&
                   (jinja_is_number(b) || b.type == JINJA_TRUTH);
    if (numbers && a.type != JINJA_REAL && b.type != JINJA_REAL) {
        *out = (a.integer > b.integer) - (a.integer < b.integer);
        return SK_OK;
    }
    if (numbers) {
        *out = (jinja_number(a) > jinja_number(b)) - (jinja_number(a) < jinja_number(b));
        return SK_OK;
    }
    if (a.type == JINJA_CHARS && b.type == JINJA_CHARS)
        return compare_chars(run, a, b, by_case, out);
    *out = 0;
    if (a.type == b.type && a.type <= JINJA_NULL) return SK_OK;
    return FAIL(SK_UNSUPPORTED, "no order between %s and %s", jinja_type_name(a),
                jinja_type_name(b));
}

// ---- looking into ----

static struct jinja_value loop_item(const struct jinja_loop *loop, int64_t index) {
    if (index < 0 || index >= loop->items->len) return (struct jinja_value){0};
    return loop->items->at[index];
}

static struct jinja_value loop_member(const struct jinja_loop *loop, struct view name) {
    int64_t index = loop->index, len = loop->items->len;
    if (view_is(name, "index")) return jinja_integer(index + 1);
    if (view_is(name, "index0")) return jinja_integer(index);
    if (view_is(name, "revindex")) return jinja_integer(len - index);
    if (view_is(name, "revindex0")) return jinja_integer(len - index - 1);
    if (view_is(name, "first")) return jinja_truth(index == 0);
    if (view_is(name, "last")) return jinja_truth(index == len - 1);
    if (view_is(name, "length")) return jinja_integer(len);
    if (view_is(name, "depth")) return jinja_integer(loop->depth);
    if (view_is(name, "depth0")) return jinja_integer(loop->depth - 1);
    if (view_is(name, "previtem")) return loop_item(loop, index - 1);
    if (view_is(name, "nextitem")) return loop_item(loop, index + 1);
    return (struct jinja_value){0};
}

enum sk_code jinja_member(struct jinja_run *run, struct jinja_value of, struct view name,
                          struct jinja_value *out) {
    *out = (struct jinja_value){0};
    if (of.type == JINJA_MAP || of.type == JINJA_NAMESPACE) {
        TRY(jinja_steps(run, jinja_map_work(of.map, name)));
        const struct jinja_value *found = jinja_map_find(run, of.map, name);
        if (found) {
            *out = *found;
            return SK_OK;
        }
    }
    if (of.type == JINJA_LOOP) {
        *out = loop_member(of.loop, name);
        if (out->type != JINJA_UNDEFINED) return SK_OK;
    }
    if (view_is(name, "length") && (of.type == JINJA_CHARS || of.type == JINJA_ARRAY))
        return jinja_do_length(run, of, &(struct jinja_arguments){0}, out);
    jinja_builtin *method = jinja_method_find(of.type, name);
    if (!method) return SK_OK;
    return jinja_function_new(run, (struct jinja_function){.builtin = method, .self = of}, out);
}

// The character at `index`, counted from the end when negative.
static enum sk_code char_at(struct jinja_run *run, struct jinja_value of, int64_t index,
                            struct jinja_value *out) {
    struct jinja_value items;
    TRY(jinja_items(run, of, &items));
    return jinja_item(run, items, jinja_integer(index), out);
}

enum sk_code jinja_item(struct jinja_run *run, struct jinja_value of, struct jinja_value index,
                        struct jinja_value *out) {
    *out = (struct jinja_value){0};
    if (index.type == JINJA_CHARS) return jinja_member(run, of, jinja_chars(run, index), out);
    if (index.type == JINJA_INTEGER && of.type == JINJA_MAP) {
        const struct jinja_value *found = jinja_map_at(run, of.map, index);
        if (found) *out = *found;
        return jinja_steps(run, of.map->len / 4);
    }
    if (index.type != JINJA_INTEGER || (of.type != JINJA_ARRAY && of.type != JINJA_CHARS))
        return FAIL(SK_UNSUPPORTED, "%s of %s", jinja_type_name(index), jinja_type_name(of));
    if (of.type == JINJA_CHARS) return char_at(run, of, index.integer, out);
    int64_t i = index.integer < 0 ? index.integer + of.array->len : index.integer;
    if (i >= 0 && i < of.array->len) *out = of.array->at[i];
    return SK_OK;
}

static bool all_digits(struct view text) {
    size_t n = 0;
    while (n < text.len && text.at[n] >= '0' && text.at[n] <= '9') n++;
    return n > 0 && n == text.len && n < 10;
}

static enum sk_code path_part(struct jinja_run *run, struct view part, struct jinja_value *value) {
    if (value->type == JINJA_ARRAY && all_digits(part)) {
        int64_t index = 0;
        for (size_t i = 0; i < part.len; i++) index = index * 10 + (part.at[i] - '0');
        return jinja_item(run, *value, jinja_integer(index), value);
    }
    bool map = value->type == JINJA_MAP || value->type == JINJA_NAMESPACE;
    const struct jinja_value *found = map ? jinja_map_find(run, value->map, part) : NULL;
    size_t work = map ? jinja_map_work(value->map, part) : 1;
    *value = found ? *found : (struct jinja_value){0};
    return jinja_steps(run, work);
}

enum sk_code jinja_path(struct jinja_run *run, struct jinja_value of, struct jinja_value path,
                        struct jinja_value *out) {
    *out = of;
    if (path.type == JINJA_INTEGER) return jinja_item(run, of, path, out);
    if (path.type != JINJA_CHARS)
        return FAIL(SK_UNSUPPORTED, "an attribute that is %s", jinja_type_name(path));
    struct view left = jinja_chars(run, path);
    TRY(jinja_steps(run, left.len / BYTES_PER_STEP));
    for (;;) {
        const char *dot = left.len ? memchr(left.at, '.', left.len) : NULL;
        size_t n = dot ? (size_t)(dot - left.at) : left.len;
        TRY(path_part(run, (struct view){left.at, n}, out));
        if (!dot) return SK_OK;
        left = view_from(left, n + 1);
    }
}

static enum sk_code chars_items(struct jinja_run *run, struct jinja_span span,
                                struct jinja_value *out) {
    TRY(jinja_array_new(run, 0, out));
    for (uint32_t i = 0, n; i < span.len; i += n) {
        uint32_t c;
        n = (uint32_t)utf8_take(view_from(jinja_view(run, span), i), &c);
        must(n > 0);
        struct jinja_value one = jinja_string((struct jinja_span){span.at + i, n});
        TRY(jinja_array_add(run, out->array, one));
    }
    return SK_OK;
}

enum sk_code jinja_items(struct jinja_run *run, struct jinja_value of, struct jinja_value *out) {
    *out = of;
    if (of.type == JINJA_ARRAY) return SK_OK;
    if (of.type == JINJA_UNDEFINED) return jinja_array_new(run, 0, out);
    if (of.type == JINJA_CHARS) return chars_items(run, of.span, out);
    if (of.type != JINJA_MAP)
        return FAIL(SK_UNSUPPORTED, "%s has no items", jinja_type_name(of));
    TRY(jinja_array_new(run, of.map->len, out));
    for (uint32_t i = 0; i < of.map->len; i++)
        TRY(jinja_array_add(run, out->array, of.map->at[i].key));
    return SK_OK;
}

// ---- arguments ----

const struct jinja_value *jinja_argument(const struct jinja_run *run,
                                         const struct jinja_arguments *arguments, uint32_t index,
                                         const char *name) {
    if (index < arguments->plain.len) return &arguments->plain.at[index];
    return jinja_map_find(run, &arguments->named, view_of(name));
}

static enum sk_code wrong_type(const char *name, const char *wanted, struct jinja_value value) {
    return FAIL(SK_UNSUPPORTED, "%s is %s, not %s", name, jinja_type_name(value), wanted);
}

enum sk_code jinja_take_int(const struct jinja_run *run, const struct jinja_arguments *arguments,
                            uint32_t index, const char *name, int64_t *out) {
    const struct jinja_value *value = jinja_argument(run, arguments, index, name);
    if (!value || value->type == JINJA_NULL) return SK_OK;
    if (value->type != JINJA_INTEGER) return wrong_type(name, "an integer", *value);
    *out = value->integer;
    return SK_OK;
}

enum sk_code jinja_take_truth(const struct jinja_run *run, const struct jinja_arguments *arguments,
                              uint32_t index, const char *name, bool *out) {
    const struct jinja_value *value = jinja_argument(run, arguments, index, name);
    if (!value) return SK_OK;
    if (value->type != JINJA_TRUTH) return wrong_type(name, "a boolean", *value);
    *out = value->integer;
    return SK_OK;
}

enum sk_code jinja_take_span(const struct jinja_run *run, const struct jinja_arguments *arguments,
                             uint32_t index, const char *name, struct jinja_span *out) {
    const struct jinja_value *value = jinja_argument(run, arguments, index, name);
    if (!value || value->type == JINJA_NULL) return SK_OK;
    if (value->type != JINJA_CHARS) return wrong_type(name, "a string", *value);
    *out = value->span;
    return SK_OK;
}
