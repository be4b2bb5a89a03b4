// Columns: a table of texts that lines up on a terminal, East Asian wide characters as two.
//
// The same code says the table twice: once to be measured, once to be written.
#pragma once
#include <stdbool.h>

#include "base/buf.h"

enum { COLUMNS_MAX = 8 };

struct columns {
    struct buf *out; // NULL: measured
    unsigned width[COLUMNS_MAX];
    unsigned column, owed; // owed: blanks before the next cell, none at the end of a line
};
void columns_cell(struct columns *columns, const char *text);
void columns_end(struct columns *columns); // of a row

// Cells of a terminal that a text takes.
unsigned columns_width(const char *text);

#define COLUMNS_SAY(out_, call)                                                                    \
    do {                                                                                           \
        struct columns table = {0}, *columns = &table;                                             \
        call;                                                                                      \
        table.out = (out_);                                                                        \
        call;                                                                                      \
    } while (0)
