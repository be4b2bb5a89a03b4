// Where the line around byte `at` of a text begins, and where it ends: at its break, or the text's
// end. Texts that are scanned have less than 4 GiB.
#pragma once
#include <stdint.h>

#include "base/view.h"

static inline uint32_t line_start(struct view text, size_t at) {
    const char *feed = at ? (const char *)memrchr(text.at, '\n', at) : NULL;
    return feed ? (uint32_t)(feed - text.at) + 1 : 0;
}

static inline uint32_t line_end(struct view text, size_t at) {
    const char *feed =
        at < text.len ? (const char *)memchr(text.at + at, '\n', text.len - at) : NULL;
    return (uint32_t)(feed ? (size_t)(feed - text.at) : text.len);
}
