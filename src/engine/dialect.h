// Dialects: the forms in which models write calls of tools, and their thoughts. Inside the engine.
//
// A form is a row of literals around a call's name and arguments; which row a model speaks is read
// off its chat template. In a literal a space or line break stands for any white space, none
// included: models differ there from their templates, and JSON does not care. Marks may be control
// tokens, which have no text of their own: a literal matches the token's name. Facts: the models'
// published chat templates; llama.cpp's common/chat (formats only). docs/tools.md is the list.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"

enum { DIALECT_SIGNS_MAX = 3, DIALECT_LITERAL_MAX = 96 };

// How arguments are written.
enum dialect_arguments {
    DIALECT_JSON, // one object
    DIALECT_TAGS, // each argument between tags: strings as they are, all else as JSON
    DIALECT_PAIRS, // {key:value,…}, strings between quotes of the dialect's own
};

// Which ids calls have in a conversation.
enum dialect_ids {
    DIALECT_IDS_ANY,
    DIALECT_IDS_NINE,  // nine letters or digits
    DIALECT_IDS_NAMED, // functions.NAME:NUMBER
};

struct dialect {
    const char *name;
    const char *signs[DIALECT_SIGNS_MAX]; // of a template that means this form: all of them
    // An answer's calls: open before NAME after ARGUMENTS [tag] close {next NAME …} end.
    const char *open;
    const char *before;
    const char *after;
    const char *tag; // holds DIALECT_ID; NULL: none. It may be left out
    const char *close;
    const char *next; // from one call to the name of the next
    const char *end;
    // DIALECT_TAGS: each argument is argument[0] KEY argument[1] VALUE argument[2]; white space in
    // the last two is exact, since it may be the value's.
    const char *argument[3];
    const char *quote; // DIALECT_PAIRS
    enum dialect_arguments arguments;
    enum dialect_ids ids;
    bool bare;    // at the beginning of an answer `open` may be left out
    bool refused; // known, and not spoken here
};

// In a literal: letters and digits.
#define DIALECT_ID '\1'

// The marks around thoughts, which come before everything else of an answer.
struct dialect_thought {
    const char *open, *close;
};

// Calls as Hermes writes them, for templates that know no tools.
extern const struct dialect dialect_generic;

// The row of a template, or NULL: its template says nothing of calls.
const struct dialect *dialect_find(struct view chat_template);
// SK_UNSUPPORTED, by "tools: ": it is refused.
enum sk_code dialect_check(const struct dialect *dialect);
// NULL: it says nothing of thoughts.
const struct dialect_thought *dialect_thought_find(struct view chat_template);

// Takes a literal off the front of a text.
bool dialect_match(const char *literal, struct view *text);

static inline bool dialect_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
static inline bool dialect_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}
