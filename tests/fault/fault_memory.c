// Memory that runs out: every scenario is run with its 1st, 2nd, 3rd … allocation failing, once and
// for ever, until one run meets no failure. Each run must end in SK_OK or in an error with a text,
// and leave nothing behind (the sanitizers watch in asan builds).
#include "engine/engine.h"
#include "ledger/ledger.h"
#include "node/conf.h"
#include "node/link.h"
#include "node/loop.h"
#include "node/sealed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    bool on, for_ever, met;
    unsigned until;
} fault;

static bool fault_now(void) {
    if (!fault.on) return false;
    if (fault.until > 1) {
        fault.until--;
        return false;
    }
    if (fault.until == 0 && !fault.for_ever) return false;
    fault.until = 0;
    fault.met = true;
    errno = ENOMEM;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t size) { return fault_now() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) {
    return fault_now() ? NULL : __real_calloc(count, size);
}
void *__wrap_realloc(void *old, size_t size) {
    return fault_now() ? NULL : __real_realloc(old, size);
}
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset) {
    return fault_now() ? MAP_FAILED : __real_mmap(at, len, prot, flags, fd, offset);
}

static struct view model;

static enum sk_code engine_scenario(void) {
    struct engine *engine;
    struct engine_message hello = {ENGINE_USER, VIEW("こんにちは")};
    struct engine_job job = {.messages = &hello, .messages_len = 1, .tokens_max = 3};
    struct engine_event event;
    int32_t ids[64];
    size_t len;
    TRY(engine_open_file(&engine, model, (struct engine_options){.context = 64, .slots = 2, .threads = 2}));
    enum sk_code code = engine_prompt(engine, &job, ids, 64, &len);
    if (code == SK_OK) code = engine_start(engine, 0, &job, ids, len);
    do {
        if (code != SK_OK) break;
        engine_step(engine, &(uint32_t){0}, 1, &event);
    } while (event.kind == ENGINE_PREFILL || event.kind == ENGINE_TEXT);
    engine_close(engine);
    return code;
}

static enum sk_code ledger_steps(struct ledger *ledger) {
    static char storage[RECEIPT_MAX];
    uint64_t open, close;
    TRY(ledger_append(ledger, VIEW("{\"type\":\"open\",\"n\":1,\"key\":\"k\"}"), &open));
    TRY(ledger_append(ledger, VIEW("{\"type\":\"close\",\"open\":0,\"n\":1,\"key\":\"k\"}"), &close));
    TRY(ledger_commit(ledger));
    struct buf out = buf_over(storage, sizeof storage);
    return receipt_write(ledger, open, close, NULL, &out);
}

// An empty log directory for each run, made while no fault is armed.
static int fresh_directory(void) {
    static char path[] = "/tmp/sekisho-fault-log-XXXXXX";
    static int directory = -1;
    fault.on = false;
    if (directory < 0) directory = open(mkdtemp(path), O_RDONLY | O_DIRECTORY);
    DIR *list = opendir(path);
    if (directory < 0 || !list) abort();
    for (struct dirent *entry; (entry = readdir(list)) != NULL;)
        if (entry->d_name[0] != '.') unlinkat(directory, entry->d_name, 0);
    closedir(list);
    fault.on = true;
    return directory;
}

static enum sk_code ledger_scenario(void) {
    uint8_t seed[SIGN_SEED_LEN] = {1};
    struct sign_key key;
    struct ledger *ledger;
    struct ledger_found found;
    struct world world = world_real(fresh_directory());
    sign_init(&key, seed);
    struct ledger_options options = {.origin = "fault.invalid/1", .key = &key};
    TRY(ledger_open(&ledger, world, options, &found));
    enum sk_code code = ledger_steps(ledger);
    ledger_close(ledger);
    return code;
}

static enum sk_code conf_scenario(void) {
    static struct conf conf;
    static char path[] = "/tmp/sekisho-fault-XXXXXX";
    static int file = -1;
    if (file < 0) {
        fault.on = false; // the scenario's own preparation
        file = mkstemp(path);
        static const char text[] = "node: a\nlimits:\n  body: 1MiB\nmodel: {id: a, file: b}\n";
        if (file < 0 || write(file, text, sizeof text - 1) < 0) abort();
        fault.on = true;
    }
    return conf_read(path, &conf);
}

static enum sk_code link_scenario(void) {
    int sockets[2];
    struct link link = {.socket = -1};
    struct loop loop = {0};
    struct view part = VIEW("body"), map;
    struct msg ask = {.type = MSG_ask};
    TRY(link_pair(sockets));
    enum sk_code code = link_open(&link, sockets[0], ROOM_GATE, ROOM_BORDER, LINK_LIVE);
    if (code == SK_OK) code = loop_open(&loop);
    if (code == SK_OK) code = sealed_make(&part, 1, &ask.descriptor);
    if (code == SK_OK) {
        code = link_send(&link, &ask);
        if (code == SK_OK) code = sealed_map(ask.descriptor, 4, &map);
        if (code == SK_OK) sealed_unmap(&map);
        close(ask.descriptor);
    }
    loop_close(&loop);
    link_close(&link);
    close(sockets[1]);
    return code;
}

struct scenario {
    const char *name;
    enum sk_code (*run)(void);
};

static int try_all(const struct scenario *scenario) {
    unsigned runs = 0, failed = 0;
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        for (unsigned n = 1;; n++) {
            fault.on = true;
            fault.met = false;
            fault.until = n;
            fault.for_ever = for_ever;
            FAIL(SK_OK, "%s", "");
            enum sk_code code = scenario->run();
            fault.on = false;
            runs++;
            failed += code != SK_OK;
            bool silent = code != SK_OK && !fail_text()[0];
            if (silent || (!fault.met && code != SK_OK)) {
                printf("%s: allocation %u: %s '%s'\n", scenario->name, n, fail_name(code),
                       fail_text());
                return 1;
            }
            if (!fault.met) break;
        }
    }
    printf("%-8s %4u runs, %4u refused, the rest served\n", scenario->name, runs, failed);
    return runs < 3 || failed == 0;
}

int main(int argc, char **argv) {
    struct stat info;
    int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    if (fd < 0 || fstat(fd, &info) != 0) return 2;
    void *at = __real_mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) return 2;
    model = (struct view){at, (size_t)info.st_size};
    hash_of("", 0, (uint8_t[HASH_LEN]){0}); // as rooms do: libcrypto is ready before
    static const struct scenario scenarios[] = {
        {"engine", engine_scenario},
        {"ledger", ledger_scenario},
        {"conf", conf_scenario},
        {"link", link_scenario},
    };
    int bad = 0;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) bad += try_all(&scenarios[i]);
    return bad;
}
