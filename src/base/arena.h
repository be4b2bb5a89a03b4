// Arena: memory of one lifetime (a room, a request), born with its ceiling and freed at once.
//
// Promises: blocks are zeroed and aligned to 16; past the ceiling arena_take returns NULL and keeps
// an SK_LIMIT text. Refuses: freeing single blocks, growing.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

struct arena {
    char *base;
    size_t used, max;
    size_t peak;      // the most that was taken since pages last went back
    const char *name; // for the text of the limit
};

// Reserves `max` bytes of address space; pages are touched as they are taken.
enum sk_code arena_open(struct arena *arena, const char *name, size_t max);
void arena_close(struct arena *arena);

// `count` zeroed items of `size` bytes, or NULL with SK_LIMIT kept.
void *arena_take(struct arena *arena, size_t count, size_t size);

// The same, not zeroed: for tables that are written before they are read.
void *arena_take_raw(struct arena *arena, size_t count, size_t size);

// A NUL-terminated copy of `text`, or NULL with SK_LIMIT kept.
char *arena_text(struct arena *arena, struct view text);

// All that is left, for a text whose length shows when it is written; arena_keep then takes its
// first `len` bytes and returns them.
struct buf arena_rest(const struct arena *arena);
struct view arena_keep(struct arena *arena, size_t len);

// Everything taken so far is given back; pages stay with the process for the next use.
void arena_reset(struct arena *arena);

// The same, and pages past the first `kept` bytes go back to the kernel, if any were taken. What
// was written to arena_rest and never kept does not count.
void arena_shrink(struct arena *arena, size_t kept);
