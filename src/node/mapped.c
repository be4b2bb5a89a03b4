#include "node/mapped.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum sk_code mapped_open(int descriptor, uint64_t len, struct view *out) {
    void *at = mmap(NULL, len, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (at == MAP_FAILED)
        return FAIL(SK_LIMIT, "%llu bytes cannot be mapped: %s", (unsigned long long)len,
                    strerror(errno));
    (void)madvise(at, len, MADV_SEQUENTIAL); // twice as fast from a disk
    *out = (struct view){at, len};
    return SK_OK;
}

void mapped_close(struct view *mapped) {
    if (mapped->len) munmap((void *)(uintptr_t)mapped->at, mapped->len);
    *mapped = (struct view){0};
}

void mapped_release(struct view bytes) {
    // The pages at both ends are of the same mapping, and come back when they are read.
    uintptr_t at = (uintptr_t)bytes.at, before = at % (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)madvise((void *)(at - before), bytes.len + before, MADV_DONTNEED);
}
