// What the node costs as a gateway: the same request straight to a model server that answers after
// 20 ms, through the node (policy, all detectors, names too, masks, ledger), and through Portkey's.
//
//   bench_gateway SEKISHO [NODE_JS START_SERVER_JS]
//
// The machine is shared: rounds of each road take turns, and a figure is the median over rounds.
// A round's clients keep so many requests under way. Straight and through Portkey a connection
// serves again; the node's serve one request each, and connecting counts. What a durable ledger
// costs any gateway on this disk is measured in the same rounds ("and a ledger"): two appends with
// their fdatasync around each request, those of requests at once in one; only time in write() and
// fdatasync() and in wait of the sync before counts, no wake-up. A disk that others use has moods,
// which a difference of p99 keeps: so a second node has its ledger in memory, where fdatasync costs
// nothing, and what it adds is the node's own cost.
// Portkey's gateway runs as it comes, without guards and without its console; it waits 25 ms before
// the first event of each stream. Its package does not pin @hono/node-server, and with the newest
// its streams end in an error; bench/gateway/package.json does.
#include "gateway/gateway.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 9, STREAMS = 8, LONG_LEN = 300 << 10, REQUEST_MAX = 1 << 20 };
enum { DIRECT, SEALED, OURS, MEMORY, PORTKEY, ROADS };
#define MEMORY_DIRECTORY "/dev/shm"

static const char short_text[] =
    "田中太郎です。会議室の予約について教えてください。連絡先は taro.tanaka@example.jp です。";
static const char long_line[] = "本日の会議では、来期の計画と予算の配分について話し合い、担当者の佐"
                                "藤花子から進み具合の報告を受けました。";

static struct road roads[ROADS] = {{.name = "direct"},
                                   {.name = "direct and a ledger", .seals = true},
                                   {.name = "sekisho"},
                                   {.name = "sekisho, ledger in memory"},
                                   {.name = "portkey"}};
static struct node nodes[2]; // ledger on disk, in memory
static pid_t children[8];
static size_t children_len;

// ---- figures ----
void samples_add(struct samples *samples, double value) {
    if (samples->len < SAMPLES_MAX) samples->values[samples->len++] = value;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double samples_at(struct samples *samples, double quantile) {
    if (!samples->len) return NAN;
    qsort(samples->values, samples->len, sizeof(double), compare);
    size_t at = (size_t)(quantile * (double)samples->len);
    return samples->values[at < samples->len ? at : samples->len - 1];
}

static double median(const double *values) {
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof *sorted, compare);
    return sorted[ROUNDS / 2];
}

static void result(const char *name, double value, const char *unit, double goal, bool least) {
    bool met = least ? value >= goal : value <= goal;
    printf("RESULT %s %.2f %s goal %g %s\n", name, value, unit, goal, met ? "met" : "missed");
}

// ---- what runs ----
static pid_t child(void) {
    pid_t pid = fork();
    if (pid < 0) give_up("fork");
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    else
        children[children_len++] = pid;
    return pid;
}

static void child_end(void) {
    pid_t pid = children[--children_len];
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static int loopback_listen(int *port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 512) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        give_up("listen");
    *port = ntohs(at.sin_port);
    return fd;
}

static int mock_start(void) {
    int port, listener = loopback_listen(&port);
    if (child() == 0) mock_run(listener);
    close(listener);
    return port;
}

// Every detector is asked; contact data and whatever else is found leaves masked.
static void policy_write(const struct node *node, int upstream) {
    char path[NODE_PATH_MAX];
    node_path(node, "policy.yaml", path);
    FILE *file = fopen(path, "w");
    if (!file) give_up(path);
    fprintf(
        file,
        "format: 1\nname: \"bench\"\nhome: JP\npacks: [jp]\nclasses:\n"
        "  rest:\n    reach: node\n    masked_reach: listed\n"
        "    detect: [jp.corporate_number, jp.bank_account, card, iban, ip, mac, us.ssn, uk.nino,\n"
        "      uk.nhs, fr.nir, es.nif, it.cf, de.tax_id, kr.rrn, cn.ric, sg.nric, in.aadhaar,\n"
        "      in.pan, lk.nic]\n"
        "  secret: {detect: [\"secret.*\"], reach: node}\n"
        "  public: {reach: world}\n"
        "places:\n  - {id: there, kind: openai, country: DE, operator: \"Example\","
        " operator_home: DE,\n     processing: single-region, url: \"http://127.0.0.1:%d/v1\","
        " contract: \"DPA-1\",\n     contract_until: 2099-12-31, models: [fixed, paced],"
        " parallel: 128}\n"
        "tenants:\n  - {id: default, label: [public]}\nroutes:\n"
        "  - {model: fixed, to: [{place: there, model: fixed}]}\n"
        "  - {model: paced, to: [{place: there, model: paced}]}\n",
        upstream);
    fclose(file);
    char edit[NODE_PATH_MAX + 64], config[NODE_PATH_MAX], none[64];
    snprintf(edit, sizeof edit, "/^border:/,/^  policy: /s|^  policy: .*|  policy: \"%s\"|", path);
    node_path(node, "sekisho.yaml", config);
    char *argv[] = {"/bin/sed", "-i", edit, config, NULL};
    collect(argv, 1, none, sizeof none);
}

static bool portkey_start(char *node_js, char *server, int *port) {
    close(loopback_listen(port));
    if (child() == 0) {
        char option[32];
        snprintf(option, sizeof option, "--port=%d", *port);
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(127);
        execl(node_js, node_js, server, option, "--headless", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 200; i++) { // ten seconds
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool there = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
        close(fd);
        if (there) return true;
        usleep(50000);
    }
    child_end();
    return false;
}

static void request_write(struct road *road, const char *model, const char *text, int upstream) {
    const struct node *node = &nodes[road == &roads[MEMORY]];
    size_t max = strlen(text) + 2048;
    char *body = malloc(max), *out = malloc(2 * max), more[128] = "";
    if (!body || !out) give_up("no memory");
    int body_len = snprintf(body, max,
                            "{\"model\":\"%s\",\"stream\":true,\"stream_options\":{"
                            "\"include_usage\":true},\"messages\":[{\"role\":\"user\","
                            "\"content\":\"%s\"}]}",
                            model, text);
    if (strcmp(road->name, "portkey") == 0)
        snprintf(more, sizeof more,
                 "x-portkey-provider: openai\r\nx-portkey-custom-host: http://127.0.0.1:%d/v1\r\n",
                 upstream);
    int len = snprintf(out, 2 * max,
                       "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                       "Authorization: Bearer %s\r\nContent-Type: application/json\r\n%s"
                       "Content-Length: %d\r\n\r\n%s",
                       road->port, node->key, more, body_len, body);
    free(body);
    free(road->request);
    road->request = out;
    road->request_len = (size_t)len;
}

// ---- the rooms' time ----
enum { ROOMS_MAX = 8 };
struct room_time {
    char name[16];
    double us; // of CPU, in all rounds
};
struct room_times {
    struct room_time rooms[ROOMS_MAX];
    size_t len;
};

static bool line_read(int pid, const char *name, char *out, int max) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, pid, name);
    FILE *file = fopen(path, "r");
    bool read = file && fgets(out, max, file);
    if (file) fclose(file);
    return read;
}

static void rooms_read(const struct node *node, struct room_times *out) {
    char pids[256], text[256], *at = pids;
    out->len = 0;
    if (!line_read(node->pid, "children", pids, sizeof pids)) return;
    for (int pid; (pid = (int)strtol(at, &at, 10)) > 0 && out->len < ROOMS_MAX;) {
        struct room_time *room = &out->rooms[out->len++];
        if (!line_read(pid, "comm", text, sizeof text)) return;
        snprintf(room->name, sizeof room->name, "%.*s", (int)strcspn(text, "\n"), text);
        if (!line_read(pid, "schedstat", text, sizeof text)) return;
        room->us = strtod(text, NULL) / 1e3;
    }
}

static void rooms_print(const struct room_times *before, size_t requests) {
    struct room_times after;
    rooms_read(&nodes[1], &after);
    printf("  CPU us per request of the node:");
    for (size_t i = 0; i < after.len && i < before->len; i++) {
        double us = (after.rooms[i].us - before->rooms[i].us) / (double)requests;
        if (us >= 0.5) printf(" %s %.0f", after.rooms[i].name, us);
    }
    printf("\n");
}

// ---- latency and rate ----
struct figures {
    double p50[ROADS], p99[ROADS], rate[ROADS], share[ROADS]; // share: of direct's rate
    size_t requests; // to the node with its ledger in memory
};

static void figures_measure(int roads_len, int at_once, int ms, struct figures *out) {
    static struct load load;
    static double p50[ROADS][ROUNDS], p99[ROADS][ROUNDS], rate[ROADS][ROUNDS], share[ROADS][ROUNDS];
    for (int round = -1; round < ROUNDS; round++) { // the first to warm up
        for (int i = 0; i < roads_len; i++) {
            int at = (i + round + roads_len) % roads_len; // each road at each place in turn
            load_run(&roads[at], at_once, round < 0 ? ms / 4 : ms, &load);
            if (load.failed) {
                fprintf(stderr, "%s: %zu failed: %s\n", roads[at].name, load.failed, load.failure);
                if (at != PORTKEY) give_up("a request failed");
            }
            if (at == MEMORY) out->requests += load.latency.len;
            if (round < 0) continue;
            p50[at][round] = samples_at(&load.latency, 0.5) / 1e3;
            p99[at][round] = samples_at(&load.latency, 0.99) / 1e3;
            rate[at][round] = load.per_second;
        }
        for (int at = 0; round >= 0 && at < roads_len; at++)
            share[at][round] = 100 * rate[at][round] / rate[DIRECT][round];
    }
    for (int i = 0; i < roads_len; i++) {
        out->p50[i] = median(p50[i]);
        out->p99[i] = median(p99[i]);
        out->rate[i] = median(rate[i]);
        out->share[i] = median(share[i]);
    }
}

static void figures_print(int roads_len, int at_once, const struct figures *figures) {
    printf(
        "\n%d at once, median of %d rounds    p50 ms    p99 ms     added p50  added p99      /s   "
        "of direct\n",
        at_once, ROUNDS);
    for (int i = 0; i < roads_len; i++)
        printf("  %-30s %9.3f %9.3f %13.3f %10.3f %7.0f %8.1f %%\n", roads[i].name, figures->p50[i],
               figures->p99[i], figures->p50[i] - figures->p50[DIRECT],
               figures->p99[i] - figures->p99[DIRECT], figures->rate[i], figures->share[i]);
}

static void bench_latency(int roads_len) {
    static const struct { int at_once, ms; } runs[] = {{1, 2500}, {16, 1500}, {64, 1500}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        struct figures figures = {.requests = 0};
        struct room_times rooms;
        int n = runs[i].at_once;
        char name[64];
        rooms_read(&nodes[1], &rooms);
        figures_measure(roads_len, n, runs[i].ms, &figures);
        figures_print(roads_len, n, &figures);
        rooms_print(&rooms, figures.requests);
        double ours = figures.p50[OURS] - figures.p50[DIRECT];
        if (n < 64) {
            snprintf(name, sizeof name, "gateway_added_p50_at_%d", n);
            result(name, figures.p50[OURS] - figures.p50[SEALED], "ms", 0.5, false);
            snprintf(name, sizeof name, "gateway_added_p99_at_%d", n);
            result(name, figures.p99[OURS] - figures.p99[SEALED], "ms", 1, false);
            snprintf(name, sizeof name, "gateway_memory_added_p50_at_%d", n);
            result(name, figures.p50[MEMORY] - figures.p50[DIRECT], "ms", 0.5, false);
            snprintf(name, sizeof name, "gateway_memory_added_p99_at_%d", n);
            result(name, figures.p99[MEMORY] - figures.p99[DIRECT], "ms", 1, false);
        } else {
            result("gateway_rate_at_64", figures.share[OURS], "%_of_direct", 95, true);
            printf("RESULT gateway_rate_at_64_ledger %.2f %%_of_direct_and_a_ledger goal -\n",
                   100 * figures.rate[OURS] / figures.rate[SEALED]);
        }
        if (roads_len > PORTKEY)
            printf("RESULT gateway_added_to_portkey_at_%d %.2f of_its_added goal -\n", n,
                   ours / (figures.p50[PORTKEY] - figures.p50[DIRECT]));
    }
    printf("\nfdatasync in these rounds: p50 %.3f ms, p99 %.3f ms\n",
           samples_at(&sync_samples, 0.5) / 1e3, samples_at(&sync_samples, 0.99) / 1e3);
}

// ---- a long prompt beside small streams ----
static void bench_stall(void) {
    static struct samples alone, beside;
    static double p99_alone[ROUNDS], p99_beside[ROUNDS], most[ROUNDS];
    struct road ours = {.name = "sekisho", .port = roads[OURS].port}, long_road = ours;
    char *text = malloc(LONG_LEN + sizeof long_line);
    if (!text) give_up("no memory");
    size_t len = 0;
    while (len < LONG_LEN) {
        memcpy(text + len, long_line, sizeof long_line);
        len += sizeof long_line - 1;
    }
    request_write(&ours, "paced", short_text, 0);
    request_write(&long_road, "fixed", text, 0);
    free(text);
    for (int round = 0; round < ROUNDS; round++) {
        alone.len = beside.len = 0;
        load_paced(&ours, STREAMS, &alone);
        if (child() == 0) load_forever(&long_road);
        load_paced(&ours, STREAMS, &beside);
        child_end();
        p99_alone[round] = samples_at(&alone, 0.99) / 1e3;
        p99_beside[round] = samples_at(&beside, 0.99) / 1e3;
        most[round] = samples_at(&beside, 1) / 1e3;
    }
    printf("\n%d small streams, a piece each %d ms     p99 gap ms\n  alone %43.2f\n"
           "  beside prompts of %d KB of Japanese, one after the other %.2f (most %.2f)\n",
           STREAMS, PACE_MS, median(p99_alone), LONG_LEN >> 10, median(p99_beside), median(most));
    result("gateway_stall_p99", median(p99_beside) - median(p99_alone), "ms", 5, false);
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 4) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    int upstream = mock_start(), roads_len = PORTKEY;
    for (int i = 0; i < 2; i++) {
        node_init(&nodes[i], argv[1], i ? MEMORY_DIRECTORY : "/tmp");
        policy_write(&nodes[i], upstream);
        node_start(&nodes[i], argv[1]);
        roads[OURS + i].port = nodes[i].port;
    }
    roads[DIRECT].port = roads[SEALED].port = upstream;
    if (argc == 4 && portkey_start(argv[2], argv[3], &roads[PORTKEY].port))
        roads_len = ROADS;
    else
        printf("without @portkey-ai/gateway: npm ci --ignore-scripts --omit=optional in "
               "bench/gateway\n");
    char path[NODE_PATH_MAX];
    node_path(&nodes[0], "sync", path);
    sync_socket = sync_start(path, &children[children_len++]);
    for (int i = 0; i < roads_len; i++)
        request_write(&roads[i], "fixed", short_text, upstream);
    bench_latency(roads_len);
    bench_stall();
    while (children_len)
        child_end();
    for (int i = 0; i < 2; i++) {
        node_stop(&nodes[i]);
        node_remove(&nodes[i]);
    }
    return 0;
}
