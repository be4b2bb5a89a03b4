// Parser, expressions: from `a if b else c` down to literals.
#include "engine/jinja_parse.h"

#include <string.h>

enum sk_code jinja_parse_fail(const struct jinja_parser *p, const char *what) {
    return FAIL(SK_UNSUPPORTED, "chat template line %u: %s", p->now.line, what);
}

enum sk_code jinja_parse_enter(struct jinja_parser *p) {
    if (++p->nest > JINJA_NEST_MAX)
        return FAIL(SK_LIMIT, "chat template line %u: nested deeper than %d", p->now.line,
                    JINJA_NEST_MAX);
    return SK_OK;
}

enum sk_code jinja_parse_next(struct jinja_parser *p) { return jinja_lex(&p->lexer, &p->now); }

enum sk_code jinja_parse_node(struct jinja_parser *p, enum jinja_kind kind,
                              struct jinja_node **out) {
    if (++p->nodes > JINJA_NODES_MAX)
        return FAIL(SK_LIMIT, "chat template line %u: more than %d parts", p->now.line,
                    JINJA_NODES_MAX);
    *out = arena_take(p->arena, 1, sizeof **out);
    if (!*out) return SK_LIMIT;
    (*out)->kind = kind;
    (*out)->line = p->now.line;
    (*out)->text = p->now.text;
    return SK_OK;
}

static bool is_text(const struct jinja_parser *p, enum jinja_token_kind kind, const char *text) {
    return p->now.kind == kind && view_is(jinja_span_view(p->jinja, p->now.text), text);
}

bool jinja_parse_is_sign(const struct jinja_parser *p, const char *sign) {
    return is_text(p, TOKEN_SIGN, sign);
}

bool jinja_parse_is_name(const struct jinja_parser *p, const char *name) {
    return is_text(p, TOKEN_NAME, name);
}

enum sk_code jinja_parse_expect(struct jinja_parser *p, const char *sign) {
    if (!jinja_parse_is_sign(p, sign))
        return FAIL(SK_UNSUPPORTED, "chat template line %u: expected '%s'", p->now.line, sign);
    return jinja_parse_next(p);
}

enum sk_code jinja_parse_variable(struct jinja_parser *p, uint32_t *name) {
    struct jinja *jinja = p->jinja;
    struct view text = jinja_span_view(jinja, p->now.text);
    if (view_is(text, "varargs")) p->varargs = true;
    if (view_is(text, "kwargs")) p->kwargs = true;
    for (uint32_t i = 0; i < jinja->names_len; i++) {
        *name = i;
        if (view_same(jinja_span_view(jinja, jinja->names[i]), text)) return SK_OK;
    }
    if (jinja->names_len == JINJA_NAMES_MAX)
        return FAIL(SK_LIMIT, "chat template line %u: more than %d variables", p->now.line,
                    JINJA_NAMES_MAX);
    *name = jinja->names_len++;
    jinja->names[*name] = p->now.text;
    return SK_OK;
}

// ---- lists of expressions ----

// Items with commas up to `end`, which is taken; `pairs`: key and value with a colon.
static enum sk_code parse_items(struct jinja_parser *p, const char *end, bool pairs,
                                struct jinja_node **out) {
    while (!jinja_parse_is_sign(p, end)) {
        TRY(jinja_parse_expression(p, out));
        out = &(*out)->next;
        if (pairs) {
            TRY(jinja_parse_expect(p, ":"));
            TRY(jinja_parse_expression(p, out));
            out = &(*out)->next;
        }
        if (!jinja_parse_is_sign(p, ",")) break;
        TRY(jinja_parse_next(p));
    }
    return jinja_parse_expect(p, end);
}

// A further item may follow a comma unless one of these stands there.
static bool sequence_ends(const struct jinja_parser *p) {
    return p->now.kind == TOKEN_BLOCK_END || p->now.kind == TOKEN_OUTPUT_END ||
           jinja_parse_is_sign(p, ")") || jinja_parse_is_sign(p, "=");
}

typedef enum sk_code parse_one(struct jinja_parser *, struct jinja_node **);

static enum sk_code parse_sequence_of(struct jinja_parser *p, parse_one *one,
                                      struct jinja_node **out) {
    TRY(one(p, out));
    if (!jinja_parse_is_sign(p, ",")) return SK_OK;
    struct jinja_node *first = *out, **last = &first->next;
    TRY(jinja_parse_node(p, JINJA_TUPLE, out));
    (*out)->a = first;
    while (jinja_parse_is_sign(p, ",")) {
        TRY(jinja_parse_next(p));
        if (sequence_ends(p)) break;
        TRY(one(p, last));
        last = &(*last)->next;
    }
    return SK_OK;
}

enum sk_code jinja_parse_sequence(struct jinja_parser *p, struct jinja_node **out) {
    return parse_sequence_of(p, jinja_parse_expression, out);
}

static enum sk_code parse_name(struct jinja_parser *p, struct jinja_node **out) {
    if (p->now.kind != TOKEN_NAME) return jinja_parse_fail(p, "expected a name");
    TRY(jinja_parse_node(p, JINJA_NAME, out));
    TRY(jinja_parse_variable(p, &(*out)->name));
    return jinja_parse_next(p);
}

enum sk_code jinja_parse_target(struct jinja_parser *p, struct jinja_node **out) {
    bool within = jinja_parse_is_sign(p, "(");
    if (within) TRY(jinja_parse_next(p));
    TRY(parse_sequence_of(p, parse_name, out));
    return within ? jinja_parse_expect(p, ")") : SK_OK;
}

static enum sk_code parse_argument(struct jinja_parser *p, bool parameters,
                                   struct jinja_node **out) {
    bool spread = jinja_parse_is_sign(p, "*"), named = jinja_parse_is_sign(p, "**");
    if (spread || named) {
        if (parameters) return jinja_parse_fail(p, "a parameter is a name");
        TRY(jinja_parse_node(p, spread ? JINJA_SPREAD : JINJA_SPREAD_NAMED, out));
        TRY(jinja_parse_next(p));
        return jinja_parse_expression(p, &(*out)->a);
    }
    TRY(parameters ? parse_name(p, out) : jinja_parse_expression(p, out));
    if (!jinja_parse_is_sign(p, "=")) return SK_OK;
    if ((*out)->kind != JINJA_NAME) return jinja_parse_fail(p, "expected a name before '='");
    (*out)->kind = JINJA_NAMED;
    TRY(jinja_parse_next(p));
    return jinja_parse_expression(p, &(*out)->a);
}

enum sk_code jinja_parse_arguments(struct jinja_parser *p, bool parameters,
                                   struct jinja_node **out) {
    bool named = false;
    TRY(jinja_parse_expect(p, "("));
    while (!jinja_parse_is_sign(p, ")")) {
        TRY(parse_argument(p, parameters, out));
        enum jinja_kind kind = (*out)->kind;
        bool plain = kind != JINJA_NAMED && kind != JINJA_SPREAD && kind != JINJA_SPREAD_NAMED;
        if (plain && named) return jinja_parse_fail(p, "a plain argument after a named one");
        named = named || kind == JINJA_NAMED;
        out = &(*out)->next;
        if (!jinja_parse_is_sign(p, ",")) break;
        TRY(jinja_parse_next(p));
    }
    return jinja_parse_expect(p, ")");
}

// ---- primary expressions and what follows them ----

static enum sk_code parse_literal(struct jinja_parser *p, struct jinja_node **out) {
    static const enum jinja_kind kinds[] = {
        [TOKEN_STRING] = JINJA_STRING, [TOKEN_INT] = JINJA_INT, [TOKEN_FLOAT] = JINJA_FLOAT};
    TRY(jinja_parse_node(p, kinds[p->now.kind], out));
    struct jinja_node *node = *out;
    if (node->kind == JINJA_INT) node->integer = p->now.integer;
    if (node->kind == JINJA_FLOAT) node->real = p->now.real;
    TRY(jinja_parse_next(p));
    // Strings side by side are one: the later ones move to the end of the first.
    while (node->kind == JINJA_STRING && p->now.kind == TOKEN_STRING) {
        struct jinja_span *text = &node->text;
        memmove(p->lexer.text + text->at + text->len, p->lexer.text + p->now.text.at,
                p->now.text.len);
        text->len += p->now.text.len;
        TRY(jinja_parse_next(p));
    }
    return SK_OK;
}

static enum sk_code parse_word(struct jinja_parser *p, struct jinja_node **out) {
    bool yes = jinja_parse_is_name(p, "true") || jinja_parse_is_name(p, "True");
    bool no = jinja_parse_is_name(p, "false") || jinja_parse_is_name(p, "False");
    bool none = jinja_parse_is_name(p, "none") || jinja_parse_is_name(p, "None");
    if (!yes && !no && !none) return parse_name(p, out);
    TRY(jinja_parse_node(p, none ? JINJA_NONE : JINJA_BOOL, out));
    (*out)->integer = yes;
    return jinja_parse_next(p);
}

static enum sk_code parse_parentheses(struct jinja_parser *p, struct jinja_node **out) {
    TRY(jinja_parse_next(p));
    if (jinja_parse_is_sign(p, ")"))
        TRY(jinja_parse_node(p, JINJA_TUPLE, out));
    else
        TRY(jinja_parse_sequence(p, out));
    return jinja_parse_expect(p, ")");
}

static enum sk_code parse_primary(struct jinja_parser *p, struct jinja_node **out) {
    switch (p->now.kind) {
    case TOKEN_STRING:
    case TOKEN_INT:
    case TOKEN_FLOAT: return parse_literal(p, out);
    case TOKEN_NAME: return parse_word(p, out);
    default: break;
    }
    if (jinja_parse_is_sign(p, "(")) return parse_parentheses(p, out);
    bool list = jinja_parse_is_sign(p, "[");
    if (!list && !jinja_parse_is_sign(p, "{")) return jinja_parse_fail(p, "expected an expression");
    TRY(jinja_parse_node(p, list ? JINJA_LIST : JINJA_DICT, out));
    TRY(jinja_parse_next(p));
    return parse_items(p, list ? "]" : "}", !list, &(*out)->a);
}

static enum sk_code parse_member(struct jinja_parser *p, struct jinja_node **out) {
    struct jinja_node *of = *out;
    TRY(jinja_parse_next(p));
    if (p->now.kind != TOKEN_NAME && p->now.kind != TOKEN_INT)
        return jinja_parse_fail(p, "expected a name after '.'");
    bool number = p->now.kind == TOKEN_INT;
    TRY(jinja_parse_node(p, number ? JINJA_ITEM : JINJA_MEMBER, out));
    (*out)->a = of;
    if (number) return parse_literal(p, &(*out)->b);
    return jinja_parse_next(p);
}

// The parts of [a:b:c], each of which may be absent.
static enum sk_code parse_slice(struct jinja_parser *p, struct jinja_node *node) {
    struct jinja_node **parts[] = {&node->b, &node->c, &node->d};
    for (size_t i = 0; i < 3; i++) {
        bool absent = jinja_parse_is_sign(p, ":") || jinja_parse_is_sign(p, "]");
        if (!absent) TRY(jinja_parse_expression(p, parts[i]));
        if (!jinja_parse_is_sign(p, ":")) break;
        node->kind = JINJA_SLICE;
        if (i < 2) TRY(jinja_parse_next(p));
    }
    if (node->kind == JINJA_ITEM && !node->b) return jinja_parse_fail(p, "expected an index");
    return jinja_parse_expect(p, "]");
}

static enum sk_code parse_postfix(struct jinja_parser *p, struct jinja_node **out) {
    TRY(parse_primary(p, out));
    for (;;) {
        struct jinja_node *of = *out;
        if (jinja_parse_is_sign(p, ".")) {
            TRY(parse_member(p, out));
        } else if (jinja_parse_is_sign(p, "[")) {
            TRY(jinja_parse_node(p, JINJA_ITEM, out));
            (*out)->a = of;
            TRY(jinja_parse_next(p));
            TRY(parse_slice(p, *out));
        } else if (jinja_parse_is_sign(p, "(")) {
            TRY(jinja_parse_node(p, JINJA_CALL, out));
            (*out)->a = of;
            TRY(jinja_parse_arguments(p, false, &(*out)->b));
        } else {
            return SK_OK;
        }
    }
}

// ---- operators, from weak to strong ----

enum level { LEVEL_OR, LEVEL_AND, LEVEL_NOT, LEVEL_ADD, LEVEL_MUL, LEVEL_POW, LEVELS };

static enum sk_code parse_level(struct jinja_parser *p, unsigned level, struct jinja_node **out);

static enum sk_code parse_signed(struct jinja_parser *p, struct jinja_node **out) {
    bool minus = jinja_parse_is_sign(p, "-");
    if (!minus && !jinja_parse_is_sign(p, "+")) return parse_postfix(p, out);
    TRY(jinja_parse_enter(p));
    TRY(jinja_parse_node(p, JINJA_UNARY, out));
    (*out)->op = minus ? JINJA_SUB : JINJA_ADD;
    TRY(jinja_parse_next(p));
    TRY(parse_signed(p, &(*out)->a));
    p->nest--;
    return SK_OK;
}

// Whether the current token begins an argument that a test takes without parentheses.
static bool is_bare_argument(const struct jinja_parser *p) {
    static const char *const words[] = {"else", "or", "and", "is", "not", "if", "in"};
    switch (p->now.kind) {
    case TOKEN_STRING:
    case TOKEN_INT:
    case TOKEN_FLOAT: return true;
    case TOKEN_NAME: break;
    default: return jinja_parse_is_sign(p, "[") || jinja_parse_is_sign(p, "{");
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (jinja_parse_is_name(p, words[i])) return false;
    return true;
}

enum sk_code jinja_parse_applied(struct jinja_parser *p, enum jinja_kind kind,
                                 struct jinja_node *operand, struct jinja_node **out) {
    if (p->now.kind != TOKEN_NAME) return jinja_parse_fail(p, "expected a name");
    TRY(jinja_parse_node(p, kind, out));
    (*out)->a = operand;
    TRY(jinja_parse_next(p));
    if (jinja_parse_is_sign(p, "(")) return jinja_parse_arguments(p, false, &(*out)->b);
    if (kind == JINJA_TEST && is_bare_argument(p)) return parse_postfix(p, &(*out)->b);
    return SK_OK;
}

static enum sk_code parse_test(struct jinja_parser *p, struct jinja_node **out) {
    TRY(jinja_parse_next(p));
    bool negated = jinja_parse_is_name(p, "not");
    if (negated) TRY(jinja_parse_next(p));
    TRY(jinja_parse_applied(p, JINJA_TEST, *out, out));
    if (negated) (*out)->op = JINJA_NOT;
    return SK_OK;
}

static enum sk_code parse_filtered(struct jinja_parser *p, struct jinja_node **out) {
    TRY(parse_signed(p, out));
    for (;;) {
        if (jinja_parse_is_sign(p, "|")) {
            TRY(jinja_parse_next(p));
            TRY(jinja_parse_applied(p, JINJA_FILTER, *out, out));
        } else if (jinja_parse_is_name(p, "is")) {
            TRY(parse_test(p, out));
        } else {
            return SK_OK;
        }
    }
}

// The operator of this level at the current token, which is taken then.
static enum sk_code take_operator(struct jinja_parser *p, unsigned level, enum jinja_op *op) {
    static const struct {
        const char *text;
        enum level level;
        enum jinja_op op;
    } table[] = {
        {"or", LEVEL_OR, JINJA_OR},         {"and", LEVEL_AND, JINJA_AND},
        {"in", LEVEL_NOT, JINJA_IN},        {"not", LEVEL_NOT, JINJA_NOT_IN},
        {"==", LEVEL_NOT, JINJA_EQUAL},     {"!=", LEVEL_NOT, JINJA_UNEQUAL},
        {"<", LEVEL_NOT, JINJA_LESS},       {"<=", LEVEL_NOT, JINJA_LESS_EQUAL},
        {">", LEVEL_NOT, JINJA_MORE},       {">=", LEVEL_NOT, JINJA_MORE_EQUAL},
        {"+", LEVEL_ADD, JINJA_ADD},        {"-", LEVEL_ADD, JINJA_SUB},
        {"~", LEVEL_ADD, JINJA_JOIN},       {"*", LEVEL_MUL, JINJA_MUL},
        {"/", LEVEL_MUL, JINJA_DIV},        {"//", LEVEL_MUL, JINJA_FLOOR_DIV},
        {"%", LEVEL_MUL, JINJA_MOD},        {"**", LEVEL_POW, JINJA_POW},
    };
    *op = JINJA_NO_OP;
    if (p->now.kind != TOKEN_SIGN && p->now.kind != TOKEN_NAME) return SK_OK;
    struct view text = jinja_span_view(p->jinja, p->now.text);
    for (size_t i = 0; i < sizeof table / sizeof *table && *op == JINJA_NO_OP; i++)
        if (table[i].level == level && view_is(text, table[i].text)) *op = table[i].op;
    if (*op == JINJA_NO_OP) return SK_OK;
    TRY(jinja_parse_next(p));
    if (*op != JINJA_NOT_IN) return SK_OK;
    if (!jinja_parse_is_name(p, "in")) return jinja_parse_fail(p, "expected 'in' after 'not'");
    return jinja_parse_next(p);
}

static enum sk_code parse_not(struct jinja_parser *p, struct jinja_node **out) {
    TRY(jinja_parse_enter(p));
    TRY(jinja_parse_node(p, JINJA_UNARY, out));
    (*out)->op = JINJA_NOT;
    TRY(jinja_parse_next(p));
    TRY(parse_level(p, LEVEL_NOT, &(*out)->a));
    p->nest--;
    return SK_OK;
}

// a < b < c is a < b and b < c, as in Python.
static enum sk_code chain(struct jinja_parser *p, struct jinja_node *left,
                          struct jinja_node *right, struct jinja_node **out) {
    TRY(jinja_parse_node(p, JINJA_BINARY, out));
    (*out)->op = JINJA_AND;
    (*out)->a = left;
    (*out)->b = right;
    return SK_OK;
}

static enum sk_code parse_level(struct jinja_parser *p, unsigned level, struct jinja_node **out) {
    if (level == LEVELS) return parse_filtered(p, out);
    if (level == LEVEL_NOT && jinja_parse_is_name(p, "not")) return parse_not(p, out);
    TRY(parse_level(p, level + 1, out));
    struct jinja_node *before = NULL;
    for (;;) {
        enum jinja_op op;
        TRY(take_operator(p, level, &op));
        if (op == JINJA_NO_OP) return SK_OK;
        struct jinja_node *left = *out, *node;
        TRY(jinja_parse_node(p, JINJA_BINARY, &node));
        node->op = op;
        node->a = before ? before->b : left;
        TRY(parse_level(p, level + 1, &node->b));
        *out = node;
        if (before) TRY(chain(p, left, node, out));
        if (level == LEVEL_NOT) before = node;
    }
}

enum sk_code jinja_parse_plain(struct jinja_parser *p, struct jinja_node **out) {
    return parse_level(p, LEVEL_OR, out);
}

enum sk_code jinja_parse_expression(struct jinja_parser *p, struct jinja_node **out) {
    TRY(jinja_parse_enter(p));
    TRY(parse_level(p, LEVEL_OR, out));
    while (jinja_parse_is_name(p, "if")) {
        struct jinja_node *node;
        TRY(jinja_parse_node(p, JINJA_CHOICE, &node));
        TRY(jinja_parse_next(p));
        TRY(parse_level(p, LEVEL_OR, &node->a));
        node->b = *out;
        *out = node;
        if (!jinja_parse_is_name(p, "else")) break;
        TRY(jinja_parse_next(p));
        TRY(jinja_parse_expression(p, &node->c));
    }
    p->nest--;
    return SK_OK;
}
