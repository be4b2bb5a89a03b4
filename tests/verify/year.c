// Writes a year of simulated traffic as a node logs it, and counts September of it plainly:
//   year DIRECTORY REQUESTS [REMOVED]
// leaves there "log/" (a log directory, or the same without the leaves of request REMOVED, signed by
// its owner as if there had been none), "vkey", and of what left in September "cells" and "rows" in
// the form of `sekisho audit --format csv`; "removed" says which key and number that request had.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/day.h"
#include "base/text.h"
#include "border/border.h"
#include "ledger/ledger.h"

enum { KEYS = 12, CLASSES = 4, KINDS = 1 << CLASSES, PENDING = 24, BATCH = 1000, OUTCOMES = 6 };

static const char *const outcomes[OUTCOMES] = {"stop", "length", "filtered", "cut", "failed",
                                               "refused"};
// What the policy of this year says of each set of classes.
static struct kind {
    const char *classes, *place, *verdict, *rule;
    bool away, refused;
    uint64_t requests, ends[OUTCOMES]; // of September, that left
} kinds[KINDS];

static struct request {
    uint64_t index, number;
    unsigned key, kind;
    int64_t time_ms;
} pending[PENDING];
static size_t pending_len;
static struct policy policy;
static struct ledger *ledger;
static uint64_t chance = 2026, numbers[KEYS];
static int64_t from_ms, to_ms;
static FILE *rows;

static void hope(enum sk_code code) {
    if (code == SK_OK) return;
    fprintf(stderr, "year: %s\n", fail_text());
    exit(1);
}

static uint64_t draw(uint64_t below) { // SplitMix64
    uint64_t z = chance += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return (z ^ (z >> 31)) % below;
}

static void policy_make(void) {
    static const char *const ids[CLASSES] = {"address", "health", "name", "secret"};
    static char texts[KINDS][64];
    policy.classes_len = CLASSES;
    for (unsigned i = 0; i < CLASSES; i++) policy.classes[i].id = ids[i];
    for (unsigned bits = 0; bits < KINDS; bits++) {
        struct kind *kind = &kinds[bits];
        struct buf text = buf_over(texts[bits], sizeof texts[bits] - 1);
        for (unsigned i = 0; i < CLASSES; i++)
            if (bits >> i & 1) buf_print(&text, "%s%s", text.len ? " " : "", ids[i]);
        kind->classes = texts[bits];
        if (bits & 8) *kind = (struct kind){kind->classes, "node", "local-only", "class: secret",
                                   .away = false};
        else if ((bits & 3) == 3)
            *kind = (struct kind){kind->classes, "osaka", "block", "class: health", .refused = true};
        else if (bits & 2)
            *kind = (struct kind){kind->classes, "osaka", "send", "purpose: care", .away = true};
        else if (bits)
            *kind = (struct kind){kind->classes, "tokyo", "mask", "class: name", .away = true};
        else *kind = (struct kind){kind->classes, "tokyo", "send", "unknown: country", .away = true};
    }
}

static bool counted(const struct request *request) {
    return kinds[request->kind].away && request->time_ms >= from_ms && request->time_ms < to_ms;
}

static uint64_t leaf_add(const struct buf *leaf) {
    static unsigned batch;
    uint64_t index;
    hope(buf_check(leaf, "leaf"));
    hope(ledger_append(ledger, buf_view(leaf), &index));
    if (++batch % BATCH == 0) hope(ledger_commit(ledger));
    return index;
}

static struct request open_put(int64_t time_ms, bool removed) {
    static char storage[LEDGER_LEAF_MAX];
    static const uint8_t digest[HASH_LEN] = {7};
    struct buf leaf = buf_over(storage, sizeof storage);
    unsigned key = (unsigned)(draw(KEYS) * draw(KEYS) / KEYS);
    struct request request = {.number = ++numbers[key],
                              .key = key,
                              .kind = draw(3) ? (unsigned)draw(4) : (unsigned)draw(KINDS),
                              .time_ms = time_ms};
    const struct kind *kind = &kinds[request.kind];
    char id[16];
    (void)snprintf(id, sizeof id, "key-%02u", key);
    const struct border_open open = {
        .node = "sekisho.example/year", .model = "keigo", .key = id, .isolation = "fortress",
        .operation = "chat", .number = request.number, .time_ms = time_ms,
        .policy_digest = digest, .runtime_digest = digest, .body = digest,
        .classes = {&policy, request.kind}, .label = {&policy, 0}, .verdict = kind->verdict,
        .rule = kind->rule, .place = kind->place, .retry_of = UINT64_MAX,
        .prompt = kind->away || kind->refused ? NULL : digest,
        .envelope = kind->away ? digest : NULL};
    border_open_write(&open, &leaf);
    if (!removed) request.index = leaf_add(&leaf);
    return request;
}

static void close_put(const struct request *request, int64_t time_ms, bool removed) {
    static char storage[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(storage, sizeof storage);
    struct kind *kind = &kinds[request->kind];
    char id[16];
    (void)snprintf(id, sizeof id, "key-%02u", request->key);
    unsigned outcome = kind->refused ? OUTCOMES - 1 : draw(8) ? 0 : (unsigned)draw(OUTCOMES - 1);
    const struct border_close close = {.key = id, .outcome = outcomes[outcome], .rule = "",
                                       .number = request->number, .open = request->index,
                                       .time_ms = time_ms, .prompt_tokens = 100,
                                       .completion_tokens = 20};
    border_close_write(&close, &leaf);
    if (removed) return;
    (void)leaf_add(&leaf);
    if (!counted(request)) return;
    kind->requests++;
    kind->ends[outcome]++;
    fprintf(rows, "\"%s\",%llu\n", id, (unsigned long long)request->number);
}

static void cells_write(const char *path) {
    FILE *file = fopen(path, "w");
    for (unsigned i = 0; i < KINDS; i++) {
        const struct kind *kind = &kinds[i];
        if (kind->requests == 0) continue;
        fprintf(file, "\"%s\",\"%s\",\"%s\",\"%s\",%llu,%llu,0", kind->classes, kind->place,
                kind->verdict, kind->rule, (unsigned long long)kind->requests,
                (unsigned long long)kind->requests);
        for (unsigned j = 0; j < OUTCOMES; j++)
            fprintf(file, ",%llu", (unsigned long long)kind->ends[j]);
        fprintf(file, ",0,0\n");
    }
    if (fclose(file) != 0) hope(FAIL(SK_IO, "%s", path));
}

static void year(uint64_t requests, uint64_t removed) {
    int64_t first_day, step_us = (int64_t)(UINT64_C(31536000000000) / requests), now_us;
    must(day_take(VIEW("2026-01-01"), &first_day));
    now_us = first_day * INT64_C(86400000000);
    struct request taken = {0};
    for (uint64_t made = 0; made < requests || pending_len > 0;) {
        if (made < requests && pending_len < PENDING && (pending_len == 0 || draw(2))) {
            now_us += (int64_t)draw(2 * (uint64_t)step_us);
            made++;
            pending[pending_len++] = open_put(now_us / 1000, made == removed);
            if (made == removed) taken = pending[pending_len - 1];
        } else {
            size_t at = draw(pending_len);
            const struct request *request = &pending[at];
            close_put(request, now_us / 1000,
                      request->key == taken.key && request->number == taken.number);
            pending[at] = pending[--pending_len];
        }
    }
    if (taken.number == 0) return;
    FILE *file = fopen("removed", "w");
    fprintf(file, "key key-%02u: number %llu is missing\n", taken.key,
            (unsigned long long)taken.number);
    if (fclose(file) != 0) hope(FAIL(SK_IO, "removed"));
}

int main(int argc, char **argv) {
    static struct sign_key key;
    static const uint8_t seed[SIGN_SEED_LEN] = {20, 26};
    struct ledger_options options = {.origin = "sekisho.example/year", .key = &key};
    struct ledger_found found;
    uint64_t requests, removed = 0;
    int64_t from, to;
    char text[512];
    struct buf vkey = buf_over(text, sizeof text);
    if (argc < 3 || !decimal_take(view_of(argv[2]), &requests) || requests == 0 ||
        (argc > 3 && !decimal_take(view_of(argv[3]), &removed)))
        return 2;
    must(day_take(VIEW("2026-09-01"), &from) && day_take(VIEW("2026-10-01"), &to));
    from_ms = from * 86400000;
    to_ms = to * 86400000;
    (void)mkdir(argv[1], 0755);
    if (chdir(argv[1]) != 0 || mkdir("log", 0755) != 0) hope(FAIL(SK_IO, "%s", argv[1]));
    sign_init(&key, seed);
    policy_make();
    hope(ledger_open(&ledger, world_real(open("log", O_RDONLY | O_DIRECTORY)), options, &found));
    rows = fopen("rows", "w");
    year(requests, removed);
    hope(ledger_commit(ledger));
    hope(ledger_release(ledger));
    note_key_write(ledger_key(ledger), &vkey);
    ledger_close(ledger);
    FILE *file = fopen("vkey", "w");
    fprintf(file, "%.*s\n", (int)vkey.len, vkey.at);
    if (fclose(file) != 0 || fclose(rows) != 0) hope(FAIL(SK_IO, "%s", argv[1]));
    cells_write("cells");
    return 0;
}
