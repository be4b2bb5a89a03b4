// The archive on a machine that fails: many crash states, every run from one seed.
//
// A run is an archive that lives through several lives of its process on one simulated machine. In a
// life it keeps and erases while writes, syncs and reads fail, and is opened anew after it; the
// machine stops after so many calls; then power goes, or only the process ends and the cache stays: that is a crash state.
// After every one must hold: the archive opens; every acknowledged record is there and the same,
// unless its erasure was asked for; of what was erased and acknowledged nothing can be read, from
// the key file in use or from any other that is still there, by who has every archive key. The
// archive key is changed too: the old or the new one opens it, and once the change was acknowledged,
// the old one opens nothing.
//
//   sim_archive [crash states [seed]]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "ledger/archive.h"

enum {
    RECORDS_MAX = 64, LIVES_MAX = 5, KEYS_MAX = 16, TEXT_MAX = 1500, SEGMENTS = 24,
    FILE_MAX = 1 << 18
};
// PUT: never acknowledged; it may be there, or be gone at the next loss of power.
enum fate { NONE, PUT, KEPT, ERASING, ERASED };

struct state {
    uint64_t seed, chance;
    struct world_sim *sim;
    struct archive *archive;
    enum fate fates[RECORDS_MAX];
    size_t len;
    uint8_t keys[KEYS_MAX][SECRET_KEY_LEN]; // archive keys, each another; the last may be no key yet
    size_t keys_len, gone;                  // the first of them open nothing any more
    const char *at;
};
static struct totals {
    struct world_counts counts;
    uint64_t runs, kept, erased, rekeyed, reopened, torn;
} totals;

static uint64_t chance(struct state *state, uint64_t below) {
    return chance_next(&state->chance) % below;
}

_Noreturn static void broken(const struct state *state, const char *what) {
    printf("seed %llu, %s: %s (%s)\n", (unsigned long long)state->seed, state->at, what,
           fail_text());
    exit(1);
}

static struct view text_of(const struct state *state, size_t which) {
    static char text[TEXT_MAX];
    uint64_t mark = state->seed * 31 + which * 1000003;
    size_t len = (size_t)(mark % TEXT_MAX);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(mark >> i % 40);
    return (struct view){text, len};
}

static bool reads(struct archive *archive, struct state *state, size_t which) {
    static char storage[TEXT_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    if (archive_get(archive, which, &out) != SK_OK) return false;
    if (!view_same(buf_view(&out), text_of(state, which))) broken(state, "another text came back");
    return true;
}

// ---- what somebody with every file and the archive key can read ----

static bool copy(struct world from, const char *name, struct world to, const char *as) {
    static char bytes[FILE_MAX];
    int file;
    size_t got;
    if (from.open(from.self, name, WORLD_READ, &file) != SK_OK) return false;
    must(from.read(from.self, file, 0, bytes, sizeof bytes, &got) == SK_OK && got < sizeof bytes);
    from.close(from.self, file);
    must(to.open(to.self, as, WORLD_CREATE, &file) == SK_OK);
    must(to.write(to.self, file, 0, bytes, got) == SK_OK);
    to.close(to.self, file);
    return true;
}

static void spy(struct state *state, const char *keys, size_t key) {
    struct world from = world_sim_world(state->sim), to;
    struct world_sim *aside;
    struct archive *archive;
    struct archive_found found;
    must(world_sim_open(&aside, 1) == SK_OK);
    to = world_sim_world(aside);
    bool there = copy(from, keys, to, "kept.keys");
    for (unsigned i = 0; there && i < SEGMENTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "kept.%06u", i);
        copy(from, name, to, name);
    }
    if (there && archive_open(&archive, to, state->keys[key], true, &found) == SK_OK) {
        if (key < state->gone) broken(state, "an old archive key opens a key file");
        for (size_t i = 0; i < state->len; i++)
            if (state->fates[i] == ERASED && reads(archive, state, i))
                broken(state, "an erased record was read");
        archive_close(archive);
    }
    world_sim_close(aside);
}

static void spy_all(struct state *state) {
    for (size_t i = 0; i < state->keys_len; i++) {
        spy(state, "kept.keys", i);
        spy(state, "kept.keys.old", i);
        spy(state, "kept.keys.new", i);
    }
}

// ---- one life ----

static void keep_some(struct state *state) {
    size_t from = state->len;
    for (size_t n = 1 + (size_t)chance(state, 4); n && state->len < RECORDS_MAX; n--) {
        size_t i = state->len;
        if (archive_put(state->archive, i, 9, text_of(state, i)) != SK_OK) break;
        state->fates[state->len++] = PUT;
    }
    if (archive_commit(state->archive) != SK_OK) return;
    for (size_t i = from; i < state->len; i++)
        state->fates[i] = KEPT;
    totals.kept += state->len - from;
}

// At once, or in steps with more to keep between them.
static enum sk_code erase(struct state *state, const uint64_t *opens, size_t len) {
    bool done = false;
    if (chance(state, 2)) return archive_erase(state->archive, opens, len);
    TRY(archive_erase_begin(state->archive, opens, len));
    while (!done) {
        if (chance(state, 3) == 0) keep_some(state);
        TRY(archive_erase_step(state->archive, 1 + (size_t)chance(state, 8), &done));
    }
    return SK_OK;
}

static void erase_some(struct state *state) {
    uint64_t opens[4];
    size_t len = 0;
    for (size_t i = 0; i < state->len && len < 1 + state->seed % 4; i++)
        if (state->fates[i] == KEPT && chance(state, 3) == 0) opens[len++] = i;
    for (size_t i = 0; i < len; i++)
        state->fates[opens[i]] = ERASING;
    if (erase(state, opens, len) != SK_OK) return;
    for (size_t i = 0; i < len; i++)
        state->fates[opens[i]] = ERASED;
    totals.erased += len;
}

static void key_add(struct state *state) {
    uint8_t *key = state->keys[state->keys_len++];
    memset(key, 77, SECRET_KEY_LEN);
    key[0] = (uint8_t)state->keys_len;
}

static void change_key(struct state *state) {
    if (state->keys_len == KEYS_MAX) return;
    key_add(state);
    if (archive_rekey(state->archive, state->keys[state->keys_len - 1]) != SK_OK) return;
    state->gone = state->keys_len - 1;
    totals.rekeyed++;
}

// With the last archive key or, when that is none yet, with the one before; those that came to
// nothing are forgotten.
static enum sk_code reopen(struct state *state) {
    struct archive_found found;
    enum sk_code code = SK_DENIED;
    for (size_t i = state->keys_len; code == SK_DENIED && i-- > state->gone;) {
        code = archive_open(&state->archive, world_sim_world(state->sim), state->keys[i], false,
                            &found);
        if (code == SK_OK) totals.torn += found.damaged;
        if (code == SK_OK) state->keys_len = i + 1;
    }
    return code;
}

static void life(struct state *state) {
    struct world_faults faults = {0};
    state->at = "life";
    world_sim_stop_after(state->sim, 2 + chance(state, 90));
    if (chance(state, 4) == 0)
        faults = (struct world_faults){.write_fail = 400, .write_full = 400, .sync_fail = 400};
    world_sim_faults(state->sim, faults);
    if (reopen(state) != SK_OK) return;
    while (state->len < RECORDS_MAX && chance(state, 24)) {
        if (archive_poisoned(state->archive) && chance(state, 2) &&
            archive_reopen(state->archive) == SK_OK)
            totals.reopened++;
        uint64_t what = chance(state, 12);
        if (what == 0)
            change_key(state);
        else if (what < 5)
            erase_some(state);
        else
            keep_some(state);
    }
    archive_close(state->archive);
}

static void check(struct state *state) {
    state->at = "after";
    world_sim_faults(state->sim, (struct world_faults){0});
    spy_all(state);
    if (reopen(state) != SK_OK) broken(state, "it does not open");
    state->gone = state->keys_len - 1;
    for (size_t i = 0; i < state->len; i++) {
        bool there = reads(state->archive, state, i);
        if (state->fates[i] == KEPT && !there) broken(state, "an acknowledged record is lost");
        if (state->fates[i] == ERASED && there) broken(state, "an erased record is back");
        if (state->fates[i] == ERASING) state->fates[i] = there ? KEPT : ERASED;
    }
    archive_close(state->archive);
    spy_all(state);
}

static uint64_t run(uint64_t seed) {
    struct state state = {.seed = seed, .chance = seed};
    uint64_t lives = 1 + chance(&state, LIVES_MAX);
    key_add(&state);
    must(world_sim_open(&state.sim, seed) == SK_OK);
    for (uint64_t i = 0; i < lives; i++) {
        life(&state);
        if (chance(&state, 3))
            world_sim_crash(state.sim);
        else
            world_sim_restart(state.sim);
        check(&state);
    }
    struct world_counts counts = world_sim_counts(state.sim);
    totals.counts.torn += counts.torn;
    totals.counts.lost += counts.lost;
    totals.counts.crashes += counts.crashes;
    world_sim_close(state.sim);
    totals.runs++;
    return lives;
}

int main(int argc, char **argv) {
    uint64_t states = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000, seed;
    struct world world = world_real(-1);
    must(world.random(world.self, &seed, sizeof seed) == SK_OK);
    seed >>= 16;
    if (argc > 2) seed = strtoull(argv[2], NULL, 10);
    for (uint64_t done = 0; done < states; seed++)
        done += run(seed);
    printf("%llu runs, %llu crashes: %llu kept, %llu erased, keys changed %llu, opened anew after "
           "a failure %llu; writes lost %llu, torn %llu; keys of torn tails %llu\n",
           (unsigned long long)totals.runs, (unsigned long long)totals.counts.crashes,
           (unsigned long long)totals.kept, (unsigned long long)totals.erased,
           (unsigned long long)totals.rekeyed, (unsigned long long)totals.reopened,
           (unsigned long long)totals.counts.lost, (unsigned long long)totals.counts.torn,
           (unsigned long long)totals.torn);
    return 0;
}
