// Bytes as a datagram on every edge, in both states: what is taken is put back byte for byte.
#include "node/msg.h"
#include "taken.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_edge(struct view bytes, struct msg_edge edge, bool descriptor) {
    struct msg msg;
    if (msg_take(bytes, edge, descriptor, &msg) != SK_OK) return;
    fuzz_take();
    static char storage[MSG_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    if (msg_put(&msg, &out) != SK_OK || !view_same(buf_view(&out), bytes)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct view bytes = {(const char *)data, size};
    for (int from = 0; from < ROOM_COUNT; from++)
        for (int to = 0; to < ROOM_COUNT; to++)
            for (int how = 0; how < 4; how++)
                try_edge(bytes,
                         (struct msg_edge){(enum room)from, (enum room)to,
                                           how & 1 ? LINK_LIVE : LINK_SETUP},
                         (how & 2) != 0);
    return 0;
}
