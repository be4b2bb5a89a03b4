#include "node/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };
// Up to here bytes are copied: that costs a fifth of mapping, touching and unmapping a page.
enum { COPIED_MAX = 64 << 10, PARTS_MAX = 8 };

// All that is left of `parts`, from the first that is not written yet.
static enum sk_code sealed_write(int descriptor, struct iovec *parts, size_t count) {
    for (size_t i = 0; i < count;) {
        ssize_t n = writev(descriptor, parts + i, (int)(count - i));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return FAIL(SK_LIMIT, "sealed file: %s", strerror(errno));
        for (; i < count && (size_t)n >= parts[i].iov_len; i++)
            n -= (ssize_t)parts[i].iov_len;
        if (i == count) break;
        parts[i].iov_base = (char *)parts[i].iov_base + n;
        parts[i].iov_len -= (size_t)n;
    }
    return SK_OK;
}

enum sk_code sealed_make(const struct view *parts, size_t count, int *descriptor) {
    struct iovec all[PARTS_MAX];
    must(count <= PARTS_MAX);
    for (size_t i = 0; i < count; i++)
        all[i] = (struct iovec){(void *)(uintptr_t)parts[i].at, parts[i].len};
    int fd = memfd_create("sekisho", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return FAIL(SK_LIMIT, "memfd: %s", strerror(errno));
    enum sk_code code = sealed_write(fd, all, count);
    if (code == SK_OK && fcntl(fd, F_ADD_SEALS, SEALS) != 0)
        code = FAIL(SK_IO, "sealing: %s", strerror(errno));
    if (code != SK_OK) {
        close(fd);
        fd = -1;
    }
    *descriptor = fd;
    return code;
}

static enum sk_code sealed_copy(int descriptor, size_t len, struct view *out) {
    char *copy = malloc(len);
    if (!copy) return FAIL(SK_LIMIT, "body: no memory for %zu bytes", len);
    for (size_t at = 0; at < len;) {
        ssize_t n = pread(descriptor, copy + at, len - at, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            free(copy);
            return FAIL(SK_IO, "body: read: %s", n < 0 ? strerror(errno) : "it ends early");
        }
        at += (size_t)n;
    }
    *out = (struct view){copy, len};
    return SK_OK;
}

// Of a file of a length from `len_min` to `len_max`.
static enum sk_code sealed_view(int descriptor, size_t len_min, size_t len_max, struct view *out) {
    *out = (struct view){"", 0};
    struct stat info;
    int seals = fcntl(descriptor, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS) return FAIL(SK_CORRUPT, "body: not sealed");
    if (fstat(descriptor, &info) != 0 || (uint64_t)info.st_size < len_min ||
        (uint64_t)info.st_size > len_max)
        return FAIL(SK_CORRUPT, "body: not of %zu to %zu bytes", len_min, len_max);
    size_t len = (size_t)info.st_size;
    if (len == 0) return SK_OK;
    if (len <= COPIED_MAX) return sealed_copy(descriptor, len, out);
    void *at = mmap(NULL, len, PROT_READ, MAP_SHARED, descriptor, 0);
    if (at == MAP_FAILED) return FAIL(SK_LIMIT, "body: map: %s", strerror(errno));
    *out = (struct view){at, len};
    return SK_OK;
}

enum sk_code sealed_map(int descriptor, size_t len, struct view *out) {
    return sealed_view(descriptor, len, len, out);
}

enum sk_code sealed_map_any(int descriptor, size_t len_max, struct view *out) {
    return sealed_view(descriptor, 1, len_max, out);
}

void sealed_unmap(struct view *view) {
    void *at = (void *)(uintptr_t)view->at;
    if (view->len > COPIED_MAX) {
        munmap(at, view->len);
    } else if (view->len) {
        explicit_bzero(at, view->len); // a copy of somebody's text
        free(at);
    }
    *view = (struct view){"", 0};
}
