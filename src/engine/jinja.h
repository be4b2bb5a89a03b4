// Jinja: the language of chat templates, interpreted. Inside the engine only.
//
// Holds a template as a tree (parsed once) and the memory of one rendering at a time. Takes what
// real `tokenizer.chat_template`s use, with trim_blocks and lstrip_blocks on as Hugging Face
// renders them; docs/templates.md lists it. Promises: every byte of the result carries a mark
// whether it comes from the template (or a trusted string) or from data; bytes are only ever copied
// together with their marks, so no data becomes template text. Time, memory and depth are bounded.
// Refuses: what it does not know, naming the line, rather than guessing; other files (include,
// import, extends).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"
#include "engine/engine.h"

enum {
    JINJA_TEMPLATE_MAX = 1 << 20, // bytes
    JINJA_NODES_MAX = 1 << 16,
    JINJA_NAMES_MAX = 1 << 10, // different variables
    JINJA_NEST_MAX = 100,      // blocks and parentheses within each other
    JINJA_DEPTH_MAX = 600,     // evaluations within each other, macros included
    JINJA_STEPS_MAX = 1 << 22, // evaluations, and items or 32 bytes looked at
    JINJA_TEXT_MAX = 1 << 25,  // bytes of all strings of one rendering
    JINJA_VALUES_MAX = 1 << 26 // bytes of everything else
};

// Bytes with the mark of each: 1 is data, 0 is template text.
struct jinja_text {
    char *at;
    uint8_t *marks;
    uint32_t len, max;
    bool over; // something did not fit; sticky
};

struct jinja; // a parsed template

// Parses into `arena`, which keeps it. SK_UNSUPPORTED: not the Jinja this takes; SK_CORRUPT: not
// UTF-8; SK_LIMIT: larger or deeper than above. The text names line and what.
enum sk_code jinja_parse(struct view source, struct arena *arena, const struct jinja **out);

// A trusted string of the model: bos_token, eos_token.
struct jinja_trusted {
    const char *name;
    struct view text;
};

// What a template is rendered with: `messages` (when there are any; each with role and content),
// `add_generation_prompt` (true), the trusted strings, and over these the members of the JSON
// object `data`. All text of messages and JSON is data, but for the names of roles (in JSON the
// value of a member "role" that is one of a fixed few): templates build markers from those.
struct jinja_input {
    const struct engine_message *messages;
    uint32_t messages_len;
    struct view data; // may be empty
    const struct jinja_trusted *trusted;
    uint32_t trusted_len;
    int64_t time_s; // for strftime_now: since 1970, UTC
};

// Memory of renderings, reserved once; one at a time.
struct jinja_memory {
    struct arena values;
    struct buf texts;
};
enum sk_code jinja_memory_open(struct jinja_memory *memory);
void jinja_memory_close(struct jinja_memory *memory);

// Appends the rendered template to `out`. SK_INPUT: what the template says by raise_exception (the
// text is its own), data that is no JSON object, text that is not UTF-8; SK_UNSUPPORTED: what the
// template does is not known, or does not fit the values; SK_LIMIT: steps, depth, memory, or out is
// full.
enum sk_code jinja_render(const struct jinja *jinja, const struct jinja_input *input,
                          struct jinja_memory *memory, struct jinja_text *out);
