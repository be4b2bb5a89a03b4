// The ledger room: what happened. Holds the signing key and its directory; no network. Leaves that
// arrive together are sealed by one sync (group commit), and only then acknowledged (I3). When it
// falls, or its disk fails, the node stops.
#include "base/log.h"
#include "node/room_ledger.h"

#include <stdio.h>
#include <stdlib.h>

enum { PENDING_MAX = LEDGER_BATCH_MAX, OPENS_MAX = 4096, IDLE_MS = 1000 };

// A leaf in the open batch, to be answered after the commit.
struct pending {
    uint64_t id, index, open; // open: of a conclude
    bool conclude;
    struct receipt_salts salts;
};

// What recovery learns from the leaves: the last number of each key, opens without a close. The
// same table then knows which close belongs to an open, for `fetch`.
struct link_row {
    uint64_t open, close; // UINT64_MAX: not closed
};

struct ledger_state {
    struct room_self room;
    struct ledger *ledger;
    char origin[LEDGER_ORIGIN_MAX + 1];
    uint32_t scrub_days;
    struct pending pending[PENDING_MAX];
    size_t pending_len;
    struct link_row *links; // by open index, ascending
    size_t links_len, links_max;
    struct arena arena;
    bool unreleased; // commits since the anti-rollback record was written
    int64_t release_us; // not before
    bool begun; // the witnesses were asked: what was before is told, leaves are sealed
    bool stopping;
};

static struct ledger_state state;

static void tell(enum msg_type type, uint64_t id, struct msg *msg) {
    msg->type = type;
    msg->id = id;
    msg->descriptor = -1;
    room_send(&state.room, ROOM_BORDER, msg);
}

static void links_add(uint64_t open) {
    if (state.links_len == state.links_max) {
        size_t max = state.links_max ? 2 * state.links_max : OPENS_MAX;
        struct link_row *grown = realloc(state.links, max * sizeof *grown);
        if (!grown) room_fail(&state.room, FAIL(SK_LIMIT, "no memory for %zu requests", max));
        state.links = grown;
        state.links_max = max;
    }
    must(state.links_len == 0 || state.links[state.links_len - 1].open < open);
    state.links[state.links_len++] = (struct link_row){open, UINT64_MAX};
}

static struct link_row *links_find(uint64_t open) {
    size_t low = 0, high = state.links_len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (state.links[middle].open < open) low = middle + 1;
        else high = middle;
    }
    bool found = low < state.links_len && state.links[low].open == open;
    return found ? &state.links[low] : NULL;
}

static void send_receipt(uint64_t id, uint64_t open, const struct receipt_salts *salts) {
    static char storage[49152];
    struct buf out = buf_over(storage, sizeof storage);
    struct link_row *row = links_find(open);
    struct msg msg = {0};
    if (row) {
        enum sk_code code = receipt_write(state.ledger, open, row->close, salts, &out);
        if (code != SK_OK) room_fail(&state.room, code);
        msg.as.receipt.json = buf_view(&out);
    } else {
        msg.as.receipt.json = VIEW("");
    }
    tell(MSG_receipt, id, &msg);
}

static void commit(void) {
    if (state.pending_len == 0 || !state.begun) return;
    enum sk_code code = ledger_commit(state.ledger);
    if (code != SK_OK) room_fail(&state.room, code);
    state.unreleased = true;
    for (size_t i = 0; i < state.pending_len; i++) {
        struct pending *row = &state.pending[i];
        if (row->conclude) {
            struct link_row *link = links_find(row->open);
            if (link && link->close == UINT64_MAX) link->close = row->index;
            send_receipt(row->id, row->open, row->salts.present ? &row->salts : NULL);
        } else {
            if (row->id) links_add(row->index); // 0: a leaf of the node itself, no request's
            struct msg msg = {.as.sealed.index = row->index};
            tell(MSG_sealed, row->id, &msg);
        }
    }
    state.pending_len = 0;
}

static struct pending *append(uint64_t id, struct view leaf) {
    if (state.pending_len == PENDING_MAX) commit();
    if (state.pending_len == PENDING_MAX)
        room_fail(&state.room, FAIL(SK_LIMIT, "too many leaves before the witnesses answered"));
    struct pending *row = &state.pending[state.pending_len];
    *row = (struct pending){.id = id};
    enum sk_code code = ledger_append(state.ledger, leaf, &row->index);
    if (code != SK_OK) room_fail(&state.room, code);
    state.pending_len++;
    return row;
}

// Of room_ledger_archive.c: a leaf of the node itself, durable when it returns.
static enum sk_code seal(void *self, struct view leaf, uint64_t *index) {
    (void)self;
    *index = append(0, leaf)->index;
    commit();
    return SK_OK;
}

static uint64_t close_of(void *self, uint64_t open) {
    (void)self;
    const struct link_row *row = links_find(open);
    return row ? row->close : UINT64_MAX;
}

static void conclude(const struct msg *msg) {
    const struct msg_conclude *fields = &msg->as.conclude;
    struct pending *row = append(msg->id, fields->leaf);
    row->conclude = true;
    row->open = fields->open;
    row->salts.present = fields->salted;
    memcpy(row->salts.body, fields->salt_body, HASH_LEN);
    memcpy(row->salts.prompt, fields->salt_prompt, HASH_LEN);
    memcpy(row->salts.choice, fields->salt_choice, HASH_LEN);
}

static void receive(struct room_self *room, enum room from, struct msg *msg) {
    (void)from;
    switch (msg->type) {
    case MSG_ledger_setup: {
        const struct msg_ledger_setup *setup = &msg->as.ledger_setup;
        snprintf(state.origin, sizeof state.origin, "%.*s", (int)setup->origin.len,
                 setup->origin.at);
        state.scrub_days = setup->scrub_days;
        break;
    }
    case MSG_ledger_key: keys_message(room, msg); break;
    case MSG_witness_policy:
    case MSG_consulted: quorum_message(room, state.ledger, msg); break;
    case MSG_witness_logs:
    case MSG_witness_ask: witness_message(room, msg); break;
    case MSG_archive_key:
    case MSG_archive: archive_message(room, msg); break;
    case MSG_append: append(msg->id, msg->as.append.leaf); break;
    case MSG_conclude: conclude(msg); break;
    case MSG_cut: serve_message(room, msg); break;
    case MSG_fetch: send_receipt(msg->id, msg->as.fetch.open, NULL); break;
    default: break;
    }
}

static void stop(struct room_self *room) {
    (void)room;
    state.stopping = true;
}

struct recalled_key {
    char id[65];
    uint64_t number;
};
enum { KEYS_MAX = 16384 }; // as border's
static struct recalled_key keys[KEYS_MAX];
static size_t keys_len;

static void recall_key(struct view id, uint64_t number) {
    for (size_t i = 0; i < keys_len; i++) {
        if (!view_is(id, keys[i].id)) continue;
        if (number > keys[i].number) keys[i].number = number;
        return;
    }
    if (keys_len == KEYS_MAX || id.len >= sizeof keys->id)
        room_fail(&state.room, FAIL(SK_LIMIT, "the log names more than %d keys", KEYS_MAX));
    memcpy(keys[keys_len].id, id.at, id.len);
    keys[keys_len++].number = number;
}

// Reads one leaf of before: numbers of keys, and which open has its close.
static enum sk_code recall_leaf(uint64_t index) {
    static char storage[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(storage, sizeof storage);
    const struct json_node *root;
    TRY(ledger_leaf(state.ledger, index, &leaf));
    arena_reset(&state.arena);
    TRY(json_parse(leaf.at, leaf.len, &state.arena, &root));
    const struct json_node *type = json_find(root, "type"), *key = json_find(root, "key");
    int64_t number, open;
    if (!json_is(type, JSON_STRING)) return FAIL(SK_CORRUPT, "leaf without a type");
    if (view_is(json_view(type), "open")) {
        if (!json_is(key, JSON_STRING) || !json_i64(json_find(root, "n"), &number) || number < 1)
            return FAIL(SK_CORRUPT, "open leaf without key or n");
        recall_key(json_view(key), (uint64_t)number);
        links_add(index);
    } else if (view_is(json_view(type), "close")) {
        if (!json_i64(json_find(root, "open"), &open) || open < 0)
            return FAIL(SK_CORRUPT, "close leaf without open");
        struct link_row *row = links_find((uint64_t)open);
        if (row && row->close == UINT64_MAX) row->close = index;
    } else {
        TRY(keys_recall(root, index));
        TRY(archive_recall(root, index));
    }
    return SK_OK;
}

static void prepare(void) {
    struct ledger_options options = {.origin = state.origin};
    struct ledger_found found;
    enum sk_code code = keys_log(state.origin, &options.key);
    if (code == SK_OK) code = arena_open(&state.arena, "leaf", 1 << 20);
    if (code == SK_OK)
        code = ledger_open(&state.ledger, world_real(ROOM_DIRECTORY_FD), options, &found);
    for (uint64_t i = 0; code == SK_OK && i < found.size; i++) {
        code = recall_leaf(i);
        if (code != SK_OK) fail_within(code, "leaf %llu", (unsigned long long)i);
    }
    if (code == SK_OK) code = keys_sign(state.ledger);
    const struct order_hands hands = {.ledger = state.ledger, .seal = seal, .close_of = close_of};
    if (code == SK_OK) code = archive_prepare(&hands);
    if (code != SK_OK) room_fail(&state.room, code);
    witness_open(&state.room);
    quorum_open(&state.room, state.ledger);
    log_line(LOG_INFO, "log", "size=%llu dropped=%llu segments=%u",
             (unsigned long long)found.size, (unsigned long long)found.dropped, found.segments);
}

// Tells border what was before: numbers go on where they stopped, and every open gets its close.
static void tell_recalled(void) {
    for (size_t i = 0; i < keys_len; i++) {
        struct msg msg = {.as.recall = {.key = view_of(keys[i].id), .number = keys[i].number}};
        tell(MSG_recall, 0, &msg);
    }
    for (size_t i = 0; i < state.links_len; i++) {
        if (state.links[i].close != UINT64_MAX) continue;
        static char storage[LEDGER_LEAF_MAX];
        struct buf leaf = buf_over(storage, sizeof storage);
        const struct json_node *root;
        int64_t number = 0;
        arena_reset(&state.arena);
        if (ledger_leaf(state.ledger, state.links[i].open, &leaf) != SK_OK ||
            json_parse(leaf.at, leaf.len, &state.arena, &root) != SK_OK)
            room_fail(&state.room, SK_CORRUPT);
        json_i64(json_find(root, "n"), &number);
        struct msg msg = {.as.unclosed = {.open = state.links[i].open,
                                          .number = (uint64_t)number,
                                          .key = json_view(json_find(root, "key"))}};
        tell(MSG_unclosed, 0, &msg);
    }
    archive_tell(&state.room);
    struct msg msg = {0};
    tell(MSG_recalled, 0, &msg);
}

// In a turn that brought nothing there is time for the record that tells a rolled-back log from a
// torn one. It costs two syncs and a rename, which the next leaf would wait for: once a second.
static void release(void) {
    struct world world = world_real(ROOM_DIRECTORY_FD);
    int64_t now_us = world.monotonic_us(world.self);
    if (state.pending_len > 0 || !state.unreleased || now_us < state.release_us) return;
    enum sk_code code = ledger_release(state.ledger);
    if (code != SK_OK) room_fail(&state.room, code);
    state.unreleased = false;
    state.release_us = now_us + IDLE_MS * 1000;
}

// After every turn of the loop: all that arrived in it goes to disk at once; what is read waits.
static bool work(struct room_self *room) {
    release();
    quorum_work(room, state.ledger);
    if (!state.begun && quorum_begun()) {
        state.begun = true;
        tell_recalled();
    }
    bool more = state.begun && archive_work(room);
    commit();
    scrub_work(room, state.ledger, state.scrub_days);
    if (state.stopping) room_stopped(room);
    more = serve_work(room, state.ledger) || more;
    return !state.stopping && (witness_work(room) || more);
}

int main(void) {
    struct room_calls calls = {.receive = receive, .stop = stop, .work = work, .beat_ms = IDLE_MS};
    hash_of("", 0, (uint8_t[HASH_LEN]){0}); // libcrypto reads its configuration now, not later
    room_begin(&state.room, ROOM_LEDGER, calls, &state);
    prepare();
    room_ready(&state.room);
    work(&state.room); // tells what was before, without waiting for an event
    int status = room_run(&state.room);
    scrub_end();
    archive_end();
    ledger_close(state.ledger);
    keys_close();
    return status;
}
