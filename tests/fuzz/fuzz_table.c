// Bytes as a detector file: refused or taken, never read past; what passes is written back the
// same.
#include "border/scan.h"
#include "border/table.h"
#include "taken.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char again[FILE_MAX + 64];
    struct view file = {(const char *)data, size};
    struct table table;
    if (size > FILE_MAX) return 0;
    if (table_read(file, &table) == SK_OK) {
        fuzz_take();
        struct buf out = buf_over(again, sizeof again);
        if (table_write(&table, &out) != SK_OK || !view_same(buf_view(&out), file)) abort();
    }
    // Payloads behind a head that is right: the digest would keep the fuzzer from them.
    struct detectors *detectors = NULL;
    if (detectors_open(&detectors) != SK_OK) abort();
    if (size > 0) {
        struct buf out = buf_over(again, sizeof again);
        table = (struct table){(enum table_kind)(1 + data[0] % (TABLE_KINDS - 1)), VIEW("{}"),
                               view_from(file, 1)};
        if (table_write(&table, &out) == SK_OK) (void)detectors_add(detectors, buf_view(&out));
    }
    detectors_close(detectors);
    return 0;
}
