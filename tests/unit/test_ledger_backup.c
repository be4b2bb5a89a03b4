// Backups: of a log that grows, across restarts and segments; one byte changed, cut or missing
// anywhere is refused, in the copy and, where it counts, in the log; what was acknowledged survives
// a power loss.
#include "ledger_fixture.h"

enum { LEAVES = 61, FILE_MAX = 8192 };

static struct world_sim *sim, *store; // the node's disk, and where backups go
static struct ledger *ledger;
static struct note_key key;

static void log_open(void) {
    struct ledger_options options = fixture_options();
    struct ledger_found found;
    options.segment_max = 900;
    if (ledger_open(&ledger, world_sim_world(sim), options, &found) != SK_OK)
        fail_msg("%s", fail_text());
}

static void log_grow(uint64_t to) {
    for (uint64_t batch = 1; ledger_size(ledger) < to; batch = batch % 5 + 1) {
        uint64_t left = to - ledger_size(ledger);
        fixture_grow(ledger, batch < left ? batch : left);
        if (batch != 2) continue;
        ledger_close(ledger);
        log_open(); // repeats the last batch
    }
}

static void store_again(void) {
    world_sim_close(store);
    store = NULL;
    assert_int_equal(world_sim_open(&store, 8), SK_OK);
}

static void begin(void) {
    key = fixture_note_key();
    assert_int_equal(world_sim_open(&sim, 21), SK_OK);
    store_again();
    log_open();
    log_grow(LEAVES);
}

static void end(void) {
    ledger_close(ledger);
    world_sim_close(sim);
    world_sim_close(store);
    store = NULL;
}

static enum sk_code make(struct backup_done *done) {
    return backup_make(world_sim_world(sim), world_sim_world(store), &key, done);
}

static enum sk_code check(struct backup_done *done) {
    return backup_check(world_sim_world(store), &key, done);
}

static void make_well(struct backup_done *done) {
    if (make(done) != SK_OK) fail_msg("%s", fail_text());
}

static void remove_file(struct world_sim *machine, const char *name) {
    struct world world = world_sim_world(machine);
    assert_int_equal(world.remove(world.self, name), SK_OK);
}

static void test_whole(void **unused) {
    (void)unused;
    struct backup_done done, again;
    struct tree_hash root;
    begin();
    assert_int_equal(ledger_release(ledger), SK_OK);
    ledger_root(ledger, &root);
    fixture_grow(ledger, 7); // durable, and not released yet
    make_well(&done);
    assert_int_equal(done.size, LEAVES);
    assert_true(done.segments > 3 && done.bytes > 1000);
    assert_memory_equal(&done.root, &root, sizeof root);
    assert_int_equal(check(&again), SK_OK);
    assert_memory_equal(&done, &again, sizeof done);
    assert_int_not_equal(make(&again), SK_OK); // there is one
    world_sim_crash(store);
    assert_int_equal(check(&again), SK_OK);
    // No log grows there; without its manifest it is a log as any.
    struct ledger *copy;
    struct ledger_found found;
    assert_true(backup_is(world_sim_world(store)) && !backup_is(world_sim_world(sim)));
    assert_int_equal(ledger_open(&copy, world_sim_world(store), fixture_options(), &found),
                     SK_DENIED);
    remove_file(store, BACKUP_MANIFEST);
    assert_int_equal(check(&again), SK_UNKNOWN);
    copy = fixture_open(store, &found);
    assert_int_equal(found.size, LEAVES);
    assert_int_equal(found.dropped, 0);
    assert_true(fixture_intact(copy));
    ledger_close(copy);
    end();
}

// At every size, released or with more behind; an empty log too.
static void test_sizes(void **unused) {
    (void)unused;
    struct backup_done done;
    key = fixture_note_key();
    assert_int_equal(world_sim_open(&sim, 22), SK_OK);
    log_open();
    for (uint64_t size = 0; size < 40; size++) {
        store_again();
        make_well(&done);
        assert_true(done.size <= ledger_size(ledger));
        fixture_grow(ledger, size % 3 + 1);
        if (size % 2) assert_int_equal(ledger_release(ledger), SK_OK);
        if (size % 7 == 3) {
            ledger_close(ledger);
            log_open();
        }
    }
    end();
}

static void test_refuses(void **unused) {
    (void)unused;
    struct backup_done done;
    struct note_key other;
    begin();
    assert_int_equal(ledger_release(ledger), SK_OK);
    static const uint8_t seed[SIGN_SEED_LEN] = {43};
    struct sign_key secret;
    sign_init(&secret, seed);
    assert_int_equal(note_key_of(FIXTURE_ORIGIN, NOTE_ED25519, secret.public, &other), SK_OK);
    assert_int_equal(backup_make(world_sim_world(sim), world_sim_world(store), &other, &done),
                     SK_CORRUPT);
    world_sim_close(store);
    struct world_sim *empty = NULL;
    assert_int_equal(world_sim_open(&empty, 1), SK_OK);
    assert_int_equal(world_sim_open(&store, 1), SK_OK);
    assert_int_equal(backup_make(world_sim_world(empty), world_sim_world(store), &key, &done),
                     SK_UNKNOWN);
    world_sim_close(empty);
    end();
}

// ---- damage ----

struct image {
    char bytes[FILE_MAX];
    size_t len;
};

static void image_take(struct world_sim *machine, const char *name, struct image *out) {
    struct world world = world_sim_world(machine);
    int file;
    assert_int_equal(world.open(world.self, name, WORLD_READ, &file), SK_OK);
    assert_int_equal(world.read(world.self, file, 0, out->bytes, FILE_MAX, &out->len), SK_OK);
    world.close(world.self, file);
}

static void image_put(struct world_sim *machine, const char *name, const char *bytes, size_t len) {
    struct world world = world_sim_world(machine);
    int file;
    assert_int_equal(world.open(world.self, name, WORLD_CREATE, &file), SK_OK);
    assert_int_equal(world.truncate(world.self, file, 0), SK_OK);
    assert_int_equal(world.write(world.self, file, 0, bytes, len), SK_OK);
    world.close(world.self, file);
}

static void test_damage(void **unused) {
    (void)unused;
    static const char *const names[] = {"log.000000", "log.000002", "released",
                                        "log.vkey",   "SHA256SUMS"};
    static struct image image;
    struct backup_done done;
    begin();
    assert_int_equal(ledger_release(ledger), SK_OK);
    make_well(&done);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        image_take(store, names[n], &image);
        for (size_t at = 0; at < image.len; at += 3) {
            image.bytes[at] ^= 1;
            image_put(store, names[n], image.bytes, image.len);
            assert_int_equal(check(&done), SK_CORRUPT);
            image.bytes[at] ^= 1;
            image_put(store, names[n], image.bytes, at);
            assert_int_equal(check(&done), SK_CORRUPT);
        }
        remove_file(store, names[n]);
        assert_int_not_equal(check(&done), SK_OK);
        if (n == 1) assert_non_null(strstr(fail_text(), "log.000002 is missing"));
        image_put(store, names[n], image.bytes, image.len);
        assert_int_equal(check(&done), SK_OK);
    }
    image_put(store, "log.000099", "x", 1); // not of it, and not in the way
    assert_int_equal(check(&done), SK_OK);
    end();
}

// A log that is damaged where it counts has no backup; where not, a good one.
static void test_source(void **unused) {
    (void)unused;
    static struct image image;
    struct backup_done done;
    begin();
    assert_int_equal(ledger_release(ledger), SK_OK);
    unsigned refused = 0, good = 0;
    image_take(sim, "log.000001", &image);
    for (size_t at = 0; at < image.len; at++) {
        image.bytes[at] ^= 4;
        image_put(sim, "log.000001", image.bytes, image.len);
        image.bytes[at] ^= 4;
        store_again();
        enum sk_code code = make(&done);
        if (code == SK_OK) good++;
        else refused++;
        if (code == SK_OK) assert_int_equal(check(&done), SK_OK);
        else assert_true(code == SK_CORRUPT || code == SK_INPUT);
    }
    assert_true(refused > 300 && good < image.len / 2);
    image_put(sim, "log.000001", image.bytes, image.len);
    end();
}

// The store's disk fails at any call: an error, or a backup that a power loss leaves whole.
static void test_faults(void **unused) {
    (void)unused;
    struct backup_done done;
    begin();
    assert_int_equal(ledger_release(ledger), SK_OK);
    enum sk_code code = SK_IO;
    for (uint64_t calls = 0; code != SK_OK; calls++) {
        assert_true(calls < 1000);
        store_again();
        world_sim_stop_after(store, calls);
        code = make(&done);
        world_sim_crash(store);
        if (code == SK_OK) assert_int_equal(check(&done), SK_OK);
    }
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),  cmocka_unit_test(test_sizes),  cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_source), cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
