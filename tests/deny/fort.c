// The fort of a node as root: what each layer alone lets through and refuses, with controls; that
// the list changes at once; that whoever takes a layer away, or a room out of it, is found; and
// that it can be put up again. Everything on loopback.
#include "node/cage.h"
#include "node/fort_parts.h"
#include "unhook.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOT = -1, MPTCP = 262, SILENCE = EINPROGRESS, ANSWER_MS = 50 };
enum where { OUTSIDE, NODE, ROOMS };
enum listener { LISTED, UNLISTED, LISTED6, LISTENERS };

static struct fort fort;
static struct sockaddr_in6 places[LISTENERS]; // IPv4 as mapped
static int listeners[LISTENERS];
static unsigned passed, failed;

static bool check(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool check(bool holds, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (!holds) {
        fputs("FAILED: ", stdout);
        vprintf(format, list);
        fputs("\n", stdout);
    }
    va_end(list);
    *(holds ? &passed : &failed) += 1;
    return holds;
}

// ---- the outside world ----
static void listener_open(enum listener which) {
    struct sockaddr_in6 *at = &places[which];
    socklen_t len = sizeof *at;
    *at = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    if (which != LISTED6) inet_pton(AF_INET6, "::ffff:127.0.0.1", &at->sin6_addr);
    listeners[which] = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    must(bind(listeners[which], (struct sockaddr *)at, sizeof *at) == 0);
    must(listen(listeners[which], 16) == 0);
    must(getsockname(listeners[which], (struct sockaddr *)at, &len) == 0);
}

static void list_add(struct fort_list *list, enum listener which) {
    must(fort_list_add(list, places[which].sin6_addr.s6_addr, ntohs(places[which].sin6_port)) ==
         SK_OK);
}

// ---- attempts: one child each; 0, or errno ----
struct attempt {
    const char *name;
    enum where where;
    int room; // whose uid; ROOT
    int type, protocol;
    enum listener to;
    int expected, also;
};

static int attempt_send(int fd, const struct attempt *attempt) {
    const struct sockaddr *to = (const struct sockaddr *)&places[attempt->to];
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;
    if (attempt->type == SOCK_DGRAM)
        return sendto(fd, "", 1, 0, to, sizeof places[0]) >= 0 ? 0 : errno;
    if (connect(fd, to, sizeof places[0]) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    if (poll(&ready, 1, ANSWER_MS) != 1) return SILENCE;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error;
}

static int attempt_child(const struct attempt *attempt) {
    int procs = attempt->where == NODE ? fort.group.node : fort.group.rooms;
    if (attempt->where != OUTSIDE && write(procs, "0", 1) != 1) return 255;
    if (attempt->room != ROOT) {
        uid_t id = cage_uid((enum cage_room)attempt->room);
        if (setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id)) return 255;
    }
    int fd = socket(AF_INET6, attempt->type | SOCK_NONBLOCK, attempt->protocol);
    return fd < 0 ? errno : attempt_send(fd, attempt);
}

static int attempt_try(const struct attempt *attempt) {
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    must(child >= 0);
    if (child == 0) _exit(attempt_child(attempt));
    must(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static const struct attempt attempts[] = {
    {"control: dial outside", OUTSIDE, CAGE_DIAL, SOCK_STREAM, 0, UNLISTED, 0, 0},
    {"control: dial's datagrams outside", OUTSIDE, CAGE_DIAL, SOCK_DGRAM, 0, UNLISTED, 0, 0},
    {"control: root beside nftables", NODE, ROOT, SOCK_STREAM, 0, UNLISTED, 0, 0},
    {"both: dial to the list", ROOMS, CAGE_DIAL, SOCK_STREAM, 0, LISTED, 0, 0},
    {"both: dial to the list, IPv6", ROOMS, CAGE_DIAL, SOCK_STREAM, 0, LISTED6, 0, 0},
    {"bpf: dial elsewhere", ROOMS, CAGE_DIAL, SOCK_STREAM, 0, UNLISTED, EPERM, 0},
    {"bpf: dial's datagrams", ROOMS, CAGE_DIAL, SOCK_DGRAM, 0, LISTED, EPERM, 0},
    {"bpf: dial by MPTCP", ROOMS, CAGE_DIAL, SOCK_STREAM, MPTCP, LISTED, EPERM, EPROTONOSUPPORT},
    {"bpf: ferry", ROOMS, CAGE_FERRY, SOCK_STREAM, 0, LISTED, EPERM, 0},
    {"bpf: gate", ROOMS, CAGE_GATE, SOCK_STREAM, 0, LISTED, EPERM, 0},
    {"bpf: root", ROOMS, ROOT, SOCK_STREAM, 0, LISTED, EPERM, 0},
    {"nftables: dial to the list", NODE, CAGE_DIAL, SOCK_STREAM, 0, LISTED, 0, 0},
    {"nftables: dial elsewhere", NODE, CAGE_DIAL, SOCK_STREAM, 0, UNLISTED, SILENCE, EHOSTUNREACH},
    {"nftables: dial's datagrams", NODE, CAGE_DIAL, SOCK_DGRAM, 0, LISTED, EPERM, 0},
    {"nftables: ferry", OUTSIDE, CAGE_FERRY, SOCK_STREAM, 0, LISTED, SILENCE, EHOSTUNREACH},
    {"nftables: gate", OUTSIDE, CAGE_GATE, SOCK_STREAM, 0, LISTED, SILENCE, EHOSTUNREACH},
    {"nftables: gate's datagrams", OUTSIDE, CAGE_GATE, SOCK_DGRAM, 0, LISTED, EPERM, 0},
    {"nftables: engine", OUTSIDE, CAGE_ENGINE, SOCK_STREAM, 0, LISTED6, SILENCE, EACCES},
};

static void attempts_all(void) {
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        const struct attempt *a = &attempts[i];
        int got = attempt_try(a);
        check(got == a->expected || (a->also && got == a->also), "%s: %s, expected %s", a->name,
              strerrorname_np(got), strerrorname_np(a->expected));
    }
}

// Gate begins nothing, and answers who came.
static void gate_answers(void) {
    int client = socket(AF_INET6, SOCK_STREAM, 0), status = 0;
    char text[3] = "";
    must(connect(client, (struct sockaddr *)&places[UNLISTED], sizeof places[0]) == 0);
    pid_t child = fork();
    must(child >= 0);
    if (child == 0) {
        uid_t id = cage_uid(CAGE_GATE);
        int got = -1;
        if (write(fort.group.node, "0", 1) != 1 || setresgid(id, id, id) || setresuid(id, id, id))
            _exit(1);
        // The attempts before are in the queue too: every one is answered.
        while ((got = accept(listeners[UNLISTED], NULL, NULL)) >= 0)
            if (write(got, "ok", 2) != 2) continue;
        _exit(0);
    }
    const struct timeval wait = {.tv_sec = 5};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    check(read(client, text, 2) == 2, "gate answers its clients: %s", strerror(errno));
    waitpid(child, &status, 0);
    close(client);
}

// Another node of this machine, which lists nothing, changes nothing for this one.
static void beside_another(void) {
    static struct fort other;
    static const struct fort_list none;
    char data[64];
    snprintf(data, sizeof data, "/deny/%d/another", getpid());
    fort_open(&other, data);
    fort_raise(&other, &none, NULL, 0);
    check(fort_held(&other), "another: nftables %s, bpf %s", other.nft.why, other.bpf.why);
    attempts_all();
    fort_close(&other);
}

// ---- taking layers away ----
static void round_expect(pid_t room, enum fort_state nft, enum fort_state bpf, const char *what) {
    char text[512];
    struct buf out = buf_over(text, sizeof text);
    fort_check(&fort, &room, 1);
    fort_report(&fort, &out);
    check(fort.nft.state == nft && fort.bpf.state == bpf, "%s: %.*s", what, (int)out.len, out.at);
    check(fort_held(&fort) == (nft == FORT_HELD && bpf == FORT_HELD), "%s: held", what);
}

static void hooks_taken(pid_t room) {
    char path[FORT_PATH_MAX + 32];
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s/rooms", fort.group.path);
    check(unhook(path) == 5, "five hooks were there");
    round_expect(room, FORT_HELD, FORT_LOST, "hooks detached");
    check(strstr(fort.bpf.why, "detached") != NULL, "why: %s", fort.bpf.why);
    round_expect(room, FORT_HELD, FORT_HELD, "hooks again");
}

static void room_taken(pid_t room) {
    dprintf(fort.group.node, "%d", room);
    round_expect(room, FORT_HELD, FORT_LOST, "a room outside");
    check(strstr(fort.bpf.why, "left the cgroup") != NULL, "why: %s", fort.bpf.why);
    round_expect(room, FORT_HELD, FORT_HELD, "the room is back");
    pid_t ended = fork();
    must(ended >= 0);
    if (ended == 0) _exit(0);
    siginfo_t info;
    must(waitid(P_PID, (id_t)ended, &info, WEXITED | WNOWAIT) == 0);
    round_expect(ended, FORT_HELD, FORT_HELD, "a room that ended did not leave");
    waitpid(ended, NULL, 0);
}

static int nft(const char *verb, const char *rest) {
    char line[256];
    int status;
    snprintf(line, sizeof line, "%s inet %s%s", verb, fort.name, rest);
    pid_t child = fork();
    must(child >= 0);
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        dup2(null, 2);
        execl("/usr/sbin/nft", "nft", line, (char *)NULL);
        _exit(127);
    }
    must(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

// Nobody else can change the table; it goes with the socket that owns it.
static void table_taken(pid_t room) {
    int there = nft("list table", "");
    if (there == 127) {
        printf("skip: the nft command is not installed\n");
    } else {
        check(there == 0, "the table is there to read");
        check(nft("delete table", "") == 1, "nobody deletes it");
        check(nft("flush table", "") == 1, "nobody flushes it");
        check(nft("add element", " places4 { 127.0.0.2 . 9 }") == 1, "nobody adds to it");
        round_expect(room, FORT_HELD, FORT_HELD, "after all that");
    }
    fort_nft_close(fort.table);
    must(fort_nft_open(&fort.table) == SK_OK);
    round_expect(room, FORT_LOST, FORT_HELD, "table gone");
    round_expect(room, FORT_HELD, FORT_HELD, "table again");
}

// Dial connects, says so, and when told to sends: how the connection ended.
static int dialled_child(int told) {
    struct attempt dial = {.where = ROOMS, .room = CAGE_DIAL, .type = SOCK_STREAM, .to = LISTED};
    struct pollfd ended = {.events = POLLIN};
    char byte = 0;
    if (write(fort.group.rooms, "0", 1) != 1) return 255;
    uid_t id = cage_uid(CAGE_DIAL);
    if (setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id)) return 255;
    ended.fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (ended.fd < 0 || attempt_send(ended.fd, &dial) != 0) return 255;
    if (write(told, "", 1) != 1 || read(told, &byte, 1) != 1) return 255;
    if (send(ended.fd, "", 1, MSG_NOSIGNAL) != 1) return errno;
    if (poll(&ended, 1, 10000) != 1) return SILENCE;
    return recv(ended.fd, &byte, 1, 0) < 0 ? errno : 0;
}

static pid_t dialled_begin(int *tell) {
    int ends[2];
    char byte;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    fflush(stdout);
    pid_t child = fork();
    must(child >= 0);
    if (child == 0) {
        close(ends[0]);
        _exit(dialled_child(ends[1]));
    }
    close(ends[1]);
    *tell = ends[0];
    check(read(*tell, &byte, 1) == 1, "dial is connected");
    return child;
}

static void list_changes(pid_t room) {
    int tell, status = 0;
    pid_t dialled = dialled_begin(&tell);
    struct fort_list list = {0};
    struct attempt old = {.where = ROOMS, .room = CAGE_DIAL, .type = SOCK_STREAM, .to = LISTED};
    struct attempt fresh = old;
    fresh.to = UNLISTED;
    list_add(&list, UNLISTED);
    fort_raise(&fort, &list, &room, 1);
    check(fort_held(&fort), "held with another list");
    check(attempt_try(&old) == EPERM && attempt_try(&fresh) == 0, "hooks have the new list");
    must(write(tell, "", 1) == 1 && waitpid(dialled, &status, 0) == dialled);
    close(tell);
    check(WIFEXITED(status) && WEXITSTATUS(status) == ECONNRESET,
          "a connection to what left the list ends: %s", strerrorname_np(WEXITSTATUS(status)));
    old.where = fresh.where = NODE;
    check(attempt_try(&old) != 0 && attempt_try(&fresh) == 0, "the table has the new list");
}

static bool fort_up(pid_t *room) {
    struct fort_list list = {0};
    char data[64];
    snprintf(data, sizeof data, "/deny/%d", getpid());
    fort_open(&fort, data);
    *room = fork();
    must(*room >= 0);
    if (*room == 0) {
        fort_join(&fort);
        close_range(3, ~0u, 0); // as a room does: the table must not outlive its owner
        pause();
        _exit(0);
    }
    for (int i = 0; i < LISTENERS; i++)
        listener_open((enum listener)i);
    list_add(&list, LISTED);
    list_add(&list, LISTED6);
    do
        fort_raise(&fort, &list, room, 1);
    while (strstr(fort.bpf.why, "left the cgroup")); // it is on its way
    return fort.nft.state != FORT_ABSENT && fort.bpf.state != FORT_ABSENT;
}

int main(void) {
    pid_t room;
    if (geteuid() != 0 || !cage_supported()) {
        printf("skip: the fort needs root, and a build without sanitizers\n");
        return 0;
    }
    if (fort_up(&room)) {
        check(fort_held(&fort), "nftables %s, bpf %s", fort.nft.why, fort.bpf.why);
        attempts_all();
        beside_another();
        gate_answers();
        fort_event(&fort);
        check(fort_bpf_refused(fort.hooks) > 0, "attempts are told");
        hooks_taken(room);
        room_taken(room);
        table_taken(room);
        list_changes(room);
    } else {
        printf("skip: nftables %s, bpf %s\n", fort.nft.why, fort.bpf.why);
    }
    kill(room, SIGKILL);
    waitpid(room, NULL, 0);
    char path[FORT_PATH_MAX + 32];
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s", fort.group.path);
    bool there = fort.group.directory >= 0;
    fort_close(&fort);
    check(!there || access(path, F_OK) != 0, "the cgroup goes");
    printf("%u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
