// Reads of the log: who may, and on to the ledger. Checkpoint and hashes are for everybody who may
// connect, for they tell nothing of a request; entries name keys and places: for keys of auditors.
#include "node/room_border.h"

enum { TILES_MAX = 64 }; // that the ledger is asked for at once

static const struct refusal refusal_busy = {429, 1, "rate_limit_error", "busy", ""},
                            refusal_absent = {404, 0, "invalid_request_error", "not_found", ""},
                            refusal_server = {500, 0, "server_error", "internal_error", ""};

struct tile_read {
    uint64_t id, gate_id; // id 0: free; gate_id 0: for nobody any more
};
static struct tile_read reads[TILES_MAX];

static struct tile_read *read_of(uint64_t id) {
    for (size_t i = 0; i < TILES_MAX; i++)
        if (reads[i].id == id) return &reads[i];
    return NULL;
}

// A new gate counts its ids from the beginning.
void tiles_gate_lost(void) {
    for (size_t i = 0; i < TILES_MAX; i++)
        reads[i].gate_id = 0;
}

void tile_arrives(struct border_state *state, const struct msg *msg) {
    static uint64_t next;
    const struct msg_tile *tile = &msg->as.tile;
    struct border_key *key;
    if (tile->entries && !border_admit(state, msg, tile->credential, &key)) return;
    struct tile_read *row = read_of(0);
    if (!row) {
        border_refuse(state, msg->id, refusal_busy,
                      "Too many pieces of the log are being read. Try again later.");
        return;
    }
    *row = (struct tile_read){++next, msg->id};
    struct msg cut = {.type = MSG_cut, .id = row->id, .descriptor = -1};
    cut.as.cut = (struct msg_cut){tile->entries, tile->level, tile->index, tile->width, 0};
    room_send(&state->room, ROOM_LEDGER, &cut);
}

void tile_cut(struct border_state *state, const struct msg *msg) {
    struct tile_read *row = msg->id ? read_of(msg->id) : NULL;
    if (!row) return;
    uint64_t gate_id = row->gate_id;
    *row = (struct tile_read){0};
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
