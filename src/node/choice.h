// Choice: the value that the commitment of an answer is of (docs/ledger-format.md). Used by border
// as the answer passes, and by whoever checks it: replay, verify.
//
// Content is there as it is. What is of another channel than the part before, and every call,
// begins with a mark: 0x1E, the channel's name, 0x1F. A 0x1E of a text is doubled, so no text looks
// like a mark: one value has one answer.
#pragma once
#include "base/buf.h"
#include "engine/engine.h"

enum { CHOICE_MARK_MAX = 12 }; // bytes

// Appends one part. *last is the channel of the part before (ENGINE_CONTENT before the first).
void choice_put(enum engine_channel *last, struct engine_part part, struct buf *out);
