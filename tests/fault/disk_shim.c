// Disk calls that go wrong, by LD_PRELOAD under a real room, the parent or a command. DISK_PLAN is
// "CALL KIND NTH once|ever [NAME]": the NTH call of CALL (pwrite, fdatasync, fsync, renameat; tmpfile:
// open with O_TMPFILE; `any`: of these, write, ftruncate, rename, link, unlink and unlinkat) goes
// wrong, that once or from then on. NAME: only calls on files, opened by openat, whose names begin
// so; fsync when the last that was opened, renamed or removed did.
//
//   EIO, ENOSPC, EINTR, EPERM, EACCES, EOPNOTSUPP   nothing is done
//   short                a write takes half of the bytes
//   torn                 so, and what comes after it finds the disk full
//   kill                 the process ends before it, without a word
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum kind { KIND_NONE, KIND_EIO, KIND_ENOSPC, KIND_EINTR, KIND_EPERM, KIND_EACCES,
            KIND_EOPNOTSUPP, KIND_SHORT, KIND_TORN, KIND_KILL };
static const char *const kinds[] = {"none", "EIO", "ENOSPC", "EINTR", "EPERM", "EACCES",
                                    "EOPNOTSUPP", "short", "torn", "kill"};

enum { FILES = 1024 };
static struct {
    char call[16], name[16];
    enum kind kind;
    long left;
    bool ever, full;
    bool meant[FILES], last; // by descriptor; the last name
} plan;

static ssize_t (*real_pwrite)(int fd, const void *bytes, size_t len, off_t offset);
static int (*real_fdatasync)(int fd);
static int (*real_fsync)(int fd);
static int (*real_renameat)(int from_fd, const char *from, int to_fd, const char *to);
static ssize_t (*real_write)(int fd, const void *bytes, size_t len);
static int (*real_ftruncate)(int fd, off_t size);
static int (*real_rename)(const char *from, const char *to);
static int (*real_link)(const char *from, const char *to);
static int (*real_unlink)(const char *path);
static int (*real_unlinkat)(int fd, const char *path, int flags);
static int (*real_openat)(int fd, const char *path, int flags, ...);
static int (*real_open)(const char *path, int flags, ...);

// What is found by dlsym is an object pointer in ISO C.
static void find(void *call, const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    memcpy(call, &found, sizeof found);
}

__attribute__((constructor)) static void shim_begin(void) {
    char kind[16], often[8];
    const char *text = getenv("DISK_PLAN");
    find(&real_pwrite, "pwrite");
    find(&real_fdatasync, "fdatasync");
    find(&real_fsync, "fsync");
    find(&real_renameat, "renameat");
    find(&real_write, "write");
    find(&real_ftruncate, "ftruncate");
    find(&real_rename, "rename");
    find(&real_link, "link");
    find(&real_unlink, "unlink");
    find(&real_unlinkat, "unlinkat");
    find(&real_openat, "openat");
    find(&real_open, "open");
    if (!text || sscanf(text, "%15s %15s %ld %7s %15s", plan.call, kind, &plan.left, often,
                        plan.name) < 4)
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i]) == 0) plan.kind = (enum kind)i;
    plan.ever = strcmp(often, "ever") == 0;
}

static enum kind now(const char *call) {
    bool meant = strcmp(call, plan.call) == 0 || strcmp(plan.call, "any") == 0;
    if (!meant || (plan.left <= 0 && !plan.ever)) return KIND_NONE;
    if (plan.left > 1) {
        plan.left--;
        return KIND_NONE;
    }
    plan.left = 0;
    if (plan.kind == KIND_KILL) raise(SIGKILL);
    return plan.kind;
}

static enum kind now_named(const char *call, const char *path) {
    plan.last = strncmp(path, plan.name, strlen(plan.name)) == 0;
    return plan.last ? now(call) : KIND_NONE;
}

static enum kind now_open(const char *call, int fd) {
    bool meant = !plan.name[0] || (fd >= 0 && fd < FILES && plan.meant[fd]);
    return meant ? now(call) : KIND_NONE;
}

static bool fails(enum kind kind) {
    static const int errors[] = {[KIND_EIO] = EIO, [KIND_ENOSPC] = ENOSPC, [KIND_EINTR] = EINTR,
                                 [KIND_EPERM] = EPERM, [KIND_EACCES] = EACCES,
                                 [KIND_EOPNOTSUPP] = EOPNOTSUPP};
    if (kind == KIND_NONE || kind > KIND_EOPNOTSUPP) return false;
    errno = errors[kind];
    return true;
}

int openat(int fd, const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    int opened = real_openat(fd, path, flags, mode);
    plan.last = strncmp(path, plan.name, strlen(plan.name)) == 0;
    if (opened >= 0 && opened < FILES) plan.meant[opened] = plan.last;
    return opened;
}

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
    mode_t mode = flags & O_CREAT || nameless ? va_arg(list, mode_t) : 0;
    va_end(list);
    return nameless && fails(now("tmpfile")) ? -1 : real_open(path, flags, mode);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset) {
    if (plan.full) {
        errno = ENOSPC;
        return -1;
    }
    enum kind kind = now_open("pwrite", fd);
    if (fails(kind)) return -1;
    if (kind == KIND_TORN) plan.full = true;
    if (kind >= KIND_SHORT && len > 1) len /= 2;
    return real_pwrite(fd, bytes, len, offset);
}

int fdatasync(int fd) { return fails(now_open("fdatasync", fd)) ? -1 : real_fdatasync(fd); }

int fsync(int fd) {
    bool meant = !plan.name[0] || plan.last;
    return meant && fails(now("fsync")) ? -1 : real_fsync(fd);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    return fails(now_named("renameat", from)) ? -1 : real_renameat(from_fd, from, to_fd, to);
}

// Of `any` alone.
ssize_t write(int fd, const void *bytes, size_t len) {
    return fails(now_open("write", fd)) ? -1 : real_write(fd, bytes, len);
}

int ftruncate(int fd, off_t size) {
    return fails(now_open("ftruncate", fd)) ? -1 : real_ftruncate(fd, size);
}

int rename(const char *from, const char *to) {
    return fails(now("rename")) ? -1 : real_rename(from, to);
}

int link(const char *from, const char *to) { return fails(now("link")) ? -1 : real_link(from, to); }

int unlink(const char *path) { return fails(now("unlink")) ? -1 : real_unlink(path); }

int unlinkat(int fd, const char *path, int flags) {
    return fails(now_named("unlinkat", path)) ? -1 : real_unlinkat(fd, path, flags);
}
