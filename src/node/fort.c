#include "node/fort.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "node/cage.h"
#include "node/fort_parts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum sk_code fort_list_add(struct fort_list *list, const uint8_t address[16], uint16_t port) {
    for (uint32_t i = 0; i < list->len; i++)
        if (list->rows[i].port == port && memcmp(list->rows[i].address, address, 16) == 0)
            return SK_OK;
    if (list->len == FORT_PLACES_MAX)
        return FAIL(SK_LIMIT, "addresses of all places: at most %d", FORT_PLACES_MAX);
    struct fort_place *row = &list->rows[list->len++];
    memcpy(row->address, address, sizeof row->address);
    row->port = port;
    return SK_OK;
}

const char *fort_state_name(enum fort_state state) {
    static const char *const names[] = {"absent", "held", "lost"};
    return names[state];
}

// Says once what changed, with the reason in fail_text().
static void layer_set(struct fort_layer *layer, const char *name, enum fort_state state) {
    if (state == FORT_HELD)
        layer->why[0] = 0;
    else
        snprintf(layer->why, sizeof layer->why, "%s", fail_text());
    if (layer->state != state)
        log_line(state == FORT_LOST ? LOG_ERROR : LOG_INFO, "fort", "layer=%s was=%s now=%s%s%s%s",
                 name, fort_state_name(layer->state), fort_state_name(state),
                 layer->why[0] ? " why=\"" : "", layer->why, layer->why[0] ? "\"" : "");
    layer->state = state;
}

// What is missing is not tried again; both need the cgroup, and root.
static void layers_open(struct fort *fort) {
    enum sk_code code = SK_OK;
    if (!cage_supported())
        code = FAIL(SK_UNSUPPORTED, "sanitizer");
    else if (geteuid() != 0)
        code = FAIL(SK_UNSUPPORTED, "not root");
    else
        code = fort_group_open(&fort->group, fort->name);
    bool able = code == SK_OK;
    if (!able || fort_nft_open(&fort->table) != SK_OK)
        snprintf(fort->nft.why, sizeof fort->nft.why, "%s", fail_text());
    if (!able || fort_bpf_open(&fort->hooks) != SK_OK)
        snprintf(fort->bpf.why, sizeof fort->bpf.why, "%s", fail_text());
}

void fort_open(struct fort *fort, const char *data) {
    uint8_t digest[HASH_LEN];
    *fort = (struct fort){.group = {.directory = -1, .node = -1, .rooms = -1}};
    hash_of(data, strlen(data), digest);
    struct buf name = buf_over(fort->name, sizeof fort->name - 1);
    buf_put_text(&name, "sekisho-");
    hex_put(&name, digest, 4);
    layers_open(fort);
}

void fort_close(struct fort *fort) {
    fort_bpf_close(fort->hooks);
    fort_nft_close(fort->table);
    fort_group_close(&fort->group, fort->name);
    fort->hooks = NULL;
    fort->table = NULL;
}

void fort_join(const struct fort *fort) {
    // Who did not come in is found by the first round.
    if (fort->group.rooms >= 0 && write(fort->group.rooms, "0", 1) != 1) return;
}

// ---- rounds ----
static enum sk_code table_prove(struct fort *fort) {
    TRY(fort_nft_check(fort->table, fort));
    uint64_t before = fort_nft_refused(fort->table, fort);
    enum sk_code code = fort_attack(fort, FORT_NFT);
    fort->attacked += fort_nft_refused(fort->table, fort) - before;
    return code;
}

static enum sk_code hooks_prove(struct fort *fort, const pid_t *rooms, uint32_t len) {
    TRY(fort_bpf_check(fort->hooks));
    TRY(fort_group_check(&fort->group, rooms, len));
    fort_bpf_event(fort->hooks);
    enum sk_code code = fort_attack(fort, FORT_BPF);
    fort_bpf_quiet(fort->hooks);
    return code;
}

// What never came up is absent, not lost.
static enum fort_state state_of(enum fort_state was, bool up, enum sk_code proven) {
    if (!up && was == FORT_ABSENT) return FORT_ABSENT;
    return up && proven == SK_OK ? FORT_HELD : FORT_LOST;
}

static void table_round(struct fort *fort, bool load) {
    struct fort_layer *layer = &fort->nft;
    enum sk_code code = SK_OK;
    if (!fort->table || (!load && layer->state == FORT_ABSENT)) return;
    if (load) {
        fort->attacked = 0; // counters begin anew with the table
        code = fort_nft_load(fort->table, fort);
    }
    bool up = code == SK_OK;
    if (up) code = table_prove(fort);
    layer_set(layer, "nftables", state_of(layer->state, up, code));
}

static void hooks_round(struct fort *fort, bool load, const pid_t *rooms, uint32_t len) {
    struct fort_layer *layer = &fort->bpf;
    enum sk_code code = SK_OK;
    if (!fort->hooks || (!load && layer->state == FORT_ABSENT)) return;
    if (load) {
        fort_group_gather(&fort->group, rooms, len);
        code = fort_bpf_load(fort->hooks, fort);
    }
    bool up = code == SK_OK;
    if (up) code = hooks_prove(fort, rooms, len);
    layer_set(layer, "bpf", state_of(layer->state, up, code));
}

void fort_raise(struct fort *fort, const struct fort_list *list, const pid_t *rooms, uint32_t len) {
    fort->list = *list;
    table_round(fort, true);
    hooks_round(fort, true, rooms, len);
}

void fort_check(struct fort *fort, const pid_t *rooms, uint32_t len) {
    table_round(fort, fort->nft.state == FORT_LOST);
    hooks_round(fort, fort->bpf.state == FORT_LOST, rooms, len);
}

bool fort_held(const struct fort *fort) {
    return fort->nft.state == FORT_HELD && fort->bpf.state == FORT_HELD;
}

static void layer_put(const struct fort_layer *layer, const char *name, struct buf *out) {
    buf_print(out, "%s=%s", name, fort_state_name(layer->state));
    if (layer->why[0]) buf_print(out, "(%s)", layer->why);
}

void fort_report(struct fort *fort, struct buf *out) {
    layer_put(&fort->nft, "nftables", out);
    layer_put(&fort->bpf, " bpf", out);
    if (fort->nft.state == FORT_ABSENT && fort->bpf.state == FORT_ABSENT) return;
    buf_print(out, " destinations=%u", fort->list.len);
    if (fort->table) {
        uint64_t refused = fort_nft_refused(fort->table, fort);
        buf_print(out, " packets_refused=%llu",
                  (unsigned long long)(refused > fort->attacked ? refused - fort->attacked : 0));
    }
    if (fort->hooks)
        buf_print(out, " attempts_refused=%llu", (unsigned long long)fort_bpf_refused(fort->hooks));
}

int fort_events(const struct fort *fort) {
    return fort->hooks ? fort_bpf_events(fort->hooks) : -1;
}

void fort_event(struct fort *fort) {
    if (fort->hooks) fort_bpf_event(fort->hooks);
}
