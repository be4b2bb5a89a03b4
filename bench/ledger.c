// What a durable, provable leaf costs beside the disk's own price. Leaves of 400 bytes are committed
// to a log on the real disk and each commit is signed as a checkpoint; in turns with it the same
// number of bytes is written and synced to a bare file, the least any durable log must do (floor).
// First as fast as it goes; then at 1,000 leaves a second, each timed from when it was due to when it
// could be acknowledged; then proofs and receipts of the grown log are checked, and it is opened.
//
//   bench_ledger [directory]     a scratch directory is made there (default: here) and removed
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ledger/ledger.h"

enum {
    LEAF = 400,
    FRAMED = LEAF + 32, // as it lies in a segment
    BATCH_FRAME = 64,
    COMMITS_MAX = 1000,
    PACED_TURNS = 60, // of each side, in turns
    PACED_LEAVES = 100, // of one turn
    PACE_US = 1000, // one leaf is due every so often
    GROWN = 100000, // leaves of the log that receipts are cut from, at least
    RECEIPTS = 1000,
    // Tessera's docs/performance.md: POSIX on NVMe, antispam and awaiter on, up to 7 cores.
    TESSERA_RATE = 10000,
};

static struct world world;
static struct ledger *ledger;
static int bare;
static uint64_t bare_end;

static double time_us(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double now_us(void) { return time_us(CLOCK_MONOTONIC); }

static void hope(enum sk_code code) {
    if (code == SK_OK) return;
    fprintf(stderr, "bench_ledger: %s\n", fail_text());
    exit(1);
}

static void tell(const char *name, double value, const char *unit, const char *verdict) {
    printf("RESULT %s %.*f %s goal %s\n", name, value < 100 ? 2 : 0, value, unit, verdict);
}

static void tell_goal(const char *name, double value, const char *unit, double goal, bool met) {
    char verdict[64];
    (void)snprintf(verdict, sizeof verdict, "%g %s", goal, met ? "met" : "missed");
    tell(name, value, unit, verdict);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The value below which `percent` of the values lie; sorts them.
static double rank(double *values, size_t count, size_t percent) {
    qsort(values, count, sizeof *values, by_value);
    return values[(count - 1) * percent / 100];
}

// ---- the two sides ----

static uint64_t leaf_add(uint64_t number, bool open, uint64_t of) {
    static char text[LEAF + 1];
    int len = snprintf(text, sizeof text,
                       "{\"key\":\"k1\",\"n\":%llu,\"open\":%llu,\"type\":\"%s\",\"pad\":\"",
                       (unsigned long long)number, (unsigned long long)of,
                       open ? "open" : "close");
    memset(text + len, 'x', LEAF - (size_t)len);
    memcpy(text + LEAF - 2, "\"}", 2);
    uint64_t index;
    hope(ledger_append(ledger, (struct view){text, LEAF}, &index));
    return index;
}

static void commit_ours(size_t leaves) {
    for (size_t i = 0; i < leaves; i++) leaf_add(i, true, 0);
    hope(ledger_commit(ledger));
    (void)ledger_checkpoint(ledger);
}

static void commit_bare(size_t leaves) {
    static char bytes[LEDGER_BATCH_MAX * FRAMED + BATCH_FRAME];
    size_t len = leaves * FRAMED + BATCH_FRAME;
    hope(world.write(world.self, bare, bare_end, bytes, len));
    hope(world.sync(world.self, bare));
    bare_end += len;
}

static double timed(void (*commit)(size_t leaves), size_t leaves) {
    double begin = now_us();
    commit(leaves);
    return now_us() - begin;
}

// ---- as fast as it goes ----

static double bench_rate(size_t batch, size_t commits) {
    static double ours_us[COMMITS_MAX], bare_us[COMMITS_MAX];
    double ours = 0, floor = 0, cpu = 0;
    char name[64];
    for (size_t i = 0; i < commits; i++) {
        double begin = time_us(CLOCK_THREAD_CPUTIME_ID);
        ours += ours_us[i] = timed(commit_ours, batch);
        cpu += time_us(CLOCK_THREAD_CPUTIME_ID) - begin;
        floor += bare_us[i] = timed(commit_bare, batch);
    }
    double leaves = (double)(batch * commits), rate = leaves / ours * 1e6;
    printf("batches of %zu: commit p50 %.0f us, p99 %.0f us; floor p50 %.0f us, p99 %.0f us\n",
           batch, rank(ours_us, commits, 50), rank(ours_us, commits, 99),
           rank(bare_us, commits, 50), rank(bare_us, commits, 99));
    (void)snprintf(name, sizeof name, "ledger_append_%zu", batch);
    if (batch >= 1024) tell_goal(name, rate, "leaves/s", 100000, rate >= 100000);
    else tell(name, rate, "leaves/s", "- ours");
    (void)snprintf(name, sizeof name, "ledger_append_%zu_floor", batch);
    tell(name, leaves / floor * 1e6, "leaves/s", "- floor");
    (void)snprintf(name, sizeof name, "ledger_append_%zu_ratio", batch);
    tell(name, ours / floor, "x", "- ours");
    (void)snprintf(name, sizeof name, "ledger_append_%zu_cpu", batch);
    tell(name, cpu / leaves, "us/leaf", "- ours");
    return rate;
}

// ---- at 1,000 a second ----

// Leaves fall due one by one; what is due when a commit ends goes into the next one together.
static void pace(void (*commit)(size_t leaves), double *took_us) {
    double begin = now_us();
    for (size_t done = 0; done < PACED_LEAVES;) {
        while (now_us() < begin + (double)(done * PACE_US)) continue;
        size_t due = (size_t)((now_us() - begin) / PACE_US) + 1;
        if (due > PACED_LEAVES) due = PACED_LEAVES;
        commit(due - done);
        for (double end = now_us(); done < due; done++)
            took_us[done] = end - begin - (double)(done * PACE_US);
    }
}

static void bench_paced(void) {
    static double ours_us[PACED_TURNS * PACED_LEAVES], bare_us[PACED_TURNS * PACED_LEAVES];
    enum { LEAVES = PACED_TURNS * PACED_LEAVES };
    for (size_t turn = 0; turn < PACED_TURNS; turn++) {
        pace(commit_ours, ours_us + turn * PACED_LEAVES);
        pace(commit_bare, bare_us + turn * PACED_LEAVES);
    }
    double p50 = rank(ours_us, LEAVES, 50), p99 = rank(ours_us, LEAVES, 99);
    double bare50 = rank(bare_us, LEAVES, 50), bare99 = rank(bare_us, LEAVES, 99);
    tell("ledger_paced_p50", p50, "us", "- ours");
    tell("ledger_paced_p50_floor", bare50, "us", "- floor");
    tell_goal("ledger_paced_p50_ratio", p50 / bare50, "x", 1.3, p50 <= 1.3 * bare50);
    tell("ledger_paced_p99", p99, "us", "- ours");
    tell("ledger_paced_p99_floor", bare99, "us", "- floor");
    tell_goal("ledger_paced_p99_ratio", p99 / bare99, "x", 1.5, p99 <= 1.5 * bare99);
}

// ---- proofs and receipts ----

static void bench_proofs(void) {
    static double took_us[RECEIPTS];
    struct tree_hash proof[LEDGER_PROOF_MAX], root, leaf;
    char bytes[LEDGER_LEAF_MAX];
    uint64_t size = ledger_size(ledger);
    size_t len = 0;
    ledger_root(ledger, &root);
    for (uint64_t i = 0; i < RECEIPTS; i++) {
        uint64_t index = i * 2654435761u % size;
        struct buf text = buf_over(bytes, sizeof bytes);
        hope(ledger_leaf(ledger, index, &text));
        hope(ledger_inclusion(ledger, index, size, proof, &len));
        double begin = now_us();
        tree_leaf(buf_view(&text), &leaf);
        hope(tree_inclusion_check(index, size, &leaf, proof, len, &root));
        took_us[i] = now_us() - begin;
    }
    double p99 = rank(took_us, RECEIPTS, 99);
    tell_goal("ledger_proof_check_p99", p99, "us", 300, p99 <= 300);
}

static void bench_receipts(void) {
    while (ledger_size(ledger) < GROWN) commit_ours(1024);
    static double write_us[RECEIPTS], check_us[RECEIPTS];
    static char storage[RECEIPT_MAX];
    struct arena arena;
    struct receipt_facts facts;
    const struct receipt_inputs inputs = {0};
    const struct receipt_salts salts = {.present = true};
    hope(arena_open(&arena, "receipt", RECEIPT_ARENA));
    struct trust trust;
    size_t len = 0;
    for (size_t i = 0; i < RECEIPTS; i++) {
        (void)leaf_add(i, false, leaf_add(i, true, 0));
        if (i % 32 == 0 || i + 1 == RECEIPTS) hope(ledger_commit(ledger));
    }
    uint64_t first = ledger_size(ledger) - 2 * RECEIPTS;
    for (uint64_t i = 0; i < RECEIPTS; i++) {
        struct buf receipt = buf_over(storage, sizeof storage);
        double begin = now_us();
        hope(receipt_write(ledger, first + 2 * i, first + 2 * i + 1, &salts, &receipt));
        double middle = now_us();
        arena_reset(&arena);
        hope(trust_of_key(ledger_key(ledger), &arena, &trust));
        hope(receipt_check(buf_view(&receipt), &trust, &inputs, &arena, &facts));
        write_us[i] = middle - begin;
        check_us[i] = now_us() - middle;
        len = receipt.len;
    }
    printf("receipts of %zu bytes from a log of %llu leaves: written p50 %.0f us, p99 %.0f us\n",
           len, (unsigned long long)ledger_size(ledger), rank(write_us, RECEIPTS, 50),
           rank(write_us, RECEIPTS, 99));
    double p50 = rank(check_us, RECEIPTS, 50);
    tell_goal("receipt_check", p50, "us", 300, p50 <= 300);
    arena_close(&arena);
}

// Opening reads every leaf again.
static void bench_open(const struct ledger_options *options) {
    struct ledger_found found;
    ledger_close(ledger);
    double begin = now_us();
    hope(ledger_open(&ledger, world, *options, &found));
    tell("ledger_open", (double)found.size / (now_us() - begin) * 1e6, "leaves/s", "- ours");
}

static void clean(const char *path) {
    static const char *const names[] = {"released", "released.new", "log.new", "bare"};
    char name[16];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)world.remove(world.self, names[i]);
    for (unsigned i = 0; i < 64; i++) {
        (void)snprintf(name, sizeof name, "log.%06u", i);
        (void)world.remove(world.self, name);
    }
    (void)rmdir(path);
}

int main(int argc, char **argv) {
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/bench-ledger-XXXXXX", argc > 1 ? argv[1] : ".");
    if (!mkdtemp(path)) hope(FAIL(SK_IO, "%s: cannot make it", path));
    world = world_real(open(path, O_RDONLY | O_DIRECTORY));
    struct sign_key key;
    static const uint8_t seed[SIGN_SEED_LEN] = {1};
    sign_init(&key, seed);
    struct ledger_found found;
    const struct ledger_options options = {.origin = "sekisho.example/bench", .key = &key};
    hope(ledger_open(&ledger, world, options, &found));
    hope(world.open(world.self, "bare", WORLD_CREATE, &bare));
    (void)bench_rate(1, 1000);
    (void)bench_rate(64, 400);
    (void)bench_rate(1024, 150);
    double rate = bench_rate(LEDGER_BATCH_MAX, 50);
    tell("tessera_posix_nvme", TESSERA_RATE, "leaves/s", "- published");
    tell("ledger_over_tessera", rate / TESSERA_RATE, "x", "- ours");
    bench_paced();
    bench_receipts();
    bench_proofs();
    bench_open(&options);
    ledger_close(ledger);
    clean(path);
    return 0;
}
