// The walls: descriptors, namespaces, ids, capabilities, process flags and limits of a room.
//
// Unprivileged first: what root does directly, an ordinary user does from a user namespace of its
// own, with itself as its only user. Order matters: the bounding set needs CAP_SETPCAP, so it falls
// before the uid; a change of uid clears the death signal and the dumpable flag, so these come
// after.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/cage_parts.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

void cage_missing(struct cage_report *report, const char *layer, int error) {
    size_t used = strlen(report->missing);
    const char *name = strerrorname_np(error);
    snprintf(report->missing + used, sizeof report->missing - used, "%s%s:%s", used ? "," : "",
             layer, name ? name : "?");
}

// ---- descriptors ----
static bool walls_kept(const struct cage_plan *plan, int descriptor) {
    for (uint32_t i = 0; i < plan->keep_len; i++)
        if (plan->keep[i] == descriptor) return true;
    return descriptor == plan->directory;
}

// Closes everything from 3 on that the plan does not keep.
static enum sk_code walls_close(const struct cage_plan *plan) {
    int highest = 2;
    for (uint32_t i = 0; i < plan->keep_len; i++)
        if (plan->keep[i] > highest) highest = plan->keep[i];
    if (plan->directory > highest) highest = plan->directory;
    for (int descriptor = 3; descriptor < highest; descriptor++)
        if (!walls_kept(plan, descriptor)) close(descriptor);
    if (close_range((unsigned)highest + 1, UINT_MAX, 0) != 0)
        return FAIL(SK_UNSUPPORTED, "close_range: %s", strerror(errno));
    return SK_OK;
}

// ---- namespaces ----
static bool walls_write(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return false;
    bool done = write(file, text, strlen(text)) == (ssize_t)strlen(text);
    int error = errno;
    close(file);
    errno = error;
    return done;
}

// An own user namespace in which this user is itself and there is no other.
static bool walls_user(int kinds) {
    char users[64], groups[64];
    snprintf(users, sizeof users, "%u %u 1\n", geteuid(), geteuid());
    snprintf(groups, sizeof groups, "%u %u 1\n", getegid(), getegid());
    // After a change of uid the process may not be dumpable, and then /proc/self is root's.
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return unshare(CLONE_NEWUSER | kinds) == 0 && walls_write("/proc/self/setgroups", "deny") &&
           walls_write("/proc/self/uid_map", users) && walls_write("/proc/self/gid_map", groups);
}

// ---- names ----
enum { ROOT_STACK = 16384 };

// Shares root and memory with the caller. Its own /proc directory is empty for ever once it ends.
static int walls_root_child(void *directory) {
    int at = *(int *)directory;
    if (at >= 0) return fchdir(at) == 0 && chroot(".") == 0 ? 0 : errno;
    return chroot("/proc/self/fdinfo") == 0 && chdir("/") == 0 ? 0 : errno;
}

// Makes names lead nowhere, socket paths included, without a mount namespace; the ledger's lead
// into its directory and never above.
static void walls_root(int directory, struct cage_report *report) {
    _Alignas(16) char stack[ROOT_STACK];
    const int shared = CLONE_FS | CLONE_VM | CLONE_VFORK;
    int status = 0;
    pid_t child = clone(walls_root_child, stack + sizeof stack, shared, &directory);
    if (child < 0)
        cage_missing(report, "root", errno);
    else if (waitpid(child, &status, __WALL) != child)
        cage_missing(report, "root", ECHILD);
    else if (status != 0)
        cage_missing(report, "root", WEXITSTATUS(status));
    else
        report->walls |= CAGE_ROOT;
}

// ---- privilege ----
static void walls_bounding(void) {
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
         capability++)
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

static bool walls_drop(uint32_t id) {
    return setgroups(0, NULL) == 0 && setresgid(id, id, id) == 0 && setresuid(id, id, id) == 0;
}

static bool walls_powerless(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}}, got[2] = {{0}};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &head, none) != 0 || syscall(SYS_capget, &head, got) != 0) return false;
    if (memcmp(got, none, sizeof got) != 0) return false;
    uid_t real, effective, saved;
    if (getresuid(&real, &effective, &saved) != 0) return false;
    errno = EPERM;
    return real != 0 && effective != 0 && saved != 0;
}

// Namespaces, root and ids together: which way is open depends on who started us.
static void walls_separate(const struct cage_plan *plan, struct cage_report *report) {
    const int network = plan->room == CAGE_DIAL ? 0 : CLONE_NEWNET;
    const int kinds = network | CLONE_NEWIPC | CLONE_NEWUTS;
    bool separate = unshare(kinds) == 0;
    if (separate) walls_root(plan->directory, report);
    walls_bounding();
    if (geteuid() == 0 && !walls_drop(cage_uid(plan->room))) cage_missing(report, "ids", errno);
    if (!separate) {
        separate = walls_user(kinds);
        if (separate) {
            report->walls |= CAGE_USER;
            walls_root(plan->directory, report);
        } else {
            cage_missing(report, "namespaces", errno);
        }
        walls_bounding();
    }
    if (separate) report->walls |= CAGE_NAMESPACES;
    if (separate && network) report->walls |= CAGE_NETWORK;
    bool quiet = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    if (walls_powerless() && quiet)
        report->walls |= CAGE_UNPRIVILEGED;
    else
        cage_missing(report, "unprivileged", errno);
}

// ---- process ----
static enum sk_code walls_limits(const struct cage_plan *plan) {
    const struct rlimit none = {0, 0};
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return FAIL(SK_IO, "limits: %s", strerror(errno));
    if (files.rlim_max > plan->files_max) files.rlim_max = plan->files_max;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        return FAIL(SK_IO, "RLIMIT_NOFILE %u: %s", plan->files_max, strerror(errno));
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return FAIL(SK_IO, "RLIMIT_CORE 0: %s", strerror(errno));
    return SK_OK;
}

static enum sk_code walls_process(pid_t parent, struct cage_report *report) {
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return FAIL(SK_IO, "PR_SET_DUMPABLE: %s", strerror(errno));
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return FAIL(SK_IO, "PR_SET_PDEATHSIG: %s", strerror(errno));
    if (getppid() != parent) return FAIL(SK_GONE, "the parent ended while the walls went up");
    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0)
        report->walls |= CAGE_NO_EXEC;
    else
        cage_missing(report, "mdwe", errno);
    return SK_OK;
}

enum sk_code cage_walls(const struct cage_plan *plan, struct cage_report *report) {
    must(plan->room < CAGE_ROOMS && plan->keep_len <= CAGE_KEEP_MAX && plan->files_max > 0);
    must(plan->directory < 0 || plan->room == CAGE_LEDGER);
    must(plan->ports_len == 0 || plan->room == CAGE_DIAL);
    must(plan->ports_len <= CAGE_PORTS_MAX);
    *report = (struct cage_report){.room = plan->room};
    if (!cage_supported()) return SK_OK;
    pid_t parent = getppid();
    TRY(walls_close(plan));
    umask(077);
    walls_separate(plan, report);
    TRY(walls_process(parent, report));
    cage_landlock(plan, report);
    TRY(walls_limits(plan));
    struct cage_target target = cage_target(plan);
    cage_probe_walls(&target, report);
    return SK_OK;
}
