// Relays: what gate asks and the ledger answers. Here each question has an id of its own, so that
// the answer to one of a gate that fell reaches nobody.
#include "node/room_border.h"

static struct relay_row *row_of(struct relay *relay, uint64_t id) {
    for (size_t i = 0; i < RELAY_MAX; i++)
        if (relay->rows[i].id == id) return &relay->rows[i];
    return NULL;
}

uint64_t relay_add(struct relay *relay, uint64_t gate_id, const struct border_key *key) {
    struct relay_row *row = row_of(relay, 0);
    if (!row) return 0;
    *row = (struct relay_row){++relay->last, gate_id, key};
    return row->id;
}

struct relay_row relay_take(struct relay *relay, uint64_t id) {
    struct relay_row *row = id ? row_of(relay, id) : NULL, taken = {0};
    if (!row) return taken;
    taken = *row;
    *row = (struct relay_row){0};
    return taken;
}

void relay_gate_lost(struct relay *relay) {
    for (size_t i = 0; i < RELAY_MAX; i++)
        relay->rows[i].gate_id = 0;
}
