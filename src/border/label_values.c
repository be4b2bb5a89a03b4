// Rows of values: INSERT INTO staff (name, tel) VALUES ('山田太郎', '090-1234-5678'), (…): the list
// before them says what each value is.
#include "border/label.h"

#include <string.h>

enum { ROW_MAX = 1024, ROWS_MAX = 4096 };

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// The bracket that opens around `at`, and the commas between that stand in no quotes. False: none.
static bool open_before(struct view text, uint32_t at, uint32_t *open, uint32_t *commas) {
    bool quoted = false;
    uint32_t end = at > ROW_MAX ? at - ROW_MAX : 0;
    if (at > 0 && text.at[at - 1] == '\'') at--; // its own
    *commas = 0;
    for (; at > end; at--) {
        char c = text.at[at - 1];
        if (c == '\'') quoted = !quoted;
        if (quoted) continue;
        if (c == ')' || c == ';') return false;
        *commas += c == ',';
        if (c == '(') return *open = at - 1, true;
    }
    return false;
}

// Where VALUES begins that stands before the row at `row`; 0: nowhere.
static uint32_t values_before(const struct labels *labels, uint32_t row) {
    for (uint32_t i = label_hits_before(labels, row); i > 0; i--) {
        const struct label_hit *hit = &labels->hits[i - 1];
        if (row - hit->at > ROWS_MAX) return 0;
        if (hit->label == LABEL_ROWS) return hit->at;
    }
    return 0;
}

// A row follows VALUES or another row; any other bracket is somebody's aside.
static bool is_row(struct view text, uint32_t at) {
    while (at > 0 && is_space(text.at[at - 1]))
        at--;
    char before = at > 0 ? text.at[at - 1] : 0;
    return before == ',' || before == 's' || before == 'S';
}

// What the name with this number says in the list of names [from, close).
static enum label list_label(const struct labels *labels, uint32_t from, uint32_t close,
                             uint32_t cell) {
    struct view text = labels->text;
    for (; cell > 0; from++)
        cell -= text.at[from] == ',';
    uint32_t to = from;
    while (to < close && text.at[to] != ',')
        to++;
    return label_within(labels, from, to);
}

enum label label_value(const struct labels *labels, uint32_t at) {
    struct view text = labels->text;
    uint32_t row, cell, list, last;
    if (!(labels->present & LABEL(ROWS)) || !at) return LABEL_NONE;
    if (!open_before(text, at, &row, &cell) || !is_row(text, row)) return LABEL_NONE;
    uint32_t close = values_before(labels, row);
    while (close > 0 && is_space(text.at[close - 1]))
        close--;
    if (!close || text.at[--close] != ')') return LABEL_NONE;
    if (!open_before(text, close, &list, &last) || cell > last) return LABEL_NONE;
    enum label said = list_label(labels, list + 1, close, cell);
    if (said != LABEL_GENERIC) return said;
    return label_beside(cell ? list_label(labels, list + 1, close, cell - 1) : LABEL_NONE);
}
