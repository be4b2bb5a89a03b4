// Rules of secrets from lines: NAME DETECTOR FORM TEXT BEFORE ALPHABET LENGTH ENTROPY [DOTS].
//   github-token  secret.token  prefix  ghp_|gho_  0     A-Za-z0-9  36     3
//   cloudflare    secret.cloud  near    cloudflare  0     A-Za-z0-9_-  40   3.5
// FORM is prefix, near, assign or block (secret.h). TEXT: one or more, "|" between two. BEFORE:
// characters of the alphabet that stand before a prefix, N or N-M. ALPHABET: characters and ranges.
// LENGTH: of what follows the prefix, or of the value, N or N-M. ENTROPY: bits a character. DOTS:
// at least so many in the value.
#include <stdlib.h>

#include "base/wire.h"
#include "border/secret.h"
#include "border/words_line.h"

struct row {
    struct view text;
    struct secret_rule rule;
    uint32_t number; // its order, so that sorting is stable
};
enum { TEXTS_MAX = RULES_MAX };

static bool number_take(struct view text, uint32_t max, uint32_t *out) {
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || *out > max) return false;
        *out = 10 * *out + (uint32_t)(text.at[i] - '0');
    }
    return text.len > 0 && *out <= max;
}

static bool range_take(struct view text, uint32_t max, uint32_t *low, uint32_t *high) {
    const char *dash = text.len ? memchr(text.at, '-', text.len) : NULL;
    struct view first = {text.at, dash ? (size_t)(dash - text.at) : text.len};
    struct view last = dash ? view_from(text, first.len + 1) : first;
    return number_take(first, max, low) && number_take(last, max, high) && *low <= *high;
}

// "3.5" is 35.
static bool tenths_take(struct view text, uint32_t *out) {
    const char *point = text.len ? memchr(text.at, '.', text.len) : NULL;
    struct view whole = {text.at, point ? (size_t)(point - text.at) : text.len};
    uint32_t tenth = 0;
    if (!number_take(whole, 8, out)) return false;
    if (point &&
        (text.len != whole.len + 2 || !number_take(view_from(text, whole.len + 1), 9, &tenth)))
        return false;
    *out = 10 * *out + tenth;
    return true;
}

static bool alphabet_take(struct view text, uint32_t alphabet[4]) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t low = (uint8_t)text.at[i], high = low;
        if (i + 2 < text.len && text.at[i + 1] == '-') high = (uint8_t)text.at[i += 2];
        if (low <= ' ' || high > '~' || low > high) return false;
        for (unsigned c = low; c <= high; c++)
            alphabet[c >> 5] |= 1u << (c & 31);
    }
    return text.len > 0;
}

static bool detector_take(struct view name, uint8_t *out) {
    for (unsigned d = 0; d < DETECTOR_COUNT; d++)
        if (view_is(name, detector_name((enum detector)d))) {
            *out = (uint8_t)d;
            return true;
        }
    return false;
}

static bool form_take(struct view text, uint8_t *out) {
    static const char *const forms[] = {NULL, "prefix", "near", "assign", "block"};
    for (uint8_t form = FORM_PREFIX; form <= FORM_BLOCK; form++)
        if (view_is(text, forms[form])) {
            *out = form;
            return true;
        }
    return false;
}

static enum sk_code rule_take(const struct line *line, struct secret_rule *out) {
    uint32_t before_min, before_max, min, max, entropy, dots = 0;
    const struct view *f = line->fields;
    *out = (struct secret_rule){0};
    if (line->fields_len < 8) return FAIL(SK_INPUT, "8 or 9 fields, with tabs between them");
    if (!detector_take(f[1], &out->detector)) return FAIL(SK_INPUT, "no such detector");
    if (!form_take(f[2], &out->form)) return FAIL(SK_INPUT, "prefix, near, assign or block");
    if (!range_take(f[4], 64, &before_min, &before_max))
        return FAIL(SK_INPUT, "BEFORE is N or N-M, at most 64");
    if (!alphabet_take(f[5], out->alphabet))
        return FAIL(SK_INPUT, "ALPHABET is ASCII characters and ranges: A-Za-z0-9_-");
    if (!range_take(f[6], SECRET_MAX, &min, &max))
        return FAIL(SK_INPUT, "LENGTH is N or N-M, at most %d", SECRET_MAX);
    if (!tenths_take(f[7], &entropy)) return FAIL(SK_INPUT, "ENTROPY is 0 to 8, as 3.5");
    if (line->fields_len == 9 && !number_take(f[8], 16, &dots))
        return FAIL(SK_INPUT, "DOTS is a number, at most 16");
    out->before_min = (uint8_t)before_min;
    out->before_max = (uint8_t)before_max;
    out->min = (uint16_t)min;
    out->max = (uint16_t)max;
    out->entropy = (uint8_t)entropy;
    out->parts = (uint8_t)dots;
    return SK_OK;
}

// Texts values begin with before names; each ascending.
static int by_text(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    bool named_x = x->rule.form == FORM_NEAR || x->rule.form == FORM_ASSIGN;
    bool named_y = y->rule.form == FORM_NEAR || y->rule.form == FORM_ASSIGN;
    if (named_x != named_y) return named_x ? 1 : -1;
    size_t len = x->text.len < y->text.len ? x->text.len : y->text.len;
    int order = memcmp(x->text.at, y->text.at, len);
    if (order) return order;
    if (x->text.len != y->text.len) return x->text.len < y->text.len ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static enum sk_code texts_take(const struct line *line, struct arena *arena, struct row *rows,
                               uint32_t *len) {
    struct secret_rule rule;
    TRY(rule_take(line, &rule));
    bool named = rule.form == FORM_NEAR || rule.form == FORM_ASSIGN;
    struct view rest = line->fields[3];
    for (bool more = true; more;) {
        const char *bar = rest.len ? memchr(rest.at, '|', rest.len) : NULL;
        struct view text = {rest.at, bar ? (size_t)(bar - rest.at) : rest.len};
        if (*len == TEXTS_MAX) return FAIL(SK_LIMIT, "more than %d texts", TEXTS_MAX);
        struct row *row = &rows[*len];
        *row = (struct row){.text = text, .rule = rule, .number = (*len)++};
        if (named) TRY(line_word(text, true, arena, &row->text));
        rest = view_from(rest, text.len + 1);
        more = bar != NULL;
    }
    return SK_OK;
}

static void rule_put(const struct secret_rule *rule, bool more, struct buf *out) {
    wire_put_u8(out, rule->detector);
    wire_put_u8(out, rule->form);
    wire_put_u8(out, rule->entropy);
    wire_put_u8(out, more);
    wire_put_u8(out, rule->before_min);
    wire_put_u8(out, rule->before_max);
    wire_put_u8(out, rule->parts);
    wire_put_u8(out, 0);
    wire_put_u16(out, rule->min);
    wire_put_u16(out, rule->max);
    for (int i = 0; i < 4; i++)
        wire_put_u32(out, rule->alphabet[i]);
}

static bool named(const struct row *row) {
    return row->rule.form == FORM_NEAR || row->rule.form == FORM_ASSIGN;
}

// The texts of rows [from, end), each with the first row that has it.
static enum sk_code set_put(const struct row *rows, uint32_t from, uint32_t end,
                            struct arena *arena, struct buf *out) {
    uint32_t len = 0;
    struct words_entry *entries = arena_take_raw(arena, end - from + 1, sizeof *entries);
    if (!entries) return SK_LIMIT;
    for (uint32_t i = from; i < end; i++)
        if (i == from || !view_same(rows[i].text, rows[i - 1].text))
            entries[len++] = (struct words_entry){rows[i].text, {1, (uint16_t)i}};
    return words_put(entries, len, arena, out);
}

enum sk_code secret_put(struct view lines, struct arena *arena, struct buf *out) {
    struct line line;
    uint32_t number = 0, len = 0, begins = 0;
    struct row *rows = arena_take_raw(arena, TEXTS_MAX, sizeof *rows);
    if (!rows) return SK_LIMIT;
    while (line_take(&lines, &number, &line)) {
        enum sk_code code = texts_take(&line, arena, rows, &len);
        if (code != SK_OK) return fail_within(code, "line %u", line.number);
    }
    if (len) qsort(rows, len, sizeof *rows, by_text);
    while (begins < len && !named(&rows[begins]))
        begins++;
    wire_put_u32(out, len);
    for (uint32_t i = 0; i < len; i++) {
        bool more = i + 1 < len && i + 1 != begins && view_same(rows[i].text, rows[i + 1].text);
        rule_put(&rows[i].rule, more, out);
    }
    TRY(set_put(rows, 0, begins, arena, out));
    return set_put(rows, begins, len, arena, out);
}
