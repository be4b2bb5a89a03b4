// Bytes as a JSON Schema: a grammar that the engine reads, or refused; the arena is as it was.
#include <stdlib.h>

#include "engine/grammar.h"
#include "engine/schema.h"

enum { GBNF_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_grammar(struct view text) {
    static struct grammars grammars;
    struct grammar_run run = {0};
    size_t taken;
    enum sk_code code = grammar_run_init(&run, &grammars, text);
    if (code == SK_LIMIT) return;
    if (code != SK_OK) abort();
    if (grammar_run_text(&run, VIEW("{\"a\": "), &taken) == SK_OK && grammar_run_ends(&run))
        abort();
    grammar_run_fini(&run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    static char bytes[GBNF_MAX];
    if (!arena.base && arena_open(&arena, "schema", SCHEMA_MEMORY)) abort();
    struct buf out = buf_over(bytes, sizeof bytes);
    uint64_t work = 0;
    enum sk_code code =
        schema_to_gbnf((struct view){(const char *)data, size}, &arena, &work, &out);
    if (arena.used != 0 || (code != SK_OK && out.len != 0)) abort();
    if (code == SK_OK) read_grammar(buf_view(&out));
    if (code != SK_OK && code != SK_INPUT && code != SK_UNSUPPORTED && code != SK_LIMIT) abort();
    return 0;
}
