// Any bytes as the index of built data: refused, or counts that fit each other.
#include <stdlib.h>
#include <string.h>

#include "taken.h"
#include "train/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    static struct data read;
    if (!arena.base) must(arena_open(&arena, "fuzz", 64 << 20) == SK_OK);
    arena_reset(&arena);
    char *text = malloc(size ? size : 1);
    must(text);
    if (size) memcpy(text, data, size);
    if (data_index_read(text, size, &arena, &read) == SK_OK) {
        fuzz_take();
        must(read.sources_len >= 1 && read.sources_len <= RECIPE_SOURCES_MAX && read.context >= 2);
        must(data_rows(&read, DATA_TRAIN) < UINT64_C(1) << 46);
    }
    free(text);
    return 0;
}
