// Dialect grammar: what an answer may be, as GBNF: calls of the offered tools in the dialect's
// form, their arguments held to the tools' schemas; text of the job's format; or either.
//
// A tool in `strict_tools` whose schema cannot be held is refused, naming the keyword; for another
// its arguments are then any JSON object. Refuses by "tools: " also names of arguments that the
// dialect cannot write.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "engine/dialect_tools.h"
#include "engine/grammar.h"
#include "engine/vocab.h"

struct dialect_binding {
    const struct engine_job *job;
    const struct dialect_data *data;
    const struct vocab *vocab;
    const struct dialect *dialect;
    const struct dialect_thought *thought; // NULL: none
    bool thinking; // the prompt began the thoughts
    bool one_call; // whatever the job allows
    bool loose;    // out: some tool's schema is not held; in: none is that need not be
};

// How an answer is bound.
enum dialect_bond {
    DIALECT_FREE,
    DIALECT_LAZY,  // from the mark of a call on
    DIALECT_BOUND, // from the beginning, but for thoughts that the prompt began
};

// Fills the tools that the answer's reader needs and appends the grammar, if there is any. Of
// thoughts it knows the mark they begin with, and that white space may follow them: between,
// nothing is bound. The arena is scratch.
enum sk_code dialect_bind(struct dialect_binding *binding, struct arena *arena,
                          struct dialect_tools *tools, struct buf *gbnf, enum dialect_bond *bond);
// The grammar of thoughts, to their end: whatever does not end the answer.
void dialect_bind_thoughts(const struct dialect_binding *binding, struct buf *gbnf);
