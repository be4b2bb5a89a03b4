// Bytes as a JSON Schema: a grammar whose texts are UTF-8, within its limits, or refused; the arena
// is as it was, and the same bytes give the same grammar.
#include <stdlib.h>

#include "base/utf8.h"
#include "engine/schema.h"

enum { GBNF_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    static char bytes[GBNF_MAX];
    if (!arena.base && arena_open(&arena, "schema", SCHEMA_MEMORY)) abort();
    struct buf out = buf_over(bytes, sizeof bytes);
    enum sk_code code = schema_to_gbnf((struct view){(const char *)data, size}, &arena, &out);
    if (arena.used != 0 || (code != SK_OK && out.len != 0)) abort();
    if (code == SK_OK && (!utf8_check(buf_view(&out)) || !view_starts(buf_view(&out), VIEW("root"))))
        abort();
    if (code != SK_OK && code != SK_INPUT && code != SK_UNSUPPORTED && code != SK_LIMIT) abort();
    return 0;
}
