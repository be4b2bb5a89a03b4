#include "base/arena.h"

#include <string.h>
#include <sys/mman.h>

enum { ARENA_ALIGN = 16 };

enum sk_code arena_open(struct arena *arena, const char *name, size_t max) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *base = mmap(NULL, max, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (base == MAP_FAILED) return FAIL(SK_LIMIT, "arena %s: cannot reserve %zu bytes", name, max);
    *arena = (struct arena){.base = base, .max = max, .name = name};
    return SK_OK;
}

void arena_close(struct arena *arena) {
    if (arena->base) munmap(arena->base, arena->max);
    *arena = (struct arena){0};
}

static void arena_grow(struct arena *arena, size_t padded) {
    size_t left = arena->max - arena->used;
    arena->used += padded < left ? padded : left;
    if (arena->peak < arena->used) arena->peak = arena->used;
}

void *arena_take_raw(struct arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > arena->max - arena->used) {
        FAIL(SK_LIMIT, "arena %s: %zu x %zu bytes do not fit in the %zu left of %zu", arena->name,
             count, size, arena->max - arena->used, arena->max);
        return NULL;
    }
    char *block = arena->base + arena->used;
    size_t padded = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    arena_grow(arena, padded);
    return block;
}

void *arena_take(struct arena *arena, size_t count, size_t size) {
    void *block = arena_take_raw(arena, count, size);
    if (block) memset(block, 0, count * size);
    return block;
}

char *arena_text(struct arena *arena, struct view text) {
    char *copy = arena_take(arena, text.len + 1, 1);
    if (copy && text.len) memcpy(copy, text.at, text.len);
    return copy;
}

struct buf arena_rest(const struct arena *arena) {
    return buf_over(arena->base + arena->used, arena->max - arena->used);
}

struct view arena_keep(struct arena *arena, size_t len) {
    struct view kept = {arena->base + arena->used, len};
    must(len <= arena->max - arena->used);
    size_t padded = (len + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    arena_grow(arena, padded);
    return kept;
}

void arena_reset(struct arena *arena) { arena->used = 0; }

void arena_shrink(struct arena *arena, size_t kept) {
    must(kept % 4096 == 0);
    arena->used = 0;
    if (kept >= arena->peak) return;
    madvise(arena->base + kept, arena->max - kept, MADV_DONTNEED);
    arena->peak = kept;
}
