// What a durable, provable leaf costs. Batches of 400-byte leaves are committed to a log on the real
// disk, each signed as a checkpoint; after every commit the same number of bytes is written and
// synced to a bare file beside it, the least any durable log must do. Then receipts of a grown log
// are cut and verified.
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
    COMMITS_MAX = 1000,
    GROWN = 100000, // leaves of the log that receipts are cut from, about
    RECEIPTS = 1000,
};

static struct ledger *ledger;
static double took_us[COMMITS_MAX], floor_us[COMMITS_MAX];

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void hope(enum sk_code code) {
    if (code == SK_OK) return;
    fprintf(stderr, "bench_ledger: %s\n", fail_text());
    exit(1);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The value below which `percent` of the sorted values lie.
static double rank(const double *values, size_t count, size_t percent) {
    return values[(count - 1) * percent / 100];
}

static uint64_t leaf_add(uint64_t number, bool open, uint64_t of) {
    char text[LEAF + 1];
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

static void commit_ours(size_t batch) {
    for (size_t i = 0; i < batch; i++) leaf_add(i, true, 0);
    hope(ledger_commit(ledger));
    (void)ledger_checkpoint(ledger);
}

static void commit_bare(struct world world, int file, uint64_t *end, size_t len) {
    static char bytes[LEDGER_BATCH_MAX * (LEAF + 32)];
    hope(world.write(world.self, file, *end, bytes, len));
    hope(world.sync(world.self, file));
    *end += len;
}

static void bench_append(struct world world, int file, size_t batch, size_t commits) {
    static uint64_t end;
    double ours = 0, bare = 0;
    for (size_t i = 0; i < commits; i++) {
        double begin = now_us();
        commit_ours(batch);
        double middle = now_us();
        commit_bare(world, file, &end, batch * (LEAF + 32) + 64);
        took_us[i] = middle - begin;
        floor_us[i] = now_us() - middle;
        ours += took_us[i];
        bare += floor_us[i];
    }
    qsort(took_us, commits, sizeof *took_us, by_value);
    qsort(floor_us, commits, sizeof *floor_us, by_value);
    double rate = (double)(batch * commits) / ours * 1e6;
    printf("batch %4zu: commit p50 %.0f us, p99 %.0f us; bare p50 %.0f us, p99 %.0f us\n", batch,
           rank(took_us, commits, 50), rank(took_us, commits, 99), rank(floor_us, commits, 50),
           rank(floor_us, commits, 99));
    if (batch == 1024)
        printf("RESULT ledger_append_1024 %.0f leaves/s goal 100000 %s\n", rate,
               rate >= 100000 ? "met" : "missed");
    else printf("RESULT ledger_append_%zu %.0f leaves/s goal - ours\n", batch, rate);
    printf("RESULT ledger_floor_%zu %.0f leaves/s goal - floor\n", batch,
           (double)(batch * commits) / bare * 1e6);
    if (batch > 1) return;
    double p50 = rank(took_us, commits, 50), p99 = rank(took_us, commits, 99);
    printf("RESULT ledger_commit_p50 %.0f us goal 1000 %s\n", p50, p50 <= 1000 ? "met" : "missed");
    printf("RESULT ledger_floor_p50 %.0f us goal - floor\n", rank(floor_us, commits, 50));
    printf("RESULT ledger_commit_p99 %.0f us goal 15000 %s\n", p99,
           p99 <= 15000 ? "met" : "missed");
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
        hope(receipt_check(buf_view(&receipt), ledger_key(ledger), &inputs, &arena, &facts));
        write_us[i] = middle - begin;
        check_us[i] = now_us() - middle;
        len = receipt.len;
    }
    qsort(write_us, RECEIPTS, sizeof *write_us, by_value);
    qsort(check_us, RECEIPTS, sizeof *check_us, by_value);
    double p50 = rank(check_us, RECEIPTS, 50);
    printf("receipts of %zu bytes from a log of %llu leaves: written p50 %.0f us, p99 %.0f us\n",
           len, (unsigned long long)ledger_size(ledger), rank(write_us, RECEIPTS, 50),
           rank(write_us, RECEIPTS, 99));
    printf("RESULT receipt_check %.0f us goal 300 %s\n", p50, p50 <= 300 ? "met" : "missed");
    arena_close(&arena);
}

// Opening reads every leaf again.
static void bench_open(struct world world, const struct ledger_options *options) {
    struct ledger_found found;
    ledger_close(ledger);
    double begin = now_us();
    hope(ledger_open(&ledger, world, *options, &found));
    printf("RESULT ledger_open %.0f leaves/s goal - ours\n",
           (double)found.size / (now_us() - begin) * 1e6);
}

static void clean(struct world world, const char *path) {
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
    int directory = open(path, O_RDONLY | O_DIRECTORY), file;
    struct world world = world_real(directory);
    struct sign_key key;
    static const uint8_t seed[SIGN_SEED_LEN] = {1};
    sign_init(&key, seed);
    struct ledger_found found;
    const struct ledger_options options = {.origin = "sekisho.example/bench", .key = &key};
    hope(ledger_open(&ledger, world, options, &found));
    hope(world.open(world.self, "bare", WORLD_CREATE, &file));
    bench_append(world, file, 1, 1000);
    bench_append(world, file, 64, 400);
    bench_append(world, file, 1024, 100);
    bench_receipts();
    bench_open(world, &options);
    ledger_close(ledger);
    clean(world, path);
    return 0;
}
