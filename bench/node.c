#include "node.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/world.h"

void give_up(const char *why) {
    fprintf(stderr, "bench: %s\n", why);
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
        prctl(PR_SET_PDEATHSIG, SIGKILL);
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

void node_path(const struct node *node, const char *name, char out[NODE_PATH_MAX]) {
    snprintf(out, NODE_PATH_MAX, "%.*s/%.32s", (int)sizeof node->work - 1, node->work, name);
}

void node_init(struct node *node, char *sekisho, const char *under) {
    char config[NODE_PATH_MAX], data[NODE_PATH_MAX], out[4096];
    snprintf(node->work, sizeof node->work, "%s/sekisho-bench-XXXXXX", under);
    if (!mkdtemp(node->work)) give_up(node->work);
    node_path(node, "sekisho.yaml", config);
    node_path(node, "data", data);
    char *argv[] = {sekisho,           "init",     "--config",    config, "--data", data, "--node",
                    "bench.invalid/1", "--listen", "127.0.0.1:0", NULL};
    collect(argv, 1, out, sizeof out);
    const char *at = strstr(out, "API key");
    if (!at || sscanf(at, "API key %127s", node->key) != 1) give_up("no key");
}

double node_start(struct node *node, char *sekisho) {
    char config[NODE_PATH_MAX], out[1024] = "";
    node_path(node, "sekisho.yaml", config);
    char *argv[] = {sekisho, "serve", "--config", config, NULL};
    double began = now_us();
    int from = start(argv, 1, &node->pid);
    size_t len = 0;
    while (!strchr(out, '\n')) {
        ssize_t n = read(from, out + len, sizeof out - 1 - len);
        if (n <= 0) give_up("the node did not start");
        len += (size_t)n;
        out[len] = 0;
    }
    double took = (now_us() - began) / 1000;
    if (sscanf(strrchr(out, ':'), ":%d/v1", &node->port) != 1) give_up("no port");
    return took;
}

void node_stop(struct node *node) {
    kill(node->pid, SIGTERM);
    waitpid(node->pid, NULL, 0);
    node->pid = 0;
}

void node_remove(struct node *node) {
    char none[1], *argv[] = {"/bin/rm", "-rf", node->work, NULL};
    collect(argv, 1, none, sizeof none);
}

int dial_loopback(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) give_up("connect");
    return fd;
}
