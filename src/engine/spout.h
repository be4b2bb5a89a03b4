// Spout: bytes of tokens in, text for the client out.
//
// Promises: what comes out is whole UTF-8 characters (bytes that may still complete one are held;
// bytes that never will become U+FFFD); a stop string is found across tokens, the earliest first,
// and neither it nor anything after it comes out; bytes that may begin a stop are held.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"
#include "engine/engine.h"
#include "engine/vocab.h"

enum { SPOUT_PUT_MAX = VOCAB_PIECE_MAX, SPOUT_HELD_MAX = SPOUT_PUT_MAX + ENGINE_STOP_LEN_MAX + 4 };

struct spout {
    char stops[ENGINE_STOPS_MAX][ENGINE_STOP_LEN_MAX];
    size_t stop_lens[ENGINE_STOPS_MAX];
    uint32_t stops_len;
    char held[SPOUT_HELD_MAX];
    size_t held_len;
};

// SK_INPUT: an empty stop or one that is not UTF-8; SK_LIMIT: too many or too long.
enum sk_code spout_init(struct spout *spout, const struct engine_job *job);

// Adds bytes (<= SPOUT_PUT_MAX) and appends to out what may go now; returns which stop string was
// found, or ENGINE_NO_STOP. When one was nothing stays held. Only where `stops` is set are stops
// looked for, and the bytes held are then content too.
uint32_t spout_put(struct spout *spout, struct view bytes, bool stops, struct buf *out);

// What is still held, at the end.
void spout_end(struct spout *spout, struct buf *out);
