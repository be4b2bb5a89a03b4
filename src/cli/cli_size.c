#include "cli/cli_size.h"

#include <stdio.h>

#include "base/text.h"

static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
enum { UNITS = sizeof units / sizeof *units };

void cli_size_write(int64_t bytes, char out[CLI_SIZE_MAX]) {
    double size = (double)bytes;
    size_t unit = 0;
    for (; unit + 1 < UNITS && (size >= 1000 || size <= -1000); unit++) size /= 1024;
    bool small = size < 10 && size > -10;
    snprintf(out, CLI_SIZE_MAX, "%.*f %s", unit > 0 && small ? 1 : 0, size, units[unit]);
}

bool cli_size_take(const char *text, uint64_t *bytes) {
    struct view digits = view_of(text);
    size_t unit = 0;
    for (size_t i = 1; i < UNITS && unit == 0; i++) {
        bool ends = digits.len > 3 && view_is(view_from(digits, digits.len - 3), units[i]);
        if (ends) unit = i;
    }
    if (unit > 0) digits.len -= 3;
    if (!decimal_take(digits, bytes) || *bytes > (uint64_t)INT64_MAX >> 10 * unit) return false;
    *bytes <<= 10 * unit;
    return true;
}
