// Jinja's tree: what the parser makes and the interpreter walks. Inside jinja_*.c only.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "engine/jinja.h"

enum jinja_kind {
    // Blocks: those of one body are linked by `next`.
    JINJA_TEXT,   // text
    JINJA_OUTPUT, // a
    JINJA_SET,    // a target, b value or c body
    JINJA_IF,     // a condition, b body, c otherwise (one JINJA_IF for elif)
    JINJA_FOR,    // a target, b what, c body, d otherwise, e condition
    JINJA_MACRO,  // name, a parameters, b body
    JINJA_CALLED, // call block: a parameters of caller, b the call, c body
    JINJA_FILTERED, // a filter (its operand NULL), b body
    JINJA_BREAK,
    JINJA_CONTINUE,
    // Expressions
    JINJA_STRING, // text
    JINJA_INT,
    JINJA_FLOAT,
    JINJA_BOOL,
    JINJA_NONE,
    JINJA_NAME,   // name
    JINJA_LIST,   // a items
    JINJA_TUPLE,  // a items
    JINJA_DICT,   // a items: key, value, key, value
    JINJA_MEMBER, // a.text
    JINJA_ITEM,   // a[b]
    JINJA_SLICE,  // a[b:c:d], each may be NULL
    JINJA_CALL,   // a(b)
    JINJA_FILTER, // a | text(b)
    JINJA_TEST,   // a is text(b), op JINJA_NOT for `is not`
    JINJA_UNARY,  // op a
    JINJA_BINARY, // a op b
    JINJA_CHOICE, // b if a else c; c may be NULL
    // Arguments and parameters
    JINJA_NAMED,       // text = a; as a parameter also name
    JINJA_SPREAD,      // *a
    JINJA_SPREAD_NAMED // **a
};

enum jinja_op {
    JINJA_NO_OP,
    JINJA_OR,
    JINJA_AND,
    JINJA_NOT,
    JINJA_EQUAL,
    JINJA_UNEQUAL,
    JINJA_LESS,
    JINJA_LESS_EQUAL,
    JINJA_MORE,
    JINJA_MORE_EQUAL,
    JINJA_IN,
    JINJA_NOT_IN,
    JINJA_ADD,
    JINJA_SUB,
    JINJA_JOIN, // ~
    JINJA_MUL,
    JINJA_DIV,
    JINJA_FLOOR_DIV,
    JINJA_MOD,
    JINJA_POW,
};

// Text of a template by its place in jinja.text.
struct jinja_span {
    uint32_t at, len;
};

struct jinja_node {
    enum jinja_kind kind;
    enum jinja_op op;
    uint32_t line, name; // name: index of a variable
    struct jinja_span text;
    union {
        int64_t integer; // INT, BOOL
        double real;
        struct {
            bool varargs, kwargs; // MACRO, CALLED: the body speaks of them
        };
    };
    struct jinja_node *a, *b, *c, *d, *e, *next;
};

// Variables every template knows, with the first indices.
enum { JINJA_NAME_LOOP, JINJA_NAME_CALLER, JINJA_NAME_VARARGS, JINJA_NAME_KWARGS };

struct jinja {
    struct view text; // of the template, escapes of its strings resolved in place, and own names
    struct jinja_node *body;
    struct jinja_span *names;
    uint32_t names_len;
};

static inline struct view jinja_span_view(const struct jinja *jinja, struct jinja_span span) {
    return (struct view){jinja->text.at + span.at, span.len};
}

// ---- tokens ----

enum jinja_token_kind {
    TOKEN_END,
    TOKEN_TEXT,
    TOKEN_BLOCK,      // {%
    TOKEN_BLOCK_END,  // %}
    TOKEN_OUTPUT,     // {{
    TOKEN_OUTPUT_END, // }}
    TOKEN_NAME,
    TOKEN_STRING,
    TOKEN_INT,
    TOKEN_FLOAT,
    TOKEN_SIGN, // an operator or bracket: its characters are the text
};

struct jinja_token {
    enum jinja_token_kind kind;
    uint32_t line;
    struct jinja_span text;
    int64_t integer;
    double real;
};

struct jinja_lexer {
    char *text;
    uint32_t len, at, line, braces;
    bool inside;              // of a tag
    bool after_dot;
};

enum sk_code jinja_lex(struct jinja_lexer *lexer, struct jinja_token *token);

// Bytes of the white space character (as in JavaScript's \s) at the beginning or end of text, or 0.
size_t jinja_space_first(struct view text);
size_t jinja_space_last(struct view text);
