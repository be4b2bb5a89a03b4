// Witnessing: what strangers ask of this node as a witness of their logs goes on to the ledger, and
// its answer back. No key is asked for: a request carries its own proof, and an answer tells what
// everybody may know.
#include "node/room_border.h"

enum { WITNESSES_MAX = 64 }; // requests that the ledger has at once

struct witness_row {
    uint64_t id, gate_id; // id 0: free; gate_id 0: for nobody any more
};
static struct witness_row rows[WITNESSES_MAX];

static struct witness_row *row_of(uint64_t id) {
    for (size_t i = 0; i < WITNESSES_MAX; i++)
        if (rows[i].id == id) return &rows[i];
    return NULL;
}

// A new gate counts its ids from the beginning.
void witness_gate_lost(void) {
    for (size_t i = 0; i < WITNESSES_MAX; i++)
        rows[i].gate_id = 0;
}

void witness_arrives(struct border_state *state, const struct msg *msg) {
    static const struct refusal busy = {429, 1, "rate_limit_error", "busy", ""};
    static uint64_t next;
    const struct msg_witness *fields = &msg->as.witness;
    struct witness_row *row = row_of(0);
    bool known = fields->what == WITNESS_ADD || fields->what == WITNESS_LAST;
    if (!known || fields->len == 0 || fields->len > WITNESS_FILE_MAX) {
        room_drop(&state->room, ROOM_GATE, "witness: too long, or of nothing");
        return;
    }
    if (!row) {
        border_refuse(state, msg->id, busy, "Too many checkpoints at once. Try again later.");
        return;
    }
    *row = (struct witness_row){++next, msg->id};
    struct msg ask = {.type = MSG_witness_ask, .id = row->id, .descriptor = msg->descriptor};
    ask.as.witness_ask = (struct msg_witness_ask){.what = fields->what, .len = fields->len};
    room_send(&state->room, ROOM_LEDGER, &ask);
}

void witness_told(struct border_state *state, const struct msg *msg) {
    const struct msg_witness_told *told = &msg->as.witness_told;
    struct witness_row *row = msg->id ? row_of(msg->id) : NULL;
    if (!row) return;
    uint64_t gate_id = row->gate_id;
    *row = (struct witness_row){0};
    if (gate_id == 0) return;
    struct msg out = {.type = MSG_witnessed, .id = gate_id, .descriptor = msg->descriptor};
    out.as.witnessed =
        (struct msg_witnessed){.status = told->status, .type = told->type, .len = told->len};
    room_send(&state->room, ROOM_GATE, &out);
}
