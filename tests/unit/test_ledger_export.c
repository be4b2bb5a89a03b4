// Exports of logs of many sizes, at once and continued, against the pieces the open log gives; what
// is damaged, cut or of another log is refused before a checkpoint is seen.
#include "chance.h"
#include "ledger_fixture.h"

enum { PIECES_MAX = 128, PIECE_MAX = 256 * 128 };

// A directory in memory.
struct shelf {
    struct piece {
        char name[TILE_NAME_MAX + 1];
        char bytes[PIECE_MAX];
        size_t len;
    } pieces[PIECES_MAX];
    size_t len, puts;
    size_t stop_at; // this put fails; 0: none does
};
static struct shelf shelf;

static struct piece *piece_of(struct view path) {
    for (size_t i = 0; i < shelf.len; i++)
        if (view_is(path, shelf.pieces[i].name)) return &shelf.pieces[i];
    return NULL;
}

static enum sk_code shelf_read(void *self, struct view path, struct buf *out) {
    assert_ptr_equal(self, &shelf);
    const struct piece *piece = piece_of(path);
    if (!piece) return FAIL(SK_UNKNOWN, "no piece");
    buf_put(out, piece->bytes, piece->len);
    return buf_check(out, "piece") == SK_OK ? SK_OK : SK_LIMIT;
}

static enum sk_code shelf_put(void *self, struct view path, struct view bytes) {
    assert_ptr_equal(self, &shelf);
    if (++shelf.puts == shelf.stop_at) return FAIL(SK_IO, "the stick is full");
    struct piece *piece = piece_of(path);
    if (!piece) {
        assert_true(shelf.len < PIECES_MAX && path.len <= TILE_NAME_MAX);
        piece = &shelf.pieces[shelf.len++];
        memcpy(piece->name, path.at, path.len);
        piece->name[path.len] = 0;
    }
    assert_true(bytes.len <= PIECE_MAX);
    memcpy(piece->bytes, bytes.at, bytes.len);
    piece->len = bytes.len;
    return SK_OK;
}

static const struct export_target target = {.before = {&shelf, shelf_read}, .put = shelf_put};

static enum sk_code export_now(struct world_sim *sim, struct export_done *done) {
    struct note_key key = fixture_note_key();
    return export_log(world_sim_world(sim), &key, &target, done);
}

static struct ledger *log_open(struct world_sim *sim, uint64_t segment_max) {
    struct ledger *ledger;
    struct ledger_found found;
    struct ledger_options options = fixture_options();
    options.segment_max = segment_max;
    if (ledger_open(&ledger, world_sim_world(sim), options, &found) != SK_OK)
        fail_msg("%s", fail_text());
    return ledger;
}

// What stands there is what the log gives, and computes to its checkpoint.
static void shelf_is_log(struct ledger *ledger) {
    static char bytes[TILE_MAX];
    for (size_t i = 0; i < shelf.len; i++) {
        const struct piece *piece = &shelf.pieces[i];
        struct buf out = buf_over(bytes, sizeof bytes);
        struct tile_name name;
        if (strcmp(piece->name, "checkpoint") == 0) {
            buf_put_view(&out, ledger_checkpoint(ledger));
        } else {
            assert_true(tile_name_take(view_of(piece->name), &name));
            assert_int_equal(ledger_tile(ledger, &name, &out), SK_OK);
        }
        assert_true(view_same(buf_view(&out), (struct view){piece->bytes, piece->len}));
    }
    struct arena arena;
    struct note_key key = fixture_note_key();
    struct trust trust;
    struct whole_facts facts;
    assert_int_equal(arena_open(&arena, "whole", WHOLE_ARENA + (1 << 20)), SK_OK);
    assert_int_equal(trust_of_key(&key, &arena, &trust), SK_OK);
    const struct whole_task task = {.source = &target.before, .trust = &trust};
    if (whole_check(&task, &arena, &facts) != SK_OK) fail_msg("%s", fail_text());
    assert_int_equal(facts.size, ledger_size(ledger));
    arena_close(&arena);
}

static void test_at_once_and_continued(void **unused) {
    (void)unused;
    static const uint64_t sizes[] = {0, 1, 2, 255, 256, 257, 511, 512, 700, 1024, 2000, 3333};
    uint64_t chance = 7;
    for (unsigned round = 0; round < 24; round++) {
        struct world_sim *sim;
        struct export_done done;
        assert_int_equal(world_sim_open(&sim, round), SK_OK);
        struct ledger *ledger = log_open(sim, round % 2 ? 3000 : 0);
        shelf.len = shelf.puts = shelf.stop_at = 0;
        uint64_t size = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            while (size < sizes[i]) {
                uint64_t more = 1 + chance_next(&chance) % 300;
                if (more > sizes[i] - size) more = sizes[i] - size;
                fixture_grow(ledger, more);
                size += more;
            }
            assert_int_equal(ledger_release(ledger), SK_OK);
            if (chance_next(&chance) % 4 == 0) continue; // the next export has more to do
            if (chance_next(&chance) % 4 == 0) { // the node begins anew
                ledger_close(ledger);
                world_sim_restart(sim);
                ledger = log_open(sim, round % 2 ? 3000 : 0);
            }
            uint64_t before = shelf.len ? done.size : 0;
            if (export_now(sim, &done) != SK_OK) fail_msg("size %zu: %s", i, fail_text());
            assert_int_equal(done.before, before);
            assert_int_equal(done.size, size);
            shelf_is_log(ledger);
        }
        ledger_close(ledger);
        world_sim_close(sim);
    }
}

static void test_only_what_was_released(void **unused) {
    (void)unused;
    struct world_sim *sim;
    struct export_done done;
    assert_int_equal(world_sim_open(&sim, 1), SK_OK);
    struct ledger *ledger = log_open(sim, 0);
    shelf.len = shelf.puts = shelf.stop_at = 0;
    fixture_grow(ledger, 300);
    assert_int_equal(ledger_release(ledger), SK_OK);
    fixture_grow(ledger, 50);
    assert_int_equal(export_now(sim, &done), SK_OK);
    assert_int_equal(done.size, 300);
    ledger_close(ledger);
    world_sim_close(sim);
}

// ---- what witnesses cosigned ----

static struct sign_key witness_key;

static struct note_key witness_name(void) {
    static const uint8_t seed[SIGN_SEED_LEN] = {77};
    struct note_key name;
    sign_init(&witness_key, seed);
    assert_int_equal(note_key_of("w.example", NOTE_COSIGNATURE, witness_key.public, &name), SK_OK);
    return name;
}

// As the ledger room does when a quorum has cosigned.
static void publish(struct world_sim *sim, struct view checkpoint) {
    static char bytes[NOTE_MAX];
    struct buf note = buf_over(bytes, sizeof bytes);
    struct world world = world_sim_world(sim);
    struct note_key name = witness_name();
    struct view text, lines;
    assert_int_equal(note_split(checkpoint, &text, &lines), SK_OK);
    buf_put_view(&note, checkpoint);
    checkpoint_cosign(text, &name, &witness_key, 1700000000, &note);
    assert_int_equal(file_replace(&world, "published", "published.new", buf_view(&note)), SK_OK);
}

// As a verifier who asks for a quorum: the log up to what was witnessed.
static enum sk_code witnessed_read(void *self, struct view path, struct buf *out) {
    return shelf_read(self, view_is(path, "checkpoint") ? VIEW(WHOLE_WITNESSED) : path, out);
}

static void shelf_is_witnessed(uint64_t size) {
    char text[1024];
    struct buf policy = buf_over(text, sizeof text);
    struct note_key log = fixture_note_key(), witness = witness_name();
    struct arena arena;
    struct trust trust;
    struct whole_facts facts;
    const struct tile_source source = {&shelf, witnessed_read};
    buf_put_text(&policy, "log ");
    note_key_write(&log, &policy);
    buf_put_text(&policy, "\nwitness w ");
    note_key_write(&witness, &policy);
    buf_put_text(&policy, "\nquorum w\n");
    assert_int_equal(arena_open(&arena, "whole", WHOLE_ARENA + (1 << 20)), SK_OK);
    assert_int_equal(trust_parse(buf_view(&policy), &arena, &trust), SK_OK);
    const struct whole_task task = {.source = &source, .trust = &trust};
    if (whole_check(&task, &arena, &facts) != SK_OK) fail_msg("%s", fail_text());
    assert_int_equal(facts.size, size);
    arena_close(&arena);
}

static void test_witnessed(void **unused) {
    (void)unused;
    // The sizes that are cosigned, in the order in which exports meet them; the log is larger.
    static const struct {
        uint64_t size, witnessed;
    } steps[] = {{700, 300}, {701, 300}, {1500, 1500}, {1501, 1500}, {3000, 2048}, {4000, 2900}};
    static char notes[4][LEDGER_NOTE_MAX];
    static const uint64_t noted[] = {300, 1500, 2048, 2900};
    size_t lens[4] = {0}, next = 0;
    struct world_sim *sim;
    struct export_done done;
    assert_int_equal(world_sim_open(&sim, 5), SK_OK);
    struct ledger *ledger = log_open(sim, 0);
    shelf.len = shelf.puts = shelf.stop_at = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        while (ledger_size(ledger) < steps[i].size) {
            bool stop = next < 4 && noted[next] <= steps[i].size;
            fixture_grow(ledger, (stop ? noted[next] : steps[i].size) - ledger_size(ledger));
            if (!stop) continue;
            struct view note = ledger_checkpoint(ledger);
            memcpy(notes[next], note.at, lens[next] = note.len);
            next++;
        }
        assert_int_equal(ledger_release(ledger), SK_OK);
        for (size_t j = 0; j < 4; j++)
            if (noted[j] == steps[i].witnessed)
                publish(sim, (struct view){notes[j], lens[j]});
        if (export_now(sim, &done) != SK_OK) fail_msg("step %zu: %s", i, fail_text());
        assert_int_equal(done.size, steps[i].size);
        assert_int_equal(done.witnessed, steps[i].witnessed);
        shelf_is_witnessed(steps[i].witnessed);
        // Of one size they are one.
        struct piece *checkpoint = piece_of(VIEW("checkpoint"));
        struct piece *witnessed = piece_of(VIEW(WHOLE_WITNESSED));
        assert_int_equal(view_same((struct view){checkpoint->bytes, checkpoint->len},
                                   (struct view){witnessed->bytes, witnessed->len}),
                         steps[i].size == steps[i].witnessed);
    }
    // They cosigned late what was exported before: its right edge is made from the entries again.
    publish(sim, (struct view){notes[2], lens[2]});
    assert_int_equal(export_now(sim, &done), SK_OK);
    shelf_is_witnessed(2048);
    // Newer than `released`: it is the log's newest.
    fixture_grow(ledger, 20);
    publish(sim, ledger_checkpoint(ledger));
    assert_int_equal(export_now(sim, &done), SK_OK);
    assert_int_equal(done.size, 4020);
    shelf_is_witnessed(4020);
    ledger_close(ledger);
    world_sim_close(sim);
}

// ---- keys that changed ----

static void test_key_changed(void **unused) {
    (void)unused;
    static struct signer signers[4]; // the fixture's; two that follow; a stranger
    struct world_sim *sim;
    struct export_done done;
    assert_int_equal(world_sim_open(&sim, 6), SK_OK);
    struct ledger *ledger = log_open(sim, 0);
    for (uint8_t i = 0; i < 4; i++) {
        const uint8_t seed[SIGN_SEED_LEN] = {(uint8_t)(42 + i)};
        assert_int_equal(signer_of(FIXTURE_ORIGIN, NOTE_ED25519, seed, &signers[i]), SK_OK);
    }
    fixture_grow(ledger, 300);
    for (size_t i = 0; i < 2; i++) {
        for (unsigned stage = TRANSITION_BEGIN; stage <= TRANSITION_END; stage++) {
            static char note_text[TRANSITION_NOTE_MAX], leaf_text[LEDGER_LEAF_MAX];
            struct buf note = buf_over(note_text, sizeof note_text);
            struct buf leaf = buf_over(leaf_text, sizeof leaf_text);
            uint64_t index;
            assert_int_equal(transition_write(stage, &signers[i], &signers[i + 1],
                                              ledger_size(ledger) + 1, VIEW("yearly"), &note),
                             SK_OK);
            transition_leaf(buf_view(&note), 1, &leaf);
            assert_int_equal(ledger_append(ledger, buf_view(&leaf), &index), SK_OK);
            assert_int_equal(ledger_commit(ledger), SK_OK);
        }
    }
    // `released` is signed by one of them, and `key` is another.
    for (size_t by = 0; by < 3; by++) {
        ledger_sign_by(ledger, &signers[by].key, NULL);
        assert_int_equal(ledger_release(ledger), SK_OK);
        for (size_t key = 0; key < 4; key++) {
            shelf.len = shelf.puts = shelf.stop_at = 0;
            enum sk_code code =
                export_log(world_sim_world(sim), &signers[key].name, &target, &done);
            assert_int_equal(code, key < 3 ? SK_OK : SK_DENIED);
        }
    }
    ledger_sign_by(ledger, &signers[3].key, NULL);
    assert_int_equal(ledger_release(ledger), SK_OK);
    for (size_t key = 0; key < 3; key++)
        assert_int_equal(export_log(world_sim_world(sim), &signers[key].name, &target, &done),
                         SK_DENIED);
    ledger_close(ledger);
    world_sim_close(sim);
}

static void test_broken_off(void **unused) {
    (void)unused;
    struct world_sim *sim;
    struct export_done done;
    assert_int_equal(world_sim_open(&sim, 2), SK_OK);
    struct ledger *ledger = log_open(sim, 0);
    fixture_grow(ledger, 1500);
    assert_int_equal(ledger_release(ledger), SK_OK);
    shelf.len = shelf.stop_at = 0;
    for (bool done_all = false; !done_all; shelf.stop_at++) {
        shelf.puts = 0;
        enum sk_code code = export_now(sim, &done);
        done_all = code == SK_OK;
        assert_true(done_all || code == SK_IO);
        assert_int_equal(piece_of(VIEW("checkpoint")) != NULL, done_all);
        if (shelf.stop_at == 0) {
            assert_true(done_all);
            done_all = false;
            shelf.len = 0;
        }
    }
    shelf_is_log(ledger);
    ledger_close(ledger);
    world_sim_close(sim);
}

static void assert_refused(struct world_sim *sim, const char *why) {
    struct export_done done;
    size_t puts = shelf.puts;
    char note[LEDGER_NOTE_MAX];
    struct piece *checkpoint = piece_of(VIEW("checkpoint"));
    size_t len = checkpoint ? checkpoint->len : 0;
    if (checkpoint) memcpy(note, checkpoint->bytes, len);
    assert_int_not_equal(export_now(sim, &done), SK_OK);
    if (!strstr(fail_text(), why)) fail_msg("'%s' says nothing of '%s'", fail_text(), why);
    assert_true(shelf.puts >= puts);
    checkpoint = piece_of(VIEW("checkpoint"));
    assert_int_equal(checkpoint ? checkpoint->len : 0, len);
    if (checkpoint) assert_memory_equal(note, checkpoint->bytes, len);
}

static void byte_flip(struct world_sim *sim, const char *name, uint64_t at) {
    struct world world = world_sim_world(sim);
    int file;
    size_t len;
    char byte;
    assert_int_equal(world.open(world.self, name, 0, &file), SK_OK);
    assert_int_equal(world.read(world.self, file, at, &byte, 1, &len), SK_OK);
    assert_int_equal(len, 1);
    byte = (char)(byte ^ 4);
    assert_int_equal(world.write(world.self, file, at, &byte, 1), SK_OK);
    world.close(world.self, file);
}

static void test_refused(void **unused) {
    (void)unused;
    struct world_sim *sim, *other;
    struct export_done done;
    assert_int_equal(world_sim_open(&sim, 3), SK_OK);
    shelf.len = shelf.puts = shelf.stop_at = 0;
    assert_refused(sim, "released");
    struct ledger *ledger = log_open(sim, 0);
    fixture_grow(ledger, 400);
    assert_int_equal(ledger_release(ledger), SK_OK);
    for (uint64_t at = 40; at < 20000; at += 777) { // any damage, and a signature
        byte_flip(sim, "log.000000", at);
        assert_refused(sim, "");
        byte_flip(sim, "log.000000", at);
    }
    byte_flip(sim, "released", 120);
    assert_refused(sim, "released");
    byte_flip(sim, "released", 120);
    assert_int_equal(export_now(sim, &done), SK_OK);
    // A log that is shorter than what was exported, and one that differs.
    assert_int_equal(world_sim_open(&other, 4), SK_OK);
    struct ledger *second = log_open(other, 0);
    fixture_grow(second, 399);
    assert_int_equal(ledger_release(second), SK_OK);
    assert_refused(other, "400 entries were exported there earlier, and the log has 399");
    uint64_t index;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ledger_append(second, VIEW("another"), &index), SK_OK);
        assert_int_equal(ledger_commit(second), SK_OK);
    }
    assert_int_equal(ledger_release(second), SK_OK);
    assert_refused(other, "the log's first 400 entries have another root than what was exported");
    // A changed hash at the right edge of what was exported.
    struct piece *edge = piece_of(VIEW("tile/1/000.p/1"));
    assert_non_null(edge);
    edge->bytes[3] ^= 1;
    fixture_grow(ledger, 1);
    assert_int_equal(ledger_release(ledger), SK_OK);
    assert_refused(sim, "another root than what was exported");
    edge->len--;
    assert_refused(sim, "what was exported earlier: tile/1/000.p/1");
    struct piece *checkpoint = piece_of(VIEW("checkpoint"));
    checkpoint->bytes[0] ^= 1;
    assert_refused(sim, "what was exported there is of the log");
    ledger_close(second);
    ledger_close(ledger);
    world_sim_close(other);
    world_sim_close(sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once_and_continued),
        cmocka_unit_test(test_only_what_was_released),
        cmocka_unit_test(test_witnessed),
        cmocka_unit_test(test_key_changed),
        cmocka_unit_test(test_broken_off),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
