#include "node/msg.h"

#include "base/wire.h"

enum { ANY = ROOM_COUNT, WORKER, NO = 0, FD = 1, SETUP = LINK_SETUP, LIVE = LINK_LIVE };
#define PARENT ROOM_PARENT
#define GATE ROOM_GATE
#define BORDER ROOM_BORDER
#define ENGINE ROOM_ENGINE
#define LEDGER ROOM_LEDGER
#define FERRY ROOM_FERRY
#define DIAL ROOM_DIAL

// One writer and one reader per row. Texts over their maximum make the buffer `over`.
static void put_text(struct buf *out, struct view text, size_t max) {
    if (text.len > max) out->over = true;
    if (!out->over) wire_put_text(out, text);
}

static void take_hash(struct wire *in, uint8_t out[HASH_LEN]) {
    struct view bytes = wire_take_bytes(in, HASH_LEN);
    if (bytes.len == HASH_LEN) memcpy(out, bytes.at, HASH_LEN);
}

#define MESSAGE(name, number, from, to, when, descriptor, doc)                                     \
    static void put_##name(const struct msg *msg, struct buf *out) {                               \
        const struct msg_##name *fields = &msg->as.name;                                           \
        (void)fields;
#define U8(field) wire_put_u8(out, fields->field);
#define U16(field) wire_put_u16(out, fields->field);
#define U32(field) wire_put_u32(out, fields->field);
#define U64(field) wire_put_u64(out, fields->field);
#define TEXT(field, max) put_text(out, fields->field, max);
#define HASH(field) buf_put(out, fields->field, HASH_LEN);
#define END                                                                                        \
    (void)out;                                                                                     \
    }
#include "node/msg.def"
#include "node/msg_undef.h"

#define MESSAGE(name, number, from, to, when, descriptor, doc)                                     \
    static void take_##name(struct wire *in, struct msg *msg) {                                    \
        struct msg_##name *fields = &msg->as.name;                                                 \
        (void)fields;
#define U8(field) fields->field = wire_take_u8(in);
#define U16(field) fields->field = wire_take_u16(in);
#define U32(field) fields->field = wire_take_u32(in);
#define U64(field) fields->field = wire_take_u64(in);
#define TEXT(field, max) fields->field = wire_take_text(in, max);
#define HASH(field) take_hash(in, fields->field);
#define END                                                                                        \
    (void)in;                                                                                      \
    }
#include "node/msg.def"
#include "node/msg_undef.h"

struct row {
    const char *name;
    enum msg_type type;
    int from, to, when, descriptor;
    void (*put)(const struct msg *, struct buf *);
    void (*take)(struct wire *, struct msg *);
};

static const struct row rows[] = {
#define MESSAGE(name, number, from, to, when, descriptor, doc)                                     \
    {#name, MSG_##name, from, to, when, descriptor, put_##name, take_##name},
#include "node/msg_rows.h"
};

static const struct row *row_find(unsigned type) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((unsigned)rows[i].type == type) return &rows[i];
    return NULL;
}

const char *room_name(enum room room) {
    static const char *const names[] = {"parent", "gate",  "border", "engine",
                                        "ledger", "ferry", "dial"};
    return room < ROOM_COUNT ? names[room] : "?";
}

const char *msg_name(enum msg_type type) {
    const struct row *row = row_find(type);
    return row ? row->name : "?";
}

bool msg_has_descriptor(enum msg_type type) {
    const struct row *row = row_find(type);
    return row && row->descriptor == FD;
}

enum sk_code msg_put(const struct msg *msg, struct buf *out) {
    const struct row *row = row_find(msg->type);
    must(row != NULL);
    size_t start = out->len;
    wire_put_u16(out, (uint16_t)msg->type);
    wire_put_u16(out, 0);
    wire_put_u32(out, 0); // the length, when known
    wire_put_u64(out, msg->id);
    row->put(msg, out);
    if (out->over || out->len - start > MSG_MAX)
        return FAIL(SK_LIMIT, "message %s: a text or the whole is over its limit", row->name);
    struct buf length = buf_over(out->at + start + 4, 4);
    wire_put_u32(&length, (uint32_t)(out->len - start - MSG_HEAD));
    return SK_OK;
}

static bool end_fits(int end, enum room room) {
    if (end == ANY) return room != ROOM_PARENT;
    if (end == WORKER) return room == ROOM_ENGINE || room == ROOM_FERRY;
    return end == (int)room;
}

static bool edge_fits(const struct row *row, struct msg_edge edge) {
    return end_fits(row->from, edge.from) && end_fits(row->to, edge.to) &&
           (row->when & (int)edge.state);
}

enum sk_code msg_take(struct view bytes, struct msg_edge edge, bool descriptor, struct msg *out) {
    struct wire in = wire_over(bytes);
    unsigned type = wire_take_u16(&in);
    unsigned zero = wire_take_u16(&in);
    size_t len = wire_take_u32(&in);
    uint64_t id = wire_take_u64(&in);
    if (in.bad || bytes.len > MSG_MAX || zero != 0 || len != bytes.len - MSG_HEAD)
        return FAIL(SK_CORRUPT, "message of %zu bytes: bad head", bytes.len);
    const struct row *row = row_find(type);
    if (!row) return FAIL(SK_CORRUPT, "message type %u: unknown", type);
    if (!edge_fits(row, edge))
        return FAIL(SK_CORRUPT, "message %s: not legal from %s to %s now", row->name,
                    room_name(edge.from), room_name(edge.to));
    if (descriptor != (row->descriptor == FD))
        return FAIL(SK_CORRUPT, "message %s: descriptor %s", row->name,
                    descriptor ? "unexpected" : "missing");
    *out = (struct msg){.type = row->type, .id = id, .descriptor = -1};
    row->take(&in, out);
    return wire_end(&in, row->name);
}
