// Bytes as a configuration file: read or refused with a text, and what is read can be written.
#include "node/conf.h"
#include "taken.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <stdio.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct conf conf;
    static char path[64], storage[1 << 20];
    static int file = -1;
    if (file < 0) {
        file = memfd_create("conf", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size) abort();
    if (conf_read(path, &conf) != SK_OK) {
        if (!fail_text()[0]) abort();
        return 0;
    }
    fuzz_take();
    struct buf out = buf_over(storage, sizeof storage);
    conf_write(&conf, true, &out);
    if (out.over) abort();
    return 0;
}
