#include "node/link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_HEAD = 8 }; // u32 length, i32 descriptor

union descriptor_room {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

enum sk_code link_open(struct link *link, int socket, enum room self, enum room peer,
                       enum link_state state) {
    *link = (struct link){.socket = socket, .self = self, .peer = peer, .state = state};
    return buf_open(&link->queue, LINK_QUEUE_MAX);
}

static void link_drop_queue(struct link *link) {
    while (link_waits(link)) {
        uint32_t len;
        int32_t descriptor;
        memcpy(&len, link->queue.at + link->queue_at, 4);
        memcpy(&descriptor, link->queue.at + link->queue_at + 4, 4);
        if (descriptor >= 0) close(descriptor);
        link->queue_at += WAIT_HEAD + len;
    }
}

void link_close(struct link *link) {
    if (link->queue.at) link_drop_queue(link);
    if (link_alive(link)) close(link->socket);
    buf_close(&link->queue);
    link->socket = -1;
    link->queue_at = 0;
}

enum sk_code link_pair(int sockets[2]) {
    int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
    if (socketpair(AF_UNIX, type, 0, sockets) != 0)
        return FAIL(SK_IO, "socketpair: %s", strerror(errno));
    int room = 1 << 20;
    for (int i = 0; i < 2; i++) setsockopt(sockets[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return SK_OK;
}

// SK_BUSY when the socket takes nothing now.
static enum sk_code link_push(struct link *link, struct view bytes, int descriptor) {
    union descriptor_room room = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes.at, .iov_len = bytes.len};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        head.msg_control = room.bytes;
        head.msg_controllen = sizeof room.bytes;
        struct cmsghdr *control = CMSG_FIRSTHDR(&head);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(control), &descriptor, sizeof descriptor);
    }
    for (;;) {
        ssize_t n = sendmsg(link->socket, &head, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) return SK_OK;
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS) return SK_BUSY;
        return FAIL(SK_GONE, "link to %s: %s", room_name(link->peer), strerror(errno));
    }
}

// Gives back the part that was sent: a queue that is never quite empty must not fill up with it.
static void link_compact(struct link *link) {
    link->queue.len -= link->queue_at;
    memmove(link->queue.at, link->queue.at + link->queue_at, link->queue.len);
    link->queue_at = 0;
}

enum sk_code link_send(struct link *link, const struct msg *msg) {
    if (!link_alive(link)) return FAIL(SK_GONE, "link to %s: closed", room_name(link->peer));
    must(msg_has_descriptor(msg->type) == (msg->descriptor >= 0));
    char storage[MSG_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    TRY(msg_put(msg, &out));
    if (!link_waits(link)) {
        enum sk_code code = link_push(link, buf_view(&out), msg->descriptor);
        if (code != SK_BUSY) return code;
    }
    int descriptor = -1;
    if (msg->descriptor >= 0 && (descriptor = dup(msg->descriptor)) < 0)
        return FAIL(SK_LIMIT, "link to %s: %s", room_name(link->peer), strerror(errno));
    uint32_t len = (uint32_t)out.len;
    if (link->queue.max - link->queue.len < WAIT_HEAD + out.len) link_compact(link);
    if (link->queue.max - link->queue.len < WAIT_HEAD + out.len) {
        if (descriptor >= 0) close(descriptor);
        return FAIL(SK_LIMIT, "link to %s: %zu bytes already wait", room_name(link->peer),
                    link->queue.len - link->queue_at);
    }
    buf_put(&link->queue, &len, 4);
    buf_put(&link->queue, &descriptor, 4);
    buf_put_view(&link->queue, buf_view(&out));
    return SK_OK;
}

enum sk_code link_flush(struct link *link) {
    while (link_waits(link)) {
        const char *at = link->queue.at + link->queue_at;
        uint32_t len;
        int32_t descriptor;
        memcpy(&len, at, 4);
        memcpy(&descriptor, at + 4, 4);
        enum sk_code code = link_push(link, (struct view){at + WAIT_HEAD, len}, descriptor);
        if (code == SK_BUSY) return SK_OK;
        if (code != SK_OK) return code;
        if (descriptor >= 0) close(descriptor);
        link->queue_at += WAIT_HEAD + len;
    }
    buf_reset(&link->queue);
    link->queue_at = 0;
    return SK_OK;
}

// Keeps the first descriptor and closes any more: a message carries at most one.
static int link_descriptors(struct msghdr *head, bool *extra) {
    int kept = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c; c = CMSG_NXTHDR(head, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(c) + i * sizeof(int), sizeof descriptor);
            if (kept < 0) {
                kept = descriptor;
            } else {
                close(descriptor);
                *extra = true;
            }
        }
    }
    return kept;
}

enum sk_code link_receive(struct link *link, char storage[MSG_MAX], struct msg *msg) {
    if (!link_alive(link)) return FAIL(SK_GONE, "link to %s: closed", room_name(link->peer));
    union descriptor_room room;
    struct iovec part = {.iov_base = storage, .iov_len = MSG_MAX};
    struct msghdr head = {.msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = room.bytes,
                          .msg_controllen = sizeof room.bytes};
    ssize_t n;
    // A peer that went without reading all it was sent is told by an error, once; what it said
    // before still comes after that.
    do n = recvmsg(link->socket, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n < 0 && errno == EAGAIN) return SK_BUSY;
    if (n <= 0) {
        const char *why = n == 0 ? "peer closed" : strerror(errno);
        return FAIL(SK_GONE, "link to %s: %s", room_name(link->peer), why);
    }
    bool extra = (head.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    int descriptor = link_descriptors(&head, &extra);
    struct msg_edge edge = {.from = link->peer, .to = link->self, .state = link->state};
    enum sk_code code = extra ? FAIL(SK_CORRUPT, "too many descriptors or bytes")
                              : msg_take((struct view){storage, (size_t)n}, edge, descriptor >= 0,
                                         msg);
    if (code != SK_OK) {
        if (descriptor >= 0) close(descriptor);
        return fail_within(code, "link from %s", room_name(link->peer));
    }
    msg->descriptor = descriptor;
    return SK_OK;
}
