// A witness's disk: what it told stays, and of two forks of a log it never told both, whatever
// fails and wherever the machine stops.
#include "chance.h"
#include "ledger/tree.h"
#include "ledger/witness_store.h"
#include "ledger_keys.h"

enum { LEAVES = 64, SEEDS = 400, LIVES = 8, ROUNDS = 12 };

static struct numbered_key log_key, own;
static struct witness_log logs[1];
static struct witness witness;
static struct tree trees[2]; // equal up to leaf `fork`

static int setup(void **unused) {
    (void)unused;
    numbered_key(&log_key, 1, NOTE_ED25519, "log.example/a");
    numbered_key(&own, 3, NOTE_COSIGNATURE, "witness.example/w");
    logs[0].key = log_key.key;
    (void)snprintf(logs[0].origin, sizeof logs[0].origin, "log.example/a");
    witness = (struct witness){logs, 1, &own.key, &own.secret};
    for (int i = 0; i < 2; i++)
        assert_int_equal(tree_open(&trees[i], LEAVES), SK_OK);
    return 0;
}

static void trees_grow(uint64_t fork) {
    for (int branch = 0; branch < 2; branch++) {
        tree_cut(&trees[branch], 0);
        for (uint64_t i = 0; i < LEAVES; i++) {
            struct tree_hash leaf;
            tree_leaf(fixture_leaf(i), &leaf);
            leaf.at[0] ^= branch && i >= fork;
            tree_put(&trees[branch], &leaf);
        }
    }
}

static struct view body_of(const struct tree *of, uint64_t old, uint64_t size) {
    static char note[2048], body[8192];
    struct buf out = buf_over(note, sizeof note), written = buf_over(body, sizeof body);
    struct witness_request request = {.old = old};
    struct tree_hash root;
    tree_root(of, size, &root);
    checkpoint_sign("log.example/a", size, &root, &log_key.key, &log_key.secret, &out);
    request.note = buf_view(&out);
    if (old > 0 && old <= size) request.proof_len = tree_consistency(of, old, size, request.proof);
    witness_request_write(&request, &written);
    assert_false(written.over);
    return buf_view(&written);
}

// What everybody was told of the log.
struct told {
    uint64_t fork, size;
    int branch; // that was told beyond the fork; -1: neither
};

static void tell(struct told *told, struct view note) {
    struct checkpoint checkpoint;
    struct tree_hash root;
    uint64_t time_s;
    assert_int_equal(note_signed(note, &own.key, &time_s), SK_OK);
    assert_int_equal(checkpoint_check(note, &log_key.key, &checkpoint), SK_OK);
    tree_root(&trees[0], checkpoint.size, &root);
    int branch = memcmp(&root, &checkpoint.root, sizeof root) == 0 ? 0 : 1;
    if (checkpoint.size > told->fork) {
        if (told->branch >= 0 && told->branch != branch) fail_msg("both forks were cosigned");
        told->branch = branch;
    }
    assert_true(checkpoint.size >= told->size);
    told->size = checkpoint.size;
}

static void monitor(const struct world *world, struct told *told) {
    char hex[2 * HASH_LEN + 1], bytes[NOTE_MAX];
    struct buf note = buf_over(bytes, sizeof bytes);
    witness_origin_hex(VIEW("log.example/a"), hex);
    enum sk_code code = witness_store_read(world, hex, &note);
    if (code == SK_OK) tell(told, buf_view(&note));
    else if (code == SK_UNKNOWN) assert_int_equal(told->size, 0);
}

static struct counts {
    int granted, failed, forks;
} counts;

// Until the disk fails.
static void live(const struct world *world, struct told *told, uint64_t *state) {
    if (witness_store_open(world) != SK_OK) return;
    monitor(world, told);
    uint64_t old = told->size;
    for (int round = 0; round < ROUNDS; round++) {
        struct witness_verdict verdict;
        int branch = chance_next(state) % 2 ? 1 : 0;
        uint64_t size = old + chance_next(state) % (LEAVES - old) / (1 + chance_next(state) % 8);
        struct view body = body_of(&trees[branch], old, size);
        if (witness_answer(&witness, world, body, &verdict) != SK_OK) {
            counts.failed++;
            return;
        }
        if (verdict.status == 409) {
            struct view text = {verdict.body, verdict.body_len - 1};
            assert_true(decimal_take(text, &old));
        }
        counts.forks += verdict.status == 422;
        if (verdict.status != 200) continue;
        char bytes[4096];
        struct buf note = buf_over(bytes, sizeof bytes);
        struct witness_request sent;
        assert_int_equal(witness_request_read(body, &sent), SK_OK);
        buf_put_view(&note, sent.note);
        buf_put(&note, verdict.body, verdict.body_len);
        tell(told, buf_view(&note));
        old = size;
        counts.granted++;
        if (chance_next(state) % 4 == 0) monitor(world, told);
    }
}

static void test_crashes(void **unused) {
    (void)unused;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world_sim *sim;
        uint64_t state = seed;
        struct told told = {.fork = chance_next(&state) % (LEAVES / 2), .branch = -1};
        trees_grow(told.fork);
        assert_int_equal(world_sim_open(&sim, seed), SK_OK);
        struct world world = world_sim_world(sim);
        world_sim_faults(sim, (struct world_faults){.write_fail = 600, .sync_fail = 600});
        for (int life = 0; life < LIVES; life++) {
            world_sim_stop_after(sim, chance_next(&state) % 60);
            live(&world, &told, &state);
            if (chance_next(&state) % 3) world_sim_crash(sim);
            else world_sim_restart(sim);
            world_sim_clock_step(sim, (int64_t)(chance_next(&state) % 90000));
        }
        world_sim_close(sim);
    }
    print_message("granted %d, failed %d, forks refused %d\n", counts.granted, counts.failed,
                  counts.forks);
    assert_true(counts.granted > 500 && counts.failed > 200 && counts.forks > 100);
}

// Within a minute the same checkpoint gets the same line; later a new one.
static void test_again(void **unused) {
    (void)unused;
    struct world_sim *sim;
    struct witness_verdict first, second;
    trees_grow(LEAVES);
    assert_int_equal(world_sim_open(&sim, 1), SK_OK);
    struct world world = world_sim_world(sim);
    assert_int_equal(witness_answer(&witness, &world, body_of(&trees[0], 0, 7), &first), SK_OK);
    assert_int_equal(first.status, 200);
    world_sim_clock_step(sim, 30000);
    assert_int_equal(witness_answer(&witness, &world, body_of(&trees[0], 7, 7), &second), SK_OK);
    assert_int_equal(second.status, 200);
    assert_memory_equal(first.body, second.body, first.body_len);
    world_sim_clock_step(sim, 60000);
    assert_int_equal(witness_answer(&witness, &world, body_of(&trees[0], 7, 7), &second), SK_OK);
    assert_int_equal(second.status, 200);
    assert_memory_not_equal(first.body, second.body, first.body_len);
    world_sim_close(sim);
}

// What is kept is damaged: that log is not cosigned, and nothing is written over it. Of a log that
// is not witnessed nothing is read.
static void test_damaged(void **unused) {
    (void)unused;
    struct world_sim *sim;
    struct witness_verdict verdict;
    char hex[2 * HASH_LEN + 1], name[96];
    int file;
    trees_grow(LEAVES);
    assert_int_equal(world_sim_open(&sim, 1), SK_OK);
    struct world world = world_sim_world(sim);
    assert_int_equal(witness_answer(&witness, &world, body_of(&trees[0], 0, 7), &verdict), SK_OK);
    witness_origin_hex(VIEW("log.example/a"), hex);
    (void)snprintf(name, sizeof name, "witness.%s", hex);
    assert_int_equal(world.open(world.self, name, WORLD_CREATE, &file), SK_OK);
    assert_int_equal(world.write(world.self, file, 14, "6", 1), SK_OK);
    world.close(world.self, file);
    assert_int_equal(witness_answer(&witness, &world, body_of(&trees[0], 7, 9), &verdict), SK_OK);
    assert_int_equal(verdict.status, 500);
    struct witness nobody = {NULL, 0, &own.key, &own.secret};
    assert_int_equal(witness_answer(&nobody, &world, body_of(&trees[0], 7, 9), &verdict), SK_OK);
    assert_int_equal(verdict.status, 404);
    assert_int_equal(witness_answer(&nobody, &world, VIEW("old x\n"), &verdict), SK_OK);
    assert_int_equal(verdict.status, 400);
    world_sim_close(sim);
}

// A clock before 1970, or never set, says no time to sign; set right it cosigns.
static void test_clock(void **unused) {
    (void)unused;
    struct world_sim *sim;
    struct witness_verdict verdict;
    trees_grow(LEAVES);
    assert_int_equal(world_sim_open(&sim, 1), SK_OK);
    struct world world = world_sim_world(sim);
    int64_t right_ms = world.clock_ms(world.self);
    static const int64_t wrong_ms[] = {-86400000, -1, 999};
    for (size_t i = 0; i < sizeof wrong_ms / sizeof *wrong_ms; i++) {
        world_sim_clock_step(sim, wrong_ms[i] - world.clock_ms(world.self));
        struct view body = body_of(&trees[0], 0, 7);
        assert_int_equal(witness_answer(&witness, &world, body, &verdict), SK_OK);
        assert_int_equal(verdict.status, 500);
        assert_non_null(memmem(verdict.body, verdict.body_len, "clock", 5));
    }
    world_sim_clock_step(sim, right_ms - world.clock_ms(world.self));
    assert_int_equal(witness_answer(&witness, &world, body_of(&trees[0], 0, 7), &verdict), SK_OK);
    assert_int_equal(verdict.status, 200);
    world_sim_close(sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
