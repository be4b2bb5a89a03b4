#include "border/columns.h"

#include "base/utf8.h"

enum { GAP = 2 };

// Unicode 15, East_Asian_Width W and F, in ranges that round to blocks; and marks without width.
static const struct {
    uint32_t from, to;
    unsigned width;
} ranges[] = {
    {0x0300, 0x036f, 0},   {0x1100, 0x115f, 2},   {0x200b, 0x200f, 0},   {0x2e80, 0x303e, 2},
    {0x3041, 0x3098, 2},   {0x3099, 0x309a, 0},   {0x309b, 0xa4cf, 2},   {0xac00, 0xd7a3, 2},
    {0xf900, 0xfaff, 2},   {0xfe00, 0xfe0f, 0},   {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2},
    {0xffe0, 0xffe6, 2},   {0x1f300, 0x1f64f, 2}, {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2},
    {0xe0100, 0xe01ef, 0},
};

unsigned columns_width(const char *text) {
    unsigned width = 0;
    for (struct view rest = view_of(text); rest.len;) {
        uint32_t c;
        size_t n = utf8_take(rest, &c);
        unsigned one = 1;
        for (size_t i = 0; n && i < sizeof ranges / sizeof *ranges; i++)
            if (c >= ranges[i].from && c <= ranges[i].to) one = ranges[i].width;
        width += one;
        rest = view_from(rest, n ? n : 1);
    }
    return width;
}

void columns_cell(struct columns *columns, const char *text) {
    must(columns->column < COLUMNS_MAX);
    unsigned width = columns_width(text), *widest = &columns->width[columns->column++];
    if (!columns->out) {
        if (width > *widest) *widest = width;
        return;
    }
    if (width) {
        while (columns->owed) {
            buf_put_char(columns->out, ' ');
            columns->owed--;
        }
    }
    buf_put_text(columns->out, text);
    columns->owed += *widest - width + GAP;
}

void columns_end(struct columns *columns) {
    if (columns->out) buf_put_char(columns->out, '\n');
    columns->column = columns->owed = 0;
}
