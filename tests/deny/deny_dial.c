// The one room that connects: from behind its lock it reaches the listed port, and by no other way,
// to no other port. Each attempt is made outside first, where it must arrive.
#include "deny.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EAR_MS = 200, MPTCP = 262 };

// Where an attempt goes: a port that is listed, or one that is not.
static uint16_t listed, unlisted;

static long result_of(long result) {
    return result < 0 ? -errno : result;
}

static long try_connect(int family, int protocol, uint16_t port) {
    int fd = (int)syscall(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
    if (fd < 0) return -errno;
    struct sockaddr_in four = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    void *to = family == AF_INET ? (void *)&four : (void *)&six;
    long result =
        result_of(syscall(SYS_connect, fd, to, family == AF_INET ? sizeof four : sizeof six));
    close(fd);
    return result;
}

static long try_datagram(int type, int flags, uint16_t port) {
    int fd = (int)syscall(SYS_socket, AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return result_of(syscall(SYS_sendto, fd, "x", 1, flags, &to, sizeof to));
}

static long tcp_listed(const struct cage_target *target) {
    (void)target;
    return try_connect(AF_INET, IPPROTO_TCP, listed);
}
static long six_listed(const struct cage_target *target) {
    (void)target;
    return try_connect(AF_INET6, IPPROTO_TCP, listed);
}
static long tcp_unlisted(const struct cage_target *target) {
    (void)target;
    return try_connect(AF_INET, IPPROTO_TCP, unlisted);
}
static long six_unlisted(const struct cage_target *target) {
    (void)target;
    return try_connect(AF_INET6, IPPROTO_TCP, unlisted);
}
static long mptcp_listed(const struct cage_target *target) {
    (void)target;
    return try_connect(AF_INET, MPTCP, listed);
}
static long udp_listed(const struct cage_target *target) {
    (void)target;
    return try_datagram(SOCK_DGRAM, 0, listed);
}
static long fastopen_listed(const struct cage_target *target) {
    (void)target;
    return try_datagram(SOCK_STREAM, MSG_FASTOPEN, listed);
}
static long fastopen_unlisted(const struct cage_target *target) {
    (void)target;
    return try_datagram(SOCK_STREAM, MSG_FASTOPEN, unlisted);
}
// Text could go out with the connection itself, or a server be made of it.
static long options_listed(const struct cage_target *target) {
    (void)target;
    int on = 1, fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (fd < 0) return -errno;
    return result_of(
        syscall(SYS_setsockopt, fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, (socklen_t)sizeof on));
}
static long bind_any(const struct cage_target *target) {
    (void)target;
    struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (fd < 0) return -errno;
    return result_of(syscall(SYS_bind, fd, &any, sizeof any));
}

static const struct {
    struct cage_probe probe;
    bool may;      // the room may do this
    int ear;       // who hears it: 0 nobody, 1 the listed port, 2 the other, 3 UDP
    uint32_t wall; // that refuses it without the filter
} tries[] = {
    {{"tcp to the listed port", tcp_listed, 0, 0}, true, 1, 0},
    {{"tcp over IPv6 to it", six_listed, 0, 0}, true, 1, 0},
    {{"tcp to another port", tcp_unlisted, 0, 0}, false, 2, CAGE_LANDLOCK},
    {{"tcp over IPv6 to another", six_unlisted, 0, 0}, false, 2, CAGE_LANDLOCK},
    {{"MPTCP to the listed port", mptcp_listed, 0, 0}, false, 1, 0},
    {{"UDP to the listed port", udp_listed, 0, 0}, false, 3, 0},
    {{"fast open to it", fastopen_listed, 0, 0}, false, 1, 0},
    {{"fast open to another", fastopen_unlisted, 0, 0}, false, 2, 0},
    {{"option of fast open", options_listed, 0, 0}, false, 0, 0},
    {{"bind", bind_any, 0, 0}, false, 0, CAGE_LANDLOCK},
};
enum { TRIES = sizeof tries / sizeof *tries };

struct dialled {
    struct cage_report report;
    bool lock; // with the filter
    enum cage_outcome walls[TRIES], locked[TRIES];
    bool done;
};

static void dial_room(void *at) {
    struct dialled *room = at;
    struct cage_plan plan = deny_plan(CAGE_DIAL, -1);
    plan.ports = &listed;
    plan.ports_len = 1;
    if (cage_walls(&plan, &room->report) != SK_OK) return;
    if (room->lock && cage_filter_load(&plan, SCMP_ACT_KILL_PROCESS) != 0) return;
    enum cage_outcome *outcomes = room->lock ? room->locked : room->walls;
    struct cage_target none = {0};
    for (size_t i = 0; i < TRIES; i++)
        outcomes[i] = cage_probe_try(&tries[i].probe, &none, room->lock);
    room->done = true;
}

static bool dial_runs(struct dialled *room, bool lock) {
    room->lock = lock;
    room->done = false;
    deny_child(dial_room, room);
    return deny_check(room->done, "dial: the attempts did not end");
}

static int dial_ear(int type) {
    struct sockaddr_in6 here = {.sin6_family = AF_INET6}; // both families, on every address
    int off = 0, fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0);
    if (type == SOCK_DGRAM) here.sin6_port = htons(listed);
    must(bind(fd, (struct sockaddr *)&here, sizeof here) == 0);
    if (type == SOCK_STREAM) must(listen(fd, 64) == 0);
    return fd;
}

static uint16_t dial_port(int fd) {
    struct sockaddr_in6 here;
    socklen_t len = sizeof here;
    must(getsockname(fd, (struct sockaddr *)&here, &len) == 0);
    return ntohs(here.sin6_port);
}

static unsigned dial_heard(int ear) {
    unsigned count = 0;
    while (outside_heard(ear, count ? 0 : EAR_MS))
        count++;
    return count;
}

static const char *dial_word(enum cage_outcome outcome) {
    return outcome == CAGE_KILLED ? "killed" : outcome == CAGE_REFUSED ? "refused" : "through";
}

static void dial_judge(const struct dialled *room) {
    printf("\n%-28s%-10s%-10s\n", "dial, one port listed", "walls", "locked");
    for (size_t i = 0; i < TRIES; i++) {
        const char *name = tries[i].probe.name;
        printf("%-28s%-10s%-10s\n", name, dial_word(room->walls[i]), dial_word(room->locked[i]));
        bool through = room->locked[i] == CAGE_THROUGH;
        bool held = !tries[i].wall || tries[i].wall & room->report.walls;
        if (!held && room->report.missing[0])
            deny_skip("dial: no wall here against %s", name);
        else
            deny_check(through == tries[i].may, "dial: %s is %s", name, dial_word(room->locked[i]));
        if (tries[i].wall & room->report.walls)
            deny_check(room->walls[i] != CAGE_THROUGH, "dial: %s comes through the walls", name);
    }
}

// Each attempt outside, and whether what it aims at hears it.
static void dial_controls(const int ears[4]) {
    struct cage_target none = {0};
    for (size_t i = 0; i < TRIES; i++) {
        const char *name = tries[i].probe.name;
        if (cage_probe_try(&tries[i].probe, &none, false) != CAGE_THROUGH)
            deny_skip("control %s is not available here", name);
        else if (tries[i].ear)
            deny_check(dial_heard(ears[tries[i].ear]) == 1, "control %s: nothing arrived", name);
    }
}

void deny_dial(void) {
    int ears[4] = {-1, dial_ear(SOCK_STREAM), -1, -1};
    if (ears[1] < 0) {
        deny_skip("dial: no IPv6 here");
        return;
    }
    listed = dial_port(ears[1]);
    ears[2] = dial_ear(SOCK_STREAM);
    ears[3] = dial_ear(SOCK_DGRAM);
    unlisted = dial_port(ears[2]);
    dial_controls(ears);
    struct dialled *room = deny_shared(sizeof *room);
    bool ran = dial_runs(room, false);
    // Behind the walls alone MPTCP and fast open reach ports, and UDP is not held at all.
    for (size_t i = 1; i < 4; i++)
        dial_heard(ears[i]);
    if (ran && dial_runs(room, true)) dial_judge(room);
    deny_check(dial_heard(ears[1]) == 2, "dial: the listed port did not hear TCP twice");
    if (!room->report.missing[0])
        deny_check(dial_heard(ears[2]) + dial_heard(ears[3]) == 0, "dial: another port heard it");
    for (size_t i = 1; i < 4; i++)
        close(ears[i]);
}
