// Running the attacks: one child each, which shares memory with the caged process while that stands
// still (as vfork), so that a room with gigabytes of weights is attacked as cheaply as a small one.
//
// Exit signal 0 keeps these children out of the room's SIGCHLD. A child the filter kills dumps no
// core (the process is not dumpable), so the shared memory is left alone.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/cage_parts.h"

enum { PROBE_STACK = 32768 };

struct probe_shot {
    const struct cage_probe *probe;
    const struct cage_target *target;
    bool seal;
    long result; // 0 until refused: an execve that came through writes nothing
};

static int probe_fire(void *at) {
    struct probe_shot *shot = at;
    if (shot->seal) cage_filter_seal(); // when it fails, the attack will tell
    shot->result = shot->probe->attack(shot->target);
    return 0;
}

// Not permitted, no way there, or no such thing in this kernel.
static bool probe_refused(const struct cage_probe *probe, long result) {
    static const int refusals[] = {EPERM,        EACCES,          ENETUNREACH, ENOSYS,
                                   EAFNOSUPPORT, EPROTONOSUPPORT, ENOPROTOOPT};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (result == -refusals[i]) return true;
    return probe->also > 0 && result == -probe->also;
}

enum cage_outcome cage_probe_try(const struct cage_probe *probe, const struct cage_target *target,
                                 bool seal) {
    _Alignas(16) char stack[PROBE_STACK];
    struct probe_shot shot = {.probe = probe, .target = target, .seal = seal};
    int status = 0;
    pid_t child = clone(probe_fire, stack + sizeof stack, CLONE_VM | CLONE_VFORK, &shot);
    if (child < 0 || waitpid(child, &status, __WALL) != child) return CAGE_THROUGH;
    if (WIFSIGNALED(status)) {
        int signal = WTERMSIG(status);
        return signal == SIGSYS || signal == -probe->also ? CAGE_KILLED : CAGE_THROUGH;
    }
    return probe_refused(probe, shot.result) ? CAGE_REFUSED : CAGE_THROUGH;
}

// A port that the room may not connect to: the one of discard (RFC 863), or a next one.
static bool target_listed(const struct cage_plan *plan, uint16_t port) {
    for (uint32_t i = 0; i < plan->ports_len; i++)
        if (plan->ports[i] == port) return true;
    return false;
}

static uint16_t target_port(const struct cage_plan *plan) {
    uint16_t port = 9;
    while (target_listed(plan, port))
        port++;
    return port;
}

struct cage_target cage_target(const struct cage_plan *plan) {
    pid_t parent = getppid();
    return (struct cage_target){
        .outside = parent > 0 ? parent : 1, // 0: the parent is in another pid namespace
        .directory = plan->directory,
        .tcp_port = target_port(plan),
        .udp_port = 9,
        .unix_path = "/run/sekisho-outside",
        .unix_name = "sekisho-outside",
    };
}

static void probe_hole(struct cage_report *report, const char *layer, const char *name) {
    if (report->hole[0]) return;
    snprintf(report->hole, sizeof report->hole, "%s%s", layer, name);
}

void cage_probe_walls(const struct cage_target *target, struct cage_report *report) {
    for (size_t i = 0; i < cage_probes_len; i++) {
        const struct cage_probe *probe = &cage_probes[i];
        if ((probe->wall & report->walls) == 0) continue;
        report->walls_tried++;
        if (cage_probe_try(probe, target, false) == CAGE_THROUGH)
            probe_hole(report, "walls/", probe->name);
        else
            report->walls_refused++;
    }
}

void cage_probe_all(const struct cage_target *target, struct cage_report *report) {
    for (size_t i = 0; i < cage_probes_len; i++) {
        report->tried++;
        if (cage_probe_try(&cage_probes[i], target, true) == CAGE_THROUGH)
            probe_hole(report, "", cage_probes[i].name);
        else
            report->refused++;
    }
}

// ---- descriptors ----
static const char *descriptor_socket(enum cage_room room, int descriptor) {
    int domain = 0, listening = 0;
    socklen_t len = sizeof domain;
    if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0) return "socket";
    if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0) return "socket";
    if (room == CAGE_GATE)
        return domain == AF_UNIX || domain == AF_INET || domain == AF_INET6 ? NULL
                                                                            : "strange_socket";
    if (domain != AF_UNIX) return "network_socket";
    return listening ? "listening_socket" : NULL;
}

// A file that could carry bytes out: one on disk, open for writing. Memory files have seals.
static const char *descriptor_file(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags >= 0 && (flags & O_ACCMODE) == O_RDONLY) return NULL;
    return fcntl(descriptor, F_GET_SEALS) >= 0 ? NULL : "writable_file";
}

// A scratch file that has a name could be read by others, and stay.
static const char *descriptor_scratch(const struct stat *info) {
    return info->st_nlink == 0 ? NULL : "named_file";
}

static const char *descriptor_check(const struct cage_plan *plan, int descriptor) {
    struct stat info;
    if (descriptor == plan->directory || fstat(descriptor, &info) != 0) return NULL;
    bool standard = descriptor <= STDERR_FILENO; // terminal, pipe, journal or file: as started
    switch (info.st_mode & S_IFMT) {
    case S_IFDIR:
        return "directory";
    case S_IFBLK:
        return "block_device";
    case S_IFCHR:
        return standard || info.st_rdev == makedev(1, 3) ? NULL : "device";
    case S_IFSOCK:
        return standard ? NULL : descriptor_socket(plan->room, descriptor);
    case S_IFREG:
        if (plan->scratch > 0 && descriptor == plan->scratch) return descriptor_scratch(&info);
        return standard || plan->room == CAGE_LEDGER ? NULL : descriptor_file(descriptor);
    default:
        return NULL; // pipes; epoll, event, timer and signal descriptors
    }
}

const char *cage_descriptors(const struct cage_plan *plan) {
    for (int descriptor = 0; descriptor < (int)plan->files_max; descriptor++) {
        const char *kind = descriptor_check(plan, descriptor);
        if (kind) return kind;
    }
    return NULL;
}
