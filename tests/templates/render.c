// render TEMPLATE JSON TIME [tools]: the engine's rendering of a template, for comparing it with
// others; `tools`: of what the template takes instead of tools and calls, with the dialect's name as
// the first line. Writes the text and exits with 0, or writes why not to stderr: 2 when the template
// refuses the input (raise_exception), 3 for anything else.
#include <stdio.h>
#include <stdlib.h>

#include "engine/dialect_prompt.h"

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

static struct jinja_text text_of(size_t max) {
    struct jinja_text text = {.at = malloc(max), .marks = malloc(max), .max = (uint32_t)max};
    if (!text.at || !text.marks) exit(1);
    return text;
}

// Puts what the template takes in the place of input->data.
static enum sk_code take(const struct jinja *jinja, struct view source, struct jinja_memory *memory,
                         struct jinja_input *input) {
    static struct arena scratch;
    static struct buf out;
    static const struct jinja_trusted trusted[] = {
        {"bos_token", {"<s>", 3}}, {"eos_token", {"</s>", 4}}, {"unk_token", {"<unk>", 5}}};
    TRY(arena_open(&scratch, "scratch", 1 << 26));
    TRY(buf_open(&out, OUT_MAX));
    struct dialect_trial trial = {.jinja = jinja,
                                  .input = *input,
                                  .memory = memory,
                                  .text = text_of(1 << 16),
                                  .arena = &scratch,
                                  .out = &out};
    trial.input.trusted = trusted;
    trial.input.trusted_len = 3;
    struct dialect_needs needs;
    struct dialect_data data;
    const struct dialect *dialect = dialect_try(&trial, dialect_find(source), &needs);
    printf("%s%s%s%s\n", dialect->name, needs.texts ? " texts" : "",
           needs.no_null ? " no_null" : "", needs.one_call ? " one_call" : "");
    struct engine_job job = {.template_data = input->data, .parallel_calls = true};
    TRY(dialect_data_read(&job, &scratch, &data));
    if (!data.calls && !data.offered) return SK_OK;
    TRY(dialect_prompt(&data, &job, dialect, &needs, &scratch, &out));
    input->data = buf_view(&out);
    return SK_OK;
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 5) return 1;
    struct arena arena;
    struct jinja_memory memory;
    const struct jinja *jinja;
    struct jinja_text out = text_of(OUT_MAX);
    struct view source = read_file(argv[1]);
    struct jinja_input input = {.data = read_file(argv[2]), .time_s = atoll(argv[3])};
    if (arena_open(&arena, "template", 1 << 24) != SK_OK || jinja_memory_open(&memory) != SK_OK)
        return 1;
    enum sk_code code = jinja_parse(source, &arena, &jinja);
    if (code == SK_OK && argc == 5) code = take(jinja, source, &memory, &input);
    if (code == SK_OK) code = jinja_render(jinja, &input, &memory, &out);
    if (code == SK_OK) {
        fwrite(out.at, 1, out.len, stdout);
        return 0;
    }
    fprintf(stderr, "%s: %s\n", fail_name(code), fail_text());
    return code == SK_INPUT ? 2 : 3;
}
