// Bytes as a template, and after a NUL the JSON it is rendered with: parsed and rendered within its
// limits, or refused; marks are 0 or 1, the text stays UTF-8, and without data nothing is data.
#include <stdlib.h>

#include "base/utf8.h"
#include "engine/jinja.h"

enum { OUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena program;
    static struct jinja_memory memory;
    static char bytes[OUT_MAX];
    static uint8_t marks[OUT_MAX];
    if (!program.base && (arena_open(&program, "program", 16 << 20) || jinja_memory_open(&memory)))
        abort();
    arena_reset(&program);
    const struct jinja *jinja;
    struct view all = {(const char *)data, size};
    const char *nul = size ? memchr(data, 0, size) : NULL;
    struct view source = {all.at, nul ? (size_t)(nul - all.at) : size};
    struct jinja_input input = {.data = nul ? view_from(all, source.len + 1) : VIEW("")};
    struct jinja_text out = {.at = bytes, .marks = marks, .max = OUT_MAX};
    if (jinja_parse(source, &program, &jinja) != SK_OK) return 0;
    if (jinja_render(jinja, &input, &memory, &out) != SK_OK) return 0;
    if (!utf8_check((struct view){out.at, out.len})) abort();
    for (uint32_t i = 0; i < out.len; i++)
        if (marks[i] > 1) abort();
    return 0;
}
