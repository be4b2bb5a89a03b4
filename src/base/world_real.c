#include "base/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int real_directory(void *self) { return (int)(intptr_t)self; }

static enum sk_code real_fail(const char *what) {
    int error = errno;
    enum sk_code code = SK_IO;
    if (error == ENOSPC || error == EDQUOT) code = SK_LIMIT;
    if (error == ENOENT) code = SK_UNKNOWN;
    if (error == EACCES || error == EPERM || error == EROFS) code = SK_DENIED;
    return FAIL(code, "%s: %s", what, strerror(error));
}

static int64_t real_time_us(clockid_t clock) {
    struct timespec now;
    must(clock_gettime(clock, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t real_clock_ms(void *self) {
    (void)self;
    return real_time_us(CLOCK_REALTIME) / 1000;
}

static int64_t real_monotonic_us(void *self) {
    (void)self;
    return real_time_us(CLOCK_MONOTONIC);
}

static enum sk_code real_random(void *self, void *out, size_t len) {
    (void)self;
    for (char *at = out; len > 0;) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return real_fail("getrandom");
        at += n;
        len -= (size_t)n;
    }
    return SK_OK;
}

static enum sk_code real_open(void *self, const char *name, int flags, int *file) {
    int mode = flags & WORLD_READ ? O_RDONLY : O_RDWR;
    if (flags & WORLD_CREATE) mode |= O_CREAT;
    if (flags & WORLD_EXCLUSIVE) mode |= O_EXCL;
    *file = openat(real_directory(self), name, mode | O_CLOEXEC | O_NOFOLLOW, 0600);
    return *file < 0 ? real_fail(name) : SK_OK;
}

static enum sk_code real_size(void *self, int file, uint64_t *size) {
    (void)self;
    struct stat info;
    if (fstat(file, &info) != 0) return real_fail("stat");
    *size = (uint64_t)info.st_size;
    return SK_OK;
}

static enum sk_code real_read(void *self, int file, uint64_t offset, void *out, size_t len,
                              size_t *got) {
    (void)self;
    for (*got = 0; *got < len;) {
        ssize_t n = pread(file, (char *)out + *got, len - *got, (off_t)(offset + *got));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return real_fail("read");
        if (n == 0) break;
        *got += (size_t)n;
    }
    return SK_OK;
}

static enum sk_code real_write(void *self, int file, uint64_t offset, const void *bytes,
                               size_t len) {
    (void)self;
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(file, (const char *)bytes + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return real_fail("write");
        done += (size_t)n;
    }
    return SK_OK;
}

static enum sk_code real_writeback(void *self, int file, uint64_t offset, uint64_t len) {
    (void)self;
    int done = sync_file_range(file, (off_t)offset, (off_t)len, SYNC_FILE_RANGE_WRITE);
    return done == 0 || errno == ENOSYS ? SK_OK : real_fail("sync_file_range");
}

static enum sk_code real_truncate(void *self, int file, uint64_t size) {
    (void)self;
    return ftruncate(file, (off_t)size) == 0 ? SK_OK : real_fail("truncate");
}

static enum sk_code real_sync(void *self, int file) {
    (void)self;
    return fdatasync(file) == 0 ? SK_OK : FAIL(SK_IO, "fdatasync: %s", strerror(errno));
}

static enum sk_code real_sync_directory(void *self) {
    return fsync(real_directory(self)) == 0 ? SK_OK : FAIL(SK_IO, "fsync: %s", strerror(errno));
}

static enum sk_code real_rename(void *self, const char *from, const char *to) {
    int directory = real_directory(self);
    return renameat(directory, from, directory, to) == 0 ? SK_OK : real_fail("rename");
}

static enum sk_code real_remove(void *self, const char *name) {
    return unlinkat(real_directory(self), name, 0) == 0 ? SK_OK : real_fail(name);
}

static enum sk_code real_protect(void *self, const char *name) {
    int file = openat(real_directory(self), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    enum sk_code code = file >= 0 && fchmod(file, 0400) == 0 ? SK_OK : real_fail(name);
    if (file >= 0) close(file);
    return code;
}

static void real_close(void *self, int file) {
    (void)self;
    close(file);
}

struct world world_real(int directory) {
    return (struct world){
        .self = (void *)(intptr_t)directory,
        .clock_ms = real_clock_ms,
        .monotonic_us = real_monotonic_us,
        .random = real_random,
        .open = real_open,
        .size = real_size,
        .read = real_read,
        .write = real_write,
        .writeback = real_writeback,
        .truncate = real_truncate,
        .sync = real_sync,
        .sync_directory = real_sync_directory,
        .rename = real_rename,
        .remove = real_remove,
        .protect = real_protect,
        .close = real_close,
    };
}
