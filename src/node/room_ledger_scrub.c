// Scrub in the ledger room: one slice a second, so large that all segments are read again within
// `ledger.scrub_days`; a segment that became full is read first, and sealed. What is damaged is a
// line of the log and a number of the metrics; the node goes on, for what is damaged is never
// handed out, and the next start refuses: there is time to put the segment back from a copy.
#include "base/log.h"
#include "node/room_ledger.h"

enum {
    SLICE_MIN = 64 << 10,
    SLICE_MAX = 4 << 20, // some milliseconds of one turn
    DAY_S = 86400,
};

static struct {
    struct scrub *scrub;
    struct scrub_found found;
    uint64_t slice;
    uint32_t segments; // of the log when the round began
    int64_t next_us, round_us;
} state;

static void damaged(void *self, const struct scrub_damage *damage) {
    (void)self;
    log_line(LOG_ERROR, "damaged", "segment=%u byte=%llu leaf=%llu leaves=%llu text=\"%s\"",
             damage->segment, (unsigned long long)damage->offset,
             (unsigned long long)damage->leaf, (unsigned long long)damage->leaves, damage->what);
}

static void round_begin(struct room_self *room, struct ledger *ledger, struct world world) {
    const struct scrub_task task = {.world = world, .ledger = ledger, .damaged = damaged};
    enum sk_code code = scrub_open(&state.scrub, &task);
    if (code != SK_OK) room_fail(room, code);
    state.round_us = world.monotonic_us(world.self);
    state.segments = ledger_segments(ledger);
}

static void round_end(struct room_self *room, struct world world, uint32_t days) {
    const struct scrub_found *found = &state.found;
    int64_t took_s = (world.monotonic_us(world.self) - state.round_us) / 1000000;
    log_line(found->damaged ? LOG_ERROR : LOG_INFO, "scrub",
             "segments=%u sealed=%u leaves=%llu bytes=%llu damaged=%llu seconds=%lld",
             found->segments, found->sealed, (unsigned long long)found->leaves,
             (unsigned long long)found->bytes, (unsigned long long)found->damaged,
             (long long)took_s);
    struct msg msg = {.type = MSG_scrubbed,
                      .descriptor = -1,
                      .as.scrubbed = {.at_ms = (uint64_t)world.clock_ms(world.self),
                                      .segments = found->segments,
                                      .sealed = found->sealed,
                                      .leaves = found->leaves,
                                      .damaged = found->damaged}};
    room_send(room, ROOM_BORDER, &msg);
    scrub_close(state.scrub);
    state.scrub = NULL;
    state.slice = found->bytes / ((uint64_t)days * DAY_S);
    if (state.slice > SLICE_MAX) state.slice = SLICE_MAX;
}

void scrub_work(struct room_self *room, struct ledger *ledger, uint32_t days) {
    struct world world = world_real(ROOM_DIRECTORY_FD);
    int64_t now_us = world.monotonic_us(world.self);
    if (days == 0 || now_us < state.next_us) return;
    state.next_us = now_us + 1000000;
    if (!state.scrub) {
        // A log that is read within an hour rests until the day is over, or a segment is full.
        bool rests = state.round_us && now_us < state.round_us + (int64_t)DAY_S * 1000000;
        if (rests && ledger_segments(ledger) == state.segments) return;
        round_begin(room, ledger, world);
    }
    uint64_t slice = state.slice < SLICE_MIN ? SLICE_MIN : state.slice;
    enum sk_code code = scrub_step(state.scrub, (size_t)slice, &state.found);
    if (code != SK_OK) room_fail(room, code);
    if (state.found.done) round_end(room, world, days);
}

void scrub_end(void) { scrub_close(state.scrub); }
