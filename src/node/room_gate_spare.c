// A request's buffers, used again by later ones. The last given back is taken first: it is still in
// the processor's caches.
#include "node/room_gate.h"

enum sk_code spare_take(struct gate *gate, enum spare kind, struct buf *out) {
    static const size_t max[SPARE_KINDS] = {
        [SPARE_BODY] = BODY_LEN_MAX,
        [SPARE_OUT] = OUT_MAX,
        [SPARE_RECEIPTS] = (size_t)GATE_TASKS_MAX * RECEIPT_LEN_MAX,
        [SPARE_PARTS] = TEXT_LEN_MAX,
    };
    struct spares *spares = &gate->spares[kind];
    if (spares->len == 0) return buf_open(out, max[kind]);
    *out = spares->bufs[--spares->len];
    return SK_OK;
}

void spare_give(struct gate *gate, enum spare kind, struct buf *buf) {
    struct spares *spares = &gate->spares[kind];
    if (buf->at && spares->len < SPARES_MAX && buf->top <= SPARE_LEN_MAX) {
        buf_wipe(buf);
        spares->bufs[spares->len++] = *buf;
        *buf = (struct buf){0};
    }
    buf_close(buf);
}
