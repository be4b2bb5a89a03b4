// The filter: which system calls each room may make once it is locked. All else kills the process.
//
// One row per call and argument rule; a call with several rows needs one of them to fit. To grant a
// call, add its row with the reason why a room cannot do without, and its line in docs/powers.md.
// Calls of other architectures (i386, x32) kill too.
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "node/cage_parts.h"

enum {
    G = 1 << CAGE_GATE,
    B = 1 << CAGE_BORDER,
    E = 1 << CAGE_ENGINE,
    L = 1 << CAGE_LEDGER,
    F = 1 << CAGE_FERRY,
    D = 1 << CAGE_DIAL,
    ALL = G | B | E | L | F | D,
};

// Argument `at` fits when (argument & mask) == value; mask 0 always fits.
struct filter_rule {
    unsigned at;
    uint64_t mask, value;
};

// The kernel reads int arguments by their low half, so the rules do too.
#define INT_MASK    0xffffffffULL
#define FUTEX_FLAGS ((uint64_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME))
// Neither MSG_FASTOPEN, which connects, nor MSG_ZEROCOPY.
#define SEND_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE | MSG_EOR)

// Rules of one argument; the formatter would take them for blocks.
// clang-format off
#define ANY            {0, 0, 0}
#define IS(at, n)      {at, INT_MASK, n}
#define WITHOUT(at, n) {at, n, 0}
#define ONLY(at, n)    {at, INT_MASK & ~(uint64_t)(n), 0}
#define NULL_AT(at)    {at, UINT64_MAX, 0}
#define FUTEX(op)      {1, INT_MASK & ~FUTEX_FLAGS, op}
// clang-format on

static const struct filter_row {
    int call;
    unsigned rooms;
    struct filter_rule first, second;
} filter_rows[] = {
    // Descriptors that are there already.
    {SCMP_SYS(read), ALL, ANY, ANY},
    {SCMP_SYS(write), ALL, ANY, ANY},
    {SCMP_SYS(writev), ALL, ANY, ANY}, // glibc's last words before it aborts
    {SCMP_SYS(close), ALL, ANY, ANY},
    {SCMP_SYS(fstat), ALL, ANY, ANY},
    {SCMP_SYS(newfstatat), ALL, IS(3, AT_EMPTY_PATH), ANY}, // what glibc 2.36 makes of fstat()
    {SCMP_SYS(dup), ALL, ANY, ANY},
    {SCMP_SYS(fcntl), ALL, IS(1, F_GETFD), ANY},
    {SCMP_SYS(fcntl), ALL, IS(1, F_SETFD), ANY},
    {SCMP_SYS(fcntl), ALL, IS(1, F_GETFL), ANY},
    {SCMP_SYS(fcntl), ALL, IS(1, F_SETFL), ANY},
    {SCMP_SYS(fcntl), ALL, IS(1, F_GET_SEALS), ANY},
    {SCMP_SYS(fcntl), ALL, IS(1, F_ADD_SEALS), ANY},

    // The link: messages with at most one descriptor.
    {SCMP_SYS(recvmsg), ALL, ANY, ANY},
    {SCMP_SYS(sendmsg), ALL, ONLY(2, SEND_FLAGS), ANY},

    // The loop.
    {SCMP_SYS(epoll_ctl), ALL, ANY, ANY},
    {SCMP_SYS(epoll_wait), ALL, ANY, ANY},
    {SCMP_SYS(epoll_pwait), ALL, ANY, ANY},

    // Clocks (system calls where the vdso cannot answer) and chance.
    {SCMP_SYS(clock_gettime), ALL, ANY, ANY},
    {SCMP_SYS(gettimeofday), ALL, ANY, ANY},
    {SCMP_SYS(time), ALL, ANY, ANY},
    {SCMP_SYS(clock_nanosleep), ALL, ANY, ANY},
    {SCMP_SYS(nanosleep), ALL, ANY, ANY},
    {SCMP_SYS(getrandom), ALL, ANY, ANY},

    // Memory, never executable.
    {SCMP_SYS(mmap), ALL, WITHOUT(2, PROT_EXEC), ANY},
    {SCMP_SYS(mprotect), ALL, WITHOUT(2, PROT_EXEC), ANY},
    {SCMP_SYS(munmap), ALL, ANY, ANY},
    {SCMP_SYS(mremap), ALL, ANY, ANY},
    {SCMP_SYS(madvise), ALL, ANY, ANY},
    {SCMP_SYS(brk), ALL, ANY, ANY},
    {SCMP_SYS(sysinfo), ALL, ANY, ANY}, // glibc's qsort over 1 KiB asks for the memory size

    // Threads that are there already: no priority inheritance, no requeue.
    {SCMP_SYS(futex), ALL, FUTEX(FUTEX_WAIT), ANY},
    {SCMP_SYS(futex), ALL, FUTEX(FUTEX_WAKE), ANY},
    {SCMP_SYS(futex), ALL, FUTEX(FUTEX_WAIT_BITSET), ANY},
    {SCMP_SYS(sched_yield), ALL, ANY, ANY},
    {SCMP_SYS(rseq), E, ANY, ANY}, // this and the next: a thread may still be starting
    {SCMP_SYS(set_robust_list), E, ANY, ANY},
    {SCMP_SYS(sched_getaffinity), E, ANY, ANY}, // glibc's malloc counts CPUs for its arenas
    {SCMP_SYS(getpid), ALL, ANY, ANY},
    {SCMP_SYS(gettid), ALL, ANY, ANY},

    // Signals and the end.
    {SCMP_SYS(rt_sigreturn), ALL, ANY, ANY},
    {SCMP_SYS(rt_sigprocmask), ALL, ANY, ANY},
    {SCMP_SYS(restart_syscall), ALL, ANY, ANY},
    {SCMP_SYS(exit), ALL, ANY, ANY},
    {SCMP_SYS(exit_group), ALL, ANY, ANY},

    // Bodies, and pieces of the log: sealed memory files.
    {SCMP_SYS(memfd_create), G | B | E | L | F, ONLY(1, MFD_CLOEXEC | MFD_ALLOW_SEALING), ANY},
    {SCMP_SYS(pread64), G | B | E | F, ANY, ANY}, // small ones are not mapped

    // Clients: accepted, never called, and no address to send to.
    {SCMP_SYS(accept4), G, ANY, ANY},
    {SCMP_SYS(recvfrom), G | F, NULL_AT(4), ANY},
    {SCMP_SYS(sendto), G | F, ONLY(3, SEND_FLAGS), NULL_AT(4)},
    {SCMP_SYS(shutdown), G, ANY, ANY},
    {SCMP_SYS(poll), G | F, ANY, ANY}, // has a client, or an idle place, hung up?
    {SCMP_SYS(setsockopt), G | D, IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)},
    {SCMP_SYS(setsockopt), G, IS(1, IPPROTO_TCP), IS(2, TCP_CORK)},

    // Places: dial connects and hands over, ferry finds the socket connected (libcurl asks).
    {SCMP_SYS(connect), D, ANY, ANY}, // Landlock holds the ports
    {SCMP_SYS(getpeername), D | F, ANY, ANY},
    {SCMP_SYS(getsockname), F, ANY, ANY},
    {SCMP_SYS(getsockopt), D | F, IS(1, SOL_SOCKET), IS(2, SO_ERROR)},
    {SCMP_SYS(setsockopt), D, IS(1, SOL_SOCKET), IS(2, SO_KEEPALIVE)},
    {SCMP_SYS(setsockopt), D, IS(1, IPPROTO_TCP), IS(2, TCP_KEEPIDLE)},
    {SCMP_SYS(setsockopt), D, IS(1, IPPROTO_TCP), IS(2, TCP_KEEPINTVL)},
    {SCMP_SYS(setsockopt), D, IS(1, IPPROTO_TCP), IS(2, TCP_KEEPCNT)},

    // The log directory; Landlock confines the names.
    {SCMP_SYS(openat), L, ANY, ANY},
    {SCMP_SYS(pread64), L, ANY, ANY},
    {SCMP_SYS(pwrite64), L, ANY, ANY},
    {SCMP_SYS(sync_file_range), L, ANY, ANY},
    {SCMP_SYS(fdatasync), L, ANY, ANY},
    {SCMP_SYS(fsync), L, ANY, ANY},
    {SCMP_SYS(ftruncate), L, ANY, ANY},
    {SCMP_SYS(fchmod), L, IS(1, 0400), ANY}, // seals a segment; nothing takes that back
    {SCMP_SYS(renameat), L, ANY, ANY},
    {SCMP_SYS(unlinkat), L, ANY, ANY},
};

static const size_t filter_rows_len = sizeof filter_rows / sizeof *filter_rows;

bool cage_filter_holds(enum cage_room room, int call) {
    for (size_t i = 0; i < filter_rows_len; i++)
        if (filter_rows[i].call == call && filter_rows[i].rooms >> room & 1) return true;
    return call == SCMP_SYS(tgkill) || (room == CAGE_DIAL && call == SCMP_SYS(socket));
}

static int filter_add(scmp_filter_ctx filter, int call, struct filter_rule a,
                      struct filter_rule b) {
    struct scmp_arg_cmp rules[2];
    unsigned len = 0;
    if (call < 0) return 0; // not a call of this architecture
    if (a.mask) rules[len++] = SCMP_CMP64(a.at, SCMP_CMP_MASKED_EQ, a.mask, a.value);
    if (b.mask) rules[len++] = SCMP_CMP64(b.at, SCMP_CMP_MASKED_EQ, b.mask, b.value);
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, len, rules);
}

// abort() of our own; and, until sealed, the children that attack: memory shared, caller waiting.
static int filter_add_own(scmp_filter_ctx filter) {
    const struct filter_rule none = ANY, self = IS(0, (uint64_t)getpid()),
                             attack = IS(0, CLONE_VM | CLONE_VFORK),
                             more = IS(0, SECCOMP_SET_MODE_FILTER);
    int error = filter_add(filter, SCMP_SYS(tgkill), self, none);
    if (!error) error = filter_add(filter, SCMP_SYS(clone), attack, none);
    if (!error) error = filter_add(filter, SCMP_SYS(wait4), none, none);
    if (!error) error = filter_add(filter, SCMP_SYS(seccomp), more, none);
    return error;
}

// The one room that makes sockets makes TCP ones: three rules each, where a row has two.
static int filter_add_sockets(scmp_filter_ctx filter) {
    static const uint64_t families[] = {AF_INET, AF_INET6};
    const uint64_t flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    int error = 0;
    for (size_t i = 0; i < sizeof families / sizeof *families && !error; i++) {
        const struct scmp_arg_cmp rules[] = {
            SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, INT_MASK, families[i]),
            SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, INT_MASK & ~flags, SOCK_STREAM),
            SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, INT_MASK, IPPROTO_TCP),
        };
        error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3, rules);
    }
    return error;
}

// The one file on disk that a room without files may have: by its number, no other.
static int filter_add_scratch(scmp_filter_ctx filter, int descriptor) {
    const struct filter_rule none = ANY, only = IS(0, (uint64_t)descriptor);
    return filter_add(filter, SCMP_SYS(pwrite64), only, none);
}

static int filter_make(scmp_filter_ctx filter, const struct cage_plan *plan) {
    enum cage_room room = plan->room;
    int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (!error) error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (!error) error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); // binary tree
    for (size_t i = 0; i < filter_rows_len && !error; i++) {
        const struct filter_row *row = &filter_rows[i];
        if (row->rooms >> room & 1) error = filter_add(filter, row->call, row->first, row->second);
    }
    if (!error && room == CAGE_DIAL) error = filter_add_sockets(filter);
    if (!error && plan->scratch > 0) error = filter_add_scratch(filter, plan->scratch);
    return error ? error : filter_add_own(filter);
}

int cage_filter_load(const struct cage_plan *plan, uint32_t otherwise) {
    scmp_filter_ctx filter = seccomp_init(otherwise);
    if (!filter) return ENOSYS;
    int error = filter_make(filter, plan);
    if (!error) error = seccomp_load(filter);
    seccomp_release(filter);
    return -error;
}

// By hand, because the attacking children run it as well. The filter below has refused other
// architectures already.
int cage_filter_seal(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_wait4, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    long result =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    // Above 0 it is a thread that could not follow.
    return result == 0 ? 0 : result > 0 ? ESRCH : errno;
}
