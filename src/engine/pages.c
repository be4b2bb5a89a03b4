#include "engine/pages.h"

#include <stddef.h>
#include <sys/mman.h>

static const uint64_t huge = 2 << 20;

// Whole pages of 2 MB from that size on: a part of one would be made of small ones.
static uint64_t rounded(uint64_t bytes) {
    return bytes < huge ? bytes : (bytes + huge - 1) / huge * huge;
}

static void *map(uint64_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

void *pages_take(uint64_t bytes) {
    if (bytes < huge) return map(bytes);
    bytes = rounded(bytes);
    char *at = map(bytes + huge); // with room to begin where a page of 2 MB does
    if (!at) return NULL;
    size_t before = (huge - (uintptr_t)at % huge) % huge;
    if (before) munmap(at, before);
    at += before;
    munmap(at + bytes, huge - before);
    (void)madvise(at, bytes, MADV_HUGEPAGE);
    return at;
}

void pages_give(void *at, uint64_t bytes) {
    if (at) munmap(at, rounded(bytes));
}
