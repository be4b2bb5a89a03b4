// Csv: rows of fields, parted by commas (RFC 4180) or by tabs.
//
// With commas a field may stand in quotes, "" in it is one; with tabs nothing is quoted. Promises:
// fields are changed in place and live as long as the text. Refuses, naming the row: bytes between
// a closing quote and the comma, a quote that is never closed, rows of over CSV_FIELDS_MAX fields.
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

enum { CSV_FIELDS_MAX = 64 };

struct csv {
    struct buf *text; // the whole file; a byte-order mark at its beginning is left out
    size_t at;
    char separator;
    uint32_t row; // that was read last, from 1
    struct view field[CSV_FIELDS_MAX];
    uint32_t fields;
};

// A tab in the first line: parted by tabs.
struct csv csv_over(struct buf *text);
// The next row that is not empty; fields 0: the end.
enum sk_code csv_next(struct csv *csv);
// The column of this name in the row that was read last (the head), or -1.
int csv_column(const struct csv *csv, const char *name);
