// Retention: what the archive keeps, by the classes that the log states of a text and the days that
// it is kept for.
//
// Holds nothing of a text. Promises: only reads, also while a node writes there. What is due is
// erased elsewhere, in one way (order_expire).
#pragma once
#include "ledger/archive.h"
#include "ledger/note.h"

enum { RETENTION_ROWS_MAX = 256, RETENTION_CLASSES_MAX = 512 };

struct retention_row {
    char classes[RETENTION_CLASSES_MAX]; // with commas between; "": of none; "…" ends a cut one
    uint32_t days;
    uint64_t records, bytes, due;
    int64_t next_s; // when the next one is due that is not yet; INT64_MAX: none
};
struct retention {
    struct retention_row rows[RETENTION_ROWS_MAX];
    size_t len;
};

// Of the first `size` leaves of the log `origin`; due is what expires until now_s. The last of
// RETENTION_ROWS_MAX rows is "(others)", of 0 days: every kind that has no row of its own.
enum sk_code retention_read(struct world world, const char *origin, uint64_t size,
                            const struct archive *archive, int64_t now_s, struct retention *out);
