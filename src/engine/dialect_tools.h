// Dialect tools: which tools a job offers. Inside the engine only.
//
// Reads `tools` and `messages` of a job's template_data, in OpenAI's shape, and `strict_tools`, the
// names of those whose schema must be held. Refuses, by "tools: " or "tool_choice: " and the place:
// other types than functions, names that are not 1..64 letters, digits, _ and -, or come twice,
// parameters that are no object, a choice that is not offered.
#pragma once
#include "base/arena.h"
#include "base/json.h"
#include "engine/dialect.h"
#include "engine/engine.h"

enum {
    TOOLS_MAX = 128,         // as OpenAI
    TOOLS_TEXTS_MAX = 16384, // bytes of the names of arguments that are plain strings
    TOOLS_KEY_MAX = 128,     // bytes of one
};

// The offered tools by name. With a dialect that writes strings as they are: which arguments of
// each are strings, as lines "tool number, length, name".
struct dialect_tools {
    uint32_t len;
    uint8_t name_lens[TOOLS_MAX];
    char names[TOOLS_MAX][ENGINE_NAME_MAX];
    uint32_t texts_len;
    char texts[TOOLS_TEXTS_MAX];
};

// The number of a tool, or -1.
int dialect_tools_find(const struct dialect_tools *tools, struct view name);
// Whether an argument of a tool is written as it is.
bool dialect_tools_is_text(const struct dialect_tools *tools, uint32_t tool, struct view key);

// A job's template_data, read into an arena.
struct dialect_data {
    const struct json_node *root, *messages, *tools; // NULL: there is none
    const struct json_node *functions[TOOLS_MAX];
    uint32_t functions_len;
    bool offered; // something may be called: there are tools, and the choice is not none
    bool calls;   // messages hold calls or their results
    size_t used;  // of the arena it was read into
};

enum sk_code dialect_data_read(const struct engine_job *job, struct arena *arena,
                               struct dialect_data *out);

static inline struct view dialect_function_name(const struct json_node *function) {
    return json_view(json_find(function, "name"));
}
