// The log in health, and what poisons it.
#include "ledger_fixture.h"

static struct world_sim *sim;

static int setup(void **unused) {
    (void)unused;
    return world_sim_open(&sim, 7) == SK_OK ? 0 : 1;
}

static int teardown(void **unused) {
    (void)unused;
    world_sim_close(sim);
    return 0;
}

static void test_reopen(void **unused) {
    (void)unused;
    struct ledger_found found;
    struct ledger *ledger = fixture_open(sim, &found);
    assert_int_equal(found.size, 0);
    uint64_t size = 0;
    for (uint64_t batch = 1; batch < 20; batch++) {
        fixture_grow(ledger, batch);
        size += batch;
        assert_int_equal(ledger_size(ledger), size);
        if (batch % 3 == 0) {
            ledger_close(ledger);
            ledger = fixture_open(sim, &found);
            assert_int_equal(found.size, size);
            assert_int_equal(found.dropped, 0);
        }
    }
    assert_true(fixture_intact(ledger));
    ledger_close(ledger);
    // Restarts without work leave no files behind.
    uint32_t segments = found.segments;
    for (int i = 0; i < 5; i++) {
        ledger_close(fixture_open(sim, &found));
        assert_int_equal(found.size, size);
    }
    assert_true(found.segments <= segments + 1);
}

static void test_unsynced_is_lost(void **unused) {
    (void)unused;
    struct ledger_found found;
    struct ledger *ledger = fixture_open(sim, &found);
    uint64_t index;
    fixture_grow(ledger, 3);
    assert_int_equal(ledger_append(ledger, VIEW("never committed"), &index), SK_OK);
    assert_int_equal(index, 3);
    assert_int_equal(ledger_size(ledger), 3);
    char bytes[64];
    struct buf leaf = buf_over(bytes, sizeof bytes);
    assert_int_equal(ledger_leaf(ledger, 3, &leaf), SK_UNKNOWN);
    ledger_close(ledger);
    ledger = fixture_open(sim, &found);
    assert_int_equal(found.size, 3);
    assert_int_equal(ledger_commit(ledger), SK_OK); // nothing to do
    ledger_close(ledger);
}

static void test_limits(void **unused) {
    (void)unused;
    struct ledger_options options = fixture_options();
    struct ledger_found found;
    struct ledger *ledger;
    options.leaves_max = 3;
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), options, &found), SK_INPUT);
    options.leaves_max = 8192;
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), options, &found), SK_OK);
    static char big[LEDGER_LEAF_MAX + 1], back[LEDGER_LEAF_MAX];
    uint64_t index;
    assert_int_equal(ledger_append(ledger, (struct view){big, sizeof big}, &index), SK_LIMIT);
    memset(big, 'b', sizeof big);
    for (int i = 0; i < LEDGER_BATCH_MAX; i++)
        assert_int_equal(ledger_append(ledger, (struct view){big, LEDGER_LEAF_MAX}, &index), SK_OK);
    assert_int_equal(ledger_append(ledger, VIEW(""), &index), SK_LIMIT);
    assert_int_equal(ledger_commit(ledger), SK_OK); // the limits do not poison
    struct buf leaf = buf_over(back, sizeof back);
    assert_int_equal(ledger_leaf(ledger, LEDGER_BATCH_MAX - 1, &leaf), SK_OK);
    assert_memory_equal(back, big, LEDGER_LEAF_MAX);
    assert_int_equal(ledger_leaf(ledger, 0, &leaf), SK_LIMIT);
    for (int i = 0; i < LEDGER_BATCH_MAX; i++)
        assert_int_equal(ledger_append(ledger, VIEW(""), &index), SK_OK);
    assert_int_equal(ledger_commit(ledger), SK_OK);
    assert_int_equal(ledger_append(ledger, VIEW(""), &index), SK_LIMIT); // the log is full
    ledger_close(ledger);
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), options, &found), SK_OK);
    assert_int_equal(found.size, 8192);
    ledger_close(ledger);
    options.leaves_max = 4096;
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), options, &found), SK_LIMIT);
}

static void test_segments(void **unused) {
    (void)unused;
    struct ledger_options options = fixture_options();
    struct ledger_found found;
    struct ledger *ledger;
    options.segment_max = 1000;
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), options, &found), SK_OK);
    for (int i = 0; i < 60; i++) fixture_grow(ledger, 3);
    assert_true(fixture_intact(ledger));
    ledger_close(ledger);
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), options, &found), SK_OK);
    assert_true(found.segments > 10);
    assert_int_equal(found.size, 180);
    assert_true(fixture_intact(ledger));
    ledger_close(ledger);
}

static void test_checkpoint(void **unused) {
    (void)unused;
    struct ledger_found found;
    struct note_key key = fixture_note_key();
    struct checkpoint checkpoint;
    struct ledger *ledger = fixture_open(sim, &found);
    assert_int_equal(checkpoint_check(ledger_checkpoint(ledger), &key, &checkpoint), SK_OK);
    assert_int_equal(checkpoint.size, 0);
    fixture_grow(ledger, 5);
    char first[LEDGER_NOTE_MAX];
    struct view note = ledger_checkpoint(ledger);
    memcpy(first, note.at, note.len);
    ledger_close(ledger);
    ledger = fixture_open(sim, &found);
    struct view again = ledger_checkpoint(ledger); // a pure function of what is durable
    assert_true(view_same(again, (struct view){first, note.len}));
    assert_int_equal(checkpoint_check(again, &key, &checkpoint), SK_OK);
    assert_int_equal(checkpoint.size, 5);
    ledger_close(ledger);
}

static void test_other_log(void **unused) {
    (void)unused;
    struct ledger_found found;
    struct ledger *ledger = fixture_open(sim, &found);
    fixture_grow(ledger, 1);
    ledger_close(ledger);
    struct ledger_options options = fixture_options();
    options.origin = "sekisho.example/other";
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), options, &found), SK_CORRUPT);
    assert_null(ledger);
}

static void test_poison(void **unused) {
    (void)unused;
    static const struct world_faults each[] = {
        {.write_fail = 65536}, {.write_full = 65536}, {.sync_fail = 65536}};
    static const enum sk_code codes[] = {SK_IO, SK_LIMIT, SK_IO};
    for (size_t i = 0; i < 3; i++) {
        struct ledger_found found;
        struct ledger *ledger = fixture_open(sim, &found);
        uint64_t index, size = found.size;
        fixture_grow(ledger, 2);
        assert_int_equal(ledger_append(ledger, fixture_leaf(size + 2), &index), SK_OK);
        world_sim_faults(sim, each[i]);
        assert_int_equal(ledger_commit(ledger), codes[i]);
        world_sim_faults(sim, (struct world_faults){0});
        assert_int_equal(ledger_commit(ledger), SK_IO); // not again, though the disk would work
        assert_int_equal(ledger_append(ledger, VIEW(""), &index), SK_IO);
        assert_int_equal(ledger_release(ledger), SK_IO);
        assert_int_equal(ledger_size(ledger), size + 2);
        assert_true(fixture_intact(ledger)); // reading goes on
        ledger_close(ledger);
    }
}

// A sync fails and the process restarts on the same machine: the cache shows a batch the disk does
// not have. What is then acknowledged on top must survive the loss of power.
static void test_fsyncgate(void **unused) {
    (void)unused;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct world_sim *machine;
        struct ledger_found found;
        uint64_t index;
        assert_int_equal(world_sim_open(&machine, seed), SK_OK);
        struct ledger *ledger = fixture_open(machine, &found);
        fixture_grow(ledger, 4);
        for (uint64_t i = 4; i < 8; i++)
            assert_int_equal(ledger_append(ledger, fixture_leaf(i), &index), SK_OK);
        world_sim_faults(machine, (struct world_faults){.sync_fail = 65536});
        assert_int_equal(ledger_commit(ledger), SK_IO);
        world_sim_faults(machine, (struct world_faults){0});
        ledger_close(ledger);
        world_sim_restart(machine);
        ledger = fixture_open(machine, &found);
        assert_int_equal(found.size, 8); // read from the cache
        if (seed % 2) fixture_grow(ledger, 2);
        uint64_t size = ledger_size(ledger);
        world_sim_crash(machine);
        ledger_close(ledger);
        ledger = fixture_open(machine, &found);
        assert_int_equal(found.size, size);
        assert_true(fixture_intact(ledger));
        ledger_close(ledger);
        world_sim_close(machine);
    }
}

static void flip(const char *name, uint64_t offset) {
    struct world world = world_sim_world(sim);
    int file;
    char byte;
    size_t got;
    assert_int_equal(world.open(world.self, name, 0, &file), SK_OK);
    assert_int_equal(world.read(world.self, file, offset, &byte, 1, &got), SK_OK);
    byte ^= 4;
    assert_int_equal(world.write(world.self, file, offset, &byte, 1), SK_OK);
    world.close(world.self, file);
}

static void test_rot(void **unused) {
    (void)unused;
    struct ledger_found found;
    struct ledger *ledger = fixture_open(sim, &found);
    fixture_grow(ledger, 9);
    assert_true(fixture_intact(ledger));
    flip("log.000000", 300);
    assert_false(fixture_intact(ledger)); // never handed out damaged
    ledger_close(ledger);
    struct ledger *again;
    assert_int_equal(ledger_open(&again, world_sim_world(sim), fixture_options(), &found),
                     SK_CORRUPT);
    assert_non_null(strstr(fail_text(), "damaged")); // why is still told
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reopen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unsynced_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_segments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_poison, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rot, setup, teardown),
        cmocka_unit_test(test_fsyncgate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
