// The driver's side of the rooms: what the parent and the border would say.
#include "ways.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/cage.h"
#include "node/job.h"
#include "node/sealed.h"

enum { LONG_MS = 20000, PORTS_MAX = CAGE_PORTS_MAX };

void rooms_send(struct link *link, struct msg *msg) {
    if (!msg_has_descriptor(msg->type)) msg->descriptor = -1;
    must(link_send(link, msg) == SK_OK);
    while (link_waits(link)) {
        struct pollfd ready = {.fd = link->socket, .events = POLLOUT};
        poll(&ready, 1, LONG_MS);
        must(link_flush(link) == SK_OK);
    }
}

static bool next_of(struct link *link, char storage[MSG_MAX], struct msg *msg) {
    for (;;) {
        enum sk_code code = link_receive(link, storage, msg);
        if (code == SK_OK) return true;
        struct pollfd ready = {.fd = link->socket, .events = POLLIN};
        if (code != SK_BUSY || poll(&ready, 1, LONG_MS) != 1) {
            printf("no message: %s\n", code == SK_BUSY ? "silence" : fail_text());
            return false;
        }
    }
}

bool rooms_next(struct rooms *rooms, struct msg *msg) {
    return next_of(&rooms->border, rooms->storage, msg);
}

static pid_t spawn(const struct rooms *rooms, const char *name, char **arguments, int socket) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", rooms->libexec, name);
    fflush(stdout);
    pid_t child = fork();
    must(child >= 0);
    if (child) return child;
    int high = fcntl(socket, F_DUPFD_CLOEXEC, 10);
    dup2(high, 3);
    arguments[0] = path;
    execv(path, arguments);
    _exit(127);
}

static void link_rooms(struct link *a, enum room room_a, struct link *b, enum room room_b) {
    int sockets[2];
    must(link_pair(sockets) == SK_OK);
    struct msg to_a = {.type = MSG_link, .descriptor = sockets[0], .as.link.peer = (uint8_t)room_b};
    struct msg to_b = {.type = MSG_link, .descriptor = sockets[1], .as.link.peer = (uint8_t)room_a};
    rooms_send(a, &to_a);
    rooms_send(b, &to_b);
    close(sockets[0]);
    close(sockets[1]);
}

// ---- lists of places ----
static void tell_ferry(struct rooms *rooms, const struct told *place) {
    static char pem[8192];
    struct buf ca = buf_over(pem, sizeof pem);
    char url[512], pins[2 * HASH_LEN];
    size_t pins_len = 0;
    if (place->ca) identity_pem(place->ca, &ca);
    for (int i = 0; i < 2 && place->pins[i]; i++, pins_len += HASH_LEN)
        memcpy(pins + pins_len, place->pins[i], HASH_LEN);
    snprintf(url, sizeof url, "%s://%s:%u%s", place->tls ? "https" : "http", place->host,
             place->stand->port, place->path);
    struct view credential = view_of(place->credential ? place->credential : "");
    struct view parts[] = {buf_view(&ca), credential};
    struct msg msg = {.type = MSG_ferry_place};
    must(sealed_make(parts, 2, &msg.descriptor) == SK_OK);
    msg.as.ferry_place =
        (struct msg_ferry_place){.kind = place->kind,
                                 .port = place->stand->port,
                                 .url = view_of(url),
                                 .host = view_of(place->host),
                                 .pins = {pins, pins_len},
                                 .tls = place->tls,
                                 .timeout_ms = place->timeout_ms ? place->timeout_ms : LONG_MS,
                                 .parallel = place->parallel ? place->parallel : 64,
                                 .ca_len = (uint32_t)ca.len,
                                 .credential_len = (uint32_t)credential.len};
    memcpy(msg.as.ferry_place.place, place->name, HASH_LEN);
    rooms_send(&rooms->ferry, &msg);
    close(msg.descriptor);
}

static void tell_dial(struct rooms *rooms, const struct told *place) {
    char addresses[2][16] = {{0}};
    size_t len = 0;
    for (; len < 2 && (len == 0 || place->addresses[len]); len++) {
        const char *text = place->addresses[len] ? place->addresses[len] : "127.0.0.1";
        if (inet_pton(AF_INET6, text, addresses[len]) == 1) continue;
        addresses[len][10] = addresses[len][11] = (char)0xff;
        must(inet_pton(AF_INET, text, addresses[len] + 12) == 1);
    }
    struct msg msg = {.type = MSG_dial_place};
    msg.as.dial_place =
        (struct msg_dial_place){.port = place->stand->port,
                                .addresses = {addresses[0], 16 * len},
                                .timeout_ms = place->dial_ms ? place->dial_ms : LONG_MS};
    memcpy(msg.as.dial_place.place, place->name, HASH_LEN);
    rooms_send(&rooms->dial, &msg);
}

static void list_to_dial(struct rooms *rooms, const struct told *places, size_t len) {
    struct msg begin = {.type = MSG_dial_places};
    rooms_send(&rooms->dial, &begin);
    for (size_t i = 0; i < len; i++)
        tell_dial(rooms, &places[i]);
}

static void list_to_ferry(struct rooms *rooms, const struct told *places, size_t len) {
    struct msg begin = {.type = MSG_ferry_places};
    rooms_send(&rooms->ferry, &begin);
    for (size_t i = 0; i < len; i++)
        tell_ferry(rooms, &places[i]);
}

void rooms_tell(struct rooms *rooms, const struct told *places, size_t len) {
    list_to_dial(rooms, places, len);
    list_to_ferry(rooms, places, len);
}

// ---- start and stop ----
static void wait_ready(struct rooms *rooms, struct link *link, const char *name) {
    struct msg msg;
    bool ready = next_of(link, rooms->storage, &msg) && msg.type == MSG_ready;
    if (!ways_check(ready, "%s is not ready: %.*s", name,
                    msg.type == MSG_trouble ? (int)msg.as.trouble.text.len : 0,
                    msg.as.trouble.text.at))
        exit(1);
    link->state = LINK_LIVE;
    printf("%-8s%.*s\n", name, (int)msg.as.ready.cage.len, msg.as.ready.cage.at);
    if (!cage_supported())
        ways_skip("sanitizer build: no cage");
    else if (msg.as.ready.level < CAGE_WALLED && strstr(rooms->storage, "missing="))
        ways_skip("this machine does not give every wall");
    else
        ways_check(msg.as.ready.level == CAGE_WALLED, "%s is not walled", name);
}

static void open_ferry(struct rooms *rooms) {
    int sockets[2];
    char *arguments[] = {NULL, NULL};
    must(link_pair(sockets) == SK_OK);
    rooms->ferry_pid = spawn(rooms, "ferry", arguments, sockets[1]);
    close(sockets[1]);
    must(link_open(&rooms->ferry, sockets[0], ROOM_PARENT, ROOM_FERRY, LINK_SETUP) == SK_OK);
    must(link_pair(sockets) == SK_OK);
    struct msg edge = {
        .type = MSG_link, .descriptor = sockets[1], .as.link.peer = (uint8_t)ROOM_BORDER};
    rooms_send(&rooms->ferry, &edge);
    close(sockets[1]);
    must(link_open(&rooms->border, sockets[0], ROOM_BORDER, ROOM_FERRY, LINK_LIVE) == SK_OK);
}

static bool has_port(char ports[][8], size_t len, const char *port) {
    for (size_t i = 0; i < len; i++)
        if (strcmp(ports[i], port) == 0) return true;
    return false;
}

static void open_dial(struct rooms *rooms, const struct told *places, size_t len) {
    int sockets[2];
    char ports[PORTS_MAX][8], *arguments[PORTS_MAX + 2] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < len; i++) {
        char port[8];
        snprintf(port, sizeof port, "%u", places[i].stand->port);
        if (has_port(ports, count, port)) continue;
        must(count < PORTS_MAX);
        memcpy(ports[count], port, sizeof port);
        arguments[count + 1] = ports[count];
        count++;
    }
    must(link_pair(sockets) == SK_OK);
    rooms->dial_pid = spawn(rooms, "dial", arguments, sockets[1]);
    close(sockets[1]);
    must(link_open(&rooms->dial, sockets[0], ROOM_PARENT, ROOM_DIAL, LINK_SETUP) == SK_OK);
    list_to_dial(rooms, places, len);
    struct msg setup = {.type = MSG_dial_setup};
    rooms_send(&rooms->dial, &setup);
    link_rooms(&rooms->ferry, ROOM_FERRY, &rooms->dial, ROOM_DIAL);
    wait_ready(rooms, &rooms->dial, "dial");
}

void rooms_open(struct rooms *rooms, const char *libexec, const struct told *places, size_t len,
                uint32_t wait_ms) {
    rooms->libexec = libexec;
    open_ferry(rooms);
    open_dial(rooms, places, len);
    list_to_ferry(rooms, places, len);
    struct msg setup = {.type = MSG_ferry_setup, .as.ferry_setup.wait_ms = wait_ms};
    rooms_send(&rooms->ferry, &setup);
    wait_ready(rooms, &rooms->ferry, "ferry");
}

void rooms_dial_again(struct rooms *rooms, const struct told *places, size_t len) {
    kill(rooms->dial_pid, SIGKILL);
    waitpid(rooms->dial_pid, NULL, 0);
    link_close(&rooms->dial);
    open_dial(rooms, places, len);
}

void rooms_be_ferry(struct rooms *rooms, struct link *link) {
    int sockets[2];
    must(link_pair(sockets) == SK_OK);
    struct msg edge = {
        .type = MSG_link, .descriptor = sockets[1], .as.link.peer = (uint8_t)ROOM_FERRY};
    rooms_send(&rooms->dial, &edge);
    close(sockets[1]);
    must(link_open(link, sockets[0], ROOM_FERRY, ROOM_DIAL, LINK_LIVE) == SK_OK);
}

bool rooms_next_of(struct rooms *rooms, struct link *link, struct msg *msg) {
    return next_of(link, rooms->storage, msg);
}

static void stop_one(struct rooms *rooms, struct link *link, pid_t pid, const char *name) {
    struct msg msg = {.type = MSG_stop};
    int status = 0;
    rooms_send(link, &msg);
    bool said = next_of(link, rooms->storage, &msg) && msg.type == MSG_stopped;
    waitpid(pid, &status, 0);
    ways_check(said && status == 0, "%s ends with status %#x", name, (unsigned)status);
    link_close(link);
}

void rooms_close(struct rooms *rooms) {
    stop_one(rooms, &rooms->ferry, rooms->ferry_pid, "ferry");
    stop_one(rooms, &rooms->dial, rooms->dial_pid, "dial");
    link_close(&rooms->border);
}

// ---- as border ----
void rooms_run(struct rooms *rooms, uint64_t id, const uint8_t name[HASH_LEN],
               struct view envelope) {
    char storage[4096];
    struct buf job = buf_over(storage, sizeof storage);
    struct engine_message message = {ENGINE_USER, VIEW("こんにちは")};
    struct gate_task task = {.operation = GATE_OP_CHAT,
                             .job = {.messages = &message,
                                     .messages_len = 1,
                                     .template_data = VIEW("{\"messages\":[]}")}};
    must(job_write(&task, &job) == SK_OK);
    struct view parts[] = {buf_view(&job), envelope};
    struct msg msg = {.type = MSG_run, .id = id};
    must(sealed_make(parts, 2, &msg.descriptor) == SK_OK);
    msg.as.run = (struct msg_run){
        .operation = GATE_OP_CHAT, .job_at = (uint32_t)job.len, .job_len = (uint32_t)envelope.len};
    memcpy(msg.as.run.place, name, HASH_LEN);
    rooms_send(&rooms->border, &msg);
    close(msg.descriptor);
}

void rooms_grant(struct rooms *rooms, uint64_t id, uint32_t pieces) {
    struct msg msg = {.type = MSG_grant, .id = id, .as.grant.pieces = pieces};
    rooms_send(&rooms->border, &msg);
}

void rooms_cancel(struct rooms *rooms, uint64_t id) {
    struct msg msg = {.type = MSG_cancel, .id = id};
    rooms_send(&rooms->border, &msg);
}
