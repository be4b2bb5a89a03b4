// Hostile log directories: refused, or opened to a log that can be read and goes on. A scrub of the
// directory ends; one of the log that was opened finds no damage.
//
// Input: a byte of flags (1: the frames' check sums are made right, so that changes get past them;
// 2: u16 length of "sealed" and its bytes come next), u16 length of "released", its bytes, then
// "log.000000".
#include "base/crc32c.h"
#include "base/wire.h"
#include "ledger/ledger.h"
#include "taken.h"

enum { FRAME_HEAD = 28, FRAME_CRC = 4, INPUT_MAX = 65536 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void frames_seal(uint8_t *bytes, size_t len) {
    for (size_t at = 0; at + FRAME_HEAD + FRAME_CRC <= len;) {
        uint32_t payload;
        memcpy(&payload, bytes + at + 8, sizeof payload);
        if (payload > len - at - FRAME_HEAD - FRAME_CRC) return;
        uint32_t crc = crc32c(0, bytes + at, FRAME_HEAD + payload);
        memcpy(bytes + at + FRAME_HEAD + payload, &crc, sizeof crc);
        at += FRAME_HEAD + payload + FRAME_CRC;
    }
}

static void file_put(struct world world, const char *name, const void *bytes, size_t len) {
    int file;
    must(world.open(world.self, name, WORLD_CREATE, &file) == SK_OK);
    must(world.write(world.self, file, 0, bytes, len) == SK_OK);
    must(world.sync(world.self, file) == SK_OK);
    world.close(world.self, file);
}

static void damage_told(void *self, const struct scrub_damage *damage) {
    (void)damage;
    ++*(uint64_t *)self;
}

static void log_scrub(struct world world, struct ledger *ledger) {
    struct scrub *scrub;
    struct scrub_found found = {.done = false};
    uint64_t told = 0;
    const struct scrub_task task = {
        .world = world, .ledger = ledger, .self = &told, .damaged = damage_told};
    if (scrub_open(&scrub, &task) != SK_OK) return;
    while (!found.done) must(scrub_step(scrub, 300, &found) == SK_OK);
    scrub_close(scrub);
    must(found.damaged == told && (!ledger || told == 0));
}

static void log_use(struct world world, const struct ledger_options *options) {
    struct ledger *ledger;
    struct ledger_found found;
    char storage[LEDGER_LEAF_MAX];
    if (ledger_open(&ledger, world, *options, &found) != SK_OK) return;
    fuzz_take();
    for (uint64_t i = 0; i < ledger_size(ledger); i++) {
        struct buf leaf = buf_over(storage, sizeof storage);
        must(ledger_leaf(ledger, i, &leaf) == SK_OK);
    }
    uint64_t index, size = ledger_size(ledger);
    if (ledger_append(ledger, VIEW("new"), &index) == SK_OK) {
        must(ledger_commit(ledger) == SK_OK && index == size);
        size++;
    }
    log_scrub(world, ledger);
    ledger_close(ledger);
    must(ledger_open(&ledger, world, *options, &found) == SK_OK && found.size == size);
    ledger_close(ledger);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t segment[INPUT_MAX];
    struct sign_key key;
    sign_init(&key, (const uint8_t[SIGN_SEED_LEN]){42});
    struct ledger_options options = {
        .origin = "sekisho.example/test", .key = &key, .leaves_max = 1024};
    struct wire wire = wire_over((struct view){(const char *)data, size});
    uint8_t flags = wire_take_u8(&wire);
    struct view sealed = wire_take_bytes(&wire, flags & 2 ? wire_take_u16(&wire) : 0);
    struct view released = wire_take_bytes(&wire, wire_take_u16(&wire));
    if (wire.bad) return 0;
    size_t len = (size_t)(wire.end - wire.at);
    if (len > sizeof segment) return 0;
    if (len) memcpy(segment, wire.at, len);
    if (flags & 1) frames_seal(segment, len);
    struct world_sim *sim;
    must(world_sim_open(&sim, 1) == SK_OK);
    struct world world = world_sim_world(sim);
    if (released.len) file_put(world, "released", released.at, released.len);
    if (sealed.len) file_put(world, "sealed", sealed.at, sealed.len);
    file_put(world, "log.000000", segment, len);
    log_scrub(world, NULL);
    log_use(world, &options);
    world_sim_close(sim);
    return 0;
}
