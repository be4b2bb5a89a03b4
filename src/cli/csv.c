#include "cli/csv.h"

#include <string.h>

struct csv csv_over(struct buf *text) {
    struct csv csv = {.text = text, .separator = ','};
    struct view whole = buf_view(text), line = whole;
    if (view_starts_at(whole, 0, "\xef\xbb\xbf")) csv.at = 3;
    (void)view_cut(&whole, '\n', &line);
    if (line.len && memchr(line.at, '\t', line.len)) csv.separator = '\t';
    return csv;
}

static enum sk_code refuse(const struct csv *csv, const char *cause) {
    return FAIL(SK_INPUT, "csv: row %u: %s", csv->row, cause);
}

static bool ends_line(const struct csv *csv, size_t at) {
    const struct buf *text = csv->text;
    return at >= text->len || text->at[at] == '\n' ||
           (text->at[at] == '\r' && (at + 1 >= text->len || text->at[at + 1] == '\n'));
}

// A field in quotes: what stands in it is moved over the quotes that were doubled.
static enum sk_code quoted(struct csv *csv, struct view *field) {
    char *at = csv->text->at;
    size_t from = ++csv->at, to = from;
    for (; csv->at < csv->text->len; csv->at++) {
        if (at[csv->at] == '"') {
            bool twice = csv->at + 1 < csv->text->len && at[csv->at + 1] == '"';
            if (!twice) break;
            csv->at++;
        }
        at[to++] = at[csv->at];
    }
    *field = (struct view){at + from, to - from};
    if (csv->at >= csv->text->len) return refuse(csv, "a quote is never closed");
    csv->at++;
    if (!ends_line(csv, csv->at) && at[csv->at] != csv->separator)
        return refuse(csv, "text behind a closing quote");
    return SK_OK;
}

static enum sk_code field_read(struct csv *csv) {
    if (csv->fields == CSV_FIELDS_MAX) return refuse(csv, "more than 64 fields");
    struct view *field = &csv->field[csv->fields++];
    size_t from = csv->at;
    if (csv->separator == ',' && from < csv->text->len && csv->text->at[from] == '"')
        return quoted(csv, field);
    while (!ends_line(csv, csv->at) && csv->text->at[csv->at] != csv->separator)
        csv->at++;
    *field = (struct view){csv->text->at + from, csv->at - from};
    return SK_OK;
}

enum sk_code csv_next(struct csv *csv) {
    do {
        csv->fields = 0;
        if (csv->at >= csv->text->len) return SK_OK;
        csv->row++;
        TRY(field_read(csv));
        while (!ends_line(csv, csv->at)) {
            csv->at++; // the separator
            TRY(field_read(csv));
        }
        if (csv->at < csv->text->len && csv->text->at[csv->at] == '\r') csv->at++;
        csv->at++;
    } while (csv->fields == 1 && !csv->field[0].len);
    return SK_OK;
}

int csv_column(const struct csv *csv, const char *name) {
    for (uint32_t i = 0; i < csv->fields; i++)
        if (view_is(csv->field[i], name)) return (int)i;
    return -1;
}
