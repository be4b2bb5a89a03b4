// A model server that always says the same, after a fixed time.
#include "gateway.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, REQUEST_MAX = 1 << 20, EVENTS_MAX = 64, PIECES = 8 };

static const char said[] = "はい、承知しました。会議室は三階です。";

struct connection {
    bool open;
    char *in;
    size_t len, wanted; // wanted: of head and body; 0: the head is not whole yet
    double due_us;      // of what is said next; 0: nothing
    bool paced;
    int left; // pieces of a paced answer
};

static struct {
    int epoll, timer, end;
    struct connection connections[CONNECTIONS_MAX]; // by descriptor
    char whole[8192], beginning[1024];
    size_t whole_len, beginning_len;
} mock;

// ---- what is said ----
static size_t event_put(char *out, const char *delta, const char *finish) {
    char event[512];
    int len = snprintf(event, sizeof event,
                       "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\","
                       "\"created\":1,\"model\":\"mock\",\"choices\":[{\"index\":0,\"delta\":{%s},"
                       "\"finish_reason\":%s}]}\n\n",
                       delta, finish);
    return (size_t)sprintf(out, "%x\r\n%s\r\n", len, event);
}

static size_t end_put(char *out) {
    static const char usage[] =
        "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1,"
        "\"model\":\"mock\",\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":"
        "8,"
        "\"total_tokens\":108}}\n\n";
    static const char done[] = "data: [DONE]\n\n";
    size_t len = event_put(out, "", "\"stop\"");
    return len + (size_t)sprintf(out + len, "%zx\r\n%s\r\n%zx\r\n%s\r\n0\r\n\r\n", sizeof usage - 1,
                                 usage, sizeof done - 1, done);
}

static void answers_write(void) {
    char delta[128];
    mock.beginning_len =
        (size_t)sprintf(mock.beginning, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                        "Transfer-Encoding: chunked\r\n\r\n");
    mock.beginning_len += event_put(mock.beginning + mock.beginning_len,
                                    "\"role\":\"assistant\",\"content\":\"\"", "null");
    memcpy(mock.whole, mock.beginning, mock.beginning_len);
    size_t len = mock.beginning_len, characters = (sizeof said - 1) / 3;
    for (size_t i = 0; i < PIECES; i++) {
        size_t from = i * characters / PIECES, to = (i + 1) * characters / PIECES;
        snprintf(delta, sizeof delta, "\"content\":\"%.*s\"", (int)(3 * (to - from)),
                 said + 3 * from);
        len += event_put(mock.whole + len, delta, "null");
    }
    mock.whole_len = len + end_put(mock.whole + len);
}

static void say(int fd, const char *text, size_t len) {
    if (send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) mock.connections[fd].left = 0;
}

static void say_next(int fd, struct connection *connection) {
    char out[2048];
    connection->due_us = 0;
    if (!connection->paced) {
        say(fd, mock.whole, mock.whole_len);
        return;
    }
    if (connection->left == PACED_PIECES) say(fd, mock.beginning, mock.beginning_len);
    if (--connection->left <= 0) {
        say(fd, out, end_put(out));
        return;
    }
    say(fd, out, event_put(out, "\"content\":\"。\"", "null"));
    connection->due_us = now_us() + PACE_MS * 1000;
}

// ---- connections ----
static void connection_close(int fd) {
    free(mock.connections[fd].in);
    mock.connections[fd] = (struct connection){0};
    close(fd);
}

static void head_read(struct connection *connection) {
    connection->in[connection->len] = 0;
    const char *end = strstr(connection->in, "\r\n\r\n");
    const char *length = end ? strcasestr(connection->in, "\r\ncontent-length:") : NULL;
    if (!end) return;
    if (!length || length > end) give_up("mock: a request without Content-Length");
    size_t body = strtoul(length + sizeof "\r\ncontent-length:" - 1, NULL, 10);
    connection->wanted = (size_t)(end + 4 - connection->in) + body;
    if (connection->wanted >= REQUEST_MAX) give_up("mock: a request that is too long");
}

static void connection_read(int fd) {
    struct connection *connection = &mock.connections[fd];
    ssize_t n =
        recv(fd, connection->in + connection->len, REQUEST_MAX - 1 - connection->len, MSG_DONTWAIT);
    if (n <= 0) {
        connection_close(fd);
        return;
    }
    connection->len += (size_t)n;
    if (!connection->wanted) head_read(connection);
    if (!connection->wanted || connection->len < connection->wanted) return;
    connection->paced = memmem(connection->in, connection->len, "\"paced\"", 7) != NULL;
    connection->left = PACED_PIECES;
    connection->len = connection->wanted = 0;
    connection->due_us = now_us() + UPSTREAM_MS * 1000;
}

static void connection_take(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), yes = 1;
    if (fd < 0) return;
    if (fd >= CONNECTIONS_MAX) give_up("mock: too many connections");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    mock.connections[fd] = (struct connection){.open = true, .in = malloc(REQUEST_MAX)};
    if (!mock.connections[fd].in) give_up("mock: no memory");
    if (fd >= mock.end) mock.end = fd + 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(mock.epoll, EPOLL_CTL_ADD, fd, &event) != 0) give_up("mock: epoll");
}

// Says what is due, and sets the clock for what is due next.
static void due_work(void) {
    double now = now_us(), next = 0;
    for (int fd = 0; fd < mock.end; fd++) {
        struct connection *connection = &mock.connections[fd];
        if (!connection->open || connection->due_us <= 0) continue;
        if (connection->due_us <= now) say_next(fd, connection);
        double due = connection->due_us;
        if (due > 0 && (next <= 0 || due < next)) next = due;
    }
    struct itimerspec at = {0};
    if (next > 0) {
        at.it_value.tv_sec = (time_t)(next / 1e6);
        at.it_value.tv_nsec = (long)((next - (double)at.it_value.tv_sec * 1e6) * 1e3);
    }
    timerfd_settime(mock.timer, TFD_TIMER_ABSTIME, &at, NULL);
}

void mock_run(int listener) {
    mock.epoll = epoll_create1(EPOLL_CLOEXEC);
    mock.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    answers_write();
    const int watched[] = {listener, mock.timer};
    for (size_t i = 0; i < 2; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = watched[i]};
        if (epoll_ctl(mock.epoll, EPOLL_CTL_ADD, watched[i], &event) != 0) give_up("mock: epoll");
    }
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        uint64_t times;
        int count = epoll_wait(mock.epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                connection_take(fd);
            else if (fd == mock.timer)
                (void)!read(mock.timer, &times, sizeof times);
            else
                connection_read(fd);
        }
        due_work();
    }
}
