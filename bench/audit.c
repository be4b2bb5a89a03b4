// What an audit of a whole log costs beside the least that any auditor must do. A log of 1,000,000
// leaves of 400 bytes (a decision and its outcome for each of 500,000 requests, 12 keys) is audited
// as `sekisho audit` does it: each leaf and tile hashed, each leaf parsed, numbers, outcomes and
// counts kept. The floor reads the same segments and hashes the same bytes. Each runs in a process
// of its own, so that its memory is its own, in turns; the best of three is told.
//
//   bench_audit [directory]     a scratch directory is made there (default: here) and removed
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "ledger/ledger.h"
#include "lib/lib.h"

enum { LEAVES = 1000000, LEAF = 400, KEYS = 12, TURNS = 3 };

static struct sign_key key;
static struct world world;
static const char origin[] = "sekisho.example/bench";

static void hope(enum sk_code code) {
    if (code == SK_OK) return;
    fprintf(stderr, "bench_audit: %s\n", fail_text());
    exit(1);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void tell(const char *name, double value, const char *unit, const char *of) {
    printf("RESULT %s %.*f %s goal - %s\n", name, value < 100 ? 2 : 0, value, unit, of);
}

// ---- the log ----

static void leaf_put(struct ledger *ledger, uint64_t index) {
    static char text[LEAF + 128];
    bool open = index % 2 == 0;
    unsigned long long request = index / 2, by = request % KEYS, number = request / KEYS + 1;
    int len = open ? snprintf(text, sizeof text,
                              "{\"classes\":[\"name\"],\"envelope\":\"\",\"key\":\"key-%02llu\","
                              "\"n\":%llu,\"place\":\"tokyo\",\"rule\":\"class: name\","
                              "\"time_ms\":%llu,\"type\":\"open\",\"verdict\":\"mask\",\"x\":\"",
                              by, number, 1767225600000 + request * 60000)
                   : snprintf(text, sizeof text,
                              "{\"key\":\"key-%02llu\",\"n\":%llu,\"open\":%llu,"
                              "\"outcome\":\"stop\",\"time_ms\":%llu,\"type\":\"close\",\"x\":\"",
                              by, number, (unsigned long long)index - 1,
                              1767225600000 + request * 60000 + 900);
    memset(text + len, 'x', LEAF - (size_t)len);
    memcpy(text + LEAF - 2, "\"}", 2);
    hope(ledger_append(ledger, (struct view){text, LEAF}, &(uint64_t){0}));
}

static void log_write(void) {
    struct ledger *ledger;
    struct ledger_found found;
    const struct ledger_options options = {.origin = origin, .key = &key};
    hope(ledger_open(&ledger, world, options, &found));
    for (uint64_t i = 0; i < LEAVES; i++) {
        leaf_put(ledger, i);
        if (i % LEDGER_BATCH_MAX == LEDGER_BATCH_MAX - 1) hope(ledger_commit(ledger));
    }
    hope(ledger_commit(ledger));
    hope(ledger_release(ledger));
    ledger_close(ledger);
}

static bool segment_name(unsigned number, char out[16]) {
    (void)snprintf(out, 16, "log.%06u", number);
    return number < 64;
}

// ---- the two sides ----

static void floor_run(void) {
    static char block[1 << 20];
    struct hash hash;
    uint8_t digest[HASH_LEN];
    char name[16];
    hope(hash_open(&hash));
    hash_begin(&hash);
    for (unsigned i = 0; segment_name(i, name); i++) {
        int file;
        if (world.open(world.self, name, WORLD_READ, &file) != SK_OK) break;
        size_t len = 1;
        for (uint64_t at = 0; len > 0; at += len) {
            hope(world.read(world.self, file, at, block, sizeof block, &len));
            hash_more(&hash, block, len);
        }
        world.close(world.self, file);
    }
    hash_end(&hash, digest);
    hash_close(&hash);
}

static void audit_run(void) {
    const struct audit_query query = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    struct arena arena;
    struct trust trust;
    struct note_key name;
    struct audit *audit;
    struct audit_facts facts;
    struct log_source *log;
    struct report report;
    hope(note_key_of(origin, NOTE_ED25519, key.public, &name));
    hope(arena_open(&arena, "audit", REPORT_ARENA));
    hope(trust_of_key(&name, &arena, &trust));
    hope(audit_open(&query, &audit));
    hope(log_source_open(world, &log));
    const struct tile_source source = log_source_pieces(log);
    const struct dense_watch watch = audit_watch(audit);
    const struct whole_task task = {.source = &source, .trust = &trust};
    report_log_watched(&task, &watch, &arena, &report);
    audit_end(audit, &facts);
    must(report.verdict == REPORT_VERIFIED && facts.requests == LEAVES / 2);
    report_end(&report);
    log_source_close(log);
    audit_close(audit);
    arena_close(&arena);
}

// In a process that has nothing else: its seconds, its peak of memory.
static double apart(const char *program, const char *path, const char *side, double *rss_mb) {
    struct rusage usage;
    int status;
    double begin = now_s();
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, path, side, (char *)NULL);
        _exit(1);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0)
        hope(FAIL(SK_IO, "%s: it failed", side));
    *rss_mb = (double)usage.ru_maxrss / 1024;
    return now_s() - begin;
}

int main(int argc, char **argv) {
    static const uint8_t seed[SIGN_SEED_LEN] = {1};
    char path[1024], name[16];
    bool inner = argc == 3;
    double best[2] = {1e9, 1e9}, rss[2];
    sign_init(&key, seed);
    (void)snprintf(path, sizeof path, inner ? "%s" : "%s/bench-audit-XXXXXX",
                   argc > 1 ? argv[1] : ".");
    if (!inner && !mkdtemp(path)) hope(FAIL(SK_IO, "%s: cannot make it", path));
    world = world_real(open(path, O_RDONLY | O_DIRECTORY));
    if (inner) {
        (argv[2][0] == 'f' ? floor_run : audit_run)();
        return 0;
    }
    log_write();
    for (unsigned turn = 0; turn < 2 * TURNS; turn++) {
        double took = apart("/proc/self/exe", path, turn % 2 ? "audit" : "floor", &rss[turn % 2]);
        if (took < best[turn % 2]) best[turn % 2] = took;
    }
    tell("audit_1m", best[1], "s", "ours");
    tell("audit_1m_floor", best[0], "s", "floor");
    tell("audit_1m_ratio", best[1] / best[0], "x", "ours");
    tell("audit_rate", LEAVES / best[1], "leaves/s", "ours");
    tell("audit_rss", rss[1], "MB", "ours");
    tell("audit_rss_floor", rss[0], "MB", "floor");
    for (unsigned i = 0; segment_name(i, name); i++) (void)world.remove(world.self, name);
    (void)world.remove(world.self, "released");
    (void)rmdir(path);
    return 0;
}
