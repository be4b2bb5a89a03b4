// Dialect binder: a grammar of calls while it is written. For dialect_grammar*.c only.
#pragma once
#include <string.h>

#include "engine/dialect_grammar.h"

struct binder {
    const struct dialect_binding *with;
    const struct engine_job *job;
    const struct dialect_data *data;
    struct arena *arena;
    struct dialect_tools *tools;
    struct buf *out;
    struct buf schema; // one schema's grammar
    uint64_t work;     // of all schemas
    uint32_t rules;    // of pairs
    bool loose, any;   // some schema is not held; the rules of any JSON are needed
};

void binder_quoted(struct binder *b, struct view text);
// A mark may come as a token or by its bytes.
void binder_mark(struct binder *b, const char *mark);
bool binder_is_strict(const struct binder *b, uint32_t tool);
// Whether a schema says no more than that something is a string; where it is not strict it may say
// more.
bool binder_is_any_string(const struct json_node *schema, bool strict);
// Whether it is one of some strings, in none of which `end` can begin.
bool binder_is_choice(const struct json_node *schema, const char *end);
bool binder_is_required(const struct json_node *schema, struct view key);
// The rules of a part of a tool's schema as JSON, its root named `prefix` and "root".
enum sk_code binder_schema(struct binder *b, const struct json_node *schema, const char *prefix,
                           uint32_t tool);

// dialect_grammar_pairs.c: the rule "t{tool}-root" of a tool's arguments (schema NULL: none), and
// once at the end what all of them use; the rule `text` is whatever the quote does not end.
enum sk_code binder_pairs(struct binder *b, uint32_t tool, const struct json_node *schema);
void binder_pairs_end(struct binder *b);
