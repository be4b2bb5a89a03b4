#include "cli/labelled.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

struct reader {
    struct arena *arena;
    struct corpus *out;
    uint32_t line;                   // from 1: of the file, or the number of the text
    struct label labels[LABELS_MAX]; // of the text being read
    uint32_t len;
};

static enum sk_code label_add(struct reader *r, struct label label) {
    if (r->len == LABELS_MAX)
        return FAIL(SK_LIMIT, "line %u: more than %d labels in one text", r->line, LABELS_MAX);
    uint32_t i = r->len++;
    for (; i > 0 && r->labels[i - 1].at > label.at; i--)
        r->labels[i] = r->labels[i - 1];
    r->labels[i] = label;
    return SK_OK;
}

static bool boundary(struct view text, int64_t at) {
    return at >= 0 && (size_t)at <= text.len &&
           ((size_t)at == text.len || ((uint8_t)text.at[at] & 0xc0) != 0x80);
}

static enum sk_code text_add(struct reader *r, struct view text, struct view origin) {
    if (text.len > SCAN_TEXT_MAX)
        return FAIL(SK_LIMIT, "line %u: a text over %d bytes", r->line, SCAN_TEXT_MAX);
    struct label *labels = arena_take(r->arena, r->len ? r->len : 1, sizeof *labels);
    if (!labels) return SK_LIMIT;
    memcpy(labels, r->labels, r->len * sizeof *labels);
    for (uint32_t i = 0; i < r->len; i++) {
        int64_t at = labels[i].at, end = at + labels[i].len;
        if (labels[i].len == 0 || !boundary(text, at) || !boundary(text, end))
            return FAIL(SK_INPUT,
                        "line %u: label %lld to %lld is not of whole characters of the "
                        "text (%zu bytes)",
                        r->line, (long long)at, (long long)end, text.len);
    }
    r->out->texts[r->out->len++] = (struct labelled){text, origin, labels, r->len};
    r->len = 0;
    return SK_OK;
}

// ---- JSON ----

// The byte where character `index` begins.
static int64_t byte_of(struct view text, int64_t index) {
    size_t at = 0;
    for (; index > 0 && at < text.len; index--) {
        uint32_t c;
        at += utf8_take(view_from(text, at), &c);
    }
    return index == 0 ? (int64_t)at : -1;
}

static int detector_named(struct view name) {
    for (unsigned i = 0; i < DETECTOR_COUNT; i++)
        if (view_is(name, detector_name((enum detector)i))) return (int)i;
    return -1;
}

static int detector_of_presidio(struct view name) {
    static const struct {
        const char *name;
        enum detector detector;
    } names[] = {{"PERSON", DETECTOR_PERSON},    {"PHONE_NUMBER", DETECTOR_PHONE_INTL},
                 {"CREDIT_CARD", DETECTOR_CARD}, {"EMAIL_ADDRESS", DETECTOR_EMAIL},
                 {"IBAN_CODE", DETECTOR_IBAN},   {"US_SSN", DETECTOR_US_SSN},
                 {"IP_ADDRESS", DETECTOR_IP}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (view_is(name, names[i].name)) return (int)names[i].detector;
    return -1;
}

// Where a span of a format stands, and what says it.
struct shape {
    const char *format, *text, *spans, *label;
    const char *start, *end; // NULL: an array `span` of both
    bool characters;         // offsets count characters, not bytes
    int (*detector)(struct view name);
};

static int detector_of_stockmark(struct view name) {
    return view_is(name, "人名") ? (int)DETECTOR_PERSON : -1;
}

static const struct shape shape_ours = {"JSON lines", "text", "spans", "label",
                                        "start",      "end",  false,   detector_named};
static const struct shape shape_presidio = {
    "presidio-research", "full_text",    "spans", "entity_type",
    "start_position",    "end_position", true,    detector_of_presidio};
static const struct shape shape_stockmark = {
    "stockmark NER", "text", "entities", "type", NULL, NULL, true, detector_of_stockmark};

static enum sk_code wrong(const struct reader *r, const char *what) {
    return FAIL(SK_INPUT, "line %u: %s", r->line, what);
}

static struct view text_of(const struct json_node *object, const char *name) {
    const struct json_node *node = json_find(object, name);
    return json_is(node, JSON_STRING) ? json_view(node) : (struct view){NULL, 0};
}

static enum sk_code span_ends(const struct reader *r, const struct shape *shape, struct view text,
                              const struct json_node *span, struct label *out) {
    const struct json_node *both = json_find(span, "span");
    bool pair = json_is(both, JSON_ARRAY) && both->len == 2;
    const struct json_node *from = shape->start ? json_find(span, shape->start)
                                   : pair       ? json_first(both)
                                                : NULL;
    const struct json_node *to = shape->end ? json_find(span, shape->end)
                                 : pair     ? json_next(from)
                                            : NULL;
    int64_t at, end;
    if (!from || !to || !json_i64(from, &at) || !json_i64(to, &end) || at < 0 || end < at)
        return wrong(r, "a span needs a start, and an end behind it");
    if (shape->characters) at = byte_of(text, at), end = byte_of(text, end);
    if (at < 0 || end < 0 || (size_t)end > text.len) return wrong(r, "a span outside its text");
    out->at = (uint32_t)at;
    out->len = (uint32_t)(end - at);
    return SK_OK;
}

static enum sk_code spans_read(struct reader *r, const struct shape *shape, struct view text,
                               const struct json_node *spans) {
    const struct json_node *span = json_first(spans);
    for (uint32_t i = 0; i < spans->len; i++, span = json_next(span)) {
        struct label label = {.form = text_of(span, "form")};
        int detector = shape->detector(text_of(span, shape->label));
        if (detector < 0 && shape == &shape_ours) return wrong(r, "a label that is no detector's");
        if (detector < 0) continue;
        TRY(span_ends(r, shape, text, span, &label));
        label.detector = (uint8_t)detector;
        TRY(label_add(r, label));
    }
    return SK_OK;
}

// What looks like something and is not: only of our own format.
static enum sk_code negatives_read(struct reader *r, struct view text,
                                   const struct json_node *spans) {
    const struct json_node *span = json_first(spans);
    for (uint32_t i = 0; i < spans->len; i++, span = json_next(span)) {
        struct label label = {.detector = DETECTOR_COUNT, .form = text_of(span, "kind")};
        TRY(span_ends(r, &shape_ours, text, span, &label));
        TRY(label_add(r, label));
    }
    return SK_OK;
}

static enum sk_code object_read(struct reader *r, const struct shape *shape,
                                const struct json_node *object) {
    struct view text = text_of(object, shape->text);
    const struct json_node *spans = json_find(object, shape->spans);
    const struct json_node *negatives = json_find(object, "negatives");
    if (!text.at || !json_is(spans, JSON_ARRAY)) return wrong(r, "not a text with its spans");
    TRY(spans_read(r, shape, text, spans));
    if (shape == &shape_ours && json_is(negatives, JSON_ARRAY))
        TRY(negatives_read(r, text, negatives));
    return text_add(r, text, text_of(object, "template"));
}

static enum sk_code array_read(struct reader *r, struct view file) {
    const struct json_node *root;
    TRY(json_parse((char *)(uintptr_t)file.at, file.len, r->arena, &root));
    const struct json_node *node = json_first(root);
    bool presidio = root->len && json_find(node, "full_text");
    const struct shape *shape = presidio ? &shape_presidio : &shape_stockmark;
    r->out->format = shape->format;
    r->out->phones_alike = presidio;
    const char *names[] = {"person", "phone", "card", "email", "iban", "us.ssn", "ip"};
    for (size_t i = 0; i < (presidio ? sizeof names / sizeof *names : 1); i++)
        must(detector_set_add(&r->out->labels, view_of(names[i])));
    for (uint32_t i = 0; i < root->len; i++, node = json_next(node)) {
        r->line = i + 1;
        TRY(object_read(r, shape, node));
    }
    return SK_OK;
}

// ---- lines ----

static bool line_take(struct view *rest, struct view *line) {
    if (!view_next(rest, '\n', line)) return false;
    if (line->len && line->at[line->len - 1] == '\r') line->len--;
    return true;
}

static enum sk_code lines_read(struct reader *r, struct view rest) {
    struct view line;
    r->out->format = shape_ours.format;
    r->out->labels.bits = (UINT64_C(1) << DETECTOR_COUNT) - 1;
    while (line_take(&rest, &line)) {
        const struct json_node *root;
        r->line++;
        if (line.len == 0) continue;
        if (json_parse((char *)(uintptr_t)line.at, line.len, r->arena, &root) != SK_OK)
            return fail_within(SK_INPUT, "line %u", r->line);
        TRY(object_read(r, &shape_ours, root));
    }
    return SK_OK;
}

// A person under way in a list of words.
struct run {
    size_t at, end;
    bool open;
};

static enum sk_code run_close(struct reader *r, struct run *run) {
    bool open = run->open;
    run->open = false;
    struct label label = {.at = (uint32_t)run->at,
                          .len = (uint32_t)(run->end - run->at),
                          .detector = DETECTOR_PERSON};
    return open ? label_add(r, label) : SK_OK;
}

// The word at [at, end) with its tag: "B-PERSON", "I-PERSON" (L, U as well), else outside.
static enum sk_code run_word(struct reader *r, struct run *run, struct view tag, size_t at,
                             size_t end) {
    bool person = tag.len > 2 && view_is(view_from(tag, 2), "PERSON");
    bool begins = person && (tag.at[0] == 'B' || tag.at[0] == 'U' || !run->open);
    if (!person || begins) TRY(run_close(r, run));
    if (begins) *run = (struct run){.at = at, .open = true};
    if (person) run->end = end;
    return SK_OK;
}

// Field `index` of a line of tabs; empty when there is none.
static struct view field(struct view line, int index) {
    for (;; index--) {
        const char *tab = line.len ? memchr(line.at, '\t', line.len) : NULL;
        size_t len = tab ? (size_t)(tab - line.at) : line.len;
        if (index == 0) return (struct view){line.at, len};
        line = view_from(line, len + 1);
    }
}

static struct view tag_of(struct view misc) {
    const char *at = misc.len ? memmem(misc.at, misc.len, "NE=", 3) : NULL;
    if (!at) return (struct view){NULL, 0};
    struct view tag = view_from(misc, (size_t)(at - misc.at) + 3);
    const char *bar = memchr(tag.at, '|', tag.len);
    if (bar) tag.len = (size_t)(bar - tag.at);
    return tag;
}

static enum sk_code conllu_read(struct reader *r, struct view rest) {
    struct view line, text = {NULL, 0};
    struct run run = {0};
    size_t at = 0;
    r->out->format = "CoNLL-U";
    r->out->labels.bits = UINT64_C(1) << DETECTOR_PERSON;
    for (bool more = true; more;) {
        more = line_take(&rest, &line);
        r->line++;
        if (!more || line.len == 0) {
            TRY(run_close(r, &run));
            if (text.at) TRY(text_add(r, text, (struct view){NULL, 0}));
            text = (struct view){NULL, 0};
            at = 0;
        } else if (view_starts(line, VIEW("# text = "))) {
            text = view_from(line, 9);
        } else if (line.at[0] != '#') {
            struct view word = field(line, 1);
            struct view left = view_from(text, at);
            const char *is =
                left.len && word.len ? memmem(left.at, left.len, word.at, word.len) : NULL;
            if (!is) return wrong(r, "a word that does not stand in its text");
            size_t from = (size_t)(is - text.at);
            at = from + word.len;
            TRY(run_word(r, &run, tag_of(field(line, 9)), from, at));
        }
    }
    return SK_OK;
}

static bool latin_end(const struct buf *text, struct view word) {
    return text->len && word.len && (uint8_t)text->at[text->len - 1] < 0x80 &&
           (uint8_t)word.at[0] < 0x80 && word.at[0] != '.' && word.at[0] != ',';
}

// Words without a text: joined, with a space between two that are ASCII.
static enum sk_code bio_read(struct reader *r, struct view rest) {
    struct view line;
    struct run run = {0};
    char storage[1 << 14];
    struct buf text = buf_over(storage, sizeof storage);
    r->out->format = "words with BIO tags";
    r->out->labels.bits = UINT64_C(1) << DETECTOR_PERSON;
    for (bool more = true; more;) {
        more = line_take(&rest, &line);
        r->line++;
        struct view word = more ? field(line, 0) : (struct view){NULL, 0};
        if (word.len == 0) {
            TRY(run_close(r, &run));
            TRY(buf_check(&text, "a text of words"));
            const char *copy = arena_text(r->arena, buf_view(&text));
            if (!copy) return SK_LIMIT;
            if (text.len) TRY(text_add(r, (struct view){copy, text.len}, (struct view){NULL, 0}));
            buf_reset(&text);
            continue;
        }
        if (latin_end(&text, word)) buf_put_char(&text, ' ');
        size_t from = text.len;
        buf_put_view(&text, word);
        TRY(run_word(r, &run, field(line, 1), from, text.len));
    }
    return SK_OK;
}

// ---- whole files ----

enum sk_code corpus_read(struct buf *file, struct arena *arena, struct corpus *out) {
    struct view text = buf_view(file);
    size_t lines = 1;
    if (view_starts(text, VIEW("\xef\xbb\xbf"))) text = view_from(text, 3);
    if (!utf8_check(text)) return FAIL(SK_INPUT, "not UTF-8");
    for (size_t i = 0; i < text.len; i++)
        lines += text.at[i] == '\n' || text.at[i] == '{';
    struct reader *r = arena_take(arena, 1, sizeof *r);
    *out = (struct corpus){.texts = arena_take(arena, lines, sizeof *out->texts)};
    if (!r || !out->texts) return SK_LIMIT;
    r->arena = arena;
    r->out = out;
    size_t at = 0;
    while (at < text.len && (uint8_t)text.at[at] <= ' ')
        at++;
    char first = at < text.len ? text.at[at] : 0;
    if (first == '[') return array_read(r, text);
    if (first == '{') return lines_read(r, text);
    if (first == '#') return conllu_read(r, text);
    if (memchr(text.at, '\t', text.len)) return bio_read(r, text);
    return FAIL(SK_INPUT, "not a labelled text: JSON lines, a JSON array, CoNLL-U or BIO");
}
