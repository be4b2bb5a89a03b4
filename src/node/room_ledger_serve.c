// Pieces of the log for readers: checkpoint, tiles of hashes, bundles of entries. Each is made in
// short steps, one in a turn of the loop and after its commit, so that readers cost an append no
// more than a step, however many they are. What was made stands in a sealed file.
#include "base/log.h"
#include "node/room_ledger.h"
#include "node/sealed.h"

#include <unistd.h>

enum { CUTS_MAX = 64, STEP_LEAVES = 16 }; // as border lets through; of a bundle in one step

struct cut {
    uint64_t id;
    bool checkpoint;
    struct tile_name name;
};

static struct cut cuts[CUTS_MAX]; // a ring
static unsigned first, cuts_len;
static struct buf piece; // of the first: what is made so far,
static unsigned made;    // and how many of its entries

void serve_message(struct room_self *room, const struct msg *msg) {
    const struct msg_cut *fields = &msg->as.cut;
    if (cuts_len == CUTS_MAX || fields->width > TILE_WIDTH || fields->level > TILE_LEVEL_MAX ||
        (fields->entries && fields->level > 0)) {
        room_drop(room, ROOM_BORDER, "cut: too many, or of no tile");
        return;
    }
    struct tile_name name = {fields->entries, fields->level, fields->index, fields->width};
    cuts[(first + cuts_len++) % CUTS_MAX] = (struct cut){msg->id, fields->width == 0, name};
}

static void answer(struct room_self *room, uint64_t id, enum sk_code code) {
    struct msg msg = {.type = MSG_slice, .id = id, .descriptor = -1};
    struct view content = buf_view(&piece);
    if (code == SK_OK) code = sealed_make(&content, 1, &msg.descriptor);
    if (code == SK_OK) {
        msg.as.slice.len = (uint32_t)content.len;
    } else {
        if (code != SK_UNKNOWN) log_line(LOG_ERROR, "read", "failed=\"%s\"", fail_text());
        msg.type = MSG_uncut;
        msg.as.uncut.code = (uint8_t)code;
    }
    room_send(room, ROOM_BORDER, &msg);
    if (msg.descriptor >= 0) close(msg.descriptor);
}

// Goes on with a piece; *done when it is whole.
static enum sk_code step(struct ledger *ledger, const struct cut *cut, bool *done) {
    const struct tile_name *name = &cut->name;
    *done = true;
    if (cut->checkpoint) {
        buf_put_view(&piece, ledger_published(ledger));
        return SK_OK;
    }
    if (!name->entries || !tile_of(ledger_size(ledger), name))
        return ledger_tile(ledger, name, &piece);
    unsigned count = name->width - made < STEP_LEAVES ? name->width - made : STEP_LEAVES;
    TRY(ledger_entries(ledger, name->index * TILE_WIDTH + made, count, &piece));
    made += count;
    *done = made == name->width;
    return SK_OK;
}

bool serve_work(struct room_self *room, struct ledger *ledger) {
    if (cuts_len == 0) return false;
    if (!piece.at) {
        enum sk_code code = buf_open(&piece, TILE_MAX);
        if (code != SK_OK) room_fail(room, code);
    }
    bool done;
    enum sk_code code = step(ledger, &cuts[first], &done);
    if (code == SK_OK && !done) return true;
    answer(room, cuts[first].id, code);
    buf_reset(&piece);
    made = 0;
    first = (first + 1) % CUTS_MAX;
    return --cuts_len > 0;
}
