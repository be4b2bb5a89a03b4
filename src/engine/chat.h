// Chat: messages to the prompt a model was trained on.
//
// A GGUF file brings its template as a Jinja program, which is parsed once, at open, and rendered
// for each job (jinja.h); a model without one that has ChatML's tokens gets ChatML. Promises:
// special tokens stand only where every byte comes from the template or is a trusted string of the
// model, so a message that contains "<|im_end|>" stays a message; text is cut into tokens across
// the border of template and message, as in training. BOS stands once where the vocabulary asks for
// it, whether the template writes it or not. Refuses: a template the interpreter does not know
// (raw prompts still work), and models with neither template nor <|im_start|>: guessing would
// change what the model says.
#pragma once
#include "base/fail.h"
#include "engine/dialect_prompt.h"
#include "engine/engine.h"
#include "engine/jinja.h"
#include "engine/tokenize.h"

struct chat {
    const struct vocab *vocab;
    const struct jinja *jinja; // NULL: why_not says why
    const struct dialect *dialect; // the generic one, when the template knows no tools
    struct dialect_needs needs;
    const struct dialect_thought *thought; // NULL: none
    struct arena program;
    struct jinja_memory memory;
    struct arena scratch; // of a job's template_data, as long as one call
    struct buf data;      // and what the template takes instead
    enum sk_code why_code;
    char why_not[256];
};

// Parses the template and reserves memory for renderings. SK_LIMIT: there is no memory; a template
// that is not understood is no failure here.
enum sk_code chat_open(struct chat *chat, const struct vocab *vocab, struct view chat_template);
void chat_close(struct chat *chat);

// Appends the ids of the job's messages and of the opened answer; `text` is scratch for the prompt.
// SK_INPUT: the template refuses the messages, in its own words.
enum sk_code chat_prompt(const struct chat *chat, struct tokenizer *tokenizer,
                         const struct engine_job *job, struct jinja_text *text, struct ids *out);
