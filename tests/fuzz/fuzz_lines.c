// Any file: its lines, or an error that names the byte; together they are the file where it is plain.
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    int file = memfd_create("text", MFD_CLOEXEC);
    must(file >= 0 && write(file, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct lines lines;
    struct view line;
    size_t all = 0;
    enum sk_code code = lines_open(&lines, path);
    bool plain = !lines.zstd;
    while (code == SK_OK && (code = lines_next(&lines, &line)) == SK_OK && line.len) {
        if (plain) must(memcmp(data + all, line.at, line.len) == 0);
        must(!memchr(line.at, '\n', line.len - 1));
        all += line.len;
    }
    if (plain && code == SK_OK) must(all == size);
    lines_close(&lines);
    close(file);
    return 0;
}
