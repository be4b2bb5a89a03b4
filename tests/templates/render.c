// render TEMPLATE JSON TIME: the engine's rendering of a template, for comparing it with others.
// Writes the text and exits with 0, or writes why not to stderr: 2 when the template refuses the
// input (raise_exception), 3 for anything else.
#include <stdio.h>
#include <stdlib.h>

#include "engine/jinja.h"

enum { FILE_MAX = 1 << 21, OUT_MAX = 1 << 24 };

static struct view read_file(const char *path) {
    char *bytes = malloc(FILE_MAX);
    FILE *file = fopen(path, "rb");
    if (!bytes || !file) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    size_t len = fread(bytes, 1, FILE_MAX, file);
    fclose(file);
    return (struct view){bytes, len};
}

int main(int argc, char **argv) {
    if (argc != 4) return 1;
    struct arena arena;
    struct jinja_memory memory;
    const struct jinja *jinja;
    struct jinja_text out = {.at = malloc(OUT_MAX), .marks = malloc(OUT_MAX), .max = OUT_MAX};
    struct jinja_input input = {.data = read_file(argv[2]), .time_s = atoll(argv[3])};
    if (!out.at || !out.marks) return 1;
    if (arena_open(&arena, "template", 1 << 24) != SK_OK || jinja_memory_open(&memory) != SK_OK)
        return 1;
    enum sk_code code = jinja_parse(read_file(argv[1]), &arena, &jinja);
    if (code == SK_OK) code = jinja_render(jinja, &input, &memory, &out);
    if (code == SK_OK) {
        fwrite(out.at, 1, out.len, stdout);
        return 0;
    }
    fprintf(stderr, "%s: %s\n", fail_name(code), fail_text());
    return code == SK_INPUT ? 2 : 3;
}
