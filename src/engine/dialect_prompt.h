// Dialect prompt: a conversation with tools as a template takes it. Inside the engine only.
//
// Clients write OpenAI's shape; templates differ in what they take of it. What a template needs is
// found by rendering a small conversation with it, once, when the model is opened. A template that
// shows no tools, or takes no calls, gets the generic dialect: the tools are told of in the system
// message (docs/tools.md has the text), calls and their results become texts. All of it stays data:
// none of its bytes becomes a control token.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "engine/dialect_tools.h"
#include "engine/jinja.h"

struct dialect_needs {
    bool texts;     // arguments as JSON texts, not objects
    bool no_null;   // content beside calls is "", not null
    bool one_call;  // one call in each message
    bool no_system; // no system messages: the generic text stands in the first user message
};

// How a template is rendered, for trying it.
struct dialect_trial {
    const struct jinja *jinja;
    struct jinja_input input; // but for `data`
    struct jinja_memory *memory;
    struct jinja_text text; // for small conversations
    struct arena *arena;    // scratch, as out
    struct buf *out;
};
// Which dialect is spoken with a template, and what it needs; `own` is what its text says (NULL:
// nothing).
const struct dialect *dialect_try(struct dialect_trial *trial, const struct dialect *own,
                                  struct dialect_needs *needs);

// Appends the template_data that the template takes instead of the job's; for jobs that have tools,
// calls or their results. SK_INPUT, by "messages: ": calls that are none.
enum sk_code dialect_prompt(const struct dialect_data *data, const struct engine_job *job,
                            const struct dialect *dialect, const struct dialect_needs *needs,
                            struct arena *arena, struct buf *out);
