// Pieces on their way to border: what a place sent at once goes on at once, as one message, for one
// grant. A token that comes by itself waits for no other.
#include "node/room_ferry.h"

#include <string.h>

#include "node/piece.h"

static void piece_tell(struct ferry_answer *answer, const struct msg_piece *piece) {
    struct msg msg = {.type = MSG_piece, .id = answer->id, .descriptor = -1, .as.piece = *piece};
    must(answer->grants > 0);
    answer->grants--;
    answer->tokens += piece->tokens;
    room_send(&ferry.room, ROOM_BORDER, &msg);
}

void ferry_gathered_tell(struct ferry_answer *answer, struct ferry_gathered *gathered) {
    if (gathered->parts_len) piece_tell(answer, &gathered->piece);
    gathered->parts_len = 0;
}

static uint32_t parts_count(struct view parts) {
    struct engine_part part;
    uint32_t len = 0;
    while (piece_part_take(&parts, &part))
        len++;
    return len;
}

static bool fits(const struct ferry_gathered *gathered, struct view parts, uint32_t parts_len) {
    return gathered->parts_len + parts_len <= ENGINE_PARTS_MAX &&
           gathered->piece.parts.len + parts.len <= sizeof gathered->storage;
}

bool ferry_gather(struct ferry_answer *answer, struct ferry_gathered *gathered) {
    const struct upstream_event *event = &answer->event;
    struct msg_piece *all = &gathered->piece;
    uint32_t parts_len = parts_count(event->parts);
    // Log-probabilities are of this piece's tokens; tokens without text belong to no other.
    bool alone = event->logprobs.len || !parts_len || event->parts.len > sizeof gathered->storage;
    if (gathered->parts_len && (alone || !fits(gathered, event->parts, parts_len)))
        ferry_gathered_tell(answer, gathered);
    if (!gathered->parts_len && answer->grants == 0) return false;
    if (alone) {
        struct msg_piece piece = {
            .tokens = event->tokens, .parts = event->parts, .logprobs = event->logprobs};
        piece_tell(answer, &piece);
        return true;
    }
    if (!gathered->parts_len) *all = (struct msg_piece){.parts = {gathered->storage, 0}};
    memcpy(gathered->storage + all->parts.len, event->parts.at, event->parts.len);
    all->parts.len += event->parts.len;
    all->tokens += event->tokens;
    gathered->parts_len += parts_len;
    return true;
}
