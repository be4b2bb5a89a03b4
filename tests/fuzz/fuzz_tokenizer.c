// Any bytes as text: the tokens of well-formed text join to that text, and none is a control
// token. First byte: which tokenizer.
#include <stdio.h>
#include <stdlib.h>

#include "../unit/gguf_make.h"
#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KINDS = 5, TEXT_MAX = 4096 };

static struct engine *engine_of(unsigned kind) {
    static struct engine *engines[KINDS]; // made once, held to the end
    static struct make makes[KINDS];
    static const char *const cuts[KINDS] = {NULL, "gpt-2", "smollm", "llama-bpe", "qwen2"};
    if (engines[kind]) return engines[kind];
    makes[kind] = (struct make){.bytewise = cuts[kind] != NULL,
                                .key = cuts[kind] ? "tokenizer.ggml.pre" : NULL,
                                .kind = 8,
                                .text = cuts[kind]};
    struct engine_options options = {.slots = 1, .threads = 1};
    must(engine_open_file(&engines[kind], make_file(&makes[kind]), options) == SK_OK);
    return engines[kind];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int32_t ids[TEXT_MAX];
    static char joined[TEXT_MAX];
    if (size < 1 || size > TEXT_MAX) return 0;
    unsigned kind = data[0] % KINDS;
    const struct engine *engine = engine_of(kind);
    struct view text = {(const char *)data + 1, size - 1};
    size_t len;
    enum sk_code code = engine_tokenize(engine, text, data[0] & 0x80, ids, TEXT_MAX, &len);
    must(code == SK_OK || !utf8_check(text)); // U+FFFD for many bytes may be too long
    if (!utf8_check(text) || (data[0] & 0x80)) return 0;
    struct buf out = buf_over(joined, sizeof joined);
    for (size_t i = 0; i < len; i++) {
        size_t before = out.len;
        engine_detokenize(engine, ids[i], &out);
        must(out.len > before); // a control token has no bytes
    }
    // U+2581 stands for a space in "llama": that text comes back with the space.
    must(kind == 0 || view_same(buf_view(&out), text));
    return 0;
}
