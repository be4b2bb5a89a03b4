// Any bytes: refused, or rows whose fields lie in the text, in order, and end.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size + 1);
    must(copy);
    if (size) memcpy(copy, data, size);
    struct buf text = {.at = copy, .len = size, .max = size};
    struct csv csv = csv_over(&text);
    size_t before = csv.at;
    for (;;) {
        enum sk_code code = csv_next(&csv);
        must(code == SK_OK || code == SK_INPUT);
        if (code != SK_OK || !csv.fields) break;
        must(csv.fields <= CSV_FIELDS_MAX && csv.at > before);
        before = csv.at;
        for (uint32_t i = 0; i < csv.fields; i++)
            must(csv.field[i].at >= copy && csv.field[i].at + csv.field[i].len <= copy + size);
        (void)csv_column(&csv, "a");
    }
    free(copy);
    return 0;
}
