// The sweep: in every room each system call number without a row must kill, and so must each call
// with a row when its arguments are outside it. No list of dangerous calls can be forgotten here.
#include "deny.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CALLS_MAX = 1024, X32 = 0x40000000 };

struct sweep_call { // the target comes first: the attack is given its address
    struct cage_target target;
    int call;
    long arguments[6];
};

static long sweep_attack(const struct cage_target *target) {
    const struct sweep_call *it = (const struct sweep_call *)target;
    const long *a = it->arguments;
    return syscall(it->call, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static bool sweep_killed(const struct sweep_call *call) {
    static const struct cage_probe probe = {.name = "sweep", .attack = sweep_attack};
    return cage_probe_try(&probe, &call->target, true) == CAGE_KILLED;
}

#define EVERY ((1 << CAGE_ROOMS) - 1)
#define GATE  (1 << CAGE_GATE)

// Calls every room has, with arguments none may use. -1 is no descriptor: nothing can happen.
static const struct {
    const char *what;
    int rooms, call;
    long arguments[6];
} sweep_arguments[] = {
    {"mmap executable", EVERY, SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, 0x22, -1, 0}},
    {"mprotect executable", EVERY, SYS_mprotect, {0, 4096, PROT_EXEC}},
    {"fcntl lock", EVERY, SYS_fcntl, {-1, F_SETLK, 0}},
    {"fcntl owner", EVERY, SYS_fcntl, {-1, F_SETOWN, 0}},
    {"fcntl notify", EVERY, SYS_fcntl, {-1, F_NOTIFY, 0}},
    {"futex with priority", EVERY, SYS_futex, {0, FUTEX_LOCK_PI, 0}},
    {"futex requeue", EVERY, SYS_futex, {0, FUTEX_CMP_REQUEUE, 0}},
    {"sendto with an address", EVERY, SYS_sendto, {-1, 0, 0, 0, 1, 16}},
    {"sendto with fast open", EVERY, SYS_sendto, {-1, 0, 0, MSG_FASTOPEN, 0, 0}},
    {"sendmsg without a copy", EVERY, SYS_sendmsg, {-1, 0, MSG_ZEROCOPY}},
    {"memfd in huge pages", EVERY, SYS_memfd_create, {0, MFD_HUGETLB}},
    {"stat by name", EVERY, SYS_newfstatat, {AT_FDCWD, 0, 0, 0}},
    {"tgkill of another", EVERY, SYS_tgkill, {1, 1, 0}},
    {"clone of a process", EVERY, SYS_clone, {SIGCHLD}},
    {"clone for an attack", EVERY, SYS_clone, {CLONE_VM | CLONE_VFORK}},
    {"strict seccomp", EVERY, SYS_seccomp, {SECCOMP_SET_MODE_STRICT}},
    {"another filter", EVERY, SYS_seccomp, {SECCOMP_SET_MODE_FILTER}},
    {"wait", EVERY, SYS_wait4, {-1, 0, 0, 0}},
    {"recvfrom with an address", EVERY, SYS_recvfrom, {-1, 0, 0, 0, 1, 0}},
    {"option of the socket", GATE, SYS_setsockopt, {-1, SOL_SOCKET, SO_BINDTODEVICE}},
    {"option of IP", GATE, SYS_setsockopt, {-1, IPPROTO_IP, IP_OPTIONS}},
};

struct sweep {
    enum cage_room room;
    unsigned tried, killed;
    int first_alive; // a call number that came back
    bool argument_alive[sizeof sweep_arguments / sizeof *sweep_arguments];
    bool done;
};

// Kernel 6.14 and later let the trampolines of uretprobe and uprobe pass every filter; from
// elsewhere they do nothing.
static bool sweep_exempt(int call) {
#ifdef __x86_64__
    return call == 335 || call == 336;
#else
    return call < 0;
#endif
}

static void sweep_numbers(struct sweep *sweep, int base) {
    struct sweep_call it = {.arguments = {-1, -1, -1, -1, -1, -1}};
    for (int number = 0; number < CALLS_MAX; number++) {
        it.call = base + number;
        if (cage_filter_holds(sweep->room, it.call) || sweep_exempt(it.call)) continue;
        sweep->tried++;
        if (sweep_killed(&it))
            sweep->killed++;
        else if (sweep->first_alive < 0)
            sweep->first_alive = it.call;
    }
}

static void sweep_room(void *at) {
    struct sweep *sweep = at;
    struct cage_plan plan = deny_plan(sweep->room, -1);
    if (cage_filter_load(&plan, SCMP_ACT_KILL_PROCESS) != 0) return;
    sweep_numbers(sweep, 0);
#ifdef __x86_64__
    sweep_numbers(sweep, X32);
#endif
    for (size_t i = 0; i < sizeof sweep_arguments / sizeof *sweep_arguments; i++) {
        struct sweep_call it = {.call = sweep_arguments[i].call};
        for (int j = 0; j < 6; j++)
            it.arguments[j] = sweep_arguments[i].arguments[j];
        if (sweep_arguments[i].rooms >> sweep->room & 1)
            sweep->argument_alive[i] = !sweep_killed(&it);
    }
    sweep->done = true;
}

void deny_sweep(void) {
    printf("\n%-10s%18s%10s%22s\n", "room", "calls without row", "killed", "bad arguments killed");
    for (int i = 0; i < CAGE_ROOMS; i++) {
        struct sweep *sweep = deny_shared(sizeof *sweep);
        *sweep = (struct sweep){.room = (enum cage_room)i, .first_alive = -1};
        const char *name = cage_room_name(sweep->room);
        deny_child(sweep_room, sweep);
        deny_check(sweep->done, "%s: the sweep did not end", name);
        deny_check(sweep->killed == sweep->tried, "%s: call %d has no row and came back", name,
                   sweep->first_alive);
        unsigned killed = 0;
        for (size_t j = 0; j < sizeof sweep_arguments / sizeof *sweep_arguments; j++) {
            if (!(sweep_arguments[j].rooms >> i & 1)) continue;
            killed += deny_check(!sweep->argument_alive[j], "%s: %s came back", name,
                                 sweep_arguments[j].what);
        }
        printf("%-10s%18u%10u%22u\n", name, sweep->tried, sweep->killed, killed);
    }
}
