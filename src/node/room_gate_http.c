// libmicrohttpd: reads requests whose heads were checked, writes answers. On a duplicate of the
// visit's descriptor; without a thread or a listener of its own.
//
// A connection serves again only when libmicrohttpd read exactly the request that was checked, head
// and body: where it reads next is then where the next head begins, and that is checked first.
// Everything else says `Connection: close`, and is closed.
#include "node/room_gate.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// A connection's memory holds the head twice (as sent, as a list) and the buffers of a body. Up to
// 32 KB it comes from the heap; more is mapped each time.
enum {
    BLOCK_LEN = 16384,
    POOL_SMALL = 32 << 10, // for heads up to these lengths
    SMALL_HEAD_MAX = 2048,
    SMALL_TARGET_MAX = 128, // its query is a list, too
    POOL_LARGE = 2 * HEAD_LEN_MAX + 4 * BLOCK_LEN,
    TURNS_MAX = 8, // of libmicrohttpd before the links have theirs
};

static struct visit *visit_of(struct MHD_Connection *connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void http_suspend(struct request *request) {
    MHD_suspend_connection(request->connection);
    request->suspended = true;
}

void http_resume(struct gate *gate, struct request *request) {
    if (!request->suspended) return;
    request->suspended = false;
    request->visit->since_ms = gate_now_ms(gate);
    MHD_resume_connection(request->connection);
    gate->http_due[request->visit->http.pool] = true;
}

// ---- writing ----

ssize_t http_write(struct gate *gate, int descriptor, const void *bytes, size_t len) {
    struct visit *visit = gate->readers[descriptor];
    must(visit != NULL);
    ssize_t n = sendto(descriptor, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE, NULL, 0);
    if (n > 0 && !visit->http.wrote) {
        visit->http.wrote = true;
        must(gate->wrote_len < LOOP_WATCH_MAX);
        gate->wrote[gate->wrote_len++] = visit->descriptor;
    }
    return n;
}

// Setting the option again sends what MSG_MORE held back. A visit that was closed meanwhile sent it
// with its end.
static void http_push(struct gate *gate) {
    for (int i = 0; i < gate->wrote_len; i++) {
        struct visit *visit = &gate->visits[gate->wrote[i]];
        if (!visit->http.wrote) continue;
        int yes = 1;
        visit->http.wrote = false;
        setsockopt(visit->descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    gate->wrote_len = 0;
}

// ---- reading ----

ssize_t http_read(struct gate *gate, int descriptor, void *to, size_t max) {
    struct visit *visit = gate->readers[descriptor];
    must(visit != NULL);
    struct http *http = &visit->http;
    if (http->parts || http->left == 0) {
        errno = http->parts ? ECONNRESET : EAGAIN;
        return -1;
    }
    if (max > http->left) max = http->left;
    ssize_t n = recvfrom(descriptor, to, max, MSG_DONTWAIT, NULL, NULL);
    if (n > 0 && http->left != UINT64_MAX) http->left -= (uint64_t)n;
    return n;
}

// What libmicrohttpd takes for a request is the one that was checked: it began to read where that
// begins, and its head is as long.
static bool head_same(struct MHD_Connection *connection, const char *method) {
    const struct http *http = &visit_of(connection)->http;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info && http->head_len > 0 && info->header_size == http->head_len &&
           strcmp(http->method, method) == 0;
}

static bool body_same(const struct http *http) {
    return http->left == UINT64_MAX || (http->left == 0 && http->body_read == http->body_len);
}

// ---- answers ----

static void put_header(void *response, const char *name, const char *value) {
    MHD_add_response_header(response, name, value);
}

static enum MHD_Result response_send(struct gate *gate, struct MHD_Connection *connection,
                                     unsigned status, struct MHD_Response *response) {
    if (!response) return MHD_NO;
    struct visit *visit = visit_of(connection);
    int64_t now_s = gate->world.clock_ms(gate->world.self) / 1000;
    gate_edge_headers(&visit->edge, now_s, put_header, response);
    visit->http.keeps = !visit->http.last && !visit->half_closed && !gate->stopping;
    if (!visit->http.keeps) MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result health_send(struct gate *gate, struct MHD_Connection *connection) {
    static char text[] = "{\"status\":\"ok\"}";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    if (response) MHD_add_response_header(response, "Content-Type", "application/json");
    return response_send(gate, connection, 200, response);
}

static ssize_t followed_read(struct request *request, char *to, size_t max) {
    int64_t n = follower_read(request, to, max);
    if (n == 0) http_suspend(request);
    return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)n;
}

// libmicrohttpd has room: gives it what waits, or suspends until something comes.
static ssize_t out_read(void *self, uint64_t at, char *to, size_t max) {
    struct request *request = self;
    struct gate *gate = request->gate;
    (void)at;
    if (request->gone) return MHD_CONTENT_READER_END_WITH_ERROR;
    request->visit->since_ms = gate_now_ms(gate);
    if (request->stage == REQUEST_FOLLOWING) return followed_read(request, to, max);
    size_t n = request->out.len - request->out_at;
    if (n == 0 && request->stage == REQUEST_OVER) return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == 0) {
        http_suspend(request);
        return 0;
    }
    if (n > max) n = max;
    memcpy(to, request->out.at + request->out_at, n);
    request->out_at += n;
    again_record(gate, request, (struct view){to, n});
    if (request->out_at == request->out.len) {
        if (request->stage == REQUEST_OVER) again_finish(gate, request);
        buf_reset(&request->out);
        request->out_at = 0;
        answer_drained(gate, request);
    }
    return (ssize_t)n;
}

static enum MHD_Result answer_send(struct request *request) {
    bool streams = request_streams(request);
    uint64_t len = streams ? MHD_SIZE_UNKNOWN : request->out.len;
    struct MHD_Response *response =
        MHD_create_response_from_callback(len, BLOCK_LEN, out_read, request, NULL);
    if (!response) return MHD_NO;
    char number[24];
    const char *media = streams ? "text/event-stream" : "application/json";
    MHD_add_response_header(response, "Content-Type", request->media ? request->media : media);
    MHD_add_response_header(response, "Cache-Control",
                            request->cache ? request->cache : "no-store");
    if (request->route.what == GATE_PAGE) gate_page_headers(put_header, response);
    if (request->accepted || request->stated) {
        snprintf(number, sizeof number, "%" PRIu64, request->open);
        MHD_add_response_header(response, "Sekisho-Receipt", number);
    }
    if (request->again.replayed) MHD_add_response_header(response, "Idempotent-Replayed", "true");
    if (request->status == 401) MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (request->retry_after_s) {
        snprintf(number, sizeof number, "%" PRIu32, request->retry_after_s);
        MHD_add_response_header(response, "Retry-After", number);
    }
    log_line(LOG_INFO, "answer", "id=%s status=%u", request->visit->edge.id, request->status);
    return response_send(request->gate, request->connection, request->status, response);
}

// ---- requests ----

// Called with the head, then with pieces of the body, then at its end, and again when resumed.
static enum MHD_Result handle(void *self, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *bytes,
                              size_t *len, void **context) {
    struct gate *gate = self;
    struct visit *visit = visit_of(connection);
    struct request *request = visit->request;
    (void)url, (void)version; // read by gate_head_check already
    if (!*context) {
        if (!head_same(connection, method)) return MHD_NO;
        *context = visit;
        visit->http.head_len = 0;
        if (request) request->connection = connection;
        return MHD_YES;
    }
    if (*len > 0) {
        visit->http.body_read += *len;
        if (request) request_body(gate, request, bytes, *len);
        *len = 0;
        return request && request->gone ? MHD_NO : MHD_YES;
    }
    if (!body_same(&visit->http)) return MHD_NO;
    if (!request) return health_send(gate, connection);
    if (request->stage == REQUEST_BODY) request_submit(gate, request);
    request = visit->request; // another, when that one was detached
    if (request->gone) return MHD_NO;
    if (request->status) return answer_send(request);
    http_suspend(request);
    return MHD_YES;
}

static void notify(void *self, struct MHD_Connection *connection, void **context,
                   enum MHD_ConnectionNotificationCode code) {
    struct gate *gate = self;
    struct visit *visit = code == MHD_CONNECTION_NOTIFY_STARTED ? gate->handing : *context;
    *context = visit;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        visit->http.connection = connection;
        return;
    }
    gate->readers[visit->http.descriptor] = NULL;
    visit->http.connection = NULL;
    if (!visit->http.parts) visit_served(gate, visit);
}

// Called within MHD_run, when the answer is out: the visit goes on after it.
static void completed(void *self, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode code) {
    struct gate *gate = self;
    const struct visit *visit = visit_of(connection);
    (void)context;
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK || !visit->http.keeps) return;
    must(gate->answered_len < LOOP_WATCH_MAX);
    gate->answered[gate->answered_len++] = visit->descriptor;
}

// ---- connections ----

static void connection_add(struct gate *gate, struct visit *visit, int pool) {
    // The client's address is of no use to anyone behind.
    struct sockaddr_in nobody = {.sin_family = AF_INET};
    struct http *http = &visit->http;
    int descriptor = dup(visit->descriptor);
    bool taken = descriptor >= 0 && descriptor < LOOP_WATCH_MAX;
    if (taken) {
        http->descriptor = descriptor;
        http->pool = pool;
        gate->readers[descriptor] = gate->handing = visit;
        taken = MHD_add_connection(gate->daemons[pool], descriptor, (void *)&nobody,
                                   sizeof nobody) == MHD_YES;
        gate->handing = NULL;
        if (!taken) gate->readers[descriptor] = NULL;
    } else if (descriptor >= 0) {
        close(descriptor);
    }
    if (!taken && visit->state == VISIT_SERVED) visit_served(gate, visit);
}

void http_take(struct gate *gate, struct visit *visit, const struct gate_head *head) {
    struct http *http = &visit->http;
    bool small = head->len <= SMALL_HEAD_MAX && head->target.len <= SMALL_TARGET_MAX;
    int pool = small ? HTTP_SMALL : HTTP_LARGE;
    if (pool == HTTP_LARGE && http->pool == HTTP_SMALL) http_leave(gate, visit);
    text_keep(http->method, sizeof http->method, head->method);
    http->head_len = head->len;
    http->body_len = head->body_len;
    http->body_read = 0;
    http->left = head->chunked ? UINT64_MAX : head->len + head->body_len;
    http->last = head->closes || head->chunked; // of chunks only libmicrohttpd knows the end
    http->keeps = http->parts = false;
    if (http->connection)
        MHD_resume_connection(http->connection);
    else
        connection_add(gate, visit, pool);
    gate->http_due[http->pool] = true;
}

static void http_event(void *self, int descriptor, unsigned events) {
    struct gate *gate = self;
    (void)events;
    for (int i = 0; i < HTTP_DAEMONS; i++)
        if (descriptor == gate->http_epolls[i]) gate->http_due[i] = true;
}

static bool http_ready(const struct gate *gate, int pool) {
    MHD_UNSIGNED_LONG_LONG wait_ms;
    if (gate->http_due[pool]) return true;
    return MHD_get_timeout(gate->daemons[pool], &wait_ms) == MHD_YES && wait_ms == 0;
}

static void http_turn(struct gate *gate, int pool) {
    gate->http_due[pool] = false;
    if (MHD_run(gate->daemons[pool]) != MHD_YES)
        room_fail(&gate->room, FAIL(SK_IO, "libmicrohttpd stopped working"));
}

// The connection must be one that waits for a head. libmicrohttpd closes it when reading fails, and
// because of MHD_USE_TURBO only closes: the visit's own descriptor goes on.
void http_leave(struct gate *gate, struct visit *visit) {
    struct http *http = &visit->http;
    if (!http->connection) return;
    http->parts = true;
    MHD_resume_connection(http->connection);
    http_turn(gate, http->pool);
    must(!http->connection);
}

bool http_run(struct gate *gate) {
    for (int i = 0; i < HTTP_DAEMONS; i++)
        for (int turns = 0; turns < TURNS_MAX && http_ready(gate, i); turns++)
            http_turn(gate, i);
    http_push(gate);
    for (int i = 0; i < gate->answered_len; i++) {
        struct visit *visit = &gate->visits[gate->answered[i]];
        if (!visit->http.connection) continue; // libmicrohttpd closed it after all
        MHD_suspend_connection(visit->http.connection);
        visit_again(gate, visit);
    }
    gate->answered_len = 0;
    bool ready = http_ready(gate, HTTP_SMALL) || http_ready(gate, HTTP_LARGE);
    return ready || gate->wrote_len > 0; // of a turn in http_leave
}

static enum sk_code daemon_start(struct gate *gate, size_t pool_len, int pool) {
    unsigned flags =
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO;
    struct MHD_Daemon **out = &gate->daemons[pool];
    *out = MHD_start_daemon(flags, 0, NULL, NULL, handle, gate, MHD_OPTION_NOTIFY_CONNECTION,
                            notify, gate, MHD_OPTION_NOTIFY_COMPLETED, completed, gate,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, pool_len,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!*out) return FAIL(SK_IO, "libmicrohttpd does not start");
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(*out, MHD_DAEMON_INFO_EPOLL_FD);
    struct loop_watch watch = {info->epoll_fd, LOOP_READ, http_event, gate};
    gate->http_epolls[pool] = info->epoll_fd;
    return loop_add(&gate->room.loop, watch);
}

enum sk_code http_open(struct gate *gate) {
    TRY(daemon_start(gate, POOL_SMALL, HTTP_SMALL));
    return daemon_start(gate, POOL_LARGE, HTTP_LARGE);
}
