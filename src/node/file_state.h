// The state of a file: who read its bytes knows by it whether they are still the same.
//
// Every write changes the ctime, and nothing but the clock or the disk itself can set it back.
// What does not show: a second write within FILE_TICK_MS, the finest that file systems tell times
// apart; a write through a mapping until the kernel notices the page.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_TICK_MS = 20 };

struct file_state {
    uint64_t device, inode, size, mtime_ns, ctime_ns;
};

static inline struct file_state file_state_of(const struct stat *info) {
    const uint64_t second = 1000000000;
    return (struct file_state){
        .device = (uint64_t)info->st_dev,
        .inode = (uint64_t)info->st_ino,
        .size = (uint64_t)info->st_size,
        .mtime_ns = (uint64_t)info->st_mtim.tv_sec * second + (uint64_t)info->st_mtim.tv_nsec,
        .ctime_ns = (uint64_t)info->st_ctim.tv_sec * second + (uint64_t)info->st_ctim.tv_nsec};
}

static inline bool file_state_same(const struct file_state *a, const struct file_state *b) {
    return memcmp(a, b, sizeof *a) == 0;
}
