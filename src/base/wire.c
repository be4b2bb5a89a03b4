#include "base/wire.h"

#include <string.h>

static const uint8_t *wire_step(struct wire *wire, size_t len) {
    if (wire->bad || len > (size_t)(wire->end - wire->at)) {
        wire->bad = true;
        return NULL;
    }
    const uint8_t *at = wire->at;
    wire->at += len;
    return at;
}

static uint64_t wire_take(struct wire *wire, size_t len) {
    const uint8_t *at = wire_step(wire, len);
    uint64_t value = 0;
    for (size_t i = len; at && i > 0; i--) value = value << 8 | at[i - 1];
    return value;
}

uint8_t wire_take_u8(struct wire *wire) { return (uint8_t)wire_take(wire, 1); }
uint16_t wire_take_u16(struct wire *wire) { return (uint16_t)wire_take(wire, 2); }
uint32_t wire_take_u32(struct wire *wire) { return (uint32_t)wire_take(wire, 4); }
uint64_t wire_take_u64(struct wire *wire) { return wire_take(wire, 8); }

float wire_take_f32(struct wire *wire) {
    uint32_t bits = wire_take_u32(wire);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

struct view wire_take_bytes(struct wire *wire, size_t len) {
    const uint8_t *at = wire_step(wire, len);
    return at ? (struct view){(const char *)at, len} : (struct view){"", 0};
}

struct view wire_take_text(struct wire *wire, size_t max) {
    uint32_t len = wire_take_u32(wire);
    if (len > max) wire->bad = true;
    return wire->bad ? (struct view){"", 0} : wire_take_bytes(wire, len);
}

enum sk_code wire_end(const struct wire *wire, const char *what) {
    if (wire->bad) return FAIL(SK_CORRUPT, "%s: too short, or a text over its limit", what);
    if (wire->at != wire->end) return FAIL(SK_CORRUPT, "%s: bytes left over", what);
    return SK_OK;
}

static void wire_put(struct buf *buf, uint64_t value, size_t len) {
    char *at = buf_room(buf, len);
    for (size_t i = 0; at && i < len; i++) at[i] = (char)(uint8_t)(value >> (8 * i));
}

void wire_put_u8(struct buf *buf, uint8_t value) { wire_put(buf, value, 1); }
void wire_put_u16(struct buf *buf, uint16_t value) { wire_put(buf, value, 2); }
void wire_put_u32(struct buf *buf, uint32_t value) { wire_put(buf, value, 4); }
void wire_put_u64(struct buf *buf, uint64_t value) { wire_put(buf, value, 8); }

void wire_put_f32(struct buf *buf, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    wire_put_u32(buf, bits);
}

void wire_put_text(struct buf *buf, struct view text) {
    must(text.len <= UINT32_MAX);
    wire_put_u32(buf, (uint32_t)text.len);
    buf_put_view(buf, text);
}

size_t wire_text_begin(struct buf *buf) {
    size_t at = buf->len;
    wire_put_u32(buf, 0);
    return at;
}

void wire_text_end(struct buf *buf, size_t at) {
    if (buf->over) return;
    size_t len = buf->len - at - 4;
    must(len <= UINT32_MAX);
    struct buf place = buf_over(buf->at + at, 4);
    wire_put_u32(&place, (uint32_t)len);
}
