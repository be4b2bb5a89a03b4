// Wire: fixed little-endian fields between rooms and in records.
//
// Writing goes through struct buf (sticky `over`), reading through struct wire (sticky `bad`).
// Promises: a reader never passes the end; wire_end demands that every byte was consumed.
// A text is u32 length, then its bytes.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

struct wire {
    const uint8_t *at, *end;
    bool bad;
};

static inline struct wire wire_over(struct view bytes) {
    const uint8_t *at = (const uint8_t *)bytes.at;
    return (struct wire){.at = at, .end = at ? at + bytes.len : at};
}

uint8_t wire_take_u8(struct wire *wire);
uint16_t wire_take_u16(struct wire *wire);
uint32_t wire_take_u32(struct wire *wire);
uint64_t wire_take_u64(struct wire *wire);
float wire_take_f32(struct wire *wire);
struct view wire_take_bytes(struct wire *wire, size_t len); // exactly len bytes
struct view wire_take_text(struct wire *wire, size_t max);  // longer than max is bad

// SK_CORRUPT when anything was missing, too long, or left over.
enum sk_code wire_end(const struct wire *wire, const char *what);

void wire_put_u8(struct buf *buf, uint8_t value);
void wire_put_u16(struct buf *buf, uint16_t value);
void wire_put_u32(struct buf *buf, uint32_t value);
void wire_put_u64(struct buf *buf, uint64_t value);
void wire_put_f32(struct buf *buf, float value);
void wire_put_text(struct buf *buf, struct view text);
// A text written in place: what is put between the two.
size_t wire_text_begin(struct buf *buf);
void wire_text_end(struct buf *buf, size_t at);
