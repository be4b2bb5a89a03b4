// What filters and methods do with strings. Each byte of a result keeps the mark of its source.
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "engine/jinja_strings.h"

enum { BYTES_PER_STEP = 32 };

enum sk_code jinja_want_chars(struct jinja_value value) {
    if (value.type == JINJA_CHARS) return SK_OK;
    return FAIL(SK_UNSUPPORTED, "%s where a string is needed", jinja_type_name(value));
}

// A filter of strings takes undefined for an empty one, as Jinja does.
static enum sk_code as_chars(struct jinja_value *self) {
    if (self->type == JINJA_UNDEFINED) *self = jinja_string((struct jinja_span){0, 0});
    return jinja_want_chars(*self);
}

static struct jinja_value part(struct jinja_span of, size_t from, size_t to) {
    return jinja_string((struct jinja_span){of.at + (uint32_t)from, (uint32_t)(to - from)});
}

// Length of the character at byte i of a span: strings are UTF-8.
static uint32_t char_len(const struct jinja_run *run, struct jinja_span span, uint32_t i,
                         uint32_t *c) {
    size_t n = utf8_take(view_from(jinja_view(run, span), i), c);
    must(n > 0);
    return (uint32_t)n;
}

// ---- letters ----

enum letters { LETTERS_UPPER, LETTERS_LOWER, LETTERS_TITLE, LETTERS_FIRST };

static bool is_word(uint32_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static uint32_t letter(enum letters how, uint32_t before, bool first, uint32_t c) {
    switch (how) {
    case LETTERS_UPPER: return (uint32_t)utf8proc_toupper((utf8proc_int32_t)c);
    case LETTERS_LOWER: return (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
    case LETTERS_TITLE:
        return is_word(c) && !is_word(before) ? (uint32_t)utf8proc_toupper((utf8proc_int32_t)c) : c;
    case LETTERS_FIRST: return first ? (uint32_t)utf8proc_toupper((utf8proc_int32_t)c) : c;
    }
    return c;
}

static enum sk_code change(struct jinja_run *run, struct jinja_value self, enum letters how,
                           struct jinja_value *out) {
    TRY(as_chars(&self));
    uint32_t from = run->heap.len, before = 0, c;
    for (uint32_t i = 0, n; i < self.span.len; i += n) {
        n = char_len(run, self.span, i, &c);
        char bytes[4];
        size_t len = utf8_put(letter(how, before, i == 0, c), bytes);
        jinja_text_fill(&run->heap, (struct view){bytes, len}, run->heap.marks[self.span.at + i]);
        before = c;
    }
    return jinja_built(run, from, out);
}

enum sk_code jinja_do_upper(struct jinja_run *run, struct jinja_value self,
                            const struct jinja_arguments *arguments, struct jinja_value *out) {
    (void)arguments;
    return change(run, self, LETTERS_UPPER, out);
}

enum sk_code jinja_do_lower(struct jinja_run *run, struct jinja_value self,
                            const struct jinja_arguments *arguments, struct jinja_value *out) {
    (void)arguments;
    return change(run, self, LETTERS_LOWER, out);
}

enum sk_code jinja_do_title(struct jinja_run *run, struct jinja_value self,
                            const struct jinja_arguments *arguments, struct jinja_value *out) {
    (void)arguments;
    return change(run, self, LETTERS_TITLE, out);
}

enum sk_code jinja_do_capitalize(struct jinja_run *run, struct jinja_value self,
                                 const struct jinja_arguments *arguments,
                                 struct jinja_value *out) {
    (void)arguments;
    return change(run, self, LETTERS_FIRST, out);
}

// ---- ends ----

// Bytes of a character to strip at the beginning or end: white space, or one of `set` (when given).
static size_t strip_at(struct view text, bool end, const struct view *set) {
    if (!set) return end ? jinja_space_last(text) : jinja_space_first(text);
    size_t n = 1;
    if (text.len == 0 || set->len == 0) return 0;
    if (end)
        while (n < text.len && (text.at[text.len - n] & 0xc0) == 0x80) n++;
    else
        while (n < text.len && (text.at[n] & 0xc0) == 0x80) n++;
    return memmem(set->at, set->len, end ? text.at + text.len - n : text.at, n) ? n : 0;
}

static enum sk_code strip(struct jinja_run *run, struct jinja_value self,
                          const struct jinja_arguments *arguments, unsigned ends,
                          struct jinja_value *out) {
    TRY(as_chars(&self));
    struct jinja_span chars = {0};
    const struct jinja_value *given = jinja_argument(run, arguments, 0, "chars");
    TRY(jinja_take_span(run, arguments, 0, "chars", &chars));
    struct view set = jinja_view(run, chars), text = jinja_chars(run, self);
    const struct view *only = given && given->type == JINJA_CHARS ? &set : NULL;
    struct view all = text;
    size_t n;
    for (; (ends & 1) && (n = strip_at(text, false, only)) > 0; text = view_from(text, n))
        TRY(jinja_steps(run, set.len / BYTES_PER_STEP));
    for (; (ends & 2) && (n = strip_at(text, true, only)) > 0; text.len -= n)
        TRY(jinja_steps(run, set.len / BYTES_PER_STEP));
    TRY(jinja_steps(run, 1 + (all.len - text.len) / BYTES_PER_STEP));
    size_t from = (size_t)(text.at - all.at);
    *out = part(self.span, from, from + text.len);
    return SK_OK;
}

enum sk_code jinja_do_trim(struct jinja_run *run, struct jinja_value self,
                           const struct jinja_arguments *arguments, struct jinja_value *out) {
    return strip(run, self, arguments, 3, out);
}

enum sk_code jinja_do_lstrip(struct jinja_run *run, struct jinja_value self,
                             const struct jinja_arguments *arguments, struct jinja_value *out) {
    return strip(run, self, arguments, 1, out);
}

enum sk_code jinja_do_rstrip(struct jinja_run *run, struct jinja_value self,
                             const struct jinja_arguments *arguments, struct jinja_value *out) {
    return strip(run, self, arguments, 2, out);
}

// ---- parts ----

static enum sk_code add_part(struct jinja_run *run, struct jinja_array *array,
                             struct jinja_span of, size_t from, size_t to) {
    return jinja_array_add(run, array, part(of, from, to));
}

static enum sk_code split_space(struct jinja_run *run, struct jinja_span span, int64_t most,
                                struct jinja_array *array) {
    struct view text = jinja_view(run, span);
    size_t i = 0, n;
    for (;;) {
        size_t before = i;
        while ((n = jinja_space_first(view_from(text, i))) > 0) i += n;
        TRY(jinja_steps(run, (i - before) / 8));
        if (i >= text.len) return SK_OK;
        size_t from = i;
        bool rest = most >= 0 && array->len >= most;
        while (i < text.len && (rest || jinja_space_first(view_from(text, i)) == 0)) i++;
        TRY(jinja_steps(run, 1 + (i - from) / 8));
        TRY(add_part(run, array, span, from, i));
    }
}

enum sk_code jinja_do_split(struct jinja_run *run, struct jinja_value self,
                            const struct jinja_arguments *arguments, struct jinja_value *out) {
    struct jinja_span by = {0};
    int64_t most = -1;
    TRY(as_chars(&self));
    const struct jinja_value *given = jinja_argument(run, arguments, 0, "sep");
    TRY(jinja_take_span(run, arguments, 0, "sep", &by));
    TRY(jinja_take_int(run, arguments, 1, "maxsplit", &most));
    TRY(jinja_array_new(run, 0, out));
    if (!given || given->type == JINJA_NULL) return split_space(run, self.span, most, out->array);
    if (by.len == 0) return FAIL(SK_UNSUPPORTED, "split by an empty string");
    struct view text = jinja_chars(run, self);
    size_t from = 0;
    const char *found = NULL;
    while ((most < 0 || out->array->len < most) &&
           (found = memmem(text.at + from, text.len - from, jinja_view(run, by).at, by.len))) {
        size_t at = (size_t)(found - text.at);
        TRY(jinja_steps(run, (at - from) / BYTES_PER_STEP));
        TRY(add_part(run, out->array, self.span, from, at));
        from = at + by.len;
    }
    return add_part(run, out->array, self.span, from, text.len);
}

// From the right: the parts of split, with the first ones put together again.
enum sk_code jinja_do_rsplit(struct jinja_run *run, struct jinja_value self,
                             const struct jinja_arguments *arguments, struct jinja_value *out) {
    int64_t most = -1;
    struct jinja_arguments all = *arguments;
    TRY(jinja_take_int(run, arguments, 1, "maxsplit", &most));
    if (all.plain.len > 1) all.plain.len = 1;
    if (all.plain.len == 0) return FAIL(SK_UNSUPPORTED, "rsplit without a separator");
    TRY(jinja_do_split(run, self, &all, out));
    struct jinja_array *array = out->array;
    if (most < 0 || array->len <= most + 1) return SK_OK;
    uint32_t joined = array->len - (uint32_t)most - 1; // how many go into the first
    struct jinja_span last = array->at[joined].span;
    array->at[joined] = part(self.span, 0, last.at + last.len - self.span.at);
    array->at += joined;
    array->len -= joined;
    array->room -= joined;
    return SK_OK;
}

enum sk_code jinja_do_splitlines(struct jinja_run *run, struct jinja_value self,
                                 const struct jinja_arguments *arguments,
                                 struct jinja_value *out) {
    bool keep = false;
    TRY(as_chars(&self));
    TRY(jinja_take_truth(run, arguments, 0, "keepends", &keep));
    TRY(jinja_array_new(run, 0, out));
    struct view text = jinja_chars(run, self);
    for (size_t from = 0, i = 0; from < text.len; from = i) {
        while (i < text.len && text.at[i] != '\n' && text.at[i] != '\r') i++;
        size_t end = i;
        bool both = i + 1 < text.len && text.at[i] == '\r' && text.at[i + 1] == '\n';
        if (i < text.len) i += both ? 2 : 1;
        TRY(jinja_steps(run, (i - from) / BYTES_PER_STEP));
        TRY(add_part(run, out->array, self.span, from, keep ? i : end));
    }
    return SK_OK;
}

// ---- replacing ----

enum sk_code jinja_do_replace(struct jinja_run *run, struct jinja_value self,
                              const struct jinja_arguments *arguments, struct jinja_value *out) {
    struct jinja_span old = {0}, new = {0};
    int64_t count = -1;
    TRY(as_chars(&self));
    const struct jinja_value *first = jinja_argument(run, arguments, 0, "old");
    const struct jinja_value *second = jinja_argument(run, arguments, 1, "new");
    if (!first || !second) return FAIL(SK_UNSUPPORTED, "replace needs two strings");
    TRY(jinja_want_chars(*first));
    TRY(jinja_want_chars(*second));
    TRY(jinja_take_span(run, arguments, 0, "old", &old));
    TRY(jinja_take_span(run, arguments, 1, "new", &new));
    TRY(jinja_take_int(run, arguments, 2, "count", &count));
    struct jinja_span span = self.span;
    uint32_t from = run->heap.len, i = 0, c;
    while (i <= span.len && count != 0) {
        struct view left = view_from(jinja_view(run, span), i);
        const char *found = memmem(left.at, left.len, jinja_view(run, old).at, old.len);
        if (!found) break;
        uint32_t before = (uint32_t)(found - left.at);
        jinja_put_span(run, &run->heap, (struct jinja_span){span.at + i, before});
        jinja_put_span(run, &run->heap, new);
        TRY(jinja_steps(run, 1));
        i += before + old.len;
        if (count > 0) count--;
        if (old.len > 0) continue;
        if (i == span.len) break;
        uint32_t n = char_len(run, span, i, &c); // an empty one is found before every character
        jinja_put_span(run, &run->heap, (struct jinja_span){span.at + i, n});
        i += n;
    }
    if (i < span.len)
        jinja_put_span(run, &run->heap, (struct jinja_span){span.at + i, span.len - i});
    return jinja_built(run, from, out);
}

enum sk_code jinja_do_indent(struct jinja_run *run, struct jinja_value self,
                             const struct jinja_arguments *arguments, struct jinja_value *out) {
    int64_t width = 4;
    bool first = false, blank = false;
    TRY(as_chars(&self));
    TRY(jinja_take_int(run, arguments, 0, "width", &width));
    TRY(jinja_take_truth(run, arguments, 1, "first", &first));
    TRY(jinja_take_truth(run, arguments, 2, "blank", &blank));
    uint32_t from = run->heap.len;
    for (uint32_t i = 0, n; i <= self.span.len; i += n) {
        struct view left = view_from(jinja_chars(run, self), i);
        const char *end = left.len ? memchr(left.at, '\n', left.len) : NULL;
        uint32_t line = (uint32_t)(end ? (size_t)(end - left.at) : left.len);
        n = line + 1;
        bool put = (i > 0 || first) && (line > 0 || blank);
        for (int64_t j = 0; put && j < width && !run->heap.over; j++)
            jinja_text_char(&run->heap, ' ', 0);
        struct jinja_span whole = {self.span.at + i, end ? n : line};
        jinja_put_span(run, &run->heap, whole);
        TRY(jinja_steps(run, 1));
    }
    return jinja_built(run, from, out);
}

enum sk_code jinja_do_escape(struct jinja_run *run, struct jinja_value self,
                             const struct jinja_arguments *arguments, struct jinja_value *out) {
    static const char special[] = "&<>'\"";
    static const char *const escaped[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    (void)arguments;
    TRY(as_chars(&self));
    uint32_t from = run->heap.len;
    for (uint32_t i = 0; i < self.span.len; i++) {
        char c = run->heap.at[self.span.at + i];
        uint8_t mark = run->heap.marks[self.span.at + i];
        const char *found = c ? strchr(special, c) : NULL;
        if (found)
            jinja_text_fill(&run->heap, view_of(escaped[found - special]), mark);
        else
            jinja_text_char(&run->heap, c, mark);
    }
    return jinja_built(run, from, out);
}

// ---- putting together ----

enum sk_code jinja_do_join(struct jinja_run *run, struct jinja_value self,
                           const struct jinja_arguments *arguments, struct jinja_value *out) {
    struct jinja_span by = {0};
    struct jinja_value items;
    const struct jinja_value *path = jinja_argument(run, arguments, 1, "attribute");
    const struct jinja_value *named = jinja_argument(run, arguments, 9, "separator");
    if (named && named->type == JINJA_CHARS) by = named->span;
    TRY(jinja_take_span(run, arguments, 0, "d", &by));
    TRY(jinja_items(run, self, &items));
    uint32_t from = run->heap.len;
    for (uint32_t i = 0; i < items.array->len; i++) {
        struct jinja_value item = items.array->at[i];
        if (path) TRY(jinja_path(run, item, *path, &item));
        if (i) jinja_put_span(run, &run->heap, by);
        TRY(jinja_put_plain(run, &run->heap, item));
        TRY(jinja_steps(run, 1));
    }
    return jinja_built(run, from, out);
}

// The argument that "{...}" names: by place, by name, or the next one.
static const struct jinja_value *placed(struct jinja_run *run, struct view field, uint32_t *next,
                                        const struct jinja_arguments *arguments) {
    if (field.len == 0) return jinja_argument(run, arguments, (*next)++, "");
    if (field.len == 1 && field.at[0] >= '0' && field.at[0] <= '9')
        return jinja_argument(run, arguments, (uint32_t)(field.at[0] - '0'), "");
    return jinja_map_find(run, &arguments->named, field);
}

// str.format without format specifications.
enum sk_code jinja_do_format(struct jinja_run *run, struct jinja_value self,
                             const struct jinja_arguments *arguments, struct jinja_value *out) {
    TRY(as_chars(&self));
    uint32_t from = run->heap.len, next = 0;
    for (uint32_t i = 0; i < self.span.len; i++) {
        struct view left = view_from(jinja_chars(run, self), i);
        char c = left.at[0];
        bool twice = left.len > 1 && left.at[1] == c;
        if ((c != '{' && c != '}') || twice) {
            jinja_put_span(run, &run->heap, (struct jinja_span){self.span.at + i, 1});
            i += twice && (c == '{' || c == '}');
            continue;
        }
        const char *end = c == '{' ? memchr(left.at, '}', left.len) : NULL;
        if (!end) return FAIL(SK_UNSUPPORTED, "format: a brace alone");
        struct view field = {left.at + 1, (size_t)(end - left.at) - 1};
        const struct jinja_value *value = placed(run, field, &next, arguments);
        if (!value) return FAIL(SK_UNSUPPORTED, "format: nothing for a field, or one with a form");
        TRY(jinja_put(run, &run->heap, *value));
        i += (uint32_t)(end - left.at);
        TRY(jinja_steps(run, 1));
    }
    return jinja_built(run, from, out);
}
