// Places: servers in threads, blocking, one thread for each connection. How one answers stands in
// the path it is posted to.
#include "ways.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 1 << 20 };

struct visit {
    struct stand *stand;
    int socket;
    SSL *ssl;
    char request[REQUEST_MAX];
    size_t len, head_len, body_len;
};

static bool say(struct visit *visit, const void *bytes, size_t len) {
    for (size_t done = 0; done < len;) {
        const char *at = (const char *)bytes + done;
        long n = visit->ssl ? SSL_write(visit->ssl, at, (int)(len - done))
                            : send(visit->socket, at, len - done, MSG_NOSIGNAL);
        if (n <= 0) return false;
        done += (size_t)n;
    }
    return true;
}

static bool say_text(struct visit *visit, const char *text) {
    return say(visit, text, strlen(text));
}

// One HTTP chunk.
static bool say_chunk(struct visit *visit, const char *text) {
    char chunk[8192];
    int len = snprintf(chunk, sizeof chunk, "%zx\r\n%s\r\n", strlen(text), text);
    return say(visit, chunk, (size_t)len);
}

static bool say_event(struct visit *visit, const char *content) {
    char event[4096];
    snprintf(event, sizeof event,
             "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"}}]}\n\n", content);
    return say_chunk(visit, event);
}

static const char head_stream[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";

static bool say_end(struct visit *visit) {
    return say_chunk(visit, "data: {\"choices\":[{\"index\":0,\"delta\":{},"
                            "\"finish_reason\":\"stop\"}]}\n\n") &&
           say_chunk(visit, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,"
                            "\"completion_tokens\":3}}\n\n") &&
           say_chunk(visit, "data: [DONE]\n\n") && say_text(visit, "0\r\n\r\n");
}

static bool say_status(struct visit *visit, unsigned status, const char *message) {
    char answer[4096], body[2048];
    snprintf(body, sizeof body, "{\"error\":{\"message\":\"%s\",\"type\":\"x\"}}", message);
    int len = snprintf(answer, sizeof answer,
                       "HTTP/1.1 %u Whatever\r\nContent-Type: application/json\r\n"
                       "Location: https://127.0.0.1:1/\r\nContent-Length: %zu\r\n\r\n%s",
                       status, strlen(body), body);
    return say(visit, answer, (size_t)len);
}

static bool stay_silent(struct visit *visit) {
    char byte; // until the other side leaves
    if (visit->ssl)
        SSL_read(visit->ssl, &byte, 1);
    else
        recv(visit->socket, &byte, 1, 0);
    return false;
}

// ---- how places behave ----
static bool ok(struct visit *visit) {
    return say_text(visit, head_stream) && say_event(visit, "こん") && say_event(visit, "にち") &&
           say_event(visit, "は") && say_end(visit);
}
static bool ok_then_leaves(struct visit *visit) { // without a word
    return ok(visit) && false;
}
static bool many(struct visit *visit) {
    bool more = say_text(visit, head_stream);
    for (int i = 0; i < 3000 && more; i++)
        more = say_event(visit, "x");
    return more && say_end(visit);
}
static bool hang(struct visit *visit) {
    return stay_silent(visit);
}
static bool slow(struct visit *visit) {
    return say_text(visit, head_stream) && say_event(visit, "a") && stay_silent(visit);
}
static bool half_head(struct visit *visit) {
    return say_text(visit, "HTTP/1.1 200 OK\r\nContent-") && stay_silent(visit);
}
static bool huge(struct visit *visit) {
    static char filling[1 << 16];
    memset(filling, 'a', sizeof filling);
    bool more = say_text(visit, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                "Content-Length: 1000000000\r\n\r\ndata: {\"a\":\"");
    while (more)
        more = say(visit, filling, sizeof filling);
    return false;
}
static bool long_head(struct visit *visit) {
    bool more = say_text(visit, "HTTP/1.1 200 OK\r\n");
    while (more)
        more =
            say_text(visit, "X-Filling: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    return false;
}
static bool long_error(struct visit *visit) {
    bool more = say_text(visit, "HTTP/1.1 500 No\r\nContent-Length: 1000000000\r\n\r\n");
    while (more)
        more = say_text(visit, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    return false;
}
static bool garbage(struct visit *visit) {
    return say_text(visit, "220 mail.example ESMTP\r\n") && false;
}
static bool no_json(struct visit *visit) {
    return say_text(visit, head_stream) && say_chunk(visit, "data: {{{\n\n") && stay_silent(visit);
}
static bool no_text(struct visit *visit) {
    return say_text(visit, head_stream) && say_event(visit, "\xff\xfe") && stay_silent(visit);
}
static bool cut(struct visit *visit) {
    return say_text(visit, head_stream) && say_event(visit, "a") && false;
}
static bool cut_whole(struct visit *visit) { // the transfer is whole, the answer is not
    return say_text(visit, head_stream) && say_event(visit, "a") && say_text(visit, "0\r\n\r\n");
}
static bool says_no(struct visit *visit) {
    return say_text(visit, head_stream) &&
           say_chunk(visit, "data: {\"error\":{\"message\":\"overloaded\"}}\n\n") &&
           stay_silent(visit);
}
static bool says_no_echo(struct visit *visit) {
    return say_text(visit, head_stream) &&
           say_chunk(visit, "data: {\"error\":{\"message\":\"the patient is called 7K2QD9, key "
                            "sk-very-secret-key\"}}\n\n") &&
           stay_silent(visit);
}
static bool never_stops(struct visit *visit) { // after its end
    bool more = say_text(visit, head_stream) && say_event(visit, "a") &&
                say_chunk(visit, "data: {\"choices\":[{\"index\":0,\"delta\":{},"
                                 "\"finish_reason\":\"stop\"}]}\n\n") &&
                say_chunk(visit, "data: [DONE]\n\n");
    return more && stay_silent(visit);
}
static bool compressed(struct visit *visit) {
    return say_text(visit, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
                           "\x1f\x8b\x08\x01");
}
static bool status_302(struct visit *visit) {
    return say_status(visit, 302, "elsewhere");
}
static bool status_400(struct visit *visit) {
    return say_status(visit, 400, "temperature is too high");
}
static bool status_400_echo(struct visit *visit) {
    return say_status(visit, 400, "I cannot read: the patient is called 7K2QD9");
}
static bool status_401(struct visit *visit) {
    return say_status(visit, 401, "wrong key sk-very-secret-key");
}
static bool status_404(struct visit *visit) {
    return say_status(visit, 404, "no such model, key sk-very-secret-key");
}
static bool status_429(struct visit *visit) {
    return say_status(visit, 429, "later");
}
static bool status_500(struct visit *visit) {
    return say_status(visit, 500, "broken");
}
static bool status_503(struct visit *visit) {
    return say_status(visit, 503, "full");
}

static const struct {
    const char *path;
    bool (*answer)(struct visit *visit); // true: the connection stays
} ways_of[] = {
    {"/ok/", ok},
    {"/ok-leaves/", ok_then_leaves},
    {"/many/", many},
    {"/hang/", hang},
    {"/slow/", slow},
    {"/half-head/", half_head},
    {"/huge/", huge},
    {"/long-head/", long_head},
    {"/long-error/", long_error},
    {"/garbage/", garbage},
    {"/no-json/", no_json},
    {"/no-text/", no_text},
    {"/cut/", cut},
    {"/cut-whole/", cut_whole},
    {"/says-no/", says_no},
    {"/says-no-echo/", says_no_echo},
    {"/never-stops/", never_stops},
    {"/compressed/", compressed},
    {"/302/", status_302},
    {"/400/", status_400},
    {"/400-echo/", status_400_echo},
    {"/401/", status_401},
    {"/404/", status_404},
    {"/429/", status_429},
    {"/500/", status_500},
    {"/503/", status_503},
};

// ---- a connection ----
static bool listen_on(struct visit *visit) {
    visit->len = visit->head_len = visit->body_len = 0;
    while (!visit->head_len || visit->len < visit->head_len + visit->body_len) {
        char *at = visit->request + visit->len;
        int room = (int)(sizeof visit->request - 1 - visit->len);
        long n =
            visit->ssl ? SSL_read(visit->ssl, at, room) : recv(visit->socket, at, (size_t)room, 0);
        if (n <= 0) return false;
        visit->len += (size_t)n;
        visit->request[visit->len] = 0;
        const char *end = strstr(visit->request, "\r\n\r\n");
        const char *length = strstr(visit->request, "Content-Length: ");
        if (!end || visit->head_len) continue;
        visit->head_len = (size_t)(end + 4 - visit->request);
        if (length) visit->body_len = strtoul(length + 16, NULL, 10);
    }
    return true;
}

static bool answer(struct visit *visit) {
    struct stand *stand = visit->stand;
    stand->last.len = 0; // tests that look at it ask one at a time
    buf_put(&stand->last, visit->request, visit->len);
    atomic_fetch_add(&stand->requests, 1);
    for (size_t i = 0; i < sizeof ways_of / sizeof *ways_of; i++) {
        size_t len = strlen(ways_of[i].path);
        if (strncmp(visit->request, "POST ", 5) == 0 &&
            strncmp(visit->request + 5, ways_of[i].path, len) == 0)
            return ways_of[i].answer(visit);
    }
    return say_status(visit, 418, "no such way");
}

static void *visit_run(void *at) {
    struct visit *visit = at;
    bool more = true;
    if (visit->ssl) more = SSL_set_fd(visit->ssl, visit->socket) && SSL_accept(visit->ssl) == 1;
    while (more)
        more = listen_on(visit) && answer(visit);
    if (visit->ssl) {
        SSL_shutdown(visit->ssl);
        SSL_free(visit->ssl);
    }
    close(visit->socket);
    free(visit);
    return NULL;
}

static void *stand_run(void *at) {
    struct stand *stand = at;
    for (;;) {
        int socket = accept4(stand->listener, NULL, NULL, SOCK_CLOEXEC);
        if (socket < 0) return NULL;
        atomic_fetch_add(&stand->connections, 1);
        int on = 1;
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct visit *visit = calloc(1, sizeof *visit);
        must(visit != NULL);
        visit->stand = stand;
        visit->socket = socket;
        if (stand->context) visit->ssl = SSL_new(stand->context);
        pthread_t thread;
        must(pthread_create(&thread, NULL, visit_run, visit) == 0);
        pthread_detach(thread);
    }
}

void stand_open(struct stand *stand, const char *address, const struct identity *identity) {
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    bool is_six = strchr(address, ':') != NULL;
    struct sockaddr *here = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    socklen_t len = is_six ? sizeof six : sizeof four;
    int small = 4096;
    *stand = (struct stand){.identity = identity};
    must(buf_open(&stand->last, REQUEST_MAX) == SK_OK);
    must(inet_pton(here->sa_family, address,
                   is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr) == 1);
    stand->listener = socket(here->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // Little room for what is not read: a place must feel it when nobody takes its answer.
    must(setsockopt(stand->listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    must(bind(stand->listener, here, len) == 0);
    must(listen(stand->listener, 1024) == 0);
    must(getsockname(stand->listener, here, &len) == 0);
    stand->port = ntohs(is_six ? six.sin6_port : four.sin_port);
    if (identity) {
        SSL_CTX *context = SSL_CTX_new(TLS_server_method());
        must(context && SSL_CTX_use_certificate(context, identity->certificate) == 1 &&
             SSL_CTX_use_PrivateKey(context, identity->key) == 1);
        stand->context = context;
    }
    must(pthread_create(&stand->thread, NULL, stand_run, stand) == 0);
}

void stand_close(struct stand *stand) {
    shutdown(stand->listener, SHUT_RDWR);
    pthread_join(stand->thread, NULL);
    close(stand->listener);
    SSL_CTX_free(stand->context);
    buf_close(&stand->last);
}
