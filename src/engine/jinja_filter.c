// Filters over values of any kind; those of strings alone are in jinja_text.c.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/jinja_strings.h"

#define BUILTIN(name)                                                                              \
    static enum sk_code name(struct jinja_run *run, struct jinja_value self,                       \
                             const struct jinja_arguments *arguments, struct jinja_value *out)

enum { NUMBER_MAX = 64 };

static enum sk_code cannot(const char *filter, struct jinja_value self) {
    return FAIL(SK_UNSUPPORTED, "%s of %s", filter, jinja_type_name(self));
}

static enum sk_code want_array(const char *filter, struct jinja_value self) {
    return self.type == JINJA_ARRAY ? SK_OK : cannot(filter, self);
}

// ---- sizes, ends, copies ----

enum sk_code jinja_do_length(struct jinja_run *run, struct jinja_value self,
                             const struct jinja_arguments *arguments, struct jinja_value *out) {
    (void)arguments;
    int64_t count = 0;
    switch (self.type) {
    case JINJA_UNDEFINED: break;
    case JINJA_ARRAY: count = self.array->len; break;
    case JINJA_MAP: count = self.map->len; break;
    case JINJA_CHARS:
        for (uint32_t i = 0; i < self.span.len; i++)
            count += (run->heap.at[self.span.at + i] & 0xc0) != 0x80;
        break;
    default: return cannot("length", self);
    }
    *out = jinja_integer(count);
    return jinja_steps(run, self.type == JINJA_CHARS ? self.span.len / 32 : 1);
}

static enum sk_code end_of(struct jinja_run *run, struct jinja_value self, bool last,
                           struct jinja_value *out) {
    struct jinja_value items;
    TRY(jinja_items(run, self, &items));
    return jinja_item(run, items, jinja_integer(last ? -1 : 0), out);
}

BUILTIN(do_first) {
    (void)arguments;
    return end_of(run, self, false, out);
}
BUILTIN(do_last) {
    (void)arguments;
    return end_of(run, self, true, out);
}

BUILTIN(do_list) {
    struct jinja_value items;
    (void)arguments;
    TRY(jinja_items(run, self, &items));
    TRY(jinja_array_new(run, items.array->len, out));
    for (uint32_t i = 0; i < items.array->len; i++)
        TRY(jinja_array_add(run, out->array, items.array->at[i]));
    return SK_OK;
}

BUILTIN(do_reverse) {
    TRY(do_list(run, self, arguments, out));
    struct jinja_array *array = out->array;
    for (uint32_t i = 0; i < array->len / 2; i++) {
        struct jinja_value swapped = array->at[i];
        array->at[i] = array->at[array->len - 1 - i];
        array->at[array->len - 1 - i] = swapped;
    }
    if (self.type != JINJA_CHARS) return SK_OK;
    return jinja_do_join(run, *out, &(struct jinja_arguments){0}, out);
}

BUILTIN(do_same) {
    (void)run;
    (void)arguments;
    *out = self;
    return SK_OK;
}

BUILTIN(do_default) {
    bool falsy = false;
    const struct jinja_value *otherwise = jinja_argument(run, arguments, 0, "default_value");
    TRY(jinja_take_truth(run, arguments, 1, "boolean", &falsy));
    *out = self;
    if (self.type != JINJA_UNDEFINED && !(falsy && !jinja_is_true(self))) return SK_OK;
    if (!otherwise) return jinja_literal(run, "", out);
    *out = *otherwise;
    return SK_OK;
}

// ---- numbers ----

BUILTIN(do_abs) {
    (void)run;
    (void)arguments;
    if (!jinja_is_number(self)) return cannot("abs", self);
    *out = self;
    if (self.type == JINJA_REAL) out->real = fabs(self.real);
    if (self.type == JINJA_INTEGER && self.integer < 0) {
        if (self.integer == INT64_MIN) return FAIL(SK_UNSUPPORTED, "abs over 2^63");
        out->integer = -self.integer;
    }
    return SK_OK;
}

// The number a string begins with; false when there is none.
static bool number_of(struct view text, bool whole, struct jinja_value *out) {
    char digits[NUMBER_MAX], *end;
    size_t n;
    while ((n = jinja_space_first(text)) > 0) text = view_from(text, n);
    for (n = 0; n < text.len && n + 1 < sizeof digits; n++) {
        char c = text.at[n];
        bool sign = (c == '-' || c == '+') && (n == 0 || (!whole && (text.at[n - 1] | 32) == 'e'));
        bool part = !whole && (c == '.' || c == 'e' || c == 'E');
        if (!sign && !part && (c < '0' || c > '9')) break;
        digits[n] = c;
    }
    digits[n] = '\0';
    *out = whole ? jinja_integer(strtoll(digits, &end, 10)) : jinja_real(strtod(digits, &end));
    return end > digits;
}

static enum sk_code to_number(struct jinja_run *run, struct jinja_value self,
                              const struct jinja_arguments *arguments, bool whole,
                              struct jinja_value *out) {
    const struct jinja_value *otherwise = jinja_argument(run, arguments, 0, "default");
    *out = whole ? jinja_integer(0) : jinja_real(0);
    if (otherwise) *out = *otherwise;
    struct jinja_value found;
    switch (self.type) {
    case JINJA_CHARS:
        TRY(jinja_steps(run, self.span.len / 8));
        if (!number_of(jinja_chars(run, self), whole, &found)) return SK_OK;
        *out = found;
        out->mark = self.span.len ? run->heap.marks[self.span.at] : 0;
        return SK_OK;
    case JINJA_TRUTH:
    case JINJA_INTEGER:
        *out = whole ? jinja_integer(self.integer) : jinja_real((double)self.integer);
        break;
    case JINJA_REAL:
        if (whole && !(fabs(self.real) < 9e18)) return FAIL(SK_UNSUPPORTED, "int over 2^63");
        *out = whole ? jinja_integer((int64_t)floor(self.real)) : self;
        break;
    default: return cannot(whole ? "int" : "float", self);
    }
    out->mark = self.mark;
    return SK_OK;
}

BUILTIN(do_int) { return to_number(run, self, arguments, true, out); }
BUILTIN(do_float) { return to_number(run, self, arguments, false, out); }

BUILTIN(do_round) {
    int64_t places = 0;
    double scale = 1;
    struct jinja_span method = {0};
    if (!jinja_is_number(self)) return cannot("round", self);
    TRY(jinja_take_int(run, arguments, 0, "precision", &places));
    TRY(jinja_take_span(run, arguments, 1, "method", &method));
    if (places < 0 || places > 15) return FAIL(SK_UNSUPPORTED, "round to %d places", (int)places);
    for (int64_t i = 0; i < places; i++) scale *= 10;
    double value = jinja_number(self) * scale;
    struct view how = jinja_view(run, method);
    *out = jinja_real(view_is(how, "ceil")    ? ceil(value) / scale
                      : view_is(how, "floor") ? floor(value) / scale
                                              : nearbyint(value) / scale);
    out->mark = self.mark;
    return SK_OK;
}

BUILTIN(do_sum) {
    const struct jinja_value *path = jinja_argument(run, arguments, 0, "attribute");
    TRY(want_array("sum", self));
    *out = jinja_integer(0);
    for (uint32_t i = 0; i < self.array->len; i++) {
        struct jinja_value item = self.array->at[i];
        if (path && path->type != JINJA_NULL) TRY(jinja_path(run, item, *path, &item));
        TRY(jinja_binary(run, JINJA_ADD, *out, item, out));
    }
    return SK_OK;
}

// ---- text of values ----

BUILTIN(do_string) {
    (void)arguments;
    uint32_t from = run->heap.len;
    if (self.type == JINJA_NULL) return cannot("string", self);
    *out = self;
    if (self.type == JINJA_CHARS) return SK_OK;
    TRY(jinja_put(run, &run->heap, self));
    return jinja_built(run, from, out);
}

BUILTIN(do_tojson) {
    int64_t indent = 0;
    struct jinja_json_form form = {.item = VIEW(", "), .colon = VIEW(": ")};
    TRY(jinja_take_int(run, arguments, UINT32_MAX, "indent", &indent));
    TRY(jinja_take_truth(run, arguments, UINT32_MAX, "ensure_ascii", &form.ascii));
    TRY(jinja_take_truth(run, arguments, UINT32_MAX, "sort_keys", &form.sorted));
    if (indent < 0 || indent > 64) return FAIL(SK_UNSUPPORTED, "tojson: indent is not in 0..64");
    if (indent) form.item = VIEW(",");
    form.indent = (uint32_t)indent;
    const struct jinja_value *by = jinja_argument(run, arguments, UINT32_MAX, "separators");
    if (by && by->type != JINJA_NULL) {
        bool pair = by->type == JINJA_ARRAY && by->array->len == 2 &&
                    by->array->at[0].type == JINJA_CHARS && by->array->at[1].type == JINJA_CHARS;
        if (!pair) return FAIL(SK_UNSUPPORTED, "tojson: separators are two strings");
        form.item = jinja_chars(run, by->array->at[0]);
        form.colon = jinja_chars(run, by->array->at[1]);
    }
    uint32_t from = run->heap.len;
    TRY(jinja_put_json(run, &run->heap, self, &form));
    return jinja_built(run, from, out);
}

// ---- mappings ----

enum sk_code jinja_do_items(struct jinja_run *run, struct jinja_value self,
                            const struct jinja_arguments *arguments, struct jinja_value *out) {
    (void)arguments;
    if (self.type == JINJA_UNDEFINED) return jinja_array_new(run, 0, out);
    if (self.type != JINJA_MAP) return cannot("items", self);
    TRY(jinja_array_new(run, self.map->len, out));
    for (uint32_t i = 0; i < self.map->len; i++) {
        struct jinja_value pair;
        TRY(jinja_array_new(run, 2, &pair));
        TRY(jinja_array_add(run, pair.array, self.map->at[i].key));
        TRY(jinja_array_add(run, pair.array, self.map->at[i].value));
        TRY(jinja_array_add(run, out->array, pair));
    }
    return SK_OK;
}

// Items in the order of keys[i], `value` of the pairs.
static enum sk_code in_order(struct jinja_run *run, struct jinja_pair *pairs, uint32_t len,
                             const bool how[2], struct jinja_value *out) {
    TRY(jinja_sort(run, pairs, len, how[0], how[1]));
    TRY(jinja_array_new(run, len, out));
    for (uint32_t i = 0; i < len; i++) TRY(jinja_array_add(run, out->array, pairs[i].value));
    return SK_OK;
}

static enum sk_code new_pairs(struct jinja_run *run, uint32_t len, struct jinja_pair **out) {
    *out = arena_take(run->values, len ? len : 1, sizeof **out);
    return *out ? SK_OK : SK_LIMIT;
}

enum sk_code jinja_do_dictsort(struct jinja_run *run, struct jinja_value self,
                               const struct jinja_arguments *arguments, struct jinja_value *out) {
    bool how[2] = {false, false};
    struct jinja_span by = {0};
    struct jinja_pair *pairs;
    struct jinja_value items;
    TRY(jinja_do_items(run, self, arguments, &items));
    TRY(jinja_take_truth(run, arguments, 0, "case_sensitive", &how[0]));
    TRY(jinja_take_span(run, arguments, 1, "by", &by));
    TRY(jinja_take_truth(run, arguments, 2, "reverse", &how[1]));
    TRY(new_pairs(run, items.array->len, &pairs));
    bool value = view_is(jinja_view(run, by), "value");
    for (uint32_t i = 0; i < items.array->len; i++) {
        const struct jinja_value *pair = items.array->at[i].array->at;
        pairs[i] = (struct jinja_pair){pair[value], items.array->at[i]};
    }
    return in_order(run, pairs, items.array->len, how, out);
}

// ---- order and choice in lists ----

BUILTIN(do_sort) {
    bool how[2] = {false, false};
    struct jinja_pair *pairs;
    struct jinja_value items;
    const struct jinja_value *path = jinja_argument(run, arguments, 2, "attribute");
    TRY(jinja_take_truth(run, arguments, 0, "reverse", &how[1]));
    TRY(jinja_take_truth(run, arguments, 1, "case_sensitive", &how[0]));
    TRY(jinja_items(run, self, &items));
    TRY(new_pairs(run, items.array->len, &pairs));
    for (uint32_t i = 0; i < items.array->len; i++) {
        pairs[i] = (struct jinja_pair){items.array->at[i], items.array->at[i]};
        if (path && path->type != JINJA_NULL)
            TRY(jinja_path(run, pairs[i].value, *path, &pairs[i].key));
    }
    return in_order(run, pairs, items.array->len, how, out);
}

static enum sk_code extreme(struct jinja_run *run, struct jinja_value self, int sign,
                            struct jinja_value *out) {
    TRY(want_array(sign > 0 ? "max" : "min", self));
    *out = (struct jinja_value){0};
    for (uint32_t i = 0; i < self.array->len; i++) {
        int order = sign;
        if (i) TRY(jinja_compare(run, self.array->at[i], *out, false, &order));
        if (order == sign) *out = self.array->at[i];
    }
    return jinja_steps(run, self.array->len);
}

BUILTIN(do_min) {
    (void)arguments;
    return extreme(run, self, -1, out);
}
BUILTIN(do_max) {
    (void)arguments;
    return extreme(run, self, 1, out);
}

BUILTIN(do_unique) {
    struct jinja_value items;
    (void)arguments;
    TRY(jinja_items(run, self, &items));
    TRY(jinja_array_new(run, 0, out));
    for (uint32_t i = 0; i < items.array->len; i++) {
        uint32_t j = 0;
        while (j < out->array->len && !jinja_same(run, out->array->at[j], items.array->at[i])) j++;
        TRY(jinja_steps(run, j));
        if (j == out->array->len) TRY(jinja_array_add(run, out->array, items.array->at[i]));
    }
    return SK_OK;
}

BUILTIN(do_batch) {
    int64_t size = 0;
    struct jinja_value row = {0};
    const struct jinja_value *fill = jinja_argument(run, arguments, 1, "fill_with");
    TRY(want_array("batch", self));
    TRY(jinja_take_int(run, arguments, 0, "linecount", &size));
    if (size < 1) return FAIL(SK_UNSUPPORTED, "batch of less than one");
    TRY(jinja_array_new(run, 0, out));
    for (uint32_t i = 0; i < self.array->len; i++) {
        if (i % size == 0) {
            TRY(jinja_array_new(run, 0, &row));
            TRY(jinja_array_add(run, out->array, row));
        }
        TRY(jinja_array_add(run, row.array, self.array->at[i]));
    }
    while (row.array && fill && row.array->len < size) TRY(jinja_array_add(run, row.array, *fill));
    return SK_OK;
}

// Arguments without the first `skip` plain ones: those of the test or filter that a filter names.
static struct jinja_arguments rest(const struct jinja_arguments *arguments, uint32_t skip) {
    struct jinja_arguments left = *arguments;
    if (skip > left.plain.len) skip = left.plain.len;
    if (skip) left.plain.at += skip;
    left.plain.len -= skip;
    return left;
}

// What filters that choose or map see: none has no items for them, as in Jinja2.
static enum sk_code items_or_none(struct jinja_run *run, struct jinja_value self,
                                  struct jinja_value *out) {
    if (self.type == JINJA_NULL) self.type = JINJA_UNDEFINED;
    return jinja_items(run, self, out);
}

// select, reject, selectattr, rejectattr: items whose test (or truth) is as wanted.
static enum sk_code choose(struct jinja_run *run, struct jinja_value self,
                           const struct jinja_arguments *arguments, const bool how[2],
                           struct jinja_value *out) {
    bool by_attribute = how[0], wanted = how[1];
    struct jinja_value items;
    TRY(items_or_none(run, self, &items));
    TRY(jinja_array_new(run, 0, out));
    const struct jinja_value *path = jinja_argument(run, arguments, 0, "attribute");
    if (by_attribute && !path) return FAIL(SK_UNSUPPORTED, "an attribute is needed");
    struct jinja_span test = {0};
    TRY(jinja_take_span(run, arguments, by_attribute, "test", &test));
    struct jinja_arguments left = rest(arguments, by_attribute + 1u);
    for (uint32_t i = 0; i < items.array->len; i++) {
        struct jinja_value item = items.array->at[i];
        if (by_attribute) TRY(jinja_path(run, item, *path, &item));
        bool is = jinja_is_true(item);
        if (test.len) TRY(jinja_test(run, jinja_view(run, test), item, &left, &is));
        if (is == wanted) TRY(jinja_array_add(run, out->array, items.array->at[i]));
        TRY(jinja_steps(run, 1));
    }
    return SK_OK;
}

BUILTIN(do_select) { return choose(run, self, arguments, (bool[]){false, true}, out); }
BUILTIN(do_reject) { return choose(run, self, arguments, (bool[]){false, false}, out); }
BUILTIN(do_selectattr) { return choose(run, self, arguments, (bool[]){true, true}, out); }
BUILTIN(do_rejectattr) { return choose(run, self, arguments, (bool[]){true, false}, out); }

BUILTIN(do_map) {
    struct jinja_value items;
    const struct jinja_value *path = jinja_argument(run, arguments, UINT32_MAX, "attribute");
    const struct jinja_value *otherwise = jinja_argument(run, arguments, UINT32_MAX, "default");
    struct jinja_span name = {0};
    TRY(items_or_none(run, self, &items));
    TRY(jinja_take_span(run, arguments, 0, "", &name));
    jinja_builtin *filter = path ? NULL : jinja_filter_find(jinja_view(run, name));
    if (!path && !filter) return FAIL(SK_UNSUPPORTED, "map without an attribute or a known filter");
    struct jinja_arguments left = rest(arguments, 1);
    TRY(jinja_array_new(run, items.array->len, out));
    struct jinja_array *array = out->array; // a filter named map may write *out
    for (uint32_t i = 0; i < items.array->len; i++) {
        struct jinja_value item = items.array->at[i];
        TRY(jinja_enter(run));
        if (path)
            TRY(jinja_path(run, item, *path, &item));
        else
            TRY(filter(run, item, &left, &item));
        run->depth--;
        if (path && otherwise && item.type == JINJA_UNDEFINED) item = *otherwise;
        TRY(jinja_array_add(run, array, item));
    }
    return SK_OK;
}

jinja_builtin *jinja_filter_find(struct view name) {
    static const struct {
        const char *name;
        jinja_builtin *filter;
    } table[] = {
        {"abs", do_abs},
        {"batch", do_batch},
        {"capitalize", jinja_do_capitalize},
        {"count", jinja_do_length},
        {"d", do_default},
        {"default", do_default},
        {"dictsort", jinja_do_dictsort},
        {"e", jinja_do_escape},
        {"escape", jinja_do_escape},
        {"first", do_first},
        {"float", do_float},
        {"indent", jinja_do_indent},
        {"int", do_int},
        {"items", jinja_do_items},
        {"join", jinja_do_join},
        {"last", do_last},
        {"length", jinja_do_length},
        {"list", do_list},
        {"lower", jinja_do_lower},
        {"map", do_map},
        {"max", do_max},
        {"min", do_min},
        {"reject", do_reject},
        {"rejectattr", do_rejectattr},
        {"replace", jinja_do_replace},
        {"reverse", do_reverse},
        {"round", do_round},
        {"safe", do_same},
        {"select", do_select},
        {"selectattr", do_selectattr},
        {"sort", do_sort},
        {"string", do_string},
        {"sum", do_sum},
        {"title", jinja_do_title},
        {"tojson", do_tojson},
        {"trim", jinja_do_trim},
        {"unique", do_unique},
        {"upper", jinja_do_upper},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (view_is(name, table[i].name)) return table[i].filter;
    return NULL;
}
