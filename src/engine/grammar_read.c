// GBNF text to nodes: one pass, groups on a stack of our own.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "engine/grammar_gbnf.h"

// ---- where we are ----

enum sk_code gbnf_refuse(const struct gbnf *r, enum sk_code code, size_t at, const char *format,
                         ...) {
    char what[256];
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        column += ((uint8_t)r->text.at[i] & 0xc0) != 0x80;
        if (r->text.at[i] == '\n') line++, column = 1;
    }
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    return FAIL(code, "line %u, column %u: %s%s", line, column, what,
                at == r->text.len ? ", and the text ends" : "");
}

static void skip_space(struct gbnf *r, bool lines) {
    for (int c; (c = gbnf_peek(r)) == ' ' || c == '\t' || c == '#' ||
                (lines && (c == '\r' || c == '\n'));) {
        bool comment = c == '#';
        do
            r->at++;
        while (comment && (c = gbnf_peek(r)) >= 0 && c != '\r' && c != '\n');
    }
}

static bool is_word(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || gbnf_is_digit(c) || c == '-';
}

// ---- nodes ----

uint32_t grammar_node_add(struct grammar *grammar, struct grammar_node node) {
    if (grammar->nodes_len > GRAMMAR_NODES_MAX) return GRAMMAR_NODES_MAX;
    grammar->nodes[grammar->nodes_len] = node;
    return grammar->nodes_len++;
}

uint32_t gbnf_node(struct gbnf *r, enum grammar_kind kind, uint32_t next, uint32_t other) {
    return grammar_node_add(
        r->grammar, (struct grammar_node){.kind = (uint8_t)kind, .next = next, .other = other});
}

struct grammar_piece gbnf_pass(struct gbnf *r) {
    uint32_t node = gbnf_node(r, GRAMMAR_PASS, 0, 0);
    return (struct grammar_piece){node, node};
}

void gbnf_join(struct gbnf *r, struct grammar_piece *to, struct grammar_piece piece) {
    if (piece.start == GBNF_NONE) return;
    if (to->start == GBNF_NONE)
        to->start = piece.start;
    else
        r->grammar->nodes[to->last].next = piece.start;
    to->last = piece.last;
}

static const struct grammar_piece nothing = {GBNF_NONE, GBNF_NONE};

// The last element can be repeated no more.
void gbnf_put(struct gbnf *r, struct grammar_piece element) {
    struct gbnf_level *level = &r->levels[r->depth];
    gbnf_join(r, &level->sequence, level->element);
    level->element = element;
}

static void open_level(struct gbnf *r) {
    r->levels[r->depth] =
        (struct gbnf_level){nothing, nothing, GBNF_NONE, GBNF_NONE, gbnf_pass(r).start};
}

static void end_alternative(struct gbnf *r, bool more) {
    struct gbnf_level *level = &r->levels[r->depth];
    gbnf_put(r, nothing);
    gbnf_join(r, &level->sequence, (struct grammar_piece){level->join, level->join});
    uint32_t start = level->sequence.start;
    if (more) start = gbnf_node(r, GRAMMAR_FORK, start, start);
    if (level->fork == GBNF_NONE)
        level->start = start;
    else
        r->grammar->nodes[level->fork].other = start;
    level->fork = start;
    level->sequence = nothing;
}

// ---- rules by name ----

static uint32_t rule_add(struct gbnf *r, struct view name) {
    struct grammar *grammar = r->grammar;
    if (grammar->rules_len == GRAMMAR_RULES_MAX) return GBNF_NONE;
    grammar->rules[grammar->rules_len] = (struct grammar_rule){.name = name, .at = (uint32_t)r->at};
    return grammar->rules_len++;
}

static enum sk_code too_many(const struct gbnf *r) {
    return gbnf_refuse(r, SK_LIMIT, r->at, "over %d nodes or %d rules", GRAMMAR_NODES_MAX,
                       GRAMMAR_RULES_MAX);
}

// The rule with the name that stands here.
static enum sk_code read_name(struct gbnf *r, uint32_t *out) {
    size_t from = r->at;
    uint64_t hash = TEXTS_HASH;
    size_t len = 0;
    for (; is_word(gbnf_peek_at(r, len)); len++)
        hash = texts_hash(hash, r->text.at[from + len]);
    if (len == 0) return gbnf_refuse(r, SK_INPUT, r->at, "a name of a rule is missing");
    struct view name = {r->text.at + from, len};
    uint32_t slot = (uint32_t)(hash ^ hash >> 32) % GBNF_NAME_SLOTS;
    while (r->names[slot] && !view_same(r->grammar->rules[r->names[slot] - 1].name, name))
        slot = (slot + 1) % GBNF_NAME_SLOTS;
    if (!r->names[slot]) {
        uint32_t rule = rule_add(r, name);
        if (rule == GBNF_NONE) return too_many(r);
        r->names[slot] = rule + 1;
    }
    *out = r->names[slot] - 1;
    r->at += len;
    return SK_OK;
}

// ---- tokens, repetitions ----

static enum sk_code read_number(struct gbnf *r, uint32_t max, uint32_t *out) {
    size_t from = r->at;
    uint64_t number = 0;
    if (!gbnf_is_digit(gbnf_peek(r))) return gbnf_refuse(r, SK_INPUT, r->at, "a number is missing");
    for (; gbnf_is_digit(gbnf_peek(r)); r->at++) {
        number = number * 10 + (uint64_t)(gbnf_peek(r) - '0');
        if (number > max) return gbnf_refuse(r, SK_LIMIT, from, "the number is over %u", max);
    }
    *out = (uint32_t)number;
    return SK_OK;
}

static enum sk_code find_token(const struct gbnf *r, size_t from, uint32_t *out) {
    struct view text = {r->text.at + from, r->at - from};
    int32_t id = r->vocab ? texts_find(&r->vocab->texts, text) : TEXTS_NONE;
    if (id < 0) return gbnf_refuse(r, SK_INPUT, from, "the vocabulary has no such token");
    *out = (uint32_t)id;
    return SK_OK;
}

static enum sk_code read_token(struct gbnf *r) {
    bool negated = gbnf_peek(r) == '!';
    if (negated) r->at++;
    size_t from = r->at;
    uint32_t id = 0;
    if (gbnf_peek(r) != '<') return gbnf_refuse(r, SK_INPUT, r->at, "a token is <text> or <[id]>");
    if (gbnf_peek_at(r, 1) == '[') {
        r->at += 2;
        TRY(read_number(r, r->vocab ? r->vocab->len - 1 : VOCAB_TOKENS_MAX, &id));
        if (gbnf_peek(r) != ']' || gbnf_peek_at(r, 1) != '>')
            return gbnf_refuse(r, SK_INPUT, from, "a token is <text> or <[id]>");
        r->at += 2;
    } else {
        for (int c; (c = gbnf_peek(r)) != '>'; r->at++)
            if (c < 0 || c == '\n') return gbnf_refuse(r, SK_INPUT, from, "a token is not closed");
        r->at++;
        TRY(find_token(r, from, &id));
    }
    uint32_t node = gbnf_node(r, GRAMMAR_TOKEN, 0, id);
    r->grammar->nodes[node].negated = negated;
    gbnf_put(r, (struct grammar_piece){node, node});
    return SK_OK;
}

// The element as the body of a counted repetition.
static enum sk_code put_loop(struct gbnf *r, struct grammar_loop loop) {
    struct grammar *grammar = r->grammar;
    struct grammar_piece *element = &r->levels[r->depth].element;
    loop.rule = rule_add(r, VIEW(""));
    if (loop.rule == GBNF_NONE) return too_many(r);
    grammar->nodes[element->last].next = GRAMMAR_END;
    grammar->rules[loop.rule].start = element->start;
    grammar->rules[loop.rule].defined = true;
    grammar->loops[grammar->loops_len] = loop;
    uint32_t node = gbnf_node(r, GRAMMAR_LOOP, 0, grammar->loops_len++);
    *element = (struct grammar_piece){node, node};
    return SK_OK;
}

// {0,1}, {0,} and {1,} are ways through the graph, the others count.
static enum sk_code put_repeated(struct gbnf *r, struct grammar_loop loop) {
    struct grammar_piece *element = &r->levels[r->depth].element;
    bool endless = loop.max == GRAMMAR_NO_MAX;
    if (element->start == GBNF_NONE)
        return gbnf_refuse(r, SK_INPUT, r->at, "nothing stands before the repetition");
    if (loop.max == 0) {
        *element = gbnf_pass(r);
        return SK_OK;
    }
    if (loop.min == 1 && loop.max == 1) return SK_OK;
    if (!(endless && loop.min <= 1) && !(loop.min == 0 && loop.max == 1)) return put_loop(r, loop);
    uint32_t end = gbnf_pass(r).start, fork = gbnf_node(r, GRAMMAR_FORK, element->start, end);
    r->grammar->nodes[element->last].next = endless ? fork : end;
    *element = (struct grammar_piece){loop.min ? element->start : fork, end};
    return SK_OK;
}

static enum sk_code read_repetition(struct gbnf *r) {
    struct grammar_loop loop = {0, GRAMMAR_NO_MAX, 0};
    size_t from = r->at++;
    switch (r->text.at[from]) {
    case '*':
        return put_repeated(r, loop);
    case '+':
        loop.min = 1;
        return put_repeated(r, loop);
    case '?':
        loop.max = 1;
        return put_repeated(r, loop);
    default:
        break;
    }
    bool lines = r->depth > 0;
    skip_space(r, lines);
    TRY(read_number(r, GRAMMAR_COUNT_MAX, &loop.min));
    skip_space(r, lines);
    if (gbnf_peek(r) == ',') {
        r->at++;
        skip_space(r, lines);
        if (gbnf_is_digit(gbnf_peek(r))) TRY(read_number(r, GRAMMAR_COUNT_MAX, &loop.max));
        skip_space(r, lines);
    } else {
        loop.max = loop.min;
    }
    if (gbnf_peek(r) != '}')
        return gbnf_refuse(r, SK_INPUT, r->at, "a repetition is {n}, {n,} or {n,m}");
    if (loop.max < loop.min) return gbnf_refuse(r, SK_INPUT, from, "a repetition runs backwards");
    r->at++;
    return put_repeated(r, loop);
}

// ---- elements, rules ----

static enum sk_code open_group(struct gbnf *r) {
    if (r->depth == GRAMMAR_GROUPS_MAX)
        return gbnf_refuse(r, SK_LIMIT, r->at, "over %d groups in each other", GRAMMAR_GROUPS_MAX);
    r->at++;
    r->depth++;
    open_level(r);
    return SK_OK;
}

static void close_group(struct gbnf *r) {
    end_alternative(r, false);
    struct grammar_piece group = {r->levels[r->depth].start, r->levels[r->depth].join};
    r->depth--;
    gbnf_put(r, group);
    r->at++;
}

static enum sk_code read_call(struct gbnf *r) {
    uint32_t rule;
    TRY(read_name(r, &rule));
    uint32_t node = gbnf_node(r, GRAMMAR_CALL, 0, rule);
    gbnf_put(r, (struct grammar_piece){node, node});
    return SK_OK;
}

// One element or sign; *done at the end of the rule.
static enum sk_code read_element(struct gbnf *r, bool *done) {
    int c = gbnf_peek(r);
    switch (c) {
    case '"':
        return gbnf_literal(r);
    case '[':
        return gbnf_class(r);
    case '.':
        return gbnf_any(r);
    case '<':
    case '!':
        return read_token(r);
    case '*':
    case '+':
    case '?':
    case '{':
        return read_repetition(r);
    case '(':
        return open_group(r);
    case ')':
        if (r->depth == 0)
            return gbnf_refuse(r, SK_INPUT, r->at, "a group is closed that was not opened");
        close_group(r);
        return SK_OK;
    case '|':
        end_alternative(r, true);
        r->at++;
        skip_space(r, true);
        return SK_OK;
    default:
        break;
    }
    if (is_word(c)) return read_call(r);
    if (r->depth > 0) return gbnf_refuse(r, SK_INPUT, r->at, "a group is not closed");
    if (c >= 0 && c != '\r' && c != '\n') return gbnf_refuse(r, SK_INPUT, r->at, "what is this?");
    *done = true;
    return SK_OK;
}

static enum sk_code read_rule(struct gbnf *r) {
    size_t from = r->at;
    uint32_t rule;
    TRY(read_name(r, &rule));
    struct grammar_rule *as = &r->grammar->rules[rule];
    if (as->defined) return gbnf_refuse(r, SK_INPUT, from, "this rule is there already");
    skip_space(r, false);
    if (!view_starts(view_from(r->text, r->at), VIEW("::=")))
        return gbnf_refuse(r, SK_INPUT, r->at, "::= is missing after the name of a rule");
    r->at += 3;
    skip_space(r, true);
    open_level(r);
    for (bool done = false; !done;) {
        TRY(read_element(r, &done));
        if (r->grammar->nodes_len > GRAMMAR_NODES_MAX) return too_many(r);
        skip_space(r, r->depth > 0);
    }
    end_alternative(r, false);
    r->grammar->nodes[r->levels[0].join].next = GRAMMAR_END;
    as->start = r->levels[0].start;
    as->defined = true;
    skip_space(r, true);
    return SK_OK;
}

static enum sk_code read_all(struct gbnf *r) {
    struct grammar *grammar = r->grammar;
    if (!utf8_check(r->text)) return FAIL(SK_INPUT, "the grammar is not UTF-8");
    grammar_node_add(grammar, (struct grammar_node){.kind = GRAMMAR_END});
    skip_space(r, true);
    while (gbnf_peek(r) >= 0)
        TRY(read_rule(r));
    for (uint32_t i = 0; i < grammar->rules_len; i++) {
        const struct grammar_rule *rule = &grammar->rules[i];
        if (!rule->defined)
            return gbnf_refuse(r, SK_INPUT, rule->at, "there is no rule %.*s",
                               (int)(rule->name.len < 64 ? rule->name.len : 64), rule->name.at);
        if (view_is(rule->name, "root")) grammar->root = i + 1;
    }
    if (grammar->root-- == 0) return FAIL(SK_INPUT, "there is no rule root");
    return SK_OK;
}

enum sk_code grammar_read(struct grammar *grammar, const struct vocab *vocab) {
    struct gbnf *r = calloc(1, sizeof *r);
    if (!r) return FAIL(SK_LIMIT, "memory: none left");
    r->grammar = grammar;
    r->vocab = vocab;
    r->text = grammar->text;
    enum sk_code code = read_all(r);
    free(r);
    return code;
}
