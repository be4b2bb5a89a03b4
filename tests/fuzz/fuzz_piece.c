// Bytes as parts and log-probabilities: what passes is written back byte for byte, and what is
// committed to can be read in one way only.
#include "node/choice.h"
#include "node/piece.h"
#include "taken.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parts_check(struct view bytes) {
    static char again[PIECE_PARTS_MAX], value[8 * PIECE_PARTS_MAX];
    struct buf out = buf_over(again, sizeof again), choice = buf_over(value, sizeof value);
    enum engine_channel last = ENGINE_CONTENT, channel = ENGINE_CONTENT;
    struct view left = bytes;
    struct engine_part part;
    if (piece_parts_check(bytes, &last) != SK_OK) return;
    fuzz_take();
    while (piece_part_take(&left, &part)) {
        piece_part_put(part, &out);
        choice_put(&channel, part, &choice);
    }
    if (channel != last || choice.over || !view_same(buf_view(&out), bytes)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct view bytes = {(const char *)data, size};
    if (size > PIECE_PARTS_MAX) return 0;
    parts_check(bytes);
    if (piece_logprobs_check(bytes) != SK_OK && piece_logprobs_check(view_from(bytes, size)) != SK_OK)
        abort(); // none is fine
    return 0;
}
