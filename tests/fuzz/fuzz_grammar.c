// Bytes as a grammar, a NUL, and a text under it: whatever is taken, a mask allows exactly the tokens
// that can be taken alone, and what the text was cut into changes nothing.
#include <stdlib.h>
#include <string.h>

#include "engine/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TOKENS = 320, STEPS = 6 };

static struct vocab_token tokens[TOKENS];
static struct view texts[TOKENS];
static struct vocab vocab = {
    .len = TOKENS, .bos = -1, .tokens = tokens, .texts = {.at = texts, .len = TOKENS}};

static void vocab_make(void) {
    static const char longer[] = "{\"a\": [1, 22, \"\\u3042 b\"], true}  \n\n\xe3\x81\x82\xe3\x81 aaaabbbb";
    static char bytes[256];
    for (int i = 0; i < TOKENS; i++) {
        tokens[i].kind = VOCAB_NORMAL;
        if (i < 256) bytes[i] = (char)i;
        texts[i] = i < 256 ? (struct view){bytes + i, 1}
                           : (struct view){longer + (i - 256) * 7 % 40, 2 + (size_t)i % 9};
    }
    tokens[0] = (struct vocab_token){.kind = VOCAB_CONTROL, .end = true};
}

static void step(struct grammar_run *run) {
    const uint64_t *mask;
    uint64_t kept[TOKENS / 64];
    enum sk_code code = grammar_run_mask(run, &mask);
    if (code == SK_LIMIT) return;
    must(code == SK_OK || code == SK_UNSUPPORTED);
    memcpy(kept, mask, sizeof kept);
    for (int32_t i = 0; i < TOKENS; i++) {
        bool allowed;
        if (grammar_run_allows(run, i, &allowed) == SK_OK)
            must(allowed == (kept[i / 64] >> i % 64 & 1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!tokens[0].end) vocab_make();
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    struct view gbnf = {(const char *)data, end ? (size_t)(end - data) : size};
    struct view text = view_from((struct view){(const char *)data, size}, gbnf.len + 1);
    struct grammars grammars = {.vocab = &vocab};
    struct grammar_run run, whole;
    size_t taken;
    if (grammar_run_init(&run, &grammars, gbnf) == SK_OK) {
        must(grammar_run_init(&whole, &grammars, gbnf) == SK_OK);
        step(&run);
        enum sk_code code = grammar_run_text(&whole, text, &taken);
        for (size_t at = 0; at < taken && at < STEPS; at++) {
            if (grammar_run_text(&run, (struct view){text.at + at, 1}, NULL) != SK_OK) break;
            step(&run);
        }
        if (code == SK_OK && text.len <= STEPS) must(run.state == whole.state);
        grammar_run_fini(&whole);
        grammar_run_fini(&run);
    }
    grammars_close(&grammars);
    return 0;
}
