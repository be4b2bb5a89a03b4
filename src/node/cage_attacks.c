// The attacks: each tries one way out of a room, by system calls alone (the room may have threads,
// and the child shares its memory). They do no harm where they come through.
//
// Sources of the list: the holes of single mechanisms in docs/powers.md, and the usual openings for
// a kernel exploit. What they skip is covered by tests/deny, which tries every system call number.
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/cage_parts.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define ATTACK(name) static long attack_##name(const struct cage_target *target)
// A sixth argument travels on the stack: there an int would bring four bytes of chance along.
#define CALL(...) attack_result(syscall(__VA_ARGS__))
#define GET(variable, ...)                                                                         \
    long variable = CALL(__VA_ARGS__);                                                             \
    if (variable < 0) return variable

static long attack_result(long result) {
    return result < 0 ? -errno : result;
}

// ---- the network ----
static struct sockaddr_in attack_loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static long attack_connect(int protocol, uint16_t port) {
    GET(fd, SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, protocol);
    struct sockaddr_in to = attack_loopback(port);
    return CALL(SYS_connect, fd, &to, sizeof to);
}

static long attack_sendto(int type, int flags, uint16_t port) {
    GET(fd, SYS_socket, AF_INET, type | SOCK_NONBLOCK, 0);
    struct sockaddr_in to = attack_loopback(port);
    return CALL(SYS_sendto, fd, "x", 1, flags, &to, sizeof to);
}

ATTACK(tcp_connect) {
    return attack_connect(IPPROTO_TCP, target->tcp_port);
}
ATTACK(mptcp_connect) {
    return attack_connect(IPPROTO_MPTCP, target->tcp_port);
}
ATTACK(tcp_fastopen) {
    return attack_sendto(SOCK_STREAM, MSG_FASTOPEN, target->tcp_port);
}
ATTACK(udp_send) {
    return attack_sendto(SOCK_DGRAM, 0, target->udp_port);
}

ATTACK(tcp_listen) {
    (void)target;
    GET(fd, SYS_socket, AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in any = attack_loopback(0);
    GET(bound, SYS_bind, fd, &any, sizeof any);
    return CALL(SYS_listen, fd, 1) + bound;
}

ATTACK(vsock_socket) {
    (void)target;
    return CALL(SYS_socket, AF_VSOCK, SOCK_STREAM, 0);
}

ATTACK(raw_socket) {
    (void)target;
    return CALL(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

ATTACK(packet_socket) {
    (void)target;
    return CALL(SYS_socket, AF_PACKET, SOCK_RAW, 0);
}

ATTACK(netlink_socket) {
    (void)target;
    return CALL(SYS_socket, AF_NETLINK, SOCK_RAW, 0);
}

ATTACK(unix_pair) {
    (void)target;
    int pair[2];
    return CALL(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair);
}

// `skip` 1: an abstract name, which begins with a zero byte.
static long attack_unix(const char *name, size_t skip) {
    GET(fd, SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = strnlen(name, sizeof to.sun_path - 1);
    memcpy(to.sun_path + skip, name, len);
    return CALL(SYS_connect, fd, &to, offsetof(struct sockaddr_un, sun_path) + skip + len);
}

// Not to find the socket is an answer, unless it is known to be there.
static long attack_known(const struct cage_target *target, long result) {
    bool lost = result == -ENOENT || result == -ESRCH || result == -ECONNREFUSED;
    return lost && target->sockets_there ? -EACCES : result;
}

ATTACK(unix_path) {
    return attack_known(target, attack_unix(target->unix_path, 0));
}
ATTACK(unix_abstract) {
    return attack_known(target, attack_unix(target->unix_name, 1));
}

// On no descriptor at all (EBADF is an answer): the flag or option itself must be refused.
ATTACK(sendmsg_fastopen) {
    (void)target;
    struct msghdr empty = {0};
    return CALL(SYS_sendmsg, -1, &empty, MSG_FASTOPEN);
}

ATTACK(setsockopt_fastopen) {
    (void)target;
    int on = 1;
    return CALL(SYS_setsockopt, -1, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
}

ATTACK(io_uring) {
    (void)target;
    struct io_uring_params params = {0};
    return CALL(SYS_io_uring_setup, 1, &params);
}

// ---- files ----
// The empty root is the directory of a process that has ended, and the kernel says so (ESRCH): no
// name leads anywhere.
static long attack_name(long result) {
    return result == -ESRCH ? -ENOENT : result;
}

static long attack_open(int directory, const char *path, int flags) {
    return attack_name(CALL(SYS_openat, directory, path, flags | O_CLOEXEC, 0600));
}

// The room's own directory is no way out, by whatever name.
static long attack_directory(const struct cage_target *target, int from, const char *path) {
    struct stat there, own;
    long fd = attack_open(from, path, O_RDONLY | O_DIRECTORY);
    bool known = fd >= 0 && target->directory >= 0 && fstat((int)fd, &there) == 0 &&
                 fstat(target->directory, &own) == 0;
    return known && there.st_dev == own.st_dev && there.st_ino == own.st_ino ? -ENOENT : fd;
}

ATTACK(open_root) {
    return attack_directory(target, AT_FDCWD, "/");
}

ATTACK(open_above) {
    return attack_directory(target, target->directory < 0 ? AT_FDCWD : target->directory, "..");
}

ATTACK(open_passwd) {
    (void)target;
    return attack_open(AT_FDCWD, "/etc/passwd", O_RDONLY);
}

ATTACK(see_names) {
    (void)target;
    struct stat info;
    return attack_name(CALL(SYS_newfstatat, AT_FDCWD, "/proc", &info, 0));
}

ATTACK(open_proc) {
    (void)target;
    return attack_open(AT_FDCWD, "/proc/1/status", O_RDONLY);
}

ATTACK(open_vsock) {
    (void)target;
    return attack_open(AT_FDCWD, "/dev/vsock", O_RDONLY);
}

ATTACK(write_tmp) {
    (void)target;
    return attack_open(AT_FDCWD, "/tmp", O_WRONLY | O_TMPFILE);
}

ATTACK(open_by_handle) {
    (void)target;
    struct {
        struct file_handle head;
        uint64_t body;
    } made = {.head = {.handle_bytes = sizeof made.body, .handle_type = 1}};
    return CALL(SYS_open_by_handle_at, AT_FDCWD, &made, O_RDONLY);
}

ATTACK(mount) {
    (void)target;
    return CALL(SYS_fsopen, "tmpfs", 0);
}

ATTACK(chroot) {
    (void)target;
    return attack_name(CALL(SYS_chroot, "/"));
}

// ---- code ----
ATTACK(exec_file) {
    (void)target;
    static char name[] = "/bin/true";
    char *const arguments[] = {name, NULL};
    return attack_name(CALL(SYS_execve, name, arguments, arguments + 1));
}

// Landlock does not see memory files. This one is empty: ENOEXEC is an answer.
ATTACK(exec_memory) {
    (void)target;
    GET(fd, SYS_memfd_create, "x", 0);
    char *const none[] = {NULL};
    return CALL(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH);
}

ATTACK(map_code) {
    (void)target;
    return CALL(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
}

ATTACK(make_code) {
    (void)target;
    GET(at, SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    return CALL(SYS_mprotect, at, 4096, PROT_READ | PROT_EXEC);
}

// ---- other processes ----
ATTACK(ptrace_outside) {
    return CALL(SYS_ptrace, PTRACE_SEIZE, target->outside, 0, 0);
}

ATTACK(read_outside) {
    static char byte;
    char got;
    struct iovec here = {&got, 1}, there = {&byte, 1};
    return CALL(SYS_process_vm_readv, target->outside, &here, 1, &there, 1, 0L);
}

ATTACK(take_descriptor) {
    GET(fd, SYS_pidfd_open, target->outside, 0);
    return CALL(SYS_pidfd_getfd, fd, 0, 0);
}

ATTACK(kill_outside) {
    return CALL(SYS_kill, target->outside, 0);
}
ATTACK(tgkill_outside) {
    return CALL(SYS_tgkill, target->outside, target->outside, 0);
}

ATTACK(fork) {
    (void)target;
    return CALL(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

// A thread without shared handlers is not a thread: EINVAL is an answer.
ATTACK(thread) {
    (void)target;
    return CALL(SYS_clone, CLONE_THREAD, 0, 0, 0, 0);
}

ATTACK(clone3) {
    (void)target;
    return CALL(SYS_clone3, NULL, 0);
}

// ---- privilege and kernel surface ----
ATTACK(become_root) {
    (void)target;
    return CALL(SYS_setresuid, 0, 0, 0);
}

ATTACK(user_namespace) {
    (void)target;
    return CALL(SYS_unshare, CLONE_NEWUSER);
}

ATTACK(join_namespace) {
    GET(fd, SYS_pidfd_open, target->outside, 0);
    return CALL(SYS_setns, fd, CLONE_NEWNET);
}

ATTACK(bpf) {
    (void)target;
    union bpf_attr map = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return CALL(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map);
}

ATTACK(keyring) {
    (void)target;
    return CALL(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1);
}

ATTACK(perf) {
    (void)target;
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof event,
                                    .config = PERF_COUNT_SW_DUMMY,
                                    .exclude_kernel = 1,
                                    .exclude_hv = 1};
    return CALL(SYS_perf_event_open, &event, 0, -1, -1, 0);
}

ATTACK(userfault) {
    (void)target;
    return CALL(SYS_userfaultfd, UFFD_USER_MODE_ONLY);
}

ATTACK(personality) {
    (void)target;
    return CALL(SYS_personality, ADDR_NO_RANDOMIZE);
}

ATTACK(process_flags) {
    (void)target;
    return CALL(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
}

ATTACK(more_filter) {
    (void)target;
    return CALL(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &(uint32_t){SECCOMP_RET_ALLOW});
}

ATTACK(terminal_input) {
    (void)target;
    return CALL(SYS_ioctl, -1, TIOCSTI, "x");
}

#ifdef __x86_64__
ATTACK(i386_call) {
    (void)target;
    long result = 20; // getpid of the 32-bit table
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    return result;
}

ATTACK(x32_call) {
    (void)target;
    return CALL(SYS_getpid | 0x40000000);
}
#endif

const struct cage_probe cage_probes[] = {
    {"tcp_connect", attack_tcp_connect, CAGE_NETWORK | CAGE_LANDLOCK, 0},
    {"tcp_fastopen", attack_tcp_fastopen, CAGE_NETWORK, 0},
    {"tcp_listen", attack_tcp_listen, CAGE_LANDLOCK, 0},
    {"mptcp_connect", attack_mptcp_connect, CAGE_NETWORK, 0},
    {"udp_send", attack_udp_send, CAGE_NETWORK, 0},
    {"vsock_socket", attack_vsock_socket, 0, 0},
    {"raw_socket", attack_raw_socket, CAGE_UNPRIVILEGED, 0},
    {"packet_socket", attack_packet_socket, CAGE_UNPRIVILEGED, 0},
    {"netlink_socket", attack_netlink_socket, 0, 0},
    {"unix_pair", attack_unix_pair, 0, 0},
    {"unix_path", attack_unix_path, 0, 0},
    {"unix_abstract", attack_unix_abstract, 0, 0},
    {"sendmsg_fastopen", attack_sendmsg_fastopen, 0, 0},
    {"setsockopt_fastopen", attack_setsockopt_fastopen, 0, 0},
    {"io_uring", attack_io_uring, 0, 0},
    {"open_root", attack_open_root, CAGE_LANDLOCK | CAGE_ROOT, ENOENT},
    {"see_names", attack_see_names, CAGE_ROOT, ENOENT},
    {"open_above", attack_open_above, CAGE_LANDLOCK | CAGE_ROOT, ENOENT},
    {"open_passwd", attack_open_passwd, CAGE_LANDLOCK | CAGE_ROOT, ENOENT},
    {"open_proc", attack_open_proc, CAGE_LANDLOCK | CAGE_ROOT, ENOENT},
    {"open_vsock", attack_open_vsock, CAGE_LANDLOCK | CAGE_ROOT, ENOENT},
    {"write_tmp", attack_write_tmp, CAGE_LANDLOCK | CAGE_ROOT, ENOENT},
    {"open_by_handle", attack_open_by_handle, CAGE_UNPRIVILEGED, 0},
    {"mount", attack_mount, CAGE_UNPRIVILEGED, 0},
    {"chroot", attack_chroot, CAGE_UNPRIVILEGED, ENOENT},
    {"exec_file", attack_exec_file, CAGE_LANDLOCK | CAGE_ROOT, ENOENT},
    {"exec_memory", attack_exec_memory, 0, 0},
    {"map_code", attack_map_code, CAGE_NO_EXEC, 0},
    {"make_code", attack_make_code, CAGE_NO_EXEC, 0},
    {"ptrace_outside", attack_ptrace_outside, CAGE_LANDLOCK, 0},
    {"read_outside", attack_read_outside, CAGE_LANDLOCK, 0},
    {"take_descriptor", attack_take_descriptor, CAGE_LANDLOCK, 0},
    {"kill_outside", attack_kill_outside, CAGE_SCOPES, 0},
    {"tgkill_outside", attack_tgkill_outside, CAGE_SCOPES, 0},
    {"fork", attack_fork, 0, 0},
    {"thread", attack_thread, 0, 0},
    {"clone3", attack_clone3, 0, 0},
    {"become_root", attack_become_root, CAGE_UNPRIVILEGED, EINVAL},
    {"user_namespace", attack_user_namespace, CAGE_ROOT, 0},
    {"join_namespace", attack_join_namespace, CAGE_UNPRIVILEGED, 0},
    {"bpf", attack_bpf, 0, 0},
    {"keyring", attack_keyring, 0, 0},
    {"perf", attack_perf, 0, 0},
    {"userfault", attack_userfault, 0, 0},
    {"personality", attack_personality, 0, 0},
    {"process_flags", attack_process_flags, 0, 0},
    {"more_filter", attack_more_filter, 0, 0},
    {"terminal_input", attack_terminal_input, 0, 0},
#ifdef __x86_64__
    {"i386_call", attack_i386_call, 0, -SIGSEGV}, // a kernel without the 32-bit table faults
    {"x32_call", attack_x32_call, 0, 0},
#endif
};

const size_t cage_probes_len = sizeof cage_probes / sizeof *cage_probes;
