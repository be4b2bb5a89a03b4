// Days: dates of the calendar as numbers, 0 is 1970-01-01 (proleptic Gregorian, no time zone).
//
// Refuses: anything but YYYY-MM-DD of a day there is.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/view.h"

enum { DAY_MS = 86400000 };

bool day_take(struct view text, int64_t *day);
void day_put(struct buf *out, int64_t day); // "2026-11-22"; years 0 to 9999
// Of a clock's milliseconds since 1970-01-01 UTC.
static inline int64_t day_of_ms(int64_t ms) {
    return ms / DAY_MS - (ms % DAY_MS < 0);
}
