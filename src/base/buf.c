#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum sk_code buf_open(struct buf *buf, size_t max) {
    void *at = mmap(NULL, max, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    if (at == MAP_FAILED) return FAIL(SK_LIMIT, "buffer: cannot reserve %zu bytes", max);
    *buf = (struct buf){.at = at, .max = max, .mapped = true};
    return SK_OK;
}

void buf_close(struct buf *buf) {
    if (buf->mapped) munmap(buf->at, buf->max);
    *buf = (struct buf){0};
}

void buf_wipe(struct buf *buf) {
    explicit_bzero(buf->at, buf->top);
    buf->len = buf->top = 0;
    buf->over = false;
}

void buf_put(struct buf *buf, const void *bytes, size_t len) {
    if (len == 0) return; // also where there is no storage at all
    char *room = buf_room(buf, len);
    if (room) memcpy(room, bytes, len);
}

void buf_put_view(struct buf *buf, struct view view) { buf_put(buf, view.at, view.len); }

void buf_put_text(struct buf *buf, const char *text) { buf_put(buf, text, strlen(text)); }

void buf_put_u64(struct buf *buf, uint64_t number) {
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    buf_put(buf, digits + n, sizeof digits - n);
}

void buf_put_i64(struct buf *buf, int64_t number) {
    if (number < 0) buf_put_char(buf, '-');
    buf_put_u64(buf, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void buf_print(struct buf *buf, const char *format, ...) {
    if (buf->over) return;
    size_t left = buf->max - buf->len;
    va_list list;
    va_start(list, format);
    int n = vsnprintf(buf->at + buf->len, left, format, list);
    va_end(list);
    // vsnprintf needs one byte more than the text for its NUL.
    if (n < 0 || (size_t)n >= left) {
        buf->over = true;
        buf->top = buf->max; // it wrote what had room
        return;
    }
    buf_grow(buf, (size_t)n);
}

enum sk_code buf_check(const struct buf *buf, const char *what) {
    return buf->over ? FAIL(SK_LIMIT, "%s: more than %zu bytes", what, buf->max) : SK_OK;
}
