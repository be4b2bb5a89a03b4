// Bytes as a job: what is read is written back byte for byte.
#include "node/job.h"
#include "taken.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    static struct buf out;
    if (!arena.base && (arena_open(&arena, "job", 1 << 20) || buf_open(&out, JOB_MAX))) abort();
    arena_reset(&arena);
    buf_reset(&out);
    struct view bytes = {(const char *)data, size};
    struct gate_task task;
    if (job_read(bytes, &arena, &task) != SK_OK) return 0;
    fuzz_take();
    if (job_write(&task, &out) != SK_OK || !view_same(buf_view(&out), bytes)) abort();
    return 0;
}
