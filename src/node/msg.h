// Messages between rooms: structs, codec and checks made from msg.def.
//
// On the wire: a 16-byte head {u16 type, u16 zero, u32 body length, u64 id}, then the fields in
// order, little-endian; one SOCK_SEQPACKET datagram of at most MSG_MAX bytes and at most one
// descriptor. Refuses: unknown types, wrong direction or state, lengths that do not match, a
// missing or extra descriptor, bytes left over; any of these kills the link.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/view.h"

enum { MSG_MAX = 65536, MSG_HEAD = 16 };
enum { MODELS_MAX = 32, MODEL_FILES_MAX = 128 }; // of a node; of one model

enum room {
    ROOM_PARENT,
    ROOM_GATE,
    ROOM_BORDER,
    ROOM_ENGINE,
    ROOM_LEDGER,
    ROOM_FERRY, // this and the next: only where a policy names a place that is not this node
    ROOM_DIAL,
    ROOM_COUNT
};
const char *room_name(enum room room);

enum link_state { LINK_SETUP = 1, LINK_LIVE = 2 };

enum query_what { QUERY_MODELS = 1, QUERY_STATUS, QUERY_RECEIPT, QUERY_METRICS };
enum { PLACE_WITNESS = 255 }; // kind of a place that cosigns, and takes no envelope
enum witness_what { WITNESS_ADD = 1, WITNESS_LAST };
enum { WITNESS_FILE_MAX = 69632 }; // bytes of what is asked of a witness, and of its answer
// How a place proves itself: not at all (this machine alone), by a certificate and its pins, by its
// pins alone.
enum place_tls { PLACE_PLAIN, PLACE_CERTIFIED, PLACE_PINNED };
enum end_reason { END_STOP = 1, END_LENGTH, END_CANCELLED };

// struct msg_<name> for every row; texts are borrowed views.
#define MESSAGE(name, number, from, to, when, descriptor, doc) struct msg_##name {
#define U8(field) uint8_t field;
#define U16(field) uint16_t field;
#define U32(field) uint32_t field;
#define U64(field) uint64_t field;
#define TEXT(field, max) struct view field;
#define HASH(field) uint8_t field[HASH_LEN];
#define END                                                                                        \
    char none_;                                                                                    \
    }                                                                                              \
    ;
#include "node/msg.def"
#include "node/msg_undef.h"

enum msg_type {
#define MESSAGE(name, number, from, to, when, descriptor, doc) MSG_##name = number,
#include "node/msg_rows.h"
};

// A message: head, fields, and the descriptor that travels (-1: none; a receiver owns it).
struct msg {
    enum msg_type type;
    uint64_t id;
    int descriptor;
    union {
#define MESSAGE(name, number, from, to, when, descriptor, doc) struct msg_##name name;
#include "node/msg_rows.h"
    } as;
};

const char *msg_name(enum msg_type type);
bool msg_has_descriptor(enum msg_type type);

// Writes the datagram of `msg` (type, id, fields). SK_LIMIT when a text is over its maximum.
enum sk_code msg_put(const struct msg *msg, struct buf *out);

// Reads a datagram that came from room `from` to room `to` on a link in `state`, with or without a
// descriptor. Views point into `bytes`. SK_CORRUPT kills the link.
struct msg_edge {
    enum room from, to;
    enum link_state state;
};
enum sk_code msg_take(struct view bytes, struct msg_edge edge, bool descriptor, struct msg *out);
