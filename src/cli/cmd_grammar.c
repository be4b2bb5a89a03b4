#include "cli/cli.h"

#include <stdio.h>

static const char usage[] =
    "usage: sekisho grammar [--schema] [--check TEXT] [FILE|-]\n\n"
    "Reads a GBNF grammar (llama.cpp's dialect) as an answer under it would be made. Needs no\n"
    "model; so tokens can be named by number only.\n\n"
    "  FILE          the grammar; without it, that of any JSON object is printed\n"
    "  --schema      FILE is a JSON Schema: its grammar is printed\n"
    "  --check TEXT  tells whether the text in this file is of the grammar (exit 0), and where it\n"
    "                leaves it when it is not (exit 1); nothing else is printed\n";

enum { GRAMMAR_MAX = 1 << 24, CHECKED_MAX = 1 << 26 };

static enum sk_code check(struct view gbnf, const char *path, bool *whole) {
    struct buf text = {0};
    size_t taken;
    TRY(buf_open(&text, CHECKED_MAX));
    enum sk_code code = cli_read(path, &text);
    if (code == SK_OK) code = engine_format_match(gbnf, buf_view(&text), &taken, whole);
    if (code == SK_OK && !*whole)
        printf("not of the grammar: %s byte %zu of %zu\n",
               taken < text.len ? "wrong at" : "not ended at", taken, text.len);
    buf_close(&text);
    return code;
}

static enum sk_code run(const char *file, bool schema, const char *text, bool *whole) {
    struct buf in = {0}, gbnf = {0};
    size_t taken;
    enum engine_format format = !file ? ENGINE_JSON : schema ? ENGINE_JSON_SCHEMA : ENGINE_GBNF;
    enum sk_code code = buf_open(&in, GRAMMAR_MAX);
    if (code == SK_OK) code = buf_open(&gbnf, GRAMMAR_MAX);
    if (code == SK_OK && file) code = cli_read(file, &in);
    if (code == SK_OK) code = engine_format_gbnf(format, buf_view(&in), &gbnf);
    if (code == SK_OK && text) code = check(buf_view(&gbnf), text, whole);
    if (code == SK_OK && !text) { // also a grammar that is only read must be one
        code = engine_format_match(buf_view(&gbnf), VIEW(""), &taken, whole);
        *whole = true;
        if (code == SK_OK) fwrite(gbnf.at, 1, gbnf.len, stdout);
    }
    buf_close(&in);
    buf_close(&gbnf);
    return code;
}

int cmd_grammar(int argc, char **argv) {
    const char *text = NULL;
    bool schema = false, whole = false;
    const struct cli_option options[] = {
        {"--check", &text, NULL}, {"--schema", NULL, &schema}, {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest > 1 || (schema && rest == 0)) return cli_usage(usage, "one FILE, or '-'");
    if (run(rest ? argv[1] : NULL, schema, text, &whole) != SK_OK) return cli_failed();
    return whole ? EXIT_DONE : EXIT_FAILED;
}
