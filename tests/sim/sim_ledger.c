// The ledger on a machine that fails: many crash states, every run from one seed.
//
// A run is a log that lives through several lives of its process on one simulated machine. In a
// life it appends and commits while writes, syncs and reads fail; the machine stops after so many
// calls; then power goes, or only the process ends and the cache stays: that is a crash state.
// After every one must hold: the log opens; every acknowledged leaf is there and the same; every
// checkpoint ever signed is one the log still grows from; no size was signed with two roots. At the
// end of some runs damage is done to synced bytes, and the log must refuse or still hold all this.
//
//   sim_ledger [crash states [seed]]     begins at a random seed when none is given; a failure prints
//                                        its own: sim_ledger 1 <seed> repeats it
#include <stdio.h>
#include <stdlib.h>

#include "chance.h"
#include "ledger/ledger.h"

enum {
    STATES = 100000,
    LEAVES_MAX = 256, // of one run
    LIVES_MAX = 6,
    NAME_SEGMENTS = 16, // segments that damage may find
};

struct state {
    uint64_t seed, chance;
    struct world_sim *sim;
    struct ledger *ledger;
    uint64_t acknowledged; // size promised
    uint64_t released[LEAVES_MAX + 1]; // sizes signed, in order
    struct tree_hash roots[LEAVES_MAX + 1]; // by size
    bool rooted[LEAVES_MAX + 1];
    int released_len;
    uint64_t marks[LEAVES_MAX]; // what leaf i says
    const char *at; // step, for the report
};

static struct totals {
    struct world_counts counts;
    uint64_t runs, restarts, commits, poisoned, leaves, failed_open, cut_tail;
    uint64_t scrubs, sealed, damaged, refused, unharmed;
} totals;

static uint64_t chance(struct state *state, uint64_t below) {
    return chance_next(&state->chance) % below;
}

_Noreturn static void broken(const struct state *state, const char *what) {
    printf("seed %llu, %s: %s (%s)\n", (unsigned long long)state->seed, state->at, what,
           fail_text());
    exit(1);
}

static struct view leaf_of(const struct state *state, uint64_t index) {
    static char text[1600];
    uint64_t mark = state->marks[index];
    size_t len = mark % 16 == 0 ? (size_t)(mark % 1500) : (size_t)(mark % 60);
    for (size_t i = 0; i < len; i++) text[i] = (char)('!' + (mark >> i % 40) % 90);
    return (struct view){text, len};
}

static enum sk_code state_open(struct state *state, struct ledger_found *found) {
    static struct sign_key key;
    static const uint8_t seed[SIGN_SEED_LEN] = {9};
    if (!key.public[0]) sign_init(&key, seed);
    const struct ledger_options options = {.origin = "sekisho.example/sim",
                                           .key = &key,
                                           .segment_max = 700 + state->seed % 7 * 500,
                                           .leaves_max = LEAVES_MAX,
                                           .ahead_min = state->seed % 3 * 150};
    return ledger_open(&state->ledger, world_sim_world(state->sim), options, found);
}

// The durable size's root joins the signed ones: it may be the only one of its size. The signature
// itself is a function of size and root, so none is made.
static void state_release(struct state *state) {
    uint64_t size = ledger_size(state->ledger);
    struct tree_hash root;
    ledger_root(state->ledger, &root);
    if (state->rooted[size]) {
        if (memcmp(&root, &state->roots[size], sizeof root) != 0) broken(state, "two roots");
        return;
    }
    state->rooted[size] = true;
    state->roots[size] = root;
    state->released[state->released_len++] = size;
}

// ---- what must hold ----

static void state_check(struct state *state) {
    uint64_t size = ledger_size(state->ledger);
    if (size < state->acknowledged) broken(state, "acknowledged leaves are gone");
    char bytes[LEDGER_LEAF_MAX];
    for (uint64_t i = 0; i < size; i++) {
        struct buf leaf = buf_over(bytes, sizeof bytes);
        if (ledger_leaf(state->ledger, i, &leaf) != SK_OK) broken(state, "a leaf cannot be read");
        if (!view_same(buf_view(&leaf), leaf_of(state, i))) broken(state, "a leaf is another");
    }
    struct tree_hash root, proof[LEDGER_PROOF_MAX];
    size_t len;
    ledger_root(state->ledger, &root);
    for (int i = 0; i < state->released_len; i++) {
        uint64_t old = state->released[i];
        if (old > size) broken(state, "a signed checkpoint is of more leaves");
        if (old == 0) continue;
        if (ledger_consistency(state->ledger, old, size, proof, &len) != SK_OK ||
            tree_consistency_check(old, size, &state->roots[old], &root, proof, len) != SK_OK)
            broken(state, "a signed checkpoint is not of this log");
    }
    state_release(state);
    totals.leaves += size;
}

static void damage_told(void *self, const struct scrub_damage *damage) {
    (void)damage;
    ++*(int *)self;
}

// Reads the segments again and seals the full ones; false when a fault stopped it.
static bool state_scrub(struct state *state, bool healthy) {
    int damaged = 0;
    struct scrub *scrub;
    struct scrub_found found = {.done = false};
    const struct scrub_task task = {.world = world_sim_world(state->sim),
                                    .ledger = state->ledger,
                                    .self = &damaged,
                                    .damaged = damage_told};
    enum sk_code code = scrub_open(&scrub, &task);
    while (code == SK_OK && !found.done) code = scrub_step(scrub, 4096, &found);
    scrub_close(scrub);
    if (healthy && (code != SK_OK || damaged)) broken(state, "damage where there is none");
    totals.scrubs += code == SK_OK;
    totals.sealed += found.sealed;
    return code == SK_OK;
}

// ---- one life ----

static void life_work(struct state *state) {
    uint64_t commits = 1 + chance(state, 6);
    while (commits-- > 0) {
        uint64_t batch = 1 + chance(state, 5), index;
        for (uint64_t i = 0; i < batch; i++) {
            uint64_t next = ledger_size(state->ledger) + i;
            if (next == LEAVES_MAX) break;
            state->marks[next] = state->chance ^ next;
            if (ledger_append(state->ledger, leaf_of(state, next), &index) != SK_OK) break;
            if (index != next) broken(state, "a gap");
        }
        if (chance(state, 8) == 0) return; // ends with a batch open
        if (ledger_commit(state->ledger) != SK_OK) {
            totals.poisoned++;
            if (ledger_commit(state->ledger) != SK_IO) broken(state, "not poisoned");
            return;
        }
        totals.commits++;
        state->acknowledged = ledger_size(state->ledger);
        if (chance(state, 2)) state_release(state);
        if (chance(state, 6) == 0) world_sim_clock_step(state->sim, 11000);
        if (chance(state, 6) == 0) (void)ledger_release(state->ledger);
        if (chance(state, 8) == 0 && !state_scrub(state, false)) return;
    }
}

static void life_end(struct state *state) {
    bool power = chance(state, 2), closes = chance(state, 3) == 0;
    world_sim_faults(state->sim, (struct world_faults){0});
    if (closes) ledger_close(state->ledger);
    if (power) {
        world_sim_crash(state->sim);
    } else {
        totals.restarts++;
        world_sim_restart(state->sim);
    }
    if (!closes) { // a stopped process writes nothing more; this frees its memory
        world_sim_stop_after(state->sim, 0);
        ledger_close(state->ledger);
        world_sim_restart(state->sim);
    }
    state->ledger = NULL;
}

// Faults while opening may fail it; they go, and then it must open.
static void life_begin(struct state *state, struct world_faults faults) {
    struct ledger_found found;
    if (chance(state, 3) == 0) {
        state->at = "opening with faults";
        world_sim_faults(state->sim, faults);
        if (chance(state, 2)) world_sim_stop_after(state->sim, chance(state, 30));
        enum sk_code code = state_open(state, &found);
        if (code == SK_CORRUPT) broken(state, "refused a log without damage");
        if (code == SK_OK) {
            state_release(state); // signed: this too must be kept
            life_end(state);
        } else {
            totals.failed_open++;
            if (chance(state, 2)) world_sim_crash(state->sim);
            else world_sim_restart(state->sim);
        }
    }
    world_sim_faults(state->sim, (struct world_faults){0});
    state->at = "opening";
    if (state_open(state, &found) != SK_OK) broken(state, "does not open");
    if (found.dropped) totals.cut_tail++;
    state->at = "after opening";
    state_check(state);
    if (chance(state, 4) == 0) state_scrub(state, true);
    world_sim_faults(state->sim, faults);
}

static struct world_faults faults_of(struct state *state) {
    static const uint32_t rates[] = {0, 0, 400, 4000};
    return (struct world_faults){.write_fail = rates[chance(state, 4)],
                                 .write_full = rates[chance(state, 4)],
                                 .sync_fail = rates[chance(state, 4)],
                                 .read_fail = rates[chance(state, 4)]};
}

// ---- damage to synced bytes ----

static void state_damage(struct state *state) {
    struct world world = world_sim_world(state->sim);
    char name[16];
    int file = -1;
    uint64_t size = 0;
    for (int tries = 0; tries < 8 && file < 0; tries++) {
        snprintf(name, sizeof name, "log.%06u", (unsigned)chance(state, NAME_SEGMENTS));
        if (tries == 7) snprintf(name, sizeof name, "log.000000");
        if (world.open(world.self, name, WORLD_READ, &file) != SK_OK) file = -1;
    }
    if (file < 0 || world.size(world.self, file, &size) != SK_OK || size == 0) return;
    char byte;
    size_t got;
    uint64_t at = chance(state, size);
    if (chance(state, 4) == 0) {
        (void)world.truncate(world.self, file, at);
    } else {
        (void)world.read(world.self, file, at, &byte, 1, &got);
        byte = (char)(byte ^ (1 + (int)chance(state, 255)));
        (void)world.write(world.self, file, at, &byte, 1);
    }
    (void)world.sync(world.self, file);
    world.close(world.self, file);
    totals.damaged++;
    struct ledger_found found;
    state->at = "after damage";
    enum sk_code code = state_open(state, &found);
    if (code == SK_CORRUPT) totals.refused++;
    else if (code != SK_OK) broken(state, "damage is not called damage");
    if (code != SK_OK) return;
    // Harmless: bytes that a later segment repeats, or a tail that was never acknowledged.
    totals.unharmed++;
    state_check(state);
    ledger_close(state->ledger);
}

static void state_run(uint64_t seed) {
    static struct state state;
    state = (struct state){.seed = seed, .chance = seed ^ 0x5eed, .at = "beginning"};
    if (world_sim_open(&state.sim, seed) != SK_OK) broken(&state, "no machine");
    uint64_t lives = 1 + chance(&state, LIVES_MAX);
    totals.runs++;
    for (uint64_t life = 0; life < lives; life++) {
        life_begin(&state, faults_of(&state));
        if (chance(&state, 2)) world_sim_stop_after(state.sim, chance(&state, 60));
        state.at = "working";
        life_work(&state);
        life_end(&state);
    }
    life_begin(&state, (struct world_faults){0});
    ledger_close(state.ledger); // with the record of the newest size
    if (chance(&state, 4) == 0) state_damage(&state);
    struct world_counts counts = world_sim_counts(state.sim);
    uint64_t *sum = (uint64_t *)&totals.counts;
    const uint64_t *part = (const uint64_t *)&counts;
    for (size_t i = 0; i < sizeof counts / sizeof *part; i++) sum[i] += part[i];
    world_sim_close(state.sim);
}

int main(int argc, char **argv) {
    uint64_t states = argc > 1 ? strtoull(argv[1], NULL, 10) : STATES;
    uint64_t seed = 1;
    if (argc > 2) seed = strtoull(argv[2], NULL, 10);
    else must(world_real(-1).random(NULL, &seed, 4) == SK_OK);
    printf("seeds from %llu\n", (unsigned long long)seed);
    const struct world_counts *c = &totals.counts;
    while (c->crashes + totals.restarts < states) state_run(seed + totals.runs);
    const struct {
        const char *what;
        uint64_t many;
    } rows[] = {
        {"runs", totals.runs},
        {"losses of power", c->crashes},
        {"restarts on the same cache", totals.restarts},
        {"commits acknowledged", totals.commits},
        {"logs poisoned by a failure", totals.poisoned},
        {"opens that a fault stopped", totals.failed_open},
        {"opens that cut a torn tail", totals.cut_tail},
        {"leaves compared", totals.leaves},
        {"writes lost", c->lost},
        {"writes kept unsynced", c->kept},
        {"writes torn", c->torn},
        {"sectors zeroed", c->zeroed},
        {"sectors stale", c->stale},
        {"writes failed", c->write_fails},
        {"disk full", c->full},
        {"syncs failed, pages clean", c->sync_fails},
        {"reads failed", c->read_fails},
        {"scrubs", totals.scrubs},
        {"segments with their seal", totals.sealed},
        {"logs damaged", totals.damaged},
        {"  refused", totals.refused},
        {"  unharmed", totals.unharmed},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf("%-28s %12llu\n", rows[i].what, (unsigned long long)rows[i].many);
    printf("%llu crash states, seeds %llu to %llu: every invariant held\n",
           (unsigned long long)(c->crashes + totals.restarts), (unsigned long long)seed,
           (unsigned long long)(seed + totals.runs - 1));
    return 0;
}
