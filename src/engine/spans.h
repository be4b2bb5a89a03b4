// Spans: parts of a conversation's texts, as asked or one for each sentence.
//
// Sentences end after 。．！？ and line ends, and after . ! ? where white space or the end follows,
// with what closes after them (quotes, brackets) and the white space behind: together they are the
// whole text. Promises: every span is not empty and lies within its text. Texts are UTF-8.
#pragma once
#include "base/fail.h"
#include "engine/engine.h"

struct span {
    uint32_t message, first, end; // code points
    size_t from, to;              // the same in bytes
};

struct spans {
    struct span at[ENGINE_SPANS_MAX];
    uint32_t len;
};

// SK_INPUT: a span that is empty or outside, no text at all; SK_LIMIT: too many.
enum sk_code spans_find(const struct engine_attribute *ask, struct spans *out);
