// The attacks on the fort's layers. One child per layer, in the cgroup where only that layer stands
// between it and a loopback address nobody listed; it must be refused there, as dial and as ferry.
#include "node/cage.h"
#include "node/fort_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

enum { ATTACK_S = 2, ANSWER_MS = 2, TARGET_PORT = 9 };

struct target {
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static bool listed(const struct fort_list *list, uint16_t port) {
    for (uint32_t i = 0; i < list->len; i++)
        if (list->rows[i].port == port) return true;
    return false;
}

static struct target target_of(const struct fort_list *list) {
    uint16_t port = TARGET_PORT;
    while (listed(list, port))
        port++;
    struct target target = {.four = {.sin_family = AF_INET, .sin_port = htons(port)},
                            .six = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
    target.four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    target.six.sin6_addr = in6addr_loopback;
    return target;
}

// ---- attacks: 0 when they came through, else errno; EINPROGRESS: nobody answered ----
// A loopback address answers within the call itself; the wait is for a busy machine.
static int answer_of(int fd) {
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int error = EINPROGRESS;
    socklen_t len = sizeof error;
    if (poll(&ready, 1, ANSWER_MS) == 1) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error;
}

static int attack_connect(int family, int protocol, const void *address, socklen_t len) {
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd < 0) return errno;
    int error = connect(fd, address, len) == 0 ? 0 : errno;
    if (error == EINPROGRESS) error = answer_of(fd);
    close(fd);
    return error;
}

static int attack_send(int type, int flags, const struct target *target) {
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return errno;
    ssize_t sent = sendto(fd, "", 1, flags | MSG_NOSIGNAL, (const struct sockaddr *)&target->four,
                          sizeof target->four);
    int error = sent >= 0 ? 0 : errno;
    if (type == SOCK_STREAM && (error == 0 || error == EINPROGRESS)) error = answer_of(fd);
    close(fd);
    return error;
}

static int attack_tcp(const struct target *target) {
    return attack_connect(AF_INET, 0, &target->four, sizeof target->four);
}
static int attack_tcp6(const struct target *target) {
    return attack_connect(AF_INET6, 0, &target->six, sizeof target->six);
}
static int attack_mptcp(const struct target *target) {
    return attack_connect(AF_INET, IPPROTO_MPTCP, &target->four, sizeof target->four);
}
static int attack_fastopen(const struct target *target) {
    return attack_send(SOCK_STREAM, MSG_FASTOPEN, target);
}
static int attack_udp(const struct target *target) {
    return attack_send(SOCK_DGRAM, 0, target);
}

static const struct attack {
    const char *name;
    int (*call)(const struct target *target);
} attacks[] = {
    {"tcp", attack_tcp},           {"tcp6", attack_tcp6}, {"mptcp", attack_mptcp},
    {"fastopen", attack_fastopen}, {"udp", attack_udp},
};
enum { ATTACKS = sizeof attacks / sizeof *attacks };

// The hooks say EPERM; what this machine does not have is refused as well. nftables drops the
// packet: a datagram is told so, a connection gets no answer from the address.
static bool is_refused(int error, enum fort_target layer) {
    static const int refusals[] = {EPERM,       EACCES,     EAFNOSUPPORT, EPROTONOSUPPORT,
                                   ENOPROTOOPT, EOPNOTSUPP, EADDRNOTAVAIL};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (error == refusals[i]) return true;
    // ENETUNREACH: a network without loopback, where nothing can be tried.
    return layer == FORT_NFT &&
           (error == EHOSTUNREACH || error == EINPROGRESS || error == ENETUNREACH);
}

// The exit status: 1 + the attack that came through, 0 for none, 255: it could not attack.
static int attack_all(const struct fort *fort, enum fort_target layer, enum cage_room room) {
    struct target target = target_of(&fort->list);
    uint32_t id = cage_uid(room);
    int procs = layer == FORT_NFT ? fort->group.node : fort->group.rooms;
    if (write(procs, "0", 1) != 1 || setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0 ||
        setresuid(id, id, id) != 0)
        return 255;
    for (int i = 0; i < ATTACKS; i++)
        if (!is_refused(attacks[i].call(&target), layer)) return 1 + i;
    return 0;
}

static enum sk_code attack_as(const struct fort *fort, enum fort_target layer,
                              enum cage_room room) {
    int status = 0;
    pid_t child = fork();
    if (child < 0) return FAIL(SK_IO, "fork: %s", strerror(errno));
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        alarm(ATTACK_S); // its default is death
        _exit(attack_all(fort, layer, room));
    }
    waitpid(child, &status, 0);
    int which = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    if (which == 0) return SK_OK;
    return FAIL(SK_GONE, "%s %s %s", cage_room_name(room),
                which <= ATTACKS ? "passed it by" : "could not attack",
                which <= ATTACKS ? attacks[which - 1].name : "it");
}

enum sk_code fort_attack(const struct fort *fort, enum fort_target target) {
    TRY(attack_as(fort, target, CAGE_DIAL));
    return attack_as(fort, target, CAGE_FERRY);
}
