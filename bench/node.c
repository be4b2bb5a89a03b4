#include "node.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/world.h"

char node_work[] = "/tmp/sekisho-bench-XXXXXX", node_key[128];
int node_port;
pid_t node_pid;

void give_up(const char *why) {
    fprintf(stderr, "bench: %s\n", why);
    if (node_pid) kill(node_pid, SIGKILL);
    exit(1);
}

double now_us(void) {
    struct world world = world_real(-1);
    return (double)world.monotonic_us(world.self);
}

int start(char *const argv[], int collected, pid_t *pid) {
    int ends[2];
    if (pipe(ends) != 0) give_up("pipe");
    *pid = fork();
    if (*pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(collected == 1 ? ends[1] : null, 1);
        dup2(collected == 2 ? ends[1] : null, 2);
        close(ends[0]);
        execv(argv[0], argv);
        _exit(127);
    }
    close(ends[1]);
    return ends[0];
}

void collect(char *const argv[], int collected, char *out, size_t max) {
    pid_t pid;
    int status, from = start(argv, collected, &pid);
    size_t len = 0;
    for (ssize_t n; len < max - 1 && (n = read(from, out + len, max - 1 - len)) > 0;)
        len += (size_t)n;
    out[len] = 0;
    close(from);
    waitpid(pid, &status, 0);
    if (status != 0) give_up(argv[1]);
}

void node_init(char *sekisho) {
    char config[64], data[64], out[4096];
    if (!mkdtemp(node_work)) give_up(node_work);
    snprintf(config, sizeof config, "%s/sekisho.yaml", node_work);
    snprintf(data, sizeof data, "%s/data", node_work);
    char *argv[] = {sekisho, "init", "--config", config, "--data", data, "--node", "bench.invalid/1",
                    "--listen", "127.0.0.1:0", NULL};
    collect(argv, 1, out, sizeof out);
    const char *at = strstr(out, "API key");
    if (!at || sscanf(at, "API key %127s", node_key) != 1) give_up("no key");
}

double node_start(char *sekisho) {
    char config[64], out[1024] = "";
    snprintf(config, sizeof config, "%s/sekisho.yaml", node_work);
    char *argv[] = {sekisho, "serve", "--config", config, NULL};
    double began = now_us();
    int from = start(argv, 1, &node_pid);
    size_t len = 0;
    while (!strchr(out, '\n')) {
        ssize_t n = read(from, out + len, sizeof out - 1 - len);
        if (n <= 0) give_up("the node did not start");
        len += (size_t)n;
        out[len] = 0;
    }
    double took = (now_us() - began) / 1000;
    if (sscanf(strrchr(out, ':'), ":%d/v1", &node_port) != 1) give_up("no port");
    return took;
}

void node_stop(void) {
    kill(node_pid, SIGTERM);
    waitpid(node_pid, NULL, 0);
    node_pid = 0;
}

void node_remove(void) {
    char none[1], *argv[] = {"/bin/rm", "-rf", node_work, NULL};
    collect(argv, 1, none, sizeof none);
}

int dial_loopback(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) give_up("connect");
    return fd;
}
