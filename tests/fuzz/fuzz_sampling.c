// Bytes as a sampler's settings: what is read is written as a text that reads and writes the same.
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena;

// The canonical text of `text`, which is changed; false when it is refused.
static bool canon(char *text, size_t len, struct buf *out) {
    struct engine_sampling sampling;
    arena_reset(&arena);
    buf_reset(out);
    if (engine_sampling_read(text, len, &arena, &sampling) != SK_OK) return false;
    must(engine_sampling_write(&sampling, out) == SK_OK);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char pages[3][ENGINE_SAMPLING_TEXT_MAX];
    struct buf first = buf_over(pages[0], sizeof pages[0]);
    struct buf second = buf_over(pages[1], sizeof pages[1]);
    if (!arena.base && arena_open(&arena, "sampling", 1 << 20) != SK_OK) abort();
    char *text = malloc(size + 1);
    if (!text) abort();
    if (size) memcpy(text, data, size);
    if (canon(text, size, &first)) {
        memcpy(pages[2], first.at, first.len);
        must(canon(pages[2], first.len, &second));
        must(view_same(buf_view(&first), buf_view(&second)));
    }
    free(text);
    return 0;
}
