// engine_ours FILE THREADS SLOTS CONTEXT [CACHE]: the engine as engine.mjs measures it, keys and
// values in f16, or as CACHE says. When the model is open a line of JSON says what it is and how
// long that took; then each line that comes in is a test, and a line of JSON its answer. peer.mjs
// takes and gives the same.
//
//   prefill N     a prompt of N tokens              {"tokens", "seconds"}
//   decode N      N tokens after one
//   batch B P N   B sequences at once, N tokens each after prompts of P; the time when all have
//                 been read and what was made in it
//   memory        {"rss"}: bytes this process had in memory at most
//
// engine_ours --evict FILE...: their bytes leave the page cache.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/speed.h"
#include "node/mapped.h"
#include "node/weights.h"

_Noreturn static void give_up(const char *what) {
    fprintf(stderr, "engine_ours: %s: %s\n", what, fail_text());
    exit(1);
}

static int evict(char **paths) {
    for (; *paths; paths++) {
        int file = open(*paths, O_RDONLY | O_CLOEXEC);
        if (file < 0 || fsync(file) != 0 || posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0) {
            perror(*paths);
            return 1;
        }
        close(file);
    }
    return 0;
}

static double now(void) {
    struct world world = world_real(-1);
    return (double)world.monotonic_us(world.self) / 1e6;
}

static void print_opened(const struct engine *engine, double seconds) {
    struct engine_shape s = engine_shape(engine);
    printf("{\"seconds\": %.4f, \"kernels\": \"%s\", \"parameters\": %llu, \"bytes\": %llu, "
           "\"layers\": %u, \"width\": %u, \"heads\": %u, \"headsKv\": %u, \"vocabulary\": %u}\n",
           seconds, engine_kernels_name(engine), (unsigned long long)s.parameters,
           (unsigned long long)s.file_bytes, s.layers, s.width, s.heads, s.heads_kv, s.vocabulary);
    fflush(stdout);
}

static void run_test(struct speed *speed, const struct speed_test *test) {
    struct speed_time time;
    if (speed_round(speed, test, &time) != SK_OK) give_up("a round");
    bool both = test->prompt && test->made;
    uint64_t alone = (uint64_t)test->batch * (test->made ? test->made : test->prompt);
    printf("{\"tokens\": %llu, \"seconds\": %.6f}\n",
           (unsigned long long)(both ? time.made : alone), both ? time.made_seconds : time.seconds);
}

static bool run_line(struct speed *speed, const char *line) {
    struct speed_test test = {.batch = 1};
    struct rusage usage;
    if (strcmp(line, "memory\n") == 0) {
        getrusage(RUSAGE_SELF, &usage);
        printf("{\"rss\": %llu}\n", (unsigned long long)usage.ru_maxrss * 1024);
    } else if (sscanf(line, "prefill %u", &test.prompt) == 1 ||
               sscanf(line, "decode %u", &test.made) == 1 ||
               sscanf(line, "batch %u %u %u", &test.batch, &test.prompt, &test.made) == 3) {
        run_test(speed, &test);
    } else {
        return false;
    }
    fflush(stdout);
    return true;
}

int main(int argc, char **argv) {
    static struct weights weights;
    static struct view views[WEIGHTS_PARTS_MAX];
    double began = now();
    if (argc > 2 && strcmp(argv[1], "--evict") == 0) return evict(argv + 2);
    if (argc < 5 || argc > 6) {
        fprintf(stderr, "usage: engine_ours FILE THREADS SLOTS CONTEXT [f16 | q8_0] | --evict "
                        "FILE...\n");
        return 2;
    }
    struct engine_options options = {.threads = (uint32_t)strtoul(argv[2], NULL, 10),
                                     .slots = (uint32_t)strtoul(argv[3], NULL, 10),
                                     .context = (uint32_t)strtoul(argv[4], NULL, 10),
                                     .release = mapped_release};
    struct engine *engine;
    struct speed speed;
    char line[128];
    if (argc == 6 && engine_cache_find(view_of(argv[5]), &options.cache) != SK_OK) give_up(argv[5]);
    if (weights_open(&weights, argv[1]) != SK_OK || weights_map(&weights, views) != SK_OK ||
        engine_open(&engine, views, weights.len, options) != SK_OK ||
        speed_open(&speed, engine, options.context) != SK_OK)
        give_up(argv[1]);
    print_opened(engine, now() - began);
    while (fgets(line, sizeof line, stdin))
        if (!run_line(&speed, line)) give_up(line);
    speed_close(&speed);
    engine_close(engine);
    weights_unmap(&weights, views);
    weights_close(&weights);
    return 0;
}
