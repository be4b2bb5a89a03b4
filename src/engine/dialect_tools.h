// Dialect tools: which tools a job offers. Inside the engine only.
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
