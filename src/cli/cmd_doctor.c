#include "build_id.h"
#include "cli/cli.h"
#include "node/cage.h"
#include "node/files.h"
#include "node/parent.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho doctor [--config FILE]\n\n"
    "Shows what this machine gives a node: isolation of each room (each is really tried in a\n"
    "caged child), CPU, configuration, keys, disk, model. Exit code 1: the node would not serve.\n";

enum { KEEP_LOCKED_MIN = 64 << 10 }; // bytes: border's keys and the pages around them

static bool sick;

static void row(bool good, const char *what, const char *text) {
    printf("  %s  %-14s  %s\n", good ? "ok  " : "FAIL", what, text);
    sick = sick || !good;
}

static void check_machine(void) {
    struct utsname name;
    char text[512];
    uname(&name);
    snprintf(text, sizeof text, "%s %s %s, %ld CPUs", name.sysname, name.release, name.machine,
             sysconf(_SC_NPROCESSORS_ONLN));
    row(true, "machine", text);
#ifdef __x86_64__
    snprintf(text, sizeof text, "avx2 %s, fma %s, avx512f %s, avx512vnni %s",
             __builtin_cpu_supports("avx2") ? "yes" : "no",
             __builtin_cpu_supports("fma") ? "yes" : "no",
             __builtin_cpu_supports("avx512f") ? "yes" : "no",
             __builtin_cpu_supports("avx512vnni") ? "yes" : "no");
    row(true, "vector units", text);
#endif
}

static void check_rooms(const struct conf *conf) {
    char path[PARENT_PATH_MAX], text[CONF_PATH_MAX];
    bool found = files_libexec(text, sizeof text) == SK_OK;
    row(found, "rooms", found ? text : fail_text());
    parent_ledger_path(conf, path);
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < CAGE_ROOMS; i++) {
        struct cage_plan plan = {.room = (enum cage_room)i,
                                 .directory = i == CAGE_LEDGER ? directory : -1,
                                 .files_max = 64};
        struct cage_report report = {0};
        if (i == CAGE_LEDGER && directory < 0) {
            row(false, "ledger", "no directory to cage it in: sekisho init");
            continue;
        }
        cage_throwaway(&plan, 2000, &report);
        enum cage_level lowest = cage_level_of(conf->isolation);
        if (lowest > CAGE_WALLED) lowest = CAGE_WALLED;
        row(report.level >= lowest, cage_room_name(plan.room), report.text);
    }
    if (directory >= 0) close(directory);
}

static void check_data(const struct conf *conf) {
    char path[PARENT_PATH_MAX], text[CONF_PATH_MAX + 64];
    struct statvfs disk;
    bool there = access(conf->data, R_OK | W_OK | X_OK) == 0 && statvfs(conf->data, &disk) == 0;
    if (there)
        snprintf(text, sizeof text, "%s, %.1f GB free", conf->data,
                 (double)disk.f_bavail * (double)disk.f_frsize / 1e9);
    else
        snprintf(text, sizeof text, "%s cannot be used: sekisho init", conf->data);
    row(there, "data", text);
    parent_seed_path(conf, path);
    bool key = access(path, R_OK) == 0;
    row(key, "signing key", key ? path : "absent: sekisho init makes it");
}

// What is kept lies under keys that must not be swapped.
static void check_keep(const struct conf *conf) {
    char text[128];
    struct rlimit locked;
    bool can = getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur >= KEEP_LOCKED_MIN;
    snprintf(text, sizeof text, "%llu s, %llu MiB, its keys %s be swapped",
             (unsigned long long)conf->keep_s, (unsigned long long)conf->keep_memory >> 20,
             can ? "cannot" : "can: raise RLIMIT_MEMLOCK");
    row(true, "keep", conf->keep_s ? text : "nothing is kept");
}

static void check_model(const struct conf *conf, uint32_t index) {
    static struct cli_model model;
    char text[512];
    if (cli_model_open(conf, index, &model) != SK_OK) {
        row(false, "model", fail_text());
        return;
    }
    struct engine_shape shape = engine_shape(model.engine);
    snprintf(text, sizeof text, "%s: %.*s, %.1f M weights in %s, context %u, kernels %s",
             conf->models[index].id, (int)shape.name.len, shape.name.at,
             (double)shape.parameters / 1e6, shape.type_text, shape.context,
             engine_kernels_name(model.engine));
    row(true, "model", text);
    cli_model_close(&model);
}

int cmd_doctor(int argc, char **argv) {
    static struct conf conf;
    const char *config = NULL;
    const struct cli_option options[] = {{"--config", &config, NULL}, {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest > 0) return cli_usage(usage, "what is '%s'?", argv[1]);
    printf("sekisho %s\n", SEKISHO_BUILD);
    enum sk_code code = conf_read(config, &conf);
    row(code == SK_OK, "configuration", code == SK_OK ? conf.file : fail_text());
    if (code != SK_OK) conf_defaults(&conf);
    check_machine();
    check_rooms(&conf);
    check_data(&conf);
    check_keep(&conf);
    for (uint32_t i = 0; i < conf.models_len; i++) check_model(&conf, i);
    printf("%s\n", sick ? "the node would not serve: see FAIL above" : "everything is there");
    return sick ? EXIT_FAILED : EXIT_DONE;
}
