// Witnessing: what strangers ask of this node as a witness of their logs goes on to the ledger, and
// its answer back. No key is asked for: a request carries its own proof, and an answer tells what
// everybody may know.
#include "node/room_border.h"

void witness_arrives(struct border_state *state, const struct msg *msg) {
    static const struct refusal busy = {429, 1, "rate_limit_error", "busy", ""};
    const struct msg_witness *fields = &msg->as.witness;
    bool known = fields->what == WITNESS_ADD || fields->what == WITNESS_LAST;
    if (!known || fields->len == 0 || fields->len > WITNESS_FILE_MAX) {
        room_drop(&state->room, ROOM_GATE, "witness: too long, or of nothing");
        return;
    }
    struct msg ask = {.type = MSG_witness_ask, .descriptor = msg->descriptor};
    ask.id = relay_add(&state->witnessing, msg->id, NULL);
    if (ask.id == 0) {
        border_refuse(state, msg->id, busy, "Too many checkpoints at once. Try again later.");
        return;
    }
    ask.as.witness_ask = (struct msg_witness_ask){.what = fields->what, .len = fields->len};
    room_send(&state->room, ROOM_LEDGER, &ask);
}

void witness_told(struct border_state *state, const struct msg *msg) {
    const struct msg_witness_told *told = &msg->as.witness_told;
    uint64_t gate_id = relay_take(&state->witnessing, msg->id).gate_id;
    if (gate_id == 0) return;
    struct msg out = {.type = MSG_witnessed, .id = gate_id, .descriptor = msg->descriptor};
    out.as.witnessed =
        (struct msg_witnessed){.status = told->status, .type = told->type, .len = told->len};
    room_send(&state->room, ROOM_GATE, &out);
}
