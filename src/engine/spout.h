// Spout: bytes of tokens in, text for the client out.
//
// Promises: what comes out is whole UTF-8 characters (bytes that may still complete one are held;
// bytes that never will become U+FFFD); a stop string is found across tokens, the earliest first,
// and neither it nor anything after it comes out; bytes that may begin a stop are held.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"
#include "base/view.h"
#include "engine/engine.h"
#include "engine/vocab.h"

enum { SPOUT_HELD_MAX = VOCAB_PIECE_MAX + ENGINE_STOP_LEN_MAX + 4 };
_Static_assert(3 * SPOUT_HELD_MAX <= ENGINE_PIECE_MAX, "each held byte may become U+FFFD");

struct spout {
    char stops[ENGINE_STOPS_MAX][ENGINE_STOP_LEN_MAX];
    size_t stop_lens[ENGINE_STOPS_MAX];
    uint32_t stops_len;
    char held[SPOUT_HELD_MAX], text[ENGINE_PIECE_MAX];
    size_t held_len;
};

// SK_INPUT: an empty stop or one that is not UTF-8; SK_LIMIT: too many or too long.
enum sk_code spout_init(struct spout *spout, const struct engine_job *job);

// Adds one token's bytes (<= VOCAB_PIECE_MAX). *text is what may go out now, valid until the next
// call; returns which stop string was found, or ENGINE_NO_STOP. When one was, and for the `last`
// bytes, nothing stays held.
uint32_t spout_put(struct spout *spout, struct view bytes, bool last, struct view *text);

// What is still held, at the end.
struct view spout_end(struct spout *spout);

// A message instead: the text, cut to the room there is, valid until the next call.
struct view spout_say(struct spout *spout, struct view text);
