// Parser of templates: what its two files, expressions and blocks, share. Inside jinja_*.c only.
#pragma once
#include "engine/jinja_tree.h"

struct jinja_parser {
    struct jinja_lexer lexer;
    struct jinja_token now;
    struct arena *arena;
    struct jinja *jinja;
    uint32_t nodes, nest, loops;
    bool varargs, kwargs; // named since the macro began
};

enum sk_code jinja_parse_fail(const struct jinja_parser *p, const char *what);
enum sk_code jinja_parse_enter(struct jinja_parser *p); // one level deeper; SK_LIMIT at the last
enum sk_code jinja_parse_next(struct jinja_parser *p);
enum sk_code jinja_parse_node(struct jinja_parser *p, enum jinja_kind kind,
                              struct jinja_node **out);

// What the current token is.
bool jinja_parse_is_sign(const struct jinja_parser *p, const char *sign);
bool jinja_parse_is_name(const struct jinja_parser *p, const char *name);
// Takes the current token when it is that; `expect` refuses when it is not.
enum sk_code jinja_parse_expect(struct jinja_parser *p, const char *sign);

enum sk_code jinja_parse_expression(struct jinja_parser *p, struct jinja_node **out);
// One that may be a tuple without parentheses: a, b.
enum sk_code jinja_parse_sequence(struct jinja_parser *p, struct jinja_node **out);
// Without a choice (`if`) at its end: what a loop runs over.
enum sk_code jinja_parse_plain(struct jinja_parser *p, struct jinja_node **out);
// A name or names with commas, perhaps in parentheses: what a loop assigns to.
enum sk_code jinja_parse_target(struct jinja_parser *p, struct jinja_node **out);
// "(...)": arguments of a call, or parameters of a macro.
enum sk_code jinja_parse_arguments(struct jinja_parser *p, bool parameters,
                                   struct jinja_node **out);
// name and perhaps (...), applied to `operand` as filter or test.
enum sk_code jinja_parse_applied(struct jinja_parser *p, enum jinja_kind kind,
                                 struct jinja_node *operand, struct jinja_node **out);
// The variable of the current token, which is a name.
enum sk_code jinja_parse_variable(struct jinja_parser *p, uint32_t *name);
