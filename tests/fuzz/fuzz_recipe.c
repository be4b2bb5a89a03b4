// Any bytes as a recipe: refused with a place, or read within its limits and written back.
#include <stdint.h>

#include "taken.h"
#include "train/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    static char storage[1 << 24];
    struct recipe recipe;
    if (!arena.base) must(arena_open(&arena, "fuzz", 64 << 20) == SK_OK);
    arena_reset(&arena);
    struct view text = {(const char *)data, size};
    if (recipe_read(text, "fuzz", &arena, &recipe) != SK_OK) {
        must(fail_text()[0]);
        return 0;
    }
    fuzz_take();
    must(recipe.data.sources_len >= 1 && recipe.data.sources_len <= RECIPE_SOURCES_MAX);
    must((recipe.base.len > 0) != (recipe.shape.layers > 0));
    for (uint32_t i = 0; i < recipe.data.sources_len; i++)
        must(recipe.data.sources[i].licence.len && recipe.data.sources[i].files.len);
    struct buf out = buf_over(storage, sizeof storage);
    recipe_write(&recipe, RECIPE_ALL, &out);
    must(!out.over);
    return 0;
}
