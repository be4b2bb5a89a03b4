#include "engine/dialect_tools.h"

int dialect_tools_find(const struct dialect_tools *tools, struct view name) {
    for (uint32_t i = 0; i < tools->len; i++)
        if (view_same((struct view){tools->names[i], tools->name_lens[i]}, name)) return (int)i;
    return -1;
}

bool dialect_tools_is_text(const struct dialect_tools *tools, uint32_t tool, struct view key) {
    for (uint32_t at = 0; at < tools->texts_len;) {
        uint8_t of = (uint8_t)tools->texts[at], len = (uint8_t)tools->texts[at + 1];
        if (of == tool && view_same((struct view){tools->texts + at + 2, len}, key)) return true;
        at += 2u + len;
    }
    return false;
}
