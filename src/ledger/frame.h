// Frame: one record of a segment file, framed so that a torn or stale one is seen.
//
//   magic "SKLR" | version u8 = 1 | type u8 | rank u16 | payload length u32 | index u64 | nonce u64
//   | payload | CRC-32C u32 of everything before it            (little-endian)
//
// nonce is the segment's, random, so blocks of another life never fit. rank says how far the frame
// is from the first index of its batch: index - rank is the log's size when the batch began, so any
// one frame proves that all before its batch had been synced.
#pragma once
#include "ledger/ledger.h"

enum frame_type {
    FRAME_SEGMENT = 1, // first of a file; index: its first leaf; payload: number u32, root, origin
    FRAME_LEAF = 2,    // payload: the leaf
    FRAME_BATCH = 3,   // ends a batch; index: the log's size with it; payload: that size's root
};

enum {
    FRAME_HEAD = 28,
    FRAME_SIZE = FRAME_HEAD + 4, // with no payload
};

struct frame {
    enum frame_type type;
    uint16_t rank;
    uint64_t index, nonce;
    struct view payload;
};

static inline size_t frame_size(const struct frame *frame) {
    return FRAME_SIZE + frame->payload.len;
}

void frame_put(struct buf *out, const struct frame *frame);
// The frame that `bytes` begin with; false when they begin with no whole, undamaged one.
bool frame_take(struct view bytes, struct frame *out);
