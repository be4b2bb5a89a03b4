#include "ledger/leaves.h"

#include <stdio.h>
#include <stdlib.h>

#include "ledger/store.h"

enum { WINDOW = 1 << 20 };

struct leaves {
    struct world world;
    char origin[LEDGER_ORIGIN_MAX + 1];
    uint64_t next, size;
    int file; // of this segment; -1: none is open
    uint32_t segment;
    struct segment_head head;
    uint64_t limit;    // the first leaf of the next segment, at most `size`
    struct buf window; // bytes of the file,
    uint64_t offset;   // up to here,
    size_t at;         // of which these were looked at
    size_t frame;      // bytes of the last frame
};

static enum sk_code segment_enter(struct leaves *leaves, uint32_t number) {
    struct world *world = &leaves->world;
    struct view origin = view_of(leaves->origin);
    struct segment_head next;
    char name[16];
    if (leaves->file >= 0) world->close(world->self, leaves->file);
    leaves->file = -1;
    leaves->segment = number;
    TRY(segment_head_read(world, origin, number, &leaves->head));
    enum sk_code code = segment_head_read(world, origin, number + 1, &next);
    if (code != SK_OK && code != SK_UNKNOWN) return code;
    bool last = code == SK_UNKNOWN || next.first > leaves->size;
    leaves->limit = last ? leaves->size : next.first;
    leaves->offset = leaves->head.size;
    leaves->at = 0;
    buf_reset(&leaves->window);
    segment_name(number, name);
    return world->open(world->self, name, WORLD_READ, &leaves->file);
}

// Reads on; false at the end of the file.
static enum sk_code window_read(struct leaves *leaves, bool *more) {
    struct buf *window = &leaves->window;
    struct world *world = &leaves->world;
    size_t len = 0;
    memmove(window->at, window->at + leaves->at, window->len - leaves->at);
    window->len -= leaves->at;
    leaves->at = 0;
    size_t room = window->max - window->len;
    TRY(world->read(world->self, leaves->file, leaves->offset, window->at + window->len, room,
                    &len));
    buf_grow(window, len);
    leaves->offset += len;
    *more = len > 0;
    return SK_OK;
}

static enum sk_code frame_next(struct leaves *leaves, struct frame *frame) {
    bool more = true;
    while (!frame_take(view_from(buf_view(&leaves->window), leaves->at), frame)) {
        // A whole frame has room here: what is none with more in view is damaged.
        if (leaves->window.len - leaves->at < FRAME_SIZE + LEDGER_LEAF_MAX)
            TRY(window_read(leaves, &more));
        else more = false;
        if (!more)
            return FAIL(SK_CORRUPT, "log.%06u: damaged at byte %llu, at leaf %llu",
                        leaves->segment,
                        (unsigned long long)(leaves->offset - (leaves->window.len - leaves->at)),
                        (unsigned long long)leaves->next);
    }
    leaves->frame = frame_size(frame);
    leaves->at += leaves->frame;
    return SK_OK;
}

enum sk_code leaves_next(struct leaves *leaves, struct view *out) {
    struct frame frame;
    if (leaves->next == leaves->size) return FAIL(SK_UNKNOWN, "no more leaves");
    while (leaves->next >= leaves->limit) TRY(segment_enter(leaves, leaves->segment + 1));
    do {
        TRY(frame_next(leaves, &frame));
        if (frame.nonce != leaves->head.nonce || frame.index > leaves->next)
            return FAIL(SK_CORRUPT, "log.%06u: leaf %llu is not in its place", leaves->segment,
                        (unsigned long long)leaves->next);
    } while (frame.type != FRAME_LEAF || frame.index < leaves->next);
    leaves->next++;
    *out = frame.payload;
    return SK_OK;
}

void leaves_place(const struct leaves *leaves, uint32_t *segment, uint64_t *offset) {
    *segment = leaves->segment;
    *offset = leaves->offset - (leaves->window.len - leaves->at) - leaves->frame;
}

// The last segment that begins at or before leaf `first`.
static enum sk_code segment_find(struct leaves *leaves, uint64_t first) {
    uint32_t number = 0;
    for (;; number++) {
        struct segment_head head;
        enum sk_code code =
            segment_head_read(&leaves->world, view_of(leaves->origin), number, &head);
        if (code == SK_UNKNOWN && number > 0) break;
        TRY(code);
        if (head.first > first) break;
    }
    return number > 0 ? segment_enter(leaves, number - 1)
                      : FAIL(SK_CORRUPT, "log.000000: it does not begin at leaf 0");
}

enum sk_code leaves_open(struct leaves **leaves, struct world world, const char *origin,
                         uint64_t first, uint64_t size) {
    *leaves = NULL;
    must(first <= size);
    struct leaves *made = calloc(1, sizeof *made);
    if (!made) return FAIL(SK_LIMIT, "leaves: no memory");
    made->world = world;
    made->file = -1;
    made->next = first;
    made->size = size;
    snprintf(made->origin, sizeof made->origin, "%s", origin);
    enum sk_code code = buf_open(&made->window, WINDOW);
    if (code == SK_OK && first < size) code = segment_find(made, first);
    if (code != SK_OK) leaves_close(made);
    else *leaves = made;
    return code;
}

void leaves_close(struct leaves *leaves) {
    if (!leaves) return;
    if (leaves->file >= 0) leaves->world.close(leaves->world.self, leaves->file);
    buf_close(&leaves->window);
    free(leaves);
}
