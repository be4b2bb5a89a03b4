// Methods of strings, lists, mappings and the loop.
#include <string.h>

#include "base/utf8.h"
#include "engine/jinja_strings.h"

#define BUILTIN(name)                                                                              \
    static enum sk_code name(struct jinja_run *run, struct jinja_value self,                       \
                             const struct jinja_arguments *arguments, struct jinja_value *out)

// ---- strings ----

// The argument at `index`, or an error naming the method.
static enum sk_code need(const struct jinja_run *run, const struct jinja_arguments *arguments,
                         uint32_t index, const char *method, const struct jinja_value **out) {
    *out = jinja_argument(run, arguments, index, "");
    if (!*out) return FAIL(SK_UNSUPPORTED, "%s() needs an argument", method);
    return SK_OK;
}

static bool text_has_end(struct view text, struct view end, bool at_end) {
    if (text.len < end.len) return false;
    return view_starts(at_end ? view_from(text, text.len - end.len) : text, end);
}

static enum sk_code ends_with(struct jinja_run *run, struct jinja_value self,
                              const struct jinja_arguments *arguments, bool at_end,
                              struct jinja_value *out) {
    const struct jinja_value *wanted;
    TRY(need(run, arguments, 0, at_end ? "endswith" : "startswith", &wanted));
    const struct jinja_value *at = wanted;
    uint32_t len = 1;
    if (wanted->type == JINJA_ARRAY) {
        at = wanted->array->at;
        len = wanted->array->len;
    }
    *out = jinja_truth(false);
    for (uint32_t i = 0; i < len; i++) {
        TRY(jinja_want_chars(at[i]));
        if (text_has_end(jinja_chars(run, self), jinja_chars(run, at[i]), at_end))
            *out = jinja_truth(true);
        TRY(jinja_steps(run, 1 + at[i].span.len / 32));
    }
    return SK_OK;
}

BUILTIN(chars_startswith) { return ends_with(run, self, arguments, false, out); }
BUILTIN(chars_endswith) { return ends_with(run, self, arguments, true, out); }

static enum sk_code without_end(struct jinja_run *run, struct jinja_value self,
                                const struct jinja_arguments *arguments, bool at_end,
                                struct jinja_value *out) {
    const struct jinja_value *end;
    TRY(need(run, arguments, 0, at_end ? "removesuffix" : "removeprefix", &end));
    TRY(jinja_want_chars(*end));
    TRY(jinja_steps(run, end->span.len / 32));
    *out = self;
    if (!text_has_end(jinja_chars(run, self), jinja_chars(run, *end), at_end)) return SK_OK;
    out->span.len -= end->span.len;
    if (!at_end) out->span.at += end->span.len;
    return SK_OK;
}

BUILTIN(chars_removeprefix) { return without_end(run, self, arguments, false, out); }
BUILTIN(chars_removesuffix) { return without_end(run, self, arguments, true, out); }

// Counts places of the argument; *first and *last are bytes of the first and last one, or -1.
static enum sk_code search(struct jinja_run *run, struct jinja_value self,
                           const struct jinja_arguments *arguments, int64_t found[3]) {
    const struct jinja_value *wanted;
    TRY(need(run, arguments, 0, "find", &wanted));
    TRY(jinja_want_chars(*wanted));
    struct view text = jinja_chars(run, self), part = jinja_chars(run, *wanted);
    found[0] = 0;
    found[1] = found[2] = -1;
    if (part.len == 0) return FAIL(SK_UNSUPPORTED, "find of an empty string");
    const char *at = text.at;
    while ((at = memmem(at, text.len - (size_t)(at - text.at), part.at, part.len))) {
        if (found[0]++ == 0) found[1] = at - text.at;
        found[2] = at - text.at;
        at += part.len;
        TRY(jinja_steps(run, 1));
    }
    return jinja_steps(run, text.len / 32);
}

// Bytes to characters.
static int64_t chars_before(struct view text, int64_t bytes) {
    int64_t count = bytes < 0 ? -1 : 0;
    for (int64_t i = 0; i < bytes; i++) count += (text.at[i] & 0xc0) != 0x80;
    return count;
}

static enum sk_code find_as(struct jinja_run *run, struct jinja_value self,
                            const struct jinja_arguments *arguments, size_t which,
                            struct jinja_value *out) {
    int64_t found[3];
    TRY(search(run, self, arguments, found));
    *out = jinja_integer(which ? chars_before(jinja_chars(run, self), found[which]) : found[0]);
    return SK_OK;
}

BUILTIN(chars_count) { return find_as(run, self, arguments, 0, out); }
BUILTIN(chars_find) { return find_as(run, self, arguments, 1, out); }
BUILTIN(chars_rfind) { return find_as(run, self, arguments, 2, out); }

static enum sk_code all_between(struct jinja_run *run, struct jinja_value self, bool letters,
                                bool digits, struct jinja_value *out) {
    struct view text = jinja_chars(run, self);
    bool all = text.len > 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i], lower = (char)(c | 0x20);
        bool digit = c >= '0' && c <= '9', letter = lower >= 'a' && lower <= 'z';
        all = all && ((digits && digit) || (letters && letter));
    }
    *out = jinja_truth(all);
    return jinja_steps(run, text.len / 32);
}

// ASCII only, unlike Python.
BUILTIN(chars_isdigit) {
    (void)arguments;
    return all_between(run, self, false, true, out);
}
BUILTIN(chars_isalpha) {
    (void)arguments;
    return all_between(run, self, true, false, out);
}
BUILTIN(chars_isalnum) {
    (void)arguments;
    return all_between(run, self, true, true, out);
}

BUILTIN(chars_join) {
    const struct jinja_value *items;
    TRY(need(run, arguments, 0, "join", &items));
    struct jinja_arguments by = {.plain = {.at = &self, .len = 1}};
    return jinja_do_join(run, *items, &by, out);
}

// ---- lists ----

// A list that grew is seen by all who hold it, as in Python. All these give none.
BUILTIN(array_append) {
    const struct jinja_value *item;
    TRY(need(run, arguments, 0, "append", &item));
    *out = (struct jinja_value){.type = JINJA_NULL};
    return jinja_array_add(run, self.array, *item);
}

BUILTIN(array_extend) {
    const struct jinja_value *items;
    struct jinja_value more;
    TRY(need(run, arguments, 0, "extend", &items));
    TRY(jinja_items(run, *items, &more));
    uint32_t len = more.array->len; // it may be the list itself
    for (uint32_t i = 0; i < len; i++) TRY(jinja_array_add(run, self.array, more.array->at[i]));
    *out = (struct jinja_value){.type = JINJA_NULL};
    return SK_OK;
}

BUILTIN(array_insert) {
    int64_t at = 0;
    const struct jinja_value *item;
    struct jinja_array *array = self.array;
    TRY(jinja_take_int(run, arguments, 0, "", &at));
    TRY(need(run, arguments, 1, "insert", &item));
    if (at < 0) at = at + array->len < 0 ? 0 : at + array->len;
    if (at > array->len) at = array->len;
    TRY(jinja_array_add(run, array, *item));
    TRY(jinja_steps(run, array->len / 8));
    struct jinja_value added = array->at[array->len - 1];
    memmove(array->at + at + 1, array->at + at, (array->len - 1 - (size_t)at) * sizeof added);
    array->at[at] = added;
    *out = (struct jinja_value){.type = JINJA_NULL};
    return SK_OK;
}

BUILTIN(array_pop) {
    struct jinja_array *array = self.array;
    int64_t at = -1;
    TRY(jinja_take_int(run, arguments, 0, "", &at));
    if (at < 0) at += array->len;
    if (at < 0 || at >= array->len) return FAIL(SK_UNSUPPORTED, "pop of an item that is not there");
    *out = array->at[at];
    array->len--;
    memmove(array->at + at, array->at + at + 1, (array->len - (size_t)at) * sizeof *out);
    return jinja_steps(run, array->len / 8);
}

static enum sk_code array_search(struct jinja_run *run, const struct jinja_array *array,
                                 const struct jinja_arguments *arguments, int64_t found[2]) {
    const struct jinja_value *item;
    TRY(need(run, arguments, 0, "index", &item));
    found[0] = 0;
    found[1] = -1;
    for (uint32_t i = array->len; i-- > 0;) {
        TRY(jinja_steps(run, 1));
        if (!jinja_same(run, array->at[i], *item)) continue;
        found[0]++;
        found[1] = i;
    }
    return SK_OK;
}

BUILTIN(array_count) {
    int64_t found[2];
    TRY(array_search(run, self.array, arguments, found));
    *out = jinja_integer(found[0]);
    return SK_OK;
}

BUILTIN(array_index) {
    int64_t found[2];
    TRY(array_search(run, self.array, arguments, found));
    if (found[1] < 0) return FAIL(SK_UNSUPPORTED, "index of an item that is not there");
    *out = jinja_integer(found[1]);
    return SK_OK;
}

// ---- mappings ----

BUILTIN(map_get) {
    const struct jinja_value *key, *otherwise = jinja_argument(run, arguments, 1, "default");
    TRY(need(run, arguments, 0, "get", &key));
    const struct jinja_value *found = jinja_map_at(run, self.map, *key);
    *out = (struct jinja_value){.type = JINJA_NULL};
    if (found)
        *out = *found;
    else if (otherwise)
        *out = *otherwise;
    struct view name = key->type == JINJA_CHARS ? jinja_chars(run, *key) : VIEW("");
    return jinja_steps(run, jinja_map_work(self.map, name));
}

static enum sk_code map_list(struct jinja_run *run, const struct jinja_map *map, bool values,
                             struct jinja_value *out) {
    TRY(jinja_array_new(run, map->len, out));
    for (uint32_t i = 0; i < map->len; i++)
        TRY(jinja_array_add(run, out->array, values ? map->at[i].value : map->at[i].key));
    return SK_OK;
}

BUILTIN(map_keys) {
    (void)arguments;
    return map_list(run, self.map, false, out);
}
BUILTIN(map_values) {
    (void)arguments;
    return map_list(run, self.map, true, out);
}

BUILTIN(map_update) {
    const struct jinja_map *from = &arguments->named;
    const struct jinja_value *other = jinja_argument(run, arguments, 0, "");
    if (other && other->type != JINJA_MAP) return FAIL(SK_UNSUPPORTED, "update by no mapping");
    for (uint32_t i = 0; other && i < other->map->len; i++)
        TRY(jinja_map_set(run, self.map, other->map->at[i].key, other->map->at[i].value));
    for (uint32_t i = 0; i < from->len; i++)
        TRY(jinja_map_set(run, self.map, from->at[i].key, from->at[i].value));
    *out = (struct jinja_value){.type = JINJA_NULL};
    return SK_OK;
}

BUILTIN(map_setdefault) {
    const struct jinja_value *key;
    TRY(need(run, arguments, 0, "setdefault", &key));
    TRY(map_get(run, self, arguments, out));
    if (jinja_map_at(run, self.map, *key)) return SK_OK;
    return jinja_map_set(run, self.map, *key, *out);
}

BUILTIN(map_pop) {
    const struct jinja_value *key;
    struct jinja_map *map = self.map;
    TRY(need(run, arguments, 0, "pop", &key));
    TRY(map_get(run, self, arguments, out));
    for (uint32_t i = 0; i < map->len; i++) {
        TRY(jinja_steps(run, 1));
        if (!jinja_same(run, map->at[i].key, *key)) continue;
        map->len--;
        memmove(map->at + i, map->at + i + 1, (map->len - i) * sizeof *map->at);
        return SK_OK;
    }
    if (arguments->plain.len < 2) return FAIL(SK_UNSUPPORTED, "pop of a key that is not there");
    return SK_OK;
}

// ---- the loop ----

BUILTIN(loop_cycle) {
    uint32_t len = arguments->plain.len;
    (void)run;
    if (len == 0) return FAIL(SK_UNSUPPORTED, "cycle() needs arguments");
    *out = arguments->plain.at[self.loop->index % len];
    return SK_OK;
}

jinja_builtin *jinja_method_find(enum jinja_type type, struct view name) {
    static const struct {
        enum jinja_type type;
        const char *name;
        jinja_builtin *method;
    } table[] = {
        {JINJA_CHARS, "upper", jinja_do_upper},
        {JINJA_CHARS, "lower", jinja_do_lower},
        {JINJA_CHARS, "title", jinja_do_title},
        {JINJA_CHARS, "capitalize", jinja_do_capitalize},
        {JINJA_CHARS, "strip", jinja_do_trim},
        {JINJA_CHARS, "lstrip", jinja_do_lstrip},
        {JINJA_CHARS, "rstrip", jinja_do_rstrip},
        {JINJA_CHARS, "split", jinja_do_split},
        {JINJA_CHARS, "rsplit", jinja_do_rsplit},
        {JINJA_CHARS, "splitlines", jinja_do_splitlines},
        {JINJA_CHARS, "replace", jinja_do_replace},
        {JINJA_CHARS, "format", jinja_do_format},
        {JINJA_CHARS, "startswith", chars_startswith},
        {JINJA_CHARS, "endswith", chars_endswith},
        {JINJA_CHARS, "removeprefix", chars_removeprefix},
        {JINJA_CHARS, "removesuffix", chars_removesuffix},
        {JINJA_CHARS, "count", chars_count},
        {JINJA_CHARS, "find", chars_find},
        {JINJA_CHARS, "rfind", chars_rfind},
        {JINJA_CHARS, "isdigit", chars_isdigit},
        {JINJA_CHARS, "isalpha", chars_isalpha},
        {JINJA_CHARS, "isalnum", chars_isalnum},
        {JINJA_CHARS, "join", chars_join},
        {JINJA_ARRAY, "append", array_append},
        {JINJA_ARRAY, "extend", array_extend},
        {JINJA_ARRAY, "insert", array_insert},
        {JINJA_ARRAY, "pop", array_pop},
        {JINJA_ARRAY, "count", array_count},
        {JINJA_ARRAY, "index", array_index},
        {JINJA_MAP, "get", map_get},
        {JINJA_MAP, "items", jinja_do_items},
        {JINJA_MAP, "keys", map_keys},
        {JINJA_MAP, "values", map_values},
        {JINJA_MAP, "update", map_update},
        {JINJA_MAP, "setdefault", map_setdefault},
        {JINJA_MAP, "pop", map_pop},
        {JINJA_MAP, "dictsort", jinja_do_dictsort},
        {JINJA_LOOP, "cycle", loop_cycle},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].type == type && view_is(name, table[i].name)) return table[i].method;
    return NULL;
}
