// Pieces on their way to border: what a place sent at once goes on at once, as one message, for one
// grant. A token that comes by itself waits for no other.
#include "node/room_ferry.h"

static void piece_tell(struct ferry_answer *answer, struct msg_piece piece) {
    struct msg msg = {.type = MSG_piece, .id = answer->id, .descriptor = -1, .as.piece = piece};
    must(answer->grants > 0);
    answer->grants--;
    answer->tokens += piece.tokens;
    room_send(&ferry.room, ROOM_BORDER, &msg);
}

void ferry_gathered_tell(void) {
    struct ferry_answer *answer = ferry.gathering;
    struct piece_joined *joined = &ferry.joined;
    if (!answer) return;
    piece_tell(answer, (struct msg_piece){
                           .tokens = joined->tokens,
                           .parts = {joined->parts, joined->parts_len},
                           .logprobs = {joined->logprobs, joined->logprobs_len},
                       });
    joined->parts_len = joined->logprobs_len = 0;
    joined->count = joined->tokens = 0;
    ferry.gathering = NULL;
}

bool ferry_gather(struct ferry_answer *answer) {
    const struct upstream_event *event = &answer->event;
    struct view parts = event->parts, logprobs = event->logprobs;
    if (ferry.gathering != answer) ferry_gathered_tell();
    if (ferry.gathering && piece_join(&ferry.joined, parts, logprobs, event->tokens)) return true;
    ferry_gathered_tell(); // it is full, or of another kind
    if (answer->grants == 0) return false;
    if (piece_join(&ferry.joined, parts, logprobs, event->tokens))
        ferry.gathering = answer;
    else
        piece_tell(answer, (struct msg_piece){
                               .tokens = event->tokens, .parts = parts, .logprobs = logprobs});
    return true;
}
