// Reads of the log: who may, and on to the ledger. Checkpoint and hashes are for everybody who may
// connect, for they tell nothing of a request; entries name keys and places: for keys of auditors.
#include "node/room_border.h"

static const struct refusal refusal_busy = {429, 1, "rate_limit_error", "busy", ""},
                            refusal_absent = {404, 0, "invalid_request_error", "not_found", ""},
                            refusal_server = {500, 0, "server_error", "internal_error", ""};

void tile_arrives(struct border_state *state, const struct msg *msg) {
    const struct msg_tile *tile = &msg->as.tile;
    struct border_key *key;
    if (tile->entries && !border_admit(state, msg, tile->credential, &key)) return;
    struct msg cut = {.type = MSG_cut, .descriptor = -1};
    cut.id = relay_add(&state->tiles, msg->id, NULL);
    if (cut.id == 0) {
        border_refuse(state, msg->id, refusal_busy,
                      "Too many pieces of the log are being read. Try again later.");
        return;
    }
    cut.as.cut = (struct msg_cut){tile->entries, tile->level, tile->index, tile->width, 0};
    room_send(&state->room, ROOM_LEDGER, &cut);
}

void tile_cut(struct border_state *state, const struct msg *msg) {
    uint64_t gate_id = relay_take(&state->tiles, msg->id).gate_id;
    if (gate_id == 0) return;
    if (msg->type == MSG_uncut) {
        bool absent = msg->as.uncut.code == SK_UNKNOWN;
        border_refuse(state, gate_id, absent ? refusal_absent : refusal_server,
                      absent ? "The log has no such tile: its checkpoint is of fewer entries."
                             : "The log could not be read.");
        return;
    }
    struct msg found = {.type = MSG_found, .id = gate_id, .descriptor = msg->descriptor};
    found.as.found.len = msg->as.slice.len;
    room_send(&state->room, ROOM_GATE, &found);
}
