// Values below their name in the head of a table: | user | password |, user,password.
#include "border/lines.h"
#include "border/secret.h"

enum { CELL_MAX = 40, LINE_MAX = 1024, ROWS_MAX = 200 };

static uint32_t marks_in(struct view text, size_t from, size_t to, char mark) {
    uint32_t marks = 0;
    if (to - from > LINE_MAX) return 0;
    for (; from < to; from++)
        marks += text.at[from] == mark;
    return marks;
}

// A name at the end of a cell of the first line of a table, or with a note: password (new).
bool secret_column_of(struct view text, size_t at, struct secret_column *out) {
    size_t line = line_start(text, at), end = line_end(text, at), from = at, to = at;
    *out = (struct secret_column){.text = text};
    for (const char *mark = "|\t,"; *mark && !out->marks; mark++)
        out->marks = marks_in(text, line, end, out->mark = *mark);
    if (!out->marks || end == text.len) return false;
    size_t above = line ? line_start(text, line - 1) : 0;
    if (line && marks_in(text, above, line - 1, out->mark) == out->marks) return false;
    while (from > line && text.at[from - 1] != out->mark)
        from--;
    while (to < end && text.at[to] != out->mark)
        to++;
    for (size_t i = from; i < to; i++) // nothing is assigned or said there
        if (strchr(":=0123456789", text.at[i])) return false;
    while (at < to && strchr(" \"'`\r", text.at[at]))
        at++;
    if (at < to && text.at[at] != '(') return false;
    out->cell = marks_in(text, line, from, out->mark);
    out->at = end + 1;
    out->rows = ROWS_MAX;
    return to - from <= CELL_MAX;
}

bool secret_column_next(struct secret_column *column, struct view *value) {
    struct view text = column->text;
    size_t from = column->at, end = line_end(text, from);
    if (column->rows == 0 || marks_in(text, from, end, column->mark) != column->marks) return false;
    column->rows--;
    column->at = end < text.len ? end + 1 : end;
    for (uint32_t cell = column->cell; cell > 0; from++)
        cell -= text.at[from] == column->mark;
    size_t to = from;
    while (to < end && text.at[to] != column->mark)
        to++;
    while (from < to && strchr(" \"'`", text.at[from]))
        from++;
    while (to > from && strchr(" \"'`\r", text.at[to - 1]))
        to--;
    *value = (struct view){text.at + from, to - from};
    return true;
}
