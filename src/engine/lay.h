// Lay: one block of memory laid out by the same code twice, first to learn its size (base NULL),
// then for real. So what a file asks for is known, and judged, before anything is allocated.
//
// Promises: items are aligned to a cache line; sums and products that pass 2^48 set `over`.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LAY_ALIGN = 64 };

struct lay {
    char *base; // zeroed; NULL while measuring
    uint64_t used;
    bool over;
};

// `count` zeroed items of `size` bytes; NULL while measuring.
static inline void *lay_take(struct lay *lay, uint64_t count, uint64_t size) {
    uint64_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > UINT64_C(1) << 48) {
        lay->over = true;
        return NULL;
    }
    char *at = lay->base ? lay->base + lay->used : NULL;
    lay->used += (bytes + LAY_ALIGN - 1) & ~(uint64_t)(LAY_ALIGN - 1);
    if (lay->used > UINT64_C(1) << 48) lay->over = true;
    return lay->over ? NULL : at;
}
