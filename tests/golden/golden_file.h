// A reference file, mapped for the rest of the test.
#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/view.h"

static inline struct view read_file(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (file < 0 || fstat(file, &about) != 0) fail_msg("cannot open %s", path);
    void *at = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    assert_true(at != MAP_FAILED);
    close(file);
    return (struct view){at, (size_t)about.st_size};
}
