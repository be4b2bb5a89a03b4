#include "node/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static enum sk_code sealed_write(int descriptor, struct view part) {
    while (part.len > 0) {
        ssize_t n = write(descriptor, part.at, part.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return FAIL(SK_LIMIT, "sealed file: %s", strerror(errno));
        part = view_from(part, (size_t)n);
    }
    return SK_OK;
}

enum sk_code sealed_make(const struct view *parts, size_t count, int *descriptor) {
    int fd = memfd_create("sekisho", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return FAIL(SK_LIMIT, "memfd: %s", strerror(errno));
    enum sk_code code = SK_OK;
    for (size_t i = 0; i < count && code == SK_OK; i++) code = sealed_write(fd, parts[i]);
    if (code == SK_OK && fcntl(fd, F_ADD_SEALS, SEALS) != 0)
        code = FAIL(SK_IO, "sealing: %s", strerror(errno));
    if (code != SK_OK) {
        close(fd);
        fd = -1;
    }
    *descriptor = fd;
    return code;
}

enum sk_code sealed_map(int descriptor, size_t len, struct view *out) {
    *out = (struct view){"", 0};
    struct stat info;
    int seals = fcntl(descriptor, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS) return FAIL(SK_CORRUPT, "body: not sealed");
    if (fstat(descriptor, &info) != 0 || (uint64_t)info.st_size != len)
        return FAIL(SK_CORRUPT, "body: size is not the %zu announced", len);
    if (len == 0) return SK_OK;
    void *at = mmap(NULL, len, PROT_READ, MAP_SHARED, descriptor, 0);
    if (at == MAP_FAILED) return FAIL(SK_LIMIT, "body: map: %s", strerror(errno));
    *out = (struct view){at, len};
    return SK_OK;
}

enum sk_code sealed_map_any(int descriptor, size_t len_max, struct view *out) {
    struct stat info;
    if (fstat(descriptor, &info) != 0 || info.st_size <= 0 || (uint64_t)info.st_size > len_max)
        return FAIL(SK_CORRUPT, "body: empty, or over %zu bytes", len_max);
    return sealed_map(descriptor, (size_t)info.st_size, out);
}

void sealed_unmap(struct view *view) {
    if (view->len) munmap((void *)(uintptr_t)view->at, view->len);
    *view = (struct view){"", 0};
}
