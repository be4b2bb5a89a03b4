#include "engine/pattern.h"

#include <string.h>

#include "base/fail.h"
#include "base/utf8.h"
#include "base/view.h"

enum op {
    RUN,   // as many characters of the class as there are, min..max; then fewer
    SPLIT, // go on, and if that fails at `to`
    JUMP,  // to `to`
    NOT,   // the next character is none of the class
    END,   // no character is left
    FAIL_HERE,
    FOUND,
};

enum { MANY = UINT16_MAX };

// ---- reading an expression ----

struct reader {
    struct pattern *pattern;
    struct pattern_step *steps;
    uint8_t *steps_len;
    struct view left;
};

static bool take_if(struct reader *r, const char *text) {
    if (!view_starts(r->left, view_of(text))) return false;
    r->left = view_from(r->left, strlen(text));
    return true;
}

static uint32_t take_codepoint(struct reader *r) {
    uint32_t codepoint = 0;
    size_t len = r->left.len ? utf8_take(r->left, &codepoint) : 0;
    must(len);
    r->left = view_from(r->left, len);
    return codepoint;
}

static uint8_t add_step(struct reader *r, struct pattern_step step) {
    must(*r->steps_len < PATTERN_STEPS_MAX);
    r->steps[*r->steps_len] = step;
    return (*r->steps_len)++;
}

static void add_range(struct pattern *pattern, uint32_t first, uint32_t last, bool taken_away) {
    must(pattern->ranges_len < PATTERN_RANGES_MAX && first <= last);
    pattern->ranges[pattern->ranges_len++] = (struct pattern_range){first, last, taken_away};
}

static void add_han(struct pattern *pattern, bool taken_away) {
    static const uint32_t han[][2] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},
                                      {0x20000, 0x2a6df}, {0x2a700, 0x2ebef}, {0x2f800, 0x2fa1f}};
    for (size_t i = 0; i < sizeof han / sizeof *han; i++)
        add_range(pattern, han[i][0], han[i][1], taken_away);
}

// A named set (\s, \p{L}) into the class; false when something else follows.
static bool take_set(struct reader *r, struct pattern_class *class, bool taken_away) {
    static const struct {
        const char *name;
        enum unicode_kind kind;
    } sets[] = {{"\\s", UNICODE_SPACE},         {"\\p{L}", UNICODE_LETTER},
                {"\\p{N}", UNICODE_NUMBER},     {"\\p{M}", UNICODE_MARK},
                {"\\p{P}", UNICODE_PUNCTUATION}, {"\\p{S}", UNICODE_SYMBOL}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (!take_if(r, sets[i].name)) continue;
        must(!taken_away);
        class->kinds |= (uint8_t)(1u << sets[i].kind);
        return true;
    }
    if (!take_if(r, "\\p{Han}")) return false;
    add_han(r->pattern, taken_away);
    return true;
}

static uint32_t take_literal(struct reader *r) {
    if (!take_if(r, "\\")) return take_codepoint(r);
    if (take_if(r, "n")) return '\n';
    if (take_if(r, "r")) return '\r';
    if (take_if(r, "t")) return '\t';
    return take_codepoint(r);
}

static void take_members(struct reader *r, struct pattern_class *class) {
    bool taken_away = false;
    class->negated = take_if(r, "^");
    while (!take_if(r, "]")) {
        if (take_if(r, "--")) taken_away = true;
        if (take_set(r, class, taken_away)) continue;
        uint32_t first = take_literal(r), last = first;
        bool range = r->left.len > 1 && r->left.at[0] == '-' && r->left.at[1] != '-';
        if (range && take_if(r, "-")) last = take_literal(r);
        add_range(r->pattern, first, last, taken_away);
    }
}

static bool same_class(const struct pattern *pattern, struct pattern_class a,
                       struct pattern_class b) {
    if (a.kinds != b.kinds || a.negated != b.negated || a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        struct pattern_range x = pattern->ranges[a.first + i], y = pattern->ranges[b.first + i];
        if (x.first != y.first || x.last != y.last || x.taken_away != y.taken_away) return false;
    }
    return true;
}

// One class: [..], a named set, \S or a literal; the number of an equal one when there is one.
static uint8_t take_class(struct reader *r) {
    struct pattern *pattern = r->pattern;
    struct pattern_class class = {.first = (uint8_t)pattern->ranges_len};
    if (take_if(r, "[")) {
        take_members(r, &class);
    } else if (take_if(r, "\\S")) {
        class.kinds = 1u << UNICODE_SPACE;
        class.negated = true;
    } else if (!take_set(r, &class, false)) {
        uint32_t literal = take_literal(r);
        add_range(pattern, literal, literal, false);
    }
    class.len = (uint8_t)(pattern->ranges_len - class.first);
    for (uint8_t i = 0; i < pattern->classes_len; i++) {
        if (!same_class(pattern, pattern->classes[i], class)) continue;
        pattern->ranges_len = class.first;
        return i;
    }
    must(pattern->classes_len < PATTERN_CLASSES_MAX);
    pattern->classes[pattern->classes_len] = class;
    return (uint8_t)pattern->classes_len++;
}

static uint16_t take_number(struct reader *r) {
    unsigned number = 0;
    while (r->left.len && r->left.at[0] >= '0' && r->left.at[0] <= '9')
        number = number * 10 + take_codepoint(r) - '0';
    must(number && number < MANY);
    return (uint16_t)number;
}

static void take_quantifier(struct reader *r, struct pattern_step *step) {
    step->min = step->max = 1;
    if (take_if(r, "?")) {
        step->min = 0;
    } else if (take_if(r, "*")) {
        step->min = 0, step->max = MANY;
    } else if (take_if(r, "+")) {
        step->max = MANY;
    } else if (take_if(r, "{")) {
        step->min = step->max = take_number(r);
        if (take_if(r, ",")) step->max = take_number(r);
        must(take_if(r, "}"));
    }
}

static void take_run(struct reader *r) {
    struct pattern_step step = {.op = RUN, .class = take_class(r)};
    take_quantifier(r, &step);
    add_step(r, step);
}

// Alternatives of runs up to ")". `(?:` is taken by the caller: groups do not nest.
enum { ALTERNATIVES_MAX = 16 };

static bool ends_alternative(const struct reader *r) {
    return r->left.len == 0 || r->left.at[0] == '|' || r->left.at[0] == ')';
}

static void take_group(struct reader *r) {
    uint8_t jumps[ALTERNATIVES_MAX], jumps_len = 0, split;
    do {
        must(jumps_len < ALTERNATIVES_MAX);
        split = add_step(r, (struct pattern_step){.op = SPLIT});
        while (!ends_alternative(r)) take_run(r);
        jumps[jumps_len++] = add_step(r, (struct pattern_step){.op = JUMP});
        r->steps[split].to = *r->steps_len;
    } while (take_if(r, "|"));
    must(take_if(r, ")"));
    bool optional = take_if(r, "?");
    if (!optional) // where the last alternative goes when it fails
        add_step(r, (struct pattern_step){.op = FAIL_HERE});
    for (uint8_t i = 0; i < jumps_len; i++) r->steps[jumps[i]].to = *r->steps_len;
}

void pattern_add(struct pattern *pattern, const char *expression) {
    must(pattern->len < PATTERN_MAX);
    struct reader r = {pattern, pattern->steps[pattern->len], &pattern->steps_len[pattern->len],
                       view_of(expression)};
    pattern->len++;
    for (;;) {
        uint8_t split = add_step(&r, (struct pattern_step){.op = SPLIT, .to = UINT8_MAX});
        while (r.left.len && r.left.at[0] != '|') {
            if (take_if(&r, "(?:")) {
                take_group(&r);
            } else if (take_if(&r, "(?!")) {
                add_step(&r, (struct pattern_step){.op = NOT, .class = take_class(&r)});
                must(take_if(&r, ")"));
            } else if (take_if(&r, "$")) {
                add_step(&r, (struct pattern_step){.op = END});
            } else {
                take_run(&r);
            }
        }
        add_step(&r, (struct pattern_step){.op = FOUND});
        if (!take_if(&r, "|")) return;
        r.steps[split].to = *r.steps_len;
    }
}

// ---- judging characters ----

static bool class_holds(const struct pattern *pattern, struct pattern_class class,
                        enum unicode_kind kind, uint32_t codepoint) {
    bool held = class.kinds >> kind & 1;
    for (size_t i = 0; i < class.len; i++) {
        struct pattern_range range = pattern->ranges[class.first + i];
        if (codepoint >= range.first && codepoint <= range.last) held = !range.taken_away;
    }
    return held != class.negated;
}

static uint32_t judge(const struct pattern *pattern, uint32_t which, enum unicode_kind kind,
                      uint32_t codepoint) {
    uint32_t classes = 0;
    for (uint32_t i = 0; i < pattern->classes_len; i++)
        if (which >> i & 1 && class_holds(pattern, pattern->classes[i], kind, codepoint))
            classes |= UINT32_C(1) << i;
    return classes;
}

void pattern_end(struct pattern *pattern) {
    uint32_t all = (UINT32_C(1) << pattern->classes_len) - 1;
    for (uint32_t c = 0; c < 128; c++) pattern->ascii[c] = judge(pattern, all, unicode_kind(c), c);
    for (uint32_t k = 0; k < UNICODE_KINDS; k++)
        pattern->of_kind[k] = judge(pattern, all, (enum unicode_kind)k, UINT32_MAX);
    for (uint32_t i = 0; i < pattern->classes_len; i++) {
        struct pattern_class class = pattern->classes[i];
        for (size_t j = 0; j < class.len; j++)
            if (pattern->ranges[class.first + j].last >= 128) pattern->ranged |= UINT32_C(1) << i;
    }
}

uint32_t pattern_classes(const struct pattern *pattern, uint32_t codepoint) {
    if (codepoint < 128) return pattern->ascii[codepoint];
    enum unicode_kind kind = unicode_kind(codepoint);
    // A wide space is in no range: where the expressions name one, they were never applied so.
    if (kind == UNICODE_SPACE || pattern->ranged == 0) return pattern->of_kind[kind];
    return (pattern->of_kind[kind] & ~pattern->ranged) |
           judge(pattern, pattern->ranged, kind, codepoint);
}

// ---- matching ----

struct match {
    const struct pattern_step *steps;
    const struct pattern_char *chars;
    size_t end;
    uint64_t work;
};

// A place to go on when what follows fails: step `to` at the characters last, last - 1 .. first.
struct choice_left {
    uint8_t to;
    size_t first, last;
};

static size_t run_end(struct match *m, size_t at, const struct pattern_step *step) {
    size_t left = m->end - at, most = step->max == MANY ? left : step->max;
    size_t end = at + (most < left ? most : left), from = at;
    while (at < end && m->chars[at].classes >> step->class & 1) at++;
    m->work += at - from;
    return at;
}

// Where the match that begins at `at` ends; SIZE_MAX: there is none.
static size_t match_at(struct match *m, size_t at) {
    struct choice_left left[PATTERN_STEPS_MAX]; // no step comes twice on one way
    size_t left_len = 0;
    uint8_t pc = 0;
    for (;;) {
        const struct pattern_step *step = &m->steps[pc++];
        bool failed = false;
        m->work++;
        switch ((enum op)step->op) {
        case RUN: {
            size_t least = at + step->min, end = run_end(m, at, step);
            failed = end < least;
            if (!failed && end > least)
                left[left_len++] = (struct choice_left){pc, least, end - 1};
            at = end;
            break;
        }
        case SPLIT:
            if (step->to != UINT8_MAX)
                left[left_len++] = (struct choice_left){step->to, at, at};
            break;
        case JUMP: pc = step->to; break;
        case NOT: failed = at < m->end && m->chars[at].classes >> step->class & 1; break;
        case END: failed = at < m->end; break;
        case FAIL_HERE: failed = true; break;
        case FOUND: return at;
        }
        if (!failed) continue;
        if (left_len == 0) return SIZE_MAX;
        struct choice_left *next = &left[left_len - 1];
        pc = next->to;
        at = next->last;
        if (next->last-- == next->first) left_len--;
    }
}

// An expression of one alternative that begins with class+ and fails at a character fails at all
// that follow in that run: they are passed over, or a long run would be read once for each.
static size_t next_start(struct match *m, size_t at) {
    const struct pattern_step *step = &m->steps[1];
    bool alone = m->steps[0].to == UINT8_MAX && step->op == RUN && step->min == 1;
    size_t end = alone && step->max == MANY ? run_end(m, at, step) : at;
    return end > at ? end : at + 1;
}

static uint64_t cut_word(const struct pattern_step *steps, struct pattern_char *chars, size_t len) {
    struct match m = {steps, chars, len, 0};
    for (size_t at = 0; at < len;) {
        size_t end = match_at(&m, at);
        if (end == SIZE_MAX || end == at) {
            at = next_start(&m, at);
            continue;
        }
        chars[at].classes |= PATTERN_BEGINS;
        if (end < len) chars[end].classes |= PATTERN_BEGINS;
        at = end;
    }
    return m.work;
}

uint64_t pattern_cut(const struct pattern *pattern, struct pattern_char *chars, size_t len) {
    uint64_t work = 0;
    if (len == 0) return 0;
    chars[0].classes |= PATTERN_BEGINS;
    chars[len].classes = PATTERN_BEGINS;
    for (uint32_t i = 0; i < pattern->len; i++) {
        for (size_t at = 0, end; at < len; at = end) {
            for (end = at + 1; !(chars[end].classes & PATTERN_BEGINS);) end++;
            work += cut_word(pattern->steps[i], chars + at, end - at);
        }
    }
    return work;
}
