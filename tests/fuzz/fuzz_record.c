// Any bytes as a training record: refused with a text, or read and written again as the same bytes.
#include <stdint.h>

#include "taken.h"
#include "train/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct train_record record;
    static char storage[RECORD_MAX + 1];
    struct arena arena;
    struct view text = {(const char *)data, size};
    struct buf out = buf_over(storage, sizeof storage);
    must(arena_open(&arena, "record", 1 << 21) == SK_OK);
    if (record_read(text, &arena, &record) == SK_OK) {
        fuzz_take();
        must(record_write(&record, &out) == SK_OK && view_same(buf_view(&out), text));
    } else {
        must(*fail_text());
    }
    arena_close(&arena);
    return 0;
}
