// Link: one end of an edge between two rooms, over a SOCK_SEQPACKET socket.
//
// Promises: whole messages, checked by msg.h before anyone sees them; sends never block: what the
// socket does not take now waits in a bounded queue, and a full queue is SK_LIMIT (credits on every
// edge keep it from filling; I7). Refuses everything msg_take refuses: the link is then dead.
#pragma once
#include <stdbool.h>

#include "node/msg.h"

enum { LINK_QUEUE_MAX = 4 << 20 }; // bytes waiting for a slow peer

struct link {
    int socket; // -1: dead or absent
    enum room self, peer;
    enum link_state state;
    struct buf queue;     // datagrams waiting, each behind a u32 length and an i32 descriptor
    size_t queue_at;      // sent so far
};

// Takes over `socket`.
enum sk_code link_open(struct link *link, int socket, enum room self, enum room peer,
                       enum link_state state);
void link_close(struct link *link);

// Two connected ends, close-on-exec, non-blocking.
enum sk_code link_pair(int sockets[2]);

static inline bool link_alive(const struct link *link) { return link->socket >= 0; }

// Sends `msg`; msg->descriptor (>= 0) is duplicated to the peer and stays the caller's.
// SK_GONE: the peer left. SK_LIMIT: queue full. The link is dead after either.
enum sk_code link_send(struct link *link, const struct msg *msg);
// Sends what waits; call when the socket is writable.
enum sk_code link_flush(struct link *link);
static inline bool link_waits(const struct link *link) { return link->queue_at < link->queue.len; }

// Receives one message into `msg` with views into `storage` (MSG_MAX bytes). SK_BUSY: none there.
// SK_GONE: the peer closed. SK_CORRUPT: it broke the rules; the link is dead.
enum sk_code link_receive(struct link *link, char storage[MSG_MAX], struct msg *msg);
