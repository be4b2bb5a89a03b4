// Buf: bytes being written, born with their ceiling. Overflow is sticky.
//
// Promises: writes past the ceiling write nothing and set `over`; one buf_check at the end tells.
// So a writer is a straight line of puts. Refuses: growing, silent truncation.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"

struct buf {
    char *at;
    size_t len, max;
    size_t top; // the most there ever was, or may have been
    bool over;
    bool mapped; // opened here: buf_close unmaps
};

// Over the caller's storage.
static inline struct buf buf_over(void *storage, size_t max) {
    return (struct buf){.at = storage, .max = max};
}

// Over reserved address space (pages are touched as written).
enum sk_code buf_open(struct buf *buf, size_t max);
void buf_close(struct buf *buf);
// Empties it for another use: nothing of what was written is left in memory.
void buf_wipe(struct buf *buf);

static inline void buf_reset(struct buf *buf) {
    buf->len = 0;
    buf->over = false;
}

static inline struct view buf_view(const struct buf *buf) {
    return (struct view){buf->at, buf->len};
}

void buf_put(struct buf *buf, const void *bytes, size_t len);
void buf_put_view(struct buf *buf, struct view view);
void buf_put_text(struct buf *buf, const char *text);
void buf_put_u64(struct buf *buf, uint64_t number); // decimal
void buf_put_i64(struct buf *buf, int64_t number);  // decimal
void buf_print(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void buf_grow(struct buf *buf, size_t len) {
    buf->len += len;
    if (buf->len > buf->top) buf->top = buf->len;
}

// Room for `len` bytes to be written directly, counted at once; NULL (and over) when it is not
// there.
static inline char *buf_room(struct buf *buf, size_t len) {
    if (buf->over || len > buf->max - buf->len) {
        buf->over = true;
        return NULL;
    }
    char *room = buf->at + buf->len;
    buf_grow(buf, len);
    return room;
}

static inline void buf_put_char(struct buf *buf, char c) {
    char *room = buf_room(buf, 1);
    if (room) *room = c;
}

// SK_LIMIT naming `what` when anything did not fit.
enum sk_code buf_check(const struct buf *buf, const char *what);
