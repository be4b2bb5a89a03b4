#include "base/log.h"
#include "base/text.h"
#include "cli/doctor.h"
#include "node/cage.h"
#include "node/files.h"
#include "node/fort.h"
#include "node/parent.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { THROWAWAY_MS = 2000, FILES_MAX = 64 };

// ---- rooms and fort ----
static enum cage_level try_room(enum cage_room room, int directory, enum cage_level lowest) {
    struct cage_plan plan = {
        .room = room, .directory = room == CAGE_LEDGER ? directory : -1, .files_max = FILES_MAX};
    struct cage_report report = {0};
    if (room == CAGE_LEDGER && directory < 0) {
        doctor_row(DOCTOR_BAD, "ledger", "no directory to cage it in: sekisho init");
        return CAGE_OPEN;
    }
    cage_throwaway(&plan, THROWAWAY_MS, &report);
    doctor_row(report.level >= lowest ? DOCTOR_GOOD : DOCTOR_BAD, cage_room_name(room), "%s",
               report.text);
    return report.level;
}

static enum cage_level try_rooms(const struct conf *conf, enum cage_level lowest) {
    char path[PARENT_PATH_MAX];
    parent_ledger_path(conf, path);
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum cage_level level = CAGE_WALLED;
    for (int i = 0; i < CAGE_ROOMS; i++) {
        enum cage_level room = try_room((enum cage_room)i, directory, lowest);
        if (room < level) level = room;
    }
    if (directory >= 0) close(directory);
    return level;
}

// With an empty list and no room, beside a node that may be running on the same data.
static bool try_fort(const struct conf *conf, struct buf *report) {
    static struct fort fort;
    static const struct fort_list none;
    char name[CONF_PATH_MAX + 16];
    log_open("doctor", LOG_WARN);
    snprintf(name, sizeof name, "%s doctor", conf->data);
    fort_open(&fort, name);
    fort_raise(&fort, &none, NULL, 0);
    fort_report(&fort, report);
    bool held = fort_held(&fort);
    fort_close(&fort);
    return held;
}

static void check_level(const struct conf *conf) {
    enum cage_level wanted = cage_level_of(conf->isolation);
    enum cage_level level = try_rooms(conf, wanted < CAGE_WALLED ? wanted : CAGE_WALLED);
    char text[512];
    struct buf report = buf_over(text, sizeof text);
    bool held = try_fort(conf, &report);
    if (held && level == CAGE_WALLED) level = CAGE_FORTRESS;
    doctor_row(held ? DOCTOR_GOOD : DOCTOR_LOOK, "fort", "%.*s", (int)report.len, report.at);
    doctor_row(level >= wanted ? DOCTOR_GOOD : DOCTOR_BAD, "level", "%s (configured: %s)%s",
               cage_level_name(level), conf->isolation,
               level == CAGE_WALLED  ? "; for fortress the fort above is missing"
               : level < CAGE_WALLED ? "; see the rooms above"
                                     : "");
}

// ---- the machine ----
// A number in /proc/sys; -1: there is no such switch.
static long switch_read(const char *name) {
    char path[128], text[32];
    snprintf(path, sizeof path, "/proc/sys/%s", name);
    struct buf out = buf_over(text, sizeof text);
    uint64_t number;
    if (access(path, R_OK) != 0 || files_read(path, &out) != SK_OK) return -1;
    while (out.len && out.at[out.len - 1] == '\n')
        out.len--;
    return decimal_take(buf_view(&out), &number) ? (long)number : -1;
}

static void check_namespaces(void) {
    bool can = switch_read("user/max_user_namespaces") != 0 &&
               switch_read("kernel/unprivileged_userns_clone") != 0 &&
               switch_read("kernel/apparmor_restrict_unprivileged_userns") != 1;
    if (can || geteuid() == 0)
        doctor_row(DOCTOR_GOOD, "namespaces", "an ordinary user %s make them%s",
                   can ? "can" : "cannot", can ? "" : ": only a node of root is walled here");
    else
        doctor_row(DOCTOR_LOOK, "namespaces",
                   "an ordinary user cannot make them: start the node as root, or set "
                   "user.max_user_namespaces");
}

static void check_swap(void) {
    char line[256], first[128] = "";
    FILE *file = fopen("/proc/swaps", "re");
    while (file && fgets(line, sizeof line, file))
        if (line[0] == '/' && !first[0])
            snprintf(first, sizeof first, "%.*s", (int)strcspn(line, " \t"), line);
    if (file) fclose(file);
    if (first[0])
        doctor_row(DOCTOR_LOOK, "swap",
                   "%s: prompts and answers may be written there; encrypt it or `swapoff -a`",
                   first);
    else
        doctor_row(DOCTOR_GOOD, "swap", "none");
}

static void check_switches(void) {
    long ring = switch_read("kernel/io_uring_disabled");
    long bpf = switch_read("kernel/unprivileged_bpf_disabled");
    doctor_row(DOCTOR_GOOD, "io_uring", "%s",
               ring == 2 ? "off for everybody"
               : ring == 1
                   ? "off for most; closed to rooms by their filter"
                   : "closed to rooms by their filter (kernel.io_uring_disabled=2: to all)");
    if (bpf == 0)
        doctor_row(DOCTOR_LOOK, "bpf",
                   "any user may load programs: set "
                   "kernel.unprivileged_bpf_disabled=2");
}

static void check_locked(void) {
    enum { LOCKED_MIN = 64 << 10 }; // bytes: border's keys and the pages around them
    struct rlimit locked = {0};
    getrlimit(RLIMIT_MEMLOCK, &locked);
    bool can = locked.rlim_cur >= LOCKED_MIN;
    if (can)
        doctor_row(DOCTOR_GOOD, "locked memory", "keys are never swapped");
    else
        doctor_row(DOCTOR_LOOK, "locked memory",
                   "RLIMIT_MEMLOCK is %llu bytes: keys of what is kept may be swapped; at least %d",
                   (unsigned long long)locked.rlim_cur, LOCKED_MIN);
}

static void check_libraries(void) {
#ifndef SEKISHO_NFTABLES
    doctor_row(DOCTOR_LOOK, "libnftables",
               "this build is without it: no fortress (package libnftables-dev)");
#endif
#ifndef SEKISHO_BPF
    doctor_row(DOCTOR_LOOK, "libbpf", "this build is without it: no fortress (package libbpf-dev)");
#endif
}

void doctor_isolation(const struct conf *conf) {
    check_level(conf);
    check_namespaces();
    check_switches();
    check_swap();
    check_locked();
    check_libraries();
}
