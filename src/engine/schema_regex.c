#include "engine/schema_regex.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static const uint32_t NONE = UINT32_MAX, MANY = UINT32_MAX;

struct group {
    uint32_t start, head; // its first step; that of the alternative being read
    uint32_t ends;        // the ends of the alternatives read, chained by `a`
    uint32_t before;      // the step that leads here
};

struct parser {
    struct regex *r;
    struct view left;
    struct group groups[REGEX_DEPTH_MAX + 1];
    uint32_t depth, tail; // the step whose `a` is what comes next
    uint32_t atom;        // the first step of what a quantifier would repeat, or NONE
};

// ---- steps ----

static enum sk_code add_step(struct regex *r, struct regex_step step) {
    if (r->len == REGEX_STATES_MAX)
        return FAIL(SK_LIMIT, "more than %d steps, repeats written out", REGEX_STATES_MAX);
    r->steps[r->len++] = step;
    return SK_OK;
}

static struct regex_step go(uint32_t a, uint32_t b) {
    return (struct regex_step){.op = REGEX_GO, .a = a, .b = b};
}

// What was added from `from` on follows the sequence; its last step is the new tail.
static void follow(struct parser *p, uint32_t from) {
    p->r->steps[p->tail].a = from;
    p->tail = p->r->len - 1;
    p->atom = from;
}

static enum sk_code add_range(struct regex *r, uint32_t first, uint32_t last) {
    if (r->ranges_len == REGEX_RANGES_MAX)
        return FAIL(SK_LIMIT, "more than %d ranges of characters", REGEX_RANGES_MAX);
    r->ranges[r->ranges_len++] = (struct regex_range){first, last};
    return SK_OK;
}

static int range_order(const void *a, const void *b) {
    const struct regex_range *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

// The ranges from `from` on, sorted and merged; their complement when negated.
static enum sk_code settle_ranges(struct regex *r, uint32_t from, bool negated) {
    struct regex_range *ranges = r->ranges + from;
    uint32_t len = r->ranges_len - from, merged = 0;
    if (len) qsort(ranges, len, sizeof *ranges, range_order);
    for (uint32_t i = 0; i < len; i++) {
        struct regex_range *last = merged ? &ranges[merged - 1] : NULL;
        if (last && ranges[i].first <= last->last + 1) {
            if (ranges[i].last > last->last) last->last = ranges[i].last;
        } else {
            ranges[merged++] = ranges[i];
        }
    }
    r->ranges_len = from + merged;
    if (!negated) return SK_OK;
    uint32_t next = 0;
    for (uint32_t i = 0; i < merged; i++) {
        struct regex_range range = ranges[i];
        ranges[i] = (struct regex_range){next, range.first - 1};
        next = range.last + 1;
    }
    bool from_zero = merged && ranges[0].last == NONE; // the first gap is empty
    if (from_zero) memmove(ranges, ranges + 1, (size_t)(merged - 1) * sizeof *ranges);
    r->ranges_len -= from_zero;
    return next <= DFA_CHAR_MAX ? add_range(r, next, DFA_CHAR_MAX) : SK_OK;
}

// A step for a character of the ranges from `from` on, and the tail after it.
static enum sk_code add_class(struct parser *p, uint32_t from, bool negated) {
    struct regex *r = p->r;
    TRY(settle_ranges(r, from, negated));
    uint32_t at = r->len;
    TRY(add_step(r, (struct regex_step){.op = REGEX_CHAR,
                                        .a = at + 1,
                                        .b = NONE,
                                        .ranges = from,
                                        .ranges_len = r->ranges_len - from}));
    TRY(add_step(r, go(NONE, NONE)));
    follow(p, at);
    return SK_OK;
}

static enum sk_code add_anchor(struct parser *p, enum regex_op op) {
    uint32_t at = p->r->len;
    TRY(add_step(p->r, (struct regex_step){.op = op, .a = at + 1, .b = NONE}));
    TRY(add_step(p->r, go(NONE, NONE)));
    follow(p, at);
    p->atom = NONE; // nothing to repeat
    return SK_OK;
}

// ---- reading ----

static bool take_if(struct parser *p, const char *text) {
    if (!view_starts(p->left, view_of(text))) return false;
    p->left = view_from(p->left, strlen(text));
    return true;
}

static uint32_t take_char(struct parser *p) {
    uint32_t c = 0;
    size_t len = utf8_take(p->left, &c);
    must(len);
    p->left = view_from(p->left, len);
    return c;
}

// `digits` hexadecimal digits.
static enum sk_code take_hex(struct parser *p, unsigned digits, uint32_t *c) {
    *c = 0;
    for (unsigned i = 0; i < digits; i++) {
        char d = p->left.len ? *p->left.at : 0;
        uint32_t value = d >= '0' && d <= '9'   ? (uint32_t)(d - '0')
                         : d >= 'a' && d <= 'f' ? (uint32_t)(d - 'a' + 10)
                         : d >= 'A' && d <= 'F' ? (uint32_t)(d - 'A' + 10)
                                                : NONE;
        if (value == NONE) return FAIL(SK_INPUT, "an escape needs %u hexadecimal digits", digits);
        *c = *c << 4 | value;
        p->left = view_from(p->left, 1);
    }
    return SK_OK;
}

static enum sk_code take_unicode(struct parser *p, uint32_t *c) {
    if (take_if(p, "{")) {
        const char *end = p->left.len ? memchr(p->left.at, '}', p->left.len) : NULL;
        size_t digits = end ? (size_t)(end - p->left.at) : 0;
        if (digits == 0 || digits > 6) return FAIL(SK_INPUT, "\\u{..} needs 1 to 6 digits");
        TRY(take_hex(p, (unsigned)digits, c));
        take_if(p, "}");
    } else {
        TRY(take_hex(p, 4, c));
        if (*c >= 0xd800 && *c < 0xdc00 && take_if(p, "\\u")) {
            uint32_t low;
            TRY(take_hex(p, 4, &low));
            if (low < 0xdc00 || low > 0xdfff) return FAIL(SK_INPUT, "lone surrogate");
            *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    if (*c > DFA_CHAR_MAX || (*c >= 0xd800 && *c <= 0xdfff))
        return FAIL(SK_INPUT, "an escape of no character");
    return SK_OK;
}

// After a backslash: one character.
static enum sk_code take_escape(struct parser *p, uint32_t *c) {
    static const char from[] = "tnvfr", to[] = "\t\n\v\f\r";
    if (p->left.len == 0) return FAIL(SK_INPUT, "ends with a backslash");
    *c = take_char(p);
    const char *control = *c && *c < 128 ? strchr(from, (int)*c) : NULL;
    char next = p->left.len ? *p->left.at : 0;
    if (control) {
        *c = (uint32_t)to[control - from];
    } else if (*c == 'x') {
        return take_hex(p, 2, c);
    } else if (*c == 'u') {
        return take_unicode(p, c);
    } else if (*c == 'c' && ((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z'))) {
        *c = take_char(p) & 31;
    } else if (*c == '0' && !(next >= '0' && next <= '9')) {
        *c = 0;
    } else if ((*c >= '0' && *c <= '9') || *c == 'k') {
        return FAIL(SK_UNSUPPORTED, "a backreference is not supported");
    } else if (*c == 'b' || *c == 'B') {
        return FAIL(SK_UNSUPPORTED, "a word boundary is not supported");
    } else if (*c == 'p' || *c == 'P') {
        return FAIL(SK_UNSUPPORTED, "a property of characters (\\p) is not supported");
    } else if (*c >= 128 || (*c | 32) - 'a' < 26u || *c == '_') {
        return FAIL(SK_INPUT, "an unknown escape");
    }
    return SK_OK; // others stand for themselves
}

// \d \D \w \W \s \S after the backslash, added to the ranges; *found when it was one.
static enum sk_code take_set(struct parser *p, bool *found) {
    static const struct regex_range digits[] = {{'0', '9'}},
                                    word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
                                    space[] = {{9, 13},          {32, 32},         {0xa0, 0xa0},
                                               {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029},
                                               {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
                                               {0xfeff, 0xfeff}};
    static const struct {
        char name;
        const struct regex_range *ranges;
        uint32_t len;
    } sets[] = {{'d', digits, 1}, {'w', word, 4}, {'s', space, sizeof space / sizeof *space}};
    *found = false;
    char name = p->left.len ? *p->left.at : 0;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if ((name | 32) != sets[i].name) continue;
        *found = true;
        p->left = view_from(p->left, 1);
        uint32_t from = p->r->ranges_len;
        for (uint32_t j = 0; j < sets[i].len; j++)
            TRY(add_range(p->r, sets[i].ranges[j].first, sets[i].ranges[j].last));
        return settle_ranges(p->r, from, name != sets[i].name);
    }
    return SK_OK;
}

static enum sk_code take_member(struct parser *p, uint32_t *c, bool *set) {
    *set = false;
    if (p->left.len == 0) return FAIL(SK_INPUT, "a class is not closed");
    if (!take_if(p, "\\")) {
        *c = take_char(p);
        return SK_OK;
    }
    TRY(take_set(p, set));
    if (*set) return SK_OK;
    if (take_if(p, "b")) {
        *c = 8;
        return SK_OK;
    }
    return take_escape(p, c);
}

// After "[".
static enum sk_code take_class(struct parser *p) {
    uint32_t from = p->r->ranges_len, first, last;
    bool negated = take_if(p, "^"), set;
    while (!take_if(p, "]")) {
        TRY(take_member(p, &first, &set));
        if (set) continue;
        last = first;
        bool range = p->left.len > 1 && p->left.at[0] == '-' && p->left.at[1] != ']';
        if (range) {
            take_if(p, "-");
            TRY(take_member(p, &last, &set));
            if (set) return FAIL(SK_INPUT, "a range ends with a set");
        }
        if (last < first) return FAIL(SK_INPUT, "a range goes backwards");
        TRY(add_range(p->r, first, last));
    }
    return add_class(p, from, negated);
}

static enum sk_code take_number(struct parser *p, uint32_t *number) {
    *number = 0;
    while (p->left.len && *p->left.at >= '0' && *p->left.at <= '9') {
        *number = *number * 10 + take_char(p) - '0';
        if (*number > REGEX_REPEAT_MAX)
            return FAIL(SK_LIMIT, "repeats more than %d times", REGEX_REPEAT_MAX);
    }
    return SK_OK;
}

// The copied block of steps, `len` of them that began at `from`, is added once more.
static enum sk_code add_copy(struct parser *p, uint32_t from, uint32_t len) {
    struct regex *r = p->r;
    uint32_t at = r->len;
    for (uint32_t i = 0; i < len; i++) {
        struct regex_step step = r->copied[i];
        if (step.a != NONE) step.a = step.a - from + at;
        if (step.b != NONE) step.b = step.b - from + at;
        TRY(add_step(r, step));
    }
    return SK_OK;
}

// The atom again, min to max times. Its block ends with its exit, which leads nowhere yet.
static enum sk_code repeat(struct parser *p, uint32_t min, uint32_t max) {
    struct regex *r = p->r;
    uint32_t from = p->atom, len = r->len - from, exits = NONE, before = NONE;
    memcpy(r->copied, r->steps + from, len * sizeof *r->steps);
    r->len = from;
    for (uint32_t i = 0; i < min || (max == MANY ? i == min : i < max); i++) {
        uint32_t at = r->len;
        if (before != NONE) r->steps[before].a = at;
        if (i >= min) { // this one may be left out
            TRY(add_step(r, go(at + 1, exits)));
            exits = at;
        }
        TRY(add_copy(p, from, len));
        before = r->len - 1;
        if (max == MANY && i == min) r->steps[before].a = at; // back to the choice
    }
    TRY(add_step(r, go(NONE, NONE)));
    uint32_t exit = r->len - 1;
    if (before != NONE && r->steps[before].a == NONE) r->steps[before].a = exit;
    while (exits != NONE) {
        uint32_t next = r->steps[exits].b;
        r->steps[exits].b = exit;
        exits = next;
    }
    p->tail = exit;
    p->atom = NONE;
    return SK_OK;
}

// A quantifier in braces, or false in *found: then the brace stands for itself.
static enum sk_code take_braces(struct parser *p, uint32_t *min, uint32_t *max, bool *found) {
    struct view before = p->left;
    *found = false;
    if (!take_if(p, "{") || p->left.len == 0 || *p->left.at < '0' || *p->left.at > '9') {
        p->left = before;
        return SK_OK;
    }
    TRY(take_number(p, min));
    *max = *min;
    if (take_if(p, ",")) {
        *max = MANY;
        if (p->left.len && *p->left.at != '}') TRY(take_number(p, max));
    }
    if (!take_if(p, "}")) {
        p->left = before;
        return SK_OK;
    }
    *found = true;
    return *max < *min ? FAIL(SK_INPUT, "a quantifier goes backwards") : SK_OK;
}

static enum sk_code take_quantifier(struct parser *p, bool *found) {
    uint32_t min = 0, max = MANY;
    *found = true;
    if (take_if(p, "+")) {
        min = 1;
    } else if (take_if(p, "?")) {
        max = 1;
    } else if (!take_if(p, "*")) {
        TRY(take_braces(p, &min, &max, found));
        if (!*found) return SK_OK;
    }
    take_if(p, "?");
    if (p->atom == NONE) return FAIL(SK_INPUT, "a quantifier with nothing to repeat");
    return repeat(p, min, max);
}

static enum sk_code open_group(struct parser *p) {
    if (p->depth > REGEX_DEPTH_MAX)
        return FAIL(SK_LIMIT, "groups are nested deeper than %d", REGEX_DEPTH_MAX);
    uint32_t at = p->r->len;
    p->groups[p->depth++] = (struct group){at, at, NONE, p->tail};
    TRY(add_step(p->r, go(NONE, NONE)));
    p->tail = at;
    p->atom = NONE;
    return SK_OK;
}

// After "(".
static enum sk_code take_group(struct parser *p) {
    if (take_if(p, "?=") || take_if(p, "?!") || take_if(p, "?<=") || take_if(p, "?<!"))
        return FAIL(SK_UNSUPPORTED, "lookaround is supported only as (?=..) and (?!..) after ^");
    if (take_if(p, "?<")) {
        const char *end = memchr(p->left.at, '>', p->left.len);
        if (!end) return FAIL(SK_INPUT, "a group's name is not closed");
        p->left = view_from(p->left, (size_t)(end - p->left.at) + 1);
    } else if (!take_if(p, "?:") && take_if(p, "?")) {
        return FAIL(SK_UNSUPPORTED, "flags and extensions (?..) are not supported");
    }
    return open_group(p);
}

static void end_alternative(struct parser *p, struct group *group) {
    p->r->steps[p->tail].a = group->ends;
    group->ends = p->tail;
}

static enum sk_code next_alternative(struct parser *p) {
    struct group *group = &p->groups[p->depth - 1];
    end_alternative(p, group);
    uint32_t at = p->r->len;
    TRY(add_step(p->r, go(NONE, NONE)));
    p->r->steps[group->head].b = at;
    group->head = p->tail = at;
    p->atom = NONE;
    return SK_OK;
}

static enum sk_code close_group(struct parser *p) {
    struct regex *r = p->r;
    struct group *group = &p->groups[--p->depth];
    end_alternative(p, group);
    TRY(add_step(r, go(NONE, NONE)));
    for (uint32_t end = group->ends; end != NONE;) {
        uint32_t next = r->steps[end].a;
        r->steps[end].a = r->len - 1;
        end = next;
    }
    p->tail = group->before;
    follow(p, group->start);
    return SK_OK;
}

static enum sk_code take_atom(struct parser *p) {
    uint32_t from = p->r->ranges_len, c;
    bool set = false;
    if (take_if(p, "(")) return take_group(p);
    if (take_if(p, "[")) return take_class(p);
    if (take_if(p, "^")) return add_anchor(p, REGEX_BEGIN);
    if (take_if(p, "$")) return add_anchor(p, REGEX_END);
    if (take_if(p, ".")) {
        TRY(add_range(p->r, '\n', '\n'));
        TRY(add_range(p->r, '\r', '\r'));
        TRY(add_range(p->r, 0x2028, 0x2029));
        return add_class(p, from, true);
    }
    if (take_if(p, "\\")) {
        TRY(take_set(p, &set));
        if (!set) TRY(take_escape(p, &c));
    } else {
        c = take_char(p);
    }
    if (!set) TRY(add_range(p->r, c, c));
    return add_class(p, from, false);
}

static enum sk_code parse(struct parser *p) {
    bool quantified;
    while (p->left.len) {
        if (take_if(p, "|")) {
            TRY(next_alternative(p));
        } else if (take_if(p, ")")) {
            if (p->depth == 1) return FAIL(SK_INPUT, "a parenthesis closes nothing");
            TRY(close_group(p));
        } else {
            TRY(take_quantifier(p, &quantified));
            if (!quantified) TRY(take_atom(p));
        }
    }
    return p->depth == 1 ? close_group(p) : FAIL(SK_INPUT, "a parenthesis is not closed");
}

enum sk_code regex_compile(struct regex *regex, struct view pattern, struct arena *arena,
                           const struct dfa **out) {
    struct parser p = {.r = regex, .left = pattern};
    regex->len = regex->ranges_len = 0;
    TRY(add_range(regex, 0, DFA_CHAR_MAX));
    // 0: anything may come before the expression.
    TRY(add_step(regex, go(1, 2)));
    TRY(add_step(regex, (struct regex_step){
                            .op = REGEX_CHAR, .a = 0, .b = NONE, .ranges = 0, .ranges_len = 1}));
    TRY(add_step(regex, go(NONE, NONE)));
    p.tail = 2;
    TRY(open_group(&p));
    TRY(parse(&p));
    TRY(add_step(regex, (struct regex_step){.op = REGEX_FOUND, .a = NONE, .b = NONE}));
    regex->steps[p.tail].a = regex->len - 1;
    return regex_determine(regex, 0, arena, out);
}

enum sk_code regex_texts(struct regex *regex, const struct view *texts, size_t len,
                         struct arena *arena, const struct dfa **out) {
    regex->len = regex->ranges_len = 0;
    TRY(add_step(regex, (struct regex_step){.op = REGEX_FOUND, .a = NONE, .b = NONE}));
    uint32_t start = NONE;
    for (size_t i = 0; i < len; i++) {
        TRY(add_step(regex, go(regex->len + 1, start)));
        start = regex->len - 1;
        uint32_t c;
        for (size_t at = 0; at < texts[i].len;) {
            size_t bytes = utf8_take(view_from(texts[i], at), &c);
            must(bytes);
            TRY(add_range(regex, c, c));
            TRY(add_step(regex, (struct regex_step){.op = REGEX_CHAR,
                                                    .a = regex->len + 1,
                                                    .b = NONE,
                                                    .ranges = regex->ranges_len - 1,
                                                    .ranges_len = 1}));
            at += bytes;
        }
        TRY(add_step(regex, (struct regex_step){.op = REGEX_END, .a = 0, .b = NONE}));
    }
    TRY(add_step(regex, go(start, NONE)));
    return regex_determine(regex, regex->len - 1, arena, out);
}
