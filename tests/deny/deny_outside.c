// The world outside the cage that attacks aim at: sockets that hear, a process, a directory.
#include "deny.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int outside_internet(int type) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof here) == 0);
    if (type == SOCK_STREAM) must(listen(fd, 16) == 0);
    return fd;
}

static int outside_unix(const char *text, bool abstract) {
    struct sockaddr_un here = {.sun_family = AF_UNIX};
    must(strlen(text) + 2 < sizeof here.sun_path);
    memcpy(here.sun_path + abstract, text, strlen(text));
    size_t len = offsetof(struct sockaddr_un, sun_path) + abstract + strlen(text);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&here, (socklen_t)len) == 0 && listen(fd, 16) == 0);
    return fd;
}

static uint16_t outside_port(int fd) {
    struct sockaddr_in here;
    socklen_t len = sizeof here;
    must(getsockname(fd, (struct sockaddr *)&here, &len) == 0);
    return ntohs(here.sin_port);
}

static pid_t outside_process(void) {
    fflush(stdout);
    pid_t child = fork();
    must(child >= 0);
    if (child) return child;
    for (;;)
        pause();
}

void outside_open(struct outside *outside) {
    *outside =
        (struct outside){.tcp = outside_internet(SOCK_STREAM), .udp = outside_internet(SOCK_DGRAM)};
    strcpy(outside->directory_text, "/tmp/sekisho-deny-XXXXXX");
    must(mkdtemp(outside->directory_text) != NULL);
    outside->directory = open(outside->directory_text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(outside->directory >= 0);
    snprintf(outside->path_text, sizeof outside->path_text, "%s.socket", outside->directory_text);
    snprintf(outside->name_text, sizeof outside->name_text, "sekisho-deny-%d", getpid());
    outside->path = outside_unix(outside->path_text, false);
    outside->name = outside_unix(outside->name_text, true);
    must(chmod(outside->path_text, 0777) == 0);
    uint32_t owner = cage_uid(CAGE_LEDGER);
    if (geteuid() == 0) must(fchown(outside->directory, owner, owner) == 0);
    outside->process = outside_process();
}

void outside_close(struct outside *outside) {
    kill(outside->process, SIGKILL);
    waitpid(outside->process, NULL, 0);
    const int all[] = {outside->tcp, outside->udp, outside->path, outside->name,
                       outside->directory};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        close(all[i]);
    unlink(outside->path_text);
    deny_check(rmdir(outside->directory_text) == 0, "files are left in %s",
               outside->directory_text);
}

struct cage_target outside_target(const struct outside *outside, enum cage_room room) {
    return (struct cage_target){.outside = outside->process,
                                .directory = room == CAGE_LEDGER ? outside->directory : -1,
                                .tcp_port = outside_port(outside->tcp),
                                .udp_port = outside_port(outside->udp),
                                .unix_path = outside->path_text,
                                .unix_name = outside->name_text,
                                .sockets_there = true};
}

bool outside_heard(int socket, int wait_ms) {
    struct pollfd ready = {.fd = socket, .events = POLLIN};
    if (poll(&ready, 1, wait_ms) != 1) return false;
    int listening = 0;
    socklen_t len = sizeof listening;
    must(getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0);
    char byte;
    if (!listening) return recv(socket, &byte, 1, 0) == 1;
    int caller = accept(socket, NULL, NULL);
    if (caller >= 0) close(caller);
    return caller >= 0;
}

int outside_ear(const struct outside *outside, const char *attack) {
    if (strcmp(attack, "tcp_connect") == 0) return outside->tcp;
    if (strcmp(attack, "tcp_fastopen") == 0) return outside->tcp;
    if (strcmp(attack, "mptcp_connect") == 0) return outside->tcp;
    if (strcmp(attack, "udp_send") == 0) return outside->udp;
    if (strcmp(attack, "unix_path") == 0) return outside->path;
    if (strcmp(attack, "unix_abstract") == 0) return outside->name;
    return -1;
}
