// Piece: what new tokens brought, as it travels from engine to gate (struct gate_piece).
//
//   parts     for each u8 enum engine_channel, u32 len, bytes
//   logprobs  for each token: u16 len, bytes, f32 logprob, u8 n, then n x (u16 len, bytes, f32)
// A token's bytes need not be whole characters; a part's are.
#pragma once
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"
#include "engine/engine.h"

enum {
    PIECE_PARTS_MAX = 16384,    // as in msg.def
    PIECE_LOGPROBS_MAX = 45056, // as in msg.def
    PIECE_TOKEN_MAX = 2048,     // bytes of one token's text
    // The most one token's log-probabilities can take.
    PIECE_WEIGHED_MAX = 1 + (1 + ENGINE_CANDIDATES_MAX) * (6 + PIECE_TOKEN_MAX),
};
_Static_assert(ENGINE_PIECE_MAX + 5 * ENGINE_PARTS_MAX <= PIECE_PARTS_MAX, "an event is a piece");
_Static_assert(PIECE_WEIGHED_MAX <= PIECE_LOGPROBS_MAX, "a token's log-probabilities are a piece");

void piece_part_put(struct engine_part part, struct buf *parts);
// The next part of what is left; false at the end, or when what is left begins with none.
bool piece_part_take(struct view *parts, struct engine_part *out);
// SK_CORRUPT: not the wire above, more than ENGINE_PARTS_MAX, one that is empty or not UTF-8, a
// name over ENGINE_NAME_MAX, arguments of no call. *last is the channel of the part before, and
// then of the last one here.
enum sk_code piece_parts_check(struct view parts, enum engine_channel *last);

// A token's text and logprob; `more` alternatives follow, each with `piece_alternative_put`.
void piece_token_put(struct view text, float logprob, uint32_t more, struct buf *logprobs);
void piece_alternative_put(struct view text, float logprob, struct buf *logprobs);
// SK_CORRUPT: not the wire above, or a number that is none.
enum sk_code piece_logprobs_check(struct view logprobs);

// Pieces that came at once and travel as one: text of the channel that spoke last goes on in its
// part, log-probabilities follow each other, tokens are added up. The answer is the same as one by
// one. Zeroed memory is a beginning.
enum {
    PIECE_JOINED_PARTS = 1024, // bytes: border puts values in, which are longer than their masks
    PIECE_JOINED_LOGPROBS = 8192,
};
struct piece_joined {
    char parts[PIECE_JOINED_PARTS], logprobs[PIECE_JOINED_LOGPROBS];
    size_t parts_len, logprobs_len;
    size_t last_at;           // where the last part begins,
    enum engine_channel last; //   and its channel
    uint32_t count, tokens;   // parts; tokens of all pieces
};
// Adds a piece, whose parts are whole. False, and nothing is added: it has no room here, or its
// log-probabilities would stand beside text of another channel.
bool piece_join(struct piece_joined *joined, struct view parts, struct view logprobs,
                uint32_t tokens);
