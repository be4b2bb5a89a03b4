// Parser, blocks: {% if %}, {% for %}, {% macro %} and their bodies.
#include <string.h>

#include "base/utf8.h"
#include "engine/jinja_parse.h"

// Whether the current token is one of the names in `ends`, a text such as " else endif ".
static bool is_end(const struct jinja_parser *p, const char *ends) {
    struct view text = jinja_span_view(p->jinja, p->now.text);
    const char *found = memmem(ends, strlen(ends), text.at, text.len);
    return p->now.kind == TOKEN_NAME && found && found > ends && found[-1] == ' ' &&
           found[text.len] == ' ';
}

static enum sk_code parse_block(struct jinja_parser *p, struct jinja_node **out);

static enum sk_code block_end(struct jinja_parser *p) {
    if (p->now.kind != TOKEN_BLOCK_END) return jinja_parse_fail(p, "expected '%}'");
    return jinja_parse_next(p);
}

// Text and blocks up to a block whose name is in `ends`; that name becomes the current token.
// Without `ends`: up to the end of the template.
static enum sk_code parse_body(struct jinja_parser *p, const char *ends, struct jinja_node **out) {
    uint32_t line = p->now.line;
    TRY(jinja_parse_enter(p));
    for (; p->now.kind != TOKEN_END;) {
        if (p->now.kind == TOKEN_TEXT) {
            TRY(jinja_parse_node(p, JINJA_TEXT, out));
            TRY(jinja_parse_next(p));
        } else if (p->now.kind == TOKEN_OUTPUT) {
            TRY(jinja_parse_node(p, JINJA_OUTPUT, out));
            TRY(jinja_parse_next(p));
            TRY(jinja_parse_sequence(p, &(*out)->a));
            if (p->now.kind != TOKEN_OUTPUT_END) return jinja_parse_fail(p, "expected '}}'");
            TRY(jinja_parse_next(p));
        } else {
            TRY(jinja_parse_next(p));
            if (ends && is_end(p, ends)) break;
            TRY(parse_block(p, out));
        }
        while (*out) out = &(*out)->next; // a block may be none or several
    }
    p->nest--;
    if (ends && p->now.kind == TOKEN_END)
        return FAIL(SK_UNSUPPORTED, "chat template: what begins before line %u lacks one of:%s",
                    line, ends);
    return SK_OK;
}

// A body and the block that ends it.
static enum sk_code parse_whole(struct jinja_parser *p, const char *end, struct jinja_node **out) {
    TRY(block_end(p));
    TRY(parse_body(p, end, out));
    TRY(jinja_parse_next(p));
    // {% endmacro name %} and {% endblock name %} may say again what they end.
    if (p->now.kind == TOKEN_NAME) TRY(jinja_parse_next(p));
    return block_end(p);
}

static enum sk_code parse_if(struct jinja_parser *p, struct jinja_node **out) {
    for (;;) { // an elif is an `if` in the place of `else`
        TRY(jinja_parse_node(p, JINJA_IF, out));
        struct jinja_node *node = *out;
        TRY(jinja_parse_next(p));
        TRY(jinja_parse_expression(p, &node->a));
        TRY(block_end(p));
        TRY(parse_body(p, " elif else endif ", &node->b));
        if (jinja_parse_is_name(p, "elif")) {
            out = &node->c;
            continue;
        }
        bool otherwise = jinja_parse_is_name(p, "else");
        TRY(jinja_parse_next(p));
        return otherwise ? parse_whole(p, " endif ", &node->c) : block_end(p);
    }
}

// What a loop runs over: `a`, `a if condition` (which chooses items), `a if b else c`.
static enum sk_code parse_loop_items(struct jinja_parser *p, struct jinja_node *node) {
    TRY(jinja_parse_plain(p, &node->b));
    if (jinja_parse_is_name(p, "if")) {
        TRY(jinja_parse_next(p));
        TRY(jinja_parse_plain(p, &node->e));
    }
    if (!node->e || !jinja_parse_is_name(p, "else")) return SK_OK;
    struct jinja_node *choice;
    TRY(jinja_parse_node(p, JINJA_CHOICE, &choice));
    choice->a = node->e;
    choice->b = node->b;
    node->b = choice;
    node->e = NULL;
    TRY(jinja_parse_next(p));
    return jinja_parse_expression(p, &choice->c);
}

static enum sk_code parse_for(struct jinja_parser *p, struct jinja_node **out) {
    TRY(jinja_parse_node(p, JINJA_FOR, out));
    struct jinja_node *node = *out;
    TRY(jinja_parse_next(p));
    TRY(jinja_parse_target(p, &node->a));
    if (!jinja_parse_is_name(p, "in")) return jinja_parse_fail(p, "expected 'in'");
    TRY(jinja_parse_next(p));
    TRY(parse_loop_items(p, node));
    if (jinja_parse_is_name(p, "recursive")) return jinja_parse_fail(p, "recursive loops");
    TRY(block_end(p));
    p->loops++;
    TRY(parse_body(p, " else endfor ", &node->c));
    p->loops--;
    bool otherwise = jinja_parse_is_name(p, "else");
    TRY(jinja_parse_next(p));
    return otherwise ? parse_whole(p, " endfor ", &node->d) : block_end(p);
}

static bool is_target(const struct jinja_node *node) {
    if (node->kind == JINJA_NAME || node->kind == JINJA_MEMBER) return true;
    if (node->kind != JINJA_TUPLE) return false;
    for (const struct jinja_node *item = node->a; item; item = item->next)
        if (item->kind != JINJA_NAME) return false;
    return true;
}

static enum sk_code parse_set(struct jinja_parser *p, struct jinja_node **out) {
    TRY(jinja_parse_node(p, JINJA_SET, out));
    struct jinja_node *node = *out;
    TRY(jinja_parse_next(p));
    TRY(jinja_parse_sequence(p, &node->a));
    if (jinja_parse_is_sign(p, "=")) {
        TRY(jinja_parse_next(p));
        TRY(jinja_parse_sequence(p, &node->b));
        if (!is_target(node->a)) return jinja_parse_fail(p, "this cannot be set");
        return block_end(p);
    }
    // {% set name | filter %}body{% endset %}: the filter is applied to the body.
    struct jinja_node *last = node->a;
    if (last->kind == JINJA_FILTER) {
        for (; last->a->kind == JINJA_FILTER;) last = last->a;
        node->d = node->a;
        node->a = last->a;
        last->a = NULL;
    }
    if (!is_target(node->a)) return jinja_parse_fail(p, "this cannot be set");
    return parse_whole(p, " endset ", &node->c);
}

// The body of a macro or call block, and whether it speaks of varargs and kwargs.
static enum sk_code parse_macro_body(struct jinja_parser *p, struct jinja_node *node,
                                     const char *end, struct jinja_node **body) {
    bool varargs = p->varargs, kwargs = p->kwargs;
    uint32_t loops = p->loops;
    p->varargs = p->kwargs = false;
    p->loops = 0;
    TRY(parse_whole(p, end, body));
    node->varargs = p->varargs;
    node->kwargs = p->kwargs;
    p->varargs = varargs;
    p->kwargs = kwargs;
    p->loops = loops;
    return SK_OK;
}

static enum sk_code parse_macro(struct jinja_parser *p, struct jinja_node **out) {
    TRY(jinja_parse_next(p));
    if (p->now.kind != TOKEN_NAME) return jinja_parse_fail(p, "expected the macro's name");
    TRY(jinja_parse_node(p, JINJA_MACRO, out));
    TRY(jinja_parse_variable(p, &(*out)->name));
    TRY(jinja_parse_next(p));
    TRY(jinja_parse_arguments(p, true, &(*out)->a));
    return parse_macro_body(p, *out, " endmacro ", &(*out)->b);
}

static enum sk_code parse_call(struct jinja_parser *p, struct jinja_node **out) {
    TRY(jinja_parse_node(p, JINJA_CALLED, out));
    struct jinja_node *node = *out;
    TRY(jinja_parse_next(p));
    if (jinja_parse_is_sign(p, "(")) TRY(jinja_parse_arguments(p, true, &node->a));
    TRY(jinja_parse_expression(p, &node->b));
    if (node->b->kind != JINJA_CALL) return jinja_parse_fail(p, "expected a call");
    return parse_macro_body(p, node, " endcall ", &node->c);
}

static enum sk_code parse_filter(struct jinja_parser *p, struct jinja_node **out) {
    TRY(jinja_parse_node(p, JINJA_FILTERED, out));
    struct jinja_node *node = *out;
    TRY(jinja_parse_next(p));
    TRY(jinja_parse_applied(p, JINJA_FILTER, NULL, &node->a));
    while (jinja_parse_is_sign(p, "|")) {
        TRY(jinja_parse_next(p));
        TRY(jinja_parse_applied(p, JINJA_FILTER, node->a, &node->a));
    }
    return parse_whole(p, " endfilter ", &node->b);
}

static enum sk_code parse_generation(struct jinja_parser *p, struct jinja_node **out) {
    TRY(jinja_parse_next(p));
    return parse_whole(p, " endgeneration ", out);
}

static enum sk_code parse_leave(struct jinja_parser *p, struct jinja_node **out) {
    if (p->loops == 0) return jinja_parse_fail(p, "break or continue outside of a loop");
    bool leave = jinja_parse_is_name(p, "break");
    TRY(jinja_parse_node(p, leave ? JINJA_BREAK : JINJA_CONTINUE, out));
    TRY(jinja_parse_next(p));
    return block_end(p);
}

// After "{%": the block's name is the current token.
static enum sk_code parse_block(struct jinja_parser *p, struct jinja_node **out) {
    static const struct {
        const char *name;
        enum sk_code (*parse)(struct jinja_parser *, struct jinja_node **);
    } blocks[] = {
        {"if", parse_if},       {"for", parse_for},         {"set", parse_set},
        {"macro", parse_macro}, {"call", parse_call},       {"filter", parse_filter},
        {"break", parse_leave}, {"continue", parse_leave},  {"generation", parse_generation},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (jinja_parse_is_name(p, blocks[i].name)) return blocks[i].parse(p, out);
    struct view name = jinja_span_view(p->jinja, p->now.text);
    return FAIL(SK_UNSUPPORTED, "chat template line %u: no block '%.*s' here", p->now.line,
                name.len < 40 ? (int)name.len : 40, name.len ? name.at : "");
}

// Copies a source with its lines ended by \n, however they end there, and without the last end;
// returns its length.
static uint32_t copy_lines(char *to, struct view source) {
    uint32_t len = 0;
    for (size_t i = 0; i < source.len; i++) {
        char next = i + 1 < source.len ? source.at[i + 1] : '\0';
        if (source.at[i] == '\r' && next == '\n') continue;
        to[len++] = source.at[i] == '\r' ? '\n' : source.at[i];
    }
    return len && to[len - 1] == '\n' ? len - 1 : len;
}

// The text of a template, with the names every template knows after it.
static enum sk_code open_text(struct jinja *jinja, struct view source, struct arena *arena,
                              struct jinja_lexer *lexer) {
    static const char *const known[] = {"loop", "caller", "varargs", "kwargs"};
    static const char joined[] = "loopcallervarargskwargs";
    char *text = arena_take(arena, source.len + sizeof joined, 1);
    jinja->names = arena_take(arena, JINJA_NAMES_MAX, sizeof *jinja->names);
    if (!text || !jinja->names) return SK_LIMIT;
    uint32_t at = copy_lines(text, source);
    memcpy(text + at, joined, sizeof joined);
    lexer->text = text;
    lexer->len = at;
    for (uint32_t i = 0; i < sizeof known / sizeof *known; i++) {
        jinja->names[i] = (struct jinja_span){at, (uint32_t)strlen(known[i])};
        at += jinja->names[i].len;
    }
    jinja->names_len = sizeof known / sizeof *known;
    jinja->text = (struct view){text, at};
    return SK_OK;
}

enum sk_code jinja_parse(struct view source, struct arena *arena, const struct jinja **out) {
    if (source.len > JINJA_TEMPLATE_MAX)
        return FAIL(SK_LIMIT, "chat template: %zu bytes > %d", source.len, JINJA_TEMPLATE_MAX);
    if (!utf8_check(source)) return FAIL(SK_CORRUPT, "chat template: not UTF-8");
    struct jinja *jinja = arena_take(arena, 1, sizeof *jinja);
    if (!jinja) return SK_LIMIT;
    struct jinja_parser parser = {.lexer = {.line = 1}, .arena = arena, .jinja = jinja};
    TRY(open_text(jinja, source, arena, &parser.lexer));
    TRY(jinja_parse_next(&parser));
    TRY(parse_body(&parser, NULL, &jinja->body));
    *out = jinja;
    return SK_OK;
}
