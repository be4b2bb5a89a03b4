#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "train/data_parts.h"

enum {
    SEEN_FIRST = 1 << 16,
    SEEN_MAX = 1 << 26, // slots, at most 3/4 of them used
    JSON_ARENA = 1 << 28,
    LINE_LEAST = 16, // bytes: shorter lines are alike in good texts too
};

// ---- what stood before ----

uint64_t data_mark_of(struct view text) {
    uint8_t digest[HASH_LEN];
    uint64_t mark = 0;
    hash_of(text.at, text.len, digest);
    for (int i = 0; i < 8; i++) mark = mark << 8 | digest[i];
    return mark ? mark : 1; // 0 is a free slot
}

static uint64_t *slot_of(uint64_t *slots, size_t max, uint64_t mark) {
    size_t at = (size_t)(mark & (max - 1));
    while (slots[at] && slots[at] != mark) at = (at + 1) & (max - 1);
    return &slots[at];
}

static enum sk_code seen_grow(struct data_seen *seen) {
    size_t max = seen->max ? 2 * seen->max : SEEN_FIRST;
    if (max > SEEN_MAX)
        return FAIL(SK_LIMIT, "deduplicate: over %d different texts; train on fewer, or without it",
                    SEEN_MAX / 4 * 3);
    uint64_t *slots = calloc(max, sizeof *slots);
    if (!slots) return FAIL(SK_LIMIT, "memory: none left");
    for (size_t i = 0; i < seen->max; i++)
        if (seen->slots[i]) *slot_of(slots, max, seen->slots[i]) = seen->slots[i];
    free(seen->slots);
    seen->slots = slots;
    seen->max = max;
    return SK_OK;
}

// Whether the text stood before; from now on it did.
static enum sk_code seen_add(struct data_seen *seen, struct view text, bool *before) {
    if (seen->len >= seen->max / 4 * 3) TRY(seen_grow(seen));
    uint64_t mark = data_mark_of(text), *slot = slot_of(seen->slots, seen->max, mark);
    *before = *slot == mark;
    seen->len += !*before;
    *slot = mark;
    return SK_OK;
}

// ---- filters ----

static bool japanese(uint32_t c) {
    return (c >= 0x3005 && c <= 0x3007) || (c >= 0x3041 && c <= 0x30ff) ||
           (c >= 0x31f0 && c <= 0x31ff) || (c >= 0x3400 && c <= 0x9fff) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0xff66 && c <= 0xff9f) ||
           (c >= 0x20000 && c <= 0x3ffff);
}

static bool filters_pass(const struct recipe_filters *filters, struct view text) {
    uint64_t characters = 0, wanted = 0;
    while (text.len) {
        uint32_t c;
        size_t len = utf8_take(text, &c);
        must(len > 0);
        characters++;
        wanted += japanese(c);
        text = view_from(text, len);
    }
    return characters >= filters->characters_min && characters <= filters->characters_max &&
           (double)wanted >= (double)filters->japanese_min * (double)characters;
}

static bool line_dropped(const struct documents *d, struct view line) {
    for (uint32_t i = 0; i < d->drops_len; i++) {
        regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)line.len};
        if (regexec(&d->drops[i], line.at, 1, &range, REG_STARTEND) == 0) return true;
    }
    return false;
}

// Whether lines that stood before are more of the text than the recipe allows.
static enum sk_code lines_repeated(struct documents *d, struct view text, bool *repeated) {
    size_t all = text.len, before_len = 0;
    struct view line;
    while (view_next(&text, '\n', &line)) {
        bool before;
        if (line.len < LINE_LEAST) continue;
        TRY(seen_add(&d->lines_seen, line, &before));
        if (before) before_len += line.len;
    }
    *repeated = before_len > 0 && (double)before_len >= (double)d->deduplicate->lines * (double)all;
    return SK_OK;
}

static enum sk_code keep(struct documents *d, const struct document *document, bool *kept) {
    bool before = false;
    *kept = filters_pass(&d->source->filters, document->text);
    d->count->filtered += !*kept;
    if (!*kept) return SK_OK;
    if (d->deduplicate->documents) TRY(seen_add(&d->seen, document->text, &before));
    if (!before && d->deduplicate->lines > 0 && !document->messages_len)
        TRY(lines_repeated(d, document->text, &before));
    d->count->repeated += before;
    *kept = !before;
    return SK_OK;
}

// ---- documents ----

enum sk_code documents_open(struct documents *d) {
    TRY(buf_open(&d->text, DATA_DOCUMENT_MAX));
    TRY(buf_open(&d->copy, DATA_DOCUMENT_MAX));
    return arena_open(&d->arena, "document", JSON_ARENA);
}

static void drops_close(struct documents *d) {
    while (d->drops_len) regfree(&d->drops[--d->drops_len]);
}

void documents_close(struct documents *d) {
    drops_close(d);
    buf_close(&d->text);
    buf_close(&d->copy);
    arena_close(&d->arena);
    free(d->seen.slots);
    free(d->lines_seen.slots);
    *d = (struct documents){0};
}

enum sk_code documents_source(struct documents *d, const struct recipe_source *source,
                              struct data_source *count) {
    d->source = source;
    d->count = count;
    drops_close(d);
    for (uint32_t i = 0; i < source->filters.drop_lines.len; i++) {
        const char *text = source->filters.drop_lines.at[i].at; // the recipe's arena ends it
        int error = regcomp(&d->drops[i], text, REG_EXTENDED);
        must(error == 0); // recipe_read tried it
        d->drops_len++;
    }
    return SK_OK;
}

static bool ends_with(struct view text, const char *with) {
    size_t len = strlen(with);
    return text.len >= len && memcmp(text.at + text.len - len, with, len) == 0;
}

enum sk_code documents_file(struct documents *d, struct view path) {
    d->path = path.at;
    d->line = 0;
    d->json = d->source->format == RECIPE_CHAT || ends_with(path, ".jsonl") ||
              ends_with(path, ".jsonl.zst");
    return d->outside->open(d->outside->self, d->path);
}

__attribute__((format(printf, 2, 3))) static enum sk_code refuse(const struct documents *d,
                                                                 const char *cause, ...) {
    char text[256];
    va_list list;
    va_start(list, cause);
    vsnprintf(text, sizeof text, cause, list);
    va_end(list);
    return FAIL(SK_INPUT, "%s: line %llu: %s", d->path, (unsigned long long)d->line, text);
}

// A line without its break; *more is false at the end of the file.
static enum sk_code line_next(struct documents *d, struct view *line, bool *more) {
    TRY(d->outside->line(d->outside->self, line));
    *more = line->len > 0;
    d->line++;
    if (line->len && line->at[line->len - 1] == '\n') line->len--;
    if (line->len && line->at[line->len - 1] == '\r') line->len--;
    return SK_OK;
}

static enum sk_code add_line(struct documents *d, struct view line) {
    if (line_dropped(d, line)) return SK_OK;
    if (d->text.len) buf_put_char(&d->text, '\n');
    buf_put_view(&d->text, line);
    if (!d->text.over) return SK_OK;
    return refuse(d,
                  "the document is over %d bytes: part it by empty lines, or take documents: line",
                  DATA_DOCUMENT_MAX);
}

static enum sk_code text_next(struct documents *d, struct document *out) {
    bool more = true;
    buf_reset(&d->text);
    while (more) {
        struct view line;
        TRY(line_next(d, &line, &more));
        if (line.len) TRY(add_line(d, line));
        bool ends = d->source->documents == RECIPE_LINE ||
                    (d->source->documents == RECIPE_PARAGRAPH && !line.len);
        if (ends && d->text.len) break;
    }
    *out = (struct document){.text = buf_view(&d->text)};
    return SK_OK;
}

static enum sk_code message_read(struct documents *d, uint32_t at, const struct json_node *node,
                                 struct engine_message *out) {
    static const char *const roles[] = {"system", "user", "assistant"};
    const struct json_node *role = json_find(node, "role"), *content = json_find(node, "content");
    uint32_t i = 0;
    while (i < 3 && !json_is_text(role, roles[i])) i++;
    if (i == 3) return refuse(d, "messages[%u].role: system, user or assistant is wanted", at);
    if (at == 0 && i == 2) return refuse(d, "messages[0].role: a reply to nothing");
    if (!json_is(content, JSON_STRING))
        return refuse(d, "messages[%u].content: a text is wanted", at);
    *out = (struct engine_message){(enum engine_role)i, json_view(content)};
    buf_put_view(&d->text, out->text);
    buf_put_char(&d->text, '\n');
    return SK_OK;
}

static enum sk_code messages_read(struct documents *d, const struct json_node *root,
                                  struct document *out) {
    const struct json_node *list = json_find(root, "messages");
    if (!json_is(list, JSON_ARRAY) || !list->len)
        return refuse(d, "messages: a list of messages is wanted");
    if (list->len > ENGINE_MESSAGES_MAX)
        return refuse(d, "messages: %u > %d", list->len, ENGINE_MESSAGES_MAX);
    out->messages = arena_take(&d->arena, list->len, sizeof *out->messages);
    if (!out->messages) return SK_LIMIT;
    out->messages_len = list->len;
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node))
        TRY(message_read(d, i, node, &out->messages[i]));
    out->text = buf_view(&d->text);
    return SK_OK;
}

static enum sk_code field_read(struct documents *d, const struct json_node *root,
                               struct document *out) {
    const struct json_node *node = json_find(root, d->source->field.at);
    struct view line;
    if (!json_is(node, JSON_STRING))
        return refuse(d, "%s: a text is wanted", d->source->field.at);
    struct view text = json_view(node);
    while (view_next(&text, '\n', &line)) TRY(add_line(d, line));
    out->text = buf_view(&d->text);
    return SK_OK;
}

static enum sk_code json_next_line(struct documents *d, struct document *out) {
    struct view line;
    bool more = true;
    *out = (struct document){0};
    do {
        TRY(line_next(d, &line, &more));
        if (!more) return SK_OK;
    } while (!line.len);
    arena_reset(&d->arena);
    buf_reset(&d->text);
    buf_reset(&d->copy);
    buf_put_view(&d->copy, line);
    TRY(buf_check(&d->copy, "a line of JSON"));
    const struct json_node *root;
    if (json_parse(d->copy.at, d->copy.len, &d->arena, &root) != SK_OK) {
        enum sk_code code = SK_INPUT;
        return fail_within(code, "%s: line %llu", d->path, (unsigned long long)d->line);
    }
    TRY(d->source->format == RECIPE_CHAT ? messages_read(d, root, out) : field_read(d, root, out));
    if (!out->text.len) out->text = VIEW("\n"); // none that filters would keep
    return SK_OK;
}

enum sk_code documents_next(struct documents *d, struct document *out) {
    bool kept = false;
    while (!kept) {
        TRY(d->json ? json_next_line(d, out) : text_next(d, out));
        if (!out->text.len) return SK_OK;
        TRY(keep(d, out, &kept));
    }
    return SK_OK;
}
