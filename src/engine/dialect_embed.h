// Dialect embed: one grammar within another. For dialect_grammar.c.
#pragma once
#include "base/buf.h"
#include "base/view.h"

// Appends the rules of a GBNF text, `prefix` put before each of their names.
void dialect_embed(struct view gbnf, const char *prefix, struct buf *out);

// A character of a class [...] of GBNF.
void dialect_put_class(struct buf *out, char c);
