// A file in memory, as a sink of the trainer's writers; `max`: the disk is full there.
#pragma once
#include <string.h>

#include "train/gguf_write.h"

struct memory {
    char *at;
    size_t len, max;
};

static inline enum sk_code memory_put(void *self, const void *bytes, size_t len) {
    struct memory *m = self;
    if (len > m->max - m->len) return FAIL(SK_LIMIT, "the disk is full");
    memcpy(m->at + m->len, bytes, len);
    m->len += len;
    return SK_OK;
}

static inline struct view memory_view(const struct memory *m) {
    return (struct view){m->at, m->len};
}
