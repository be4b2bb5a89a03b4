// How long an append waits for an archive at work: each turn of the ledger room seals one leaf, keeps
// one record and does at most one step of what the archive has to do. Without anything to do, while
// all of an API key are looked for, while 1,000 records are erased; beside 100,000 and 1,000,000
// records of 256 bytes. Most of a turn is the disk's, and others use it too: the longest of the
// processor's time is told beside.
//
//   bench_archive [directory]     a scratch directory is made there (default: here) and removed
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ledger/ledger.h"
#include "ledger/order.h"

enum { RECORD = 256, IDLE_TURNS = 200, LEAF = 300 };

static struct world world;
static struct ledger *ledger;
static struct archive *archive;
static struct erasures erasures;
static struct arena arena;
static struct order order;
static uint64_t requests;

static void hope(enum sk_code code) {
    if (code == SK_OK) return;
    fprintf(stderr, "bench_archive: %s\n", fail_text());
    exit(1);
}

static double ms_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return 1e3 * (double)now.tv_sec + (double)now.tv_nsec / 1e6;
}

static double now_ms(void) { return ms_of(CLOCK_MONOTONIC); }

static uint64_t leaf_put(void) {
    static char text[LEAF + 128];
    uint64_t index;
    int len = snprintf(text, sizeof text,
                       "{\"classes\":[\"name\"],\"key\":\"%s\",\"n\":%llu,\"type\":\"open\",\"x\":\"",
                       requests % 1000 == 0 ? "one" : "other", (unsigned long long)requests + 1);
    memset(text + len, 'x', LEAF - (size_t)len);
    memcpy(text + LEAF - 2, "\"}", 2);
    requests++;
    hope(ledger_append(ledger, (struct view){text, LEAF}, &index));
    return index;
}

static void keep(uint64_t open) {
    static const char text[RECORD];
    hope(archive_put(archive, open, 1 << 30, (struct view){text, RECORD}));
}

static enum sk_code seal(void *self, struct view leaf, uint64_t *index) {
    (void)self;
    TRY(ledger_append(ledger, leaf, index));
    return ledger_commit(ledger);
}

static uint64_t close_of(void *self, uint64_t open) {
    (void)self;
    (void)open;
    return UINT64_MAX;
}

// Turns until the order is done; the longest, and all of them.
static void turns(const char *name, uint64_t records, const char *text) {
    static char copy[ORDER_MAX], said[ORDER_ANSWER_MAX];
    struct order_hands hands = {.ledger = ledger, .archive = archive, .erasures = &erasures,
                                .seal = seal, .close_of = close_of};
    struct buf in = buf_over(copy, sizeof copy), answer = buf_over(said, sizeof said);
    double longest = 0, cpu = 0, all = now_ms();
    size_t n = 0, which = 0;
    said[0] = 0;
    buf_put_text(&in, text ? text : "");
    arena_reset(&arena);
    order.stage = ORDER_DONE;
    do {
        double from = now_ms(), cpu_from = ms_of(CLOCK_PROCESS_CPUTIME_ID);
        if (text && n == 0) hope(order_begin(&order, &hands, &in, &arena, &answer));
        else if (text) hope(order_step(&order));
        keep(leaf_put());
        hope(archive_commit(archive));
        hope(ledger_commit(ledger));
        double took = now_ms() - from;
        double worked = ms_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_from;
        if (worked > cpu) cpu = worked;
        if (took > longest) which = n;
        if (took > longest) longest = took;
        n++;
    } while (text ? order.stage != ORDER_DONE : n < IDLE_TURNS);
    printf("RESULT %s_%llu_longest_ms %.1f ms goal - turn %zu of %zu, %.2f s; cpu %.1f ms: %.60s\n", name,
           (unsigned long long)records, longest, which, n, (now_ms() - all) / 1e3, cpu, said);
}

static void run(uint64_t records) {
    static char text[ORDER_MAX];
    static const uint8_t key[SECRET_KEY_LEN] = {1};
    static struct sign_key signer;
    char directory[] = "archive-XXXXXX", *opens = text;
    struct archive_found found;
    struct ledger_found log;
    if (!mkdtemp(directory)) exit(1);
    int fd = open(directory, O_RDONLY | O_DIRECTORY);
    world = world_real(fd);
    requests = 0;
    sign_init(&signer, (const uint8_t[SIGN_SEED_LEN]){7});
    hope(ledger_open(&ledger, world, (struct ledger_options){.origin = "sekisho.example/bench", .key = &signer},
                     &log));
    hope(archive_open(&archive, world, key, false, &found));
    for (uint64_t i = 0; i < records; i++) {
        keep(leaf_put());
        if (i % ARCHIVE_BATCH_MAX == 0) hope(ledger_commit(ledger));
    }
    hope(archive_commit(archive));
    hope(ledger_commit(ledger));
    turns("nothing", records, NULL);
    turns("list", records, "{\"do\":\"list\",\"key\":\"none\"}");
    opens += sprintf(opens, "{\"do\":\"erase\",\"reason\":\"x\",\"opens\":[");
    for (uint64_t i = 0; i < ERASURE_MAX; i++)
        opens += sprintf(opens, "%s%llu", i ? "," : "",
                         (unsigned long long)(i * (records / ERASURE_MAX)));
    strcpy(opens, "]}");
    turns("erase", records, text);
    archive_close(archive);
    ledger_close(ledger);
    erasures_close(&erasures);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", directory);
    close(fd);
    if (system(command) != 0) exit(1);
}

int main(int argc, char **argv) {
    if (argc > 1 && chdir(argv[1]) != 0) return 1;
    hope(arena_open(&arena, "order", 4 << 20));
    run(100000);
    run(1000000);
    return 0;
}
