#include "build_id.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "node/files.h"
#include "node/key_files.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho doctor [--config FILE]\n\n"
    "Shows what this machine gives a node: isolation of each room and of the fort around them\n"
    "(each is really tried), the level they come to, CPU, configuration, keys, disk, model.\n"
    "`look` marks what weakens it. Exit code 1: the node would not serve.\n";

static bool sick;

void doctor_row(enum doctor_state state, const char *what, const char *format, ...) {
    static const char *const words[] = {"ok  ", "look", "FAIL"};
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    printf("  %s  %-14s  %s\n", words[state], what, text);
    sick = sick || state == DOCTOR_BAD;
}

static void row(bool good, const char *what, const char *text) {
    doctor_row(good ? DOCTOR_GOOD : DOCTOR_BAD, what, "%s", text);
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

static void check_rooms(void) {
    char text[CONF_PATH_MAX];
    bool found = files_libexec(text, sizeof text) == SK_OK;
    row(found, "rooms", found ? text : fail_text());
}

static void check_training(void) {
#ifdef SEKISHO_MPI
    row(true, "training", "on this machine, and on several (sekisho-train-mpi)");
#else
    row(true, "training", "on this machine alone: this build is without Open MPI (libopenmpi-dev)");
#endif
}

static void check_data(const struct conf *conf) {
    char path[KEY_PATH_MAX], text[CONF_PATH_MAX + 64];
    struct statvfs disk;
    bool there = access(conf->data, R_OK | W_OK | X_OK) == 0 && statvfs(conf->data, &disk) == 0;
    if (there)
        snprintf(text, sizeof text, "%s, %.1f GB free", conf->data,
                 (double)disk.f_bavail * (double)disk.f_frsize / 1e9);
    else
        snprintf(text, sizeof text, "%s cannot be used: sekisho init", conf->data);
    row(there, "data", text);
    int key;
    enum sk_code code = key_open(conf, KEY_LOG, path, &key);
    if (code == SK_OK) close(key);
    row(code == SK_OK, "signing key",
        code == SK_OK        ? path
        : code == SK_UNKNOWN ? "absent: sekisho init makes it"
                             : fail_text());
}

// A change of the archive key that was cut short leaves a key behind.
static void check_archive(const struct conf *conf) {
    char next[KEY_PATH_MAX], old[KEY_PATH_MAX + 16];
    key_path(conf, KEY_ARCHIVE_NEXT, next);
    snprintf(old, sizeof old, "%s/keys/archive.old", conf->data);
    if (access(next, F_OK) == 0 || access(old, F_OK) == 0)
        doctor_row(DOCTOR_LOOK, "archive key", "its change was cut short: stop the node, sekisho "
                                               "key archive rotate");
}

static void check_keep(const struct conf *conf) {
    char text[128];
    snprintf(text, sizeof text, "%llu s, %llu MiB", (unsigned long long)conf->keep_s,
             (unsigned long long)conf->keep_memory >> 20);
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
    check_rooms();
    check_training();
    doctor_isolation(&conf);
    doctor_border(&conf);
    check_data(&conf);
    check_archive(&conf);
    doctor_witness(&conf);
    check_keep(&conf);
    for (uint32_t i = 0; i < conf.models_len; i++) check_model(&conf, i);
    printf("%s\n", sick ? "the node would not serve: see FAIL above" : "everything is there");
    return sick ? EXIT_FAILED : EXIT_DONE;
}
