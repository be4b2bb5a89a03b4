// What the road costs: a real node, a raw client on loopback, and the same tokens from `sekisho
// run`.
//
//   bench_road SEKISHO
//
// Prints start to ready, memory of each room, time added per token, and receipts per second beside
// the disk's own fdatasync from the same minute. Floor of the token path: three datagrams and one
// TCP write on the way of a token, about 10 us of system calls, in other processes than the engine.
#include "node.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STARTS = 7, TOKENS = 400, ROUNDS = 21, CLIENTS = 16, RECEIPTS_MS = 3000, OUT_MAX = 1 << 22 };

static struct node node;

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static void ask(int fd, const char *body) {
    char request[4096];
    int len = snprintf(request, sizeof request,
                       "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                       "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       node.port, node.key, strlen(body), body);
    if (write(fd, request, (size_t)len) != len) give_up("write");
}

// Gaps between texts as a reader sees them arrive, in microseconds.
struct gaps {
    double values[ROUNDS * TOKENS];
    size_t len;
};

static void gaps_add(struct gaps *gaps, double *last) {
    double now = now_us();
    if (*last > 0 && gaps->len < ROUNDS * TOKENS) gaps->values[gaps->len++] = now - *last;
    *last = now;
}

// Streams one answer over the road: one event per text.
static void stream_once(unsigned seed, struct gaps *gaps) {
    static char out[OUT_MAX];
    char body[512];
    snprintf(body, sizeof body,
             "{\"model\":\"sekisho-keigo\",\"stream\":true,\"temperature\":2,\"seed\":%u,"
             "\"max_tokens\":%d,\"messages\":[{\"role\":\"user\",\"content\":\"こんにちは\"}]}",
             seed, TOKENS);
    int fd = dial_loopback(node.port);
    ask(fd, body);
    double last = 0;
    for (ssize_t n; (n = read(fd, out, sizeof out - 1)) > 0;) {
        out[n] = 0;
        if (strstr(out, "\"finish_reason\":\"")) break;
        if (strstr(out, "\"delta\":{\"content\"")) gaps_add(gaps, &last);
    }
    close(fd);
}

// The same tokens without a node, read from a pipe.
static void run_once(char *sekisho, unsigned seed, struct gaps *gaps) {
    char number[16], tokens[16], out[4096];
    snprintf(number, sizeof number, "%u", seed);
    snprintf(tokens, sizeof tokens, "%d", TOKENS);
    char *argv[] = {sekisho, "run",          "--temperature", "2",          "--seed",
                    number,  "--max-tokens", tokens,          "こんにちは", NULL};
    pid_t pid;
    int from = start(argv, 1, &pid);
    double last = 0;
    for (ssize_t n; (n = read(from, out, sizeof out)) > 0;)
        if (out[n - 1] != '\n') gaps_add(gaps, &last);
    close(from);
    waitpid(pid, NULL, 0);
}

static void bench_tokens(char *sekisho) {
    static struct gaps road, alone;
    for (unsigned i = 0; i < ROUNDS; i++) { // interleaved: both see the same machine
        stream_once(i + 1, &road);
        run_once(sekisho, i + 1, &alone);
    }
    if (road.len < ROUNDS || alone.len < ROUNDS) give_up("no tokens came");
    double a = median(alone.values, alone.len), r = median(road.values, road.len);
    printf("\none token, median of %zu and %zu gaps between texts\n", alone.len, road.len);
    printf("  sekisho run    %8.1f us\n  over the road  %8.1f us\n", a, r);
    printf("RESULT road_token_added %.1f us goal 50 %s\n", r - a, r - a <= 50 ? "met" : "missed");
}

static long status_kb(pid_t pid, const char *name) {
    char path[64], text[8192];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, "smaps_rollup");
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (n <= 0) return 0;
    text[n] = 0;
    const char *at = strstr(text, name);
    long kb = 0;
    return at && sscanf(at + strlen(name), " %ld", &kb) == 1 ? kb : 0;
}

static void bench_memory(void) {
    char path[64], line[8192] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", node.pid, node.pid);
    FILE *file = fopen(path, "r");
    if (file && !fgets(line, sizeof line, file)) line[0] = 0;
    if (file) fclose(file);
    printf("\nmemory at rest, kB        RSS       PSS   private\n");
    long total = 0;
    char *at = line;
    pid_t pid = node.pid;
    do {
        char name[32] = "?";
        snprintf(path, sizeof path, "/proc/%d/comm", pid);
        file = fopen(path, "r");
        if (file && fscanf(file, "%31s", name) != 1) name[0] = 0;
        if (file) fclose(file);
        long pss = status_kb(pid, "\nPss:");
        long private = status_kb(pid, "Private_Clean:") + status_kb(pid, "Private_Dirty:");
        printf("  %-18s %9ld %9ld %9ld\n", name, status_kb(pid, "Rss:"), pss, private);
        total += pss;
        pid = (pid_t)strtol(at, &at, 10);
    } while (pid > 0);
    // The model's weights and its state are not the road's.
    printf(
        "RESULT road_memory %.1f MB goal 25 %s (PSS of all rooms, model and its state included)\n",
        (double)total / 1024, total <= 25 * 1024 ? "met" : "missed");
}

static double bench_sync(void) {
    char path[NODE_PATH_MAX];
    static char block[1024];
    node_path(&node, "sync", path);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    unsigned count = 0;
    double began = now_us();
    while (now_us() - began < RECEIPTS_MS * 1000.0 / 3) {
        if (write(fd, block, sizeof block) < 0 || fdatasync(fd) != 0) give_up("fdatasync");
        count++;
    }
    double rate = count / ((now_us() - began) / 1e6);
    close(fd);
    return rate;
}

static void bench_receipts(void) {
    static const char body[] =
        "{\"model\":\"sekisho-keigo\",\"temperature\":0,\"max_tokens\":1,"
        "\"messages\":[{\"role\":\"user\",\"content\":\"はい\"}]}";
    struct pollfd polls[CLIENTS];
    static char out[CLIENTS][16384];
    size_t len[CLIENTS] = {0};
    for (int i = 0; i < CLIENTS; i++) {
        polls[i] = (struct pollfd){dial_loopback(node.port), POLLIN, 0};
        ask(polls[i].fd, body);
    }
    unsigned done = 0;
    double began = now_us();
    while (now_us() - began < RECEIPTS_MS * 1000.0) {
        poll(polls, CLIENTS, 1000);
        for (int i = 0; i < CLIENTS; i++) {
            if (!polls[i].revents) continue;
            ssize_t n = read(polls[i].fd, out[i] + len[i], sizeof out[i] - len[i]);
            if (n > 0) {
                len[i] += (size_t)n;
                continue;
            }
            if (memmem(out[i], len[i], "\"checkpoint\"", 12)) done++;
            close(polls[i].fd);
            polls[i].fd = dial_loopback(node.port);
            len[i] = 0;
            ask(polls[i].fd, body);
        }
    }
    double rate = done / ((now_us() - began) / 1e6);
    for (int i = 0; i < CLIENTS; i++)
        close(polls[i].fd);
    double sync = bench_sync();
    printf("\nwhole requests, %d at once, each with two sealed leaves and a new connection\n",
           CLIENTS);
    printf("  receipts       %8.0f /s\n  fdatasync      %8.0f /s on the same disk, alone\n", rate,
           sync);
    printf(
        "RESULT road_receipts %.0f /s goal - (%.2f of the disk's fdatasync rate; the engine reads "
        "12 tokens for each)\n",
        rate, rate / sync);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    node_init(&node, argv[1], "/tmp");
    double ready[STARTS];
    for (int i = 0; i < STARTS; i++) {
        ready[i] = node_start(&node, argv[1]);
        if (i + 1 < STARTS) node_stop(&node);
    }
    double ms = median(ready, STARTS);
    printf("start to ready, median of %d: %.0f ms (walls, two attack rounds a room, 3 MB model)\n",
           STARTS, ms);
    printf("RESULT road_ready %.0f ms goal 100 %s\n", ms, ms <= 100 ? "met" : "missed");
    usleep(200000);
    bench_memory();
    bench_tokens(argv[1]);
    bench_receipts();
    node_stop(&node);
    node_remove(&node);
    return 0;
}
