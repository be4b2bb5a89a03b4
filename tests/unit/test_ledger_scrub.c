// Scrub of logs with one byte changed or cut off at every offset, beside an open log and of the
// directory alone: what is damaged is named; a log without damage has none; full segments are sealed.
#include "base/text.h"
#include "ledger_fixture.h"

enum { LEAVES = 61, NAMES = 16, FILE_MAX = 8192 };

static struct world_sim *sim;
static struct ledger *ledger;

struct heard {
    uint64_t count;
    struct scrub_damage first;
};

static void hear(void *self, const struct scrub_damage *damage) {
    struct heard *heard = self;
    if (heard->count++ == 0) heard->first = *damage;
}

static struct scrub_found scrub_all(struct ledger *beside, size_t slice, struct heard *heard) {
    struct note_key key = fixture_note_key();
    struct scrub *scrub;
    struct scrub_found found = {.done = false};
    *heard = (struct heard){0};
    const struct scrub_task task = {.world = world_sim_world(sim),
                                    .ledger = beside,
                                    .key = &key,
                                    .self = heard,
                                    .damaged = hear};
    if (scrub_open(&scrub, &task) != SK_OK) fail_msg("%s", fail_text());
    while (!found.done)
        if (scrub_step(scrub, slice, &found) != SK_OK) fail_msg("%s", fail_text());
    scrub_close(scrub);
    assert_int_equal(found.damaged, heard->count);
    return found;
}

static struct ledger *log_open(struct ledger_found *found) {
    struct ledger_options options = fixture_options();
    options.segment_max = 900;
    if (ledger_open(&ledger, world_sim_world(sim), options, found) != SK_OK)
        fail_msg("%s", fail_text());
    return ledger;
}

static void log_make(void) {
    struct ledger_found found;
    assert_int_equal(world_sim_open(&sim, 21), SK_OK);
    log_open(&found);
    for (uint64_t size = 0, batch = 1; size < LEAVES; batch = batch % 5 + 1) {
        if (batch > LEAVES - size) batch = LEAVES - size;
        fixture_grow(ledger, batch);
        size += batch;
        if (batch != 2) continue;
        ledger_close(ledger);
        log_open(&found); // repeats the last batch
    }
}

static void log_end(void) {
    ledger_close(ledger);
    world_sim_close(sim);
}

static void test_healthy(void **unused) {
    (void)unused;
    struct heard heard;
    for (size_t slice = 1; slice < 100000; slice = slice * 7 + 1) {
        log_make();
        struct scrub_found found = scrub_all(NULL, slice, &heard);
        assert_int_equal(heard.count, 0);
        assert_int_equal(found.leaves, LEAVES);
        assert_true(found.rooted && found.tail == 0 && found.sealed == 0 && found.segments > 3);
        uint32_t segments = found.segments;
        found = scrub_all(ledger, slice, &heard); // seals
        assert_int_equal(heard.count, 0);
        assert_int_equal(found.leaves, LEAVES);
        assert_int_equal(found.sealed, segments - 1);
        fixture_grow(ledger, 3);
        found = scrub_all(ledger, slice, &heard);
        assert_int_equal(heard.count, 0);
        assert_int_equal(found.leaves, LEAVES + 3);
        ledger_close(ledger);
        struct ledger_found opened;
        log_open(&opened); // the seals are right
        assert_int_equal(opened.size, LEAVES + 3);
        assert_true(fixture_intact(ledger));
        found = scrub_all(ledger, slice, &heard);
        assert_int_equal(heard.count, 0);
        assert_int_equal(found.leaves, LEAVES + 3);
        assert_int_equal(found.sealed, found.segments - 1);
        log_end();
    }
}

// The log grows between slices, over the ends of segments.
static void test_growing(void **unused) {
    (void)unused;
    struct heard heard = {0};
    struct scrub *scrub;
    struct scrub_found found = {.done = false};
    log_make();
    const struct scrub_task task = {
        .world = world_sim_world(sim), .ledger = ledger, .self = &heard, .damaged = hear};
    assert_int_equal(scrub_open(&scrub, &task), SK_OK);
    for (int i = 0; !found.done; i++) {
        if (i < 200) fixture_grow(ledger, 1);
        assert_int_equal(scrub_step(scrub, 150, &found), SK_OK);
    }
    scrub_close(scrub);
    assert_int_equal(heard.count, 0);
    assert_int_equal(found.leaves, ledger_size(ledger));
    log_end();
}

// ---- damage ----

struct image {
    char name[16];
    char bytes[FILE_MAX];
    size_t len;
};
static struct image images[NAMES];

static void images_take(void) {
    struct world world = world_sim_world(sim);
    for (unsigned i = 0; i < NAMES; i++) {
        int file;
        images[i].len = 0;
        (void)snprintf(images[i].name, sizeof images[i].name, "log.%06u", i);
        if (world.open(world.self, images[i].name, WORLD_READ, &file) != SK_OK) continue;
        assert_int_equal(
            world.read(world.self, file, 0, images[i].bytes, FILE_MAX, &images[i].len), SK_OK);
        world.close(world.self, file);
    }
}

static void image_put(const struct image *image, size_t len, size_t at, char with) {
    struct world world = world_sim_world(sim);
    int file;
    assert_int_equal(world.open(world.self, image->name, WORLD_READ, &file), SK_OK);
    assert_int_equal(world.truncate(world.self, file, len), SK_OK);
    if (at < len) assert_int_equal(world.write(world.self, file, at, &with, 1), SK_OK);
    if (at >= len && len == image->len) // whole again
        assert_int_equal(world.write(world.self, file, 0, image->bytes, len), SK_OK);
    world.close(world.self, file);
}

// What the byte of a segment belongs to.
struct frame_found {
    size_t at, len;
    int type;
    uint64_t index;
};
static struct frame_found frame_of(const struct image *image, size_t byte) {
    struct frame_found out = {0};
    do {
        uint32_t len;
        out.at += out.len;
        memcpy(&len, image->bytes + out.at + 8, sizeof len);
        memcpy(&out.index, image->bytes + out.at + 12, sizeof out.index);
        out.type = image->bytes[out.at + 5];
        out.len = 32 + len;
    } while (out.at + out.len <= byte);
    return out;
}

// First leaf of the segment after; its bytes from there on are repeated.
static uint64_t limit_of(unsigned number) {
    return number + 1 < NAMES && images[number + 1].len ? frame_of(&images[number + 1], 0).index
                                                        : UINT64_MAX;
}

static void damage_is_named(const struct heard *heard, unsigned number, size_t byte) {
    struct frame_found frame = frame_of(&images[number], byte);
    const struct scrub_damage *damage = &heard->first;
    if (heard->count == 0) fail_msg("segment %u byte %zu: not seen", number, byte);
    assert_int_equal(damage->segment, number);
    if (frame.type == 1) return; // without its first frame nothing of a segment is known
    assert_int_equal(damage->offset, frame.at);
    assert_int_equal(heard->count, 1);
    if (frame.type == 3) {
        assert_int_equal(damage->leaves, 0);
        return;
    }
    assert_int_equal(damage->leaf, frame.index);
    assert_int_equal(damage->leaves, 1);
}

static void flips_are_named(bool beside) {
    struct heard heard;
    int named = 0, repeated = 0, torn = 0;
    for (unsigned n = 0; n < NAMES; n++) {
        for (size_t i = 0; i < images[n].len; i++) {
            struct frame_found frame = frame_of(&images[n], i);
            image_put(&images[n], images[n].len, i, (char)(images[n].bytes[i] ^ 1 << i % 8));
            struct scrub_found found = scrub_all(beside ? ledger : NULL, 1000, &heard);
            bool counts = frame.index + (frame.type == 2) <= limit_of(n) && frame.type != 1;
            if (!counts && frame.type != 1) repeated++;
            else if (found.tail > 0) torn++; // its last batch, which only "released" tells of
            else named++;
            if (found.tail > 0) assert_true(heard.count == 1 && !beside);
            else if (counts || frame.type == 1) damage_is_named(&heard, n, i);
            else assert_int_equal(heard.count, 0);
            image_put(&images[n], images[n].len, SIZE_MAX, 0);
        }
    }
    print_message("%s: %d flips named, %d in repeated bytes, %d in the last batch\n",
                  beside ? "open log" : "directory", named, repeated, torn);
    assert_true(named > 3000 && (torn > 0) == !beside);
}

static void test_flips(void **unused) {
    (void)unused;
    log_make();
    assert_int_equal(ledger_release(ledger), SK_OK);
    images_take();
    flips_are_named(false);
    struct heard heard;
    struct scrub_found found = scrub_all(ledger, 1000, &heard); // seals all but the last
    assert_true(found.sealed > 3 && heard.count == 0);
    flips_are_named(true);
    log_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_flips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
