#include "ledger/frame.h"

#include "base/crc32c.h"
#include "base/wire.h"

enum { FRAME_VERSION = 1 };

static const char frame_magic[4] = {'S', 'K', 'L', 'R'};

void frame_put(struct buf *out, const struct frame *frame) {
    size_t from = out->len;
    buf_put(out, frame_magic, sizeof frame_magic);
    wire_put_u8(out, FRAME_VERSION);
    wire_put_u8(out, (uint8_t)frame->type);
    wire_put_u16(out, frame->rank);
    wire_put_u32(out, (uint32_t)frame->payload.len);
    wire_put_u64(out, frame->index);
    wire_put_u64(out, frame->nonce);
    buf_put_view(out, frame->payload);
    if (!out->over) wire_put_u32(out, crc32c(0, out->at + from, out->len - from));
}

bool frame_take(struct view bytes, struct frame *out) {
    if (bytes.len < FRAME_SIZE || memcmp(bytes.at, frame_magic, sizeof frame_magic) != 0)
        return false;
    struct wire wire = wire_over(view_from(bytes, sizeof frame_magic));
    uint8_t version = wire_take_u8(&wire), type = wire_take_u8(&wire);
    out->type = type;
    out->rank = wire_take_u16(&wire);
    uint32_t len = wire_take_u32(&wire);
    out->index = wire_take_u64(&wire);
    out->nonce = wire_take_u64(&wire);
    if (version != FRAME_VERSION || type < FRAME_SEGMENT || type > FRAME_BATCH ||
        len > LEDGER_LEAF_MAX || out->rank > out->index)
        return false;
    out->payload = wire_take_bytes(&wire, len);
    uint32_t crc = wire_take_u32(&wire);
    return !wire.bad && crc == crc32c(0, bytes.at, FRAME_HEAD + len);
}
