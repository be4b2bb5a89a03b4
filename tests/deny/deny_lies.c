// Missing layers, layers that lie, and descriptors that leak: the report must name each, and the
// level must fall. A lying kernel is made by a filter under the cage that answers a call itself.
#include "deny.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROOT_ONLY = 1 };

struct lie {
    const char *what;
    int call, answer;      // the kernel answers this call with an errno; 0: done, in truth not
    enum cage_level level; // what may be said then
    const char *says;      // in the report's text
    int only;
};

static const struct lie lies[] = {
    {"no Landlock", SCMP_SYS(landlock_create_ruleset), ENOSYS, CAGE_FENCED,
     "missing=landlock:ENOSYS", 0},
    {"Landlock that lies", SCMP_SYS(landlock_restrict_self), 0, CAGE_FENCED,
     "hole=walls/tcp_listen", 0},
    {"no namespaces", SCMP_SYS(unshare), EPERM, CAGE_FENCED, "namespaces:EPERM", 0},
    {"namespaces that lie", SCMP_SYS(unshare), 0, CAGE_FENCED, "hole=walls/", ROOT_ONLY},
    {"ids that stay", SCMP_SYS(setresuid), EPERM, CAGE_FENCED, "ids:EPERM", ROOT_ONLY},
    {"ids that lie", SCMP_SYS(setresuid), 0, CAGE_FENCED, "unprivileged:EPERM", ROOT_ONLY},
    {"capabilities that stay", SCMP_SYS(capset), EPERM, CAGE_FENCED, "unprivileged:EPERM", 0},
    {"no empty root", SCMP_SYS(chroot), EPERM, CAGE_WALLED, "missing=root:EPERM", 0},
    {"no seccomp", SCMP_SYS(seccomp), ENOSYS, CAGE_OPEN, "missing=seccomp:", 0},
    {"seccomp that lies", SCMP_SYS(seccomp), 0, CAGE_OPEN, "hole=vsock_socket", 0},
    {"no attacks", SCMP_SYS(clone), EPERM, CAGE_OPEN, "hole=", 0},
};

struct lied {
    const struct lie *lie;
    struct cage_report report;
    enum sk_code code;
    bool done;
};

static void lie_begin(const struct lie *lie) {
    scmp_filter_ctx kernel = seccomp_init(SCMP_ACT_ALLOW);
    must(kernel != NULL);
    uint32_t answer = SCMP_ACT_ERRNO((uint32_t)lie->answer);
    must(seccomp_rule_add(kernel, answer, lie->call, 0) == 0);
    must(seccomp_load(kernel) == 0);
    seccomp_release(kernel);
}

static void lie_room(void *at) {
    struct lied *lied = at;
    struct cage_plan plan = deny_plan(CAGE_ENGINE, -1);
    lie_begin(lied->lie);
    lied->code = cage_walls(&plan, &lied->report);
    if (lied->code == SK_OK) lied->code = cage_lock(&plan, &lied->report);
    lied->done = true;
}

static void lie_judge(const struct lie *lie) {
    struct lied *lied = deny_shared(sizeof *lied);
    lied->lie = lie;
    deny_child(lie_room, lied);
    const char *text = lied->report.text;
    printf("%-24s%s\n", lie->what, text);
    deny_check(lied->done && lied->code == SK_OK, "%s: the lock did not end", lie->what);
    deny_check(lied->report.level == lie->level && strstr(text, lie->says),
               "%s: expected level=%s and \"%s\"", lie->what, cage_level_name(lie->level),
               lie->says);
}

// ---- descriptors ----
struct leak {
    const char *what;
    int (*open)(void);
};

static int leak_directory(void) {
    return open("/etc", O_RDONLY | O_DIRECTORY);
}
static int leak_file(void) {
    return open("/tmp", O_TMPFILE | O_RDWR, 0600);
}
static int leak_socket(void) {
    return socket(AF_INET, SOCK_STREAM, 0);
}
static int leak_device(void) {
    return open("/dev/zero", O_RDWR);
}

static const struct leak leaks[] = {
    {"directory", leak_directory},
    {"writable_file", leak_file},
    {"network_socket", leak_socket},
    {"device", leak_device},
};

struct leaked {
    const struct leak *leak;
    bool keep, closed;
    struct cage_report report;
};

static void leak_room(void *at) {
    struct leaked *leaked = at;
    int fd = leaked->leak->open();
    must(fd >= 0);
    struct cage_plan plan = deny_plan(CAGE_BORDER, -1);
    plan.keep = &fd;
    plan.keep_len = leaked->keep;
    if (cage_walls(&plan, &leaked->report) != SK_OK) return;
    leaked->closed = fcntl(fd, F_GETFD) < 0;
    cage_lock(&plan, &leaked->report);
}

static void leak_judge(const struct leak *leak) {
    struct leaked *leaked = deny_shared(sizeof *leaked);
    *leaked = (struct leaked){.leak = leak};
    deny_child(leak_room, leaked);
    deny_check(leaked->closed, "an inherited %s stays open", leak->what);
    deny_level(&leaked->report);
    *leaked = (struct leaked){.leak = leak, .keep = true};
    deny_child(leak_room, leaked);
    char hole[64];
    snprintf(hole, sizeof hole, "hole=open_%s", leak->what);
    deny_check(leaked->report.level == CAGE_OPEN && strstr(leaked->report.text, hole),
               "a kept %s is not seen: %s", leak->what, leaked->report.text);
    printf("%-24s%s\n", leak->what, leaked->report.text);
}

// ---- the parent's throwaway ----
static void throwaway_judge(enum cage_room room) {
    struct cage_plan plan = deny_plan(room, -1);
    struct cage_report report;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    enum sk_code code = cage_throwaway(&plan, 5000, &report);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    printf("%-10s%7.1f ms  %s\n", cage_room_name(room), ms, report.text);
    deny_check(code == SK_OK, "%s: throwaway: %s", cage_room_name(room), fail_text());
    deny_level(&report);
    deny_check(waitpid(-1, NULL, WNOHANG) < 0, "%s: the throwaway left a child",
               cage_room_name(room));
}

static void throwaway_dies(void) {
    struct cage_plan plan = deny_plan(CAGE_ENGINE, -1);
    struct cage_report report;
    deny_check(cage_throwaway(&plan, 0, &report) == SK_GONE && report.level == CAGE_OPEN,
               "a throwaway without time must be open: %s", report.text);
}

// Only a machine that has every layer can be made to lack or lie about one.
static void deny_machines(void) {
    struct cage_plan plan = deny_plan(CAGE_ENGINE, -1);
    struct cage_report report;
    if (cage_throwaway(&plan, 5000, &report) != SK_OK || report.missing[0]) {
        deny_skip("machines that lie: this one has no %s", report.missing);
        return;
    }
    printf("\n%-24s%s\n", "the machine has", "the report says");
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        if (lies[i].only != ROOT_ONLY || geteuid() == 0) lie_judge(&lies[i]);
}

void deny_lies(void) {
    deny_machines();
    printf("\n%-24s%s\n", "a room keeps open", "the report says");
    for (size_t i = 0; i < sizeof leaks / sizeof *leaks; i++)
        leak_judge(&leaks[i]);
    printf("\n%-10s%10s  %s\n", "throwaway", "time", "report");
    for (int room = 0; room < CAGE_ROOMS; room++)
        throwaway_judge((enum cage_room)room);
    throwaway_dies();
}
