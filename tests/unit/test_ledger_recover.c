// A log of 100 leaves, cut at every byte and with every byte changed: it recovers or refuses, and
// never shows a wrong leaf or root.
#include "base/crc32c.h"

#include "ledger_fixture.h"

enum { LEAVES = 100, FILES_MAX = 8, FILE_MAX = 32768 };

struct image {
    char name[32];
    char bytes[FILE_MAX];
    size_t len;
};

struct disk {
    struct image files[FILES_MAX];
    int len;
};

static struct tree_hash roots[LEAVES + 1]; // of every size

static void disk_take(struct world_sim *sim, struct disk *disk) {
    static const char *const names[] = {"log.000000", "log.000001", "log.000002", "log.000003",
                                        "sealed",     "released"};
    struct world world = world_sim_world(sim);
    disk->len = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct image *image = &disk->files[disk->len];
        int file;
        if (world.open(world.self, names[i], WORLD_READ, &file) != SK_OK) continue;
        assert_int_equal(world.read(world.self, file, 0, image->bytes, FILE_MAX, &image->len),
                         SK_OK);
        assert_true(image->len < FILE_MAX);
        (void)snprintf(image->name, sizeof image->name, "%s", names[i]);
        world.close(world.self, file);
        disk->len++;
    }
}

static struct world_sim *disk_put(const struct disk *disk) {
    struct world_sim *sim;
    assert_int_equal(world_sim_open(&sim, 5), SK_OK);
    struct world world = world_sim_world(sim);
    for (int i = 0; i < disk->len; i++) {
        const struct image *image = &disk->files[i];
        int file;
        assert_int_equal(world.open(world.self, image->name, WORLD_CREATE, &file), SK_OK);
        assert_int_equal(world.write(world.self, file, 0, image->bytes, image->len), SK_OK);
        assert_int_equal(world.sync(world.self, file), SK_OK);
        world.close(world.self, file);
    }
    assert_int_equal(world.sync_directory(world.self), SK_OK);
    return sim;
}

// Opens the disk: the size it recovered to, checked leaf by leaf and by root; -1 when refused.
static int disk_try(const struct disk *disk) {
    struct world_sim *sim = disk_put(disk);
    struct ledger *ledger;
    struct ledger_found found;
    struct tree_hash root;
    int size = -1;
    if (ledger_open(&ledger, world_sim_world(sim), fixture_options(), &found) == SK_OK) {
        size = (int)found.size;
        assert_true(size <= LEAVES && fixture_intact(ledger));
        ledger_root(ledger, &root);
        assert_memory_equal(&root, &roots[size], sizeof root);
        ledger_close(ledger);
    }
    world_sim_close(sim);
    return size;
}

static void damage_told(void *self, const struct scrub_damage *damage) {
    (void)self;
    fail_msg("segment %u: %s", damage->segment, damage->what);
}

static void disk_seal(struct world_sim *sim, struct ledger *ledger) {
    struct scrub *scrub;
    struct scrub_found found = {.done = false};
    const struct scrub_task task = {
        .world = world_sim_world(sim), .ledger = ledger, .damaged = damage_told};
    assert_int_equal(scrub_open(&scrub, &task), SK_OK);
    while (!found.done) assert_int_equal(scrub_step(scrub, FILE_MAX, &found), SK_OK);
    scrub_close(scrub);
}

static int last_segment(const struct disk *disk) {
    int last = disk->len - 1;
    while (last > 0 && strncmp(disk->files[last].name, "log.", 4) != 0) last--;
    return last;
}

// 100 leaves in batches of 1 to 7, with a restart after each seventh; the last batch has 2.
static void disk_make(struct disk *disk, bool closed) {
    struct world_sim *sim;
    struct ledger_found found;
    assert_int_equal(world_sim_open(&sim, 3), SK_OK);
    struct ledger *ledger = fixture_open(sim, &found);
    for (uint64_t batch = 1, size = 0; size < LEAVES; size += batch, batch = batch % 7 + 1) {
        uint64_t left = LEAVES - size;
        if (batch > left) batch = left;
        fixture_grow(ledger, batch);
        if (batch == 7) {
            ledger_close(ledger);
            ledger = fixture_open(sim, &found);
        }
    }
    disk_seal(sim, ledger);
    if (closed) ledger_close(ledger);
    disk_take(sim, disk);
    if (!closed) ledger_close(ledger);
    world_sim_close(sim);
}

static void roots_make(void) {
    struct world_sim *sim;
    struct ledger_found found;
    assert_int_equal(world_sim_open(&sim, 1), SK_OK);
    struct ledger *ledger = fixture_open(sim, &found);
    for (int size = 0; size <= LEAVES; size++) {
        ledger_root(ledger, &roots[size]);
        if (size < LEAVES) fixture_grow(ledger, 1);
    }
    ledger_close(ledger);
    world_sim_close(sim);
}

static struct disk whole, changed;

// ---- every offset ----

enum harm { FLIPPED, CUT, ZEROED, HARMS };

struct outcomes {
    int refused, whole, shorter; // shorter: without the last batch
};

// Damage at byte `at` of file `f`, and what comes of it: never less than was released, never a leaf
// or root that was not sealed (disk_try).
static void harm_try(int f, size_t at, enum harm harm, int released, struct outcomes *out) {
    changed = whole;
    struct image *image = &changed.files[f];
    if (harm == FLIPPED) image->bytes[at] = (char)(image->bytes[at] ^ 1 << at % 8);
    else if (harm == CUT) image->len = at;
    else memset(image->bytes + at, 0, image->len - at); // a block that never reached the disk
    int size = disk_try(&changed);
    assert_true(size == -1 || (size >= released && size <= LEAVES));
    *(size == -1 ? &out->refused : size == LEAVES ? &out->whole : &out->shorter) += 1;
}

static void harm_everywhere(int f, int released, struct outcomes total[HARMS]) {
    static const char *const names[HARMS] = {"flipped", "cut", "zeros from there"};
    for (enum harm harm = 0; harm < HARMS; harm++) {
        struct outcomes one = {0};
        for (size_t at = 0; at < whole.files[f].len; at++) harm_try(f, at, harm, released, &one);
        print_message("%-11s %-16s %8d %8d %8d\n", whole.files[f].name, names[harm], one.refused,
                      one.whole, one.shorter);
        total[harm].refused += one.refused;
        total[harm].whole += one.whole;
        total[harm].shorter += one.shorter;
    }
}

static void table_head(const char *log) {
    print_message("%-28s %8s %8s %8s\n", log, "refused", "whole", "shorter");
}

// Closed cleanly: the record covers everything, so any damage to bytes that count is refused.
static void test_closed(void **unused) {
    (void)unused;
    disk_make(&whole, true);
    assert_int_equal(disk_try(&whole), LEAVES);
    struct outcomes total[HARMS] = {0};
    table_head("closed log");
    for (int f = 0; f < whole.len; f++) harm_everywhere(f, LEAVES, total);
    // Unharmed are only the batches that a later segment repeats.
    assert_true(total[FLIPPED].whole < whole.len * 8 * (32 + 96));
    assert_true(total[FLIPPED].refused > 4 * total[FLIPPED].whole);
}

// Killed: the last batch may be one the crash tore, everything before it may not.
static void test_killed(void **unused) {
    (void)unused;
    disk_make(&whole, false);
    assert_int_equal(disk_try(&whole), LEAVES);
    struct outcomes total[HARMS] = {0};
    table_head("killed log, last segment");
    harm_everywhere(last_segment(&whole), 0, total);
    // Only the last batch can be taken for torn: 2 leaves, and what frames them.
    assert_true(total[FLIPPED].shorter > 0 && total[FLIPPED].shorter < 4 * 130);
}

// A pure cut: all batches that end before it are there, or the record refuses.
static void test_cut(void **unused) {
    (void)unused;
    disk_make(&whole, false);
    int last = last_segment(&whole), before = -1;
    for (size_t i = 0; i <= whole.files[last].len; i++) {
        changed = whole;
        changed.files[last].len = i;
        int size = disk_try(&changed);
        assert_true(size >= before); // -1 up to what was released, then only more
        before = size;
    }
    assert_int_equal(before, LEAVES);
}

static void test_missing(void **unused) {
    (void)unused;
    disk_make(&whole, true);
    for (int f = 0; f < whole.len; f++) {
        changed = whole;
        for (int i = f; i + 1 < changed.len; i++) changed.files[i] = changed.files[i + 1];
        changed.len--;
        bool seals = strcmp(whole.files[f].name, "sealed") == 0; // no proof rests on them
        assert_int_equal(disk_try(&changed), seals ? LEAVES : -1);
    }
    // An older copy of the log beside the newer record is a rollback.
    struct disk *older = &changed;
    disk_make(older, true);
    older->files[last_segment(older)].len /= 2;
    assert_int_equal(disk_try(older), -1);
}

static uint32_t u32_at(const char *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value); // little-endian, as the tests' machines are
    return value;
}

// Where frame `skip` of `type` begins in a segment.
static size_t frame_at(const struct image *image, char type, int skip) {
    size_t at = 0;
    for (; at < image->len; at += 32 + u32_at(image->bytes + at + 8))
        if (image->bytes[at + 5] == type && skip-- == 0) break;
    assert_true(at < image->len);
    return at;
}

static void frame_seal(char *frame) {
    size_t len = 28 + u32_at(frame + 8);
    uint32_t crc = crc32c(0, frame, len);
    memcpy(frame + len, &crc, sizeof crc);
}

// What a torn disk cannot do: frames that are whole, with the right check sum, and wrong.
static void test_forged(void **unused) {
    (void)unused;
    disk_make(&whole, false);
    int last = last_segment(&whole);
    struct image *image = &changed.files[last];
    changed = whole;
    int leaves = 0;
    for (size_t i = 0; i < image->len; i += 32 + u32_at(image->bytes + i + 8))
        leaves += image->bytes[i + 5] == 2;
    size_t at = frame_at(image, 2, leaves - 1); // the last leaf, past what was released
    image->bytes[at + 28] ^= 1;
    frame_seal(image->bytes + at);
    assert_int_equal(disk_try(&changed), -1); // its batch has another root
    changed = whole;
    at = frame_at(image, 2, 1);
    image->bytes[at + 12] ^= 1; // its index
    frame_seal(image->bytes + at);
    assert_int_equal(disk_try(&changed), -1);
    changed = whole;
    at = frame_at(image, 2, 1);
    image->bytes[at + 20] ^= 1; // its nonce: of another life, so damage before later batches
    frame_seal(image->bytes + at);
    assert_int_equal(disk_try(&changed), -1);
    // At the end such a block is only a torn tail.
    changed = whole;
    at = frame_at(image, 2, 0);
    size_t len = 32 + u32_at(image->bytes + at + 8);
    memcpy(image->bytes + image->len, image->bytes + at, len);
    image->bytes[image->len + 20] ^= 1;
    image->bytes[image->len + 12] = LEAVES;
    size_t end = image->len;
    image->len += len;
    frame_seal(image->bytes + end);
    assert_int_equal(disk_try(&changed), LEAVES);
    // Segments in another order.
    changed = whole;
    struct image *other = &changed.files[last - 1];
    memcpy(image->bytes, other->bytes, other->len);
    image->len = other->len;
    assert_int_equal(disk_try(&changed), -1);
}

// Two batches made one, whole but longer than any this log writes.
static void test_long_batch(void **unused) {
    (void)unused;
    enum { MANY = LEDGER_BATCH_MAX, LEAF = 32, BATCH = 64 };
    static struct {
        char bytes[(MANY + 1) * LEAF + 2 * BATCH + 256];
        size_t len;
    } log;
    struct world_sim *sim;
    struct ledger *ledger;
    struct ledger_found found;
    struct ledger_options options = fixture_options();
    options.leaves_max = 2 * MANY;
    assert_int_equal(world_sim_open(&sim, 1), SK_OK);
    struct world world = world_sim_world(sim);
    assert_int_equal(ledger_open(&ledger, world, options, &found), SK_OK);
    for (uint64_t i = 0, index; i <= MANY; i++) {
        if (i == MANY) assert_int_equal(ledger_commit(ledger), SK_OK);
        assert_int_equal(ledger_append(ledger, VIEW(""), &index), SK_OK);
    }
    assert_int_equal(ledger_commit(ledger), SK_OK);
    ledger_close(ledger);
    int file;
    assert_int_equal(world.open(world.self, "log.000000", 0, &file), SK_OK);
    assert_int_equal(world.read(world.self, file, 0, log.bytes, sizeof log.bytes, &log.len), SK_OK);
    // The last leaf and batch frame go over the first batch frame, with the ranks of one batch.
    size_t from = log.len - LEAF - BATCH, to = from - BATCH;
    memmove(log.bytes + to, log.bytes + from, LEAF + BATCH);
    const uint16_t ranks[2] = {MANY, MANY + 1};
    memcpy(log.bytes + to + 6, &ranks[0], 2);
    memcpy(log.bytes + to + LEAF + 6, &ranks[1], 2);
    frame_seal(log.bytes + to);
    frame_seal(log.bytes + to + LEAF);
    assert_int_equal(world.truncate(world.self, file, 0), SK_OK);
    assert_int_equal(world.write(world.self, file, 0, log.bytes, log.len - BATCH), SK_OK);
    world.close(world.self, file);
    assert_int_equal(ledger_open(&ledger, world, options, &found), SK_CORRUPT);
    assert_non_null(strstr(fail_text(), "out of order"));
    world_sim_close(sim);
}

// Each segment ends before its last batch, which the next one repeats; losing more is damage.
static void test_short_segment(void **unused) {
    (void)unused;
    disk_make(&whole, true);
    changed = whole;
    struct image *image = &changed.files[0];
    int batches = 0;
    for (size_t at = 0; at < image->len; at += 32 + u32_at(image->bytes + at + 8))
        batches += image->bytes[at + 5] == 3;
    image->len = frame_at(image, 3, batches - 1);
    assert_int_equal(disk_try(&changed), LEAVES);
    image->len = frame_at(image, 3, batches - 2);
    assert_int_equal(disk_try(&changed), -1);
}

int main(void) {
    roots_make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_forged),
        cmocka_unit_test(test_long_batch),
        cmocka_unit_test(test_short_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
