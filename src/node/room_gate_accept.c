// From accept to a checked head, from an answer to the next head, and from the last one to close.
// Heads are only looked at here (MSG_PEEK): whoever sends anything but a well-formed head is
// answered and never gets further.
#include "node/room_gate.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

enum { ACCEPTS_MAX = 64, DRAINS_MAX = 16, BEAT_MS_MIN = 100 };

static void visit_enter(struct gate *gate, struct visit *visit, enum visit_state state) {
    visit->state = state;
    visit->since_ms = gate_now_ms(gate);
}

// recv() and send() are libmicrohttpd's (room_gate.c).
static ssize_t socket_read(int descriptor, void *to, size_t max, int flags) {
    return recvfrom(descriptor, to, max, flags | MSG_DONTWAIT, NULL, NULL);
}

bool visit_write(const struct visit *visit, struct view bytes) {
    ssize_t n =
        sendto(visit->descriptor, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
    return n == (ssize_t)bytes.len;
}

// ---- between two requests ----

static void idle_begin(struct gate *gate, struct visit *visit) {
    visit->idle = true;
    TAILQ_INSERT_TAIL(&gate->idle, visit, idles);
    gate->idle_len++;
}

static void idle_end(struct gate *gate, struct visit *visit) {
    if (!visit->idle) return;
    visit->idle = false;
    TAILQ_REMOVE(&gate->idle, visit, idles);
    gate->idle_len--;
}

// ---- the end: a last answer must not be lost to a reset ----

static void visit_close(struct gate *gate, struct visit *visit) {
    idle_end(gate, visit);
    http_leave(gate, visit);
    loop_remove(&gate->room.loop, visit->descriptor);
    close(visit->descriptor);
    *visit = (struct visit){0};
    gate->visits_len--;
    while (gate->visits_end > 0 && gate->visits[gate->visits_end - 1].state == VISIT_NONE)
        gate->visits_end--;
    if (!gate->deaf) return;
    gate->deaf = false;
    visits_listen(gate);
}

// Reads and forgets until the client has closed: closing with bytes unread would reset the
// connection, and the client's kernel would throw the answer away.
static void linger_read(struct gate *gate, struct visit *visit) {
    char forgotten[16384];
    for (int i = 0; i < DRAINS_MAX; i++) {
        ssize_t n = socket_read(visit->descriptor, forgotten, sizeof forgotten, 0);
        if (n > 0) continue;
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        visit_close(gate, visit);
        return;
    }
}

static void visit_linger(struct gate *gate, struct visit *visit) {
    http_leave(gate, visit);
    shutdown(visit->descriptor, SHUT_WR);
    visit_enter(gate, visit, VISIT_LINGER);
    loop_change(&gate->room.loop, visit->descriptor, LOOP_READ);
    linger_read(gate, visit);
}

void visit_served(struct gate *gate, struct visit *visit) {
    if (visit->request) request_end(gate, visit->request);
    visit->request = NULL;
    visit_linger(gate, visit);
}

static int64_t gate_now_s(const struct gate *gate) {
    return gate->world.clock_ms(gate->world.self) / 1000;
}

// Writes the page straight to the socket. It takes it whole, unless it is full of earlier answers
// that the client does not read.
static void visit_send(struct gate *gate, struct visit *visit, unsigned status) {
    must(!gate->page.over);
    bool sent = visit_write(visit, buf_view(&gate->page));
    log_line(LOG_INFO, "answer", "id=%s status=%u%s", visit->edge.id, status,
             sent ? "" : " lost=1");
}

static void visit_tell(struct gate *gate, struct visit *visit, const struct gate_error *error,
                       bool head) {
    buf_reset(&gate->page);
    gate_error_respond(error, &visit->edge, head, gate_now_s(gate), &gate->page);
    visit_send(gate, visit, error->status);
}

static void visit_refuse(struct gate *gate, struct visit *visit, const struct gate_error *error,
                         bool head) {
    visit_tell(gate, visit, error, head);
    visit_linger(gate, visit);
}

// ---- the head ----

static enum sk_code head_admit(struct gate *gate, const struct gate_head *head,
                               struct gate_route *route, struct view *credential,
                               struct gate_error *error) {
    const struct msg_gate_setup *setup = &gate->setup;
    TRY(gate_route_find(head, route, error));
    TRY(gate_credential(head, credential, error));
    if (head->body_len > setup->body_len_max)
        return gate_refuse(error, 413, "request_too_large", "",
                           "The body has %llu bytes; the limit is %u.",
                           (unsigned long long)head->body_len, setup->body_len_max);
    return SK_OK;
}

// A preflight is answered here, whatever its path: no other room hears of it.
static enum sk_code visit_preflight(struct gate *gate, struct visit *visit,
                                    const struct gate_head *head, struct gate_error *error) {
    buf_reset(&gate->page);
    TRY(gate_cors_respond(head, &visit->edge, gate_now_s(gate), &gate->page, error));
    visit_send(gate, visit, 204);
    visit_linger(gate, visit);
    return SK_OK;
}

static void visit_serve(struct gate *gate, struct visit *visit, const struct gate_head *head) {
    const struct msg_gate_setup *setup = &gate->setup;
    struct gate_route route;
    struct gate_error error;
    struct view credential, key;
    struct gate_words words;
    bool headless = view_is(head->method, "HEAD");
    enum sk_code code = SK_OK;
    gate_cors_begin(head, setup->origins, &visit->edge);
    if (setup->keyless)
        code = gate_host_check(head, &visit->edge, setup->port, setup->hosts, &error);
    if (code == SK_OK && setup->origins.len && gate_cors_preflight(head)) {
        code = visit_preflight(gate, visit, head, &error);
        if (code == SK_OK) return;
    }
    if (code == SK_OK) code = head_admit(gate, head, &route, &credential, &error);
    if (code == SK_OK) code = gate_idempotency_key(head, &key, &error);
    if (code == SK_OK) code = gate_words(head, &words, &error);
    if (code != SK_OK) {
        visit_refuse(gate, visit, &error, headless);
        return;
    }
    if (route.what != GATE_HEALTH) {
        struct request *request = request_begin(gate, visit);
        if (!request) {
            gate_refuse(&error, 429, "too_many_requests", "",
                        "%d requests are in progress. Try again later.", REQUESTS_MAX);
            error.retry_after_s = 1;
            visit_refuse(gate, visit, &error, headless);
            return;
        }
        request->route = route;
        memcpy(request->credential, credential.at, credential.len);
        request->credential_len = credential.len;
        if (route.what == GATE_ASK) memcpy(request->again.key, key.at, key.len);
        text_keep(request->label, sizeof request->label, words.label);
        text_keep(request->consent, sizeof request->consent, words.consent);
        text_keep(request->purpose, sizeof request->purpose, words.purpose);
        memcpy(request->client, visit->client, sizeof request->client);
        visit->request = request;
    }
    visit->http11 = head->http11;
    visit_enter(gate, visit, VISIT_SERVED);
    http_take(gate, visit, head);
}

static void visit_read(struct gate *gate, struct visit *visit, bool ended) {
    size_t len_max = gate->setup.header_len_max;
    ssize_t n;
    do
        n = socket_read(visit->descriptor, gate->head, len_max, MSG_PEEK);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN && !ended) return;
    if (n <= 0) {
        visit_close(gate, visit);
        return;
    }
    if (visit->idle) {
        idle_end(gate, visit);
        visit_enter(gate, visit, VISIT_HEAD);
    }
    struct gate_head head;
    struct gate_error error;
    enum sk_code code =
        gate_head_check((struct view){gate->head, (size_t)n}, len_max, &head, &error);
    visit->edge.anthropic = gate_head_anthropic(&head);
    if (code == SK_OK) {
        visit_serve(gate, visit, &head);
    } else if (code == SK_INPUT) {
        visit_refuse(gate, visit, &error, view_is(head.method, "HEAD"));
    } else if (ended) {
        visit_close(gate, visit);
    }
}

// A client that sends no more may still read, or be gone: only writing tells.
static void visit_hangup(struct gate *gate, struct visit *visit, bool gone) {
    visit->half_closed = true;
    if (!visit->request) return;
    if (gone)
        request_leave(gate, visit->request);
    else
        request_probe(gate, visit->request);
}

static void visit_event(void *self, int descriptor, unsigned events) {
    struct gate *gate = self;
    struct visit *visit = &gate->visits[descriptor];
    bool hangup = (events & LOOP_HANGUP) != 0;
    if (visit->state == VISIT_LINGER) linger_read(gate, visit);
    if (visit->state == VISIT_HEAD) visit_read(gate, visit, hangup);
    if (visit->state == VISIT_SERVED && hangup)
        visit_hangup(gate, visit, (events & LOOP_GONE) != 0);
}

// ---- the beginning of a connection, and of each of its requests ----

// Whatever was known of the request before is forgotten.
static void visit_await(struct gate *gate, struct visit *visit) {
    uint8_t chance[GATE_REQUEST_ID_CHANCE];
    enum sk_code code = gate->world.random(gate->world.self, chance, sizeof chance);
    if (code != SK_OK) room_fail(&gate->room, code);
    gate_edge_begin(&visit->edge, chance);
    visit->http11 = visit->probed = false;
    visit_enter(gate, visit, VISIT_HEAD);
}

void visit_again(struct gate *gate, struct visit *visit) {
    if (visit->request) request_end(gate, visit->request);
    visit->request = NULL;
    if (gate->stopping) {
        visit_close(gate, visit);
        return;
    }
    if (gate->idle_len >= IDLE_MAX) visit_close(gate, TAILQ_FIRST(&gate->idle));
    visit_await(gate, visit);
    idle_begin(gate, visit);
    visit_read(gate, visit, visit->half_closed); // it may be here already
}

// IPv4 as ::ffff:a.b.c.d; what is neither has none.
static void client_keep(const struct sockaddr_in6 *from, uint8_t out[16]) {
    memset(out, 0, 16);
    if (from->sin6_family == AF_INET6) {
        memcpy(out, &from->sin6_addr, 16);
    } else if (from->sin6_family == AF_INET) {
        out[10] = out[11] = 0xff;
        memcpy(out + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    }
}

static void visit_begin(struct gate *gate, int descriptor, const struct sockaddr_in6 *from) {
    uint32_t over = gate->setup.connections_max;
    if (gate->visits_len >= over && gate->idle_len) visit_close(gate, TAILQ_FIRST(&gate->idle));
    struct loop_watch watch = {descriptor, LOOP_READ | LOOP_EDGE, visit_event, gate};
    if (gate->visits_len >= over + OVER_MAX || loop_add(&gate->room.loop, watch) != SK_OK) {
        close(descriptor);
        return;
    }
    struct visit *visit = &gate->visits[descriptor];
    must(visit->state == VISIT_NONE);
    visit->descriptor = descriptor;
    client_keep(from, visit->client);
    if (gate->visits_end <= descriptor) gate->visits_end = descriptor + 1;
    visit_await(gate, visit);
    if (gate->visits_len++ < over) return;
    struct gate_error error;
    gate_refuse(&error, 503, "too_many_connections", "",
                "%u connections are open, which is the limit. Try again later.", over);
    error.retry_after_s = 1;
    visit_refuse(gate, visit, &error, false);
}

static void listener_event(void *self, int descriptor, unsigned events) {
    struct gate *gate = self;
    (void)events;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct sockaddr_in6 from = {0}; // large enough for either family
        socklen_t len = sizeof from;
        int client =
            accept4(descriptor, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            visit_begin(gate, client, &from);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
            // No descriptor or memory: listening on would only spin. Tried again on the next close
            // or beat.
            log_line(LOG_WARN, "accept", "text=\"%s\"", strerror(errno));
            gate->deaf = true;
            visits_listen(gate);
            return;
        }
    }
}

void visits_listen(struct gate *gate) {
    struct loop_watch watch = {gate->listener, LOOP_READ, listener_event, gate};
    loop_remove(&gate->room.loop, gate->listener);
    if (!gate->listening || gate->deaf) return;
    enum sk_code code = loop_add(&gate->room.loop, watch);
    if (code != SK_OK) room_fail(&gate->room, code);
}

// ---- deadlines ----

static void visit_late(struct gate *gate, struct visit *visit, const char *what) {
    struct gate_error error;
    gate_refuse(&error, 408, "request_timeout", "", "The %s did not come in time.", what);
    visit_tell(gate, visit, &error, false);
}

// Served: a body must come at a rate, an answer must be taken; waiting for border is free.
// libmicrohttpd notices the shutdown and gives the connection back.
static void served_beat(struct gate *gate, struct visit *visit, int64_t age_ms) {
    const struct request *request = visit->request;
    if (request && request->suspended) return;
    bool body = request && request->stage == REQUEST_BODY;
    int64_t age_ms_max = gate->setup.idle_ms_max;
    if (body) age_ms_max = gate->setup.header_ms_max + (int64_t)request->body_read / BODY_RATE_MIN;
    if (age_ms <= age_ms_max) return;
    if (body) visit_late(gate, visit, "body");
    shutdown(visit->descriptor, SHUT_RDWR);
}

static void visit_beat(struct gate *gate, struct visit *visit, int64_t now_ms) {
    int64_t age_ms = now_ms - visit->since_ms;
    if (visit->state == VISIT_SERVED) {
        served_beat(gate, visit, age_ms);
    } else if (visit->state == VISIT_LINGER) {
        if (age_ms > LINGER_MS_MAX) visit_close(gate, visit);
    } else if (visit->state == VISIT_HEAD && gate->stopping) {
        visit_close(gate, visit);
    } else if (visit->idle) {
        if (age_ms > gate->setup.idle_ms_max) visit_close(gate, visit);
    } else if (visit->state == VISIT_HEAD && age_ms > gate->setup.header_ms_max) {
        visit_late(gate, visit, "request header");
        visit_linger(gate, visit);
    }
}

void visits_beat(struct gate *gate) {
    int64_t now_ms = gate_now_ms(gate);
    if (now_ms - gate->beat_ms < BEAT_MS_MIN) return;
    gate->beat_ms = now_ms;
    for (int i = 0; i < gate->visits_end; i++)
        if (gate->visits[i].state != VISIT_NONE) visit_beat(gate, &gate->visits[i], now_ms);
    detached_beat(gate);
    if (gate->deaf) {
        gate->deaf = false;
        visits_listen(gate);
    }
}
