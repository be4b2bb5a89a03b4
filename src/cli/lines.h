// Lines: a file of text, plain or compressed with zstd (its first bytes tell), line by line.
//
// Promises: memory is LINES_LEN_MAX and zstd's window, whatever the file; every line is UTF-8.
// Refuses, naming file and byte: bad UTF-8, lines over LINES_LEN_MAX, frames that are damaged, cut
// short or want a window over 128 MB (zstd's own limit).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

enum { LINES_LEN_MAX = 1 << 24 };

struct lines_zstd;

struct lines {
    const char *path; // the caller's
    int file;
    bool ended;              // nothing more comes from the file
    struct lines_zstd *zstd; // NULL: plain
    struct buf text;         // what is being read
    size_t at, sought;       // the next line begins at; no line break is before
    uint64_t offset;         // of text.at[0] in the text
};

// "-" is standard input. SK_IO: it cannot be read.
enum sk_code lines_open(struct lines *lines, const char *path);
void lines_close(struct lines *lines); // fine on a zeroed one, and after lines_open failed

// The next line with its line break, if it has one; valid until the next call. Empty: the end.
enum sk_code lines_next(struct lines *lines, struct view *line);
