// libmicrohttpd: reads what follows a checked head, writes answers. One request per connection, on
// a duplicate of the visit's descriptor; without a thread or a listener of its own.
#include "node/room_gate.h"

#include "base/log.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

// A connection's memory holds the head twice (as sent, as a list) and the buffers of a body. Up to
// 32 KB it comes from the heap; more is mapped each time.
enum {
    BLOCK_LEN = 16384,
    POOL_SMALL = 32 << 10, // for heads up to these lengths
    SMALL_HEAD_MAX = 2048,
    SMALL_TARGET_MAX = 128, // its query is a list, too
    POOL_LARGE = 2 * HEAD_LEN_MAX + 4 * BLOCK_LEN,
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
    gate->http_due = true;
}

// ---- answers ----

static void put_header(void *response, const char *name, const char *value) {
    MHD_add_response_header(response, name, value);
}

static enum MHD_Result response_send(struct gate *gate, struct MHD_Connection *connection,
                                     unsigned status, struct MHD_Response *response) {
    if (!response) return MHD_NO;
    int64_t now_s = gate->world.clock_ms(gate->world.self) / 1000;
    gate_edge_headers(&visit_of(connection)->edge, now_s, put_header, response);
    MHD_add_response_header(response, "Connection", "close");
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
    MHD_add_response_header(response, "Cache-Control", "no-store");
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
    struct request *request = visit_of(connection)->request;
    (void)url, (void)method, (void)version; // read by gate_head_check already
    if (!request) return health_send(gate, connection);
    if (!*context) {
        *context = request;
        request->connection = connection;
        return MHD_YES;
    }
    if (*len > 0) {
        request_body(gate, request, bytes, *len);
        *len = 0;
        return request->gone ? MHD_NO : MHD_YES;
    }
    if (request->stage == REQUEST_BODY) request_submit(gate, request);
    request = visit_of(connection)->request; // another, when that one was detached
    if (request->gone) return MHD_NO;
    if (request->status) return answer_send(request);
    http_suspend(request);
    return MHD_YES;
}

static void notify(void *self, struct MHD_Connection *connection, void **context,
                   enum MHD_ConnectionNotificationCode code) {
    struct gate *gate = self;
    (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *context = gate->handing;
    else
        visit_served(gate, *context);
}

void http_take(struct gate *gate, struct visit *visit, const struct gate_head *head) {
    bool small = head->len <= SMALL_HEAD_MAX && head->target.len <= SMALL_TARGET_MAX;
    struct MHD_Daemon *daemon = gate->daemons[small ? HTTP_SMALL : HTTP_LARGE];
    // The client's address is of no use to anyone behind.
    struct sockaddr_in nobody = {.sin_family = AF_INET};
    int descriptor = dup(visit->descriptor);
    gate->handing = visit;
    bool taken = descriptor >= 0 &&
                 MHD_add_connection(daemon, descriptor, (void *)&nobody, sizeof nobody) == MHD_YES;
    gate->handing = NULL;
    gate->http_due = true;
    if (!taken && visit->state == VISIT_SERVED) visit_served(gate, visit);
}

static void http_event(void *self, int descriptor, unsigned events) {
    struct gate *gate = self;
    (void)descriptor, (void)events;
    gate->http_due = true;
}

static bool http_ready(const struct gate *gate) {
    MHD_UNSIGNED_LONG_LONG wait_ms;
    for (int i = 0; i < HTTP_DAEMONS; i++)
        if (MHD_get_timeout(gate->daemons[i], &wait_ms) == MHD_YES && wait_ms == 0) return true;
    return false;
}

bool http_run(struct gate *gate) {
    if (!gate->http_due && !http_ready(gate)) return false;
    gate->http_due = false;
    for (int i = 0; i < HTTP_DAEMONS; i++)
        if (MHD_run(gate->daemons[i]) != MHD_YES)
            room_fail(&gate->room, FAIL(SK_IO, "libmicrohttpd stopped working"));
    return http_ready(gate);
}

static enum sk_code daemon_start(struct gate *gate, size_t pool_len, struct MHD_Daemon **out) {
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME;
    *out = MHD_start_daemon(flags, 0, NULL, NULL, handle, gate, MHD_OPTION_NOTIFY_CONNECTION,
                            notify, gate, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, pool_len,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!*out) return FAIL(SK_IO, "libmicrohttpd does not start");
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(*out, MHD_DAEMON_INFO_EPOLL_FD);
    struct loop_watch watch = {info->epoll_fd, LOOP_READ, http_event, gate};
    return loop_add(&gate->room.loop, watch);
}

enum sk_code http_open(struct gate *gate) {
    TRY(daemon_start(gate, POOL_SMALL, &gate->daemons[HTTP_SMALL]));
    return daemon_start(gate, POOL_LARGE, &gate->daemons[HTTP_LARGE]);
}
